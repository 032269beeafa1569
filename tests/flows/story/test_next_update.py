"""A time that people were given for news: a lead is warned, what was missed is noted once, and the next notice says it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import cast

import pytest

from amends.content.playbook.playbook import load_playbook
from amends.domain.base.clock import Seen
from amends.domain.case.case import Case
from amends.domain.case.next_update import Fate, awaited, next_updates
from amends.domain.channel.channel import ChannelKind
from amends.domain.notice.notice import Draft, NoticeStage
from amends.domain.notice.wording import Wording
from amends.domain.plan.plan import plan
from amends.domain.playbook.playbook import HOLDING, Phase, Playbook
from amends.domain.team.approval import Decision
from amends.ledger import Ledger
from flows.rehearsal.fast_forward import PHASES, PassedClock
from flows.run.context import Context, using
from flows.sweep import sweep
from tests.builders import an_asked
from tests.remembered import REMEMBERED
from tests.story import APPROVERS, INCIDENT, LEAD, START, a_context, a_ledger, approve_all, everybody, opened

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NAMED = START + 4 * DAY
"""What the first notice names: three days until the update is drafted, and one for its approvals."""
SORRY = {
    "en": "We had said that you would hear from us by Sunday, 22 November 2026. We are late, and we are sorry.",
    "zh-CN": "我们原定在2026年11月22日（星期日）前通报情况。这次未能做到，对不起。",
}


class Weeks:
    """An incident whose team does only what it is told to."""

    def __init__(self, context: Context) -> None:
        self.ledger: Ledger = context.ledger
        self.clock = cast("PassedClock", context.clock)

    @property
    def case(self) -> Case:
        return self.ledger.cases.read(INCIDENT, self.clock.now)

    async def on(self, at: datetime) -> None:
        """All that is due by then is done at its time, and a sweep looks after it."""
        for _ in range(100):
            planned = plan(self.case, self.clock.now)
            if planned.due:
                turn = planned.due[0]
                await PHASES[turn.phase].fn(INCIDENT, turn.step, turn.number)
                continue
            if self.clock.now == at:
                break
            self.clock.now = min((turn.due_at for turn in planned.upcoming if turn.due_at <= at), default=at)
        else:
            raise AssertionError("the same turns are due again and again")
        await self.sweep()

    async def sweep(self) -> None:
        assert (await sweep.fn()).is_completed()

    async def approved(self) -> None:
        approve_all(self.ledger, self.clock.now)
        await self.on(self.clock.now)

    async def told(self) -> None:
        """Everybody has the first notice."""
        await REMEMBERED.reach_soon(self.ledger, self._tell)

    async def _tell(self, _ledger: Ledger) -> None:
        await self.on(START)
        await self.approved()

    def noted(self, act: str, word: str = "") -> list[str]:
        return [e.subject for e in self.ledger.audit.entries(INCIDENT) if e.act == act and word in e.subject]

    def text(self, notice: str, locale: str, channel: ChannelKind = ChannelKind.EMAIL) -> str:
        return variant(self.ledger.notices.latest_draft(INCIDENT, notice), locale, channel)


def variant(draft: Draft, locale: str, channel: ChannelKind) -> str:
    return next(one.text for one in draft.variants if (one.locale, one.channel) == (locale, channel))


def without_updates() -> tuple[Playbook, Wording]:
    """The shipped playbook, but for its series of updates."""
    playbook, wording = load_playbook("customer-data-theft")
    steps = tuple(step for step in playbook.steps if step.phase is not Phase.UPDATE)
    return playbook.model_copy(update={"steps": steps}), wording


@pytest.fixture
def weeks(tmp_path: Path) -> Iterator[Weeks]:
    ledger = a_ledger(tmp_path)
    opened(ledger, islice(everybody(), 8))
    context = a_context(ledger, tmp_path)[0]
    with using(context):
        yield Weeks(context)
    ledger.dispose()


async def test_a_missed_update_is_recorded_once_and_said_in_each_language(weeks: Weeks) -> None:
    """A next update that was missed is recorded once in the audit, and the next notice says so in both languages and on
    each channel. The notice after it does not say so again.
    """
    await weeks.told()
    assert awaited(weeks.case) == NAMED
    await weeks.on(NAMED)
    assert weeks.noted("news missed") == []
    assert "update-1" in plan(weeks.case, NAMED).awaiting_approval
    assert SORRY["en"] not in weeks.text("update-1", "en")

    await weeks.on(NAMED + 3 * HOUR)
    for _ in range(3):
        await weeks.sweep()
    assert weeks.noted("news missed") == ["first-notice"]
    assert len(weeks.noted("alert", "missed: 2026-11-22 02:00 UTC (10:00 on Sun 22 Nov in Asia/Shanghai)")) == 1
    assert weeks.ledger.audit.verify() == ()

    for locale, sorry in SORRY.items():
        for channel in (ChannelKind.EMAIL, ChannelKind.WEBSITE):
            first_lines = weeks.text("update-1", locale, channel).split("\n\n")[:2]
            assert sorry in first_lines
    assert "sorry we are late" in weeks.text("update-1", "en", ChannelKind.SMS)
    assert "通报迟了" in weeks.text("update-1", "zh-CN", ChannelKind.SMS)

    await weeks.approved()
    missed = next(clock for clock in next_updates(weeks.case, weeks.clock.now) if clock.until == NAMED)
    assert (missed.fate, missed.by, missed.late_by(weeks.clock.now)) == (Fate.MISSED, "update-1", 3 * HOUR)

    following = awaited(weeks.case)
    assert following
    await weeks.on(following - HOUR)
    await weeks.approved()
    assert weeks.case.notice("update-2")
    assert not any(line in weeks.text("update-2", "en") for line in ("We had said", "late, and we are sorry"))
    assert "原定" not in weeks.text("update-2", "zh-CN")
    await weeks.on(following + DAY)
    assert weeks.noted("news missed") == ["first-notice"]


async def test_by_a_clock_that_jumped_nothing_is_missed_and_no_one_warned(weeks: Weeks) -> None:
    """While the clock is in doubt after a jump, no next update is recorded as missed and no alert is raised. A record
    of a miss would stay when the clock is right again, and everybody would be told that we are sorry.
    """
    await weeks.told()
    weeks.ledger.questions.ask(INCIDENT, an_asked("Am I in it?", person=2, reply_within=2 * HOUR, at=START), START)
    weeks.ledger.clocks.observe(Seen("host-1", "boot-1", 0.0, START))
    weeks.clock.now = NAMED + DAY
    assert "jumped" in weeks.ledger.clocks.observe(Seen("host-1", "boot-1", 60.0, weeks.clock.now))
    before = weeks.noted("alert")
    await weeks.sweep()
    run = await PHASES[Phase.UPDATE].fn(INCIDENT, "update", 1)
    assert "until somebody says what time it is: the clock of host-1 jumped" in str(run.message)
    weeks.clock.now = START + HOUR
    weeks.ledger.clocks.trust(LEAD.name, weeks.clock.now)
    await weeks.sweep()
    assert [clock.fate for clock in next_updates(weeks.case, weeks.clock.now)] == [Fate.RUNNING]
    assert weeks.noted("alert") == before


async def test_what_is_kept_is_no_reason_to_be_sorry(weeks: Weeks) -> None:
    await weeks.told()
    await weeks.on(NAMED - HOUR)
    await weeks.approved()
    await weeks.on(NAMED + DAY)
    assert weeks.noted("news missed") == []
    assert next(clock.fate for clock in next_updates(weeks.case, NAMED + DAY)) is Fate.KEPT
    assert "We had said" not in weeks.text("update-1", "en")


async def test_a_notice_approved_in_time_and_sent_late_stays_as_it_is(weeks: Weeks) -> None:
    """A notice that was approved in time and sent late goes as it is, and the notice after it says that the last one
    was late, in both languages.
    """
    await weeks.told()
    await weeks.on(NAMED - HOUR)
    approve_all(weeks.ledger, weeks.clock.now)
    weeks.clock.now = NAMED + HOUR  # nothing ran meanwhile
    await weeks.on(weeks.clock.now)
    update = weeks.case.notice("update-1")
    assert update and update.stage is NoticeStage.SENT and update.version == 1
    assert weeks.noted("news missed") == ["first-notice"]
    following = awaited(weeks.case)
    assert following
    await weeks.on(following - HOUR)
    assert "2026. It came later than that, and we are sorry." in weeks.text("update-2", "en")
    assert "前通报情况。上次未能按时通报，对不起。" in weeks.text("update-2", "zh-CN")


async def test_a_lead_is_warned_once_at_half_and_once_at_a_quarter_left(weeks: Weeks) -> None:
    """The lead gets an alert when half of the time for approvals is left, and another when a quarter is left, once
    each.
    """
    await weeks.told()
    warned = []
    for hours in (13, 12, 11, 7, 6, 5, 1):
        await weeks.on(NAMED - hours * HOUR)
        await weeks.sweep()
        warned.append(len(weeks.noted("alert", "of the time for approvals is left")))
    assert warned == [0, 1, 1, 1, 2, 2, 2]


async def test_a_pause_drafts_a_holding_notice_that_leaves_on_resuming(weeks: Weeks) -> None:
    """While an incident is paused, a holding statement is drafted and can be approved, and is sent when the incident is
    resumed, so that the next update is kept.
    """
    await weeks.told()
    await weeks.on(NAMED - 2 * DAY)
    weeks.ledger.incidents.pause(INCIDENT, LEAD.name, weeks.clock.now)
    await weeks.on(NAMED - 20 * HOUR)
    case = weeks.case
    assert [notice.stage for notice in case.notices if notice.step == HOLDING] == [NoticeStage.DRAFTED]
    assert case.notice("update-1") is None
    await weeks.approved()
    assert not weeks.case.notice("holding-1").begun_at  # type: ignore[union-attr]
    weeks.ledger.incidents.resume(INCIDENT, LEAD.name, weeks.clock.now)
    await weeks.on(weeks.clock.now)
    holding = weeks.case.notice("holding-1")
    assert holding and holding.stage is NoticeStage.SENT
    assert next(clock for clock in next_updates(weeks.case, NAMED) if clock.until == NAMED).by == "holding-1"


async def test_a_holding_statement_that_an_update_made_needless_is_dropped(weeks: Weeks) -> None:
    await weeks.told()
    await weeks.on(NAMED - 2 * DAY)
    weeks.ledger.incidents.pause(INCIDENT, LEAD.name, weeks.clock.now)
    await weeks.on(NAMED - 20 * HOUR)
    weeks.ledger.incidents.resume(INCIDENT, LEAD.name, weeks.clock.now)
    await weeks.on(weeks.clock.now)
    update = weeks.case.notice("update-1")
    assert update and weeks.case.notice("holding-1")
    await approve_only(weeks, "update-1")
    assert weeks.case.notice("holding-1") is None
    assert "holding-1" not in plan(weeks.case, weeks.clock.now).awaiting_approval
    turns = {(turn.step, turn.number): turn.state for turn in weeks.case.occurrences}
    assert turns[HOLDING, 1] == "done"


async def approve_only(weeks: Weeks, notice: str) -> None:
    status = weeks.case.notice(notice)
    assert status
    for member in APPROVERS:
        weeks.ledger.approvals.decide(INCIDENT, notice, member, Decision.APPROVE, status.binding, "", weeks.clock.now)
    await weeks.on(weeks.clock.now)


@pytest.mark.parametrize("own_words", [False, pytest.param(True, marks=pytest.mark.full)])
async def test_where_no_update_is_left_a_holding_statement_keeps_the_time(weeks: Weeks, *, own_words: bool) -> None:
    """Also with words of one's own that have no holding statement: then an update says it."""
    await weeks.told()
    playbook, wording = without_updates()
    if own_words:
        kept = {path: text for path, text in wording.templates.items() if not path.startswith("holding/")}
        wording = wording.model_copy(update={"templates": kept})
    weeks.ledger.playbooks.pin(INCIDENT, playbook, wording, LEAD.name, weeks.clock.now)
    await weeks.on(NAMED - 20 * HOUR)
    drafted = weeks.ledger.notices.latest_draft(INCIDENT, "holding-1")
    assert drafted.template == ("update" if own_words else HOLDING)
    assert {"email", "website", "sms"} <= set(drafted.channels) | set(drafted.cascade)
    assert ChannelKind.SOCIAL in drafted.channels
    await weeks.approved()
    kept_at = [clock for clock in next_updates(weeks.case, NAMED + DAY) if clock.until == NAMED]
    assert [(clock.fate, clock.by) for clock in kept_at] == [(Fate.KEPT, "holding-1")]
    assert awaited(weeks.case) is None  # it names no time that nothing would keep
    await weeks.on(NAMED + 9 * DAY)
    assert weeks.case.notice("holding-2") is None


async def test_looking_again_changes_nothing(weeks: Weeks) -> None:
    await weeks.told()
    await weeks.on(NAMED + HOUR)
    before = weeks.case, len(weeks.ledger.audit.entries(INCIDENT))
    for _ in range(3):
        await weeks.sweep()
    assert (weeks.case, len(weeks.ledger.audit.entries(INCIDENT))) == before
