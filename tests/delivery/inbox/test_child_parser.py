"""Mails are read in a process of their own: what one of them does to it, the others do not feel."""

import os
import sys
import time

import pytest

from amends.delivery.inbox import child_parser
from amends.delivery.inbox.child_parser import TOO_COSTLY, read_in_child
from amends.delivery.inbox.places import FoundMail
from amends.domain.receipt.incoming import IncomingMail, Unreadable, read_incoming

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these limits")

GOOD = FoundMail(b"From: ada@mail.example\nMessage-ID: <1@x>\n\nWhy?\n")
BAD = FoundMail(b"bad")
HERE = os.getpid()


def with_a_bad_one(monkeypatch: pytest.MonkeyPatch, harm: str) -> list[IncomingMail | Unreadable]:
    def read(raw: bytes, delivered_to: str = "") -> IncomingMail | Unreadable:
        if raw == BAD.raw:
            assert os.getpid() != HERE
            exec(harm)
        return read_incoming(raw, delivered_to)

    monkeypatch.setattr(child_parser, "read_incoming", read)
    return read_in_child([GOOD, BAD, GOOD, BAD, GOOD])


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        ("import os; os._exit(1)", TOO_COSTLY),
        ("import os; os.kill(os.getpid(), 11)", TOO_COSTLY),
        ("[bytearray(1 << 20) for _ in range(4000)]", TOO_COSTLY),
        ("raise RuntimeError(raw)", child_parser.MALFORMED),
        ("def deep(): deep()\ndeep()", child_parser.MALFORMED),
    ],
)
def test_the_others_are_read(monkeypatch: pytest.MonkeyPatch, harm: str, why: Unreadable) -> None:
    one, bad, two, worse, three = with_a_bad_one(monkeypatch, harm)
    assert (bad, worse) == (why, why)
    assert one == two == three == read_incoming(GOOD.raw)


def test_a_mail_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_parser, "MOST_SECONDS", 0.3)
    begun = time.monotonic()
    one, bad, *_ = with_a_bad_one(monkeypatch, "while True: pass")
    assert (isinstance(one, IncomingMail), bad) == (True, TOO_COSTLY)
    assert time.monotonic() - begun < 20


def test_no_mails_need_no_process() -> None:
    assert read_in_child([]) == []
