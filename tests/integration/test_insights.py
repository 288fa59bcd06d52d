"""Both clients follow the log of a whole service, across its restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from enhanced_prompt import (
    AsyncClient,
    Client,
    ClientOptions,
    InsightUpdate,
    PublishInsightRequest,
    Retry,
)
from enhanced_prompt.errors import ConnectionFailed, CursorOutOfRange, ResumeTokenInvalid
from enhanced_prompt.v1 import common_pb2, insights_pb2
from enhanced_prompt_service.app import App, create_app
from enhanced_prompt_service.config import Settings
from enhanced_prompt_service.domain.identity import Caller
from tests.bench.agents import NodeAgent

OPTIONS = ClientOptions(
    retry=Retry(attempts=1), reattach=Retry(attempts=1, first=0.02, longest=0.1)
)
START = datetime(2018, 3, 15, 12, tzinfo=UTC)
Follow = Callable[..., Awaitable[list[InsightUpdate]]]


@asynccontextmanager
async def served(home: Path, port: int = 0, **settings: Any) -> AsyncIterator[App]:
    async with create_app(
        Settings(home=home, port=port, drain_s=0, **settings),
        make_agent=lambda stores, settings: NodeAgent(),
    ) as app:
        yield app


def noticed(key: str) -> PublishInsightRequest:
    window = common_pb2.TimeRange()
    window.start_time.FromDatetime(START)
    window.end_time.FromDatetime(START.replace(hour=13))
    expiry = Timestamp()
    expiry.FromDatetime(datetime(2190, 1, 1, tzinfo=UTC))
    return PublishInsightRequest(
        expires_at=expiry,
        insight_type=insights_pb2.INSIGHT_TYPE_SECURITY_ANOMALY,
        severity=insights_pb2.SEVERITY_HIGH,
        title=key,
        message="Somebody was there.",
        window=window,
        dedupe_key=key,
    )


async def publish(app: App, *keys: str) -> None:
    # Channels to one address share their connection, and so a wait after a restart.
    patient = ClientOptions(retry=Retry(attempts=50))
    async with AsyncClient(app.address, options=patient) as client:
        for key in keys:
            await client.publish_insight(noticed(key))


async def follow_async(address: str, count: int, **options: Any) -> list[InsightUpdate]:
    found: list[InsightUpdate] = []
    async with (
        AsyncClient(address, options=OPTIONS) as client,
        aclosing(client.insights(**options)) as updates,  # pyright: ignore
    ):
        async for update in updates:
            found.append(update)
            if len(found) == count:
                break
    return found


async def follow_sync(address: str, count: int, **options: Any) -> list[InsightUpdate]:
    def read() -> list[InsightUpdate]:
        found: list[InsightUpdate] = []
        with (
            Client(address, options=OPTIONS) as client,
            closing(client.insights(**options)) as updates,  # pyright: ignore
        ):
            for update in updates:
                found.append(update)
                if len(found) == count:
                    break
        return found

    return await asyncio.to_thread(read)


@pytest.fixture(params=[follow_async, follow_sync], ids=["async", "sync"])
def follow(request: pytest.FixtureRequest) -> Follow:
    """Reads so many entries with either client."""
    found: Follow = request.param
    return found


def keys(found: list[InsightUpdate]) -> list[str]:
    return [one.insight.dedupe_key for one in found]


async def test_a_restart_of_the_service_is_not_noticed(tmp_path: Path, follow: Follow) -> None:
    async with served(tmp_path) as app:
        port = app.port
        await publish(app, "a", "b")
        following = asyncio.create_task(
            follow(app.address, 5, since=datetime(2020, 1, 1, tzinfo=UTC))
        )
        await publish(app, "c")
    async with served(tmp_path, port) as app:
        await publish(app, "d", "e")
        found = await following
    assert keys(found) == [*"abcde"]
    assert [one.position for one in found] == [1, 2, 3, 4, 5]
    assert {one.change for one in found} == {"created"}


async def test_a_token_is_kept_for_what_was_dealt_with_and_leads_on(
    tmp_path: Path, follow: Follow
) -> None:
    kept: list[str] = []
    async with served(tmp_path) as app:
        await publish(app, "a", "b", "c")
        start = datetime(2020, 1, 1, tzinfo=UTC)
        first = await follow(app.address, 2, since=start, on_token=kept.append)
        # The second was given and not dealt with: nobody asked for the next one.
        assert kept == [first[0].resume_token]
        again = await follow(app.address, 2, resume_token=kept[-1])
    assert keys(again) == ["b", "c"]


async def test_a_name_of_the_servers_goes_on_across_restarts(tmp_path: Path) -> None:
    async with served(tmp_path) as app, AsyncClient(app.address) as client:
        updates = client.insights(
            subscription_id="pager",
            on_token=lambda token: client.commit_subscription("pager", token),
        )
        await app.stores.insights.subscribe(Caller(), "pager", now=START)
        await publish(app, "a", "b")
        assert (await anext(aiter(updates))).insight.dedupe_key == "a"
        assert (await anext(aiter(updates))).insight.dedupe_key == "b"
        await updates.aclose()  # pyright: ignore
    async with served(tmp_path) as app:
        assert keys(await follow_async(app.address, 1, subscription_id="pager")) == ["b"]


async def test_what_cannot_go_on_is_raised(tmp_path: Path, follow: Follow) -> None:
    async with served(tmp_path / "a") as app:
        with pytest.raises(ResumeTokenInvalid):
            await follow(app.address, 1, resume_token="x")
        address = app.address
        await publish(app, "a")
        found = await follow(app.address, 1, since=datetime(2020, 1, 1, tzinfo=UTC))
    async with served(tmp_path / "b", secret_key="k" * 32) as app:
        with pytest.raises(ResumeTokenInvalid):  # another database, another key
            await follow(app.address, 1, resume_token=found[0].resume_token)
    async with (
        served(tmp_path / "c", secret_key="k" * 32) as app,
        AsyncClient(app.address) as client,
    ):
        await publish(app, "a")
        found = await follow(app.address, 1, since=datetime(2020, 1, 1, tzinfo=UTC))
        assert await client.commit_subscription("s", found[0].resume_token)
    async with served(tmp_path / "d", secret_key="k" * 32) as app:
        with pytest.raises(CursorOutOfRange) as refused:  # the same key, and nothing in the log
            await follow(app.address, 1, resume_token=found[0].resume_token)
        assert refused.value.metadata["earliest_resume_token"]
    with pytest.raises(ConnectionFailed):
        await follow(address, 1)


async def test_operators_read_and_note_through_the_client(tmp_path: Path) -> None:
    async with served(tmp_path) as app, AsyncClient(app.address) as client:
        await publish(app, "a", "b", "c")
        listed = [one async for one in client.list_insights(page_size=2, min_severity="high")]
        assert [one.dedupe_key for one in listed] == ["c", "b", "a"]
        (noted,) = await client.acknowledge_insights(
            [listed[0].insight_id], verdict="useful", note="went there"
        )
        assert noted == await client.get_insight(listed[0].insight_id)
        assert [one.dedupe_key async for one in client.list_insights(status="acknowledged")] == [
            "c"
        ]
