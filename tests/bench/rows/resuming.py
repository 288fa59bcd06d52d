"""Readers that lose their connection at random and attach again: what is lost, what comes twice."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc.aio

from enhanced_prompt.v1 import prompt_service_pb2, prompt_service_pb2_grpc, turns_pb2

from ..figures import Figure, figure, percentile
from ..load import CHANNEL
from ..plan import Plan
from ..workers import workers

TURNS = 20
CUTS = 10  # a turn
AWAY_S = 0.03  # longest absence; a token comes each 10 ms
QUESTION = prompt_service_pb2.AskRequest(query="what happened?")
AGENT = ["model", "--pause", "0.01"]


@dataclass(slots=True)
class Seen:
    """What the readers of one run saw."""

    lost: int = 0
    doubled: int = 0
    cuts: int = 0
    waits_ms: list[float] = field(default_factory=list[float])


async def measure(plan: Plan) -> list[Figure]:
    """Each cut reader goes on at either worker, whichever ran the turn."""
    runs: list[Seen] = []
    async with workers(plan, 2, AGENT) as (_, servers):
        addresses = [server.address for server in servers]
        await _run(addresses, 2)  # warm
        runs = [await _run(addresses, plan.scaled(TURNS, 4)) for _ in range(plan.runs)]
    turns = plan.scaled(TURNS, 4)
    cuts = f"{turns * CUTS} disconnects over {turns} turns, 2 workers"
    return [
        figure(
            f"frames lost, {cuts}",
            "frames",
            [run.lost for run in runs],
            limit=0,
            note="attached again at random at the same or the other worker",
        ),
        figure(f"frames doubled, {cuts}", "frames", [run.doubled for run in runs], limit=0),
        *(
            figure(
                f"attached again to the next frame, new connection, paced model, {name}",
                "ms",
                [percentile(run.waits_ms, share) for run in runs],
                note="a token each 10 ms is a part of it" if share == 0.5 else "",
            )
            for name, share in (("p50", 0.5), ("p99", 0.99))
        ),
    ]


async def _run(addresses: Sequence[str], turns: int) -> Seen:
    seen = Seen()
    await asyncio.gather(*(_turn(addresses, seen) for _ in range(turns)))
    return seen


def _attach(stub: Any, last: turns_pb2.TurnFrame) -> Any:
    return stub.WatchTurn(
        prompt_service_pb2.WatchTurnRequest(
            turn_id=last.turn_id, attempt=last.attempt, after_sequence=last.sequence
        )
    )


async def _turn(addresses: Sequence[str], seen: Seen) -> None:
    """One turn, with a reader who is cut and one who is not."""
    cuts = sorted(random.sample(range(2, 40), CUTS))  # after so many frames of the log
    frames: list[turns_pb2.TurnFrame] = []
    for number, cut in enumerate([*cuts, None]):
        async with grpc.aio.insecure_channel(random.choice(addresses), options=CHANNEL) as channel:
            stub = prompt_service_pb2_grpc.PromptServiceStub(channel)
            began = time.perf_counter()
            fresh = bool(frames)
            call = _attach(stub, frames[-1]) if frames else stub.Ask(QUESTION)
            async for message in call:
                if not message.HasField("turn"):
                    continue
                if fresh:
                    seen.waits_ms.append((time.perf_counter() - began) * 1e3)
                    fresh = False
                frames.append(message.turn)
                if cut is not None and message.turn.sequence >= cut:
                    seen.cuts += 1
                    break
            call.cancel()
        if number < CUTS:
            await asyncio.sleep(random.uniform(0, AWAY_S))
    async with grpc.aio.insecure_channel(addresses[0], options=CHANNEL) as channel:
        watch = prompt_service_pb2.WatchTurnRequest(turn_id=frames[0].turn_id)
        whole = [
            one.turn.sequence
            async for one in prompt_service_pb2_grpc.PromptServiceStub(channel).WatchTurn(watch)
            if one.HasField("turn")
        ]
    times = Counter(one.sequence for one in frames)
    seen.lost += sum(not times[sequence] for sequence in whole)
    seen.doubled += sum(times.values()) - len(times)
