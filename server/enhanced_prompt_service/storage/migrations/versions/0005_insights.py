"""Insights, the log of their revisions, mutes, cursors of subscribers, fences, and the key that
resume tokens are sealed with where no setting gives one."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

STR = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create tables and indexes, and make the key."""
    op.create_table(
        "insight_logs",
        sa.Column("tenant", STR, primary_key=True),
        sa.Column("newest", sa.BigInteger(), nullable=False),
        sa.Column("oldest", sa.BigInteger(), nullable=False),
        sa.Column("oldest_us", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "insights",
        sa.Column("tenant", STR, nullable=False),
        sa.Column("insight_id", STR, nullable=False),
        sa.Column("type", STR, nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("status", STR, nullable=False),
        sa.Column("dedupe_key", STR, nullable=False),
        sa.Column("open_key", STR),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.Column("window_start_us", sa.BigInteger(), nullable=False),
        sa.Column("window_end_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("ack_user", STR),
        sa.Column("ack_us", sa.BigInteger()),
        sa.Column("ack_verdict", STR),
        sa.Column("ack_note", sa.Text()),
        sa.Column("heard", sa.Text()),
        sa.PrimaryKeyConstraint("tenant", "insight_id"),
    )
    unresolved = sa.text("open_key IS NOT NULL")
    op.create_index("insights_open", "insights", ["tenant", "open_key"], unique=True)
    op.create_index("insights_created", "insights", ["tenant", "created_us", "insight_id"])
    op.create_index("insights_key", "insights", ["tenant", "dedupe_key", "window_end_us"])
    op.create_index("insights_age", "insights", ["tenant", "updated_us"])
    op.create_index(
        "insights_expiry",
        "insights",
        ["expires_us"],
        sqlite_where=unresolved,
        postgresql_where=unresolved,
    )
    op.create_table(
        "insight_names",
        sa.Column("tenant", STR, nullable=False),
        sa.Column("insight_id", STR, nullable=False),
        sa.Column("kind", STR, nullable=False),
        sa.Column("name", STR, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "insight_id", "kind", "name"),
    )
    op.create_table(
        "insight_revisions",
        sa.Column("tenant", STR, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("insight_id", STR, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("change", STR, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "position"),
    )
    op.create_index("insight_revisions_time", "insight_revisions", ["tenant", "at_us"])
    op.create_table(
        "mutes",
        sa.Column("tenant", STR, nullable=False),
        sa.Column("dedupe_key", STR, nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.Column("user_id", STR, nullable=False),
        sa.Column("muted_us", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "dedupe_key"),
    )
    op.create_table(
        "subscriptions",
        sa.Column("tenant", STR, nullable=False),
        sa.Column("user_id", STR, nullable=False),
        sa.Column("subscription_id", STR, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("committed_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "user_id", "subscription_id"),
    )
    op.create_table(
        "insight_requests",
        sa.Column("tenant", STR, nullable=False),
        sa.Column("user_id", STR, nullable=False),
        sa.Column("request_id", STR, nullable=False),
        sa.Column("request_hash", STR, nullable=False),
        sa.Column("insight_id", STR, nullable=False),
        sa.Column("merged", sa.SmallInteger(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "user_id", "request_id"),
    )
    op.create_index("insight_requests_age", "insight_requests", ["created_us"])
    op.create_table(
        "fences",
        sa.Column("name", STR, primary_key=True),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("holder", STR, nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
    )
    op.execute(
        sa.text(
            "INSERT INTO secrets (name, value) VALUES ('secret_key', :key) ON CONFLICT DO NOTHING"
        ).bindparams(key=secrets.token_bytes(32))
    )
