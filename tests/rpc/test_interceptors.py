"""What happens once a call: its id, its pair of lines, its caller; on all four kinds of RPC."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import structlog

from enhanced_prompt_service.domain.errors import NotFound, Reason
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.rpc.interceptors import (
    CallInterceptor,
    IdentityInterceptor,
    LoggingInterceptor,
    RequestIdInterceptor,
)

from . import kit

kinds = pytest.mark.parametrize("kind", kit.KINDS)
writing_kinds = pytest.mark.parametrize("kind", [k for k in kit.KINDS if k.endswith("_stream")])


def layers(log: kit.Log, *more: CallInterceptor) -> list[CallInterceptor]:
    numbers = itertools.count(1)
    return [
        RequestIdInterceptor(lambda: f"made-{next(numbers)}"),
        LoggingInterceptor(log.bound()),
        *more,
    ]


async def answer(request: Any, call: Any) -> Any:
    if hasattr(request, "__aiter__"):
        async for _ in request:
            pass
    if not call.response_streaming:
        return b"yes"
    await call.write(b"one")
    await call.write(b"two")
    return None


async def generate(request: Any, call: Any) -> AsyncIterator[bytes]:
    yield b"one"
    yield b"two"


# ---- order and extent ---------------------------------------------------------------------------


@kinds
@pytest.mark.parametrize("handler", ["writer", "generator"])
async def test_each_interceptor_surrounds_the_whole_call(kind: str, handler: str) -> None:
    """With grpc-interceptor as it comes, what stands after `await method(...)` runs before a
    stream's handler has begun."""
    if handler == "generator" and not kind.endswith("_stream"):
        handler = "writer"
    seen: list[str] = []

    class Noting(CallInterceptor):
        def __init__(self, name: str) -> None:
            self.name = name

        async def on_start(self, call: Any) -> None:
            seen.append(f"{self.name} starts")

        async def on_end(self, call: Any, error: BaseException | None) -> None:
            seen.append(f"{self.name} ends after {call.frames} frames")

    async def writer(request: Any, call: Any) -> Any:
        seen.append("handler")
        return await answer(request, call)

    async def generator(request: Any, call: Any) -> AsyncIterator[bytes]:
        seen.append("handler")
        async for message in generate(request, call):
            yield message

    methods = [kit.method(kind, writer if handler == "writer" else generator)]
    async with kit.serving(
        methods,
        guard=kit.new_guard(kit.Log()),
        interceptors=[Noting("outer"), Noting("middle"), Noting("inner")],
    ) as channel:
        await kit.finish(kit.open_call(channel, kind), kind)
        await kit.gone()
    frames = 2 if kind.endswith("_stream") else 0
    assert seen == [
        "outer starts",
        "middle starts",
        "inner starts",
        "handler",
        f"inner ends after {frames} frames",
        f"middle ends after {frames} frames",
        f"outer ends after {frames} frames",
    ]


@kinds
async def test_what_on_end_hears_is_what_the_handler_raised(kind: str) -> None:
    heard: list[BaseException | None] = []

    class Hearing(CallInterceptor):
        async def on_end(self, call: Any, error: BaseException | None) -> None:
            heard.append(error)

    error = NotFound("Turn", "t", reason=Reason.TURN_NOT_FOUND)

    async def fail(_: Any, __: Any) -> None:
        raise error

    async with kit.serving(
        [kit.method(kind, fail)],
        guard=kit.new_guard(kit.Log()),
        interceptors=[Hearing(), Hearing()],
    ) as channel:
        await kit.refused(kit.finish(kit.open_idle(channel, kind), kind))
        await kit.gone()
    assert heard == [error, error]


# ---- request id ---------------------------------------------------------------------------------


async def ids_of(channel: Any, kind: str, given: str | None) -> tuple[list[str], list[str]]:
    """The ids in initial and in trailing metadata."""
    metadata = () if given is None else (("x-request-id", given),)
    multi = kit.caller(channel, kind)
    if kind.startswith("stream_"):

        async def send() -> AsyncIterator[bytes]:
            yield b""

        call = multi(send(), metadata=metadata)
    else:
        call = multi(b"", metadata=metadata)
    await kit.finish(call, kind)

    def found(pairs: Any) -> list[str]:
        return [value for key, value in pairs if key == "x-request-id"]

    return found(await call.initial_metadata()), found(await call.trailing_metadata())


@kinds
async def test_a_sane_request_id_is_kept_and_given_back(kind: str) -> None:
    async with kit.serving(
        [kit.method(kind, answer)],
        guard=kit.new_guard(kit.Log()),
        interceptors=layers(kit.Log()),
    ) as channel:
        initial, trailing = await ids_of(channel, kind, "shift-7/abc:1")
        await kit.gone()
    assert trailing == ["shift-7/abc:1"]
    assert initial == (["shift-7/abc:1"] if kind.endswith("_stream") else [])


