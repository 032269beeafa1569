"""A case closes when its criteria are met, or two people pass over them; a review comes a month after the closing."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from amends.domain.base.errors import NotAllowed
from amends.domain.case.deadlines import open_duties
from amends.domain.case.states import IncidentState, OccurrenceState
from amends.domain.case.views.timeline import TimelineView
from amends.domain.closing.criteria import as_unmet, missing, unmet
from amends.domain.closing.figures import ReplyTime, figures
from amends.domain.law.duty import Addressee
from amends.domain.playbook.closing import Criterion
from amends.domain.review import ReviewKind
from amends.domain.team.member import Member
from flows.rehearsal.closing import carry_over, pass_over
from flows.rehearsal.team import record_results
from flows.run.context import using
from flows.sweep import sweep
from tests.builders import an_asked
from tests.flows.story.test_promises import DAY, FEW, Promising
from tests.story import APPROVERS, INCIDENT, LEAD, START, a_context, a_ledger, opened

OMAR = APPROVERS[0]
REASON = "the authority has agreed"


class Closing(Promising):
    """A case of six people that its team wants to close."""

    def case(self) -> TimelineView:
        return self.ledger.views.timeline(INCIDENT, self.clock.now)

    def close(self) -> list[str]:
        """Do as `amends incident close` does: return the criteria that are not met, or resolve the case."""
        found = unmet(self.case(), self.clock.now)
        if not found:
            self.ledger.incidents.resolve(INCIDENT, LEAD.name, self.clock.now)
        return list(dict.fromkeys(one.criterion.value for one in found))

    def override(self, criterion: Criterion, member: Member) -> None:
        state = as_unmet(criterion, missing(self.case(), self.clock.now))
        self.ledger.closing.override(INCIDENT, state, member, REASON, self.clock.now)

    def keep(self, name: str) -> None:
        """The promise is kept, for each person alone where it is so promised."""
        record_results(self.ledger, INCIDENT, self.ledger.commitments.get(INCIDENT, name), self.clock.now)
        super().keep(name)

    def file(self) -> None:
        for duty in open_duties(self.case()):
            if duty.addressee is not Addressee.PEOPLE and not duty.waits:
                now = self.clock.now
                self.ledger.filings.record(INCIDENT, duty.id, now, LEAD.name, "R-1", "", now)

    def ask(self) -> int:
        return self.ledger.questions.ask(INCIDENT, an_asked(person=2, at=self.clock.now), self.clock.now)

    def answer(self, question: int) -> None:
        self.ledger.questions.answer(INCIDENT, question, "Yes.", OMAR.name, self.clock.now)

    async def swept(self) -> IncidentState:
        """Let the sweep look after the incident, and return how the case stands."""
        await sweep.fn(INCIDENT)
        await self.work()
        await sweep.fn(INCIDENT)
        return self.case().state


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[Closing]:
    ledger = a_ledger(tmp_path)
    context, clock = a_context(ledger, tmp_path)
    story = Closing(context, clock, tmp_path)
    opened(ledger, story.people[:FEW])
    with using(context):
        await story.work()
        yield story
    ledger.dispose()


async def test_closing_is_refused_until_its_criteria_are_met(told: Closing) -> None:
    """Half an hour after the opening much is missing; two weeks later only the open promises are; then it closes."""
    told.clock.now += timedelta(minutes=31)
    question = told.ask()
    early = told.close()
    assert {"duties_filed", "questions_settled", "commitments_settled", "survey_over"} <= set(early)
    told.answer(question)
    told.file()
    await told.work_until(START + 13 * DAY)
    told.file()
    for soon in (commitment for commitment in told.case().commitments if commitment.overdue(START + 20 * DAY)):
        told.keep(soon.id)
    await told.work_until(START + 15 * DAY)
    assert told.close() == ["commitments_settled"]
    carry_over(told.ledger, INCIDENT, LEAD.name, told.clock.now)
    assert told.close() == []
    assert await told.swept() is IncidentState.CLOSED
    assert told.got("closing") == {person.number for person in told.people[:FEW]}


async def test_two_people_pass_over_what_is_missing_by_name(told: Closing) -> None:
    told.file()
    carry_over(told.ledger, INCIDENT, LEAD.name, told.clock.now)
    left = [Criterion(one) for one in told.close()]
    for criterion in left:
        told.override(criterion, LEAD)
        told.override(criterion, LEAD)
    assert told.close() == left
    for criterion in left:
        told.override(criterion, OMAR)
    assert told.close() == []
    assert await told.swept() is IncidentState.CLOSED
    said = [entry for entry in told.ledger.audit.entries(INCIDENT) if entry.act == "closing override"]
    assert {(one.actor, one.subject) for one in said} == {(who.name, one) for who in (LEAD, OMAR) for one in left}


async def test_what_is_missing_after_the_override_keeps_it_open(told: Closing) -> None:
    """A promise added after two people had passed over the open ones keeps the case open, and its lead is alerted."""
    told.file()
    pass_over(told.ledger, INCIDENT, (LEAD, OMAR), REASON, told.clock.now)
    assert told.close() == []
    told.add("new-locks")
    assert await told.swept() is IncidentState.OPEN
    assert [one.about for one in unmet(told.case(), told.clock.now)] == ["new-locks"]
    assert any("cannot close yet: commitments_settled" in alert.what for alert in told.case().alerts)
    carry_over(told.ledger, INCIDENT, LEAD.name, told.clock.now)
    assert await told.swept() is IncidentState.CLOSED


async def test_no_two_people_pass_over_somebody_who_asked(told: Closing) -> None:
    told.file()
    pass_over(told.ledger, INCIDENT, (LEAD, OMAR), REASON, told.clock.now)
    told.close()
    question = told.ask()
    with pytest.raises(NotAllowed, match="gets a word first"):
        told.override(Criterion.QUESTIONS_SETTLED, LEAD)
    assert await told.swept() is IncidentState.OPEN
    told.answer(question)
    pass_over(told.ledger, INCIDENT, (LEAD, OMAR), REASON, told.clock.now)  # it is no longer calm
    assert await told.swept() is IncidentState.CLOSED


async def test_a_review_follows_and_its_lesson_is_told(told: Closing) -> None:
    """A month after the closing the review is asked for; a lesson that becomes a promise reaches everybody."""
    told.file()
    carry_over(told.ledger, INCIDENT, LEAD.name, told.clock.now)
    pass_over(told.ledger, INCIDENT, (LEAD, OMAR), REASON, told.clock.now)
    told.close()
    assert await told.swept() is IncidentState.CLOSED
    told.clock.now = told.case().events["closed"] + 31 * DAY
    await told.work()
    (review,) = [occurrence for occurrence in told.case().occurrences if occurrence.step == "review"]
    assert review.state is OccurrenceState.WAITING
    told.add("new-locks")
    note = told.ledger.reviews.note(INCIDENT, ReviewKind.LESSON, "Locks first.", LEAD.name, told.clock.now)
    told.ledger.reviews.becomes(INCIDENT, note.number, "new-locks", LEAD.name, told.clock.now)
    replies = [ReplyTime(*reply_time) for reply_time in told.ledger.reviews.reply_times(INCIDENT)]
    ended = told.ledger.reviews.end(
        INCIDENT, "review", figures(told.case(), replies, told.clock.now), LEAD.name, told.clock.now
    )
    assert (ended.figures.people, ended.figures.reached) == (FEW, FEW)
    assert ended.figures.passed_over > 0
    await told.work()
    told.clock.now += DAY
    await told.work()
    assert told.got("promise-made-new-locks-1") == {person.number for person in told.people[:FEW]}
