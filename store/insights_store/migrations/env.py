"""How Alembic reaches the database: through the connection that `schema.upgrade` hands it."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, version_table_schema="insights", transaction_per_migration=False
)
with context.begin_transaction():
    context.run_migrations()
