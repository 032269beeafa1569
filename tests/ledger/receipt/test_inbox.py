"""The ledger's record of mails that were taken in: each once, with its files numbered, on both databases."""

import pytest

from amends.domain.base.errors import DataDamaged, NotInLedger
from amends.domain.base.home_file import NewHomeFile
from amends.domain.receipt.incoming import MailOutcome
from amends.ledger import Ledger
from amends.ledger.receipt.inbox import TakenMail
from tests.builders import NOW, a_person, an_incident
from tests.delivery.sending import INCIDENT

FILES = (NewHomeFile("aa-1", "image/png", 3), NewHomeFile("aa-2", "application/pdf", 4))
ASKED = TakenMail("aa", MailOutcome.QUESTION, INCIDENT, 1, reply_once="words", files=FILES)


@pytest.fixture
def opened(ledger: Ledger) -> Ledger:
    people = [a_person(number=1), a_person(number=2, email="kim1@mail.example"), a_person(number=3)]
    ledger.incidents.open(an_incident(), people, "lena", NOW)
    return ledger


def test_a_mail_is_recorded_once(opened: Ledger) -> None:
    for _ in range(2):
        opened.inbox.record([ASKED, TakenMail("bb", MailOutcome.AUTOMATIC)], NOW)
    assert opened.inbox.known(["aa", "bb", "cc"]) == {"aa", "bb"}
    assert opened.sms_replies.recorded(["words", "other"]) == {"words"}
    assert [(file.id, file.name, file.question) for file in opened.mail_files.all(INCIDENT)] == [
        (1, "aa-1", 1),
        (2, "aa-2", 1),
    ]
    assert opened.mail_files.bytes_in_all(INCIDENT) == 7
    assert opened.audit.verify() == ()


def test_a_file_is_found_by_its_number(opened: Ledger) -> None:
    opened.inbox.record([ASKED], NOW)
    assert opened.mail_files.get(INCIDENT, 2).kind == "application/pdf"
    with pytest.raises(NotInLedger, match="has no file 3"):
        opened.mail_files.get(INCIDENT, 3)


def test_a_sealed_file_opens_only_under_its_name(opened: Ledger) -> None:
    sealed = opened.mail_files.sealed(INCIDENT, "aa-1", b"\x00\xff")
    assert opened.mail_files.opened(INCIDENT, "aa-1", sealed) == b"\x00\xff"
    with pytest.raises(DataDamaged):
        opened.mail_files.opened(INCIDENT, "aa-2", sealed)


def test_line_ends_make_no_other_mail(opened: Ledger) -> None:
    key = opened.inbox.key
    assert key(b"a\r\nb") == key(b"a\nb") != key(b"a\nc")


def test_readers_are_found_by_their_addresses(opened: Ledger) -> None:
    found = opened.replied.readers(["kim1@mail.example", "kim3@mail.example", "nobody@mail.example"])
    assert {sender: sorted(people) for sender, people in found.items()} == {
        "kim1@mail.example": [(INCIDENT, 1), (INCIDENT, 2)],
        "kim3@mail.example": [(INCIDENT, 3)],
    }
