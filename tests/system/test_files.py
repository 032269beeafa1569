"""Files that are there whole or not at all, and outlast a power cut."""

import os
from pathlib import Path

import pytest

from amends.system.files import create_file, replace_file


def inode(path: Path) -> int:
    return path.stat().st_ino


def test_a_file_is_on_disk_before_it_is_readable_then_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replaced file has its content flushed to the disk before anybody can read it, and the folder with its name is
    flushed afterwards.
    """
    page, fsync = tmp_path / "page", os.fsync
    page.write_text("before")
    kept: list[tuple[int, str]] = []

    def fsync_and_tell(descriptor: int) -> None:
        kept.append((os.fstat(descriptor).st_ino, page.read_text()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync_and_tell)
    replace_file(page, b"after", 0o644)
    assert kept == [(inode(page), "before"), (inode(tmp_path), "after")]


def test_a_file_that_cannot_be_written_leaves_the_old_one_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a file cannot be written, the old file stays as it was and no temporary file is left behind."""
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


def test_a_new_file_is_on_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, fsync = tmp_path / "page", os.fsync
    named: list[bool] = []

    def fsync_and_look(descriptor: int) -> None:
        named.append(page.exists())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync_and_look)
    create_file(page, b"new")
    assert (page.read_text(), named[0], list(tmp_path.iterdir())) == ("new", False, [page])


@pytest.mark.parametrize("links", [True, False], ids=["hard links", "no hard links"])
def test_a_file_that_appears_meanwhile_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """A file that another process creates while the new one is written keeps its content."""
    page, fsync = tmp_path / "page", os.fsync

    def fsync_and_be_late(descriptor: int) -> None:
        page.write_text("theirs")
        fsync(descriptor)

    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fsync", fsync_and_be_late)
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(FileExistsError):
        create_file(page, b"ours")
    assert (page.read_text(), list(tmp_path.iterdir())) == ("theirs", [page])


def test_a_new_file_is_written_where_there_are_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    create_file(tmp_path / "page", b"new")
    assert ((tmp_path / "page").read_text(), len(list(tmp_path.iterdir()))) == ("new", 1)


def test_a_link_that_leads_nowhere_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "page").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        create_file(tmp_path / "page", b"new")
    assert not (tmp_path / "elsewhere").exists()


def test_a_new_file_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        create_file(tmp_path / "page", b"new")
    assert list(tmp_path.iterdir()) == []
