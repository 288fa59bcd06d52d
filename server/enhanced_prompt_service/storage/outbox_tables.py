"""The tables of the outbox; conventions as in `tables`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, Table, Text, text

from .tables import RowId, Str, metadata

outbox = Table(
    "outbox",
    metadata,
    # Not the order of commits. Within a lane it is: whoever writes to one holds its lock.
    Column("id", RowId, primary_key=True),
    Column("destination", Str, nullable=False),
    Column("kind", Str, nullable=False),
    Column("key", Str, nullable=False),
    Column("tenant", Str, nullable=False),
    Column("lane", Str, nullable=False),
    Column("subject", Str, nullable=False),
    # NULL once it was delivered or withdrawn.
    Column("payload", Text),
    Column("size", Integer, nullable=False),  # bytes of the payload in UTF-8
    Column("state", Str, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("next_us", BigInteger, nullable=False),
    Column("deadline_us", BigInteger, nullable=False),
    Column("acknowledged", SmallInteger, nullable=False),
    Column("notification_id", Str, nullable=False),
    Column("reason", Text, nullable=False),
    # What the receiver said of it.
    Column("ingest_id", Text, nullable=False),
    Column("received", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("finished_us", BigInteger),
)
_pending = text("state = 'pending'")
_sent = text("state = 'sent'")
_ended = text("finished_us IS NOT NULL")
_kept = text("payload IS NOT NULL")
Index("outbox_key", outbox.c.destination, outbox.c.key, unique=True)
Index(
    "outbox_pending",
    outbox.c.destination,
    outbox.c.id,
    sqlite_where=_pending,
    postgresql_where=_pending,
)
Index(
    "outbox_sent",
    outbox.c.destination,
    outbox.c.next_us,
    sqlite_where=_sent,
    postgresql_where=_sent,
)
Index(
    "outbox_ended",
    outbox.c.destination,
    outbox.c.finished_us,
    sqlite_where=_ended,
    postgresql_where=_ended,
)
Index("outbox_lane", outbox.c.lane, sqlite_where=_kept, postgresql_where=_kept)
_named = text("notification_id <> ''")
Index(
    "outbox_notification",
    outbox.c.notification_id,
    sqlite_where=_named,
    postgresql_where=_named,
)

outbox_destinations = Table(
    "outbox_destinations",
    metadata,
    Column("destination", Str, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("alarm_us", BigInteger),
    # Histories of conversations whose last activity is not later were written.
    Column("rested_us", BigInteger),
)
