"""Events over gRPC into SQLite with its text index, beside raw sqlite3."""

from __future__ import annotations

import time

import grpc.aio

from enhanced_prompt.v1 import event_service_pb2_grpc

from ..figures import Figure, figure
from ..load import CHANNEL
from ..plan import Plan
from ..processes import output_of, serving
from ..sample import coverage_requests, event_requests, site_requests
from .filling import fill


async def measure(plan: Plan) -> list[Figure]:
    """Events per second, whole sample, in batches of 1,000."""
    requests = list(event_requests(plan.data))
    count = sum(len(request.events.events) for request in requests)
    ours: list[float] = []
    raw: list[float] = []
    for run in range(plan.runs):
        home = plan.work / f"ingest-{run}"
        async with (
            serving(["-m", "tests.bench.servers.ours", "node"], {"EPS_HOME": str(home)}) as server,
            grpc.aio.insecure_channel(server.address, options=CHANNEL) as channel,
        ):
            await fill(channel, site_requests(plan.data), coverage_requests(plan.data))
            stub = event_service_pb2_grpc.EventServiceStub(channel)
            began = time.perf_counter()
            said = await stub.IngestEvents(iter(requests))
            ours.append(count / (time.perf_counter() - began))
            if said.created != count:
                raise AssertionError(f"{said.created} of {count} events were stored")
        databases = (str(home / "eps.db"), str(plan.work / f"raw-{run}.db"))
        raw.append(float(await output_of(["-m", "tests.bench.raw_sqlite", *databases])))
    return [
        figure(
            "event ingest over gRPC into SQLite with text index",
            "events/s",
            ours,
            better="more",
            reference="raw sqlite3",
            reference_values=raw,
            of_reference=0.6,
            note=f"{count:,} events, 1,000 a message",
        )
    ]
