"""The room beside the ledger that is given up when the disk is full."""

import errno
import os
import stat
from pathlib import Path

import pytest

from amends.ledger.store import disk_reserve
from amends.ledger.store.disk_reserve import Reserve
from tests.delivery.sending import a_ledger, sqlite_url

SIZE = 512 * 1024


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3.reserve"


def of(file: Path) -> Reserve:
    return Reserve(file.with_suffix(""), SIZE)


def test_it_takes_up_its_room_for_real_and_only_its_owner_reads_it(file: Path) -> None:
    assert of(file).keep()
    found = file.stat()
    assert (found.st_size, stat.S_IMODE(found.st_mode)) == (SIZE, 0o600)
    assert found.st_blocks * 512 >= SIZE


def test_whoever_kept_it_sees_that_another_process_gave_it_up(file: Path) -> None:
    mine, other = of(file), of(file)
    assert mine.keep() and other.keep()
    other.give_up()
    assert mine.gone and other.gone


def test_it_is_not_missed_where_nobody_kept_it(file: Path) -> None:
    assert not of(file).gone


def test_it_is_put_back_when_there_is_room(file: Path) -> None:
    kept = of(file)
    kept.give_up()
    assert kept.keep()
    assert not kept.gone


def test_it_is_not_put_where_it_would_leave_too_little_for_the_ledger(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_reserve, "LEAST", 1 << 60)
    assert not of(file).keep()
    assert not file.exists()


@pytest.mark.parametrize(
    ("code", "may_begin"),
    [(errno.EDQUOT, False), (errno.ENOSPC, False), (errno.EOPNOTSUPP, True), (errno.EINVAL, True)],
    ids=["quota", "full", "no such call", "not on this file system"],
)
def test_nothing_begins_over_a_quota_or_on_a_full_disk(
    file: Path, monkeypatch: pytest.MonkeyPatch, code: int, *, may_begin: bool
) -> None:
    """A send may not begin when a quota or a full disk leaves no room for the reserve.

    Where the file system cannot promise room at all, a send may begin without a reserve.
    """

    def refused(*_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "posix_fallocate", refused, raising=False)
    kept = of(file)
    assert kept.keep() is may_begin
    assert not file.exists()
    assert not kept.gone


def test_the_reserve_lies_on_the_ledgers_disk_also_behind_a_link(file: Path) -> None:
    """When the ledger's file is a symbolic link, the reserve lies beside the real file and not beside the link."""
    elsewhere = file.parent / "elsewhere"
    elsewhere.mkdir()
    file.with_suffix("").symlink_to(elsewhere / "ledger.sqlite3")
    ledger = a_ledger(sqlite_url(file.parent), file.parent)
    assert ledger.store.reserve.keep()
    ledger.dispose()
    assert (elsewhere / file.name).exists()
    assert not file.exists()


def test_a_ledger_on_a_server_has_none(tmp_path: Path) -> None:
    on_a_server = Reserve(None)
    assert on_a_server.keep() and on_a_server.has_room
    on_a_server.give_up()
    assert not on_a_server.gone
