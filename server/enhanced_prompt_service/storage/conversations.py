"""Conversations, read back from their turns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, and_, literal_column, or_, select

from ..domain.answers import PromptResponse
from ..domain.conversations import Conversation, ConversationSummary, Message, Role
from ..domain.errors import NotFound, Reason
from ..domain.identity import Caller
from ..domain.stores import Page
from ..domain.turns import TurnState
from . import codec, page_tokens
from .instants import from_us
from .session import Session
from .tables import conversations, turns
from .words import storable

_MOST = 1000

MESSAGE_COLUMNS = (
    turns.c.turn_id,
    turns.c.conversation_turn,
    turns.c.query,
    turns.c.request_id,
    turns.c.created_us,
    turns.c.response,
)
"""Of a turn: what its two messages are made of."""


def get(session: Session, caller: Caller, conversation_id: str) -> Conversation:
    """The whole conversation: messages and responses of its turns that have a response."""
    row = row_of(session, caller, conversation_id)
    stored = session.execute(
        select(*MESSAGE_COLUMNS)
        .where(
            turns.c.tenant == caller.tenant,
            turns.c.user_id == caller.user,
            turns.c.conversation_id == row.conversation_id,
            turns.c.response.is_not(None),
        )
        .order_by(turns.c.conversation_turn)
    )
    messages: list[Message] = []
    responses: list[PromptResponse] = []
    for turn in stored:
        response = codec.load_response(turn.response)
        responses.append(response)
        messages += messages_of(turn, response)
    return Conversation(
        summary_of(row), tuple(messages), tuple(responses), _running_turn(session, row)
    )


def row_of(session: Session, caller: Caller, conversation_id: str) -> Row[*tuple[Any, ...]]:
    """The row of one of the caller's own. Raises NotFound (CONVERSATION_NOT_FOUND)."""
    row = session.execute(
        select(conversations).where(
            conversations.c.tenant == caller.tenant,
            conversations.c.user_id == caller.user,
            conversations.c.conversation_id == storable(conversation_id),
        )
    ).one_or_none()
    if row is None:
        raise NotFound("conversation", conversation_id, reason=Reason.CONVERSATION_NOT_FOUND)
    return row


def messages_of(turn: Row[*tuple[Any, ...]], response: PromptResponse) -> tuple[Message, Message]:
    """A turn's question and answer, from a row with the columns of `MESSAGE_COLUMNS`."""
    return (
        Message(
            role=Role.USER,
            content=codec.load_text(turn.query),
            timestamp=from_us(turn.created_us),
            turn_id=turn.turn_id,
            conversation_turn=turn.conversation_turn,
            message_id=turn.request_id,
        ),
        Message(
            role=Role.ASSISTANT,
            content=response.answer.response,
            timestamp=response.timestamp,
            turn_id=turn.turn_id,
            conversation_turn=turn.conversation_turn,
            metadata=response.answer.metadata,
            message_id=response.message_id,
        ),
    )


def _running_turn(session: Session, row: Row[*tuple[Any, ...]]) -> str:
    found = session.execute(
        select(turns.c.turn_id).where(
            turns.c.tenant == row.tenant,
            turns.c.user_id == row.user_id,
            turns.c.conversation_id == row.conversation_id,
            turns.c.state == literal_column("'running'"),  # as the partial index says it
        )
    ).scalar_one_or_none()
    return found or ""


def page(
    session: Session, caller: Caller, page_size: int, page_token: str
) -> Page[ConversationSummary]:
    """Newest activity first; ties by conversation_id."""
    arguments: Mapping[str, object] = {"list": "conversations"}
    key = session.page_key()
    size = max(1, min(page_size, _MOST))
    column = conversations.c
    query = select(conversations).where(
        column.tenant == caller.tenant, column.user_id == caller.user
    )
    if page_token:
        at, after = page_tokens.read(key, caller, arguments, page_token)
        query = query.where(
            column.last_activity_us <= at,
            or_(column.last_activity_us < at, and_(column.conversation_id > after)),
        )
    rows = session.execute(
        query.order_by(column.last_activity_us.desc(), column.conversation_id).limit(size + 1)
    ).all()
    token = ""
    if len(rows) > size:
        last = rows[size - 1]
        token = page_tokens.make(
            key, caller, arguments, [last.last_activity_us, last.conversation_id]
        )
    return Page(tuple(summary_of(row) for row in rows[:size]), token)


def recent(
    session: Session, caller: Caller, conversation_id: str, limit: int
) -> list[PromptResponse]:
    """The last completed turns, oldest first."""
    found = session.execute(
        select(turns.c.response)
        .where(
            turns.c.tenant == caller.tenant,
            turns.c.user_id == caller.user,
            turns.c.conversation_id == storable(conversation_id),
            turns.c.state == TurnState.COMPLETED.value,
        )
        .order_by(turns.c.conversation_turn.desc())
        .limit(max(0, limit))
    ).scalars()
    return [codec.load_response(one) for one in found if one is not None][::-1]


def summary_of(row: Row[*tuple[Any, ...]], prefix: str = "") -> ConversationSummary:
    """A conversation as a list shows it, from a row whose columns have this prefix."""
    of = row._mapping  # pyright: ignore[reportPrivateUsage]
    return ConversationSummary(
        conversation_id=of[f"{prefix}conversation_id"],
        user=of[f"{prefix}user_id"],
        title=of[f"{prefix}title"],
        created_at=from_us(of[f"{prefix}created_us"]),
        last_activity=from_us(of[f"{prefix}last_activity_us"]),
        turns=of[f"{prefix}stored_turns"],
    )
