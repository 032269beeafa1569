"""Hostile mails by the thousand: none stops the others, none changes a state, and nothing is sent in answer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from amends.delivery.inbox.quarantine import FILES, KEPT
from amends.domain.receipt.incoming import MailOutcome
from amends.ledger import Claim, Ledger
from tests.delivery.inbox.conftest import Take
from tests.delivery.inbox.mails import STRANGER, a_reply, hostile_mails, machine
from tests.delivery.sending import INCIDENT

STATES = ("SELECT * FROM delivery ORDER BY id", "SELECT number, opted_out_at FROM person", "SELECT * FROM outgoing")
HARMLESS = {MailOutcome.QUESTION, MailOutcome.AUTOMATIC, MailOutcome.REPEATED, MailOutcome.KEPT, MailOutcome.BOUNCE}


def states(ledger: Ledger) -> list[Sequence[Any]]:
    """What a forgery must not change: messages, opt-outs, and messages to the team."""
    with ledger.store.read() as session:
        return [tuple(row) for query in STATES for row in session.execute(text(query))]


def is_harmless(ledger: Ledger, messages: tuple[Claim, ...], take: Take, home: Path, count: int) -> None:
    mails = hostile_mails(count, messages[0], messages[1])
    before = states(ledger)
    total = take(*mails)
    assert total.outcomes.total() == count
    assert set(total.outcomes) <= HARMLESS
    assert states(ledger) == before
    assert (total.handed_over, total.waiting) == (0, set())
    asked = ledger.questions.all(INCIDENT)
    assert {question.person for question in asked} == {None}
    assert len(asked) == total.outcomes[MailOutcome.QUESTION] > count / 3
    assert [line for line in total.lines if line.person or line.notice] == []
    kept = {path.name for path in (home / "inbox" / KEPT).iterdir()}
    assert kept == {line.kept for line in total.lines if line.kept}
    _are_ours(home)
    _stand_in_headers(ledger, [question.id for question in asked])
    again = take(*mails)
    assert set(again.outcomes) == {MailOutcome.REPEATED}
    assert len(ledger.questions.all(INCIDENT)) == len(asked)
    _goes_on(ledger, messages, take)


def _are_ours(home: Path) -> None:
    """Every file bears a name that we made, is for its owner alone, and lies in its folder."""
    for path in (home / "inbox").rglob("*"):
        if path.is_file():
            assert path.parent in (home / "inbox" / KEPT, home / "inbox" / FILES / INCIDENT)
            assert path.stem.partition("-")[0].isalnum()
            assert path.stat().st_mode & 0o777 == 0o600


def _stand_in_headers(ledger: Ledger, questions: Sequence[int]) -> None:
    """Whatever an answer puts into its headers is one line of visible characters."""
    for question in questions:
        sender = ledger.questions.sender(INCIDENT, question)
        if sender:
            assert all(value.isprintable() for value in sender.model_dump().values())


def _goes_on(ledger: Ledger, messages: tuple[Claim, ...], take: Take) -> None:
    """A person is heard afterwards as before."""
    total = take(a_reply(messages[1], "stop", name="true"))
    assert total.outcomes == {MailOutcome.STOP: 1}
    assert ledger.opt_outs.has(INCIDENT, 2)
    assert ledger.audit.verify() == ()


def test_sixty_hostile_mails_change_nothing(
    ledger: Ledger, messages: tuple[Claim, ...], take: Take, tmp_path: Path
) -> None:
    is_harmless(ledger, messages, take, tmp_path, 60)


@pytest.mark.full
@pytest.mark.timeout(120)
def test_a_thousand_hostile_mails_change_nothing(
    ledger: Ledger, messages: tuple[Claim, ...], take: Take, tmp_path: Path
) -> None:
    is_harmless(ledger, messages, take, tmp_path, 1000)


def test_a_machine_is_never_a_question(messages: tuple[Claim, ...], take: Take) -> None:
    from random import Random

    from tests.delivery.inbox.mails import Attacker

    total = take(*(machine(Attacker(Random(n), messages[0], messages[1], n)) for n in range(20)))
    assert set(total.outcomes) == {MailOutcome.AUTOMATIC}


def test_a_stranger_with_another_s_token_is_a_stranger(ledger: Ledger, messages: tuple[Claim, ...], take: Take) -> None:
    """The question of a stranger says the same whether the stranger knows a message of ours or not."""
    known = take(a_reply(messages[0], sender=STRANGER, name="a"))
    unknown = take(a_reply(messages[0], sender=STRANGER, name="b", answers="0" * 32))
    lines = [(line.outcome, line.incident, line.person, line.notice) for line in (*known.lines, *unknown.lines)]
    assert lines == [(MailOutcome.QUESTION, INCIDENT, 0, "")] * 2
    assert [question.person for question in ledger.questions.all(INCIDENT)] == [None, None]
