"""A promise may be made at any time, and whoever was told of it, and nobody else, hears how it ends."""

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from amends.domain.base.audience import EVERYONE, Persons, Residents
from amends.domain.base.value import Span
from amends.domain.deliver.correction import Ask
from amends.domain.incident.commitment import Commitment, CommitmentKind
from amends.domain.notice.notice import NoticeStage
from amends.domain.people.person import Person
from amends.domain.plan.plan import plan
from amends.domain.playbook.playbook import Phase
from flows.assess import assess
from flows.collect_feedback import collect_feedback
from flows.follow_up import follow_up
from flows.notify import notify
from flows.rehearsal.fast_forward import PassedClock
from flows.run.context import Context, using
from flows.run.occurrence import bring_up_to_date
from flows.update import update
from tests.commitments import keep
from tests.story import INCIDENT, LEAD, START, a_context, a_ledger, approve_all, everybody, opened

DAY = timedelta(days=1)
FEW = 6
FLOWS = {
    Phase.ASSESS: assess,
    Phase.NOTIFY: notify,
    Phase.UPDATE: update,
    Phase.COLLECT_FEEDBACK: collect_feedback,
    Phase.FOLLOW_UP: follow_up,
}
LOCKS = {"en": "We will put new locks on your doors.", "zh-CN": "我们将为您更换门锁。"}
BOTH = ("en", "zh-CN")
BROKEN = ("We have broken it", "we have broken this promise", "其中一项我们没有遵守", "未能遵守")
"""The words of an email or an SMS about a promise that was broken."""


class Promising:
    """A case in which six people, two of them of the segment `business`, were told the first notice."""

    def __init__(self, context: Context, clock: PassedClock, folder: Path) -> None:
        self.context, self.ledger, self.clock, self.folder = context, context.ledger, clock, folder
        self.people = list(islice(everybody(), FEW + 3))

    async def work_until(self, end: datetime, *, approve: bool = True) -> None:
        """Do each day what is due, and approve what waits."""
        while self.clock.now <= end:
            await bring_up_to_date(self.context, INCIDENT)
            await self.work(approve=approve)
            self.clock.now += DAY
        self.clock.now = end

    async def work(self, *, approve: bool = True) -> None:
        """Do what is due now until nothing is, and approve what waits."""
        for _ in range(6):
            due = plan(self.ledger.cases.read(INCIDENT, self.clock.now), self.clock.now).due
            for one in due:
                await FLOWS[one.phase].fn(INCIDENT, one.step, one.number)
            if not ((approve and approve_all(self.ledger, self.clock.now)) or due):
                break

    def add(
        self, name: str, audience: str = EVERYONE, persons: tuple[int, ...] = (), days: int = 20, **more: Any
    ) -> None:
        one = Commitment(
            id=name,
            kind=CommitmentKind.OTHER,
            promise=LOCKS,
            owner="Facilities",
            audience=audience,
            due_at=self.clock.now + days * DAY,
            **more,
        )
        self.ledger.commitments.add(INCIDENT, [(one, persons)], LEAD.name, self.clock.now)

    def keep(self, name: str) -> None:
        keep(self.ledger, INCIDENT, name, dict.fromkeys(BOTH, "Report 17"), LEAD.name, self.clock.now)

    def drop(self, name: str) -> None:
        self.ledger.commitments.drop(
            INCIDENT, name, dict.fromkeys(BOTH, "No fitter was free."), LEAD.name, self.clock.now
        )

    def list_is(self, people: list[Person]) -> None:
        """The list is corrected to these people."""
        correction = self.ledger.corrections.compare(INCIDENT, people)
        changes = {ask: correction.difference.counts[ask.value] for ask in Ask}
        self.ledger.corrections.apply(correction, changes, "", LEAD.name, self.clock.now)

    def mailboxes(self, *says: str) -> set[int]:
        """The people in whose mailbox or phone a message says one of these, by what left."""
        sent = [json.loads(path.read_text()) for path in (self.folder / "outbox").glob("*/*.json")]
        to = {one["to"] for one in sent if any(words in one["text"] for words in says)} - {""}
        return {person.number for person in self.people if {person.email, person.phone} & to}

    def got(self, notice: str) -> set[int]:
        """The people who have a message of this notice."""
        return {line.person for line in self.ledger.statistics.lines(INCIDENT, notice) if line.person}

    def notices(self) -> dict[str, NoticeStage]:
        return {notice.id: notice.stage for notice in self.ledger.cases.read(INCIDENT, self.clock.now).notices}


