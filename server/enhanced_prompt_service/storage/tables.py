"""The tables, as the newest migration leaves them (a test holds the two together).

Every row has its tenant. Instants are UTC microseconds since 1970 (`*_us`), local days are counted
from 1970-01-01, local hours and minutes of day from 0, weekdays are ISO. Text compares by code
point on both databases, so that orders and page tokens mean the same on both.

Events are a star: what they are (site, camera, type, labels, zones) is a row of `kinds`, an event
holds its `kind_id`. That keeps events and their indexes narrow, answers "what occurs here" without
a look at events, and turns every filter on names into a set of small integers. `event_hours` is a
roll-up of events by kind, UTC hour and local hour, exact at the end of every transaction.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    column,
    table,
    text,
)

metadata = MetaData()

# Compared by code point everywhere: SQLite does so by itself, PostgreSQL with the C collation.
Str = Text().with_variant(Text(collation="C"), "postgresql")
# SQLite makes only INTEGER PRIMARY KEY an alias of the row's number.
RowId = BigInteger().with_variant(Integer(), "sqlite")

tenants = Table(
    "tenants",
    metadata,
    Column("tenant", Str, primary_key=True),
    # Changes with the catalogue or the set of kinds, and with anything stored about events.
    Column("catalogue_version", BigInteger, nullable=False),
    Column("data_version", BigInteger, nullable=False),
    # No event is longer: bounds the look back for what was still going on at an instant.
    Column("longest_us", BigInteger, nullable=False),
    # The zone that events of undeclared sites were localised in.
    Column("time_zone", Str, nullable=False),
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", Str, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

sites = Table(
    "sites",
    metadata,
    Column("tenant", Str, nullable=False),
    Column("site_id", Str, nullable=False),
    Column("time_zone", Str, nullable=False),
    Column("document", Text, nullable=False),
    Column("etag", Str, nullable=False),
    PrimaryKeyConstraint("tenant", "site_id"),
)

kinds = Table(
    "kinds",
    metadata,
    Column("kind_id", RowId, primary_key=True),
    Column("tenant", Str, nullable=False),
    Column("digest", Str, nullable=False),
    Column("site", Str, nullable=False),
    Column("camera_id", Str, nullable=False),
    Column("event_type", Str, nullable=False),
    Column("label", Str, nullable=False),
    Column("sub_label", Str, nullable=False),
    Column("zones", Str, nullable=False),
    Column("matches", BigInteger, nullable=False),
    Column("first_us", BigInteger),
    Column("last_us", BigInteger),
    UniqueConstraint("tenant", "digest", name="kinds_digest"),
)

kind_zones = Table(
    "kind_zones",
    metadata,
    Column("tenant", Str, nullable=False),
    Column("kind_id", BigInteger, nullable=False),
    Column("zone", Str, nullable=False),
    PrimaryKeyConstraint("tenant", "kind_id", "zone"),
)

events = Table(
    "events",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("tenant", Str, nullable=False),
    Column("event_id", Str, nullable=False),
    Column("kind_id", BigInteger, nullable=False),
    Column("start_us", BigInteger, nullable=False),
    Column("end_us", BigInteger),
    Column("confidence", Float(53)),
    Column("participants", BigInteger, nullable=False),
    Column("local_day", Integer, nullable=False),
    Column("local_minute", SmallInteger, nullable=False),
    Column("local_weekday", SmallInteger, nullable=False),
    Column("description", Text, nullable=False),
    Column("clip_url", Text, nullable=False),
    Column("snapshot_url", Text, nullable=False),
    Column("attributes", Text, nullable=False),
    Column("source", Text, nullable=False),
    UniqueConstraint("tenant", "event_id", name="events_event_id"),
)

_measures = (
    events.c.end_us,
    events.c.confidence,
    events.c.participants,
    events.c.local_day,
    events.c.local_minute,
    events.c.local_weekday,
)
# Both hold all that is filtered, grouped and summed, so that counting never touches a wide row.
Index("events_time", events.c.tenant, events.c.start_us, events.c.kind_id, *_measures)
Index("events_kind", events.c.tenant, events.c.kind_id, events.c.start_us, *_measures)
_open = text("end_us IS NULL")
Index(
    "events_open",
    events.c.tenant,
    events.c.start_us,
    events.c.kind_id,
    *_measures,
    sqlite_where=_open,
    postgresql_where=_open,
)

event_hours = Table(
    "event_hours",
    metadata,
    Column("tenant", Str, nullable=False),
    Column("hour", BigInteger, nullable=False),  # whole hours since 1970, UTC
    Column("kind_id", BigInteger, nullable=False),
    Column("local_day", Integer, nullable=False),
    Column("local_hour", SmallInteger, nullable=False),
    Column("local_weekday", SmallInteger, nullable=False),
    Column("matches", BigInteger, nullable=False),
    Column("participants", BigInteger, nullable=False),
    Column("confidences", BigInteger, nullable=False),
    Column("confidence_sum", Float(53), nullable=False),
    Column("first_us", BigInteger, nullable=False),
    Column("last_us", BigInteger, nullable=False),
    Column("ended", BigInteger, nullable=False),
    Column("duration_sum", Float(53), nullable=False),  # microseconds
    Column("duration_max", BigInteger),
    # Events tend to be stored in the order of time: bounds what a text search has to look at.
    Column("first_id", BigInteger, nullable=False),
    Column("last_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "hour", "kind_id", "local_day", "local_hour"),
    sqlite_with_rowid=False,
)

# The text index is no part of the metadata: an FTS5 table on SQLite, a tsvector on PostgreSQL.
# `rowid` is the event's id; it is only ever read through `events`, and so through a tenant.
event_text = table("event_text", column("rowid", BigInteger), column("words", Text))

coverage = Table(
    "coverage",
    metadata,
    Column("tenant", Str, nullable=False),
    Column("site", Str, nullable=False),
    Column("camera_id", Str, nullable=False),
    Column("start_us", BigInteger, nullable=False),
    Column("end_us", BigInteger, nullable=False),
    Column("state", Str, nullable=False),
    # The spans of one camera are disjoint.
    PrimaryKeyConstraint("tenant", "site", "camera_id", "start_us"),
    sqlite_with_rowid=False,
)
Index(
    "coverage_time",
    coverage.c.tenant,
    coverage.c.start_us,
    coverage.c.end_us,
    coverage.c.state,
)

coverage_cameras = Table(
    "coverage_cameras",
    metadata,
    Column("tenant", Str, nullable=False),
    Column("site", Str, nullable=False),
    Column("camera_id", Str, nullable=False),
    Column("first_us", BigInteger, nullable=False),
    Column("last_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "site", "camera_id"),
)

conversations = Table(
    "conversations",
    metadata,
    Column("tenant", Str, nullable=False),
    Column("user_id", Str, nullable=False),
    Column("conversation_id", Str, nullable=False),
    Column("title", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("last_activity_us", BigInteger, nullable=False),
    Column("last_turn", BigInteger, nullable=False),  # the number given last
    Column("stored_turns", BigInteger, nullable=False),  # those with a response
    PrimaryKeyConstraint("tenant", "user_id", "conversation_id"),
)
Index(
    "conversations_activity",
    conversations.c.tenant,
    conversations.c.user_id,
    conversations.c.last_activity_us,
    conversations.c.conversation_id,
)
Index(
    "conversations_order",
    conversations.c.tenant,
    conversations.c.last_activity_us,
    conversations.c.user_id,
    conversations.c.conversation_id,
)
Index("conversations_age", conversations.c.last_activity_us)

turns = Table(
    "turns",
    metadata,
    Column("tenant", Str, nullable=False),
    Column("turn_id", Str, nullable=False),
    Column("user_id", Str, nullable=False),
    Column("conversation_id", Str, nullable=False),
    Column("conversation_turn", BigInteger, nullable=False),
    Column("message_id", Str, nullable=False),
    Column("request_id", Str, nullable=False),
    # The request_id while it is kept (24 h), then NULL: the same one may come again.
    Column("request_key", Str),
    Column("request_hash", Str, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("runner", Str, nullable=False),
    Column("state", Str, nullable=False),
    Column("query", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("ended_us", BigInteger),
    Column("response", Text),
    Column("error", Text),
    Column("usage", Text),
    # When somebody asked to stop it; its runner looks with each renewal of its lease.
    Column("cancel_us", BigInteger),
    # Of the response, where there is one: what lists and sums ask for without reading it.
    Column("response_type", Str),
    Column("confidence", Float(53)),
    Column("processing_ms", BigInteger),
    Column("evidence_count", BigInteger),
    PrimaryKeyConstraint("tenant", "turn_id"),
    UniqueConstraint(
        "tenant", "user_id", "conversation_id", "conversation_turn", name="turns_number"
    ),
)
_running = text("state = 'running'")
Index("turns_request", turns.c.tenant, turns.c.user_id, turns.c.request_key, unique=True)
Index(
    "turns_running",
    turns.c.tenant,
    turns.c.user_id,
    turns.c.conversation_id,
    unique=True,
    sqlite_where=_running,
    postgresql_where=_running,
)
Index("turns_ended", turns.c.tenant, turns.c.user_id, turns.c.ended_us, turns.c.turn_id)
Index("turns_tenant_ended", turns.c.tenant, turns.c.ended_us)

# What a turn's response was about: cameras, and topics.
turn_names = Table(
    "turn_names",
    metadata,
    Column("tenant", Str, nullable=False),
    Column("turn_id", Str, nullable=False),
    Column("kind", Str, nullable=False),  # camera, topic
    Column("name", Str, nullable=False),
    PrimaryKeyConstraint("tenant", "turn_id", "kind", "name"),
)

# Two rows a turn that has a response; their texts stand in the turn. `id` is the text index's.
# Kept when the turns that made them are deleted: what was paid stays known.
model_calls = Table(
    "model_calls",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("tenant", Str, nullable=False),
    Column("user_id", Str, nullable=False),
    Column("turn_id", Str, nullable=False),  # "" for a call that no turn made
    Column("model", Str, nullable=False),
    Column("ended_us", BigInteger, nullable=False),
    Column("source", Str, nullable=False),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("cached_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("cost", Float(53)),
    Column("currency", Str, nullable=False),
)
Index("model_calls_ended", model_calls.c.tenant, model_calls.c.ended_us)
Index("model_calls_user", model_calls.c.tenant, model_calls.c.user_id, model_calls.c.ended_us)

messages = Table(
    "messages",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("tenant", Str, nullable=False),
    Column("user_id", Str, nullable=False),
    Column("conversation_id", Str, nullable=False),
    Column("turn_id", Str, nullable=False),
    Column("role", Str, nullable=False),
    Column("written_us", BigInteger, nullable=False),
    UniqueConstraint("tenant", "turn_id", "role", name="messages_turn"),
)
Index(
    "messages_conversation",
    messages.c.tenant,
    messages.c.user_id,
    messages.c.conversation_id,
)

# Like `event_text`: read only through `messages`, and so through a tenant.
message_text = table("message_text", column("rowid", BigInteger), column("words", Text))

# Tombstones, kept as long as a request_id is: a question that is repeated after its conversation
# was deleted must not bring it back.
deleted_conversations = Table(
    "deleted_conversations",
    metadata,
    Column("tenant", Str, nullable=False),
    Column("user_id", Str, nullable=False),
    Column("conversation_id", Str, nullable=False),
    Column("deleted_us", BigInteger, nullable=False),
    Column("turns", BigInteger, nullable=False),  # how many were deleted with it
    PrimaryKeyConstraint("tenant", "user_id", "conversation_id"),
)

deleted_requests = Table(
    "deleted_requests",
    metadata,
    Column("tenant", Str, nullable=False),
    Column("user_id", Str, nullable=False),
    Column("request_id", Str, nullable=False),
    Column("conversation_id", Str, nullable=False),
    Column("deleted_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "user_id", "request_id"),
)

# One row a process that shares turns with others: no row, no lease, and nobody to take over from.
leases = Table(
    "leases",
    metadata,
    Column("process", Str, primary_key=True),
    Column("alive_until_us", BigInteger, nullable=False),
)

# Seen by the whole tenant, changed by their owner. `id` is the text index's; `request_key` is the
# request_id while it is remembered.
templates = Table(
    "templates",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("tenant", Str, nullable=False),
    Column("template_id", Str, nullable=False),
    Column("user_id", Str, nullable=False),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("category", Str, nullable=False),
    Column("body", Text, nullable=False),
    Column("variables", Text, nullable=False),
    Column("source_conversation_id", Str, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Column("etag", Str, nullable=False),
    Column("request_key", Str),
    Column("request_hash", Str, nullable=False),
    UniqueConstraint("tenant", "template_id", name="templates_name"),
    UniqueConstraint("tenant", "user_id", "request_key", name="templates_request"),
)
Index("templates_order", templates.c.tenant, templates.c.updated_us, templates.c.template_id)
Index("templates_category", templates.c.tenant, templates.c.category)

# Like `event_text`: read only through `templates`, and so through a tenant.
template_text = table("template_text", column("rowid", BigInteger), column("words", Text))
# Found before anybody knows the tenant. `cameras` and `sites` are JSON lists, NULL for all.
api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", Str, primary_key=True),
    Column("tenant", Str, nullable=False),
    Column("user_id", Str, nullable=False),
    Column("role", Str, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("cameras", Text),
    Column("sites", Text),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Column("revoked_us", BigInteger),
)

# Appended to and never changed: triggers of its migration see to that.
audit_log = Table(
    "audit_log",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("tenant", Str, nullable=False),
    Column("user_id", Str, nullable=False),
    Column("role", Str, nullable=False),
    Column("action", Str, nullable=False),
    Column("outcome", Str, nullable=False),
    Column("reason", Str, nullable=False),
    Column("subject", Str, nullable=False),
    Column("home_tenant", Str, nullable=False),
    Column("proof", Str, nullable=False),
    Column("request_id", Str, nullable=False),
    Column("log_id", Str, nullable=False),
)
Index("audit_log_tenant", audit_log.c.tenant, audit_log.c.id)

# Appended to likewise. `given` is 0 for a withdrawal, which is of every version.
consents = Table(
    "consents",
    metadata,
    Column("tenant", Str, nullable=False),
    Column("user_id", Str, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("policy_version", Str, nullable=False),
    Column("given", SmallInteger, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("tenant", "user_id", "number"),
)
