"""Runs one attempt of a turn to its one end: answered, failed, or cancelled.

Nothing is shown as closed before it is stored: the closing frame follows the closing transaction,
and when that hits no row another runner has won and this result is discarded (rule 9).
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum

import structlog

from enhanced_prompt_service.domain.answers import (
    Answer,
    Interpretation,
    PromptResponse,
    QuestionType,
    ResponseType,
    Usage,
)
from enhanced_prompt_service.domain.clock import Clock
from enhanced_prompt_service.domain.errors import (
    Exhausted,
    Reason,
    ServiceError,
    Unavailable,
)
from enhanced_prompt_service.domain.identity import LOG_ID, Caller
from enhanced_prompt_service.domain.metrics import SCOPE, Delivered, EndedTurn, Scope
from enhanced_prompt_service.domain.stores import ConversationStore, TurnStore
from enhanced_prompt_service.domain.tracing import NO_TRACING, Tracing
from enhanced_prompt_service.domain.turns import (
    Cancelled,
    Completed,
    Failed,
    Reset,
    Started,
    TurnError,
    TurnRequest,
    TurnRow,
    TurnState,
)

from .context import Agent, Turn, TurnWriter
from .log import TurnLog
from .memory import HotMemory, Past, stored

_log = structlog.get_logger("eps.turns")

_TAKEN_OVER = TurnError(
    Reason.RUNNER_LOST,
    "another runner took this turn over; ask again with the same request_id",
    retryable=True,
)


class Stop(Enum):
    """Why a running turn is stopped from outside."""

    CANCEL = "cancel"  # somebody asked for it, or nobody watches
    DRAIN = "drain"  # this process is going away
    TAKEN_OVER = "taken over"  # another runner has begun the next attempt
    DELETED = "deleted"  # its conversation is gone: there is nothing to store it in


@dataclass(frozen=True, slots=True)
class RunnerParts:
    """What every attempt needs. `history_turns` is how many earlier turns an agent sees; `models`
    are those that a request may choose, empty where the agent looks at that itself.

    `ended` hears of each attempt that closed, `spoke` of how many seconds after it began its first
    text came; `delivered` counts pieces of text, `tracing` makes a span of each.
    """

    agent: Agent
    turns: TurnStore
    conversations: ConversationStore
    real_clock: Clock
    site_clock: Clock
    monotonic: Callable[[], float]
    timeout_s: float
    history_turns: int
    memory: HotMemory | None = None
    ended: Callable[[EndedTurn], None] = lambda turn: None
    spoke: Callable[[float], None] = lambda first_text_s: None
    delivered: Delivered = field(default_factory=Delivered)
    tracing: Tracing = NO_TRACING
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Ending:
    """What the closing transaction stores."""

    state: TurnState
    response: PromptResponse | None
    error: TurnError | None


class Attempt:
    """One attempt of one turn, from its row to its closing frame."""

    def __init__(
        self, parts: RunnerParts, caller: Caller, row: TurnRow, request: TurnRequest, log: TurnLog
    ) -> None:
        self._parts = parts
        self._caller = caller
        self._row = row
        self._request = request
        self._log = log
        self._started = parts.monotonic()
        self._writer = TurnWriter(log, parts.delivered, self._spoke)
        self._turn: Turn | None = None
        self._first_text_s: float | None = None
        self._ended_as: TurnState | None = None
        self._stop: Stop | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._unstored: _Ending | None = None
        self._past: Past | None = None
        self._answered: tuple[TurnState, PromptResponse] | None = None
        self._begin()

    def _begin(self) -> None:
        row = self._row
        if row.attempt > 1:
            self._log.append(Reset(row.attempt))
        self._log.append(
            Started(
                row.conversation_id,
                row.conversation_turn,
                row.message_id,
                self._request.model or self._parts.agent.model,
            )
        )

    @property
    def deleted(self) -> bool:
        """Whether it was stopped because its conversation is gone."""
        return self._stop is Stop.DELETED

    def stop(self, why: Stop) -> None:
        """Stop the agent at once; the attempt then closes itself. Idempotent.

        Too late once the attempt is closing: its result stands.
        """
        if self._stop is not None or self._closing:
            return
        self._stop = why
        if self._task is not None:
            self._task.cancel()

    async def run(self) -> None:
        """Run to the end. Raises nothing: every way to end has its frame."""
        self._task = asyncio.current_task()
        assert self._task is not None
        SCOPE.set(Scope(self._caller.tenant, self._caller.user, self._row.turn_id))
        span = self._parts.tracing.begin(
            "turn", {"eps.turn_id": self._row.turn_id, "eps.attempt": self._row.attempt}
        )
        try:
            await self._run()
        finally:
            if self._ended_as is not None:
                span.set({"eps.turn_state": self._ended_as.value})
            span.end("" if self._ended_as not in (None, TurnState.FAILED) else "turn_failed")

    async def _run(self) -> None:
        if self._stop is not None:  # stopped before the task had begun
            await self._close_stopped()
            return
        assert self._task is not None
        budget = asyncio.timeout(self._parts.timeout_s)
        try:
            async with budget:
                answer = await self._answer()
        except asyncio.CancelledError:
            if not self._task.cancelling():  # raised inside the agent: nobody asked for it
                await self._close_failed(self._incident())
                return
            # A stop is ours, and closing the turn is what it asks for; the task goes on for that.
            self._task.uncancel()
            await self._close_stopped()
        except TimeoutError:
            await self._close_failed(self._timed_out() if budget.expired() else self._incident())
        except ServiceError as error:
            retryable = isinstance(error, Unavailable | Exhausted)
            await self._close_failed(TurnError(error.reason, error.message, retryable))
        except Exception:
            await self._close_failed(self._incident())
        else:
            await self._close(TurnState.COMPLETED, self._response(answer))

    async def _answer(self) -> Answer:
        parts, request, row = self._parts, self._request, self._row
        self._past = await self._look_back()
        self._turn = Turn(
            caller=self._caller,
            turn_id=row.turn_id,
            attempt=row.attempt,
            conversation_id=row.conversation_id,
            conversation_turn=row.conversation_turn,
            request=request,
            history=self._past.turns,
            now=request.as_of or parts.site_clock.now(),
            writer=self._writer,
            tracing=parts.tracing,
        )
        return await parts.agent.answer(self._turn)

    async def _look_back(self) -> Past:
        """The answers before this one: out of hot memory where it has them, else out of SQL."""
        parts, row, past = self._parts, self._row, None
        # A conversation without answers has nothing to look back on: no query for it.
        nothing = row.conversation_turn <= 1 if row.stamp is None else not row.stamp.stored_turns
        if nothing or not parts.history_turns:
            return Past()
        if parts.memory is not None and row.stamp is not None:
            past = await parts.memory.recall(
                self._caller, row.conversation_id, row.stamp, parts.history_turns
            )
        if past is None:
            found = await parts.conversations.recent_turns(
                self._caller, row.conversation_id, parts.history_turns
            )
            past = Past(tuple(found))
        return past

    async def remember(self) -> None:
        """Keep what the conversation's next turn looks back on. After the end; raises nothing."""
        parts, row = self._parts, self._row
        memory, stamp, past, answered = parts.memory, row.stamp, self._past, self._answered
        if memory is None or stamp is None or past is None or answered is None:
            return
        if not parts.history_turns:
            return
        state, response = answered
        await memory.remember(
            self._caller,
            row.conversation_id,
            stored(stamp),
            past,
            response if state is TurnState.COMPLETED else None,  # cancelled ones are not shown
            parts.history_turns,
        )

    @property
    def _usage(self) -> Usage:
        return self._turn.usage if self._turn is not None else Usage()

    # ---- endings ------------------------------------------------------------------------------

    async def _close_stopped(self) -> None:
        if self._stop is Stop.DELETED:
            self._closing = True
            self._log.abandon(
                TurnError(
                    Reason.CONVERSATION_NOT_FOUND, "the conversation was deleted", retryable=False
                )
            )
            return
        if self._stop is Stop.TAKEN_OVER:
            self._closing = True
            self._log.abandon(_TAKEN_OVER)
            return
        if self._stop is Stop.CANCEL:
            await self._close(TurnState.CANCELLED, self._response(self._partial()))
            return
        await self._close_failed(
            TurnError(
                Reason.DRAINING,
                "the server is going away; ask again with the same request_id",
                retryable=True,
                partial_kept=bool(self._writer.said),
            )
        )

    async def _close_failed(self, error: TurnError) -> None:
        if await self._stored(TurnState.FAILED, error=error):
            self._log.append(Failed(error, self._usage))

    async def _close(self, state: TurnState, response: PromptResponse) -> None:
        if await self._stored(state, response=response):
            self._answered = (state, response)
            done = state is TurnState.COMPLETED
            self._log.append(Completed(response) if done else Cancelled(response))

    async def _stored(
        self,
        state: TurnState,
        *,
        response: PromptResponse | None = None,
        error: TurnError | None = None,
    ) -> bool:
        """The closing transaction. Where it can't be made the log is abandoned, never closed."""
        self._closing = True
        try:
            won = await self._finish(_Ending(state, response, error))
        except ServiceError as failure:
            self._unstored = _Ending(state, response, error)
            self._log.abandon(TurnError(failure.reason, failure.message, retryable=True))
            return False
        except asyncio.CancelledError:
            self._log.abandon(
                TurnError(Reason.RUNNER_LOST, "the runner was stopped", retryable=True)
            )
            return False
        except Exception:
            self._log.abandon(self._incident())
            return False
        if not won:
            self._log.abandon(_TAKEN_OVER)
            return False
        self._ended_as = state
        self._parts.ended(
            EndedTurn(
                turn_id=self._row.turn_id,
                state=state,
                seconds=self._parts.monotonic() - self._started,
                first_text_s=self._first_text_s,
                model=self._answered_by(response),
                usage=self._usage.calls,
            )
        )
        return True

    def _spoke(self) -> None:
        self._first_text_s = self._parts.monotonic() - self._started
        self._parts.spoke(self._first_text_s)

    def _answered_by(self, response: PromptResponse | None) -> str:
        """What answered, or was to answer where nothing did."""
        named = None if response is None else response.answer.metadata.get("ai_model")
        if isinstance(named, str) and named:
            return named
        return self._usage.calls[-1].model if self._usage.calls else self._parts.agent.model

    async def _finish(self, ending: _Ending) -> bool:
        return await self._parts.turns.finish(
            self._caller,
            turn_id=self._row.turn_id,
            attempt=self._row.attempt,
            state=ending.state,
            now=self._parts.real_clock.now(),
            response=ending.response,
            error=ending.error,
            usage=self._usage,
        )

    @property
    def unstored(self) -> bool:
        """Whether the attempt ended and its row still says RUNNING: the database was away."""
        return self._unstored is not None

    async def store_again(self) -> None:
        """Make the closing transaction that failed. Raises ServiceError where it fails again."""
        if self._unstored is not None:
            await self._finish(self._unstored)
            self._unstored = None

    def _timed_out(self) -> TurnError:
        limit = f"{self._parts.timeout_s:g} s"
        return TurnError(Reason.TURN_TIMEOUT, f"the turn took longer than {limit}", retryable=True)

    def _incident(self) -> TurnError:
        incident = uuid.uuid4().hex
        _log.exception("turn failed", incident_id=incident, turn_id=self._row.turn_id)
        return TurnError(
            Reason.TURN_FAILED,
            f"internal error, incident {incident}",
            retryable=False,
            partial_kept=False,
            incident_id=incident,
        )

    def _partial(self) -> Answer:
        """What was said and found before somebody stopped it."""
        writer = self._writer
        return Answer(
            response=writer.said,
            response_type=ResponseType.ANSWER,
            confidence_score=0.0,
            interpretation=writer.interpretation or Interpretation(QuestionType.RECAP),
            evidence=writer.evidence,
            total_matches=writer.total_matches,
            metadata={"cancelled": True},
        )

    def _response(self, answer: Answer) -> PromptResponse:
        row, parts = self._row, self._parts
        if log_id := self._caller.attribute(LOG_ID):
            answer = replace(answer, metadata={**answer.metadata, LOG_ID: log_id})
        return PromptResponse(
            turn_id=row.turn_id,
            message_id=row.message_id,
            timestamp=parts.real_clock.now(),
            conversation_id=row.conversation_id,
            user_id=self._caller.user,
            query=self._request.query,
            conversation_turn=row.conversation_turn,
            processing_time_ms=round((parts.monotonic() - self._started) * 1000),
            answer=answer,
            usage=self._usage,
        )