@pytest.mark.parametrize("given", [None, "", "x" * 129, "two words", 'a"b'])
async def test_a_request_id_that_is_missing_or_strange_is_replaced(given: str | None) -> None:
    async with kit.serving(
        [kit.method("unary_unary", answer)],
        guard=kit.new_guard(kit.Log()),
        interceptors=layers(kit.Log()),
    ) as channel:
        _, trailing = await ids_of(channel, "unary_unary", given)
        await kit.gone()
    assert trailing == ["made-1"]


@kinds
async def test_an_error_carries_the_request_id_beside_its_details(kind: str) -> None:
    async def fail(_: Any, __: Any) -> None:
        raise NotFound("Turn", "t", reason=Reason.TURN_NOT_FOUND)

    async with kit.serving(
        [kit.method(kind, fail)],
        guard=kit.new_guard(kit.Log()),
        interceptors=layers(kit.Log()),
    ) as channel:
        error = await kit.refused(kit.finish(kit.open_idle(channel, kind), kind))
        await kit.gone()
    assert ("x-request-id", "made-1") in list(error.trailing_metadata())
    assert kit.reason(error) == "TURN_NOT_FOUND"


async def test_the_request_id_is_bound_to_the_logs_of_the_call_and_of_its_tasks_alone() -> None:
    bound: list[Any] = []

    async def look(_: Any, __: Any) -> bytes:
        async def inside() -> None:
            bound.append(structlog.contextvars.get_contextvars().get("request_id"))

        await asyncio.create_task(inside())
        return b""

    async with kit.serving(
        [kit.method("unary_unary", look)],
        guard=kit.new_guard(kit.Log()),
        interceptors=layers(kit.Log()),
    ) as channel:
        for _ in range(2):
            await kit.finish(kit.open_call(channel, "unary_unary"), "unary_unary")
        await kit.gone()
    assert bound == ["made-1", "made-2"]
    assert "request_id" not in structlog.contextvars.get_contextvars()


# ---- log lines ----------------------------------------------------------------------------------


@kinds
async def test_a_call_writes_exactly_one_pair_of_lines(kind: str) -> None:
    log = kit.Log()
    async with kit.serving(
        [kit.method(kind, answer)], guard=kit.new_guard(log), interceptors=layers(log)
    ) as channel:
        await kit.finish(kit.open_call(channel, kind), kind)
        await kit.gone()
    (level, first, started), (_, second, ended) = log.entries
    assert (level, first, second) == ("info", "started", "ended")
    assert started == {"method": f"/test.Service/{kind}", "request_id": "made-1"}
    assert ended["outcome"] == "OK"
    assert ended["request_id"] == "made-1"
    assert ended["duration_ms"] >= 0
    if kind.endswith("_stream"):
        assert ended["frames"] == 2
        assert 0 <= ended["ttft_ms"] <= ended["duration_ms"]
    else:
        assert "ttft_ms" not in ended


@writing_kinds
async def test_a_generators_frames_are_counted_too(kind: str) -> None:
    log = kit.Log()
    async with kit.serving(
        [kit.method(kind, generate)], guard=kit.new_guard(log), interceptors=layers(log)
    ) as channel:
        await kit.finish(kit.open_call(channel, kind), kind)
        await kit.gone()
    (ended,) = log.named("ended")
    assert ended["frames"] == 2


@writing_kinds
async def test_time_to_first_token_is_the_tokens_where_a_writer_knows_them(kind: str) -> None:
    log = kit.Log()

    async def write(_: Any, call: Any) -> None:
        await call.write(b"started")
        call.first_token_at = call.started_at + 1.5
        await call.write(b"token")

    async with kit.serving(
        [kit.method(kind, write)], guard=kit.new_guard(log), interceptors=layers(log)
    ) as channel:
        await kit.finish(kit.open_call(channel, kind), kind)
        await kit.gone()
    assert log.named("ended")[0]["ttft_ms"] == 1500.0


@kinds
@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (NotFound("Turn", "t", reason=Reason.TURN_NOT_FOUND), "NOT_FOUND"),
        (RuntimeError("inside"), "INTERNAL"),
        (asyncio.CancelledError(), "ABORTED"),
        (TimeoutError(), "ABORTED"),
    ],
)
async def test_the_outcome_is_the_status_that_the_client_gets(
    kind: str, failure: BaseException, outcome: str
) -> None:
    log = kit.Log()

    async def fail(_: Any, __: Any) -> None:
        raise failure

    async with kit.serving(
        [kit.method(kind, fail)], guard=kit.new_guard(log), interceptors=layers(log)
    ) as channel:
        error = await kit.refused(kit.finish(kit.open_idle(channel, kind), kind))
        await kit.gone()
    (ended,) = log.named("ended")
    assert ended["outcome"] == outcome == error.code().name


