"""What alembic runs for each revision: the caller's connection, one transaction, nothing from a file."""

from alembic import context

from gateway.stores.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a column in place
)
with context.begin_transaction():
    context.run_migrations()
