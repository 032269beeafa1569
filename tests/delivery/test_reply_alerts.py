"""Members hear over a real HTTP server of overdue replies and of people in danger, each once for each stage."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from amends.delivery.alerts import alert_at_once, alert_of_danger, alert_of_replies
from amends.domain.case.intake import new_question
from amends.domain.feedback.question import NewQuestion, QuestionSource
from amends.domain.team.member import TeamRole
from amends.ledger import Ledger
from tests.builders import NOW, a_person, a_playbook, a_wording, an_incident
from tests.delivery.sending import INCIDENT
from tests.desks import Desks, served

HOUR = timedelta(hours=1)
PATIENT = 20.0
PLAYBOOK = a_playbook(questions_owner="rosa")
TEAM = (("mei", TeamRole.LEAD), ("rosa", TeamRole.RESPONDER), ("xenia", TeamRole.EXECUTIVE))


@pytest.fixture
def desks() -> Iterator[Desks]:
    with served() as server:
        yield server


@pytest.fixture
def team(ledger: Ledger, desks: Desks) -> Ledger:
    """Mei leads, rosa answers, xenia is an executive, and each can be reached."""
    ledger.incidents.open(an_incident(), [a_person(number=1)], "lena", NOW)
    ledger.playbooks.pin(INCIDENT, PLAYBOOK, a_wording(), "lena", NOW)
    for name, role in TEAM:
        ledger.team.add(name, role, "mei", NOW)
        ledger.team.set_contact(name, desks.address(name, "ok"), name, NOW)
    return ledger


def ask(ledger: Ledger, text: str) -> NewQuestion:
    given: dict[str, Any] = {"person": 1, "source": QuestionSource.PORTAL, "locale": "en", "once": text, "at": NOW}
    asked = new_question(PLAYBOOK, text, **given)
    ledger.questions.ask(INCIDENT, asked, NOW)
    return asked


def sweep(ledger: Ledger, after: timedelta) -> int:
    return alert_of_replies(ledger, ledger.cases.read(INCIDENT, NOW + after), NOW + after)


def test_an_overdue_reply_climbs_from_owner_to_executive(team: Ledger, desks: Desks) -> None:
    ask(team, "Is my address among it?")
    due = PLAYBOOK.reply_within
    assert [sweep(team, due + after * HOUR) for after in (-1, 1, 2, 25, 26, 73, 74)] == [0, 1, 0, 1, 0, 1, 0]
    assert desks.heard() == {"rosa": 1, "mei": 1, "xenia": 1}


def test_an_answered_question_alerts_nobody(team: Ledger, desks: Desks) -> None:
    ask(team, "Is my address among it?")
    team.questions.answer(INCIDENT, 1, "No.", "rosa", NOW)
    assert sweep(team, 900 * HOUR) == 0


def test_danger_is_told_at_once_and_without_words(team: Ledger, desks: Desks) -> None:
    ask(team, "My ex-husband Kim threatened me, he must not find me.")
    assert [alert_at_once(team, INCIDENT, NOW) for _ in range(2)] == [2, 0]
    assert desks.heard() == {"rosa": 1, "mei": 1}
    assert "question 1, owner rosa, may be from somebody in danger" in dict(desks.got)["mei"]["message"]
    assert "Kim" not in str(desks.got)


def test_whoever_writes_of_danger_does_not_wait_for_the_alert(team: Ledger, desks: Desks) -> None:
    asked, before = ask(team, "He threatened me."), set(threading.enumerate())
    alert_of_danger(team, INCIDENT, asked, NOW, rehearsal=False)
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENT)
    assert desks.heard() == {"rosa": 1, "mei": 1}


def test_a_failed_alert_is_sent_again_by_the_next_sweep(team: Ledger, desks: Desks) -> None:
    ask(team, "He threatened me.")
    team.team.set_contact("mei", "json://127.0.0.1:1/", "mei", NOW)
    assert sweep(team, 0 * HOUR) == 1
    team.team.set_contact("mei", desks.address("mei", "ok"), "mei", NOW)
    assert sweep(team, HOUR) == 1
