"""A case and a clock, and what can happen to every case: time passes, turns are carried out, a lead pauses it.

Three machines begin here: weeks (series, choices, outages), people (gates, waves, who is found late) and news (the times
that were named for it).
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from amends.domain.case.case import Case
from amends.domain.case.states import IncidentState, OccurrenceState, RecordedOccurrence
from amends.domain.plan.plan import Plan, PlannedOccurrence, plan
from amends.domain.playbook.playbook import HOLDING, Playbook
from tests.builders import a_case, an_incident

OPENED = datetime(2026, 3, 20, 11, 0, tzinfo=UTC)
"""Nine days before the clocks go forward in Berlin; with long waits the weeks reach October, when they go back."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ENDED = (OccurrenceState.DONE, OccurrenceState.SKIPPED)


def in_berlin() -> Any:
    incident = an_incident()
    organisation = incident.organisation.model_copy(update={"timezone": "Europe/Berlin"})
    return incident.model_copy(update={"organisation": organisation})


class World(RuleBasedStateMachine):
    def __init__(self, book: Playbook, **changes: Any) -> None:
        super().__init__()
        self.now = OPENED
        self.book = book
        self.case: Case = a_case(
            **({"incident": in_berlin(), "playbook": book, "opened_at": OPENED, "events": {"opened": OPENED}} | changes)
        )
        self.finished: Counter[tuple[str, int]] = Counter()
        self._planned: tuple[Case, datetime, Plan] | None = None

    # What happens.

    @rule(hours=st.sampled_from([1, 5, 24, 24 * 3, 24 * 9, 24 * 40]))
    def time_passes(self, hours: int) -> None:
        self.now += hours * HOUR

    @rule()
    def time_passes_to_the_next_turn(self) -> None:
        coming = self.plan.upcoming
        if coming:
            self.now = max(self.now, coming[0].due_at)

    @rule(which=st.integers(0, 9), dies=st.sampled_from(["", "", "at once", "after sending"]))
    def a_turn_is_carried_out(self, which: int, dies: str) -> None:
        due = self._due()
        if due:
            self._carry_out(due[which % len(due)], dies=dies)

    @rule()
    def everything_due_is_carried_out(self) -> None:
        for _ in range(40):
            due = self._due()
            if not due:
                return
            self._carry_out(due[0], dies="")
        raise AssertionError("the same turns are due again and again")

    @rule(paused=st.booleans())
    def the_lead_pauses_or_resumes(self, paused: bool) -> None:
        if self.case.state is not IncidentState.CLOSED:
            self._change(state=IncidentState.PAUSED if paused else IncidentState.OPEN)

    @rule(doubtful=st.booleans())
    def the_clock_jumps_or_is_set_right(self, doubtful: bool) -> None:
        self._change(clock_doubt="it jumped by 3 hours" if doubtful else "")

    # What must be so.

    @invariant()
    def asked_twice_the_plan_is_the_same(self) -> None:
        assert self.plan == plan(self.seen, self.now)

    @invariant()
    def what_is_ended_or_held_is_not_due(self) -> None:
        stands = {(turn.step, turn.number): turn.state for turn in self.case.occurrences}
        for turn in (*self.plan.due, *self.plan.upcoming):
            assert stands.get((turn.step, turn.number)) not in (*ENDED, OccurrenceState.HELD)

    @invariant()
    def nothing_falls_due_while_paused_or_while_the_clock_is_in_doubt(self) -> None:
        """But for reminders of the law's deadlines, and a word to those who expect one, which leaves after the pause."""
        if self.case.state is IncidentState.PAUSED:
            assert {turn.step for turn in self.plan.due} <= {"deadlines", HOLDING}
        if self.case.clock_doubt:
            assert self.plan.due == ()

    @invariant()
    def nothing_is_due_before_its_time(self) -> None:
        assert all(turn.due_at <= self.now for turn in self.plan.due)
        assert all(turn.due_at > self.now for turn in self.plan.upcoming)

    # How the world changes.

    @property
    def seen(self) -> Case:
        """The case as it reads now."""
        return self.case

    @property
    def plan(self) -> Plan:
        case = self.seen
        if self._planned is None or self._planned[0] is not case or self._planned[1] != self.now:
            self._planned = (case, self.now, plan(case, self.now))
        return self._planned[2]

    def _due(self) -> list[PlannedOccurrence]:
        return [turn for turn in self.plan.due if turn.step != "deadlines"]

    def _carry_out(self, turn: PlannedOccurrence, *, dies: str) -> None:
        """As the flows do; it may die at once, or after something was sent."""
        raise NotImplementedError

    def _note(self, turn: PlannedOccurrence | RecordedOccurrence, state: OccurrenceState) -> None:
        due_at = next(
            (o.due_at for o in self.case.occurrences if (o.step, o.number) == (turn.step, turn.number)), turn.due_at
        )
        self._record(RecordedOccurrence(step=turn.step, number=turn.number, due_at=due_at, state=state), state)

    def _record(self, turn: RecordedOccurrence, state: OccurrenceState) -> None:
        others = tuple(o for o in self.case.occurrences if (o.step, o.number) != (turn.step, turn.number))
        self._change(occurrences=(*others, turn.model_copy(update={"state": state})))
        if state is OccurrenceState.DONE:
            self.finished[turn.step, turn.number] += 1
            self._change(events={turn.step: self.now} | self.case.events)

    def _change(self, **changes: Any) -> None:
        self.case = self.case.model_copy(update=changes)
