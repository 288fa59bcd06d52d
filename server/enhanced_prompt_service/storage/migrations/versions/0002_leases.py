"""Leases of processes that share turns, and wishes to stop a turn."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

STR = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the leases; give turns the time of a wish to stop."""
    op.create_table(
        "leases",
        sa.Column("process", STR, primary_key=True),
        sa.Column("alive_until_us", sa.BigInteger(), nullable=False),
    )
    op.add_column("turns", sa.Column("cancel_us", sa.BigInteger()))
