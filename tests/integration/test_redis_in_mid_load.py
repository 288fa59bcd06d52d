"""Redis stopped and started, and frozen and thawed, while tens of turns run on two replicas."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from enhanced_prompt import AsyncClient, Completed, HealthStatus
from enhanced_prompt.v1 import metrics_service_pb2 as pb
from enhanced_prompt_service.app import App
from enhanced_prompt_service.domain.answers import (
    Answer,
    Interpretation,
    QuestionType,
    ResponseType,
)
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.turns import Turn
from tests.integration.conftest import Start
from tests.integration.test_health_and_metrics import components, numbers
from tests.support.redis import RedisServer, redis_server

pytestmark = [pytest.mark.redis, pytest.mark.timeout(300)]

WORDS = [f"word{number} " for number in range(30)]
WHOLE = "".join(WORDS)
TALKS = 24
PATIENCE_S = 120.0  # an upper bound that a working service never comes near


class Paced:
    """Says its words one by one, as fast as a quick model would."""

    model = "paced"

    def __call__(self, *_: object) -> Paced:
        return self

    async def prewarm(self, caller: Caller) -> None:
        """Nothing to warm."""

    async def answer(self, turn: Turn) -> Answer:
        for word in WORDS:
            await asyncio.sleep(0.01)
            turn.writer.text(word)
        return Answer(WHOLE, ResponseType.ANSWER, 1.0, Interpretation(QuestionType.RECAP))


class Load:
    """Talks that go on until they are told to stop; every third question is read twice, the
    second time through the other replica."""

    def __init__(self, one: AsyncClient, two: AsyncClient) -> None:
        self._clients = (one, two)
        self._going = True
        self._ended = asyncio.Condition()
        self.asked: dict[str, list[str]] = {f"talk{number}": [] for number in range(TALKS)}
        self.ended = 0

    async def talk(self, number: int) -> None:
        name = f"talk{number}"
        near, far = self._clients[number % 2], self._clients[(number + 1) % 2]
        while self._going:
            step = len(self.asked[name])
            self.asked[name].append(request_id := f"{name}-{step}")
            readers = [self._read(near, name, request_id)]
            if step % 3 == 0:
                readers.append(self._read(far, name, request_id))
            await asyncio.gather(*readers)
            async with self._ended:
                self.ended += 1
                self._ended.notify_all()

    async def _read(self, client: AsyncClient, name: str, request_id: str) -> None:
        """One turn, whole: a raised error ends the test."""
        turn = client.ask(f"q {request_id}", conversation_id=name, request_id=request_id)
        frames = [frame async for frame in turn]
        assert isinstance(frames[-1], Completed), frames[-1]
        assert turn.response.response == WHOLE
        assert turn.text_so_far in (WHOLE, ""), turn.text_so_far  # "": the stored answer alone

    async def more(self, count: int) -> None:
        """Wait until so many more turns have ended."""
        wanted = self.ended + count
        async with self._ended:
            await self._ended.wait_for(lambda: self.ended >= wanted)

    def stop(self) -> None:
        self._going = False


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Look until it is so."""
    while not await condition():  # noqa: ASYNC110 - what is looked at is on the other side of TCP
        await asyncio.sleep(0.05)


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.mark.parametrize(
    ("take_away", "give_back"),
    [
        pytest.param(RedisServer.stop, RedisServer.start, id="stopped"),
        pytest.param(RedisServer.freeze, RedisServer.thaw, id="frozen"),
    ],
)
async def test_no_turn_is_lost_while_redis_is_away_and_all_is_well_when_it_is_back(
    start: Start,
    tmp_path: Path,
    redis: RedisServer,
    take_away: Callable[[RedisServer], None],
    give_back: Callable[[RedisServer], None],
) -> None:
    settings = {"redis_url": redis.url, "redis_prefix": tmp_path.name, "metrics_port": 0}
    async with AsyncExitStack() as stack:
        apps: list[App] = []
        clients: list[AsyncClient] = []
        for name in ("one", "two"):
            app = await stack.enter_async_context(
                start(Paced(), home=tmp_path / name, drain_s=5.0, **settings)
            )
            apps.append(app)
            clients.append(await stack.enter_async_context(AsyncClient(app.address)))

        async def all_are(status: int) -> bool:
            found = [await client.get_system_health() for client in clients]
            serving = [await client.health() for client in clients]
            assert serving == [HealthStatus.SERVING] * 2  # degraded is not NOT_SERVING
            return [one.status for one in found] == [status] * 2

        load = Load(*clients)
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
            for number in range(TALKS):
                tasks.create_task(load.talk(number))
            await load.more(TALKS)
            take_away(redis)
            try:
                await until(lambda: all_are(pb.HEALTH_STATUS_DEGRADED))
                for app in apps:
                    assert (await numbers(app))['eps_dependency_up{name="bus"}'] == 0
                await load.more(2 * TALKS)
                assert await all_are(pb.HEALTH_STATUS_DEGRADED)
            finally:
                give_back(redis)
            await until(lambda: all_are(pb.HEALTH_STATUS_HEALTHY))
            await load.more(2 * TALKS)
            load.stop()

        for app, client in zip(apps, clients, strict=True):
            health = await client.get_system_health()
            assert components(health)["bus"] == pb.HEALTH_STATUS_HEALTHY
            (bus,) = (one for one in health.components if one.name == "bus")
            shown = await numbers(app)
            assert shown['eps_degraded_seconds_total{name="bus"}'] > 0
            assert bus.degraded_duration.ToNanoseconds() > 0
            assert shown['eps_dependency_up{name="bus"}'] == 1
        await nothing_was_lost(load, clients[0], apps)
        await joined_again(*clients)


async def nothing_was_lost(load: Load, client: AsyncClient, apps: list[App]) -> None:
    """Each question stands once in history, with its whole answer, in the order it was asked."""
    for name, asked in load.asked.items():
        found = await client.get_conversation(name)
        said = [one.content for one in found.conversation.messages]
        assert said == [text for request_id in asked for text in (f"q {request_id}", WHOLE)]
    shown = [await numbers(app) for app in apps]
    ended = {
        state: sum(one[f'eps_turns_ended_total{{state="{state}"}}'] for one in shown)
        for state in ("completed", "failed", "cancelled")
    }
    everything = sum(len(asked) for asked in load.asked.values())
    assert ended == {"completed": everything, "failed": 0, "cancelled": 0}


async def joined_again(one: AsyncClient, two: AsyncClient) -> None:
    """A turn of one replica is read live on the other: frames, not the stored answer alone."""
    near = one.ask("last", conversation_id="last", request_id="last")
    frames = aiter(near)
    first = await anext(frames)
    far = two.ask("last", conversation_id="last", request_id="last")
    seen = [frame.sequence async for frame in far]
    assert seen == [first.sequence, *[frame.sequence async for frame in frames]]
    assert near.text_so_far == far.text_so_far == WHOLE
