"""What users consented to and withdrew: a history that can only be added to."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

STR = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the table and its triggers."""
    op.create_table(
        "consents",
        sa.Column("tenant", STR, nullable=False),
        sa.Column("user_id", STR, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("policy_version", STR, nullable=False),
        sa.Column("given", sa.SmallInteger(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "user_id", "number"),
    )
    if op.get_bind().dialect.name == "sqlite":
        for what in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER consents_no_{what.lower()} BEFORE {what} ON consents "
                "BEGIN SELECT RAISE(ABORT, 'the history of consents can only be added to'); END"
            )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION consents_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the history of consents can only be added to'; END $$"
    )
    op.execute(
        "CREATE TRIGGER consents_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON consents "
        "FOR EACH STATEMENT EXECUTE FUNCTION consents_refuse()"
    )
