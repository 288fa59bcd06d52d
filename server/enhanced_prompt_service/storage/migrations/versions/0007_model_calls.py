"""Calls of models, for usage by user, model and day; filled from the turns that are there."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

STR = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BATCH = 500
COUNTS = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")


def upgrade() -> None:
    """Create the table and its indexes, and fill it."""
    calls = op.create_table(
        "model_calls",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("tenant", STR, nullable=False),
        sa.Column("user_id", STR, nullable=False),
        sa.Column("turn_id", STR, nullable=False),
        sa.Column("model", STR, nullable=False),
        sa.Column("ended_us", sa.BigInteger(), nullable=False),
        sa.Column("source", STR, nullable=False),
        sa.Column("input_tokens", sa.BigInteger()),
        sa.Column("output_tokens", sa.BigInteger()),
        sa.Column("cached_tokens", sa.BigInteger()),
        sa.Column("reasoning_tokens", sa.BigInteger()),
        sa.Column("cost", sa.Float(precision=53)),
        sa.Column("currency", STR, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("model_calls_ended", "model_calls", ["tenant", "ended_us"])
    op.create_index("model_calls_user", "model_calls", ["tenant", "user_id", "ended_us"])
    turns = sa.table(
        "turns",
        *(sa.column(name, sa.Text()) for name in ("tenant", "user_id", "turn_id", "usage")),
        sa.column("ended_us", sa.BigInteger()),
    )
    used = turns.c.usage
    rows: list[dict[str, Any]] = []
    stored = op.get_bind().execute(sa.select(turns).where(used.is_not(None), used != "[]")).all()
    for turn in stored:
        for one in json.loads(turn.usage):
            known = {name: one.get(name) for name in (*COUNTS, "cost")}
            whose = {"tenant": turn.tenant, "user_id": turn.user_id, "turn_id": turn.turn_id}
            what = {name: one[name] for name in ("model", "source", "currency")}
            rows.append({**whose, **what, **known, "ended_us": turn.ended_us})
    for start in range(0, len(rows), BATCH):
        op.bulk_insert(calls, rows[start : start + BATCH])
