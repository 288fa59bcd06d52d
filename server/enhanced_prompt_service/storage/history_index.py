"""What is kept beside a turn's response: its messages with their words, its cameras and topics.

Rows come with the closing transaction, and go with the conversation.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Insert,
    Text,
    bindparam,
    func,
    literal_column,
    select,
)

from ..domain.answers import PromptResponse
from ..domain.conversations import Role, cameras_of, topics_of
from ..domain.identity import Caller
from .instants import to_us
from .session import Session
from .tables import message_text, messages, turn_names
from .words import storable, words

CAMERA = "camera"
TOPIC = "topic"
_MOST_CHARACTERS = 200_000
"""Of a text's words: PostgreSQL takes no more than a megabyte of them."""


def add(
    session: Session,
    caller: Caller,
    conversation_id: str,
    turn_id: str,
    created_us: int,
    response: PromptResponse,
) -> None:
    """Index a turn's question and answer."""
    for role, text, written_us in (
        (Role.USER, response.query, created_us),
        (Role.ASSISTANT, response.answer.response, to_us(response.timestamp)),
    ):
        values = {
            "tenant": caller.tenant,
            "user_id": caller.user,
            "conversation_id": conversation_id,
            "turn_id": turn_id,
            "role": role.value,
            "written_us": written_us,
        }
        number = session.run("insert message", _new_message, values).scalar_one()

        def words_of() -> Insert:
            return _new_words(session)

        session.run("index message", words_of, {"number": number, "said": index_words(text)})
    answer = response.answer
    names = [(CAMERA, one) for one in cameras_of(answer)]
    names += [(TOPIC, one) for one in topics_of(answer)]
    rows = {(kind, storable(name)) for kind, name in names}
    session.execute(
        turn_names.insert(),
        [
            {"tenant": caller.tenant, "turn_id": turn_id, "kind": kind, "name": name}
            for kind, name in sorted(rows)
        ],
    )


def remove(session: Session, tenant: str, user: str, conversation_id: str) -> None:
    """Remove a conversation's messages, their words, and the names of its turns."""
    row = messages.c
    mine = (row.tenant == tenant, row.user_id == user, row.conversation_id == conversation_id)
    session.execute(
        turn_names.delete().where(
            turn_names.c.tenant == tenant,
            turn_names.c.turn_id.in_(select(row.turn_id).where(*mine)),
        )
    )
    session.execute(
        message_text.delete().where(message_text.c.rowid.in_(select(row.id).where(*mine)))
    )
    session.execute(messages.delete().where(*mine))


def index_words(text: str) -> str:
    """The words of a message as both databases index them."""
    return " ".join(words(text))[:_MOST_CHARACTERS]


def _new_message() -> Insert:
    names = ("tenant", "user_id", "conversation_id", "turn_id", "role", "written_us")
    return (
        messages.insert()
        .values({name: bindparam(name, None) for name in names})
        .returning(messages.c.id)
    )


def _new_words(session: Session) -> Insert:
    said: ColumnElement[str] = bindparam("said", None, Text())
    if not session.sqlite:
        said = func.to_tsvector(literal_column("'english'::regconfig"), said)
    return message_text.insert().values(rowid=bindparam("number", None, BigInteger), words=said)
