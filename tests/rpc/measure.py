"""What the layers of the rpc room cost: `python -m tests.rpc.measure`. No test; nothing fails.

The figures stand in docs/decisions/rpc-layers.md. Handlers are called without a network, with a
context that takes frames at once: what is left is our own work and asyncio's. Each figure is the
best of many rounds, because other work on the machine only ever adds to it.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
import uvloop
from grpc_interceptor.server import AsyncServerInterceptor

from enhanced_prompt.v1 import event_service_pb2, events_pb2, prompt_service_pb2, turns_pb2
from enhanced_prompt_service.domain.turns import Frame, FrameKind, TextDelta
from enhanced_prompt_service.rpc._handlers import behaviour_of, make_handler
from enhanced_prompt_service.rpc.frames import encode, wrap
from enhanced_prompt_service.rpc.guard import Guard
from enhanced_prompt_service.rpc.interceptors import (
    DrainingInterceptor,
    IdentityInterceptor,
    LoggingInterceptor,
    RequestIdInterceptor,
)
from enhanced_prompt_service.rpc.live import LiveCalls
from enhanced_prompt_service.rpc.registry import Method, compose
from enhanced_prompt_service.rpc.validate import Validator
from enhanced_prompt_service.turns import TakenFrame

ROUNDS, CALLS, FRAMES = 15, 2_000, 20_000


class Context:
    """grpc's context as far as the layers use it; the network takes everything at once."""

    async def write(self, message: Any) -> None: ...
    async def read(self) -> Any: ...
    async def send_initial_metadata(self, metadata: Any) -> None: ...
    def set_trailing_metadata(self, metadata: Any) -> None: ...
    def invocation_metadata(self) -> Any:
        return (("user-agent", "measure"),)

    def time_remaining(self) -> None: ...
    def code(self) -> None: ...


class Stock(AsyncServerInterceptor):
    """An interceptor as grpc-interceptor's documentation writes one."""

    async def intercept(self, method: Any, request: Any, context: Any, method_name: str) -> Any:
        response = method(request, context)
        return response if hasattr(response, "__aiter__") else await response


def logger() -> Any:
    return structlog.wrap_logger(
        structlog.PrintLogger(io.StringIO()),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(20),
        cache_logger_on_first_use=True,
    )


async def best(run: Callable[[], Awaitable[Any]], per: int) -> float:
    """CPU microseconds of one of `per` units, in the best of many rounds."""
    found: list[float] = []
    for _ in range(ROUNDS):
        began = time.process_time()
        await run()
        found.append((time.process_time() - began) / per * 1e6)
    return min(found)


async def unary(_: Any, __: Any) -> bytes:
    return b""


async def writer(_: Any, call: Any) -> None:
    for _number in range(FRAMES):
        await call.write(b"x" * 40)


async def generator(_: Any, __: Any) -> Any:
    for _number in range(FRAMES):
        yield b"x" * 40


async def composed(
    handler: Any, *, streaming: bool, interceptors: Sequence[Any], guard: Guard | None
) -> Any:
    """The behaviour with its layers, called as grpc calls it."""
    made = make_handler(handler, request_streaming=False, response_streaming=streaming)
    if guard is not None:
        methods = await compose([Method("/m", made)], guard, interceptors)
        details: Any = type("Details", (), {"method": "/m"})
        return behaviour_of(methods.service(details))
    for interceptor in reversed(interceptors):
        inner = made

        async def give(_: Any, inner: Any = inner) -> Any:
            return inner

        wrap_handler: Any = interceptor.intercept_service
        made = await wrap_handler(give, type("Details", (), {"method": "/m"}))
    return behaviour_of(made)


async def calls(behaviour: Any) -> float:
    async def run() -> None:
        for _ in range(CALLS):
            await asyncio.create_task(behaviour(b"", Context()))

    return await best(run, CALLS)


async def frames(behaviour: Any) -> float:
    async def run() -> None:
        context = Context()
        result = behaviour(b"", context)
        if hasattr(result, "__aiter__"):
            async for message in result:
                await context.write(message)
        else:
            await result

    return await best(run, FRAMES)


def say(what: str, microseconds: float) -> None:
    print(f"{what:<66}{microseconds:>9.2f} µs")


async def main() -> None:
    log = logger()
    live = LiveCalls()
    numbers = itertools.count()

    def guard() -> Guard:
        return Guard(new_incident=str, monotonic=time.monotonic, log=log, live=live)

    ours = [
        RequestIdInterceptor(lambda: f"request-{next(numbers)}"),
        LoggingInterceptor(log),
        DrainingInterceptor(live),
        IdentityInterceptor(),
    ]
    names = ["+ request id", "+ two log lines", "+ drain", "+ identity"]
    print("once a call (unary)")
    say("task and bare handler", await calls(unary))
    say(
        "guard", await calls(await composed(unary, streaming=False, interceptors=[], guard=guard()))
    )
    for count, name in enumerate(names, 1):
        chain = await composed(unary, streaming=False, interceptors=ours[:count], guard=guard())
        say(f"guard {name}" if count == 1 else f"  {name}", await calls(chain))

    async def assembling() -> None:
        for _ in range(CALLS):
            await composed(unary, streaming=False, interceptors=ours, guard=None)

    say("building that chain, which grpc would do for each call", await best(assembling, CALLS))

    print("once a frame")
    say("bare handler that writes", await frames(writer))
    three = [Stock(), Stock(), Stock()]
    for name, handler in (("writer", writer), ("generator", generator)):
        behaviour = await composed(handler, streaming=True, interceptors=three, guard=None)
        say(f"{name} under three interceptors as they come", await frames(behaviour))
        behaviour = await composed(handler, streaming=True, interceptors=ours, guard=guard())
        say(f"{name} under the guard and our four", await frames(behaviour))

    print("beside them")
    frame = Frame("turn_0123456789abcdef", 1, 7, TextDelta("several words of text"))
    taken = TakenFrame(FrameKind.TEXT_DELTA, 7, 6, encode(frame), frame.payload)
    request = prompt_service_pb2.AskRequest(
        query="what happened in camera 3 today?",
        conversation_id="shift-7",
        request_id="6f1c1f4e",
        detail=turns_pb2.DETAIL_REASONING,
        time_zone="Europe/Rome",
        filter=turns_pb2.QuestionFilter(cameras=["G330", "G331"], min_confidence=0.3),
    )
    batch = event_service_pb2.BatchIngestEventsRequest(
        events=event_service_pb2.EventBatch(events=[events_pb2.Event()] * 1000)
    )
    validator = Validator(apart=("enhanced_prompt.v1.Event",))
    for what, work in (
        ("encoding a text frame, once for all readers", lambda: encode(frame)),
        ("wrapping it for one reader", lambda: wrap(taken)),
        ("checking a full AskRequest", lambda: validator.check(request)),
        ("checking a batch of 1,000 events but the events", lambda: validator.check(batch)),
    ):

        async def run(work: Callable[[], Any] = work) -> None:
            for _ in range(CALLS):
                work()

        say(what, await best(run, CALLS))


if __name__ == "__main__":
    uvloop.run(main())
