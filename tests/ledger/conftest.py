"""A real ledger for each test, on SQLite and, where a server is there, on PostgreSQL."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from amends.ledger import Ledger
from tests.sending import a_ledger, sqlite_url

POSTGRES = os.environ.get("AMENDS_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")


def _postgres_answers() -> bool:
    try:
        psycopg.connect(POSTGRES, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


HAS_POSTGRES = _postgres_answers()


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param(
            "postgresql",
            marks=[
                pytest.mark.postgres,
                pytest.mark.skipif(not HAS_POSTGRES, reason="no PostgreSQL at AMENDS_TEST_POSTGRES or 127.0.0.1:5432"),
            ],
        ),
    ]
)
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
        return
    name = f"amends_{uuid.uuid4().hex}"
    with psycopg.connect(POSTGRES, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        yield POSTGRES.replace("postgresql://", "postgresql+psycopg://").rsplit("/", 1)[0] + f"/{name}"
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def ledger(ledger_url: str, tmp_path: Path) -> Iterator[Ledger]:
    opened = a_ledger(ledger_url, tmp_path).migrate()
    yield opened
    opened.dispose()


@pytest.fixture
def ledger_on_sqlite(tmp_path: Path) -> Iterator[Ledger]:
    """For what does not depend on the database."""
    opened = a_ledger(sqlite_url(tmp_path), tmp_path).migrate()
    yield opened
    opened.dispose()
