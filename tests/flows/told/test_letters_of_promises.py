"""Letters about promises: each is handed over with words that are true on that day, or another notice tells its reader."""

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from amends.domain.notice.notice import NoticeStage, PersonState
from amends.domain.people.person import Person
from amends.domain.plan.plan import plan
from flows.run.context import using
from tests.flows.story.test_promises import DAY, FEW, Promising
from tests.story import APPROVERS, INCIDENT, LEAD, a_context, a_ledger, opened

HOME = "Example Street 1\n10115 Berlin\nGermany"
BY_POST = 2
"""The number of the person whom only a letter reaches, of the segment to which new locks are promised."""
WHY = {"en": "No fitter is free.", "zh-CN": "暂时没有安装人员。"}
MADE, LATE, KEPT = "promise-made-new-locks-1", "promise-late-new-locks-2", "promise-kept-new-locks-3"


def with_letters(people: Iterable[Person]) -> list[Person]:
    """The people, of whom one has nothing but a postal address."""
    nothing_else = {"email": "", "phone": "", "postal_address": HOME}
    return [one._replace(**nothing_else) if one.number == BY_POST else one for one in people]


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[Promising]:
    """A case in which six people were told, one by letter; new locks were added for two, the reader of the letter among them."""
    ledger = a_ledger(tmp_path)
    context, clock = a_context(ledger, tmp_path)
    story = Promising(context, clock, tmp_path)
    story.people = with_letters(story.people)
    opened(ledger, islice(story.people, FEW))
    with using(context):
        await story.work()
        hand_over(story, "first-notice")
        await story.work_until(clock.now + 8 * DAY)
        story.add("new-locks", "business")
        yield story
    ledger.dispose()


def hand_over(story: Promising, notice: str) -> set[int]:
    """The letters of the notice that wait are handed over; the people to whom they go."""
    batch = story.ledger.letters.take(INCIDENT, notice, APPROVERS[0], story.clock.now)
    if batch is None:
        return set()
    claims = story.ledger.letters.of_batch(INCIDENT, notice, batch.number)
    return {claim.to.number for claim in claims if claim.to}


async def test_a_letter_about_a_promise_survives_a_corrected_list(told: Promising) -> None:
    """The letter is drafted afresh for the new list, and approved and handed over; then the plan rests."""
    await told.work()
    hand_over(told, MADE)
    told.ledger.commitments.put_off(INCIDENT, "new-locks", told.clock.now + 30 * DAY, WHY, LEAD.name, told.clock.now)
    told.clock.now += DAY
    await told.work()
    assert told.ledger.letters.to_print(INCIDENT, LATE) == 1
    told.list_is(told.people[: FEW + 1])
    await told.work()
    assert hand_over(told, LATE) == {BY_POST}
    await told.work()
    case = told.ledger.cases.read(INCIDENT, told.clock.now)
    assert {one.step for one in plan(case, told.clock.now).due} == set()
    assert told.notices()[LATE] == NoticeStage.SENT


async def test_a_letter_of_overtaken_news_is_not_handed_over(told: Promising) -> None:
    """Once the promise is kept, nobody reads by letter that it will be late; the notice of that tells everybody."""
    await told.work()
    hand_over(told, MADE)
    told.ledger.commitments.put_off(INCIDENT, "new-locks", told.clock.now + 30 * DAY, WHY, LEAD.name, told.clock.now)
    told.clock.now += DAY
    await told.work()
    told.keep("new-locks")
    told.clock.now += DAY
    await told.work()
    assert hand_over(told, LATE) == set()
    assert told.ledger.statistics.people(INCIDENT, LATE)[PersonState.HELD] == 1
    assert hand_over(told, KEPT) == {BY_POST}


async def test_a_letter_that_makes_a_promise_tells_its_new_date(told: Promising) -> None:
    """The promise was moved while its letter waited: those who have it hear of the new date, the letter says it."""
    await told.work()
    told.ledger.commitments.put_off(
        INCIDENT, "new-locks", datetime(2026, 12, 26, 2, tzinfo=UTC), WHY, LEAD.name, told.clock.now
    )
    told.list_is(told.people[: FEW + 1])
    told.clock.now += DAY
    await told.work()
    assert hand_over(told, MADE) == {BY_POST}
    printed = told.ledger.letters.printed_from(INCIDENT, MADE, 1)
    text = next(variant.text for variant in printed.draft.variants if variant.locale == "en")
    assert "We will do this by: 26 December 2026" in text
