"""Turn rows: one a question, closed once (rules 9, 10, 12 and 13 of docs on streams)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Insert,
    Row,
    Select,
    SelectBase,
    Update,
    bindparam,
    func,
    select,
)

from ..domain.answers import PromptResponse, Usage
from ..domain.conversations import ConversationStamp
from ..domain.errors import Conflict, NotFound, Reason
from ..domain.identity import Caller
from ..domain.outbox import Outgoing
from ..domain.turns import TurnError, TurnRow, TurnState
from . import codec, deletion, dialects, history_index, leases, model_calls, outbox
from .failures import RunAgain
from .instants import from_us, to_us
from .session import Session
from .tables import conversations, turns
from .words import storable

KEPT = timedelta(hours=24)
"""How long a request_id is remembered."""
_TITLE = 80  # characters of the first question

_RUNNING = TurnState.RUNNING.value
_CLOSED = (
    *("state", "ended_us", "response", "error", "usage"),
    *("response_type", "confidence", "processing_ms", "evidence_count"),
)
_RUNNER_LOST = TurnError(
    Reason.RUNNER_LOST, "the process that ran this turn is gone", retryable=True
)


def begin(
    session: Session,
    caller: Caller,
    *,
    turn_id: str,
    conversation_id: str,
    message_id: str,
    request_id: str,
    request_hash: str,
    query: str,
    runner: str,
    now: datetime,
) -> TurnRow:
    """Insert a running turn, or find the one of this request."""
    request_id, message_id = storable(request_id), storable(message_id)
    conversation_id = storable(conversation_id)
    if request_id:
        known = _known_request(session, caller, request_id, now)
        if known is not None:
            return _join(session, caller, known, request_hash, runner, now)
        deletion.refuse_deleted(session, caller, request_id, now)
    number, stamp = _next_number(session, caller, conversation_id, query, now)
    row = TurnRow(
        turn_id=turn_id,
        tenant=caller.tenant,
        user=caller.user,
        conversation_id=conversation_id,
        conversation_turn=number,
        message_id=message_id,
        request_id=request_id,
        request_hash=request_hash,
        attempt=1,
        runner=runner,
        state=TurnState.RUNNING,
        query=query,
        created_at=now,
        stamp=stamp,
    )
    if not _insert(session, row):
        if not request_id or _known_request(session, caller, request_id, now) is None:
            _refuse_second(session, caller, conversation_id, now)
            if _insert(session, row):
                return row
        # The same request came in over another connection meanwhile, or the other turn has ended.
        raise RunAgain
    return row


def _insert(session: Session, row: TurnRow) -> bool:
    """Insert a running turn; False where one of the conversation or of the request is there."""

    def build() -> Insert:
        return (
            dialects.insert(session, turns)
            .values({name: bindparam(name, None) for name in values})
            .on_conflict_do_nothing()
            .returning(turns.c.turn_id)
        )

    values = {
        "tenant": row.tenant,
        "turn_id": row.turn_id,
        "user_id": row.user,
        "conversation_id": row.conversation_id,
        "conversation_turn": row.conversation_turn,
        "message_id": row.message_id,
        "request_id": row.request_id,
        "request_key": row.request_id or None,
        "request_hash": row.request_hash,
        "attempt": row.attempt,
        "runner": row.runner,
        "state": row.state.value,
        "query": codec.dump(row.query),
        "created_us": to_us(row.created_at),
    }
    return session.run("insert turn", build, values).one_or_none() is not None


def _known_request(
    session: Session, caller: Caller, request_id: str, now: datetime
) -> TurnRow | None:
    """The turn that holds this request_id; one that is too old lets go of it."""
    row = session.execute(_mine(caller).where(turns.c.request_key == request_id)).one_or_none()
    if row is None:
        return None
    known = _turn(row)
    if known.state.ended and known.created_at < now - KEPT:
        session.execute(
            turns.update()
            .where(turns.c.tenant == caller.tenant, turns.c.turn_id == known.turn_id)
            .values(request_key=None)
        )
        return None
    return known


def _join(
    session: Session,
    caller: Caller,
    known: TurnRow,
    request_hash: str,
    runner: str,
    now: datetime,
) -> TurnRow:
    """The turn of a repeated request; what failed retryably runs again under a new attempt."""
    if known.request_hash != request_hash:
        raise Conflict(
            "the request_id was used for another request",
            reason=Reason.REQUEST_ID_REUSED,
            metadata={"turn_id": known.turn_id},
        )
    if not _runs_again(session, known):
        return known
    _lock_conversation(session, caller, known.turn_id)
    known = _get(session, caller, known.turn_id)
    if not _runs_again(session, known):
        return known
    if known.state.ended:
        _refuse_second(session, caller, known.conversation_id, now)
    session.execute(
        turns.update()
        .where(turns.c.tenant == caller.tenant, turns.c.turn_id == known.turn_id)
        .values(
            state=_RUNNING,
            attempt=known.attempt + 1,
            runner=runner,
            ended_us=None,
            response=None,
            error=None,
            usage=None,
            cancel_us=None,
        )
    )
    again = _get(session, caller, known.turn_id)
    return replace(again, stamp=_stamp(session, again))


def _stamp(session: Session, turn: TurnRow) -> ConversationStamp:
    row = conversations.c
    found = session.execute(
        select(row.created_us, row.stored_turns).where(
            row.tenant == turn.tenant,
            row.user_id == turn.user,
            row.conversation_id == turn.conversation_id,
        )
    ).one()
    return ConversationStamp(from_us(found.created_us), found.stored_turns)


def _runs_again(session: Session, turn: TurnRow) -> bool:
    """Whether the next attempt may begin: after a failure that may pass, or when the process that
    runs the turn lost its lease."""
    if turn.state is TurnState.RUNNING:
        return not leases.alive(session, turn.runner)
    return turn.state is TurnState.FAILED and turn.error is not None and turn.error.retryable


def _lock_conversation(session: Session, caller: Caller, turn_id: str) -> None:
    """Let others wait who begin or close turns of this turn's conversation.

    Everybody locks the conversation before its turns, so that nobody waits in a circle. On SQLite
    everybody waits anyway.
    """
    if session.sqlite:
        return

    def build() -> SelectBase:
        row = conversations.c
        talk = (
            select(turns.c.conversation_id)
            .where(
                turns.c.tenant == bindparam("tenant", None),
                turns.c.user_id == bindparam("user", None),
                turns.c.turn_id == bindparam("turn", None),
            )
            .scalar_subquery()
        )
        return (
            select(row.last_turn)
            .where(
                row.tenant == bindparam("tenant", None),
                row.user_id == bindparam("user", None),
                row.conversation_id == talk,
            )
            .with_for_update()
        )

    values = {"tenant": caller.tenant, "user": caller.user, "turn": turn_id}
    session.run("lock conversation", build, values)


def _next_number(
    session: Session, caller: Caller, conversation_id: str, query: str, now: datetime
) -> tuple[int, ConversationStamp]:
    """The next number of a conversation, which is made where it is missing; others wait."""

    def build() -> Insert:
        row = conversations.c
        return (
            dialects.insert(session, conversations)
            .values({name: bindparam(name, None) for name in values})
            .on_conflict_do_update(
                index_elements=[row.tenant, row.user_id, row.conversation_id],
                set_={
                    "last_turn": row.last_turn + 1,
                    "last_activity_us": dialects.greatest(
                        session, row.last_activity_us, bindparam("now_us", None, BigInteger)
                    ),
                },
            )
            .returning(row.last_turn, row.created_us, row.stored_turns)
        )

    values = {
        "tenant": caller.tenant,
        "user_id": caller.user,
        "conversation_id": conversation_id,
        "title": storable(" ".join(query.split())[:_TITLE]),
        "created_us": to_us(now),
        "last_activity_us": to_us(now),
        "last_turn": 1,
        "stored_turns": 0,
    }
    last_turn, created_us, stored_turns = session.run(
        "next turn number", build, values | {"now_us": to_us(now)}
    ).one()
    return last_turn, ConversationStamp(from_us(created_us), stored_turns)


def _refuse_second(session: Session, caller: Caller, conversation_id: str, now: datetime) -> None:
    """Raise where another turn of the conversation runs; one whose process is gone is closed."""
    found = _running(session, caller, conversation_id)
    if found is None:
        return
    if leases.alive(session, found.runner):
        raise Conflict(
            "another turn of this conversation is running",
            reason=Reason.TURN_IN_PROGRESS,
            metadata={"turn_id": found.turn_id},
        )
    session.execute(
        turns.update()
        .where(turns.c.tenant == caller.tenant, turns.c.turn_id == found.turn_id)
        .values(
            state=TurnState.FAILED.value, ended_us=to_us(now), error=codec.dump_error(_RUNNER_LOST)
        )
    )


def finish(
    session: Session,
    caller: Caller,
    *,
    turn_id: str,
    attempt: int,
    state: TurnState,
    now: datetime,
    response: PromptResponse | None,
    error: TurnError | None,
    usage: Usage | None,
    outgoing: Sequence[Outgoing] = (),
) -> bool:
    """Close a running attempt, and write what it owes; False when it is not running any more."""
    if usage is None and response is not None:
        usage = response.usage
    values = {
        "of_tenant": caller.tenant,
        "of_turn": turn_id,
        "of_user": caller.user,
        "of_attempt": attempt,
        "was": _RUNNING,
        "state": state.value,
        "ended_us": to_us(now),
        "response": None if response is None else codec.dump_response(response),
        "error": None if error is None else codec.dump_error(error),
        "usage": None if usage is None else codec.dump_usage(usage),
        "response_type": None if response is None else response.answer.response_type.value,
        "confidence": None if response is None else response.answer.confidence_score,
        "processing_ms": None if response is None else response.processing_time_ms,
        "evidence_count": None if response is None else len(response.answer.evidence),
    }
    _lock_conversation(session, caller, turn_id)
    closed = session.run("close turn", _closing, values).one_or_none()
    if closed is None:
        return False
    conversation_id, created_us = closed
    if usage is not None:
        model_calls.add(session, caller, usage.calls, now, turn_id)
    if response is not None:
        history_index.add(session, caller, conversation_id, turn_id, created_us, response)
    _count_closed(session, caller, conversation_id, now, stored=response is not None)
    if outgoing:
        outbox.add(session, outgoing, now)
    return True


def _closing() -> Update:
    return (
        turns.update()
        .where(
            turns.c.tenant == bindparam("of_tenant", None),
            turns.c.turn_id == bindparam("of_turn", None),
            turns.c.user_id == bindparam("of_user", None),
            turns.c.attempt == bindparam("of_attempt", None),
            turns.c.state == bindparam("was", None),
        )
        .values({name: bindparam(name, None) for name in _CLOSED})
        .returning(turns.c.conversation_id, turns.c.created_us)
    )


def _count_closed(
    session: Session, caller: Caller, conversation_id: str, now: datetime, *, stored: bool
) -> None:
    def build() -> Update:
        row = conversations.c
        return (
            conversations.update()
            .where(
                row.tenant == bindparam("of_tenant", None),
                row.user_id == bindparam("of_user", None),
                row.conversation_id == bindparam("of_conversation", None),
            )
            .values(
                last_activity_us=dialects.greatest(
                    session, row.last_activity_us, bindparam("now_us", None, BigInteger)
                ),
                stored_turns=row.stored_turns + bindparam("stored", None, BigInteger),
            )
        )

    values = {
        "of_tenant": caller.tenant,
        "of_user": caller.user,
        "of_conversation": conversation_id,
        "now_us": to_us(now),
        "stored": int(stored),
    }
    session.run("count closed turn", build, values)


def get(session: Session, caller: Caller, turn_id: str) -> TurnRow:
    """One turn of the caller's own."""
    return _get(session, caller, turn_id)


