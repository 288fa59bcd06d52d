"""Messages of a conversation, and stored responses, a page at a time."""

from __future__ import annotations

from typing import cast

from sqlalchemy import or_, select

from ..domain.answers import PromptResponse
from ..domain.conversations import Message, ResponseFilter, Role
from ..domain.identity import Caller
from ..domain.stores import Page
from . import codec, page_tokens
from .conversations import MESSAGE_COLUMNS, messages_of, row_of
from .instants import to_us
from .session import Session
from .tables import turns
from .words import storable

MOST = 1_000
"""Rows of a page at most."""
_PARTS = {Role.USER: 0, Role.ASSISTANT: 1}


def messages(
    session: Session,
    caller: Caller,
    conversation_id: str,
    newest_first: bool,
    page_size: int,
    page_token: str,
) -> Page[Message]:
    """Messages in the order of their turns, a turn's question before its answer."""
    row = row_of(session, caller, conversation_id)
    arguments = {"list": "messages", "of": row.conversation_id, "newest_first": newest_first}
    key = session.page_key()
    size = max(1, min(page_size, MOST))
    number = turns.c.conversation_turn
    query = select(*MESSAGE_COLUMNS).where(
        turns.c.tenant == caller.tenant,
        turns.c.user_id == caller.user,
        turns.c.conversation_id == row.conversation_id,
        turns.c.response.is_not(None),
    )
    last: tuple[int, int] | None = None
    if page_token:
        turn, part = page_tokens.read(key, caller, arguments, page_token)
        last = (cast(int, turn), cast(int, part))
        query = query.where(number <= last[0] if newest_first else number >= last[0])
    # A page may begin and end inside a turn, and must see whether more follows.
    query = query.order_by(number.desc() if newest_first else number).limit(size // 2 + 2)
    found: list[Message] = []
    for stored in session.execute(query):
        pair = messages_of(stored, codec.load_response(stored.response))
        found += pair[::-1] if newest_first else pair
    if last is not None:
        found = [
            one for one in found if (_place(one) < last if newest_first else _place(one) > last)
        ]
    token = ""
    if len(found) > size:
        token = page_tokens.make(key, caller, arguments, [*_place(found[size - 1])])
    return Page(tuple(found[:size]), token)


def _place(message: Message) -> tuple[int, int]:
    return message.conversation_turn, _PARTS[message.role]


def responses(
    session: Session, caller: Caller, chosen: ResponseFilter, page_size: int, page_token: str
) -> Page[PromptResponse]:
    """Responses by when their turns ended, the newest first."""
    within = chosen.time_range
    arguments = {
        "list": "responses",
        "of": chosen.conversation_id,
        "type": chosen.response_type,
        "range": None if within is None else codec.interval(within),
    }
    key = session.page_key()
    size = max(1, min(page_size, MOST))
    row = turns.c
    query = select(row.ended_us, row.turn_id, row.response).where(
        row.tenant == caller.tenant, row.user_id == caller.user, row.response.is_not(None)
    )
    if chosen.conversation_id:
        query = query.where(row.conversation_id == storable(chosen.conversation_id))
    if chosen.response_type is not None:
        query = query.where(row.response_type == chosen.response_type.value)
    if within is not None:
        query = query.where(row.ended_us >= to_us(within.start), row.ended_us < to_us(within.end))
    if page_token:
        at, after = page_tokens.read(key, caller, arguments, page_token)
        query = query.where(row.ended_us <= at, or_(row.ended_us < at, row.turn_id < after))
    rows = session.execute(
        query.order_by(row.ended_us.desc(), row.turn_id.desc()).limit(size + 1)
    ).all()
    token = ""
    if len(rows) > size:
        token = page_tokens.make(
            key, caller, arguments, [rows[size - 1].ended_us, rows[size - 1].turn_id]
        )
    return Page(tuple(codec.load_response(one.response) for one in rows[:size]), token)
