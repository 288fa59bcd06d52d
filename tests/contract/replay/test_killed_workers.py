"""A worker is killed each 5 s: every turn still ends with its whole answer, and is stored once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, cycle

import pytest

from enhanced_prompt import AsyncClient, ClientOptions, Retry
from enhanced_prompt.v1.history_service_pb2 import MESSAGE_ROLE_ASSISTANT as ASSISTANT
from tests.support.agents import said
from tests.support.require import scaled
from tests.support.workers import Worker

pytestmark = [pytest.mark.redis, pytest.mark.soak]

TURNS = scaled(200, least=24)
LEAST_KILLS = 2
KILL_EACH_S = 5.0  # the stated scenario
CONVERSATIONS = 12


WAITS = Retry(attempts=60, first=0.1, longest=2.0)
PATIENT = ClientOptions(retry=WAITS, reattach=WAITS)
"""For a client that knows one worker only: starting it again takes a while on a busy machine."""


@dataclass
class Told:
    """What all readers saw: texts of answers by conversation and turn, and how often a turn began
    anew because its worker was gone."""

    answers: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    resets: int = 0


@pytest.mark.timeout(600)
async def test_turns_end_whole_and_are_stored_once_although_their_workers_are_killed(
    pair: tuple[Worker, ...],
) -> None:
    told = Told()
    one, two = (each.address for each in pair)
    either = f"ipv4:{one},{two}"

    def questions() -> Iterator[int]:
        """So many, and more while not enough workers were killed."""
        for number in count():
            if number >= TURNS and sum(each.kills for each in pair) >= LEAST_KILLS:
                return
            yield number

    left = questions()
    done = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(kill_in_turn(pair, done))
        async with asyncio.TaskGroup() as asking:
            for number in range(CONVERSATIONS):
                target = (either, f"ipv4:{two},{one}", one, two)[number % 4]
                asking.create_task(converse(target, f"c{number}", left, told))
        done.set()
    assert told.resets, "no worker was killed while it ran a turn"
    async with AsyncClient(either) as client:
        for conversation, answers in told.answers.items():
            messages = [each async for each in client.list_messages(conversation)]
            kept = [(each.turn_id, each.content) for each in messages if each.role == ASSISTANT]
            assert kept == list(answers.items())
            assert len(messages) == 2 * len(answers)


async def kill_in_turn(pair: tuple[Worker, ...], done: asyncio.Event) -> None:
    """Each 5 s one worker after the other is killed, and started again at once."""
    for victim in cycle(pair):
        try:
            await asyncio.wait_for(done.wait(), KILL_EACH_S)
            return
        except TimeoutError:
            victim.kill()
            await victim.gone()
            await victim.start()


async def converse(target: str, conversation: str, left: Iterator[int], told: Told) -> None:
    """One turn after the other, each read to its end."""
    answers = told.answers.setdefault(conversation, {})
    draw = random.Random(conversation)
    async with AsyncClient(target, options=PATIENT) as client:
        for number in left:
            query = f"paced {draw.randint(1, 3)} {number}"
            turn = client.ask(query, conversation_id=conversation)
            async for frame in turn:
                told.resets += frame.kind == "reset"
            assert turn.text_so_far == turn.response.response == said(query)
            assert turn.turn_id not in answers
            answers[turn.turn_id] = turn.response.response
