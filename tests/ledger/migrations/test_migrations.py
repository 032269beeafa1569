"""The migrations make exactly the tables that the code expects, in a file that only its owner reads."""

import os
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Timer

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlmodel import SQLModel

from amends.domain.base.errors import LedgerUnavailable
from amends.ledger import Ledger
from amends.ledger.store.database import BUSY_SECONDS
from tests.builders import NOW
from tests.delivery.sending import a_ledger, sqlite_url
from tests.privileges import of_nobody


def test_the_migrated_tables_are_the_tables_of_the_code(ledger: Ledger) -> None:
    with ledger.store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "version_table": "amends_schema"})
        assert compare_metadata(context, SQLModel.metadata) == []


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


def test_a_ledger_that_is_up_to_date_is_opened_without_alembic(ledger_on_sqlite: Ledger) -> None:
    opened = f"Ledger({str(ledger_on_sqlite.store.engine.url)!r}, Keys(b'm' * 32)).migrate()"
    code = f"import sys\nfrom amends.ledger import Keys, Ledger\n{opened}\nprint('alembic' in sys.modules)"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert asked.stdout.strip() == "False"
