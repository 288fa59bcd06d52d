"""The outbox: what is owed to other services."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STR = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _partial(name: str, columns: list[str], where: str) -> None:
    op.create_index(
        name, "outbox", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
    )


def upgrade() -> None:
    """Create tables and indexes."""
    op.create_table(
        "outbox",
        sa.Column("id", ROW_ID, primary_key=True),
        *(
            sa.Column(name, STR, nullable=False)
            for name in ("destination", "kind", "key", "tenant", "lane", "subject")
        ),
        sa.Column("payload", sa.Text()),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("state", STR, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("next_us", sa.BigInteger(), nullable=False),
        sa.Column("deadline_us", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged", sa.SmallInteger(), nullable=False),
        sa.Column("notification_id", STR, nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("reason", "ingest_id", "received", "status")
        ),
        sa.Column("finished_us", sa.BigInteger()),
    )
    op.create_index("outbox_key", "outbox", ["destination", "key"], unique=True)
    _partial("outbox_pending", ["destination", "id"], "state = 'pending'")
    _partial("outbox_sent", ["destination", "next_us"], "state = 'sent'")
    _partial("outbox_ended", ["destination", "finished_us"], "finished_us IS NOT NULL")
    _partial("outbox_lane", ["lane"], "payload IS NOT NULL")
    _partial("outbox_notification", ["notification_id"], "notification_id <> ''")
    op.create_table(
        "outbox_destinations",
        sa.Column("destination", STR, primary_key=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("alarm_us", sa.BigInteger()),
        sa.Column("rested_us", sa.BigInteger()),
    )
