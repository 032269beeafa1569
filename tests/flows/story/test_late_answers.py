"""Questions are watched as long as one is open, also after the end; the sweep sends the answers that are due."""

from datetime import timedelta

from amends.domain.channel.outgoing import OutgoingState
from amends.domain.closing.closing import is_over, still_needed
from amends.domain.feedback.question import QuestionSource, Sender
from amends.ledger import Ledger
from flows.rehearsal.fast_forward import PassedClock
from flows.sweep import sweep
from tests.builders import an_asked
from tests.story import INCIDENT, LEAD

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def ask(ledger: Ledger, clock: PassedClock) -> int:
    """Somebody asks by telephone; the reply is due within two hours."""
    asked = an_asked("Am I in it?", person=2, source=QuestionSource.HOTLINE, reply_within=2 * HOUR, at=clock.now)
    return ledger.questions.ask(INCIDENT, asked, clock.now)


def alerts(ledger: Ledger) -> list[str]:
    return [entry.subject for entry in ledger.audit.entries(INCIDENT) if "questions are overdue" in entry.subject]


async def swept(clock: PassedClock, after: timedelta) -> None:
    clock.now += after
    for _ in range(2):
        assert (await sweep.fn()).is_completed()


async def test_an_overdue_question_calls_for_the_team_once_a_day(ledger: Ledger, clock: PassedClock) -> None:
    """A question that waits for longer than its time raises an alert with the command that lists it, and another one
    each day.
    """
    ask(ledger, clock)
    await swept(clock, HOUR)
    assert alerts(ledger) == []
    await swept(clock, 2 * HOUR)
    (said,) = alerts(ledger)
    assert f"`amends questions list {INCIDENT} --open`" in said
    await swept(clock, DAY)
    assert len(alerts(ledger)) == 2


async def test_a_question_that_comes_after_the_end_calls_for_the_team(ledger: Ledger, clock: PassedClock) -> None:
    ledger.incidents.resolve(INCIDENT, LEAD.name, clock.now)
    ledger.incidents.close(INCIDENT, LEAD.name, clock.now)
    question = ask(ledger, clock)
    assert not is_over(ledger.views.closing(INCIDENT, clock.now), clock.now)
    await swept(clock, 3 * HOUR)
    assert len(alerts(ledger)) == 1
    ledger.questions.answer(INCIDENT, question, "No.", LEAD.name, clock.now)
    assert still_needed(ledger.views.closing(INCIDENT, clock.now), clock.now) == ()
    await swept(clock, DAY)
    assert len(alerts(ledger)) == 1


async def test_an_open_question_calls_for_the_team_after_resolution(ledger: Ledger, clock: PassedClock) -> None:
    """A question that stands open when the incident is resolved still raises an alert when its time has passed."""
    ask(ledger, clock)
    ledger.incidents.resolve(INCIDENT, LEAD.name, clock.now)
    await swept(clock, 3 * HOUR)
    assert len(alerts(ledger)) == 1


async def test_the_sweep_sends_what_is_due_once(ledger: Ledger, clock: PassedClock) -> None:
    sender = Sender(address="ada@home.example")
    asked = an_asked(source=QuestionSource.MAILBOX, person=None, at=clock.now, sender=sender)
    question = ledger.questions.ask(INCIDENT, asked, clock.now)
    ledger.questions.answer(INCIDENT, question, "Yes.", "mei", clock.now)
    for _ in range(2):
        assert (await sweep.fn()).is_completed()
    (reply,) = ledger.replies.all(INCIDENT)
    assert (reply.state, reply.tries) == (OutgoingState.SENT, 1)


async def test_a_pause_keeps_answers_back_and_is_no_failure(ledger: Ledger, clock: PassedClock) -> None:
    asked = an_asked(source=QuestionSource.MAILBOX, person=None, at=clock.now, sender=Sender(address="a@home.example"))
    ledger.questions.answer(INCIDENT, ledger.questions.ask(INCIDENT, asked, clock.now), "Yes.", "mei", clock.now)
    ledger.incidents.pause(INCIDENT, "lena", clock.now)
    assert (await sweep.fn()).is_completed()
    assert [reply.state for reply in ledger.replies.all(INCIDENT)] == [OutgoingState.WAITING]