def running(session: Session, caller: Caller, conversation_id: str) -> str:
    """The turn of a conversation that runs in a process that lives, "" where there is none."""
    found = _running(session, caller, storable(conversation_id))
    return found.turn_id if found is not None and leases.alive(session, found.runner) else ""


def _running(session: Session, caller: Caller, conversation_id: str) -> Row[tuple[str, str]] | None:
    """Id and runner of the one row that says RUNNING: by the index of running turns."""
    return session.execute(
        select(turns.c.turn_id, turns.c.runner).where(
            turns.c.tenant == caller.tenant,
            turns.c.user_id == caller.user,
            turns.c.conversation_id == conversation_id,
            turns.c.state == _RUNNING,
        )
    ).one_or_none()


def find_request(
    session: Session, caller: Caller, request_id: str, since: datetime
) -> TurnRow | None:
    """The newest turn of a request_id, begun at or after `since`."""
    row = session.execute(
        _mine(caller).where(
            turns.c.request_key == storable(request_id), turns.c.created_us >= to_us(since)
        )
    ).one_or_none()
    return None if row is None else _turn(row)


def fail_orphans(session: Session, runner_prefix: str, error: TurnError, now: datetime) -> int:
    """Close all running turns whose runner begins so and has no lease, whoever asked them."""
    mine = func.substr(turns.c.runner, 1, len(runner_prefix)) == runner_prefix
    return _fail(session, mine & ~leases.held(session), error, now)


