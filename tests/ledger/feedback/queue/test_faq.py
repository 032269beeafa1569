"""An answered group becomes an entry that everybody can read, once a second member has approved it."""

import pytest

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.feedback.queue.faq import FaqText
from amends.ledger import Ledger
from tests.builders import NOW, a_person, an_asked, an_incident
from tests.delivery.sending import INCIDENT

TEXTS = {"en": FaqText(question="Is my address among it?", answer="No, only your name.")}


@pytest.fixture
def asked(ledger_on_sqlite: Ledger) -> Ledger:
    """Two people have asked the same, and one has an answer."""
    ledger = ledger_on_sqlite
    ledger.incidents.open(an_incident(), [a_person(number=1)], "lena", NOW)
    for wording in ("Is my address among the stolen data?", "Was my address in the stolen data?"):
        ledger.questions.ask(INCIDENT, an_asked(wording), NOW)
    ledger.questions.answer(INCIDENT, 1, "No.", "omar", NOW)
    return ledger


def public(ledger: Ledger) -> list[int]:
    return [entry.id for entry in ledger.faq.public(INCIDENT)]


def test_an_entry_is_public_once_another_member_approves_it(asked: Ledger) -> None:
    entry = asked.faq.propose(INCIDENT, 1, TEXTS, "omar", NOW)
    assert public(asked) == []
    with pytest.raises(NotAllowed, match="another member"):
        asked.faq.approve(INCIDENT, entry, "omar", NOW)
    asked.faq.approve(INCIDENT, entry, "wei", NOW)
    assert (public(asked), asked.faq.all(INCIDENT)[0].texts) == ([1], TEXTS)


def test_a_newer_entry_about_a_group_replaces_the_older(asked: Ledger) -> None:
    for _ in range(2):
        asked.faq.approve(INCIDENT, asked.faq.propose(INCIDENT, 1, TEXTS, "omar", NOW), "wei", NOW)
    assert public(asked) == [2]


def test_a_withdrawn_entry_is_gone_for_good(asked: Ledger) -> None:
    asked.faq.approve(INCIDENT, asked.faq.propose(INCIDENT, 1, TEXTS, "omar", NOW), "wei", NOW)
    asked.faq.withdraw(INCIDENT, 1, "omar", NOW)
    assert public(asked) == []
    for verb in (asked.faq.withdraw, asked.faq.approve):
        with pytest.raises(NotAllowed, match="withdrawn already"):
            verb(INCIDENT, 1, "wei", NOW)


def test_a_group_without_an_answer_makes_no_entry(asked: Ledger) -> None:
    for wording in ("Do I need to change my password?", "Should I change my password?"):
        asked.questions.ask(INCIDENT, an_asked(wording), NOW)
    with pytest.raises(NotAllowed, match="answer group 2 first"):
        asked.faq.propose(INCIDENT, 2, TEXTS, "omar", NOW)


def test_what_is_not_there_is_named(asked: Ledger) -> None:
    with pytest.raises(NotInLedger, match="no group 9"):
        asked.faq.propose(INCIDENT, 9, TEXTS, "omar", NOW)
    with pytest.raises(NotInLedger, match="no entry 9"):
        asked.faq.approve(INCIDENT, 9, "omar", NOW)
