"""Logs are read as they lie there: packed by the log's rotation, or damaged on the way."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from amends.content.receipt import lines_of, relay_log
from amends.domain.base.errors import ContentError

KEY = "4ce821ef6583365ec4a70edb81c2cc8a"
TEXT = f"1,delivered,{KEY}@shop.example\n".encode() + b"x" * 200_000 + b"\nthe end\n"


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress, bz2.compress])
def test_a_packed_log_is_read_whatever_its_name(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    (tmp_path / "mail.log").write_bytes(pack(TEXT))
    assert relay_log([tmp_path / "mail.log"]).left == {KEY}


def test_what_was_packed_in_pieces_is_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "mail.log.gz").write_bytes(gzip.compress(b"one\n") + gzip.compress(TEXT))
    assert relay_log([tmp_path / "mail.log.gz"]).left == {KEY}


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress])
@pytest.mark.parametrize("damage", [lambda packed: packed[:-20], lambda packed: packed[:30] + b"\0" * 40])
def test_a_damaged_log_is_named_with_the_line(
    tmp_path: Path, pack: Callable[[bytes], bytes], damage: Callable[[bytes], bytes]
) -> None:
    (tmp_path / "mail.log.1").write_bytes(damage(pack(TEXT)))
    with pytest.raises(ContentError, match=r"mail\.log\.1:\d E205 it cannot be read any further"):
        list(lines_of(tmp_path / "mail.log.1"))


@pytest.mark.parametrize("start", [b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"LPKSHHRH"])
def test_what_is_packed_in_another_way_is_refused(tmp_path: Path, start: bytes) -> None:
    (tmp_path / "mail.log").write_bytes(start + TEXT)
    with pytest.raises(ContentError, match="packed in a way that is not read here"):
        relay_log([tmp_path / "mail.log"])


def test_an_empty_log_is_one_without_messages(tmp_path: Path) -> None:
    (tmp_path / "mail.log").touch()
    assert not relay_log([tmp_path / "mail.log"]).names_any


def test_a_line_without_an_end_is_refused_and_not_kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amends.content.receipt.LONGEST_LINE", 1_000_000)  # 64 MB would be most of this process
    with pytest.raises(ContentError, match="too long"):
        list(lines_of(Path("/dev/zero")))
