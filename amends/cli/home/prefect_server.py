"""Prefect's server as `amends up` starts it: its pages call no address but their own, and its SQLite writers wait.

Prefect begins most transactions as readers. One that reads first and writes later cannot wait for another writer,
because what was read is old by then: SQLite says "database is locked" at once, whatever the timeout, and Prefect
answers 503. Prefect's own clients try again, after two seconds; a form in a browser does not. A transaction that begins
as a writer (BEGIN IMMEDIATE) waits its turn before it reads anything. Prefect has no setting for this.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from prefect.cli import app
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import set_database_config
from prefect.server.utilities.database import get_dialect
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

from amends.cli.home.prefect_pages import keep_to_own_address


class WaitingWriters(AioSqliteConfiguration):
    """Prefect's SQLite database, on which each transaction begins as a writer; single reads need none."""

    @asynccontextmanager
    async def begin_transaction(
        self, session: AsyncSession, with_for_update: bool = False
    ) -> AsyncGenerator[AsyncSessionTransaction, None]:
        """Begin a transaction once no other one is writing, and end it with the block."""
        async with super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


def main() -> None:
    """Run Prefect's command line, whose arguments are `server start …`, with this database and these pages."""
    keep_to_own_address()
    url = PREFECT_API_DATABASE_CONNECTION_URL.value()
    if get_dialect(url).name == "sqlite":
        set_database_config(WaitingWriters(url))
    app()


if __name__ == "__main__":
    main()
