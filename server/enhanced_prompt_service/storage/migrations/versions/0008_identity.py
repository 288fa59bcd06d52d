"""API keys of services."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

STR = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "api_keys",
        sa.Column("key_id", STR, primary_key=True),
        sa.Column("tenant", STR, nullable=False),
        sa.Column("user_id", STR, nullable=False),
        sa.Column("role", STR, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("cameras", sa.Text()),
        sa.Column("sites", sa.Text()),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger()),
        sa.Column("revoked_us", sa.BigInteger()),
    )
