"""A complete Ask of the embedded engine over a million events, on both databases.

History and outbox are stored as ever; the evaluation's questions come in turn.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import grpc.aio

from enhanced_prompt.v1 import prompt_service_pb2
from tests.eval.gold import read_items
from tests.support.postgres import postgres_server

from ..figures import Figure, figure, percentile
from ..load import CHANNEL, GrpcCaller, concurrent_streams, open_loop
from ..plan import Plan
from ..processes import ROOT, serving
from ..sample import coverage_requests, event_requests, site_requests
from .filling import fill

COPIES = 17  # 59,094 events each
PER_S = 20.0  # for the waiting times: far from what one core can do
CALLERS = 4
SETS = ("recorded.toml", "heldout.toml")


async def measure(plan: Plan) -> list[Figure]:
    """Waiting times and answers a second, SQLite and PostgreSQL."""
    rows = await _database(plan, "SQLite", {})
    with postgres_server(durable=True) as server:
        url = server.create("bench")
        rows += await _database(plan, "PostgreSQL", {"EPS_DATABASE_URL": url})
    return rows


async def _database(plan: Plan, name: str, env: Mapping[str, str]) -> list[Figure]:
    copies = plan.scaled(COPIES, 1)
    home = plan.work / f"questions-{name}"
    command = ["-m", "tests.bench.servers.ours", "grounded"]
    p50: list[float] = []
    p99: list[float] = []
    per_s: list[float] = []
    async with (
        serving(command, {"EPS_HOME": str(home), **env}) as server,
        grpc.aio.insecure_channel(server.address, options=CHANNEL) as channel,
    ):
        count = await fill(
            channel,
            site_requests(plan.data),
            coverage_requests(plan.data),
            event_requests(plan.data, copies),
        )
        questions = _questions()
        caller = GrpcCaller(channel, lambda number: questions[number % len(questions)])
        each = len(questions) // CALLERS
        await concurrent_streams(server, caller, streams=CALLERS, each=each, offset=0)  # warm
        for run in range(plan.runs):
            asked = await open_loop(caller, count=len(questions), per_s=PER_S, offset=run)
            waits = [(answer.ended - answer.asked) * 1e3 for answer in asked]
            p50.append(percentile(waits, 0.5))
            p99.append(percentile(waits, 0.99))
            began = time.perf_counter()
            load = await concurrent_streams(server, caller, streams=CALLERS, each=each, offset=run)
            per_s.append(len(load.answers) / (time.perf_counter() - began))
    over = f"complete Ask over {count / 1e6:.2f} M events, {name}"
    note = f"{len(questions)} evaluation questions in turn"
    return [
        figure(f"{over}, p50", "ms", p50, limit=15, note=note),
        figure(f"{over}, p99", "ms", p99, limit=60),
        figure(f"{over}, one core", "answers/s", per_s, better="more", limit=150),
    ]


def _questions() -> list[bytes]:
    """Every evaluation question over the recorded site that stands alone, serialised."""
    found: list[bytes] = []
    for name in SETS:
        for item in read_items(ROOT / "tests" / "eval" / name):
            if len(item.ask) > 1:
                continue
            request = prompt_service_pb2.AskRequest(query=item.ask[0], time_zone=item.zone)
            request.as_of.FromDatetime(item.as_of)
            found.append(request.SerializeToString())
    return found
