"""The guard around a real grpc.aio server: eight endings and the unparsable message, on each of
the four kinds of RPC. Whatever happens, the client gets the right status, the server's task is
gone, and nothing of the inside is told."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from google.rpc.error_details_pb2 import ErrorInfo, ResourceInfo
from grpc_interceptor import exceptions

from enhanced_prompt_service.domain.errors import NotFound, Reason
from enhanced_prompt_service.rpc.interceptors import CallInterceptor, RequestIdInterceptor

from . import kit

SECRET = "password=hunter2"
kinds = pytest.mark.parametrize("kind", kit.KINDS)
writing_kinds = pytest.mark.parametrize("kind", [k for k in kit.KINDS if k.endswith("_stream")])
reading_kinds = pytest.mark.parametrize("kind", [k for k in kit.KINDS if k.startswith("stream_")])
with_and_without_interceptors = pytest.mark.parametrize("layers", [0, 2])


class Probe:
    """Runs a step in a handler and says when the handler began and ended."""

    def __init__(self, kind: str, step: Callable[[Any], Awaitable[Any]]) -> None:
        self.kind = kind
        self.step = step
        self.began = asyncio.Event()
        self.ended = asyncio.Event()

    async def handle(self, request: Any, call: Any) -> Any:
        self.began.set()
        try:
            if self.kind.startswith("stream_"):
                await anext(request, None)  # a cancel may look like the end of the requests
            return await self.step(call)
        finally:
            self.ended.set()


def interceptors(layers: int) -> list[CallInterceptor]:
    return [RequestIdInterceptor(lambda: "made-here"), CallInterceptor()][:layers]


def answer(kind: str, call: Any) -> Awaitable[Any]:
    async def run() -> Any:
        if kind.endswith("_stream"):
            await call.write(b"yes")
            return None
        return b"yes"

    return run()


# ---- the endings at which the client is there and waits -----------------------------------------


@kinds
@with_and_without_interceptors
async def test_ok_reaches_the_client(kind: str, layers: int) -> None:
    log = kit.Log()
    probe = Probe(kind, lambda call: answer(kind, call))
    methods = [kit.method(kind, probe.handle)]
    async with kit.serving(
        methods, guard=kit.new_guard(log), interceptors=interceptors(layers)
    ) as channel:
        assert await kit.finish(kit.open_call(channel, kind), kind) == [b"yes"]
        await kit.gone()
    assert log.entries == []


@kinds
@with_and_without_interceptors
async def test_a_domain_error_keeps_its_reason_and_details(kind: str, layers: int) -> None:
    log = kit.Log()

    async def fail(_: Any) -> None:
        raise NotFound("Event", "e-1", reason=Reason.EVENT_NOT_FOUND)

    methods = [kit.method(kind, Probe(kind, fail).handle)]
    async with kit.serving(
        methods, guard=kit.new_guard(log), interceptors=interceptors(layers)
    ) as channel:
        error = await kit.refused(kit.finish(kit.open_call(channel, kind), kind))
        await kit.gone()
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert error.details() == "Event 'e-1' was not found"
    assert kit.reason(error) == "EVENT_NOT_FOUND"
    (resource,) = kit.details(kit.status(error), ResourceInfo)
    assert (resource.resource_type, resource.resource_name) == ("Event", "e-1")
    assert log.entries == []


@kinds
@with_and_without_interceptors
async def test_a_cancellation_from_inside_is_aborted_and_never_leaves_the_client_waiting(
    kind: str, layers: int
) -> None:
    log = kit.Log()

    async def wait_for_what_somebody_cancels(_: Any) -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    methods = [kit.method(kind, Probe(kind, wait_for_what_somebody_cancels).handle)]
    async with kit.serving(
        methods, guard=kit.new_guard(log), interceptors=interceptors(layers)
    ) as channel:
        error = await kit.refused(kit.finish(kit.open_call(channel, kind), kind))
        await kit.gone()
    assert error.code() is grpc.StatusCode.ABORTED
    assert kit.reason(error) == "CANCELLED"
    assert [entry[1] for entry in log.entries] == ["call cancelled from inside"]


@kinds
@with_and_without_interceptors
async def test_an_abort_of_a_foreign_servicer_passes_as_it_is(kind: str, layers: int) -> None:
    log = kit.Log()

    async def abort(call: Any) -> None:
        await call.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now")

    methods = [kit.method(kind, Probe(kind, abort).handle)]
    async with kit.serving(
        methods, guard=kit.new_guard(log), interceptors=interceptors(layers)
    ) as channel:
        error = await kit.refused(kit.finish(kit.open_call(channel, kind), kind))
        await kit.gone()
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert error.details() == "not now"
    assert log.entries == []


@kinds
@with_and_without_interceptors
async def test_an_unexpected_exception_tells_an_incident_and_nothing_else(
    kind: str, layers: int
) -> None:
    log = kit.Log()

    async def break_down(_: Any) -> None:
        try:
            raise KeyError(SECRET)
        except KeyError as cause:
            raise RuntimeError(f"cannot use {SECRET}") from cause

    methods = [kit.method(kind, Probe(kind, break_down).handle)]
    async with kit.serving(
        methods, guard=kit.new_guard(log), interceptors=interceptors(layers)
    ) as channel:
        error = await kit.refused(kit.finish(kit.open_call(channel, kind), kind))
        await kit.gone()
    assert error.code() is grpc.StatusCode.INTERNAL
    assert error.details() == "internal error, incident incident-1"
    assert kit.reason(error) == "INTERNAL"
    (info,) = kit.details(kit.status(error), ErrorInfo)
    assert dict(info.metadata) == {"incident_id": "incident-1"}
    assert SECRET not in repr(error)
    assert SECRET not in repr(error.trailing_metadata())
    (entry,) = log.named("unexpected exception")
    assert entry["incident_id"] == "incident-1"
    assert SECRET in str(entry["exc_info"])


@kinds
async def test_a_stray_timeout_is_aborted_with_an_incident_not_a_deadline(kind: str) -> None:
    log = kit.Log()

    async def time_out(_: Any) -> None:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()

    methods = [kit.method(kind, Probe(kind, time_out).handle)]
    async with kit.serving(methods, guard=kit.new_guard(log)) as channel:
        error = await kit.refused(kit.finish(kit.open_call(channel, kind), kind))
        await kit.gone()
    assert error.code() is grpc.StatusCode.ABORTED
    assert kit.reason(error) == "CANCELLED"
    assert len(log.named("unexpected exception")) == 1


@kinds
async def test_the_only_failure_of_a_task_group_is_told_like_the_failure_itself(kind: str) -> None:
    async def fail_in_a_group(_: Any) -> None:
        async def fail() -> None:
            raise NotFound("Turn", "t-1", reason=Reason.TURN_NOT_FOUND)

        async with asyncio.TaskGroup() as group:
            group.create_task(fail())

    methods = [kit.method(kind, Probe(kind, fail_in_a_group).handle)]
    async with kit.serving(methods, guard=kit.new_guard(kit.Log())) as channel:
        error = await kit.refused(kit.finish(kit.open_call(channel, kind), kind))
        await kit.gone()
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert kit.reason(error) == "TURN_NOT_FOUND"


@kinds
async def test_an_interceptor_may_refuse_with_the_exceptions_of_grpc_interceptor(kind: str) -> None:
    class Refusing(CallInterceptor):
        async def on_start(self, call: Any) -> None:
            raise exceptions.Unauthenticated("who are you?")

    async def never(_: Any, __: Any) -> None:
        raise AssertionError("the handler ran")

    async with kit.serving(
        [kit.method(kind, never)],
        guard=kit.new_guard(kit.Log()),
        interceptors=[CallInterceptor(), Refusing(), CallInterceptor()],
    ) as channel:
        error = await kit.refused(kit.finish(kit.open_idle(channel, kind), kind))
        await kit.gone()
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert error.details() == "who are you?"
    assert kit.reason(error) == "UNAUTHENTICATED"


# ---- the endings at which the client goes -------------------------------------------------------


@kinds
@with_and_without_interceptors
async def test_a_client_that_cancels_while_the_handler_works_ends_its_task(
    kind: str, layers: int
) -> None:
    """On streaming kinds the handler is writing then, on the others it is busy."""
    log = kit.Log()

    async def work(call: Any) -> None:
        while True:
            if kind.endswith("_stream"):
                await call.write(b"x" * 65_536)
            await asyncio.sleep(0)

    probe = Probe(kind, work)
    methods = [kit.method(kind, probe.handle)]
    async with kit.serving(
        methods, guard=kit.new_guard(log), interceptors=interceptors(layers)
    ) as channel:
        call = kit.open_call(channel, kind)
        if kind.endswith("_stream"):
            await call.read()
        await probe.began.wait()
        call.cancel()
        await probe.ended.wait()
        await kit.gone()
    assert log.entries == []


@kinds
@with_and_without_interceptors
async def test_a_client_that_cancels_while_the_handler_is_idle_ends_its_task(
    kind: str, layers: int
) -> None:
    log = kit.Log()
    probe = Probe(kind, lambda _: asyncio.Event().wait())
    methods = [kit.method(kind, probe.handle)]
    async with kit.serving(
        methods, guard=kit.new_guard(log), interceptors=interceptors(layers)
    ) as channel:
        call = kit.open_call(channel, kind, half_close=False)
        await probe.began.wait()
        call.cancel()
        await probe.ended.wait()
        await kit.gone()
    assert log.entries == []


@kinds
@with_and_without_interceptors
async def test_a_deadline_ends_the_task_and_is_the_clients_own_status(
    kind: str, layers: int
) -> None:
    log = kit.Log()
    probe = Probe(kind, lambda _: asyncio.Event().wait())
    methods = [kit.method(kind, probe.handle)]
    async with kit.serving(
        methods, guard=kit.new_guard(log), interceptors=interceptors(layers)
    ) as channel:
        call = kit.open_call(channel, kind, timeout=0.2, half_close=False)
        error = await kit.refused(kit.finish(call, kind))
        await probe.ended.wait()
        await kit.gone()
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert log.entries == []


@writing_kinds
async def test_a_stream_that_nobody_reads_ends_when_the_connection_goes(kind: str) -> None:
    log = kit.Log()

    async def write(call: Any) -> None:
        while True:
            await call.write(b"x" * 65_536)

    probe = Probe(kind, write)
    async with kit.serving([kit.method(kind, probe.handle)], guard=kit.new_guard(log)) as channel:
        call = kit.open_call(channel, kind)
        await call.read()
        await channel.close()
        await probe.ended.wait()
        await kit.gone()
    assert log.entries == []


# ---- messages that do not parse, or are refused -------------------------------------------------


@kinds
@with_and_without_interceptors
@pytest.mark.parametrize("broken", [b"\xff", b"\x0a\x02\xff\xfe"], ids=["broken", "not UTF-8"])
async def test_an_unparsable_message_is_an_invalid_argument_and_reaches_no_handler(
    kind: str, layers: int, broken: bytes
) -> None:
    log = kit.Log()
    seen: list[Any] = []

    async def keep(request: Any, call: Any) -> Any:
        if kind.startswith("stream_"):
            async for message in request:
                seen.append(message)  # noqa: PERF401 - what was read before the failure counts
        else:
            seen.append(request)

    good = StringValue(value="good").SerializeToString()
    messages = [good, broken] if kind.startswith("stream_") else [broken]
    async with kit.serving(
        [kit.method(kind, keep, StringValue)],
        guard=kit.new_guard(log),
        interceptors=interceptors(layers),
    ) as channel:
        call = kit.open_call(channel, kind, messages, half_close=False)
        error = await kit.refused(kit.finish(call, kind))
        await kit.gone()
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert kit.reason(error) == "MALFORMED_MESSAGE"
    assert "StringValue" not in error.details()
    assert seen == [StringValue(value="good")] * (len(messages) - 1)
    assert log.entries == []


@kinds
async def test_a_message_over_the_limit_is_told_the_limit(kind: str) -> None:
    guard = kit.new_guard(kit.Log(), max_message_bytes=1000)

    async def swallow(request: Any, call: Any) -> Any:
        async for _ in request:
            pass

    async with kit.serving([kit.method(kind, swallow, StringValue)], guard=guard) as channel:
        call = kit.open_call(channel, kind, [b"x" * 1001], half_close=False)
        error = await kit.refused(kit.finish(call, kind))
        await kit.gone()
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert kit.reason(error) == "MESSAGE_TOO_LARGE"
    assert "1,000 bytes" in error.details()


@kinds
async def test_a_message_over_grpcs_own_limit_never_looks_like_a_whole_stream(kind: str) -> None:
    """grpc answers by itself then, without details; a client stream ends in the handler as if the
    client had finished, so what matters is that the client is told otherwise."""
    probe = Probe(kind, lambda call: answer(kind, call))
    async with kit.serving(
        [kit.method(kind, probe.handle)],
        guard=kit.new_guard(kit.Log()),
        options=[("grpc.max_receive_message_length", 1000)],
    ) as channel:
        call = kit.open_call(channel, kind, [b"x" * 1001], half_close=False)
        error = await kit.refused(kit.finish(call, kind))
        await kit.gone()
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_an_unknown_method_is_unimplemented_with_a_reason() -> None:
    async with kit.serving([], guard=kit.new_guard(kit.Log())) as channel:
        for kind in kit.KINDS:
            call = kit.open_idle(channel, kind)
            error = await kit.refused(kit.finish(call, kind))
            assert error.code() is grpc.StatusCode.UNIMPLEMENTED
            assert kit.reason(error) == "NOT_IMPLEMENTED_YET"
        await kit.gone()


# ---- writers ------------------------------------------------------------------------------------


@writing_kinds
@with_and_without_interceptors
@pytest.mark.parametrize("idle", [False, True], ids=["writing", "idle"])
async def test_an_async_generator_is_closed_when_its_client_goes(
    kind: str, layers: int, idle: bool
) -> None:
    """grpc leaves it to the garbage collector, which closes it some time later or never."""
    log = kit.Log()
    closed = asyncio.Event()

    async def generate(_: Any, __: Any) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 65_536
                if idle:
                    await asyncio.Event().wait()
        finally:
            closed.set()

    gc.disable()
    try:
        methods = [kit.method(kind, generate)]
        async with kit.serving(
            methods, guard=kit.new_guard(log), interceptors=interceptors(layers)
        ) as channel:
            call = kit.open_call(channel, kind)
            await call.read()
            call.cancel()
            await kit.gone()
            assert closed.is_set()
    finally:
        gc.enable()
    assert log.entries == []


@writing_kinds
async def test_the_frames_of_an_async_generator_arrive_in_order(kind: str) -> None:
    async def generate(_: Any, __: Any) -> AsyncIterator[bytes]:
        for number in range(50):
            yield b"%d" % number

    async with kit.serving(
        [kit.method(kind, generate)],
        guard=kit.new_guard(kit.Log()),
        interceptors=interceptors(2),
    ) as channel:
        got = await kit.finish(kit.open_call(channel, kind), kind)
        await kit.gone()
    assert got == [b"%d" % number for number in range(50)]


@writing_kinds
async def test_a_second_writer_of_a_stream_is_refused_and_the_stream_ends_with_a_status(
    kind: str,
) -> None:
    log = kit.Log()

    async def write_twice(_: Any, call: Any) -> None:
        await asyncio.gather(call.write(b"one"), call.write(b"two"))

    async with kit.serving([kit.method(kind, write_twice)], guard=kit.new_guard(log)) as channel:
        error = await kit.refused(kit.finish(kit.open_call(channel, kind), kind))
        await kit.gone()
    assert error.code() is grpc.StatusCode.INTERNAL
    (entry,) = log.named("unexpected exception")
    assert "two writers" in str(entry["exc_info"])


@reading_kinds
async def test_a_client_that_cancels_may_first_look_as_if_it_had_finished(kind: str) -> None:
    """What a handler knows at the end of its requests: only what it has been sent."""
    received: list[bytes] = []
    got_one = asyncio.Event()
    after_the_end = asyncio.Event()

    async def read(requests: Any, call: Any) -> Any:
        async for message in requests:
            received.append(message)
            got_one.set()
        try:
            await asyncio.Event().wait()  # a commit would stand here
            received.append(b"committed")
        finally:
            after_the_end.set()

    async with kit.serving([kit.method(kind, read)], guard=kit.new_guard(kit.Log())) as channel:
        call = kit.open_call(channel, kind, [b"one"], half_close=False)
        await got_one.wait()
        call.cancel()
        await kit.gone()
    assert received == [b"one"]


@reading_kinds
async def test_requests_stay_ended_after_their_end(kind: str) -> None:
    async def read(requests: Any, call: Any) -> Any:
        first = [message async for message in requests]
        second = [message async for message in requests]
        found = b"%d %d" % (len(first), len(second))
        if kind.endswith("_stream"):
            await call.write(found)
            return None
        return found

    async with kit.serving([kit.method(kind, read)], guard=kit.new_guard(kit.Log())) as channel:
        assert await kit.finish(kit.open_call(channel, kind, [b"a", b"b"]), kind) == [b"2 0"]
        await kit.gone()
