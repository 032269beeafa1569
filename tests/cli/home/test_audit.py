"""The end of the audit chain is told as it was noted, or it is said that it cannot be told."""

import pytest

from amends.settings import ANCHOR_FILE
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
