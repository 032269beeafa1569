"""A ledger in a file is not put where several machines write at once."""

from pathlib import Path

import pytest

from amends.domain.base.errors import LedgerUnavailable
from amends.ledger.store import filesystem
from amends.ledger.store.filesystem import shared_by
from tests.delivery.sending import a_ledger, sqlite_url

DISK = "25 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw"


def mounted(folder: Path, *more: str) -> Path:
    """What the system says is mounted: a disk, and this."""
    told = folder / "mountinfo"
    told.write_text("\n".join((DISK, *more)) + "\n")
    return told


def at(folder: Path | str, kind: str) -> str:
    return f"51 25 0:43 / {folder} rw,nosuid shared:9 master:2 - {kind} filer:/export rw"


@pytest.mark.parametrize(
    "kind", ["nfs4", "cifs", "fuse.sshfs", "ceph", "fuse.ceph-fuse", "pvfs2", "fuse.mfs", "fuse.gcsfuse"]
)
def test_a_folder_of_the_network_is_told_by_its_kind(tmp_path: Path, kind: str) -> None:
    assert shared_by(tmp_path / "home", mounted(tmp_path, at(tmp_path, kind))) == kind


@pytest.mark.parametrize("kind", ["ext4", "tmpfs", "overlay", "fuse.gocryptfs"])
def test_a_folder_of_the_machine_is_its_own(tmp_path: Path, kind: str) -> None:
    assert shared_by(tmp_path / "home", mounted(tmp_path, at(tmp_path, kind))) == ""


def test_what_is_mounted_innermost_and_last_counts(tmp_path: Path) -> None:
    inside = tmp_path / "home"
    assert shared_by(inside, mounted(tmp_path, at(inside, "ext4"), at(tmp_path, "nfs4"))) == ""
    assert shared_by(inside, mounted(tmp_path, at(inside, "autofs"), at(inside, "nfs4"))) == "nfs4"


def test_a_folder_whose_name_only_begins_alike_is_another(tmp_path: Path) -> None:
    assert shared_by(tmp_path / "homestead", mounted(tmp_path, at(tmp_path / "home", "nfs4"))) == ""


def test_a_blank_in_its_name_is_understood(tmp_path: Path) -> None:
    assert shared_by(tmp_path / "our home", mounted(tmp_path, at(f"{tmp_path}/our\\040home", "nfs4"))) == "nfs4"


def test_where_the_system_does_not_tell_nothing_is_refused(tmp_path: Path) -> None:
    assert shared_by(tmp_path, tmp_path / "nowhere") == ""


def test_a_ledger_in_a_file_on_the_network_is_refused_before_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filesystem, "MOUNTS", mounted(tmp_path, at(tmp_path, "nfs4")))
    with pytest.raises(LedgerUnavailable, match=r"nfs4.*PostgreSQL"):
        a_ledger(sqlite_url(tmp_path), tmp_path)
    assert not (tmp_path / "ledger.sqlite3").exists()


def test_nor_is_it_put_there_by_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filer, home = tmp_path / "filer", tmp_path / "home"
    filer.mkdir()
    home.mkdir()
    (home / "ledger.sqlite3").symlink_to(filer / "ledger.sqlite3")
    monkeypatch.setattr(filesystem, "MOUNTS", mounted(tmp_path, at(filer, "nfs4")))
    with pytest.raises(LedgerUnavailable, match="nfs4"):
        a_ledger(sqlite_url(home), home)
