"""The real clients and the real application, with a connection that is cut at every place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from enhanced_prompt import AsyncClient, Client, ClientOptions, Retry
from tests.integration.agents import HeldAgent
from tests.integration.conftest import Start

PATIENT = Retry(attempts=400, first=0.01, longest=0.05)
OPTIONS = ClientOptions(retry=PATIENT, reattach=PATIENT)
WORDS = "one two three four five"
SAID = WORDS + " "


class Cutting:
    """A TCP proxy that ends each of its first connections after so many bytes of answers."""

    def __init__(self, target: str, budgets: list[int]) -> None:
        self._host, _, self._port = target.rpartition(":")
        self._budgets = budgets
        self.cuts = 0
        self.address = ""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream = await asyncio.open_connection(self._host, int(self._port))
        budget = self._budgets.pop(0) if self._budgets else None

        async def there() -> None:
            while data := await reader.read(4096):
                upstream.write(data)
                await upstream.drain()

        async def back(left: int | None) -> None:
            while data := await upstream_reader.read(4096):
                if left is not None and len(data) >= left:
                    writer.write(data[:left])
                    self.cuts += 1
                    return
                left = None if left is None else left - len(data)
                writer.write(data)
                await writer.drain()

        both = [asyncio.ensure_future(there()), asyncio.ensure_future(back(budget))]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            writer.close()
            upstream.close()

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield self.address


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_wherever_the_connection_breaks_the_turn_is_read_whole_and_once(
    start: Start, kind: str
) -> None:
    agent = HeldAgent()
    async with start(agent) as app:
        cuts = 0
        for position in range(60, 1200, 60):
            agent.allow(5)
            proxy = Cutting(app.address, [position, position + 40, position + 80])
            async with proxy.serving() as address:
                if kind == "async":
                    sequences, text = await read_async(address)
                else:
                    sequences, text = await asyncio.to_thread(read_sync, address)
            assert sequences == list(range(1, len(sequences) + 1))
            assert text == SAID
            cuts += proxy.cuts
        assert cuts >= 20
        assert agent.runs == 19  # each question was one turn, and one attempt


async def read_async(address: str) -> tuple[list[int], str]:
    async with AsyncClient(address, options=OPTIONS) as client:
        turn = client.ask(WORDS, detail="reasoning")
        return [frame.sequence async for frame in turn], turn.text_so_far


def read_sync(address: str) -> tuple[list[int], str]:
    with Client(address, options=OPTIONS) as client:
        turn = client.ask(WORDS, detail="reasoning")
        return [frame.sequence for frame in turn], turn.text_so_far


async def test_a_turn_that_its_server_gave_up_while_stopping_is_answered_by_the_next_one(
    start: Start, unused_tcp_port: int
) -> None:
    agent = HeldAgent()
    async with AsyncClient(f"127.0.0.1:{unused_tcp_port}", options=OPTIONS) as client:
        turn = client.ask(WORDS, request_id="r")
        async with start(agent, port=unused_tcp_port, port_search=0, drain_s=0):
            agent.allow(1)
            frames = aiter(turn)
            seen = [await anext(frames), await anext(frames)]
        async with start(agent, port=unused_tcp_port, port_search=0, drain_s=0):
            agent.allow(5)
            seen += [frame async for frame in frames]
    kinds = [frame.kind for frame in seen]
    assert kinds[:4] == ["started", "text_delta", "reset", "started"]
    assert kinds[-1] == "completed"
    assert turn.text_so_far == SAID
    assert turn.response.response == SAID
    assert agent.runs == 2
