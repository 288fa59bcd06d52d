"""CompatService: the HTTP paths of the service's predecessors, so that their clients go on working.

Nothing is decided here: turns, warmth, health, responses and insights are those of the other
services, in the predecessors' names. docs/migration.md says how to leave it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from google.api.httpbody_pb2 import HttpBody
from pydantic import BaseModel

from enhanced_prompt.v1 import compat_service_pb2 as pb

from ...domain.conversations import ResponseFilter
from ...domain.errors import InvalidArgument, Reason
from ...domain.identity import Caller
from ...domain.insights import InsightFilter, InsightReader
from ...domain.levels import LEVELS, StreamEvent, stream_events
from ...domain.metrics import LooksAtMetrics, Selection
from ...domain.stores import ConversationStore
from ...domain.turns import Failed, OnDisconnect, TurnRequest
from ...domain.warming import Prewarmer, WarmStatus
from ...payloads import insight_payload, response_payload
from ..call import Call
from ..errors import status_of_turn
from ..frames import turn_frame_of
from ..guard import Rejected
from ..leaving import LeavingOptions
from ._compat_metrics import write_metrics
from ._compat_turn import kinds_of, write_events
from ._pages import DEFAULT_PAGE, MOST_BYTES
from ._sse import document, json_document
from .metrics import looker_of
from .prompt import CLOSING_ONLY, StartsTurns

STREAM = "x-stream"
EVENTS = "x-stream-events"
_HEALTH_KEPT_S = 1.0
MAX_QUESTION = 8000


@dataclass(frozen=True, slots=True)
class CompatOptions:
    """Attributes:
    shown: Events of a stream whose client names none.
    models: What a question may choose among; a wish for another one is ignored.
    heartbeat_s: Silence after which a stream gets a comment.
    """

    shown: frozenset[StreamEvent] = LEVELS["L1"]
    models: tuple[str, ...] = ()
    heartbeat_s: float = 15.0


class CompatService:
    """All of it. `now` is real time, `monotonic` seconds. `may_audit` says who is told whose
    requests they were."""

    def __init__(
        self,
        turns: StartsTurns,
        prewarmer: Prewarmer,
        live: LooksAtMetrics,
        conversations: ConversationStore,
        insights: InsightReader,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        may_audit: Callable[[Caller], bool] = lambda _: False,
        leaving: LeavingOptions | None = None,
        options: CompatOptions | None = None,
    ) -> None:
        self._turns = turns
        self._prewarmer = prewarmer
        self._live = live
        self._conversations = conversations
        self._insights = insights
        self._now = now
        self._monotonic = monotonic
        self._may_audit = may_audit
        self._leaving = leaving or LeavingOptions()
        self._options = options or CompatOptions()
        self._healthy: HttpBody | None = None
        self._healthy_at = 0.0
        self._asking_health = asyncio.Lock()

    # ---- questions ------------------------------------------------------------------------------

    async def AskStream(self, request: pb.AskStreamRequest, call: Call) -> None:  # noqa: N802
        """A turn, streamed where the caller says so, else as one document."""
        query = _question((("question", request.question), ("query", request.query)))
        asked = self._asked(query, request.conversation_id)
        if (call.header(STREAM) or "").strip().lower() == "true":
            await self._stream(asked, call)
        else:
            await self._answer(asked, call)

    async def CreateChatCompletion(  # noqa: N802
        self, request: pb.CreateChatCompletionRequest, call: Call
    ) -> None:
        """A turn, streamed."""
        said = [one.content for one in request.messages if one.role.strip().lower() == "user"]
        query = _question(
            (
                ("question", request.question),
                ("query", request.query),
                ("message", request.message),
                ("messages", said[-1] if said else ""),
            )
        )
        await self._stream(self._asked(query, request.conversation_id, request.model), call)

    def _asked(self, query: str, conversation_id: str, model: str = "") -> TurnRequest:
        # These clients can't come back to a turn. One that went and asks again would be told that
        # its conversation is busy.
        return TurnRequest(
            query=query,
            conversation_id=conversation_id,
            on_disconnect=OnDisconnect.CANCEL,
            model=model if model in self._options.models else "",
        )

    async def _stream(self, asked: TurnRequest, call: Call) -> None:
        shown = self._shown(call)
        with await self._turns.start(call.caller, asked) as attached:
            call.begins(attached.turn_id, streamed=True)
            cursor = attached.cursor(kinds_of(shown))
            await write_events(call, cursor, shown, heartbeat_s=self._options.heartbeat_s)

    async def _answer(self, asked: TurnRequest, call: Call) -> None:
        with await self._turns.start(call.caller, asked) as attached:
            call.begins(attached.turn_id, streamed=False)
            taken = await attached.cursor(CLOSING_ONLY).take()
            assert taken is not None
            if isinstance(taken.payload, Failed):
                raise Rejected(status_of_turn(taken.payload.error))
            frame = turn_frame_of(taken)
            ended = frame.completed if frame.HasField("completed") else frame.cancelled
            answer = {
                "answer": ended.response.response,
                "conversation_id": attached.conversation_id,
            }
            await call.write(json_document(answer))

    def _shown(self, call: Call) -> frozenset[StreamEvent]:
        given = call.header(EVENTS)
        if given is None or not given.strip():
            return self._options.shown
        try:
            return stream_events(given)
        except ValueError as error:
            raise InvalidArgument.of(EVENTS, str(error)) from None

    # ---- warmth, health, numbers ----------------------------------------------------------------

    async def GetChatbotPrewarm(  # noqa: N802
        self, request: pb.GetChatbotPrewarmRequest, call: Call
    ) -> HttpBody:
        """Begin to warm what is cold, say whether anything is."""
        del request
        found = await self._prewarmer.prewarm(call.caller)
        ready = found.status is WarmStatus.READY
        return json_document(
            {
                "status": "ready" if ready else "initializing",
                "agent_id": found.agent_id,
                "initialized": ready,
            }
        )

    async def GetChatbotHealth(  # noqa: N802
        self, request: pb.GetChatbotHealthRequest, call: Call
    ) -> HttpBody:
        """Anybody may ask, so everybody who asks within a second gets the same answer."""
        del request, call
        async with self._asking_health:
            body = self._healthy
            if body is None or self._monotonic() - self._healthy_at > _HEALTH_KEPT_S:
                body = self._healthy = await self._look()
                self._healthy_at = self._monotonic()
        return body

    async def _look(self) -> HttpBody:
        found = await self._live.system_health()
        return json_document(
            {
                "status": found.status.name.lower(),
                "agent_initialized": found.agent_initialized,
                "agent_id": found.agent_id,
                "timestamp": found.time.isoformat(),
                # What went wrong, and where, is for those who prove who they are.
                "providers": {one.model: one.status.name.lower() for one in found.providers},
                "stores": {
                    one.name: one.status.name.lower()
                    for one in found.components
                    if one.name != "agent"
                },
            }
        )

    async def StreamMetrics(self, request: pb.StreamMetricsRequest, call: Call) -> None:  # noqa: N802
        """Live numbers, until the caller goes."""
        del request
        looker = looker_of(call.caller, self._may_audit)
        async with self._live.subscribe(looker, Selection()) as subscription:
            await write_metrics(
                call,
                subscription,
                looker,
                heartbeat_s=self._options.heartbeat_s,
                leaving=self._leaving,
            )

    # ---- dashboards -----------------------------------------------------------------------------

    async def ListDashboardPromptResponses(  # noqa: N802
        self, request: pb.ListDashboardPromptResponsesRequest, call: Call
    ) -> HttpBody:
        """The caller's own, newest first."""
        page = await self._conversations.list_responses(
            call.caller, ResponseFilter(), page_size=request.limit or DEFAULT_PAGE
        )
        return _array(response_payload(one) for one in page.items)

    async def ListDashboardProactiveInsights(  # noqa: N802
        self, request: pb.ListDashboardProactiveInsightsRequest, call: Call
    ) -> HttpBody:
        """Those of the tenant that the caller may see, newest first."""
        page = await self._insights.page(
            call.caller,
            InsightFilter(),
            now=self._now(),
            page_size=request.limit or DEFAULT_PAGE,
        )
        return _array(insight_payload(one) for one in page.items)


def _question(given: Iterable[tuple[str, str]]) -> str:
    """The first that is there. Raises InvalidArgument, which names the first where none is."""
    fields = list(given)
    for name, text in fields:
        if not text.strip():
            continue
        if len(text) > MAX_QUESTION:
            raise InvalidArgument.of(
                name,
                f"must have at most {MAX_QUESTION:,} characters, has {len(text):,}",
                reason=Reason.LIMIT_EXCEEDED,
            )
        return text
    first, *others = (name for name, _ in fields)
    raise InvalidArgument.of(
        first,
        f"is required (or one of: {', '.join(others)})",
        reason=Reason.REQUIRED_FIELD_MISSING,
    )


def _array(payloads: Iterable[BaseModel]) -> HttpBody:
    """A bare array; what would make it too large for a message is left out."""
    parts: list[bytes] = []
    room = MOST_BYTES
    for one in payloads:
        part = one.model_dump_json().encode()
        room -= len(part) + 1
        if room < 0 and parts:
            break
        parts.append(part)
    return document(b"[" + b",".join(parts) + b"]")
