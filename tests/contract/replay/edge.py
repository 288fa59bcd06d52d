"""Ways to a turn that lead through the gateway, and a gateway that is restarted meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeVar

import httpx

from enhanced_prompt.v1 import history_service_pb2, turns_pb2
from enhanced_prompt.v1 import prompt_service_pb2 as pb
from gateway.launch import Gateway
from tests.gateway import web

from .checker import CLOSING, kind_of
from .drivers import Driver, Frames, Refused, answers_in

T = TypeVar("T")
_STATUS = {"14": "UNAVAILABLE"}


class OverGrpcWeb:
    """As browsers call: grpc-web over HTTP/1.1, a connection for each stream."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    def ask(self, request: pb.AskRequest) -> Frames:
        return self._stream("Ask", request)

    def watch(self, request: pb.WatchTurnRequest) -> Frames:
        return self._stream("WatchTurn", request)

    async def stored(self, conversation_id: str) -> list[tuple[str, str]]:
        request = history_service_pb2.ListMessagesRequest(conversation_id=conversation_id)
        method = "HistoryService/ListMessages"
        async with aclosing(self._said(method, request)) as said:
            [found] = [one async for one in said]
        return answers_in(history_service_pb2.ListMessagesResponse.FromString(found))

    def _stream(self, name: str, request: Any) -> Frames:
        return self._said(f"PromptService/{name}", request)

    async def _said(self, method: str, request: Any) -> Frames:
        try:
            async with aclosing(web.stream(self._client, method, request)) as said:
                async for one in said:
                    if isinstance(one, bytes):
                        yield one
                        continue
                    if (status := one["grpc-status"]) != "0":
                        name = _STATUS.get(status, status)
                        raise Refused(f"{name}: {one.get('grpc-message')}")
                    return
        except httpx.TransportError as error:
            raise Refused(f"UNAVAILABLE: {error!r}") from error
        raise Refused("UNAVAILABLE: cut off")


class Restarts:
    """A gateway that is ended and started again each time that so many frames have passed."""

    def __init__(self, gateway: Gateway, every: int) -> None:
        self.count = 0
        self._gateway = gateway
        self._every = every
        self._passed = 0
        self._over = False
        self._due = asyncio.Event()
        self._up = asyncio.Event()
        self._up.set()

    def passed(self) -> None:
        """One more frame."""
        self._passed += 1
        if self._passed % self._every == 0:
            self._due.set()

    async def up(self) -> None:
        """Wait until it takes requests."""
        await self._up.wait()

    def end(self) -> None:
        """Let `run` return, once the gateway is up."""
        self._over = True
        self._due.set()

    async def run(self) -> None:
        """Restart it as often as it is due, until the end."""
        while await self._due.wait() and not self._over:
            self._up.clear()
            await asyncio.to_thread(self._gateway.stop)
            await asyncio.to_thread(self._gateway.start)
            if not self._over:
                self._due.clear()
            self.count += 1
            self._up.set()


class Reattaching:
    """A way whose streams are cut: each goes on with WatchTurn from the last frame that came."""

    def __init__(self, driver: Driver, restarts: Restarts) -> None:
        self.cut = 0
        self._driver = driver
        self._restarts = restarts

    def ask(self, request: pb.AskRequest) -> Frames:
        def again(last: turns_pb2.TurnFrame | None) -> Frames:
            if last is None:  # its request_id joins the turn, if there is one
                return self._driver.ask(request)
            watch = pb.WatchTurnRequest(
                detail=request.detail, frame_kinds=request.frame_kinds, turn_id=last.turn_id
            )
            return self._driver.watch(_after(last, watch))

        return self._whole(again)

    def watch(self, request: pb.WatchTurnRequest) -> Frames:
        return self._whole(lambda last: self._driver.watch(_after(last, request)))

    async def stored(self, conversation_id: str) -> list[tuple[str, str]]:
        return await self._unary(lambda: self._driver.stored(conversation_id))

    async def _unary(self, call: Callable[[], Awaitable[T]]) -> T:
        while True:
            await self._restarts.up()
            try:
                return await call()
            except Refused as error:
                if not _broken(error):
                    raise

    async def _whole(self, open_after: Callable[[turns_pb2.TurnFrame | None], Frames]) -> Frames:
        last: turns_pb2.TurnFrame | None = None
        while True:
            await self._restarts.up()
            try:
                async with aclosing(open_after(last)) as frames:
                    async for raw in frames:
                        message = pb.WatchTurnResponse.FromString(raw)
                        if message.HasField("turn"):
                            last = message.turn
                            self._restarts.passed()
                        yield raw
                    return
            except Refused as error:
                kind = None if last is None else kind_of(last)
                if kind == "failed" or not _broken(error):
                    raise
                if kind in CLOSING:  # only the trailers were cut off
                    return
            self.cut += last is not None


def _after(last: turns_pb2.TurnFrame | None, request: pb.WatchTurnRequest) -> pb.WatchTurnRequest:
    made = pb.WatchTurnRequest()
    made.CopyFrom(request)
    if last is not None:
        made.attempt = last.attempt
        made.after_sequence = last.sequence
    return made


def _broken(error: Refused) -> bool:
    """Whether it was the way that broke."""
    return str(error).startswith("UNAVAILABLE")
