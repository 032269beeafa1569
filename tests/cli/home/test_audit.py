"""The end of the audit chain is told as it was noted, or it is said that it cannot be told."""

from pathlib import Path

import pytest

from amends.ledger import Ledger
from amends.settings import ANCHOR_FILE, read_settings
from tests.cli.conftest import Office


def test_before_anything_was_done_the_chain_has_no_end(empty: Office) -> None:
    assert empty.values("audit", "head") == {"entries": 0, "head": ""}


@pytest.mark.parametrize("content", [b"", b"12", b"twelve 00ff", b"\xff\xfe\x00 1"])
def test_a_note_that_cannot_be_read_is_named_with_what_to_do(office: Office, content: bytes) -> None:
    (office.home / ANCHOR_FILE).write_bytes(content)
    answer = office.amends("audit", "head")
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert f"{office.home / ANCHOR_FILE} is empty or damaged" in answer.stderr
    assert "amends audit verify" in answer.stderr


def test_an_anchor_outside_finds_a_chain_that_was_written_anew(office: Office, tmp_path: Path) -> None:
    """A ledger made anew with the same master key passes every check but that of the anchor kept elsewhere."""
    kept = tmp_path / "elsewhere" / "anchors"
    kept.parent.mkdir()
    office.amends("audit", "anchor", str(kept))
    office.amends("audit", "anchor", str(kept))
    assert len(kept.read_text().splitlines()) == 2
    assert office.amends("audit", "verify", "--anchor", str(kept)).exit_code == 0
    keys, url = office.ledger().store.keys, read_settings(office.home).ledger_url
    for file in (office.home / "ledger.sqlite3", office.home / ANCHOR_FILE):
        file.unlink()
    Path(f"{office.home / 'ledger.sqlite3'}-wal").unlink(missing_ok=True)
    Ledger(url, keys, office.home / ANCHOR_FILE).migrate().dispose()
    office.amends("team", "add", "eve", "--role", "lead")
    answer = office.amends("audit", "verify", "--anchor", str(kept))
    assert (answer.exit_code, office.amends("audit", "verify").exit_code) == (3, 0)
    assert "was cut off, or written anew with the master key" in answer.stdout


@pytest.mark.parametrize(("content", "said"), [(None, "E105"), ("", "E105"), ("what is this\n", "anchors:1:1 E104")])
def test_a_file_without_anchors_is_named(office: Office, tmp_path: Path, content: str | None, said: str) -> None:
    file = tmp_path / "anchors"
    if content is not None:
        file.write_text(content)
    answer = office.amends("audit", "verify", "--anchor", str(file))
    assert answer.exit_code != 0
    assert said in answer.output
