"""PostgreSQL for tests, where a server is there: AMENDS_TEST_POSTGRES, or 127.0.0.1:5432."""

import os
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

import psycopg
import pytest
from sqlalchemy import Engine, make_url

from amends.ledger.store.schema import all_tables

POSTGRES = os.environ.get("AMENDS_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")

BEGIN_ANEW = """
SELECT setval(quote_ident(schemaname) || '.' || quote_ident(sequencename), start_value, false)
FROM pg_sequences WHERE last_value IS NOT NULL"""


@cache
def postgres_answers() -> bool:
    """Whether a server is there."""
    try:
        psycopg.connect(POSTGRES, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


NEEDS_POSTGRES = (
    pytest.mark.postgres,
    pytest.mark.skipif(not postgres_answers(), reason="no PostgreSQL at AMENDS_TEST_POSTGRES or 127.0.0.1:5432"),
)


@contextmanager
def fresh_database() -> Iterator[str]:
    """An empty database for one test; its address, as the ledger wants it."""
    name = f"amends_{uuid.uuid4().hex}"
    with psycopg.connect(POSTGRES, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield POSTGRES.replace("postgresql://", "postgresql+psycopg://").rsplit("/", 1)[0] + f"/{name}"
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def empty(engine: Engine) -> None:
    """Empty the ledger on a server, and let its numbers begin anew; TRUNCATE of all tables takes seconds.

    As a replica would: no trigger keeps a row that may only be added to, and none counts what is taken away.
    """
    tables = [table.name for table in reversed(all_tables().sorted_tables) if table.name != "key_check"]
    filled = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in tables)
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for name in connection.exec_driver_sql(filled).scalars().all():
            connection.exec_driver_sql(f"DELETE FROM {name}")
        connection.exec_driver_sql(BEGIN_ANEW)


class Wire:
    """The way to the server, which can be cut and mended."""

    def __init__(self, url: str) -> None:
        there = make_url(url)
        self._server = (there.host or "127.0.0.1", there.port or 5432)
        self._ends: list[socket.socket] = []
        self._listener = self._listen(0)
        self.url = there.set(host="127.0.0.1", port=self._listener.getsockname()[1]).render_as_string(
            hide_password=False
        )

    def cut(self) -> None:
        """Who is connected is not any more, and nobody can connect."""
        for end in (self._listener, *self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._ends.clear()

    def mend(self) -> None:
        """One can connect again."""
        self._listener = self._listen(make_url(self.url).port or 0)

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                here, _ = listener.accept()
                there = socket.create_connection(self._server)
                self._ends += [here, there]
                for one, other in ((here, there), (there, here)):
                    threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while said := one.recv(65_536):
            other.sendall(said)
    with suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)
