"""The clients' chats against the real application: cut connections, ages, drains, replicas."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from enhanced_prompt import AsyncClient, Client
from enhanced_prompt_service.domain.identity import Caller
from tests.integration.agents import HeldAgent
from tests.integration.conftest import Start
from tests.integration.test_client_reattaches import OPTIONS, SAID, WORDS, Cutting


async def chat_async(address: str, questions: int) -> list[tuple[list[int], str]]:
    async with (
        AsyncClient(address, options=OPTIONS) as client,
        client.chat(detail="reasoning") as chat,
    ):
        turns = [chat.send(WORDS) for _ in range(questions)]
        return [([one.sequence async for one in turn], turn.text_so_far) for turn in turns]


def chat_sync(address: str, questions: int) -> list[tuple[list[int], str]]:
    with Client(address, options=OPTIONS) as client, client.chat(detail="reasoning") as chat:
        turns = [chat.send(WORDS) for _ in range(questions)]
        return [([one.sequence for one in turn], turn.text_so_far) for turn in turns]


async def read(kind: str, address: str, questions: int = 2) -> list[tuple[list[int], str]]:
    if kind == "async":
        return await chat_async(address, questions)
    return await asyncio.to_thread(chat_sync, address, questions)


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_wherever_the_connection_breaks_each_turn_is_read_whole_and_once(
    start: Start, kind: str
) -> None:
    agent = HeldAgent()
    async with start(agent) as app:
        cuts = 0
        positions = range(60, 1800, 120)
        for position in positions:
            agent.allow(10)
            proxy = Cutting(app.address, [position, position + 40, position + 80])
            async with proxy.serving() as address:
                found = await read(kind, address)
            for sequences, text in found:
                assert sequences == list(range(1, len(sequences) + 1))
                assert text == SAID
            cuts += proxy.cuts
        assert cuts >= len(positions)
        assert agent.runs == 2 * len(positions)  # each question was one turn, and one attempt


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_streams_that_reach_their_age_are_followed_by_others_unseen(
    start: Start, kind: str
) -> None:
    agent = HeldAgent()
    async with start(agent, stream_age_s=0.05, stream_leave_s=0.05) as app:

        async def slowly() -> None:
            for _ in range(20):
                await asyncio.sleep(0.02)  # longer than a stream lives, all in all
                agent.allow(1)

        allowing = asyncio.create_task(slowly())
        found = await read(kind, app.address, 4)
        await allowing
    assert [text for _, text in found] == [SAID] * 4
    for sequences, _ in found:
        assert sequences == list(range(1, len(sequences) + 1))
    assert agent.runs == 4


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_a_turn_that_its_server_gave_up_is_answered_by_the_next_one_on_the_same_chat(
    start: Start, kind: str, unused_tcp_port: int
) -> None:
    agent = HeldAgent()
    settings: dict[str, Any] = {"port": unused_tcp_port, "port_search": 0, "drain_s": 0}
    reading = asyncio.create_task(read(kind, f"127.0.0.1:{unused_tcp_port}"))
    async with start(agent, **settings) as app:
        agent.allow(1)
        while app.turns.log_bytes < 500:  # noqa: ASYNC110 - until it has begun
            await asyncio.sleep(0.01)
    async with start(agent, **settings) as app:
        agent.allow(10)
        found = await reading
        assert await app.turns.running_in(Caller(), "") == ""
    assert [text for _, text in found] == [SAID, SAID]
    assert agent.runs in (2, 3)


async def test_a_chat_leaves_a_draining_process_for_its_neighbour_at_the_same_address(
    start: Start, tmp_path: Path
) -> None:
    """One address, two processes: new connections go to the one that stays."""
    first, second = HeldAgent(), HeldAgent()
    async with start(second, home=tmp_path / "two") as stays:
        address = Moving()
        async with (
            start(first, home=tmp_path / "one", drain_s=0.2) as goes,
            address.serving() as target,
            AsyncClient(target, options=OPTIONS) as client,
            client.chat(detail="reasoning") as chat,
        ):
            address.to = goes.address
            turn = chat.send(WORDS)
            frames = aiter(turn)
            await anext(frames)
            address.to = stays.address
            first.allow(5)
            second.allow(10)
            await goes.server.drain()
            kinds = [frame.kind async for frame in frames]
            assert kinds[-1] == "completed"
            assert turn.text_so_far == SAID  # it could end where it ran
            later = chat.send(WORDS)
            assert (await later.result()).response == SAID
            assert (await client.answer(WORDS)).response == SAID
        assert (first.runs, second.runs) == (1, 2)


class Moving(Cutting):
    """A TCP proxy whose connections go where `to` says when they are made."""

    def __init__(self) -> None:
        super().__init__(":0", [])

    @property
    def to(self) -> str:
        """host:port."""
        return f"{self._host}:{self._port}"

    @to.setter
    def to(self, address: str) -> None:
        self._host, _, self._port = address.rpartition(":")
