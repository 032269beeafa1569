"""Files that are there whole or not at all, and outlast a power cut."""

import os
from pathlib import Path

import pytest

from amends.system.files import replace_file


def inode(path: Path) -> int:
    return path.stat().st_ino


def test_a_file_is_on_the_disk_before_anybody_can_read_it_and_its_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, fsync = tmp_path / "page", os.fsync
    page.write_text("before")
    kept: list[tuple[int, str]] = []

    def fsync_and_tell(descriptor: int) -> None:
        kept.append((os.fstat(descriptor).st_ino, page.read_text()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync_and_tell)
    replace_file(page, b"after", 0o644)
    assert kept == [(inode(page), "before"), (inode(tmp_path), "after")]


def test_a_file_that_cannot_be_written_leaves_what_was_there_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page"
    page.write_text("before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(page, b"after", 0o644)
    assert (page.read_text(), list(tmp_path.iterdir())) == ("before", [page])


@pytest.mark.parametrize(("number", "told"), [(22, False), (5, True)], ids=["cannot be asked", "broken"])
def test_a_file_system_that_cannot_keep_a_folder_is_not_asked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, told: bool
) -> None:
    folder, fsync = inode(tmp_path), os.fsync

    def not_of_folders(descriptor: int) -> None:
        if os.fstat(descriptor).st_ino == folder:
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", not_of_folders)
    failed = False
    try:
        replace_file(tmp_path / "page", b"said", 0o644)
    except OSError:
        failed = True
    assert (failed, (tmp_path / "page").read_text()) == (told, "said")
