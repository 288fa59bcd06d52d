"""Messages by their words: best match first, then newest, with the places of the words.

Ranks change with every message stored, so a page begins at a count, not behind a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import ColumnElement, Row, and_, bindparam, func, literal_column, select

from ..domain.conversations import MessageMatch, MessageSearch, Role
from ..domain.identity import Caller
from ..domain.stores import Page
from . import codec, dialects, page_tokens
from .conversations import MESSAGE_COLUMNS, messages_of, summary_of
from .history_index import index_words
from .instants import to_us
from .listing import MOST
from .session import Session
from .tables import conversations, message_text, messages, turns
from .words import storable, terms, word_spans

_OPEN, _CLOSE = "<", ">"  # not part of any indexed word


def search(
    session: Session, caller: Caller, asked: MessageSearch, page_size: int, page_token: str
) -> Page[MessageMatch]:
    """Messages that have every word asked for; none where nothing but stop words is asked."""
    within = asked.time_range
    arguments = {
        "list": "message search",
        "text": asked.text,
        "of": asked.conversation_id,
        "role": asked.role,
        "range": None if within is None else codec.interval(within),
    }
    key = session.page_key()
    size = max(1, min(page_size, MOST))
    skip = 0
    if page_token:
        skip = cast(int, page_tokens.read(key, caller, arguments, page_token)[0])
    sought = terms(asked.text)
    if not sought:
        return Page(())
    query = dialects.text_query(session, sought, every=True)
    rank = dialects.own_rank(session, message_text, usual=200)
    row = messages.c
    where = [row.tenant == caller.tenant, row.user_id == caller.user, _matches(session)]
    if asked.conversation_id:
        where.append(row.conversation_id == storable(asked.conversation_id))
    if asked.role is not None:
        where.append(row.role == asked.role.value)
    if within is not None:
        where += [row.written_us >= to_us(within.start), row.written_us < to_us(within.end)]
    found = session.execute(
        select(row.id, row.turn_id, row.role, rank.label("rank"))
        .where(message_text.c.rowid == row.id, *where)
        .order_by(rank, row.written_us.desc(), row.id.desc())
        .offset(skip)
        .limit(size + 1),
        {"text": query},
    ).all()
    page = found[:size]
    token = ""
    if len(found) > size:
        token = page_tokens.make(key, caller, arguments, [skip + size])
    return Page(tuple(_matched(session, caller, page, query)), token)


def _matched(
    session: Session, caller: Caller, page: Sequence[Row[*tuple[Any, ...]]], query: str
) -> list[MessageMatch]:
    """Whole matches, in the order of the rows."""
    turn_ids = sorted({one.turn_id for one in page})
    talk = conversations.c
    stored = {
        one.turn_id: one
        for one in session.execute(
            select(*MESSAGE_COLUMNS, *(column.label(f"of_{column.key}") for column in talk)).where(
                turns.c.tenant == caller.tenant,
                dialects.among(session, turns.c.turn_id, turn_ids),
                and_(
                    talk.tenant == turns.c.tenant,
                    talk.user_id == turns.c.user_id,
                    talk.conversation_id == turns.c.conversation_id,
                ),
            )
        )
    }
    found: list[MessageMatch] = []
    for one in page:
        turn = stored[one.turn_id]
        pair = messages_of(turn, codec.load_response(turn.response))
        message = pair[0 if one.role == Role.USER.value else 1]
        found.append(
            MessageMatch(
                conversation=summary_of(turn, "of_"),
                message=message,
                highlights=_highlights(session, one.id, message.content, query),
                score=-float(one.rank),
            )
        )
    return found


def _highlights(
    session: Session, number: int, content: str, query: str
) -> tuple[tuple[int, int], ...]:
    """Spans of the words that match: the database marks its own words, in their order."""
    if session.sqlite:
        marked = session.execute(
            select(func.highlight(literal_column("message_text"), 0, _OPEN, _CLOSE)).where(
                _matches(session), message_text.c.rowid == number
            ),
            {"text": query},
        ).scalar_one()
    else:
        marked = session.execute(
            select(
                func.ts_headline(
                    literal_column("'english'::regconfig"),
                    index_words(content),
                    dialects.tsquery_slot(),
                    f'HighlightAll=true, StartSel="{_OPEN}", StopSel="{_CLOSE}"',
                )
            ),
            {"text": query},
        ).scalar_one()
    inside = False
    spans: list[tuple[int, int]] = []
    for word, (_, start, end) in zip(str(marked).split(" "), word_spans(content), strict=False):
        if inside or _OPEN in word:
            spans.append((start, end))
        if _OPEN in word or _CLOSE in word:
            inside = word.rfind(_OPEN) > word.rfind(_CLOSE)
    return tuple(spans)


def _matches(session: Session) -> ColumnElement[bool]:
    if session.sqlite:
        return literal_column("message_text").op("MATCH")(bindparam("text"))
    return message_text.c.words.op("@@")(dialects.tsquery_slot())
