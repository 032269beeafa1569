"""A backup of the middle of a page: what it lacks are marks alone, and they are noted beside the ledger."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from amends.domain.base.errors import DiskFull, LedgerRestored, LedgerUnavailable
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.receipt.dsn import MailReport, ReportKind
from amends.ledger import Claim, Ledger
from amends.ledger.store.marker_files import MarkNotes
from tests.builders import NOW, a_person
from tests.delivery.sending import INCIDENT, NOTICE, approved
from tests.ledger.notice.test_restore import OMAR, back_up, opened, restore
from tests.ledger.store.test_outlast import next_descriptor

EMAIL = (ChannelKind.EMAIL,)


def released(folder: Path, people: int) -> Ledger:
    ledger = opened(folder)
    approved(ledger, [a_person(number=number) for number in range(1, people + 1)], channels=EMAIL)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    return ledger


def mark(ledger: Ledger, *claims: Claim) -> None:
    assert ledger.deliveries.record(claims, [], INCIDENT, NOTICE, NOW) == {claim.id for claim in claims}


def answer(ledger: Ledger, *claims: Claim) -> None:
    sent = [(claim, Receipt(claim.key, Status.SENT)) for claim in claims]
    ledger.deliveries.record([], sent, INCIDENT, NOTICE, NOW)


@pytest.fixture
def in_the_middle(tmp_path: Path) -> Iterator[tuple[Ledger, tuple[Claim, ...]]]:
    """Four people in one page; the backup was made when one mark was kept, and two left after that."""
    ledger = released(tmp_path, 4)
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, EMAIL, 4, NOW)
    mark(ledger, claims[0])
    back_up(ledger, tmp_path)
    mark(ledger, claims[1], claims[2])
    answer(ledger, *claims[:3])
    old = restore(ledger, tmp_path)
    yield old, claims
    old.dispose()


def test_a_backup_of_the_middle_of_a_page_is_known_as_one(in_the_middle: tuple[Ledger, tuple[Claim, ...]]) -> None:
    ledger, claims = in_the_middle
    with pytest.raises(LedgerRestored, match="amends reconcile"):
        ledger.notices.release(INCIDENT, NOTICE, NOW)
    end_all_leases(ledger)
    with pytest.raises(LedgerRestored):
        ledger.deliveries.recover(INCIDENT, NOTICE, NOW)
    with pytest.raises(LedgerRestored):  # nor does a send take another page that goes on after a restore
        ledger.deliveries.claim(INCIDENT, NOTICE, EMAIL, 4, NOW)
    with pytest.raises(LedgerRestored):
        ledger.receipts.take([MailReport(ReportKind.FAILED, claims[1].bounce)], NOW)


def test_also_when_the_page_had_no_mark_yet(tmp_path: Path) -> None:
    ledger = released(tmp_path, 2)
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, EMAIL, 2, NOW)
    back_up(ledger, tmp_path)
    mark(ledger, claims[0])
    old = restore(ledger, tmp_path)
    end_all_leases(old)
    with pytest.raises(LedgerRestored):
        old.deliveries.recover(INCIDENT, NOTICE, NOW)
    old.dispose()


def test_it_goes_on_after_it_was_compared_with_the_log(in_the_middle: tuple[Ledger, tuple[Claim, ...]]) -> None:
    ledger, claims = in_the_middle
    ledger.restore.reconcile([claim.key for claim in claims[:3]], OMAR, NOW, EMAIL)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    end_all_leases(ledger)
    ledger.deliveries.recover(INCIDENT, NOTICE, NOW)
    assert [claim.key for claim in ledger.deliveries.claim(INCIDENT, NOTICE, EMAIL, 4, NOW)] == [claims[3].key]


def test_a_ledger_whose_sender_was_killed_goes_on_by_itself(ledger: Ledger) -> None:
    """A ledger of which only the sender was killed goes on by itself, and the notes of its marks are dropped."""
    approved(ledger, [a_person(number=number) for number in (1, 2)], channels=EMAIL)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, EMAIL, 2, NOW)
    mark(ledger, claims[0])
    end_all_leases(ledger)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    assert ledger.deliveries.recover(INCIDENT, NOTICE, NOW) == 1
    assert not ledger.store.mark_notes.all()


def test_a_sender_killed_between_mark_and_note_stops_nothing(ledger: Ledger) -> None:
    """A ledger whose sender was killed between a mark and the note of the mark goes on by itself."""
    approved(ledger, [a_person(number=1)], channels=EMAIL)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    (claim,) = ledger.deliveries.claim(INCIDENT, NOTICE, EMAIL, 1, NOW)
    ledger.store.mark_notes.begin([claim.lease])
    with ledger.store.driver_write() as swift:
        assert swift.keep_mark(claim.lease, [claim.id], NOW)
    end_all_leases(ledger)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    assert ledger.deliveries.recover(INCIDENT, NOTICE, NOW) == 1


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_mark_that_was_lost_is_missed_also_when_its_sender_goes_on(ledger: Ledger, *, goes_on: bool) -> None:
    approved(ledger, [a_person(number=number) for number in (1, 2, 3)], channels=EMAIL)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, EMAIL, 3, NOW)
    mark(ledger, claims[0])
    mark(ledger, claims[1])
    with ledger.store.write() as write:
        write.session.execute(text("DELETE FROM mark WHERE id = (SELECT max(id) FROM mark)"))
    if goes_on:
        mark(ledger, claims[2])
    with pytest.raises(LedgerRestored):
        ledger.notices.release(INCIDENT, NOTICE, NOW)


def test_a_page_that_is_through_leaves_no_note(ledger: Ledger) -> None:
    approved(ledger, [a_person(number=1)], channels=EMAIL)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    (claim,) = ledger.deliveries.claim(INCIDENT, NOTICE, EMAIL, 1, NOW)
    mark(ledger, claim)
    assert list(ledger.store.mark_notes.all()) == [claim.lease]
    answer(ledger, claim)
    ledger.deliveries.end_leases([claim.lease], {"sent": 1}, INCIDENT, NOTICE, NOW)
    assert not ledger.store.mark_notes.all()


def test_the_note_of_a_page_of_which_something_is_in_hand_stays(ledger: Ledger) -> None:
    approved(ledger, [a_person(number=number) for number in (1, 2)], channels=EMAIL)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, EMAIL, 2, NOW)
    mark(ledger, claims[0])
    ledger.deliveries.end_leases([claims[0].lease], {}, INCIDENT, NOTICE, NOW)
    assert ledger.store.mark_notes.all() == {claims[0].lease: 1}


def test_a_note_that_outlived_its_lease_is_cleared_away(ledger: Ledger) -> None:
    approved(ledger, [a_person(number=1)], channels=EMAIL)
    ledger.store.mark_notes.begin([17])
    ledger.store.mark_notes.add([17])
    assert ledger.store.mark_notes.all() == {17: 1}
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    assert not ledger.store.mark_notes.all()


def test_nothing_leaves_when_the_note_cannot_be_kept(tmp_path: Path) -> None:
    (tmp_path / "marked").write_text("in the way")
    with pytest.raises(LedgerUnavailable, match="marked cannot be written"):
        MarkNotes(tmp_path / "audit-head").begin([1])


@pytest.mark.parametrize("content", [b"?", b"\0" * 20])
def test_a_note_that_cannot_be_read_is_no_leave_to_send(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "marked").mkdir()
    (tmp_path / "marked" / "3").write_bytes(content)
    with pytest.raises(LedgerUnavailable, match=r"marked/3 cannot be read any more.*delete it"):
        MarkNotes(tmp_path / "audit-head").all()


def test_a_file_that_is_no_note_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "marked").mkdir()
    (tmp_path / "marked" / ".DS_Store").write_bytes(b"\0\0")
    assert MarkNotes(tmp_path / "audit-head").all() == {}


def test_a_note_that_another_ends_while_all_are_read_hides_no_other(tmp_path: Path) -> None:
    notes = MarkNotes(tmp_path / "audit-head")
    notes.begin([7])
    notes.add([7])
    (tmp_path / "marked" / "3").symlink_to("gone")  # its name is found, and then it is not there
    assert notes.all() == {3: 0, 7: 1}


def test_pages_that_are_through_leave_no_file_open(tmp_path: Path) -> None:
    notes, before = MarkNotes(tmp_path / "audit-head"), next_descriptor()
    for lease in range(1, 4):
        notes.begin([lease])
        notes.drop([lease])
    assert next_descriptor() == before


@pytest.mark.parametrize("why", [errno.ENOSPC, errno.EDQUOT], ids=["the disk is full", "the quota is used up"])
def test_without_room_for_the_note_nothing_is_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: int) -> None:
    ledger = released(tmp_path, 1)
    (claim,) = ledger.deliveries.claim(INCIDENT, NOTICE, EMAIL, 1, NOW)

    def full(*_: object) -> int:
        raise OSError(why, "full")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(DiskFull):
        ledger.deliveries.record([claim], [], INCIDENT, NOTICE, NOW)
    monkeypatch.undo()
    end_all_leases(ledger)
    assert ledger.deliveries.recover(INCIDENT, NOTICE, NOW) == 0
    ledger.dispose()


def test_a_finished_page_of_a_killed_worker_is_in_the_audit_chain(tmp_path: Path) -> None:
    """A page whose messages all had answers when its worker was killed is told of in the audit chain.

    So a backup from before is known as a copy although the page left no mark.
    """
    ledger = released(tmp_path, 3)
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, EMAIL, 3, NOW)
    back_up(ledger, tmp_path)
    mark(ledger, *claims)
    answer(ledger, *claims[:2])
    ledger.deliveries.record([], [(claims[2], Receipt(claims[2].key, Status.DEFERRED, "450"))], INCIDENT, NOTICE, NOW)
    end_all_leases(ledger)
    assert ledger.deliveries.recover(INCIDENT, NOTICE, NOW) == 0
    old = restore(ledger, tmp_path)
    with pytest.raises(LedgerRestored):
        old.notices.release(INCIDENT, NOTICE, NOW)
    old.dispose()


def test_a_lease_that_another_recovered_is_let_go_of(tmp_path: Path) -> None:
    ledger = released(tmp_path, 1)
    (claim,) = ledger.deliveries.claim(INCIDENT, NOTICE, EMAIL, 1, NOW)
    mark(ledger, claim)
    other = opened(tmp_path)
    end_all_leases(other)
    other.deliveries.recover(INCIDENT, NOTICE, NOW)
    other.dispose()
    ledger.deliveries.end_leases([claim.lease], {}, INCIDENT, NOTICE, NOW)
    ledger.store.mark_notes.begin([claim.lease])  # as if its number came again after a restore
    assert ledger.store.mark_notes.all() == {claim.lease: 0}
    ledger.dispose()


def end_all_leases(ledger: Ledger) -> None:
    with ledger.store.write() as write:
        write.session.execute(text("UPDATE lease SET holder = '', until = '2000-01-01 00:00:00'"))


def test_a_page_ended_while_its_mark_is_kept_needs_no_note(tmp_path: Path) -> None:
    """A page that another thread ends while one of its marks is being kept needs no note any more."""
    notes = MarkNotes(tmp_path / "audit-head")
    notes.begin([1, 2])
    notes.drop([1])
    notes.add([1, 2])
    assert notes.all() == {2: 1}
