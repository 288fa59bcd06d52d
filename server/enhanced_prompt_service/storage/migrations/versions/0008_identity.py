"""API keys of services, and the audit log, which can only be added to."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STR = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create tables and triggers."""
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
    texts = ("tenant", "user_id", "role", "action", "outcome", "reason", "subject")
    op.create_table(
        "audit_log",
        sa.Column("id", ROW_ID, primary_key=True),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        *(sa.Column(name, STR, nullable=False) for name in texts),
        *(
            sa.Column(name, STR, nullable=False)
            for name in ("home_tenant", "proof", "request_id", "log_id")
        ),
    )
    op.create_index("audit_log_tenant", "audit_log", ["tenant", "id"])
    if op.get_bind().dialect.name == "sqlite":
        for what in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_log_no_{what.lower()} BEFORE {what} ON audit_log "
                "BEGIN SELECT RAISE(ABORT, 'the audit log can only be added to'); END"
            )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit log can only be added to'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_log_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse()"
    )