def fail_lost(session: Session, after_s: float, now: datetime) -> int:
    """Close all running turns whose runner's lease ran out so long ago, and forget those leases."""
    failed = _fail(session, leases.ran_out(session, after_s), _RUNNER_LOST, now)
    leases.forget(session, after_s)
    return failed


def _fail(session: Session, which: ColumnElement[bool], error: TurnError, now: datetime) -> int:
    return session.execute(
        turns.update()
        .where(turns.c.state == _RUNNING, which)
        .values(state=TurnState.FAILED.value, ended_us=to_us(now), error=codec.dump_error(error))
    ).rowcount


def _get(session: Session, caller: Caller, turn_id: str) -> TurnRow:
    row = session.execute(_mine(caller).where(turns.c.turn_id == storable(turn_id))).one_or_none()
    if row is None:
        raise NotFound("turn", turn_id, reason=Reason.TURN_NOT_FOUND)
    return _turn(row)


def _mine(caller: Caller) -> Select[Any]:
    return select(turns).where(turns.c.tenant == caller.tenant, turns.c.user_id == caller.user)


def _turn(row: Row[*tuple[Any, ...]]) -> TurnRow:
    return TurnRow(
        turn_id=row.turn_id,
        tenant=row.tenant,
        user=row.user_id,
        conversation_id=row.conversation_id,
        conversation_turn=row.conversation_turn,
        message_id=row.message_id,
        request_id=row.request_id,
        request_hash=row.request_hash,
        attempt=row.attempt,
        runner=row.runner,
        state=TurnState(row.state),
        query=codec.load_text(row.query),
        created_at=from_us(row.created_us),
        ended_at=None if row.ended_us is None else from_us(row.ended_us),
        response=None if row.response is None else codec.load_response(row.response),
        error=None if row.error is None else codec.load_error(row.error),
        usage=Usage() if row.usage is None else codec.load_usage(row.usage),
    )
