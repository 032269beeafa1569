"""An empty ledger for each test, on SQLite and, where a server is there, on PostgreSQL."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from amends.ledger import Ledger
from tests.databases import NEEDS_POSTGRES, empty, fresh_database
from tests.delivery.sending import a_ledger, sqlite_url

DATABASES = ["sqlite", pytest.param("postgresql", marks=NEEDS_POSTGRES)]


@pytest.fixture(params=DATABASES)
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of its own, without any tables."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path)
        return
    with fresh_database() as url:
        yield url


@pytest.fixture(scope="session")
def made_on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables and nothing in them: to copy it is quicker than to make it."""
    folder = tmp_path_factory.mktemp("made")
    a_ledger(sqlite_url(folder), folder).migrate().dispose()
    return folder / "ledger.sqlite3"


@pytest.fixture(scope="session")
def made_on_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with all tables, to be emptied for each test."""
    with fresh_database() as url:
        folder = tmp_path_factory.mktemp("made")
        a_ledger(url, folder).migrate().dispose()
        yield url


@pytest.fixture(params=DATABASES)
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """For what depends on the database, or on how several get along in it."""
    if request.param == "sqlite":
        yield from on_sqlite(request.getfixturevalue("made_on_sqlite"), tmp_path)
    else:
        yield from _on_postgres(request.getfixturevalue("made_on_postgres"), tmp_path)


@pytest.fixture
def ledger_on_sqlite(made_on_sqlite: Path, tmp_path: Path) -> Iterator[Ledger]:
    """For what does not depend on the database."""
    yield from on_sqlite(made_on_sqlite, tmp_path)


def on_sqlite(made: Path, folder: Path) -> Iterator[Ledger]:
    copy = folder / made.name
    shutil.copyfile(made, copy)
    copy.chmod(0o600)
    opened = a_ledger(sqlite_url(folder), folder)
    yield opened
    opened.dispose()


def _on_postgres(url: str, folder: Path) -> Iterator[Ledger]:
    opened = a_ledger(url, folder)
    empty(opened.store.engine)
    yield opened
    opened.dispose()
