"""The planner through weeks that Hypothesis makes up: crashes, outages, pauses, edits, cancelled runs, doubtful clocks.

Carrying out a turn changes the case as the flows do. After each move the plan is held against what a person with a
calendar would say.
"""

from collections import Counter
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from amends.domain.case.states import IncidentState, OccurrenceKind, OccurrenceState, RecordedOccurrence
from amends.domain.closing.closing import ready_to_close
from amends.domain.feedback.question import QuestionCounts
from amends.domain.incident.commitment import CommitmentState
from amends.domain.notice.notice import NoticeStage, NoticeStatus
from amends.domain.plan.plan import PlannedOccurrence
from amends.domain.playbook.playbook import Event, Phase, Playbook, Step
from tests.builders import a_commitment, a_playbook, an_assessment
from tests.domain.plan.machine.world import DAY, HOUR, OPENED, World


def the_playbook() -> Playbook:
    """One step of each kind."""
    by_email = {"notice": "update", "channels": ["email"]}
    steps: list[dict[str, Any]] = [
        {"id": "assess", "phase": "assess", "after": 0, "of": "opened"},
        {"id": "first", "phase": "notify", "after": "1h", "of": "assessed", **by_email},
        {
            "id": "nightly",
            "phase": "update",
            "after": "1d",
            "of": "notified",
            "every": "1d",
            "at": "02:30",
            "until": "resolved",
            "at_most": 300,
            **by_email,
        },
        {
            "id": "weekly",
            "phase": "update",
            "after": "2 business days",
            "of": "notified",
            "every": "5 business days",
            "at": "09:00",
            "until": "resolved",
            "at_most": 40,
            **by_email,
        },
        {"id": "correction", "phase": "notify", "after": 0, "of": "facts_changed", **by_email},
        {"id": "late", "phase": "follow_up", "after": "1d", "of": "commitment_late"},
        {
            "id": "bank",
            "phase": "follow_up",
            "after": "2h",
            "of": "opened",
            "task": "Call the bank.",
            "owner": "Finance",
            "within": "1 business day",
        },
        {
            "id": "loud",
            "phase": "collect_feedback",
            "after": "1d",
            "of": "first",
            "one_of": "tone",
            "when": {"open_questions": True},
        },
        {"id": "calm", "phase": "collect_feedback", "after": "1d", "of": "first", "one_of": "tone"},
        {"id": "dated", "phase": "collect_feedback", "on": "2026-04-01T09:00:00+02:00"},
        {"id": "closing", "phase": "notify", "after": 0, "of": "resolved", **by_email},
    ]
    return a_playbook(steps=steps, commitments=[])


