"""What history is asked for: numbers of answers, their names, messages with a text index, and
tombstones of what was deleted."""

import json
import re
import unicodedata
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

STR = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BATCH = 500


def upgrade() -> None:
    """Create tables and indexes, and fill them from the turns that are there."""
    op.add_column("turns", sa.Column("response_type", STR))
    op.add_column("turns", sa.Column("confidence", sa.Float(precision=53)))
    op.add_column("turns", sa.Column("processing_ms", sa.BigInteger()))
    op.add_column("turns", sa.Column("evidence_count", sa.BigInteger()))
    op.create_index("turns_ended", "turns", ["tenant", "user_id", "ended_us", "turn_id"])
    op.create_index("turns_tenant_ended", "turns", ["tenant", "ended_us"])
    op.create_index(
        "conversations_order",
        "conversations",
        ["tenant", "last_activity_us", "user_id", "conversation_id"],
    )
    op.create_index("conversations_age", "conversations", ["last_activity_us"])
    op.create_table(
        "turn_names",
        sa.Column("tenant", STR, nullable=False),
        sa.Column("turn_id", STR, nullable=False),
        sa.Column("kind", STR, nullable=False),
        sa.Column("name", STR, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "turn_id", "kind", "name"),
    )
    op.create_table(
        "messages",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("tenant", STR, nullable=False),
        sa.Column("user_id", STR, nullable=False),
        sa.Column("conversation_id", STR, nullable=False),
        sa.Column("turn_id", STR, nullable=False),
        sa.Column("role", STR, nullable=False),
        sa.Column("written_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant", "turn_id", "role", name="messages_turn"),
    )
    op.create_index("messages_conversation", "messages", ["tenant", "user_id", "conversation_id"])
    op.create_table(
        "deleted_conversations",
        sa.Column("tenant", STR, nullable=False),
        sa.Column("user_id", STR, nullable=False),
        sa.Column("conversation_id", STR, nullable=False),
        sa.Column("deleted_us", sa.BigInteger(), nullable=False),
        sa.Column("turns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "user_id", "conversation_id"),
    )
    op.create_table(
        "deleted_requests",
        sa.Column("tenant", STR, nullable=False),
        sa.Column("user_id", STR, nullable=False),
        sa.Column("request_id", STR, nullable=False),
        sa.Column("conversation_id", STR, nullable=False),
        sa.Column("deleted_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "user_id", "request_id"),
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE message_text USING fts5(words, tokenize = 'porter ascii')")
    else:
        op.execute("CREATE TABLE message_text (rowid BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)")
        op.execute("CREATE INDEX message_text_words ON message_text USING gin (words)")
    _fill()


def _fill() -> None:
    """Turns that have a response, in batches by their key."""
    bind = op.get_bind()
    tenant, turn_id = "", ""
    while True:
        rows = bind.execute(
            sa.text(
                "SELECT tenant, turn_id, user_id, conversation_id, created_us, response FROM turns "
                "WHERE response IS NOT NULL AND (tenant > :tenant "
                "OR (tenant = :tenant AND turn_id > :turn)) ORDER BY tenant, turn_id LIMIT :most"
            ),
            {"tenant": tenant, "turn": turn_id, "most": BATCH},
        ).all()
        for row in rows:
            _fill_turn(bind, row)
        if len(rows) < BATCH:
            return
        tenant, turn_id = rows[-1].tenant, rows[-1].turn_id


def _fill_turn(bind: sa.Connection, row: sa.Row[Any]) -> None:
    response = json.loads(row.response)
    answer = response["answer"]
    read = answer["interpretation"]
    evidence = answer.get("evidence", [])
    key = {"tenant": row.tenant, "turn": row.turn_id}
    bind.execute(
        sa.text(
            "UPDATE turns SET response_type = :type, confidence = :sure, processing_ms = :took, "
            "evidence_count = :found WHERE tenant = :tenant AND turn_id = :turn"
        ),
        {
            **key,
            "type": answer["response_type"],
            "sure": answer["confidence_score"],
            "took": response["processing_time_ms"],
            "found": len(evidence),
        },
    )
    cameras = {*read.get("cameras", ()), *(one["camera_id"] for one in evidence)}
    topics = {read["question_type"], *read.get("event_types", ()), *read.get("labels", ())}
    for kind, names in (("camera", cameras), ("topic", topics)):
        for name in sorted({_storable(one) for one in names if one}):
            bind.execute(
                sa.text("INSERT INTO turn_names VALUES (:tenant, :turn, :kind, :name)"),
                {**key, "kind": kind, "name": name},
            )
    for role, text, written in (
        ("user", response["query"], row.created_us),
        ("assistant", answer["response"], response["timestamp"]),
    ):
        number = bind.execute(
            sa.text(
                "INSERT INTO messages (tenant, user_id, conversation_id, turn_id, role, written_us)"
                " VALUES (:tenant, :user, :talk, :turn, :role, :written) RETURNING id"
            ),
            {
                **key,
                "user": row.user_id,
                "talk": row.conversation_id,
                "role": role,
                "written": written,
            },
        ).scalar_one()
        words = ":words"
        if bind.dialect.name != "sqlite":
            words = "to_tsvector('english'::regconfig, :words)"
        bind.execute(
            sa.text(f"INSERT INTO message_text (rowid, words) VALUES (:id, {words})"),  # noqa: S608
            {"id": number, "words": _words(text)},
        )


def _words(text: str) -> str:
    if not text.isascii():
        text = "".join(
            one
            for one in unicodedata.normalize("NFKD", text.casefold())
            if not unicodedata.combining(one)
        )
    return " ".join(one[:64] for one in re.findall(r"[^\W_]+", text.lower()))[:200_000]


def _storable(text: str) -> str:
    return (
        text.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )
