"""Whatever is done to the audit chain behind the ledger's back is found."""

import os
import random
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from amends.domain.base.errors import AlreadyInLedger, LedgerUnavailable
from amends.ledger import Ledger
from tests.builders import NOW, a_person, an_alert, an_incident
from tests.delivery.sending import INCIDENT, a_ledger, sqlite_url

ENTRIES = 12


def with_entries(ledger: Ledger) -> Ledger:
    ledger.incidents.open(an_incident(), [a_person(number=1)], "lena", NOW)
    for number in range(1, ENTRIES):
        ledger.incidents.note_event(INCIDENT, f"event-{number}", NOW + timedelta(minutes=number))
    return ledger


class Forger:
    """Someone with the file of the database and the note beside it, but without the key."""

    def __init__(self, folder: Path) -> None:
        self._whole, self._folder = folder / "whole", folder / "forged"
        self._whole.mkdir()
        with_entries(made := a_ledger(sqlite_url(self._whole), self._whole).migrate())
        made.dispose()

    def found(self, *statements: tuple[str, tuple[object, ...]], anchor: str | None = None) -> tuple[str, ...]:
        """What is found after these statements were carried out on a copy without triggers."""
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.copytree(self._whole, self._folder)
        with closing(sqlite3.connect(self._folder / "ledger.sqlite3", isolation_level=None)) as database:
            for verb in ("update", "delete"):
                database.execute(f"DROP TRIGGER audit_no_{verb}")
            for statement, values in statements:
                database.execute(statement, values)
        if anchor is not None:
            (self._folder / "audit-head").write_text(anchor)
        forged = a_ledger(sqlite_url(self._folder), self._folder)
        try:
            return forged.audit.verify()
        finally:
            forged.dispose()


@pytest.fixture(scope="module")
def forger(tmp_path_factory: pytest.TempPathFactory) -> Forger:
    return Forger(tmp_path_factory.mktemp("audit"))


def test_an_untouched_chain_holds(ledger: Ledger) -> None:
    assert with_entries(ledger).audit.verify() == ()


def test_an_empty_chain_holds(ledger_on_sqlite: Ledger) -> None:
    assert ledger_on_sqlite.audit.verify() == ()


def test_the_copy_of_an_untouched_chain_holds(forger: Forger) -> None:
    assert forger.found() == ()


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'mallory'", "DELETE FROM audit"])
def test_the_database_itself_refuses_to_change_or_delete_an_entry(ledger: Ledger, statement: str) -> None:
    with_entries(ledger)
    with pytest.raises((SQLAlchemyError, AlreadyInLedger)), ledger.store.write() as write:
        write.session.execute(text(statement))
    assert ledger.audit.verify() == ()


NEW_VALUES: dict[str, tuple[object, ...]] = {
    "at": ("2026-11-24 09:00:00.000001", "2031-01-01 00:00:00.000000", "yesterday"),
    "incident": ("", "other"),
    "actor": ("mallory", "", "LENA"),
    "act": ("approved", ""),
    "subject": ("another", "event-1 "),
    "detail": ("{}  ", '{"people": 2}', "no json"),
    "mac": (b"\x00" * 32, b"", "text"),
}


def alterations(chance: random.Random) -> Iterator[tuple[str, list[tuple[str, tuple[object, ...]]]]]:
    """What a forger could do to some entry, with a name for it."""
    one, other = chance.sample(range(1, ENTRIES + 1), 2)
    column = chance.choice([*NEW_VALUES])
    value = chance.choice(NEW_VALUES[column])
    yield f"{column} of {one} to {value!r}", [(f"UPDATE audit SET {column} = ? WHERE seq = ?", (value, one))]
    yield f"{one} removed", [("DELETE FROM audit WHERE seq = ?", (one,))]
    yield (
        f"{one} and {other} swapped",
        [
            ("UPDATE audit SET seq = 99 WHERE seq = ?", (one,)),
            ("UPDATE audit SET seq = ? WHERE seq = ?", (one, other)),
            ("UPDATE audit SET seq = ? WHERE seq = 99", (other,)),
        ],
    )
    yield f"cut off after {one - 1}", [("DELETE FROM audit WHERE seq >= ?", (one,))]
    yield (
        f"{one} removed, the others moved up",
        [
            ("DELETE FROM audit WHERE seq = ?", (one,)),
            *(("UPDATE audit SET seq = ? WHERE seq = ?", (seq - 1, seq)) for seq in range(one + 1, ENTRIES + 1)),
        ],
    )
    yield (
        f"{one} told twice",
        [
            (
                "INSERT INTO audit SELECT ?, at, incident, actor, act, subject, detail, rows, mac FROM audit WHERE seq = ?",
                (ENTRIES + 1, one),
            )
        ],
    )


