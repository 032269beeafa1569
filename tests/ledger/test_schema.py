"""A new ledger has exactly the tables that the rows declare, in a file that only its owner reads; others are refused."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Timer

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, UniqueConstraint

from amends.domain.base.errors import LedgerUnavailable, TablesDiffer
from amends.domain.channel.channel import ChannelKind
from amends.ledger import Ledger
from amends.ledger.store.database import BUSY_SECONDS
from amends.ledger.store.schema import all_rows, all_tables, identifier, schema
from tests.builders import NOW, a_person
from tests.delivery.sending import INCIDENT, NOTICE, a_ledger, approved, sqlite_url
from tests.privileges import of_nobody

EMAIL = (ChannelKind.EMAIL,)


@pytest.fixture
def made(ledger_url: str, tmp_path: Path) -> Iterator[Ledger]:
    """A ledger in a database of its own, whose tables may be spoiled."""
    opened = a_ledger(ledger_url, tmp_path).migrate()
    yield opened
    opened.dispose()


def test_the_database_has_all_that_the_rows_declare(ledger: Ledger) -> None:
    """The database has the tables of the rows, with their columns, indexes and unique constraints, and no others."""
    with ledger.store.engine.connect() as connection:
        database = MetaData()
        database.reflect(connection)
    declared = all_tables().tables
    assert database.tables.keys() == declared.keys() | {"amends_schema"}
    assert {name: _parts(database.tables[name]) for name in declared} == {
        name: _parts(table) for name, table in declared.items()
    }


def test_each_partial_index_has_its_condition(ledger: Ledger) -> None:
    with ledger.store.engine.connect() as connection:
        database = MetaData()
        database.reflect(connection)
    conditions = {index.name: index.dialect_kwargs for table in database.tables.values() for index in table.indexes}
    limited = {name for name, options in conditions.items() if any(key.endswith("_where") for key in options)}
    declared = [index for table in all_tables().tables.values() for index in table.indexes]
    assert limited == {index.name for index in declared if "where" in index.info}


def test_a_table_with_one_more_column_is_another_schema() -> None:
    tables = MetaData()
    table = Table("letter", tables, Column("id", Integer, primary_key=True))
    before = identifier([table])
    table.append_column(Column("at", Integer))
    assert identifier([table]) != before


def test_the_kept_identifier_is_that_of_the_tables() -> None:
    """A command reads the identifier of all tables from the cache folder, and imports none of them for it."""
    for _ in range(2):
        schema.cache_clear()
        assert schema() == identifier(kind.__table__ for kind in all_rows())


def test_migrating_again_changes_nothing(ledger: Ledger) -> None:
    assert ledger.migrate().incidents.all() == ()


@pytest.mark.full
def test_several_processes_may_make_the_tables_at_once(ledger_url: str, tmp_path: Path) -> None:
    ledgers = [a_ledger(ledger_url, tmp_path) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert [made.incidents.all() for made in pool.map(Ledger.migrate, ledgers)] == [()] * 4
    for made in ledgers:
        made.dispose()


def test_opening_a_file_that_is_just_being_made_waits_for_it(tmp_path: Path) -> None:
    """A process that opens a new ledger file waits while another process is just making the file."""
    file = sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None, check_same_thread=False)
    with closing(file) as other:
        other.execute("BEGIN IMMEDIATE")
        made = Timer(0.3, other.execute, ["COMMIT"])
        made.start()
        ledger = a_ledger(sqlite_url(tmp_path), tmp_path).migrate()
        made.join()
    assert ledger.incidents.all() == ()
    ledger.dispose()


def test_after_a_write_sqlite_waits_for_others_by_itself_as_before(ledger_on_sqlite: Ledger) -> None:
    with ledger_on_sqlite.store.write() as write:
        write.note(NOW, "", "looked")
    with ledger_on_sqlite.store.engine.connect() as connection:
        waits = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
    assert waits == BUSY_SECONDS * 1000


def test_only_the_owner_reads_the_file_and_what_stands_beside_it(ledger_on_sqlite: Ledger, tmp_path: Path) -> None:
    with ledger_on_sqlite.store.write() as write:
        write.note(NOW, "", "looked")
        files = [path for path in tmp_path.iterdir() if path.name.startswith("ledger.sqlite3")]
        assert len(files) == 3
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_so_it_is_from_the_moment_on_when_the_file_is_made(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        a_ledger(sqlite_url(tmp_path), tmp_path).dispose()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "ledger.sqlite3").stat().st_mode) == 0o600


def test_every_commit_is_on_disk_before_it_returns(ledger_on_sqlite: Ledger) -> None:
    pragmas = ("journal_mode", "synchronous", "fullfsync", "checkpoint_fullfsync", "foreign_keys")
    with ledger_on_sqlite.store.engine.connect() as connection:
        values = [connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() for pragma in pragmas]
    full = 2
    assert values == ["wal", full, 1, 1, 1]


def test_a_ledger_that_may_only_be_read_is_known_before_it_is_written(tmp_path: Path) -> None:
    ledger = a_ledger(sqlite_url(tmp_path), tmp_path).migrate()
    ledger.store.check_writable()
    (tmp_path / "ledger.sqlite3").chmod(0o400)
    with of_nobody(), pytest.raises(LedgerUnavailable, match="it is read-only"):
        ledger.store.check_writable()
    ledger.dispose()


def test_a_ledger_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    a_ledger(sqlite_url(tmp_path), tmp_path).migrate().dispose()
    (tmp_path / "ledger.sqlite3").chmod(0o640)
    a_ledger(sqlite_url(tmp_path), tmp_path).migrate().dispose()
    assert stat.S_IMODE((tmp_path / "ledger.sqlite3").stat().st_mode) == 0o640


@pytest.mark.parametrize("tables", ["0001", "older"])
def test_a_ledger_with_other_tables_is_refused(made: Ledger, tables: str) -> None:
    _have_tables_of(made, tables)
    with pytest.raises(
        TablesDiffer, match=rf"its tables are {tables}, and this one knows {schema()}; install that one"
    ):
        made.migrate()


def test_a_sender_claims_no_more_once_another_amends_has_the_ledger(made: Ledger) -> None:
    approved(made, [a_person(number=1), a_person(number=2)], channels=EMAIL)
    made.notices.release(INCIDENT, NOTICE, NOW)
    _have_tables_of(made, "other")
    with pytest.raises(TablesDiffer, match="written by another Amends: its tables are other"):
        made.deliveries.claim(INCIDENT, NOTICE, EMAIL, 1, NOW)
    assert not made.deliveries.at_work(INCIDENT, NOTICE, EMAIL)


def _parts(table: Table) -> object:
    uniques = [constraint for constraint in table.constraints if isinstance(constraint, UniqueConstraint)]
    return (
        [(column.name, column.nullable) for column in table.columns],
        {column.name for column in table.primary_key},
        {(index.name, tuple(column.name for column in index.columns), bool(index.unique)) for index in table.indexes},
        {tuple(column.name for column in unique.columns) for unique in uniques},
        {key.target_fullname for key in table.foreign_keys},
    )


def _have_tables_of(ledger: Ledger, tables: str) -> None:
    with ledger.store.engine.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql(f"UPDATE amends_schema SET version_num = '{tables}'")