@kinds
async def test_a_foreign_abort_is_an_outcome_too(kind: str) -> None:
    log = kit.Log()

    async def abort(_: Any, call: Any) -> None:
        await call.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now")

    async with kit.serving(
        [kit.method(kind, abort)], guard=kit.new_guard(log), interceptors=layers(log)
    ) as channel:
        await kit.refused(kit.finish(kit.open_idle(channel, kind), kind))
        await kit.gone()
    assert log.named("ended")[0]["outcome"] == "FAILED_PRECONDITION"


@kinds
async def test_a_client_that_cancels_and_one_whose_deadline_passes_are_told_apart(
    kind: str,
) -> None:
    log = kit.Log()
    began = asyncio.Event()

    async def wait(_: Any, __: Any) -> None:
        began.set()
        await asyncio.Event().wait()

    async with kit.serving(
        [kit.method(kind, wait)], guard=kit.new_guard(log), interceptors=layers(log)
    ) as channel:
        call = kit.open_call(channel, kind, half_close=False)
        await began.wait()
        call.cancel()
        await log.wait_for("ended", 1)
        late = kit.open_call(channel, kind, timeout=0.1, half_close=False)
        await kit.refused(kit.finish(late, kind))
        await log.wait_for("ended", 2)
        await kit.gone()
    outcomes = [entry["outcome"] for entry in log.named("ended")]
    assert outcomes == ["CANCELLED", "DEADLINE_EXCEEDED"]


@writing_kinds
async def test_a_client_that_goes_while_it_is_written_to_has_cancelled(kind: str) -> None:
    log = kit.Log()

    async def write(_: Any, call: Any) -> None:
        while True:
            await call.write(b"x" * 65_536)

    async with kit.serving(
        [kit.method(kind, write)], guard=kit.new_guard(log), interceptors=layers(log)
    ) as channel:
        call = kit.open_call(channel, kind)
        await call.read()
        call.cancel()
        await kit.gone()
    (ended,) = log.named("ended")
    assert ended["outcome"] == "CANCELLED"
    assert ended["frames"] >= 1


async def test_probes_are_logged_quietly() -> None:
    log = kit.Log()
    path = "/grpc.health.v1.Health/Check"
    async with kit.serving(
        [kit.method("unary_unary", answer, path=path)],
        guard=kit.new_guard(log),
        interceptors=layers(log),
    ) as channel:
        await kit.caller(channel, "unary_unary", path)(b"")
        await kit.gone()
    assert [(level, event) for level, event, _ in log.entries] == [
        ("debug", "started"),
        ("debug", "ended"),
    ]


async def test_what_a_handler_notes_stands_in_the_last_line() -> None:
    log = kit.Log()

    async def note(_: Any, call: Any) -> bytes:
        call.noted["turn_id"] = "turn_7"
        return b""

    async with kit.serving(
        [kit.method("unary_unary", note)], guard=kit.new_guard(log), interceptors=layers(log)
    ) as channel:
        await kit.finish(kit.open_call(channel, "unary_unary"), "unary_unary")
        await kit.gone()
    assert log.named("ended")[0]["turn_id"] == "turn_7"


# ---- identity -----------------------------------------------------------------------------------


@kinds
async def test_the_caller_is_resolved_before_the_handler(kind: str) -> None:
    seen: list[Caller] = []

    async def resolve(call: Any) -> Caller:
        return Caller("tenant-1", call.header("x-user"))

    async def look(request: Any, call: Any) -> Any:
        seen.append(call.caller)
        return await answer(request, call)

    async with kit.serving(
        [kit.method(kind, look)],
        guard=kit.new_guard(kit.Log()),
        interceptors=layers(kit.Log(), IdentityInterceptor(resolve)),
    ) as channel:
        multi = kit.caller(channel, kind)
        metadata = (("x-user", "ana"),)
        if kind.startswith("stream_"):

            async def send() -> AsyncIterator[bytes]:
                yield b""

            call = multi(send(), metadata=metadata)
        else:
            call = multi(b"", metadata=metadata)
        await kit.finish(call, kind)
        await kit.gone()
    assert seen == [Caller("tenant-1", "ana")]


async def test_without_identity_there_is_one_tenant_and_one_user() -> None:
    seen: list[Caller] = []

    async def look(_: Any, call: Any) -> bytes:
        seen.append(call.caller)
        return b""

    async with kit.serving(
        [kit.method("unary_unary", look)],
        guard=kit.new_guard(kit.Log()),
        interceptors=layers(kit.Log(), IdentityInterceptor()),
    ) as channel:
        await kit.finish(kit.open_call(channel, "unary_unary"), "unary_unary")
        await kit.gone()
    assert seen == [Caller("default", "local")]
