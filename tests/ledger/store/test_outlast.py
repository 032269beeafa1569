"""What is noted beside the ledger is on the disk before the note counts: its words first, then its name."""

import os
import stat
import time
from multiprocessing import get_context
from pathlib import Path

import pytest

from amends.domain.channel.channel import ChannelKind
from amends.ledger import Ledger
from amends.system import files
from tests.builders import NOW, a_person
from tests.delivery.sending import INCIDENT, NOTICE, approved


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The files and folders whose content was written to the disk, in order."""
    found: list[int] = []
    fsync = os.fsync

    def fsync_and_tell(descriptor: int) -> None:
        found.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync_and_tell)
    return found


def inode(path: Path) -> int:
    return path.stat().st_ino


def test_the_note_of_the_last_audit_entry_outlasts_a_power_cut(
    ledger_on_sqlite: Ledger, tmp_path: Path, kept: list[int]
) -> None:
    approved(ledger_on_sqlite, [a_person(number=1)], channels=(ChannelKind.EMAIL,))
    assert kept[-2:] == [inode(tmp_path / "audit-head"), inode(tmp_path)]


def test_the_note_of_a_first_release_outlasts_a_power_cut(
    ledger_on_sqlite: Ledger, tmp_path: Path, kept: list[int]
) -> None:
    """The note of a release outlasts a power cut, also when it is the first: its file and its folder are synced."""
    approved(ledger_on_sqlite, [a_person(number=1)], channels=(ChannelKind.EMAIL,))
    kept.clear()
    ledger_on_sqlite.notices.release(INCIDENT, NOTICE, NOW)
    assert kept[:2] == [inode(tmp_path / "released"), inode(tmp_path)]


def test_the_words_of_a_note_are_in_its_file_before_the_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All words of a note are in its file when the disk is waited for, both of a new note and of an addition."""
    note, folder, sizes = tmp_path / "note", inode(tmp_path), list[int]()

    def look(descriptor: int) -> None:
        found = os.fstat(descriptor)
        sizes.extend([] if found.st_ino == folder else [found.st_size])

    monkeypatch.setattr(os, "fsync", look)
    files.replace_locked(note, "said")
    files.append(note, " and more")
    assert sizes == [len("said"), len("said and more")]


def test_a_note_that_cannot_take_its_place_is_no_note(tmp_path: Path) -> None:
    note = tmp_path / "note"
    note.mkdir()
    with pytest.raises(IsADirectoryError):
        files.replace_locked(note, "said")
    assert list(tmp_path.iterdir()) == [note]


def test_a_note_that_cannot_be_written_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a note cannot be written, the note from before stays as it was, and no other file is left."""
    note = tmp_path / "note"
    files.replace_locked(note, "before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.replace_locked(note, "after")
    assert (note.read_text(), list(tmp_path.iterdir())) == ("before", [note])


def test_what_a_killed_process_left_of_a_note_goes_with_the_next(tmp_path: Path) -> None:
    """What a killed process left of a note is gone with the next note."""
    note = tmp_path / "note"
    note.with_name("note.new").write_text("of one that was killed, and much longer than what comes now")
    files.replace_locked(note, "after")
    assert (note.read_text(), list(tmp_path.iterdir())) == ("after", [note])


def test_a_process_stuck_in_a_note_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that does not come out of writing a note is not waited for for ever: the next one gets a TimeoutError.

    Once the note is free again, it can be written.
    """
    monkeypatch.setattr(files, "LOCK_SECONDS", 0)
    note = tmp_path / "note"
    with files.locked(note), pytest.raises(TimeoutError, match="may have been halted"), files.locked(note):
        pass
    with files.locked(note):
        files.replace_locked(note, "after")


def test_a_file_system_that_cannot_keep_a_folder_is_not_asked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, fsync = inode(tmp_path), os.fsync

    def not_of_folders(descriptor: int) -> None:
        if os.fstat(descriptor).st_ino == folder:
            raise OSError(22, "Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", not_of_folders)
    files.replace_locked(tmp_path / "note", "said")
    assert (tmp_path / "note").read_text() == "said"


def test_whoever_was_forked_while_somebody_was_alone_keeps_nobody_out(tmp_path: Path) -> None:
    note = tmp_path / "note"
    with files.locked(note):
        child = get_context("fork").Process(target=time.sleep, args=[600], daemon=True)
        child.start()
    try:
        with files.locked(note):
            files.replace_locked(note, "after")
    finally:
        child.kill()
        child.join()
    assert note.read_text() == "after"


def test_a_note_leaves_no_file_open(tmp_path: Path) -> None:
    note, before = tmp_path / "note", next_descriptor()
    with files.locked(note):
        files.replace_locked(note, "said")
        files.append(note, "and more")
    assert next_descriptor() == before


def next_descriptor() -> int:
    """The lowest that is free, so that one more is open when it has grown."""
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    return descriptor


def test_what_is_noted_beside_the_ledger_is_for_its_owner_alone(ledger_on_sqlite: Ledger, tmp_path: Path) -> None:
    approved(ledger_on_sqlite, [a_person(number=1)], channels=(ChannelKind.EMAIL,))
    ledger_on_sqlite.notices.release(INCIDENT, NOTICE, NOW)
    claims = ledger_on_sqlite.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.EMAIL], 1, NOW)
    ledger_on_sqlite.deliveries.record(claims, [], INCIDENT, NOTICE, NOW)
    noted = ["audit-head", "audit-head.lock", "released", "marked", f"marked/{claims[0].lease}"]
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in noted]
    assert modes == [0o600, 0o600, 0o600, 0o700, 0o600]
