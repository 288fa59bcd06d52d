"""Readers that are cut off at random places, and go on at random times on any replica."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from enhanced_prompt.v1 import prompt_service_pb2 as pb
from enhanced_prompt.v1 import turns_pb2
from tests.support.agents import said

from .checker import Broken, Reading, check, check_log, kind_of
from .drivers import Driver, Frames, Refused

DETAILS = (turns_pb2.DETAIL_ANSWER, turns_pb2.DETAIL_REASONING)
MOST_FRAMES = 25  # of a piece
LEAST_CUTS = 500  # of a way to a turn
MOST_CUTS = 12  # of one reader
AT_ONCE = 16
MODELS = ("instant", "paced", "paced", "flaky")
PAUSES_S = (0.0, 0.0, 0.001, 0.01, 0.1)  # before a reader goes on; or it waits for the turn's end


@dataclass(frozen=True, slots=True)
class Plan:
    """One turn with two readers, everything random drawn from `seed`."""

    seed: int
    query: str
    cuts: int  # of each reader, at most


async def many_cuts(
    driver: Driver, seed: int, least: int = LEAST_CUTS, models: Sequence[str] = MODELS
) -> None:
    """Turns of these models, several at once, until readers were cut often enough."""
    draw = random.Random(seed)
    left = least

    async def keep_asking(model: str) -> None:
        nonlocal left
        run = replay_anew if model == "flaky" else replay
        while left > 0:
            number = draw.randrange(2**32)
            cuts = await run(driver, Plan(number, f"{model} 1 {number}", MOST_CUTS))
            left -= cuts  # after the await: others count as well

    async with asyncio.TaskGroup() as tasks:
        for number in range(AT_ONCE):
            tasks.create_task(keep_asking(models[number % len(models)]))
    assert left <= 0


async def replay(driver: Driver, plan: Plan) -> int:
    """Run a turn with two readers that are cut, check what they saw; how often they were cut."""
    try:
        return await _replay(driver, plan)
    except Exception as error:
        error.add_note(f"to see it again: {plan}")
        raise


async def _replay(driver: Driver, plan: Plan) -> int:
    draw = random.Random(plan.seed)
    conversation = f"c-{plan.seed}"
    request = pb.AskRequest(
        query=plan.query,
        conversation_id=conversation,
        request_id=f"r-{plan.seed}",
        detail=draw.choice(DETAILS),
    )
    asking = Reading(request.detail)
    watching = Reading(draw.choice(DETAILS))
    ended = asyncio.Event()
    first = driver.ask(request)
    begun = await anext(first)
    asking.take(begun)
    turn_id = asking.frames[0].turn_id
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_until_closed(driver, turn_id, ended))
        for reading, opened in ((asking, first), (watching, None)):
            follower = _Follower(driver, turn_id, reading, random.Random(draw.random()), ended)
            tasks.create_task(follower.read(opened, plan.cuts))
    log = await whole_log(driver, turn_id)
    check_log(log)
    for reading in (asking, watching):
        check(reading, {1: log})
    answer = log[-1].completed.response.response
    if answer != said(plan.query):
        raise Broken(f"the answer is {answer!r}")
    if await driver.stored(conversation) != [(turn_id, answer)]:
        raise Broken("the stored answer is another one")
    return asking.cuts + watching.cuts


async def replay_anew(driver: Driver, plan: Plan) -> int:
    """The same over two attempts: the first one fails, and the question is asked again at once,
    wherever the second reader is."""
    try:
        return await _replay_anew(driver, plan)
    except Exception as error:
        error.add_note(f"to see it again: {plan}")
        raise


async def _replay_anew(driver: Driver, plan: Plan) -> int:
    draw = random.Random(plan.seed)
    request = pb.AskRequest(
        query=plan.query, request_id=f"r-{plan.seed}", detail=turns_pb2.DETAIL_REASONING
    )
    asking = Reading(request.detail)
    watching = Reading(draw.choice(DETAILS))
    ended = asyncio.Event()
    first = driver.ask(request)
    asking.take(await anext(first))
    turn_id = asking.frames[0].turn_id
    follower = _Follower(driver, turn_id, watching, random.Random(draw.random()), ended, attempts=2)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(follower.read(None, plan.cuts))
        await _take(first, asking, None)
        log = list(asking.frames)
        check_log(log)
        if not asking.failed:
            raise Broken("the first attempt did not fail")
        await _take(driver.ask(request), asking, None)
        ended.set()
    newest = await whole_log(driver, turn_id)
    check_log(newest)
    for reading in (asking, watching):
        check(reading, {1: log, 2: newest})
    return watching.cuts


async def whole_log(driver: Driver, turn_id: str) -> list[turns_pb2.TurnFrame]:
    """All frames of an ended turn's newest attempt."""
    reading = Reading(turns_pb2.DETAIL_REASONING)
    stream = driver.watch(pb.WatchTurnRequest(turn_id=turn_id, detail=reading.detail))
    await _take(stream, reading, None)
    return reading.frames


async def _until_closed(driver: Driver, turn_id: str, ended: asyncio.Event) -> None:
    """Says when the turn has ended. It sees closing frames only, and so seals no text."""
    request = pb.WatchTurnRequest(turn_id=turn_id, frame_kinds=[turns_pb2.FRAME_KIND_COMPLETED])
    reading = Reading(turns_pb2.DETAIL_ANSWER)
    await _take(driver.watch(request), reading, None)
    if [kind_of(one) for one in reading.frames] != ["completed"]:
        raise Broken(f"a reader of closing frames saw {reading.frames}")
    ended.set()


async def _take(stream: Frames, reading: Reading, most: int | None) -> None:
    """Read up to so many frames, None for all there are, and leave."""
    async with aclosing(stream):
        if most == 0:
            return
        count = 0
        try:
            async for raw in stream:
                if reading.take(raw) is not None:
                    count += 1
                if count == most:
                    return
        except Refused:
            if not reading.failed:  # after `failed` the stream ends with the same status
                raise


class _Follower:
    """One reader that goes on after each cut, until it has the last attempt's closing frame."""

    def __init__(
        self,
        driver: Driver,
        turn_id: str,
        reading: Reading,
        draw: random.Random,
        ended: asyncio.Event,
        attempts: int = 1,
    ) -> None:
        self._driver = driver
        self._turn_id = turn_id
        self._reading = reading
        self._draw = draw
        self._ended = ended
        self._attempts = attempts

    async def read(self, opened: Frames | None, cuts: int) -> None:
        draw, reading = self._draw, self._reading
        for _ in range(draw.randint(1, cuts)):
            await _take(opened or self._again(), reading, draw.randint(0, MOST_FRAMES))
            opened = None
            if reading.ended:
                break
            reading.cuts += 1
            if draw.random() < 0.1:
                await self._ended.wait()
            else:
                await asyncio.sleep(draw.choice(PAUSES_S))
        while not (reading.ended and reading.attempt == self._attempts):
            if reading.ended:
                await self._ended.wait()
            await _take(self._again(), reading, None)

    def _again(self) -> Frames:
        reading = self._reading
        attempt = reading.attempt
        if self._attempts == 1:
            attempt = self._draw.choice((0, 1))  # 0 is the newest
        return self._driver.watch(
            pb.WatchTurnRequest(
                turn_id=self._turn_id,
                attempt=attempt,
                after_sequence=reading.last_sequence,
                detail=reading.detail,
            )
        )


__all__ = ["MODELS", "Plan", "many_cuts", "replay", "replay_anew", "whole_log"]
