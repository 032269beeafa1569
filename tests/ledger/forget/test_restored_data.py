"""A restored backup brings data back and loses holds: the file of tombstones knows both."""

import shutil
from pathlib import Path

import pytest

from amends.delivery.forget import DataPlaces, forget_again
from amends.domain.base.errors import NotAllowed
from amends.domain.forget.retention import DataKind
from amends.ledger import Ledger
from tests.builders import NOW
from tests.delivery.sending import INCIDENT, a_ledger, sqlite_url
from tests.ledger.forget.forgetting import (
    LATER,
    LENA,
    OMAR,
    ZOE,
    canaries,
    closed,
    found_in_rows,
    opened_words,
    with_traces,
)


class Backup:
    """A copy of a ledger's file that takes the file's place later."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self._folder = folder
        self._copy = folder / "backup.sqlite3"
        ledger.store.leave_no_old_pages("nothing")
        shutil.copyfile(folder / "ledger.sqlite3", self._copy)

    def restored(self, ledger: Ledger) -> Ledger:
        ledger.dispose()
        for name in ("ledger.sqlite3-wal", "ledger.sqlite3-shm"):
            (self._folder / name).unlink(missing_ok=True)
        self._copy.replace(self._folder / "ledger.sqlite3")
        return a_ledger(sqlite_url(self._folder), self._folder).migrate()


def test_an_erased_person_is_erased_again(ledger_on_sqlite: Ledger, tmp_path: Path) -> None:
    with_traces(ledger_on_sqlite)
    backup, wanted = Backup(ledger_on_sqlite, tmp_path), canaries(ledger_on_sqlite)
    ledger_on_sqlite.erasure.erase(INCIDENT, 1, LENA, OMAR, LATER)
    ledger = backup.restored(ledger_on_sqlite)
    assert ZOE.name in opened_words(ledger)
    assert forget_again(ledger, DataPlaces({})) == ()
    assert found_in_rows(ledger, wanted) == []
    assert ledger.erasure.erased(INCIDENT) == {1: LATER}
    assert ledger.audit.disagreements() == ()
    assert forget_again(ledger, DataPlaces({})) == ()
    assert len([entry for entry in ledger.audit.entries(INCIDENT) if entry.act == "person erased"]) == 1
    ledger.dispose()


def test_kinds_and_whole_cases_are_forgotten_again(ledger_on_sqlite: Ledger, tmp_path: Path) -> None:
    closed(ledger_on_sqlite)
    backup = Backup(ledger_on_sqlite, tmp_path)
    ledger_on_sqlite.retention.forget(INCIDENT, DataKind.QUESTIONS, LATER)
    ledger = backup.restored(ledger_on_sqlite)
    assert ledger.restored_data.found()[0].kind is DataKind.QUESTIONS
    forget_again(ledger, DataPlaces({}))
    assert ledger.restored_data.found() == ()
    ledger.dispose()


def test_a_destroyed_case_is_destroyed_again(ledger_on_sqlite: Ledger, tmp_path: Path) -> None:
    closed(ledger_on_sqlite)
    backup = Backup(ledger_on_sqlite, tmp_path)
    ledger_on_sqlite.destruction.destroy(INCIDENT, LENA, OMAR, LATER)
    ledger_on_sqlite.forgettings.note()
    ledger = backup.restored(ledger_on_sqlite)
    assert ledger.people.get(INCIDENT, 1).name == ZOE.name
    assert forget_again(ledger, DataPlaces({})) == ()
    assert ledger.cases.read(INCIDENT, LATER).destroyed_at == LATER
    ledger.dispose()


def test_a_hold_that_the_backup_lacks_still_holds(ledger_on_sqlite: Ledger, tmp_path: Path) -> None:
    closed(ledger_on_sqlite, questions="30d")
    backup = Backup(ledger_on_sqlite, tmp_path)
    hold = ledger_on_sqlite.holds.give(INCIDENT, None, "the court asked", OMAR, NOW)
    ledger = backup.restored(ledger_on_sqlite)
    with pytest.raises(NotAllowed, match="noted beside the ledger"):
        ledger.retention.forget(INCIDENT, DataKind.QUESTIONS, LATER)
    assert ledger.holds.give(INCIDENT, 1, "another", OMAR, NOW) == hold + 1
    ledger.holds.lift(INCIDENT, hold, "settled", OMAR, LATER)
    ledger.holds.lift(INCIDENT, hold + 1, "settled", OMAR, LATER)
    ledger.retention.forget(INCIDENT, DataKind.QUESTIONS, LATER)
    ledger.dispose()


def test_what_is_under_hold_is_not_erased_again(ledger_on_sqlite: Ledger, tmp_path: Path) -> None:
    with_traces(ledger_on_sqlite)
    hold = ledger_on_sqlite.holds.give(INCIDENT, 1, "the court asked", OMAR, NOW)
    backup = Backup(ledger_on_sqlite, tmp_path)
    ledger_on_sqlite.holds.lift(INCIDENT, hold, "settled", OMAR, NOW)
    ledger_on_sqlite.erasure.erase(INCIDENT, 1, LENA, OMAR, LATER)
    ledger = backup.restored(ledger_on_sqlite)
    (trouble,) = forget_again(ledger, DataPlaces({}))
    assert "brought back person 1" in trouble
    assert "under hold by omar" in trouble
    assert ledger.people.get(INCIDENT, 1).name == ZOE.name
    ledger.dispose()


def test_a_tombstone_that_was_never_written_is_written_later(ledger_on_sqlite: Ledger, tmp_path: Path) -> None:
    with_traces(ledger_on_sqlite)
    ledger_on_sqlite.erasure.erase(INCIDENT, 1, LENA, OMAR, LATER)
    file = tmp_path / "forgotten"
    said = file.read_text()
    file.unlink()
    ledger_on_sqlite.forgettings.note()
    assert file.read_text() == said
    assert ZOE.ref not in said


def test_a_line_that_was_cut_off_counts_for_nothing(ledger_on_sqlite: Ledger, tmp_path: Path) -> None:
    with_traces(ledger_on_sqlite)
    (tmp_path / "forgotten").write_text(f"hold {INCIDENT} 1 0\nerased {INCIDENT} 1 ab 2026-")
    assert ledger_on_sqlite.holds.all(INCIDENT) == ()
    ledger_on_sqlite.holds.give(INCIDENT, None, "the court asked", OMAR, NOW)
    assert f"hold {INCIDENT} 1 0 ." in (tmp_path / "forgotten").read_text().splitlines()
