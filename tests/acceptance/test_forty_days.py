"""Forty days of the default playbook, from trigger to close, with a clock that is passed on."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from amends.domain.case.case import Case
from amends.domain.case.deadlines import open_duties
from amends.domain.case.states import IncidentState
from amends.domain.channel.channel import ChannelKind
from amends.domain.incident.commitment import CommitmentState
from amends.domain.law.duty import Addressee
from amends.domain.notice.notice import NoticeStage, PersonState
from amends.domain.plan.plan import PlannedOccurrence, plan
from amends.ledger import Ledger
from flows.rehearsal.closing import carry_over, pass_over
from flows.rehearsal.fast_forward import PHASES, PassedClock, fast_forward
from flows.rehearsal.team import record_results
from flows.run.context import Context, using
from tests.builders import an_asked
from tests.commitments import keep
from tests.story import APPROVERS, INCIDENT, LEAD, START, a_context, a_ledger, approve_all, everybody, opened, outbox

END = START + timedelta(days=40)
KEPT_ON = START + timedelta(days=9)
RESOLVED_ON = START + timedelta(days=24)


FORGOTTEN = "sg-pdpa.pdpc"


class Weeks:
    """The forty days, carried out once for all tests of this module."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger: Ledger = a_ledger(folder)
        opened(self.ledger, everybody())
        self.context: Context
        self.clock: PassedClock
        self.context, self.clock = a_context(self.ledger, folder)
        self.turns: list[PlannedOccurrence] = []
        self.passed_over: list[str] = []

    async def pass_by(self) -> None:
        with using(self.context):
            self.turns = await fast_forward(self.context, self.clock, INCIDENT, END, self.people, in_prefect=False)

    async def people(self, case: Case) -> bool:
        """What the team and the customers do in these weeks."""
        now = self.clock.now
        approve_all(self.ledger, now, case)
        for notice in case.notices:
            if notice.letters_to_hand_over:
                self.ledger.letters.take(INCIDENT, notice.id, APPROVERS[0], now)
        if "notified" in case.events and not case.questions.asked:
            self._ask(now)
        if "notified" in case.events and not case.filings:
            self._file(case, now)
        if now >= KEPT_ON and self._is_open(case, "account-recheck"):
            checked = self.ledger.commitments.get(INCIDENT, "account-recheck")
            record_results(self.ledger, INCIDENT, checked, now)
            keep(self.ledger, INCIDENT, "account-recheck", {"*": "Report CHK-17"}, "Customer care", now)
        if now >= RESOLVED_ON and "resolved" not in case.events:
            carry_over(self.ledger, INCIDENT, LEAD.name, now)
            self.passed_over = pass_over(self.ledger, INCIDENT, (LEAD, APPROVERS[0]), "the authority said so", now)
            self.ledger.incidents.resolve(INCIDENT, LEAD.name, now)
        return True

    def _file(self, case: Case, now: datetime) -> None:
        """File with everybody but one authority, which somebody forgets."""
        for duty in open_duties(case):
            if duty.id != FORGOTTEN and duty.addressee is not Addressee.PEOPLE:
                self.ledger.filings.record(INCIDENT, duty.id, now, LEAD.name, "R-1", "", now)

    def _ask(self, now: datetime) -> None:
        asked = self.ledger.questions.ask(INCIDENT, an_asked(person=2, owner="Customer care", at=now), now)
        self.ledger.questions.answer(INCIDENT, asked, "Yes, your page names it.", APPROVERS[0].name, now)

    @staticmethod
    def _is_open(case: Case, commitment: str) -> bool:
        return any(c.id == commitment and c.state is CommitmentState.OPEN for c in case.commitments)

    @property
    def case(self) -> Case:
        return self.ledger.cases.read(INCIDENT, self.clock.now)


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weeks]:
    import asyncio

    story = Weeks(tmp_path_factory.mktemp("weeks"))
    asyncio.run(story.pass_by())
    yield story
    story.ledger.dispose()


def test_the_case_is_closed_in_the_end(weeks: Weeks) -> None:
    assert weeks.case.state is IncidentState.CLOSED


def test_the_forgotten_filing_is_what_two_people_passed_over(weeks: Weeks) -> None:
    assert "duties_filed" in weeks.passed_over


