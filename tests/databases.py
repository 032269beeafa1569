"""PostgreSQL for tests, where a server is there: AMENDS_TEST_POSTGRES, or 127.0.0.1:5432."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import psycopg
import pytest

POSTGRES = os.environ.get("AMENDS_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")


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
