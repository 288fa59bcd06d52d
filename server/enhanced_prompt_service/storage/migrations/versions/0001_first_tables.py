"""The first tables."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

STR = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create tables, the text index, and the key of page tokens."""
    op.create_table(
        "conversations",
        sa.Column("tenant", STR, nullable=False),
        sa.Column("user_id", STR, nullable=False),
        sa.Column("conversation_id", STR, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("last_activity_us", sa.BigInteger(), nullable=False),
        sa.Column("last_turn", sa.BigInteger(), nullable=False),
        sa.Column("stored_turns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "user_id", "conversation_id"),
    )
    op.create_index(
        "conversations_activity",
        "conversations",
        ["tenant", "user_id", "last_activity_us", "conversation_id"],
    )
    op.create_table(
        "coverage",
        sa.Column("tenant", STR, nullable=False),
        sa.Column("site", STR, nullable=False),
        sa.Column("camera_id", STR, nullable=False),
        sa.Column("start_us", sa.BigInteger(), nullable=False),
        sa.Column("end_us", sa.BigInteger(), nullable=False),
        sa.Column("state", STR, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "site", "camera_id", "start_us"),
        sqlite_with_rowid=False,
    )
    op.create_index("coverage_time", "coverage", ["tenant", "start_us", "end_us", "state"])
    op.create_table(
        "coverage_cameras",
        sa.Column("tenant", STR, nullable=False),
        sa.Column("site", STR, nullable=False),
        sa.Column("camera_id", STR, nullable=False),
        sa.Column("first_us", sa.BigInteger(), nullable=False),
        sa.Column("last_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "site", "camera_id"),
    )
    op.create_table(
        "event_hours",
        sa.Column("tenant", STR, nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("kind_id", sa.BigInteger(), nullable=False),
        sa.Column("local_day", sa.Integer(), nullable=False),
        sa.Column("local_hour", sa.SmallInteger(), nullable=False),
        sa.Column("local_weekday", sa.SmallInteger(), nullable=False),
        sa.Column("matches", sa.BigInteger(), nullable=False),
        sa.Column("participants", sa.BigInteger(), nullable=False),
        sa.Column("confidences", sa.BigInteger(), nullable=False),
        sa.Column("confidence_sum", sa.Float(precision=53), nullable=False),
        sa.Column("first_us", sa.BigInteger(), nullable=False),
        sa.Column("last_us", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=False),
        sa.Column("duration_sum", sa.Float(precision=53), nullable=False),
        sa.Column("duration_max", sa.BigInteger()),
        sa.Column("first_id", sa.BigInteger(), nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "hour", "kind_id", "local_day", "local_hour"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "events",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("tenant", STR, nullable=False),
        sa.Column("event_id", STR, nullable=False),
        sa.Column("kind_id", sa.BigInteger(), nullable=False),
        sa.Column("start_us", sa.BigInteger(), nullable=False),
        sa.Column("end_us", sa.BigInteger()),
        sa.Column("confidence", sa.Float(precision=53)),
        sa.Column("participants", sa.BigInteger(), nullable=False),
        sa.Column("local_day", sa.Integer(), nullable=False),
        sa.Column("local_minute", sa.SmallInteger(), nullable=False),
        sa.Column("local_weekday", sa.SmallInteger(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("clip_url", sa.Text(), nullable=False),
        sa.Column("snapshot_url", sa.Text(), nullable=False),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant", "event_id", name="events_event_id"),
    )
    op.create_index(
        "events_kind",
        "events",
        [
            "tenant",
            "kind_id",
            "start_us",
            "end_us",
            "confidence",
            "participants",
            "local_day",
            "local_minute",
            "local_weekday",
        ],
    )
    op.create_index(
        "events_open",
        "events",
        [
            "tenant",
            "start_us",
            "kind_id",
            "end_us",
            "confidence",
            "participants",
            "local_day",
            "local_minute",
            "local_weekday",
        ],
        sqlite_where=sa.text("end_us IS NULL"),
        postgresql_where=sa.text("end_us IS NULL"),
    )
    op.create_index(
        "events_time",
        "events",
        [
            "tenant",
            "start_us",
            "kind_id",
            "end_us",
            "confidence",
            "participants",
            "local_day",
            "local_minute",
            "local_weekday",
        ],
    )
    op.create_table(
        "kind_zones",
        sa.Column("tenant", STR, nullable=False),
        sa.Column("kind_id", sa.BigInteger(), nullable=False),
        sa.Column("zone", STR, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "kind_id", "zone"),
    )
    op.create_table(
        "kinds",
        sa.Column("kind_id", ROW_ID, nullable=False),
        sa.Column("tenant", STR, nullable=False),
        sa.Column("digest", STR, nullable=False),
        sa.Column("site", STR, nullable=False),
        sa.Column("camera_id", STR, nullable=False),
        sa.Column("event_type", STR, nullable=False),
        sa.Column("label", STR, nullable=False),
        sa.Column("sub_label", STR, nullable=False),
        sa.Column("zones", STR, nullable=False),
        sa.Column("matches", sa.BigInteger(), nullable=False),
        sa.Column("first_us", sa.BigInteger()),
        sa.Column("last_us", sa.BigInteger()),
        sa.PrimaryKeyConstraint("kind_id"),
        sa.UniqueConstraint("tenant", "digest", name="kinds_digest"),
    )
    op.create_table(
        "secrets",
        sa.Column("name", STR, nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "sites",
        sa.Column("tenant", STR, nullable=False),
        sa.Column("site_id", STR, nullable=False),
        sa.Column("time_zone", STR, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("etag", STR, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "site_id"),
    )
    op.create_table(
        "tenants",
        sa.Column("tenant", STR, nullable=False),
        sa.Column("catalogue_version", sa.BigInteger(), nullable=False),
        sa.Column("data_version", sa.BigInteger(), nullable=False),
        sa.Column("longest_us", sa.BigInteger(), nullable=False),
        sa.Column("time_zone", STR, nullable=False),
        sa.PrimaryKeyConstraint("tenant"),
    )
    op.create_table(
        "turns",
        sa.Column("tenant", STR, nullable=False),
        sa.Column("turn_id", STR, nullable=False),
        sa.Column("user_id", STR, nullable=False),
        sa.Column("conversation_id", STR, nullable=False),
        sa.Column("conversation_turn", sa.BigInteger(), nullable=False),
        sa.Column("message_id", STR, nullable=False),
        sa.Column("request_id", STR, nullable=False),
        sa.Column("request_key", STR),
        sa.Column("request_hash", STR, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("runner", STR, nullable=False),
        sa.Column("state", STR, nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_us", sa.BigInteger()),
        sa.Column("response", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("usage", sa.Text()),
        sa.PrimaryKeyConstraint("tenant", "turn_id"),
        sa.UniqueConstraint(
            "tenant", "user_id", "conversation_id", "conversation_turn", name="turns_number"
        ),
    )
    op.create_index("turns_request", "turns", ["tenant", "user_id", "request_key"], unique=True)
    op.create_index(
        "turns_running",
        "turns",
        ["tenant", "user_id", "conversation_id"],
        unique=True,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE event_text USING fts5(words, tokenize = 'porter ascii')")
    else:
        op.execute("CREATE TABLE event_text (rowid BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)")
        op.execute("CREATE INDEX event_text_words ON event_text USING gin (words)")
    op.execute(
        sa.text("INSERT INTO secrets (name, value) VALUES ('page_token', :key)").bindparams(
            key=secrets.token_bytes(32)
        )
    )
