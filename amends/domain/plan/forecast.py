"""The forecast of a playbook: its occurrences to come, if each were done at the time it is due."""

from datetime import datetime

from amends.domain.case.case import Case
from amends.domain.case.deadlines import Reminder, reminders, wanted_reminders
from amends.domain.case.states import OccurrenceKind, OccurrenceState, RecordedOccurrence
from amends.domain.incident.commitment import commit, planned_commitments
from amends.domain.notice.notice import NoticeStage, NoticeStatus
from amends.domain.plan.plan import PlannedOccurrence, plan
from amends.domain.playbook.playbook import DEADLINES, HOLDING, Event, Phase

MOST_OCCURRENCES = 1_000
EVENTS = {Phase.ASSESS: Event.ASSESSED, Phase.NOTIFY: Event.NOTIFIED}
"""The event that has happened once a step of this phase is done."""


def forecast(case: Case, now: datetime, until: datetime) -> tuple[PlannedOccurrence, ...]:
    """Return the occurrences due from `now` to `until`, in order, MOST_OCCURRENCES at most.

    Decisions that wait for people count as taken at once.
    """
    occurrences: list[PlannedOccurrence] = []
    at, case = now, _decided(case, now)
    wanted = wanted_reminders(case)
    while len(occurrences) < MOST_OCCURRENCES:
        planned = plan(case, at, wanted)
        occurrence = next(iter((*planned.due, *planned.upcoming)), None)
        if occurrence is None or occurrence.due_at > until:
            break
        at = max(at, occurrence.due_at)
        occurrences.append(occurrence.model_copy(update={"due_at": at}))
        before, case = case, _after(case, occurrence, at, wanted)
        if _owes_otherwise(before, case):
            wanted = wanted_reminders(case)
    return tuple(occurrences)


def _owes_otherwise(before: Case, case: Case) -> bool:
    """Return True when an occurrence may have changed which duties are open: it assessed the case, or told people."""
    return (before.duties, before.events.get(Event.NOTIFIED)) != (case.duties, case.events.get(Event.NOTIFIED))


def _decided(case: Case, now: datetime) -> Case:
    """Return the case as if people had decided on every occurrence that waits for them."""
    planned = plan(case, now)
    goes_on = {(occurrence.step, occurrence.number) for occurrence in (*planned.due, *planned.upcoming)}
    steps = case.playbook.steps if case.playbook else ()
    phases = {HOLDING: Phase.UPDATE} | {step.id: step.phase for step in steps}
    for one in case.occurrences:
        waits = one.state is OccurrenceState.WAITING and (one.step, one.number) not in goes_on
        if waits and one.step in phases:
            occurrence = PlannedOccurrence(step=one.step, phase=phases[one.step], number=one.number, due_at=one.due_at)
            case = _after(case, occurrence, now)
    return case


def _after(case: Case, occurrence: PlannedOccurrence, at: datetime, wanted: tuple[Reminder, ...] = ()) -> Case:
    """Return the case as if this occurrence were done, of which DEADLINES gives the `wanted` reminders."""
    done = _done(occurrence.step, occurrence.number, occurrence.due_at, at)
    others = (o for o in case.occurrences if (o.step, o.number) != (occurrence.step, occurrence.number))
    happened = {occurrence.step: at} | ({EVENTS[occurrence.phase]: at} if occurrence.phase in EVENTS else {})
    changes: dict[str, object] = {"occurrences": (*others, done), "events": happened | case.events}
    changes["recorded_reminders"] = (*case.recorded_reminders, *_reminders(case, occurrence, at, wanted))
    told_news = occurrence.phase in (Phase.NOTIFY, Phase.UPDATE)
    changes["notices"] = tuple(_notice_after(notice, occurrence, told_news=told_news) for notice in case.notices)
    if occurrence.phase is Phase.ASSESS and case.assessment:
        changes["assessment"] = case.assessment.model_copy(update={"version": occurrence.number})
    if occurrence.phase is Phase.NOTIFY and Event.NOTIFIED not in case.events and case.playbook:
        given = planned_commitments(case.playbook.commitments, case.incident.commitments)
        zone = case.incident.organisation.timezone
        changes["commitments"] = tuple(commit(planned, at, occurrence.step, zone) for planned in given)
    return case.model_copy(update=changes)


def _done(
    step: str, number: int, due_at: datetime, at: datetime, kind: OccurrenceKind = OccurrenceKind.STEP
) -> RecordedOccurrence:
    done = OccurrenceState.DONE
    return RecordedOccurrence(kind=kind, step=step, number=number, due_at=due_at, state=done, done_at=at)


def _notice_after(notice: NoticeStatus, occurrence: PlannedOccurrence, *, told_news: bool) -> NoticeStatus:
    """Return the notice as if the occurrence were done: its own notice has gone.

    When people were told news, no notice names the time of the next news any more.
    """
    changes: dict[str, object] = {}
    if (notice.step, notice.occurrence) == (occurrence.step, occurrence.number) and not notice.is_over:
        changes |= {"stage": NoticeStage.SENT, "current": True}
    if told_news:
        releases = tuple(release.model_copy(update={"next_news_at": None}) for release in notice.releases)
        changes |= {"next_news_at": None, "releases": releases}
    return notice.model_copy(update=changes) if changes else notice


def _reminders(
    case: Case, occurrence: PlannedOccurrence, at: datetime, wanted: tuple[Reminder, ...]
) -> list[RecordedOccurrence]:
    """Return the due reminders as recorded: one occurrence of DEADLINES gives them all; none for another step."""
    if occurrence.step != DEADLINES:
        return []
    due = (reminder for reminder in reminders(case, wanted) if reminder.at <= at)
    return [_done(one.step, one.number, one.at, at, OccurrenceKind.DEADLINE) for one in due]
