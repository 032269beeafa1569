"""What was released is noted beside the ledger before anything of it can leave, or nothing leaves."""

from pathlib import Path

import pytest

from amends.domain.base.errors import DiskFull, LedgerUnavailable
from amends.ledger.store.marker_files import ReleasedNotes
from tests.disks import fill_up, small_file_system

NOTED = ("inc-1", "first-notice")


def test_on_a_full_disk_nothing_is_noted_and_it_is_once_there_is_room(tmp_path: Path) -> None:
    with small_file_system(tmp_path / "disk") as disk:
        notes = ReleasedNotes(disk / "audit-head")
        fill_up(disk / "filler")
        with pytest.raises(DiskFull, match="make room"):
            notes.add(*NOTED)
        assert NOTED not in notes.all()
        (disk / "filler").unlink()
        notes.add(*NOTED)
        assert NOTED in notes.all()


def test_what_was_noted_is_not_noted_again(tmp_path: Path) -> None:
    notes = ReleasedNotes(tmp_path / "audit-head")
    for _ in range(3):
        notes.add(*NOTED)
    assert (tmp_path / "released").read_text().split() == [*NOTED]


def test_what_is_released_later_takes_no_note_away(tmp_path: Path) -> None:
    later = [("inc-1", "update-1"), ("inc-2", "first-notice")]
    for noted in (NOTED, *later):
        ReleasedNotes(tmp_path / "audit-head").add(*noted)
    assert ReleasedNotes(tmp_path / "audit-head").all() == {NOTED, *later}


def test_notes_that_cannot_be_read_are_not_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / "released").mkdir()
    notes = ReleasedNotes(tmp_path / "audit-head")
    with pytest.raises(LedgerUnavailable, match=r"released cannot be read"):
        notes.all()
    with pytest.raises(LedgerUnavailable):
        notes.add(*NOTED)


def test_notes_that_cannot_be_written_are_said_with_their_place(tmp_path: Path) -> None:
    notes = ReleasedNotes(tmp_path / "gone" / "audit-head")
    with pytest.raises(LedgerUnavailable, match=r"gone/released cannot be written"):
        notes.add(*NOTED)


def test_a_note_that_was_torn_by_a_crash_leaves_the_others_readable(tmp_path: Path) -> None:
    (tmp_path / "released").write_bytes(b"\ninc-1 first-notice\n\xff\xfe")
    assert ReleasedNotes(tmp_path / "audit-head").all() == {NOTED}
