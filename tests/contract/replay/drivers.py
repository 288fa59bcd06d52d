"""Ways to a turn. Closing a stream of frames before its end is the cut."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Protocol

import grpc
import grpc.aio

from enhanced_prompt.v1 import history_service_pb2
from enhanced_prompt.v1 import prompt_service_pb2 as pb
from enhanced_prompt_service.app import App
from enhanced_prompt_service.domain.errors import ServiceError
from enhanced_prompt_service.domain.identity import Caller
from enhanced_prompt_service.rpc.convert.turns import kinds_wanted, turn_request
from enhanced_prompt_service.rpc.frames import wrap
from enhanced_prompt_service.turns import Attached

Frames = AsyncGenerator[bytes, None]
"""WatchTurnResponse messages (AskResponse is the same on the wire), serialised."""


class Refused(Exception):
    """A stream ended with a status other than OK."""


class Driver(Protocol):
    """One way to the turns of a service. Streams raise Refused at their end, or end."""

    def ask(self, request: pb.AskRequest) -> Frames:
        """Begin a turn, or join the one with this request_id."""
        ...

    def watch(self, request: pb.WatchTurnRequest) -> Frames:
        """Read a turn from after a sequence on."""
        ...

    async def stored(self, conversation_id: str) -> list[tuple[str, str]]:
        """Turn ids and texts of a conversation's stored answers, oldest first."""
        ...


class InProcess:
    """The turns as the composition root builds them; no network."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def ask(self, request: pb.AskRequest) -> Frames:
        attached = await self._app.turns.start(Caller(), turn_request(request))
        async with aclosing(self._read(attached, request)) as frames:
            async for frame in frames:
                yield frame

    async def watch(self, request: pb.WatchTurnRequest) -> Frames:
        try:
            attached = await self._app.turns.attach(
                Caller(),
                request.turn_id,
                attempt=request.attempt,
                after_sequence=request.after_sequence,
            )
        except ServiceError as error:
            raise Refused(error.message) from error
        async with aclosing(self._read(attached, request)) as frames:
            async for frame in frames:
                yield frame

    async def stored(self, conversation_id: str) -> list[tuple[str, str]]:
        found = await self._app.stores.conversations.recent_turns(Caller(), conversation_id, 100)
        return [(one.turn_id, one.answer.response) for one in found]

    async def _read(
        self, attached: Attached, request: pb.AskRequest | pb.WatchTurnRequest
    ) -> Frames:
        with attached:
            cursor = attached.cursor(kinds_wanted(request.detail, request.frame_kinds))
            while True:
                try:
                    taken = await cursor.take()
                except StopAsyncIteration:
                    return
                assert taken is not None
                yield wrap(taken)
                if taken.closing:
                    return


class OverTcp:
    """Raw calls; each goes over any of the channels. `address` is where others may connect."""

    def __init__(
        self, channels: Sequence[grpc.aio.Channel], draw: random.Random | None = None
    ) -> None:
        self._channels = channels
        self.address = ""
        self._draw = draw or random.Random()

    def ask(self, request: pb.AskRequest) -> Frames:
        return self._stream("Ask", request)

    def watch(self, request: pb.WatchTurnRequest) -> Frames:
        return self._stream("WatchTurn", request)

    async def stored(self, conversation_id: str) -> list[tuple[str, str]]:
        listing: Any = self._draw.choice(self._channels).unary_unary(
            "/enhanced_prompt.v1.HistoryService/ListMessages",
            history_service_pb2.ListMessagesRequest.SerializeToString,
            history_service_pb2.ListMessagesResponse.FromString,
        )
        try:
            found = await listing(
                history_service_pb2.ListMessagesRequest(conversation_id=conversation_id)
            )
        except grpc.aio.AioRpcError as error:
            raise Refused(f"{error.code().name}: {error.details()}") from error
        return answers_in(found)

    async def _stream(self, method: str, request: Any) -> Frames:
        opened: Any = self._draw.choice(self._channels).unary_stream(
            f"/enhanced_prompt.v1.PromptService/{method}",
            type(request).SerializeToString,
            None,  # bytes, as they came
        )
        call = opened(request)
        try:
            async for raw in call:
                yield raw
        except grpc.aio.AioRpcError as error:
            raise Refused(f"{error.code().name}: {error.details()}") from error
        finally:
            call.cancel()


def answers_in(found: history_service_pb2.ListMessagesResponse) -> list[tuple[str, str]]:
    """Turn ids and texts of the answers in a page of messages."""
    return [
        (one.turn_id, one.content)
        for one in found.messages
        if one.role == history_service_pb2.MESSAGE_ROLE_ASSISTANT
    ]