def of_segment(people: list[Person], segment: str) -> set[int]:
    return {person.number for person in people if person.segment == segment}


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[Promising]:
    ledger = a_ledger(tmp_path)
    opened(ledger, islice(everybody(), FEW))
    context, clock = a_context(ledger, tmp_path)
    with using(context):
        story = Promising(context, clock, tmp_path)
        await story.work()
        yield story
    ledger.dispose()


async def test_surprise_5_a_late_promise_reaches_its_segment(told: Promising) -> None:
    """A promise that is added in week two for a segment, whose playbook writes to everyone only, gets a notice of its
    own at once; those who read it, and nobody else, hear that it is kept.
    """
    await told.work_until(START + 8 * DAY)
    told.add("new-locks", "business")
    await told.work()
    business = of_segment(told.people[:FEW], "business")
    assert told.got("promise-made-new-locks-1") == business == told.mailboxes(*LOCKS.values())
    assert told.ledger.commitments.get(INCIDENT, "new-locks").made_in == "promise-made-new-locks-1"
    told.keep("new-locks")
    told.clock.now += DAY
    await told.work()
    assert told.got("promise-kept-new-locks-2") == business
    assert told.ledger.cases.read(INCIDENT).untold == {}


async def test_surprise_5_a_promise_for_some_persons_stays_theirs(told: Promising) -> None:
    first, second = told.people[0].number, told.people[2].number
    told.add("new-locks", Persons("new-locks"), (first, second))
    await told.work_until(START + 4 * DAY)
    assert "update-1" in told.notices()
    assert told.mailboxes(*LOCKS.values()) == {first, second}
    told.drop("new-locks")
    await told.work_until(START + 6 * DAY)
    assert told.mailboxes("No fitter was free.") == {first, second}


async def test_surprise_5_a_promise_for_a_place_stays_there(told: Promising) -> None:
    told.add("new-locks", Residents("US-WA"))
    told.clock.now += DAY
    await told.work()
    there = {person.number for person in told.people[:FEW] if (person.country, person.region) == ("US", "WA")}
    assert there
    assert told.mailboxes(*LOCKS.values()) == there


async def test_surprise_5_the_next_update_gives_a_promise_to_all(told: Promising) -> None:
    told.add("new-locks")
    await told.work_until(START + 4 * DAY)
    assert told.ledger.commitments.get(INCIDENT, "new-locks").made_in == "update-1"
    assert not [name for name in told.notices() if name.startswith("promise-made")]
    assert told.mailboxes(*LOCKS.values()) == {person.number for person in told.people[:FEW]}


async def test_a_promise_after_the_last_update_has_its_own_notice(told: Promising) -> None:
    await told.work_until(START + 4 * DAY)
    told.ledger.incidents.resolve(INCIDENT, LEAD.name, told.clock.now)
    await told.work()
    told.add("new-locks")
    await told.work()
    assert told.got("promise-made-new-locks-1") == {person.number for person in told.people[:FEW]}


async def test_surprise_6_a_latecomer_hears_only_of_own_promises(told: Promising) -> None:
    """A person who is found late, and was promised something by the first notice, hears that it is kept; a person found
    after that reads in the first notice that it is kept, and gets no news of it.
    """
    told.clock.now += DAY
    told.list_is(told.people[: FEW + 1])
    await told.work()
    told.keep("photo-before-visit")
    await told.work_until(told.clock.now + DAY)
    kept = "promise-kept-photo-before-visit-1"
    assert told.got(kept) == {person.number for person in told.people[: FEW + 1]}
    told.list_is(told.people[: FEW + 2])
    await told.work_until(told.clock.now + 2 * DAY)
    last = told.people[FEW + 1].number
    assert last in told.got("first-notice")
    assert last not in told.got(kept)
    assert told.ledger.cases.read(INCIDENT).notice(kept).not_told == 0  # type: ignore[union-attr]