def test_three_hundred_random_alterations_are_all_found(forger: Forger) -> None:
    chance = random.Random(20261124)
    tried = [forgery for _ in range(50) for forgery in alterations(chance)]
    assert len(tried) == 300
    assert [name for name, statements in tried if not forger.found(*statements)] == []


def test_what_is_found_names_the_entry(forger: Forger) -> None:
    found = forger.found(("UPDATE audit SET actor = 'mallory' WHERE seq = 5", ()))
    assert found == ("entry 5 was altered, or the one before it was altered, moved or removed",)


def test_entries_cut_off_at_the_end_are_counted(forger: Forger) -> None:
    assert forger.found(("DELETE FROM audit WHERE seq > 9", ())) == ("entries 10 to 12 were cut off at the end",)


def test_a_note_that_was_removed_or_garbled_is_found(forger: Forger) -> None:
    assert [
        "missing or unreadable" in "".join(forger.found(anchor=anchor)) for anchor in ("", "x y z", "nine beef")
    ] == [True] * 3


def test_a_note_of_another_entry_is_found(forger: Forger) -> None:
    assert forger.found(anchor=f"4 {'00' * 32}") == ("entry 4 is not the one that was noted beside the database",)


def test_an_older_note_is_no_alarm_as_a_crash_may_precede_it(ledger_on_sqlite: Ledger, tmp_path: Path) -> None:
    """A note beside the ledger that is older than the audit chain is no alarm: a crash may come before the note."""
    anchor = tmp_path / "audit-head"
    ledger_on_sqlite.incidents.open(an_incident(), [], "lena", NOW)
    older = anchor.read_text()
    ledger_on_sqlite.incidents.note_event(INCIDENT, "notified", NOW)
    anchor.write_text(older)
    assert ledger_on_sqlite.audit.verify() == ()


def test_the_note_beside_the_database_is_private(ledger_on_sqlite: Ledger, tmp_path: Path) -> None:
    ledger_on_sqlite.incidents.open(an_incident(), [], "lena", NOW)
    assert (tmp_path / "audit-head").stat().st_mode & 0o777 == 0o600


def test_eight_writers_at_once_make_one_chain_and_one_note(ledger: Ledger, tmp_path: Path) -> None:
    ledger.incidents.open(an_incident(), [], "lena", NOW)

    def write(worker: int) -> None:
        for number in range(6):
            ledger.alerts.record(INCIDENT, an_alert(f"{worker}-{number}", NOW))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert ledger.audit.verify() == ()
    assert [entry.seq for entry in ledger.audit.entries(INCIDENT)] == list(range(1, 50))
    assert (tmp_path / "audit-head").read_text().startswith("49 ")


def test_who_notes_an_earlier_entry_late_does_not_set_the_note_back(
    ledger_on_sqlite: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two ledgers stand for two processes: the first is held up while it writes the note, and the second is not."""
    ledger_on_sqlite.incidents.open(an_incident(), [], "lena", NOW)
    held_up, goes_on, fsync = threading.Event(), threading.Event(), os.fsync

    def slow_for_the_first(descriptor: int) -> None:
        if not held_up.is_set():
            held_up.set()
            goes_on.wait()
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", slow_for_the_first)
    another = a_ledger(sqlite_url(tmp_path), tmp_path)
    with ThreadPoolExecutor(2) as both:
        both.submit(ledger_on_sqlite.alerts.record, INCIDENT, an_alert("first"))
        held_up.wait()
        second = both.submit(another.alerts.record, INCIDENT, an_alert("second"))
        wait([second], 1)
        goes_on.set()
    another.dispose()
    assert (tmp_path / "audit-head").read_text().startswith("3 ")


def test_what_was_undone_leaves_no_entry(ledger: Ledger) -> None:
    ledger.incidents.open(an_incident(), [], "lena", NOW)
    with suppress(ZeroDivisionError), ledger.store.write() as write:
        write.note(NOW, INCIDENT, "approved", "first-notice")
        _ = 1 / 0
    assert [entry.act for entry in ledger.audit.entries(INCIDENT)] == ["opened"]
    assert ledger.audit.verify() == ()


def test_what_could_not_be_committed_is_not_noted_beside_the_ledger(ledger_on_sqlite: Ledger) -> None:
    """Else it would be taken for an older copy, and nothing would be sent any more."""

    def fail(_: object) -> None:
        raise OperationalError("COMMIT", {}, sqlite3.OperationalError("disk I/O error"))

    ledger_on_sqlite.incidents.open(an_incident(), [], "lena", NOW)
    event.listen(ledger_on_sqlite.store.engine, "commit", fail)
    with pytest.raises(LedgerUnavailable, match="disk I/O error"):
        ledger_on_sqlite.incidents.note_event(INCIDENT, "notified", NOW)
    ledger_on_sqlite.dispose()
    assert ledger_on_sqlite.store.doubt() == ""
