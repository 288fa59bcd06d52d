"""Standing questions, and how far each was evaluated."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

STR = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table and its index."""
    op.create_table(
        "standing_questions",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("tenant", STR, nullable=False),
        sa.Column("standing_question_id", STR, nullable=False),
        sa.Column("user_id", STR, nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("time_zone", STR, nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("paused", sa.SmallInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("progress", sa.Text(), nullable=False),
        sa.Column("hits", sa.BigInteger(), nullable=False),
        sa.Column("last_hit_us", sa.BigInteger()),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("etag", STR, nullable=False),
        sa.Column("request_key", STR),
        sa.Column("request_hash", STR, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant", "standing_question_id", name="standing_questions_name"),
        sa.UniqueConstraint("tenant", "user_id", "request_key", name="standing_questions_request"),
    )
    op.create_index("standing_questions_user", "standing_questions", ["tenant", "user_id", "id"])
