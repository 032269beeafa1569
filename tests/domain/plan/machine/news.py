"""The times that people were given for news: each is met, or somebody writes in time, or it is known as missed.

Who heard what, and when, is kept here message by message, and what became of each time is read off that.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from amends.domain.case.next_update import missed_event, warnings
from amends.domain.case.states import IncidentState, OccurrenceState, RecordedOccurrence
from amends.domain.closing.closing import ready_to_close
from amends.domain.feedback.question import QuestionCounts
from amends.domain.notice.notice import DeliveryState, NoticeStage
from amends.domain.plan.plan import PlannedOccurrence
from amends.domain.playbook.playbook import HOLDING, Event, Phase, Playbook
from tests.builders import a_playbook
from tests.domain.plan.machine.sending import Message, Sending, Written
from tests.domain.plan.machine.world import DAY, ENDED, HOUR

EVERYBODY = 5
APPROVED_WITHIN = DAY
UNTOUCHED = ("deadlines", "assess")
DECIDED = (OccurrenceState.HELD, OccurrenceState.SKIPPED)


def the_playbook() -> Playbook:
    by_email = {"channels": ["email"]}
    steps: list[dict[str, Any]] = [
        {"id": "assess", "phase": "assess", "after": 0, "of": "opened"},
        {"id": "first", "phase": "notify", "after": "1h", "of": "assessed", "notice": "first", **by_email},
        {
            "id": "update",
            "phase": "update",
            "after": "1d",
            "of": "notified",
            "every": "2d",
            "until": "resolved",
            "at_most": 2,
            "notice": "update",
            "when": {"open_questions": True},
            **by_email,
        },
        {"id": "correction", "phase": "notify", "after": 0, "of": "facts_changed", "notice": "correction", **by_email},
        {"id": "survey", "phase": "collect_feedback", "after": "3d", "of": "notified", "notice": "survey", **by_email},
        {"id": "closing", "phase": "notify", "after": 0, "of": "resolved", "notice": "closing", **by_email},
    ]
    return a_playbook(steps=steps, commitments=[], approve_within="24h")


@dataclass(frozen=True)
class Heard:
    """One version of a notice, as the first of those who got it heard it."""

    notice: str
    is_news: bool
    let_go_at: datetime
    at: datetime
    until: datetime | None
    """When it said that the next one comes."""


class News(Sending):
    def __init__(self) -> None:
        super().__init__(the_playbook(), people=EVERYBODY, questions=QuestionCounts(asked=9, open=1))
        self.heard: dict[tuple[str, int], Heard] = {}

    # What happens.

    @initialize(turns=st.sampled_from([0, 2, 2, 4, 8]), updated=st.booleans())
    def so_far_it_went_as_planned(self, turns: int, updated: bool) -> None:
        for _ in range(turns):
            self.it_goes_as_planned(1)
        if not updated:  # then only a holding statement keeps what was named
            self.so_many_questions_are_open(0)

    @rule()
    def the_sweep_looks(self) -> None:
        self._look()

    @rule(hours=st.sampled_from([10, 4, 1, 0, -1, -30]), in_time=st.booleans())
    def the_time_for_news_comes_near_or_passes(self, hours: int, in_time: bool) -> None:
        until = self._awaited()
        if until:
            self.now = max(self.now, until - hours * HOUR)
            if in_time:
                self.it_goes_as_planned(1)

    @rule(hours=st.sampled_from([5, 24, 72]))
    def what_is_approved_meets_an_outage(self, hours: int) -> None:
        self.everything_due_is_carried_out()
        self.the_team_approves()
        self.now += hours * HOUR

    @rule()
    def the_team_rejects(self) -> None:
        for notice in self._stage(NoticeStage.DRAFTED):
            notice.stage = NoticeStage.REJECTED
        self._change()

    @rule(which=st.integers(0, 9), skipped=st.booleans())
    def somebody_cancels_a_run(self, which: int, skipped: bool) -> None:
        turns = [turn for turn in (*self.plan.due, *self.plan.upcoming) if turn.step not in UNTOUCHED]
        self._cancel(turns[which % len(turns)] if turns else None, skipped=skipped)

    @rule(skipped=st.booleans())
    def somebody_cancels_what_is_written(self, skipped: bool) -> None:
        """Of the news that nobody has yet, the oldest."""
        written = filter(self._is_meant_to_go, self.notices.values())
        keys = [(notice.step.id, notice.number) for notice in written][:1]
        turn = next((turn for turn in self.case.occurrences if (turn.step, turn.number) in keys), None)
        self._cancel(turn, skipped=skipped)

    @rule(goes_on=st.booleans())
    def a_person_decides_about_what_is_held(self, goes_on: bool) -> None:
        for turn in self.case.occurrences:
            if turn.state is OccurrenceState.HELD:
                self._record(turn, OccurrenceState.WAITING if goes_on else OccurrenceState.SKIPPED)

    @rule(count=st.integers(0, 1))
    def so_many_questions_are_open(self, count: int) -> None:
        self._change(questions=QuestionCounts(asked=9, open=count))

    @rule(full=st.booleans())
    def some_mailboxes_are_full_or_none(self, full: bool) -> None:
        """Never all of them: what nobody has is for tests of its own."""
        self.full = {2, EVERYBODY} if full else set()

    @precondition(lambda self: Event.NOTIFIED in self.case.events)
    @rule()
    def nothing_new_is_left_to_tell(self) -> None:
        self._change(events={Event.RESOLVED: self.now} | self.case.events)

    def _cancel(self, turn: PlannedOccurrence | RecordedOccurrence | None, *, skipped: bool) -> None:
        """And a person may say at once that it is left out."""
        if turn:
            self._note(turn, OccurrenceState.SKIPPED if skipped else OccurrenceState.HELD)

    # What must be so when something is let go, and when it is heard.

    def _let_go(self, notice: Written) -> None:
        if notice.step.id == HOLDING and not notice.let_go:
            assert not all(map(self._is_surely_followed, self._named())), "nobody waits for this"
        super()._let_go(notice)

    def _tried(self, notice: Written, message: Message) -> None:
        key = (notice.id, notice.version)
        if message.state is not DeliveryState.SENT or key in self.heard:
            return
        if notice.sorry_for:
            assert not self._was_kept(notice.sorry_for), "sorry for what was kept"
        elif self._is_news(notice) and not self._is_heard(notice):
            assert not any(self._owes_a_word(one, notice) for one in self._named()), "not sorry for what was missed"
        self.heard[key] = Heard(
            notice.id, self._is_news(notice), notice.let_go[-1].at, self.now, notice.let_go[-1].next_news_at
        )

    def _owes_a_word(self, named: Heard, notice: Written) -> bool:
        """The time had passed when this was written, and nothing was heard since, nor drafted before, nor said sorry."""
        assert named.until
        missed = named.at < notice.drafted_at and named.until < notice.drafted_at
        said = (one.sorry_for for other in self.notices.values() for one in other.let_go if one.sorry_for)
        return missed and not self._is_followed(named) and not any(at >= named.until for at in said)

    # What must be so.

    @invariant()
    def a_named_time_is_met_or_known_as_missed(self) -> None:
        for named in self._named():
            if named.until and named.until < self.looked_at and self._surely_not_met(named):
                assert missed_event(named.until) in self.case.missed_updates, named

    @invariant()
    def only_what_was_missed_is_known_as_missed(self) -> None:
        assert self.case.missed_updates.keys() <= {
            missed_event(one.until) for one in self._named() if one.until and not self._was_kept(one.until)
        }

    @invariant()
    def somebody_writes_before_people_have_waited_in_vain(self) -> None:
        """Early enough for those who approve: news, or the statement that there is none; also in a pause."""
        until = self._awaited()
        if until and not self.case.clock_doubt:
            by = max(until - APPROVED_WITHIN, self.now)
            comes = (turn for turn in (*self.plan.due, *self.plan.upcoming) if turn.due_at <= by)
            tells = any(map(self._tells, comes)) or any(map(self._is_meant_to_go, self.notices.values()))
            assert tells or self._has_a_person_decided_against_it(until), until

    @invariant()
    def a_lead_is_warned_when_little_time_is_left_and_nothing_is_approved(self) -> None:
        until = self._awaited()
        if until and until - APPROVED_WITHIN / 2 <= self.now <= until:
            approved = [one for one in self._stage(NoticeStage.APPROVED) if self._is_meant_to_go(one)]
            leaving = [one for one in self._stage(NoticeStage.SENDING) if self._is_meant_to_go(one)]
            if not (approved or leaving) or self.case.state is IncidentState.PAUSED:
                assert warnings(self.seen, self.now)

    @invariant()
    def whoever_heard_what_is_not_so_is_owed_a_correction(self) -> None:
        """Unless other news waits for them, or could not reach them."""
        if Event.FACTS_CHANGED in self.seen.events:
            return
        heard = {notice.id for notice in self.seen.notices if notice.everybody_told}
        for person in self.people:
            theirs = [one for one in self._news_for(person) if one[0].state is DeliveryState.SENT]
            last, notice = max(theirs, key=lambda one: (one[0].left_at, one[0].written_at), default=(None, None))
            if last and notice and notice.id in heard and len(theirs) == len(self._news_for(person)):
                in_the_same_hour = last.written_at == self.amended_at  # nobody can tell which came first
                assert last.says == self.case.version or in_the_same_hour, (person, notice.id)

    def _news_for(self, person: int) -> list[tuple[Message, Written]]:
        news = (notice for notice in self.notices.values() if self._is_news(notice))
        return [(message, notice) for notice in news for message in notice.to_people if message.person == person]

    @invariant()
    def what_was_left_out_keeps_no_case_open(self) -> None:
        ended = {(o.step, o.number) for o in self.case.occurrences if o.state in ENDED}
        resolved = self.case.state is IncidentState.OPEN and Event.RESOLVED in self.case.events
        written = {(notice.step.id, notice.number) for notice in self.notices.values()}
        if resolved and written | {("closing", 1)} <= ended:
            assert ready_to_close(self.seen, self.now) == (not self.case.questions.open)

    # Read off what was heard.

    def _is_news(self, notice: Written) -> bool:
        return notice.step.phase in (Phase.NOTIFY, Phase.UPDATE)

    def _awaited(self) -> datetime | None:
        return min((one.until for one in self._named() if one.until and not self._is_followed(one)), default=None)

    def _is_heard(self, notice: Written) -> bool:
        return any(one.notice == notice.id for one in self.heard.values())

    def _named(self, until: datetime | None = None) -> list[Heard]:
        """Every time that people were given, or all that were the same."""
        return [one for one in self.heard.values() if one.until and until in (None, one.until)]

    def _others(self, named: Heard) -> list[Heard]:
        """The other news, each as it was heard first."""
        first = {one.notice: one for one in reversed(self.heard.values()) if one.is_news}
        return [one for one in first.values() if one.notice != named.notice]

    def _is_surely_followed(self, named: Heard) -> bool:
        return any(one.let_go_at > named.let_go_at for one in self._others(named))

    def _is_followed(self, named: Heard) -> bool:
        """What was let go at the same moment may have come after it."""
        return any(one.let_go_at >= named.let_go_at for one in self._others(named))

    def _was_kept(self, until: datetime) -> bool:
        """To all who were given this time."""
        given = self._named(until)
        return given != [] and all(map(self._surely_met, given))

    def _surely_met(self, named: Heard) -> bool:
        return any(named.let_go_at < one.let_go_at and one.at <= named.until for one in self._others(named))

    def _surely_not_met(self, named: Heard) -> bool:
        """What was let go at the same moment may count either way."""
        return not any(named.let_go_at <= one.let_go_at <= named.until for one in self._others(named))

    # Read off what is planned and written.

    def _tells(self, turn: PlannedOccurrence) -> bool:
        if turn.step == HOLDING or self.case.state is IncidentState.PAUSED:
            return turn.step == HOLDING
        return turn.phase in (Phase.NOTIFY, Phase.UPDATE)

    def _has_a_person_decided_against_it(self, until: datetime) -> bool:
        """By holding, or leaving out, the statement for this time or a later one."""
        mine = (turn for turn in self.case.occurrences if turn.step == HOLDING and turn.state in DECIDED)
        return any(turn.due_at >= until - APPROVED_WITHIN for turn in mine)

    def _is_meant_to_go(self, notice: Written) -> bool:
        """It is written, nothing of it is out, and neither the team nor a lead has said that it shall not leave."""
        waiting = any(
            (turn.step, turn.number, turn.state) == (notice.step.id, notice.number, OccurrenceState.WAITING)
            for turn in self.case.occurrences
        )
        if not waiting or self._is_heard(notice) or not self._is_news(notice):
            return False
        going = notice.stage is not NoticeStage.REJECTED and self.case.state is not IncidentState.CLOSED
        return going or notice.step.id == HOLDING
