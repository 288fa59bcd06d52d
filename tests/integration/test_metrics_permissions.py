"""Who sees what of the live metrics, on a service that asks who calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from enhanced_prompt.v1 import history_service_pb2, metrics_service_pb2_grpc
from enhanced_prompt.v1 import metrics_service_pb2 as pb
from enhanced_prompt_service.app import App
from tests.integration.agents import HeldAgent
from tests.integration.conftest import Start
from tests.integration.test_identity import Metadata, Stubs, bearer, calling, tokens
from tests.rpc.kit import refused
from tests.support.identity import signer


def caller(tenant: str, user: str, role: str, **claims: Any) -> Metadata:
    return bearer(signer("ES256").token(tenant=tenant, sub=user, role=role, **claims))


ANN = caller("acme", "ann", "viewer")
BOB = caller("acme", "bob", "viewer")
ADMIN = caller("acme", "root", "admin")
OPERATOR = caller("acme", "desk", "operator")
NARROW = caller("acme", "gate-desk", "operator", cameras=["GATE-1"])
OTHER = caller("globex", "eve", "admin")


@asynccontextmanager
async def watching(app: App) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(app.address) as channel:
        yield metrics_service_pb2_grpc.MetricsServiceStub(channel)


async def lost(stubs: Stubs, who: Metadata, name: str) -> None:
    """A call that fails with a text that names something."""
    request = history_service_pb2.GetConversationRequest(conversation_id=name)
    await refused(stubs.history.GetConversation(request, metadata=who))


async def test_rows_are_the_tenants_users_the_auditors_and_totals_the_services(
    start: Start, tmp_path: Path
) -> None:
    async with (
        start(HeldAgent(), **tokens(tmp_path)) as app,
        calling(app) as stubs,
        watching(app) as metrics,
    ):
        await lost(stubs, ANN, "of-ann")
        await lost(stubs, BOB, "of-bob")
        await lost(stubs, OTHER, "of-eve")
        await refused(stubs.cameras())  # nobody knows who that was
        await lost(stubs, NARROW, "of-the-gate")

        async def look(who: Metadata) -> pb.MetricsSnapshot:
            found = await metrics.GetMetrics(pb.GetMetricsRequest(), metadata=who)
            return found.snapshot

        admin, operator, narrow, other = [
            await look(who) for who in (ADMIN, OPERATOR, NARROW, OTHER)
        ]

    def errors(found: pb.MetricsSnapshot) -> list[str]:
        return [one.error_message for one in found.recent_errors]

    def users(found: pb.MetricsSnapshot) -> set[str]:
        return {one.user_id for one in found.recent_requests}

    assert [one.split("'")[1] for one in errors(admin)] == ["of-the-gate", "of-bob", "of-ann"]
    assert errors(operator) == errors(admin)
    assert [one.split("'")[1] for one in errors(narrow)] == ["of-the-gate"]
    assert [one.split("'")[1] for one in errors(other)] == ["of-eve"]
    assert users(admin) == {"ann", "bob", "gate-desk"}
    assert users(operator) == users(narrow) == {""}
    assert users(other) == {"eve"}
    # Nothing of one tenant is in what the other is shown, but for sums.
    assert b"globex" not in admin.SerializeToString()
    assert b"eve" not in admin.SerializeToString()
    assert b"acme" not in other.SerializeToString()
    assert (admin.metrics.total_requests, other.metrics.total_requests) == (5, 8)


async def test_streams_show_the_same_and_viewers_none_of_it(start: Start, tmp_path: Path) -> None:
    async with (
        start(HeldAgent(), **tokens(tmp_path)) as app,
        calling(app) as stubs,
        watching(app) as metrics,
    ):
        for method, request in (
            (metrics.GetMetrics, pb.GetMetricsRequest()),
            (metrics.SubscribeMetrics, pb.SubscribeMetricsRequest()),
        ):
            call = method(request, metadata=ANN)
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await (call.read() if hasattr(call, "read") else call)
            assert error.value.code() is grpc.StatusCode.PERMISSION_DENIED
        kinds = pb.SubscribeMetricsRequest(kinds=[pb.METRICS_KIND_REQUEST])
        mine = metrics.SubscribeMetrics(kinds, metadata=ADMIN)
        theirs = metrics.SubscribeMetrics(kinds, metadata=OTHER)
        for call in (mine, theirs):
            assert (await call.read()).HasField("snapshot")
        await lost(stubs, ANN, "of-ann")
        await lost(stubs, OTHER, "of-eve")
        assert (await mine.read()).request.user_id == "ann"
        told = await theirs.read()
        assert (told.request.user_id, told.sequence) == ("eve", 2)
        mine.cancel()
        theirs.cancel()