class Weeks(World):
    def __init__(self) -> None:
        promises = tuple(
            a_commitment(id=name, due_at=OPENED + days * DAY) for name, days in (("a", 9), ("b", 9), ("c", 30))
        )
        super().__init__(the_playbook(), commitments=promises)
        self.sent: Counter[str] = Counter()

    # What happens.

    @initialize(told=st.sampled_from([True, True, False]))
    def people_may_have_been_told_already(self, told: bool) -> None:
        if told:
            self.everything_due_is_carried_out()
            self.now += HOUR
            self.everything_due_is_carried_out()
            self.the_team_approves()
            self.everything_due_is_carried_out()
            assert Event.NOTIFIED in self.case.events

    @rule()
    def the_team_approves(self) -> None:
        self._each_notice(
            lambda n: n.current and n.stage is NoticeStage.DRAFTED,
            stage=NoticeStage.APPROVED,
            approvals=("omar", "wei"),
        )

    @rule()
    def the_team_rejects(self) -> None:
        self._each_notice(lambda n: n.current and n.stage is NoticeStage.DRAFTED, stage=NoticeStage.REJECTED)

    @precondition(lambda self: self.case.version < 9)
    @rule()
    def the_facts_are_corrected(self) -> None:
        self._change(version=self.case.version + 1)
        self._each_notice(lambda n: n.stage is not NoticeStage.SENT, current=False)
        if any(at < self.now for at in self.case.last_told()):
            self._change(events=self.case.events | {Event.FACTS_CHANGED: self.now})

    @rule(which=st.integers(0, 9))
    def somebody_cancels_a_run(self, which: int) -> None:
        turns = [turn for turn in (*self.plan.due, *self.plan.upcoming) if turn.step != "deadlines"]
        if turns:
            self._note(turns[which % len(turns)], OccurrenceState.HELD)

    @rule(goes_on=st.booleans())
    def a_person_decides_about_what_is_held(self, goes_on: bool) -> None:
        for turn in self.case.occurrences:
            if turn.state is OccurrenceState.HELD:
                self._record(turn, OccurrenceState.WAITING if goes_on else OccurrenceState.SKIPPED)

    @rule()
    def the_task_is_done(self) -> None:
        for turn in self.case.occurrences:
            if turn.step == "bank" and turn.state is OccurrenceState.WAITING:
                self._record(turn, OccurrenceState.DONE)

    @rule(count=st.integers(0, 2))
    def so_many_questions_are_open(self, count: int) -> None:
        self._change(questions=QuestionCounts(asked=9, open=count))

    @rule()
    def a_promise_is_kept(self) -> None:
        first, *others = self.case.commitments
        kept = first.model_copy(update={"state": CommitmentState.KEPT, "settled_at": self.now})
        self._change(commitments=(*others, kept))

    @precondition(lambda self: Event.NOTIFIED in self.case.events)
    @rule()
    def nothing_new_is_left_to_tell(self) -> None:
        self._change(events={Event.RESOLVED: self.now} | self.case.events)

    @rule()
    def what_is_ready_is_closed(self) -> None:
        if ready_to_close(self.case, self.now):
            self._change(state=IncidentState.CLOSED, events=self.case.events | {Event.CLOSED: self.now})

    # What must be so.

    @invariant()
    def nothing_is_finished_twice(self) -> None:
        assert all(count == 1 for count in self.finished.values())
        assert all(count == 1 for count in self.sent.values())

    @invariant()
    def a_series_is_due_at_most_once(self) -> None:
        """But for follow-up: no promise waits there for the approval of another."""
        due = Counter(turn.step for turn in self.plan.due if turn.phase is not Phase.FOLLOW_UP)
        assert all(count == 1 for count in due.values())

    @invariant()
    def an_outage_collapses_a_series_into_its_latest_turn(self) -> None:
        begun = {(turn.step, turn.number) for turn in self.case.occurrences}
        longest = {"nightly": 26 * HOUR, "weekly": 8 * DAY}
        for turn in self.plan.due:
            last = turn.number == self.book.step(turn.step).at_most
            if turn.step in longest and (turn.step, turn.number) not in begun and not last:
                assert self.now - turn.due_at <= longest[turn.step]

    @invariant()
    def only_one_of_a_choice_is_begun(self) -> None:
        assert len(self._begun("loud", "calm")) <= 1

    @invariant()
    def what_has_left_is_brought_to_its_end(self) -> None:
        if self.case.state is not IncidentState.OPEN or self.case.clock_doubt:
            return
        due = {(turn.step, turn.number) for turn in self.plan.due}
        for turn in self.case.occurrences:
            notice = self.case.notice(f"{turn.step}-{turn.number}")
            if turn.state is OccurrenceState.WAITING and notice and notice.stage is NoticeStage.SENT:
                assert (turn.step, turn.number) in due

    @invariant()
    def no_approval_is_jumped(self) -> None:
        waiting = {
            (n.step, n.occurrence)
            for n in self.case.notices
            if n.current and n.stage in (NoticeStage.DRAFTED, NoticeStage.REJECTED)
        }
        assert waiting.isdisjoint((turn.step, turn.number) for turn in self.plan.due)

    @invariant()
    def nothing_is_forgotten(self) -> None:
        """Whatever has begun to run and is not at its end is due, comes, or waits for a person."""
        if self.case.state is not IncidentState.OPEN or self.case.clock_doubt:
            return
        planned = {turn.step for turn in (*self.plan.due, *self.plan.upcoming)}
        for step in self.book.steps:
            if self._must_come(step):
                assert step.id in planned, step.id

    @invariant()
    def each_night_comes_once_and_at_its_hour(self) -> None:
        for turn in (*self.plan.due, *self.plan.upcoming):
            shown = self.case.calendar.shown(turn.due_at)
            begun = any((o.step, o.number) == (turn.step, turn.number) for o in self.case.occurrences)
            if turn.step == "nightly" and not begun and not self._named_earlier(turn):
                assert (shown.hour, shown.minute) in ((2, 30), (3, 30))
                assert shown.minute == 30

    # How the world changes.

    def _named_earlier(self, turn: PlannedOccurrence) -> bool:
        return any(n.next_news_at for n in self.case.notices)

    def _must_come(self, step: Step) -> bool:
        """Its event has happened, nothing of it waits for a person, and it is not at its end."""
        mine = [turn for turn in self.case.occurrences if turn.step == step.id]
        if step.until in self.case.events or any(
            turn.state in (OccurrenceState.HELD, OccurrenceState.WAITING) for turn in mine
        ):
            return False
        if step.of == Event.FACTS_CHANGED:
            last = max((turn.number for turn in mine), default=0)
            return Event.FACTS_CHANGED in self.case.events and self.case.version - 1 > last
        if step.phase is Phase.ASSESS:
            return self.case.assessment is None and not mine
        if step.one_of:
            chosen = step.id == ("loud" if self.case.questions.open else "calm")
            return chosen and "first" in self.case.events and not self._begun("loud", "calm")
        if step.of == Event.COMMITMENT_LATE:
            return False
        happened = step.on is not None or step.of in self.case.events
        return happened and len({turn.number for turn in mine}) == 0

    def _begun(self, *steps: str) -> set[str]:
        return {turn.step for turn in self.case.occurrences} & set(steps)

    def _carry_out(self, turn: PlannedOccurrence, *, dies: str) -> None:
        step = self.book.step(turn.step)
        begun = any((o.step, o.number) == (turn.step, turn.number) for o in self.case.occurrences)
        if step.task:
            if begun:
                kind, done = OccurrenceKind.LATE, OccurrenceState.DONE
                told = RecordedOccurrence(kind=kind, step=step.id, number=turn.number, due_at=turn.due_at, state=done)
                self._change(recorded_reminders=(*self.case.recorded_reminders, told))
            else:
                self._note(turn, OccurrenceState.WAITING)
        elif step.notice:
            self._note(turn, OccurrenceState.WAITING)
            if dies != "at once":
                self._say(step, turn, dies=bool(dies))
        elif not dies:
            if step.phase is Phase.ASSESS:
                assessment = an_assessment().model_copy(update={"version": turn.number})
                self._change(assessment=assessment, events={Event.ASSESSED: self.now} | self.case.events)
            self._note(turn, OccurrenceState.DONE)

    def _say(self, step: Step, turn: PlannedOccurrence, *, dies: bool) -> None:
        """Draft it, or send what is approved of it."""
        name = f"{step.id}-{turn.number}"
        notice = self.case.notice(name)
        if notice is None or (not notice.current and notice.stage is not NoticeStage.SENT):
            self._keep(self._drafted(name, step, turn, version=notice.version + 1 if notice else 1))
        elif notice.stage is NoticeStage.APPROVED:
            assert notice.approvals and notice.current
            self.sent[name] += 1
            self._keep(notice.model_copy(update={"stage": NoticeStage.SENT, "sent_at": self.now}))
            if self.case.events.get(Event.FACTS_CHANGED, self.now) <= notice.drafted_at:
                self._change(events={name: at for name, at in self.case.events.items() if name != Event.FACTS_CHANGED})
        found = self.case.notice(name)
        if found and found.stage is NoticeStage.SENT and not dies:
            if step.phase is Phase.NOTIFY:
                self._change(events={Event.NOTIFIED: self.now} | self.case.events)
            self._note(turn, OccurrenceState.DONE)

    def _drafted(self, name: str, step: Step, turn: PlannedOccurrence, version: int) -> NoticeStatus:
        return NoticeStatus(
            id=name,
            version=version,
            template="update",
            step=step.id,
            occurrence=turn.number,
            stage=NoticeStage.DRAFTED,
            binding=f"{name}-{version}",
            approvals_needed=2,
            drafted_at=self.now,
        )

    def _keep(self, notice: NoticeStatus) -> None:
        self._change(notices=(*(n for n in self.case.notices if n.id != notice.id), notice))

    def _each_notice(self, chosen: Any, **changes: Any) -> None:
        changed = (n.model_copy(update=changes) if chosen(n) else n for n in self.case.notices)
        self._change(notices=tuple(changed))
