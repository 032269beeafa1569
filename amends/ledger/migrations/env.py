"""Alembic's entry: runs the migrations on the connection that the ledger hands over."""

from alembic import context
from sqlmodel import SQLModel

from amends.ledger.store import tables  # noqa: F401 - the import is what fills SQLModel.metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    version_table="amends_schema",
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
connection.commit()
