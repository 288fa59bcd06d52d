"""PromptService: questions, and making ready for them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from datetime import datetime
from typing import Any, Protocol, cast

from google.protobuf.duration_pb2 import Duration

from enhanced_prompt.v1 import prompt_service_pb2 as pb
from enhanced_prompt.v1.chat_pb2 import ChatRequest

from ...domain.identity import Caller
from ...domain.prompts import GenerationPart
from ...domain.turns import Failed, FrameKind, TurnRequest, TurnRow
from ...domain.warming import Prewarmer, WarmPart, WarmStatus, Warmth
from ...turns import Attached
from ..beating import beating
from ..call import Call
from ..chat import Chat, ChatOptions
from ..convert.prompts import (
    classified_message,
    classify_ask,
    generated_part,
    optimize_ask,
    optimized_message,
)
from ..convert.turns import kinds_wanted, turn_request, turn_row
from ..errors import status_of_turn
from ..frames import heartbeat_message, turn_frame_of
from ..guard import Rejected
from ..leaving import LeavingOptions
from ..stream import Frames, write_turn
from ..toolbox import Toolbox

CLOSING_ONLY: frozenset[FrameKind] = frozenset()
_STATUSES = {
    WarmStatus.READY: pb.PREWARM_STATUS_READY,
    WarmStatus.INITIALIZING: pb.PREWARM_STATUS_INITIALIZING,
    WarmStatus.DEGRADED: pb.PREWARM_STATUS_DEGRADED,
}


class StartsTurns(Protocol):
    """What this service needs of `turns.Turns`."""

    async def start(self, caller: Caller, request: TurnRequest) -> Attached:
        """Begin a turn, or join the one that has this request_id."""
        ...

    async def attach(
        self, caller: Caller, turn_id: str, *, attempt: int = 0, after_sequence: int = 0
    ) -> Attached:
        """Read a turn from after a sequence on."""
        ...

    async def cancel(self, caller: Caller, turn_id: str) -> TurnRow:
        """Stop a turn; what was said so far is kept."""
        ...

    async def running_in(self, caller: Caller, conversation_id: str) -> str:
        """The conversation's running turn, on whichever replica; "" where none does."""
        ...


def _random_id(kind: str) -> str:
    return f"{kind}_{uuid.uuid4().hex}"


