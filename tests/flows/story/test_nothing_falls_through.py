"""Letters, people whom nothing reaches, and dead addresses: nobody is forgotten between two notices."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from itertools import islice
from pathlib import Path

import pytest

from amends.domain.base.errors import ApprovalMissing
from amends.domain.case.filings import DutyStatus, statuses
from amends.domain.case.states import OccurrenceState
from amends.domain.case.views.timeline import TimelineView
from amends.domain.closing.closing import is_over
from amends.domain.deliver.correction import Ask
from amends.domain.incident.facts import Cause, Certainty, Fact
from amends.domain.incident.incident import News, Ruling
from amends.domain.notice.notice import NoticeStage, PersonState
from amends.domain.people.person import Person
from amends.domain.plan.plan import plan
from amends.domain.timeline.timeline import Wait, timeline
from flows.assess import assess
from flows.notify import notify
from flows.rehearsal.fast_forward import PassedClock
from flows.run.context import Context, using
from flows.sweep import sweep
from flows.update import update
from tests.builders import reasons_not_to_close
from tests.story import APPROVERS, INCIDENT, LEAD, START, a_context, a_ledger, approve_all, everybody, opened

FIRST = "first-notice"
DAY = timedelta(days=1)
FLOWS = {"update": update}


class Story:
    """A case of five people, two of whom have only a postal address; the first notice was sent."""

    def __init__(self, context: Context, clock: PassedClock, people: list[Person]) -> None:
        self.context, self.clock, self.people, self.ledger = context, clock, people, context.ledger

    @property
    def case(self) -> TimelineView:
        return self.ledger.views.timeline(INCIDENT, self.clock.now)

    async def tell(self, step: str, number: int = 1) -> None:
        """Draft what this occurrence has to tell, approve and send it."""
        flow = FLOWS.get(step, notify)
        await flow.fn(INCIDENT, step, number)
        approve_all(self.ledger, self.clock.now)
        await flow.fn(INCIDENT, step, number)

    def amend(self, **changes: object) -> None:
        self.clock.now += DAY
        file = self.ledger.cases.incident_file(INCIDENT)
        self.ledger.incidents.amend(file.model_copy(update=changes), LEAD.name, self.clock.now)

    def news(self) -> None:
        """Hand in a mere news item."""
        text = {"en": "The doors have new locks.", "zh-CN": "门锁已更换。"}
        self.amend(news=(*self.ledger.cases.incident_file(INCIDENT).news, News(at=self.clock.now, text=text)))

    def list_is(self, people: list[Person]) -> None:
        correction = self.ledger.corrections.compare(INCIDENT, people)
        changes = {ask: correction.difference.counts[ask.value] for ask in Ask}
        self.ledger.corrections.apply(correction, changes, "", LEAD.name, self.clock.now)

    def due(self) -> set[str]:
        return {one.step for one in plan(self.case, self.clock.now).due}

    def hand_over(self, notice: str = FIRST) -> int:
        batch = self.ledger.letters.take(INCIDENT, notice, APPROVERS[0], self.clock.now)
        return batch.letters if batch else 0


def by_post(person: Person) -> Person:
    return person._replace(email="", phone="", postal_address=f"{person.number} Example Street")


@pytest.fixture
async def story(tmp_path: Path) -> AsyncIterator[Story]:
    ledger, found = a_ledger(tmp_path), list(islice(everybody(), 5))
    people = [*found[:3], *map(by_post, found[3:])]
    opened(ledger, people)
    context, clock = a_context(ledger, tmp_path)
    with using(context):
        told = Story(context, clock, people)
        await sweep.fn(INCIDENT)
        await assess.fn(INCIDENT, "assess", 1)
        await told.tell(FIRST)
        yield told
    ledger.dispose()


async def test_surprise_1_a_letter_survives_an_amendment(story: Story) -> None:
    """A mere news item: the letters wait for a new version, which is drafted by itself, approved and handed over."""
    assert FIRST not in story.due()
    story.news()
    with pytest.raises(ApprovalMissing, match="the facts changed"):
        story.hand_over()
    assert FIRST in story.due()
    await notify.fn(INCIDENT, FIRST, 1)
    assert FIRST in plan(story.case, story.clock.now).awaiting_approval
    with pytest.raises(ApprovalMissing, match=f"amends preview {INCIDENT} {FIRST}"):
        story.hand_over()
    approve_all(story.ledger, story.clock.now)
    await notify.fn(INCIDENT, FIRST, 1)
    assert story.hand_over() == 2
    said = story.ledger.letters.printed_from(INCIDENT, FIRST, 1)
    assert said.incident.news, "the letter is of the version that knows the news"
    assert story.ledger.statistics.people(INCIDENT, FIRST) == {PersonState.SENT: 5}


async def test_surprise_1_nobody_else_gets_the_new_version(story: Story) -> None:
    before = [line for line in story.ledger.statistics.lines(INCIDENT, FIRST) if line.state != "to_print"]
    story.news()
    await story.tell(FIRST)
    story.hand_over()
    people = {line.person for line in before if line.person}
    after = [line for line in story.ledger.statistics.lines(INCIDENT, FIRST) if line.person in people]
    assert after == [line for line in before if line.person]


async def test_surprise_1_a_letter_survives_a_corrected_list(story: Story) -> None:
    moved = story.people[4]._replace(postal_address="7 New Street")
    story.list_is([*story.people[:4], moved])
    await story.tell(FIRST)
    assert story.hand_over() == 2
    addresses = {claim.to.postal_address for claim in story.ledger.letters.of_batch(INCIDENT, FIRST, 1) if claim.to}
    assert moved.postal_address in addresses


async def test_surprise_1_a_letter_of_an_update_survives_too(story: Story) -> None:
    """The letters of an update survive a corrected list, which brings the update to nobody else."""
    story.hand_over()
    story.clock.now = START + 3 * DAY
    await story.tell("update")
    story.list_is([*story.people[:2], *story.people[3:]])
    assert "update" in story.due()
    await story.tell("update")
    assert story.hand_over("update-1") == 2


async def test_surprise_1_a_letter_of_a_correction_is_of_today(story: Story) -> None:
    """While letters of a correction wait, another change is told by its new version; nobody is corrected twice."""
    story.hand_over()
    story.amend(facts=story.case.incident.facts.model_copy(update={"cause": of(Cause.INSIDER)}))
    number = story.case.version - 1
    await story.tell("correction", number)
    story.amend(facts=story.case.incident.facts.model_copy(update={"cause": of(Cause.LOSS)}))
    later = story.case.version - 1
    await story.tell("correction", number)
    assert story.hand_over(f"correction-{number}") == 2
    await story.tell("correction", later)
    got = {line.person for line in story.ledger.statistics.lines(INCIDENT, f"correction-{later}") if line.person}
    assert got == {person.number for person in story.people[:3]}


def of(cause: Cause) -> Fact[Cause]:
    return Fact[Cause](value=cause, certainty=Certainty.CONFIRMED)


async def test_surprise_1_letters_that_wait_hold_no_update_up(story: Story) -> None:
    """The next update is due although the letters of the last one wait for approvals of their new version."""
    story.clock.now = START + 3 * DAY
    await story.tell("update")
    story.clock.now = START + 10 * DAY
    story.news()
    await update.fn(INCIDENT, "update", 1)
    assert ("update", 2) in {(one.step, one.number) for one in plan(story.case, story.clock.now).due}


async def test_surprise_1_a_run_killed_before_the_draft_is_made_up(story: Story) -> None:
    """The occurrence was reopened and its run died: the ledger says that the draft is still due."""
    story.news()
    story.ledger.occurrences.reopen(INCIDENT, FIRST, 1, story.clock.now)
    (first,) = [occurrence for occurrence in story.case.occurrences if occurrence.step == FIRST]
    assert (first.state, FIRST in story.due()) == (OccurrenceState.WAITING, True)
    await story.tell(FIRST)
    assert story.hand_over() == 2
    (first,) = [occurrence for occurrence in story.case.occurrences if occurrence.step == FIRST]
    assert first.state is OccurrenceState.DONE


async def test_surprise_1_the_stage_says_that_letters_wait(story: Story) -> None:
    notice = story.case.notice(FIRST)
    assert notice
    assert (notice.stage, notice.stands) == (NoticeStage.SENT, "sent, 2 letters to hand over")
    story.hand_over()
    after = story.case.notice(FIRST)
    assert after
    assert after.stands == "sent"


async def test_a_closed_case_is_not_over_while_letters_wait(story: Story) -> None:
    story.ledger.incidents.close(INCIDENT, LEAD.name, story.clock.now)
    assert not is_over(story.case, story.clock.now)


# People in California: some by post, some whom nothing reaches.


def in_california(person: Person) -> Person:
    return person._replace(country="US", region="CA", consents_to_email=date(2025, 3, 31))


CA = "us-ca.individuals"


@pytest.fixture
async def california(tmp_path: Path) -> AsyncIterator[Story]:
    """Five people in California: three consented to email, one has only a postal address, and one has none."""
    ledger, found = a_ledger(tmp_path), list(map(in_california, islice(everybody(), 5)))
    people = [*found[:3], by_post(found[3]), found[4]._replace(email="", phone="", postal_address="")]
    opened(ledger, people)
    context, clock = a_context(ledger, tmp_path)
    with using(context):
        told = Story(context, clock, people)
        told.amend(rulings={CA: Ruling(applies=True, reason="plates of cars are among the data", by="Example Law LLP")})
        await sweep.fn(INCIDENT)
        await assess.fn(INCIDENT, "assess", 2)
        await told.tell(FIRST)
        yield told
    ledger.dispose()


def california_law(story: Story) -> DutyStatus:
    return next(status for status in statuses(story.case, story.clock.now) if status.duty.id == CA)


async def test_surprise_7_letters_and_substitute_notice_are_asked_for(california: Story) -> None:
    """The timeline, the leads' alerts and the reasons against closing name both, until a person has done both."""
    waits = {one.wait: one for one in timeline(california.case, california.clock.now).waiting}
    assert waits[Wait.LETTERS].do == f"amends letters {INCIDENT} {FIRST} --out DIR --as NAME"
    assert waits[Wait.SUBSTITUTE].do == f"amends duty substitute {INCIDENT} {CA} --url URL --as NAME"
    await sweep.fn(INCIDENT)
    await sweep.fn(INCIDENT)
    said = [alert.what for alert in california.case.alerts]
    assert sum(f"{FIRST}: 1 letter to hand over" in one for one in said) == 1
    assert sum(CA in one and "substitute notice" in one for one in said) == 1
    unmet = reasons_not_to_close(california.case, california.clock.now)
    assert f"letters wait to be handed over: {FIRST} (1)" in unmet
    assert any(CA in one and one.startswith("no substitute notice") for one in unmet)


async def test_surprise_7_a_duty_is_done_by_letter_and_substitute(california: Story) -> None:
    assert california_law(california).missing == "1 person there waits for a message or a letter"
    california.clock.now += DAY
    california.hand_over()
    assert california_law(california).done_at is None
    california.clock.now += DAY
    california.ledger.filings.give_substitute(INCIDENT, CA, LEAD.name, california.clock.now, note="in the news")
    assert california_law(california).done_at == california.clock.now
    unmet = reasons_not_to_close(california.case, california.clock.now)
    assert all("must stay up until" in one for one in unmet if CA in one)
    assert not [one for one in unmet if "letters" in one]


async def test_surprise_7_whoever_is_found_late_opens_the_duty_again(california: Story) -> None:
    """A person in California whom a corrected list adds waits for the first notice, so the duty is not done."""
    california.hand_over()
    california.ledger.filings.give_substitute(INCIDENT, CA, LEAD.name, california.clock.now, note="in the news")
    late = in_california(next(islice(everybody(), 5, None)))
    california.list_is([*california.people, late])
    assert california_law(california).missing == "1 person there waits for a message or a letter"
    await assess.fn(INCIDENT, "assess", california.case.version + 1)
    await california.tell(FIRST)
    assert california_law(california).done_at
