"""What a playbook would do when, if every turn were done at the time it is due."""

from datetime import datetime

from amends.domain.case.case import Case, OccurrenceState, RecordedOccurrence
from amends.domain.case.deadlines import reminders
from amends.domain.incident.commitment import commit, planned_commitments
from amends.domain.notice.notice import NoticeStatus
from amends.domain.plan.plan import PlannedOccurrence, plan
from amends.domain.playbook.playbook import DEADLINES, HOLDING, Event, Phase

MOST_TURNS = 1_000
EVENTS = {Phase.ASSESS: Event.ASSESSED, Phase.NOTIFY: Event.NOTIFIED}
"""What has happened once a step of this phase is done."""


def forecast(case: Case, now: datetime, until: datetime) -> tuple[PlannedOccurrence, ...]:
    """The turns from now until then, in order; what waits for people counts as decided at once."""
    turns: list[PlannedOccurrence] = []
    clock, case = now, _decided(case, now)
    while len(turns) < MOST_TURNS:
        planned = plan(case, clock)
        turn = next(iter((*planned.due, *planned.upcoming)), None)
        if turn is None or turn.due_at > until:
            break
        clock = max(clock, turn.due_at)
        turns.append(turn.model_copy(update={"due_at": clock}))
        case = _after(case, turn, clock)
    return tuple(turns)


def _decided(case: Case, now: datetime) -> Case:
    """The case once people have said their word on every turn that waits for it."""
    planned = plan(case, now)
    goes_on = {(turn.step, turn.number) for turn in (*planned.due, *planned.upcoming)}
    steps = case.playbook.steps if case.playbook else ()
    phases = {HOLDING: Phase.UPDATE} | {step.id: step.phase for step in steps}
    for one in case.occurrences:
        waits = one.state is OccurrenceState.WAITING and (one.step, one.number) not in goes_on
        if waits and one.step in phases:
            turn = PlannedOccurrence(step=one.step, phase=phases[one.step], number=one.number, due_at=one.due_at)
            case = _after(case, turn, now)
    return case


def _after(case: Case, turn: PlannedOccurrence, at: datetime) -> Case:
    """The case once this turn is done."""
    done = [_done(turn.step, turn.number, turn.due_at, at), *_reminders_given(case, turn, at)]
    others = (o for o in case.occurrences if (o.step, o.number) != (turn.step, turn.number))
    happened = {turn.step: at} | ({EVENTS[turn.phase]: at} if turn.phase in EVENTS else {})
    changes: dict[str, object] = {"occurrences": (*others, *done), "events": happened | case.events}
    if turn.phase in (Phase.NOTIFY, Phase.UPDATE):
        changes["notices"] = tuple(map(_heard, case.notices))
    if turn.phase is Phase.ASSESS and case.assessment:
        changes["assessment"] = case.assessment.model_copy(update={"version": turn.number})
    if turn.phase is Phase.NOTIFY and Event.NOTIFIED not in case.events and case.playbook:
        given = planned_commitments(case.playbook.commitments, case.incident.commitments)
        changes["commitments"] = tuple(commit(promise, at, turn.step) for promise in given)
    return case.model_copy(update=changes)


def _done(step: str, number: int, due_at: datetime, at: datetime) -> RecordedOccurrence:
    return RecordedOccurrence(step=step, number=number, due_at=due_at, state=OccurrenceState.DONE, done_at=at)


def _heard(notice: NoticeStatus) -> NoticeStatus:
    """People have heard news since, so they do not go by the time that it named any more."""
    silent = tuple(one.model_copy(update={"next_news_at": None}) for one in notice.releases)
    return notice.model_copy(update={"next_news_at": None, "releases": silent})


def _reminders_given(case: Case, turn: PlannedOccurrence, at: datetime) -> list[RecordedOccurrence]:
    """One turn gives all reminders of deadlines that are due."""
    if turn.step != DEADLINES:
        return []
    return [_done(one.step, one.number, one.at, at) for one in reminders(case) if one.at <= at]
