"""Two real processes on one database and one Redis: their numbers are one service's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import grpc.aio
import pytest

from enhanced_prompt import AsyncClient
from enhanced_prompt.v1 import metrics_service_pb2 as pb
from enhanced_prompt.v1 import metrics_service_pb2_grpc
from tests.support.redis import redis_server
from tests.support.workers import Worker, workers

SOON_S = 60.0


async def metrics(worker: Worker, wanted: Callable[[pb.Metrics], bool]) -> pb.Metrics:
    """What a worker streams, once it is as wanted."""
    async with grpc.aio.insecure_channel(worker.address) as channel:
        stub = metrics_service_pb2_grpc.MetricsServiceStub(channel)
        call = stub.SubscribeMetrics(pb.SubscribeMetricsRequest(kinds=[pb.METRICS_KIND_UPDATE]))
        async with asyncio.timeout(SOON_S):
            async for message in call:
                found = message.snapshot.metrics if message.HasField("snapshot") else message.update
                if wanted(found):
                    return found
    raise AssertionError("the stream ended")


@pytest.mark.redis
async def test_two_workers_are_summed_and_a_killed_one_drops_out(tmp_path: Path) -> None:
    with redis_server() as redis:
        async with workers(
            tmp_path, 2, database_url=f"sqlite:///{tmp_path / 'eps.db'}", redis_url=redis.url
        ) as (one, two):
            for worker, questions in ((one, 2), (two, 3)):
                async with AsyncClient(worker.address) as client:
                    for _ in range(questions):
                        await client.answer("instant")
            for worker in (one, two):
                both = await metrics(
                    worker, lambda found: found.replicas == 2 and found.total_requests >= 5
                )
                assert both.avg_latency_ms > 0
                assert both.streaming_percentage == 0
            two.kill()
            await two.gone()
            alone = await metrics(one, lambda found: found.replicas == 1)
            assert alone.total_requests >= 5  # what a lost replica counted stays
            assert alone.since.ToDatetime() <= both.since.ToDatetime()
            await two.start()
            again = await metrics(one, lambda found: found.replicas == 2)
            assert again.total_requests >= alone.total_requests


@pytest.mark.redis
async def test_a_call_on_one_worker_is_told_to_a_subscriber_of_the_other(tmp_path: Path) -> None:
    with redis_server() as redis:
        async with (
            workers(
                tmp_path, 2, database_url=f"sqlite:///{tmp_path / 'eps.db'}", redis_url=redis.url
            ) as (one, two),
            grpc.aio.insecure_channel(one.address) as channel,
            AsyncClient(two.address) as client,
        ):
            stub = metrics_service_pb2_grpc.MetricsServiceStub(channel)
            call = stub.SubscribeMetrics(
                pb.SubscribeMetricsRequest(kinds=[pb.METRICS_KIND_REQUEST])
            )
            async with asyncio.timeout(SOON_S):
                first = await call.read()
                assert first.HasField("snapshot")
                await client.answer("instant")
                told = await call.read()
            assert told.request.method == "PromptService/Answer"
            assert told.request.turn_id
            assert told.sequence == 2
            call.cancel()