def test_every_phase_had_its_turns(weeks: Weeks) -> None:
    assert {turn.step for turn in weeks.turns} == {
        "assess",
        "first-notice",
        "feedback",
        "update",
        "survey",
        "promises",
        "closing",
        "deadlines",
    }


def test_everybody_is_in_exactly_one_state_for_each_notice(weeks: Weeks) -> None:
    for notice in weeks.case.notices:
        people = sum(notice.people.values())
        assert people == 240 or (notice.about and 0 < people < 240), notice.id  # news of a promise: who was told of it
        assert notice.stage is NoticeStage.SENT


def test_nobody_got_the_same_notice_twice_on_a_channel(weeks: Weeks) -> None:
    letters = [json.loads(path.read_text()) for path in outbox(weeks.folder)]
    seen = Counter((letter["notice"], letter["kind"], letter["key"]) for letter in letters)
    assert set(seen.values()) == {1}
    by_address = Counter((letter["notice"], letter["kind"], letter["to"]) for letter in letters if letter["to"])
    children = 4  # told through guardians, who also got a notice of their own or stand for two
    assert sum(count - 1 for count in by_address.values()) <= children * len(weeks.case.notices) * 2


def test_the_outbox_and_the_ledger_agree(weeks: Weeks) -> None:
    for notice in weeks.case.notices:
        lines = weeks.ledger.statistics.lines(INCIDENT, notice.id)
        sent = sum(line.state == "sent" for line in lines if line.channel is not ChannelKind.LETTER)
        left = sum(json.loads(path.read_text())["notice"] == notice.id for path in outbox(weeks.folder))
        assert sent == left, notice.id


def test_updates_come_on_schedule_and_never_later_than_said(weeks: Weeks) -> None:
    updates = [n for n in weeks.case.notices if n.template == "update"]
    told = [weeks.case.notice("first-notice"), *updates]
    assert len(updates) >= 3
    for before, after in pairwise(told):
        assert before and after and before.next_news_at and after.sent_at
        assert after.sent_at <= before.next_news_at


def test_a_kept_promise_is_told_to_those_promised(weeks: Weeks) -> None:
    notice = weeks.case.notice("promise-kept-account-recheck-1")
    assert notice and notice.people[PersonState.SENT] > 200
    assert "account-recheck" not in weeks.case.untold


def test_promises_that_outlive_the_case_are_still_looked_after(weeks: Weeks) -> None:
    closed_at = weeks.case.events["closed"]
    assert any(turn.step == "promises" and turn.due_at > closed_at for turn in weeks.turns)


def test_owners_are_reminded_before_a_promise_is_due(weeks: Weeks) -> None:
    by_id = {commitment.id: commitment for commitment in weeks.case.commitments}
    reminded = by_id["number-protection"].reminded_at
    assert reminded and reminded < by_id["number-protection"].due_at


def test_a_late_promise_is_escalated(weeks: Weeks) -> None:
    assert {c.id for c in weeks.case.commitments if c.escalated_at} == {
        "number-protection",
        "security-fix",
        "photo-before-visit",
    }


def test_a_forgotten_filing_is_reminded_once_before_and_once_after(weeks: Weeks) -> None:
    """A filing that was forgotten is reminded of once before its time and once after it, and is the only open duty that
    waits for nothing.
    """
    given = [turn for turn in weeks.case.recorded_reminders if turn.step.startswith(f"{FORGOTTEN} ")]
    assert [turn.number for turn in given] == [1, 2]
    assert [duty.id for duty in open_duties(weeks.case) if not duty.waits] == [FORGOTTEN]


def test_each_filing_and_that_people_were_told_made_a_new_assessment(weeks: Weeks) -> None:
    made = weeks.ledger.assessments.all(INCIDENT)
    assert [one.version for one in made] == sorted({one.version for one in made}) and len(made) > 1
    assert all(one.changes for one in made[1:])


def test_the_audit_chain_holds(weeks: Weeks) -> None:
    assert weeks.ledger.audit.verify() == ()


async def test_running_any_step_again_changes_nothing(weeks: Weeks) -> None:
    before, letters = weeks.case, outbox(weeks.folder)
    with using(weeks.context):
        for turn in weeks.turns:
            await PHASES[turn.phase].fn(INCIDENT, turn.step, turn.number)
    assert weeks.case == before
    assert outbox(weeks.folder) == letters


def test_nothing_is_due_when_all_is_done(weeks: Weeks) -> None:
    assert plan(weeks.case, weeks.clock.now).due == ()
