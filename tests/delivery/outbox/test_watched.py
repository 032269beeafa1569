"""Messages of each kind to people go out behind canaries, and a watchdog holds the limits of notices against them."""

from collections import Counter
from collections.abc import Collection
from datetime import timedelta

import pytest

from amends.delivery.outbox.watch import OutgoingWatch
from amends.domain.case.states import IncidentState
from amends.domain.channel.outgoing import OutgoingKind, OutgoingName, OutgoingState
from amends.domain.deliver.limits import FEWEST_FIRST, Limits
from amends.domain.feedback.question import QuestionSource, Sender
from tests.builders import NOW, a_person, an_asked
from tests.delivery.sending import INCIDENT, Rig
from tests.message_kinds import KINDS, TO_PEOPLE, begin

MANY = 30
AMONG_FEW = Limits(useless_among=10, uncertain=2)
LATER = timedelta(hours=1)


def ready(rig: Rig, kind: str, address: str, readers: Collection[int] = range(1, MANY + 1)) -> None:
    """Make messages of a kind ready for readers at such addresses."""
    people = [a_person(number=number, email=address.format(number), phone="") for number in readers]
    begin(rig.ledger, people, {}, NOW)
    KINDS[kind].prepare(rig.ledger, readers, NOW)


def send(rig: Rig, kind: str) -> Counter[str]:
    """Send what is due, and return the states of the messages."""
    KINDS[kind].send(rig.ledger, rig.settings, rig.clock)
    return Counter(state for _, state in KINDS[kind].states(rig.ledger))


def is_paused(rig: Rig) -> bool:
    return rig.ledger.cases.read(INCIDENT).state is IncidentState.PAUSED


def alerts(rig: Rig) -> list[str]:
    return [entry.subject for entry in rig.ledger.audit.entries(INCIDENT) if entry.act == "alert"]


@pytest.mark.parametrize("kind", TO_PEOPLE)
def test_refused_canaries_pause_the_incident(rig: Rig, kind: str) -> None:
    """A channel that takes none of the canary messages of a kind costs five people in each run that somebody resumes."""
    ready(rig, kind, "bounce{}@mail.example")
    assert send(rig, kind)["failed"] == FEWEST_FIRST
    assert is_paused(rig)
    assert any("5 of the first 5 messages were refused" in alert for alert in alerts(rig))
    assert send(rig, kind)["failed"] == FEWEST_FIRST, "the pause holds"
    rig.ledger.incidents.resume(INCIDENT, "lena", rig.clock() + LATER)
    rig.clock.forward(2 * LATER)
    assert send(rig, kind)["failed"] == 2 * FEWEST_FIRST
    assert is_paused(rig)


@pytest.mark.parametrize("kind", TO_PEOPLE)
def test_canaries_that_arrive_let_the_rest_follow(rig: Rig, kind: str) -> None:
    ready(rig, kind, "kim{}@mail.example")
    assert send(rig, kind)["sent"] == MANY
    assert not is_paused(rig)


def test_refused_canaries_of_a_channel_that_worked_wait(rig: Rig) -> None:
    """Refused answers of a channel that took others before stop the channel for an hour, and nothing else."""
    ready(rig, "answer", "kim{}@mail.example")
    send(rig, "answer")
    rig.clock.forward(timedelta(minutes=1))
    stranger = {"source": QuestionSource.MAILBOX, "person": None}
    for number in range(MANY):
        question = an_asked(f"And {number}?", sender=Sender(address=f"bounce{number}@home.example"), **stranger)
        asked = rig.ledger.questions.ask(INCIDENT, question, rig.clock())
        rig.ledger.answers.give(INCIDENT, [asked], {"en": "Yes."}, "lena", rig.clock())
    assert send(rig, "answer")["failed"] == FEWEST_FIRST
    assert send(rig, "answer")["failed"] == FEWEST_FIRST, "the channel waits"
    rig.clock.forward(LATER)
    assert send(rig, "answer")["failed"] == 2 * FEWEST_FIRST
    assert not is_paused(rig)


@pytest.mark.parametrize("kind", TO_PEOPLE)
def test_greylisting_stops_nothing(rig: Rig, kind: str) -> None:
    """Many servers defer every sender that they do not know; that is no trouble of the channel."""
    ready(rig, kind, "grey{}@mail.example")
    assert send(rig, kind)["sent"] == 0
    rig.clock.forward(LATER)
    assert send(rig, kind)["sent"] == MANY
    assert alerts(rig) == []


def test_answers_that_come_back_pause_the_incident_once(rig: Rig) -> None:
    """Answers that came back pause the incident; once a person has looked, the same ones say nothing more."""
    ready(rig, "answer", "kim{}@mail.example")
    send(rig, "answer")
    for answer in (1, 2):
        name = OutgoingName(INCIDENT, OutgoingKind.ANSWER, str(answer), "", str(answer))
        assert rig.ledger.outgoing_reports.reported(name, OutgoingState.BOUNCED, "550 5.1.1", rig.clock())
    watch = OutgoingWatch(rig.ledger, INCIDENT, OutgoingKind.ANSWER, AMONG_FEW)
    assert "2 of 30 on email were refused or came back" in watch.alarm(rig.clock())
    assert is_paused(rig)
    rig.ledger.incidents.resume(INCIDENT, "lena", rig.clock() + LATER)
    assert watch.alarm(rig.clock() + LATER) == ""
    assert not is_paused(rig)


def test_answers_without_an_address_are_no_sign_of_a_channel(rig: Rig) -> None:
    """A message that could not be composed was refused by nobody."""
    ready(rig, "hour_reminder", "")
    assert send(rig, "hour_reminder")["failed"] == MANY
    assert not is_paused(rig)
