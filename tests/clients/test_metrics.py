"""Live metrics, by both clients."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Any

import grpc
import pytest

from enhanced_prompt import ConnectionFailed, errors
from enhanced_prompt.v1 import metrics_service_pb2 as pb
from enhanced_prompt.v1.common_pb2 import GoAway, Heartbeat

from .drivers import Driver
from .scripted import Script


async def some(driver: Driver, count: int, **options: Any) -> list[pb.SubscribeMetricsResponse]:
    """The first messages of a subscription."""
    stream = driver.client.metrics(**options)
    if hasattr(stream, "__anext__"):
        found = [await anext(stream) for _ in range(count)]
        await stream.aclose()
        return found

    def read() -> list[pb.SubscribeMetricsResponse]:
        found = list(islice(stream, count))
        stream.close()
        return found

    return await asyncio.to_thread(read)


def message(sequence: int, **frame: Any) -> pb.SubscribeMetricsResponse:
    return pb.SubscribeMetricsResponse(sequence=sequence, **frame)


async def test_a_snapshot_comes_as_it_is_and_the_selection_goes_along(
    driver: Driver, script: Script
) -> None:
    said = pb.MetricsSnapshot(metrics=pb.Metrics(total_requests=7))

    @script.on("GetMetrics")
    async def get(request: Any, _: Any) -> Any:
        return pb.GetMetricsResponse(snapshot=said)

    assert await driver.call("get_metrics", models=["openai:a"], max_recent=3) == said
    assert script.requests == [pb.GetMetricsRequest(models=["openai:a"], max_recent=3)]


async def test_after_a_cut_a_new_snapshot_comes_and_what_is_about_the_stream_is_kept_back(
    driver: Driver, script: Script
) -> None:
    streams = 0

    @script.on("SubscribeMetrics")
    async def subscribe(request: Any, context: Any) -> None:
        nonlocal streams
        streams += 1
        await context.write(message(1, snapshot=pb.MetricsSnapshot()))
        await context.write(message(0, heartbeat=Heartbeat()))
        await context.write(message(2, update=pb.Metrics(total_requests=streams)))
        if streams == 1:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "cut")
        if streams == 2:
            await context.write(message(3, go_away=GoAway()))

    found = await some(driver, 6, kinds=["update", "models"], models=["grounded"], max_recent=5)
    frames = [one.WhichOneof("frame") for one in found]
    assert frames == ["snapshot", "update"] * 3
    assert [one.update.total_requests for one in found[1::2]] == [1, 2, 3]
    assert script.requests[0] == pb.SubscribeMetricsRequest(
        kinds=[pb.METRICS_KIND_UPDATE, pb.METRICS_KIND_MODELS], models=["grounded"], max_recent=5
    )


async def test_what_another_attempt_would_not_change_is_raised(
    driver: Driver, script: Script
) -> None:
    @script.on("SubscribeMetrics")
    async def refuse(request: Any, context: Any) -> None:
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, "not for viewers")

    with pytest.raises(errors.PermissionDenied):
        await some(driver, 1)
    assert len(script.requests) == 1


async def test_a_server_that_was_never_there_is_told(driver: Driver, script: Script) -> None:
    @script.on("SubscribeMetrics")
    async def away(request: Any, context: Any) -> None:
        await context.abort(grpc.StatusCode.UNAVAILABLE, "")

    with pytest.raises((ConnectionFailed, errors.Unavailable)):
        await some(driver, 1)
    assert len(script.requests) == 3
