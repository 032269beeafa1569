"""Links and open folders on the way to a file."""

import os
from pathlib import Path

import pytest

from amends.system.diversions import Diversion, diversions


def test_a_path_without_links_in_closed_folders_is_fine(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert list(diversions(tmp_path / "file")) == []
    assert list(diversions(tmp_path / "not" / "there")) == []


def test_a_link_is_named_with_its_target(tmp_path: Path) -> None:
    (tmp_path / "real").touch()
    (tmp_path / "link").symlink_to("real")
    assert list(diversions(tmp_path / "link")) == [Diversion(tmp_path / "link", tmp_path / "real")]


def test_a_link_to_nowhere_and_one_to_itself_are_named(tmp_path: Path) -> None:
    (tmp_path / "nowhere").symlink_to("gone")
    (tmp_path / "self").symlink_to("self")
    assert [diversion.place.name for name in ("nowhere", "self") for diversion in diversions(tmp_path / name)] == [
        "nowhere",
        "self",
    ]


def test_a_folder_behind_a_link_that_anyone_can_write_is_named(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to("open")
    assert list(diversions(tmp_path / "link" / "file")) == [Diversion(tmp_path / "open", None, anyone=True)]


@pytest.mark.parametrize(("mode", "named"), [(0o700, False), (0o755, False), (0o777, True), (0o1777, False)])
def test_a_folder_is_named_when_anyone_can_replace_the_file(tmp_path: Path, mode: int, named: bool) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").touch()
    folder.chmod(mode)
    assert list(diversions(folder / "file")) == [Diversion(folder, None, anyone=True)] * named


def test_an_outbox_that_anyone_can_write_is_named_though_sticky(tmp_path: Path) -> None:
    (tmp_path / "outbox").mkdir()
    (tmp_path / "outbox").chmod(0o1777)
    assert list(diversions(tmp_path / "outbox")) == [Diversion(tmp_path / "outbox", None, anyone=True)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_or_folder_of_somebody_else_is_named(tmp_path: Path) -> None:
    """In a sticky folder somebody else can replace only their own file; in their own folder, everything."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").touch()
    folder.chmod(0o1777)
    os.chown(folder / "file", 1234, 1234)
    assert [diversion.place for diversion in diversions(folder / "file")] == [folder]
    folder.chmod(0o755)
    os.chown(folder, 1234, 0)
    assert list(diversions(folder / "file")) == [Diversion(folder, None)]