class PromptService:
    """All of it.

    `now` is real time; a stream that was idle for `heartbeat_s` seconds gets a heartbeat.
    `new_id` makes ids of chats and their conversations. Without a toolbox prompts are answered and
    nothing else is done with them.
    """

    def __init__(
        self,
        turns: StartsTurns,
        prewarmer: Prewarmer,
        *,
        now: Callable[[], datetime],
        heartbeat_s: float = 15.0,
        chat: ChatOptions | None = None,
        leaving: LeavingOptions | None = None,
        new_id: Callable[[str], str] = _random_id,
        toolbox: Toolbox | None = None,
    ) -> None:
        self._toolbox = toolbox or Toolbox()
        self._turns = turns
        self._prewarmer = prewarmer
        self._now = now
        self._heartbeat_s = heartbeat_s
        self._chat = chat or ChatOptions()
        self._leaving = leaving or LeavingOptions()
        self._new_id = new_id
        self._chats: set[Chat] = set()

    @property
    def waiting(self) -> int:
        """How many prompts wait in all chats."""
        return sum(chat.waiting for chat in self._chats)

    async def Ask(self, request: pb.AskRequest, call: Call) -> None:  # noqa: N802
        """Stream a turn. The reader leaves with this call, however it ends (rule 16)."""
        with await self._turns.start(call.caller, turn_request(request)) as attached:
            call.begins(attached.turn_id, streamed=True)
            cursor = attached.cursor(kinds_wanted(request.detail, request.frame_kinds))
            await self._write(call, attached, cursor)

    async def Answer(self, request: pb.AnswerRequest, call: Call) -> pb.AnswerResponse:  # noqa: N802
        """The same turn, its closing frame only."""
        with await self._turns.start(call.caller, turn_request(request)) as attached:
            call.begins(attached.turn_id, streamed=False)
            taken = await attached.cursor(CLOSING_ONLY).take()
            assert taken is not None
            if isinstance(taken.payload, Failed):
                raise Rejected(status_of_turn(taken.payload.error))
            return pb.AnswerResponse(turn=turn_frame_of(taken))

    async def Chat(self, requests: AsyncIterator[ChatRequest], call: Call) -> None:  # noqa: N802
        """Many turns on one stream."""
        chat = Chat(
            call,
            self._turns,
            self._chat,
            now=self._now,
            new_id=self._new_id,
            heartbeat_s=self._heartbeat_s,
            leaving=self._leaving,
            toolbox=self._toolbox,
        )
        self._chats.add(chat)
        try:
            await chat.run(requests)
        finally:
            self._chats.discard(chat)

    async def WatchTurn(self, request: pb.WatchTurnRequest, call: Call) -> None:  # noqa: N802
        """Stream a turn, running or ended, from a place in its log."""
        attached = await self._turns.attach(
            call.caller,
            request.turn_id,
            attempt=request.attempt,
            after_sequence=request.after_sequence,
        )
        with attached:
            call.noted["turn_id"] = attached.turn_id
            cursor = attached.cursor(kinds_wanted(request.detail, request.frame_kinds))
            await self._write(call, attached, cursor)

    async def _write(self, call: Call, attached: Attached, cursor: Frames) -> None:
        await write_turn(
            call,
            attached,
            cursor,
            heartbeat_s=self._heartbeat_s,
            now=self._now,
            leaving=self._leaving,
        )

    async def CancelTurn(  # noqa: N802
        self, request: pb.CancelTurnRequest, call: Call
    ) -> pb.CancelTurnResponse:
        """Stop a turn; says how it ended."""
        call.noted["turn_id"] = request.turn_id
        row = await self._turns.cancel(call.caller, request.turn_id)
        return pb.CancelTurnResponse(turn=turn_row(row))

    async def Prewarm(self, request: pb.PrewarmRequest, call: Call) -> pb.PrewarmResponse:  # noqa: N802
        """Warm what is cold, say what is ready."""
        found = await self._prewarmer.prewarm(
            call.caller,
            conversation_id=request.conversation_id,
            model=request.model,
            wait=request.wait,
        )
        return _prewarm_response(found)

    async def ClassifyIntent(  # noqa: N802
        self, request: pb.ClassifyIntentRequest, call: Call
    ) -> pb.ClassifyIntentResponse:
        """What a prompt is after."""
        found = await self._toolbox.classify(call.caller, classify_ask(request))
        return pb.ClassifyIntentResponse(classified=classified_message(found))

    async def OptimizePrompt(  # noqa: N802
        self, request: pb.OptimizePromptRequest, call: Call
    ) -> pb.OptimizePromptResponse:
        """A better prompt, and why it is better."""
        found = await self._toolbox.optimize(call.caller, optimize_ask(request))
        return pb.OptimizePromptResponse(optimized=optimized_message(found))

    async def GenerateContent(self, request: pb.GenerateContentRequest, call: Call) -> None:  # noqa: N802
        """Stream what is generated; losing the call stops it."""
        parts = await self._toolbox.generation(
            call.caller,
            request.source,
            model=request.model,
            max_output_tokens=request.max_output_tokens,
            temperature=request.temperature if request.HasField("temperature") else None,
        )
        stream = cast("AsyncGenerator[GenerationPart | None]", beating(parts, self._heartbeat_s))
        async with aclosing(stream):
            async for part in stream:
                fields: dict[str, Any]
                if part is None:
                    fields = {"heartbeat": heartbeat_message(self._now())}
                else:
                    elapsed = round((call.monotonic() - call.started_at) * 1000)
                    fields = generated_part(part, elapsed)
                await call.write(pb.GenerateContentResponse(**fields).SerializeToString())
                if call.first_token_at is None and "text_delta" in fields:
                    call.first_token_at = call.monotonic()


def _prewarm_response(found: Warmth) -> pb.PrewarmResponse:
    return pb.PrewarmResponse(
        status=_STATUSES[found.status],
        agent_id=found.agent_id,
        initialized=found.initialized,
        duration=_duration(found.duration_s),
        parts=[_part(one) for one in found.parts],
    )


def _part(found: WarmPart) -> pb.PrewarmPart:
    return pb.PrewarmPart(
        name=found.name,
        ready=found.ready,
        duration=_duration(found.duration_s),
        warmed_before=found.warmed_before,
        detail=found.detail,
    )


def _duration(seconds: float) -> Duration:
    found = Duration()
    found.FromNanoseconds(round(seconds * 1e9))
    return found
