"""The tables of insights, their log, and what hangs on it; conventions as in `tables`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)

from .tables import Str, metadata

# One row a tenant: the counter that gives positions. Its lock is what makes commits come in the
# order of positions; a sequence would not (tests/storage/test_insight_log.py shows it).
insight_logs = Table(
    "insight_logs",
    metadata,
    Column("tenant", Str, primary_key=True),
    Column("newest", BigInteger, nullable=False),
    # What retention removed: every position up to `oldest`, which was written at `oldest_us`.
    Column("oldest", BigInteger, nullable=False),
    Column("oldest_us", BigInteger, nullable=False),
)

insights = Table(
    "insights",
    metadata,
    Column("tenant", Str, nullable=False),
    Column("insight_id", Str, nullable=False),
    Column("type", Str, nullable=False),
    Column("severity", SmallInteger, nullable=False),
    Column("status", Str, nullable=False),
    Column("dedupe_key", Str, nullable=False),
    # The dedupe_key until it is resolved, then NULL: the same one may begin anew.
    Column("open_key", Str),
    Column("revision", Integer, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Column("window_start_us", BigInteger, nullable=False),
    Column("window_end_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("content", Text, nullable=False),
    # Who took note, when, and what they thought of it: NULL where nobody did.
    Column("ack_user", Str),
    Column("ack_us", BigInteger),
    Column("ack_verdict", Str),
    Column("ack_note", Text),
    # What its newest revision that was not muted said (`domain.insights.Seen`).
    Column("heard", Text),
    PrimaryKeyConstraint("tenant", "insight_id"),
)
_unresolved = text("open_key IS NOT NULL")
Index("insights_open", insights.c.tenant, insights.c.open_key, unique=True)
Index("insights_created", insights.c.tenant, insights.c.created_us, insights.c.insight_id)
Index("insights_key", insights.c.tenant, insights.c.dedupe_key, insights.c.window_end_us)
Index("insights_age", insights.c.tenant, insights.c.updated_us)
Index(
    "insights_expiry",
    insights.c.expires_us,
    sqlite_where=_unresolved,
    postgresql_where=_unresolved,
)

# Cameras and sites of insights: what lists filter by.
insight_names = Table(
    "insight_names",
    metadata,
    Column("tenant", Str, nullable=False),
    Column("insight_id", Str, nullable=False),
    Column("kind", Str, nullable=False),  # camera, site
    Column("name", Str, nullable=False),
    PrimaryKeyConstraint("tenant", "insight_id", "kind", "name"),
)

insight_revisions = Table(
    "insight_revisions",
    metadata,
    Column("tenant", Str, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("insight_id", Str, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("change", Str, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("document", Text, nullable=False),  # the whole insight as it was then
    PrimaryKeyConstraint("tenant", "position"),
)
Index("insight_revisions_time", insight_revisions.c.tenant, insight_revisions.c.at_us)

mutes = Table(
    "mutes",
    metadata,
    Column("tenant", Str, nullable=False),
    Column("dedupe_key", Str, nullable=False),
    Column("until_us", BigInteger, nullable=False),
    Column("user_id", Str, nullable=False),
    Column("muted_us", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
    PrimaryKeyConstraint("tenant", "dedupe_key"),
)

# Cursors that the server keeps for its subscribers, by a name of theirs.
subscriptions = Table(
    "subscriptions",
    metadata,
    Column("tenant", Str, nullable=False),
    Column("user_id", Str, nullable=False),
    Column("subscription_id", Str, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("committed_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "user_id", "subscription_id"),
)

insight_requests = Table(
    "insight_requests",
    metadata,
    Column("tenant", Str, nullable=False),
    Column("user_id", Str, nullable=False),
    Column("request_id", Str, nullable=False),
    Column("request_hash", Str, nullable=False),
    Column("insight_id", Str, nullable=False),
    Column("merged", SmallInteger, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "user_id", "request_id"),
)
Index("insight_requests_age", insight_requests.c.created_us)

# Work that one replica does at a time (`domain.fences`).
fences = Table(
    "fences",
    metadata,
    Column("name", Str, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("holder", Str, nullable=False),
    Column("until_us", BigInteger, nullable=False),
)
