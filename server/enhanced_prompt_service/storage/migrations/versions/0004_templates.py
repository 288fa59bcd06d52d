"""Templates of a tenant, with a text index."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

STR = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table, its indexes and its words."""
    op.create_table(
        "templates",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("tenant", STR, nullable=False),
        sa.Column("template_id", STR, nullable=False),
        sa.Column("user_id", STR, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("category", STR, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("variables", sa.Text(), nullable=False),
        sa.Column("source_conversation_id", STR, nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.Column("etag", STR, nullable=False),
        sa.Column("request_key", STR),
        sa.Column("request_hash", STR, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("tenant", "template_id", name="templates_name"),
        sa.UniqueConstraint("tenant", "user_id", "request_key", name="templates_request"),
    )
    op.create_index("templates_order", "templates", ["tenant", "updated_us", "template_id"])
    op.create_index("templates_category", "templates", ["tenant", "category"])
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE template_text USING fts5(words, tokenize = 'porter ascii')"
        )
    else:
        op.execute("CREATE TABLE template_text (rowid BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)")
        op.execute("CREATE INDEX template_text_words ON template_text USING gin (words)")