async def test_a_dropped_promise_is_news_only_to_its_readers(told: Promising) -> None:
    """Somebody who joins the segment after the promise was made, and was never told of it, hears nothing of its end."""
    told.add("new-locks", "business")
    told.clock.now += DAY
    await told.work()
    before = told.got("promise-made-new-locks-1")
    newcomer = told.people[FEW]._replace(segment="business")
    told.list_is([*told.people[:FEW], newcomer])
    await told.work()
    told.drop("new-locks")
    await told.work_until(told.clock.now + DAY)
    assert told.got("promise-late-new-locks-2") == before
    assert newcomer.number not in before


async def test_a_promise_settled_before_its_notice_leaves_is_silent(told: Promising) -> None:
    """A promise that is dropped while the notice that makes it waits for approval is never made, and never mourned."""
    told.add("new-locks", "business")
    told.clock.now += DAY
    await told.work(approve=False)
    assert told.notices()["promise-made-new-locks-1"] is NoticeStage.DRAFTED
    told.drop("new-locks")
    await told.work_until(told.clock.now + 2 * DAY)
    assert told.mailboxes(*LOCKS.values()) == set()
    assert not [name for name in told.notices() if "new-locks" in name]


async def test_a_silent_date_drafts_that_it_will_be_late(told: Promising) -> None:
    """A day before the date of a promise of which nobody says anything, a notice is drafted that it will be late; the
    notice names the day by which people hear again.
    """
    told.add("new-locks", "business", days=6)
    await told.work_until(START + 4 * DAY)
    await told.work_until(START + 6 * DAY, approve=False)
    late = "promise-late-new-locks-2"
    assert told.notices()[late] is NoticeStage.DRAFTED
    text = told.ledger.notices.latest_draft(INCIDENT, late).variants[0].text
    assert "You will hear from us about it again by: 1 December 2026" in text


async def test_a_late_draft_gives_way_when_the_promise_is_kept(told: Promising) -> None:
    told.add("new-locks", "business", days=6)
    await told.work_until(START + 4 * DAY)
    await told.work_until(START + 6 * DAY, approve=False)
    told.keep("new-locks")
    await told.work_until(told.clock.now + DAY)
    assert told.got("promise-late-new-locks-2") == set()
    assert told.got("promise-kept-new-locks-3") == told.got("promise-made-new-locks-1")
    assert "promise-late-new-locks-2" not in told.notices()


async def test_a_promise_stays_late_in_silence_only_for_a_week(told: Promising) -> None:
    """Whoever was told that a promise is late hears again by the day that they were told, or another draft waits."""
    told.add("new-locks", "business", days=6)
    await told.work_until(START + 14 * DAY)
    late = [name for name in told.notices() if name.startswith("promise-late-new-locks")]
    assert late == ["promise-late-new-locks-2", "promise-late-new-locks-3"]


async def test_each_round_of_a_promise_is_told_by_itself(told: Promising) -> None:
    """A promise for the segment that comes three times: the first is kept, the second broken, the third kept. Those who
    read the promise, and nobody else, hear of each one, and nobody is promised anything anew in between.
    """
    told.add("courses", "business", days=5, series="courses", every=Span.parse("5d"), at_most=3)
    await told.work()
    business, begin = of_segment(told.people[:FEW], "business"), told.clock.now
    told.keep("courses")
    await told.work_until(begin + 11 * DAY)
    second = told.ledger.commitments.get(INCIDENT, "courses-2")
    assert (second.due_at, second.made_in) == (begin + 10 * DAY, "promise-made-courses-1")
    reasons = dict.fromkeys(BOTH, "The trainer was ill.")
    told.ledger.commitments.break_word(INCIDENT, "courses-2", reasons, LEAD.name, told.clock.now)
    await told.work_until(begin + 13 * DAY)
    told.keep("courses-3")
    await told.work_until(begin + 15 * DAY)
    assert {
        commitment.id: commitment.state.value
        for commitment in told.ledger.commitments.all(INCIDENT)
        if commitment.series
    } == {"courses": "kept", "courses-2": "broken", "courses-3": "kept"}
    about = [name for name in told.notices() if "courses" in name]
    assert [name for name in about if name.startswith("promise-made")] == ["promise-made-courses-1"]
    ends = [name for name in about if name.startswith(("promise-kept", "promise-late"))]
    assert {name: told.got(name) for name in ends} == dict.fromkeys(ends, business)
    assert told.mailboxes(*BROKEN) == business
    assert told.ledger.cases.read(INCIDENT).untold == {}
