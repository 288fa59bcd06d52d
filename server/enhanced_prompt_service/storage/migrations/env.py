"""Alembic's entry: runs migrations on the connection that `storage.migrate` hands over."""

from alembic import context

from enhanced_prompt_service.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,  # the transaction is the caller's
)
context.run_migrations()
