"""What detectors know, so that a restart goes on where it was."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

STR = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the states."""
    op.create_table(
        "detector_states",
        sa.Column("tenant", STR, nullable=False),
        sa.Column("site", STR, nullable=False),
        sa.Column("camera_id", STR, nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "site", "camera_id"),
    )
