"""What is due now and what comes next: a pure function of the case and the time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import chain

from amends.domain.base.value import Moment, Value
from amends.domain.case.case import Case, IncidentState, OccurrenceState, RecordedOccurrence
from amends.domain.case.deadlines import reminders
from amends.domain.case.filings import facts_known
from amends.domain.case.next_update import awaited, set_aside
from amends.domain.incident.commitment import CommitmentState
from amends.domain.incident.facts import DataCategory, Facts
from amends.domain.notice.notice import NoticeStage, NoticeStatus
from amends.domain.plan.gates import opens_at
from amends.domain.playbook.playbook import DEADLINES, HOLDING, Event, Phase, Step, When
from amends.domain.playbook.schedule import Series

HOUR = timedelta(hours=1)
TOLD_LATE = "late "
"""Before the id of a step: under this a task that was not done in time is kept once somebody was told of it."""


class PlannedOccurrence(Value):
    """One occurrence of a step that is due, or will be."""

    step: str
    phase: Phase
    number: int
    due_at: Moment
    revision: int = 0


class Plan(Value):
    """Turns that are due, those that come, and notices that wait for people."""

    due: tuple[PlannedOccurrence, ...] = ()
    upcoming: tuple[PlannedOccurrence, ...] = ()
    """The next occurrence of each step whose time is known."""
    awaiting_approval: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    """Steps whose run somebody cancelled."""


def plan(case: Case, now: datetime) -> Plan:
    """What to do now, what is next. Asked twice, it answers the same; what is done or begun is never due again."""
    if case.playbook is None:
        return Plan()
    begun = (_continued(case, occurrence, now) for occurrence in case.occurrences)
    recorded = _by_step(case)
    fresh = (next_occurrence(case, step, recorded.get(step.id, ()), now) for step in case.playbook.steps)
    occurrences = sorted(
        (occurrence for occurrence in (*begun, *fresh) if occurrence and _outlives(case, occurrence)), key=_in_time
    )
    reminder = _next_reminder(case)
    unpausing = [*([reminder] if reminder else []), *_holdings(case, occurrences, now)]
    paused = case.state is IncidentState.PAUSED
    due = (*(occurrence for occurrence in occurrences if not paused), *unpausing)
    return Plan(
        due=() if case.clock_doubt else tuple(occurrence for occurrence in due if occurrence.due_at <= now),
        upcoming=tuple(
            sorted((occurrence for occurrence in (*occurrences, *unpausing) if occurrence.due_at > now), key=_in_time)
        ),
        awaiting_approval=tuple(notice.id for notice in case.notices if _awaits_people(notice)),
        held=tuple(occurrence.step for occurrence in case.occurrences if occurrence.state is OccurrenceState.HELD),
    )


def _by_step(case: Case) -> dict[str, list[RecordedOccurrence]]:
    recorded: dict[str, list[RecordedOccurrence]] = {}
    for occurrence in case.occurrences:
        recorded.setdefault(occurrence.step, []).append(occurrence)
    return recorded


def _next_reminder(case: Case) -> PlannedOccurrence | None:
    """The next reminder of a legal deadline. The law does not pause, so neither do these.

    A held or skipped occurrence silences only the reminders that were due with it.
    """
    mine = [occurrence for occurrence in case.occurrences if occurrence.step == DEADLINES]
    going = next((occurrence for occurrence in mine if occurrence.state is OccurrenceState.WAITING), None)
    if going:
        return _reminding(going.number, going.due_at, going.revision)
    silent = [
        occurrence.due_at for occurrence in mine if occurrence.state in (OccurrenceState.HELD, OccurrenceState.SKIPPED)
    ]
    due_at = next((one.at for one in reminders(case) if not silent or one.at > max(silent)), None)
    if due_at is None:
        return None
    number = (
        max((occurrence.number for occurrence in mine if occurrence.state is not OccurrenceState.PLANNED), default=0)
        + 1
    )
    return _reminding(
        number, due_at, next((occurrence.revision for occurrence in mine if occurrence.number == number), 0)
    )


def _reminding(number: int, due_at: datetime, revision: int) -> PlannedOccurrence:
    return PlannedOccurrence(step=DEADLINES, phase=Phase.FOLLOW_UP, number=number, due_at=due_at, revision=revision)


def _holdings(case: Case, occurrences: list[PlannedOccurrence], now: datetime) -> list[PlannedOccurrence]:
    """The statements that there is nothing new yet: those that go on, and the next one once nobody waits for those."""
    going = [
        occurrence
        for occurrence in case.occurrences
        if occurrence.step == HOLDING and occurrence.state is OccurrenceState.WAITING
    ]
    found = [_holding_goes_on(case, occurrence, now) for occurrence in going]
    if all(any(notice.begun_at for notice in _notices_of(case, occurrence)) for occurrence in going):
        found.append(_next_holding(case, occurrences, now))
    return [occurrence for occurrence in found if occurrence]


def _holding_goes_on(case: Case, occurrence: RecordedOccurrence, now: datetime) -> PlannedOccurrence | None:
    """In a pause it can only be drafted."""
    notices = _notices_of(case, occurrence)
    if case.state is IncidentState.PAUSED and any(notice.current for notice in notices):
        return None
    return _holding(occurrence.number, _continues_at(case, notices, now), occurrence.revision)


def _next_holding(case: Case, occurrences: list[PlannedOccurrence], now: datetime) -> PlannedOccurrence | None:
    """The statement that there is nothing new yet, when people expect news by a time that nothing else will keep.

    It is drafted in a pause too, and leaves after it. A held or skipped occurrence silences only the times before it.
    """
    mine, until = [occurrence for occurrence in case.occurrences if occurrence.step == HOLDING], awaited(case)
    if until is None or case.playbook is None:
        return None
    due_at = until - case.playbook.approve_within
    silent = [
        occurrence.due_at for occurrence in mine if occurrence.state in (OccurrenceState.HELD, OccurrenceState.SKIPPED)
    ]
    if any(at >= due_at for at in silent) or _others_tell(case, occurrences, max(due_at, now)):
        return None
    number = max((occurrence.number for occurrence in mine if occurrence.state.begun), default=0) + 1
    return _holding(
        number, due_at, next((occurrence.revision for occurrence in mine if occurrence.number == number), 0)
    )


def _holding(number: int, due_at: datetime | None, revision: int) -> PlannedOccurrence | None:
    if due_at is None:
        return None
    return PlannedOccurrence(step=HOLDING, phase=Phase.UPDATE, number=number, due_at=due_at, revision=revision)


def _others_tell(case: Case, occurrences: list[PlannedOccurrence], by: datetime) -> bool:
    """Whether something else with news is drafted, or will be by then."""
    steps = case.playbook.steps if case.playbook else ()
    telling = {step.id for step in steps if step.notice and step.phase in (Phase.NOTIFY, Phase.UPDATE)}
    aside = set_aside(case)
    silent = (NoticeStage.REJECTED, NoticeStage.DROPPED)
    drafts = [n for n in case.notices if n.step in telling and n.begun_at is None and n.stage not in silent]
    if not case.is_closed and any((n.step, n.occurrence) not in aside for n in drafts):
        return True
    return case.state is not IncidentState.PAUSED and any(
        occurrence.step in telling and occurrence.due_at <= by for occurrence in occurrences
    )


def _outlives(case: Case, occurrence: PlannedOccurrence) -> bool:
    """Of a closed case only the promises go on, and what has reached some people and not all."""
    if not case.is_closed or occurrence.phase is Phase.FOLLOW_UP:
        return True
    begun = (
        notice for notice in case.notices if (notice.step, notice.occurrence) == (occurrence.step, occurrence.number)
    )
    return any(notice.is_on_its_way for notice in begun)


def _in_time(occurrence: PlannedOccurrence) -> tuple[datetime, str, int]:
    return occurrence.due_at, occurrence.step, occurrence.number


def _awaits_people(notice: NoticeStatus) -> bool:
    return notice.current and notice.stage in (NoticeStage.DRAFTED, NoticeStage.REJECTED)


def _continued(case: Case, occurrence: RecordedOccurrence, now: datetime) -> PlannedOccurrence | None:
    """A occurrence that was begun and can go on without a person."""
    if occurrence.state is not OccurrenceState.WAITING or case.playbook is None:
        return None
    step = next((step for step in case.playbook.steps if step.id == occurrence.step), None)
    if step is None:
        return None
    notices = _notices_of(case, occurrence)
    due_at = _told_late_at(case, step, occurrence) if step.task else _continues_at(case, notices, now)
    if due_at is None:
        return None
    return PlannedOccurrence(
        step=step.id, phase=step.phase, number=occurrence.number, due_at=due_at, revision=occurrence.revision
    )


def _continues_at(case: Case, notices: list[NoticeStatus], now: datetime) -> datetime | None:
    """When there is something to do for these notices; None while people must decide."""
    if all(notice.stage.is_over for notice in notices):
        return now
    return min((at for n in notices if (at := _wants_work_at(case, n, now))), default=None)


def _wants_work_at(case: Case, notice: NoticeStatus, now: datetime) -> datetime | None:
    """When something can be done for this notice without a person; None when nothing can."""
    later = notice.next_try_at if notice.stage is NoticeStage.SENDING else None
    at = now if notice.wants_work(now) else later
    if at is None or not notice.current:
        return at
    opens = opens_at(case, notice.waits_for, at)
    return max(at, opens) if opens else None


def _told_late_at(case: Case, step: Step, occurrence: RecordedOccurrence) -> datetime | None:
    """When somebody must hear that a task is not done; None once they have."""
    told = any((o.step, o.number) == (TOLD_LATE + step.id, occurrence.number) for o in case.occurrences)
    return None if told or step.within is None else step.within.after(occurrence.due_at, case.calendar)


def next_occurrence(
    case: Case, step: Step, mine: Sequence[RecordedOccurrence], now: datetime
) -> PlannedOccurrence | None:
    """The next occurrence of a step that has not begun, after those recorded of it; None when there is none to come yet."""
    base = _base(case, step, mine)
    if base is None or not holds(case, step.when) or (step.until and step.until in case.events):
        return None
    if not _is_chosen(case, step) or any(_stops(case, step, occurrence) for occurrence in mine):
        return None
    last = _last_begun(case, step, mine)
    number, due_at = _number_and_time(case, step, series(case, step, base), last, now)
    if number <= last:
        return None
    planned = next((occurrence for occurrence in mine if occurrence.number == number), None)
    return PlannedOccurrence(
        step=step.id, phase=step.phase, number=number, due_at=due_at, revision=planned.revision if planned else 0
    )


def series(case: Case, step: Step, base: datetime) -> Series:
    """The times of the step's occurrences when its event happened then."""
    return Series(base, step.after, step.every, step.at_most, step.at, case.calendar)


def _base(case: Case, step: Step, mine: Sequence[RecordedOccurrence]) -> datetime | None:
    """When what the step is timed from happened, or will happen."""
    if step.on:
        return step.on
    return _next_lateness(case, step, mine) if step.of == Event.COMMITMENT_LATE else case.events.get(step.of)


def _next_lateness(case: Case, step: Step, mine: Sequence[RecordedOccurrence]) -> datetime | None:
    """The first day on which a promise is late of those that this step has not had a occurrence for."""
    handled = [occurrence.due_at for occurrence in mine if occurrence.state.begun]
    dates = sorted({c.new_due_at or c.due_at for c in case.commitments if c.state is CommitmentState.OPEN})
    return next((at for at in dates if not handled or series(case, step, at).occurrence(1) > max(handled)), None)


def _is_chosen(case: Case, step: Step) -> bool:
    """Of those of which only one is taken it is the one that was begun, else the first whose condition holds."""
    if step.one_of is None or case.playbook is None:
        return True
    choice = [other for other in case.playbook.steps if other.one_of == step.one_of]
    taken = {occurrence.step for occurrence in case.occurrences if occurrence.state.begun}
    begun = (other for other in choice if other.id in taken)
    return step == next(chain(begun, (other for other in choice if holds(case, other.when))), None)


def _stops(case: Case, step: Step, occurrence: RecordedOccurrence) -> bool:
    """Whether this occurrence keeps the next from beginning.

    A promise does not wait for the approval of another, nor all those who hope for news for one message that is parked.
    """
    if step.phase is Phase.FOLLOW_UP or occurrence.state is not OccurrenceState.WAITING:
        return occurrence.state is OccurrenceState.HELD
    notices = _notices_of(case, occurrence)
    return not (any(notice.only_parked for notice in notices) and all(notice.has_gone for notice in notices))


def _notices_of(case: Case, occurrence: RecordedOccurrence) -> list[NoticeStatus]:
    return [
        notice for notice in case.notices if (notice.step, notice.occurrence) == (occurrence.step, occurrence.number)
    ]


def _last_begun(case: Case, step: Step, mine: Sequence[RecordedOccurrence]) -> int:
    assessed = case.assessment.version if step.phase is Phase.ASSESS and case.assessment else 0
    return max([assessed, *(occurrence.number for occurrence in mine if occurrence.state.begun)])


def _number_and_time(case: Case, step: Step, times: Series, last: int, now: datetime) -> tuple[int, datetime]:
    """After an outage only the latest of the occurrences that came due is made up for."""
    if step.phase is Phase.ASSESS:
        return facts_known(case), times.occurrence(1)  # everything new that becomes known is assessed, once
    if step.of == Event.FACTS_CHANGED:
        return case.version - 1, times.occurrence(1)
    if step.of == Event.COMMITMENT_LATE:
        return last + 1, times.occurrence(1)
    if step.every is None:
        return 1, times.occurrence(1)
    number = min(max(last + 1, times.come_due(now, last)), step.at_most)
    return number, _not_after_what_was_said(case, step, times.occurrence(number))


def _not_after_what_was_said(case: Case, step: Step, due_at: datetime) -> datetime:
    """An update is drafted early enough for the first time that was named since people last heard an update.

    What an earlier notice named was met by that update.
    """
    if step.phase is not Phase.UPDATE or case.playbook is None:
        return due_at
    told = [(notice.begun_at, notice) for notice in case.notices if notice.begun_at]
    updated = max((at for at, notice in told if at and notice.step == step.id), default=None)
    open_words = (notice.next_news_at for at, notice in told if updated is None or (at and at >= updated))
    return min((due_at, *(named - case.playbook.approve_within for named in open_words if named)))


def next_news_at(case: Case, step: Step, number: int, now: datetime) -> datetime | None:
    """The time that a notice drafted now, in this occurrence, names for the next one; None when no update is planned."""
    if case.playbook is None or Event.RESOLVED in case.events:
        return None
    updates = [update for update in case.playbook.steps if update.phase is Phase.UPDATE and holds(case, update.when)]
    times = (_update_after(case, update, step, number, now) for update in updates)
    earliest = min((at for at in times if at is not None), default=None)
    return _full_hour(earliest + case.playbook.approve_within) if earliest else None


def _update_after(case: Case, update: Step, drafting: Step, occurrence: int, now: datetime) -> datetime | None:
    """When this update comes next, apart from the occurrence that is being drafted."""
    about_to_happen = now if update.of in (Event.NOTIFIED, drafting.id) else None
    base = update.on or case.events.get(update.of, about_to_happen)
    if base is None or update.until in case.events:
        return None
    times = series(case, update, base)
    begun = max(
        _last_begun(case, update, _by_step(case).get(update.id, ())), occurrence if drafting.id == update.id else 0
    )
    if update.every is None:
        return times.occurrence(1) if times.occurrence(1) > now and not begun else None
    number = times.come_due(now, begun) + 1
    return times.occurrence(number) if number <= update.at_most else None


def _full_hour(moment: datetime) -> datetime:
    past = timedelta(minutes=moment.minute, seconds=moment.second, microseconds=moment.microsecond)
    return moment - past + HOUR if past else moment


def holds(case: Case, when: When) -> bool:
    """Whether the condition holds; what nobody knows counts as holding, so that nobody is left untold."""
    facts = case.incident.facts
    checks = (
        not when.severity_at_least
        or case.assessment is None
        or case.assessment.band.rank >= when.severity_at_least.rank,
        not when.people_at_least or _people(case) is None or (_people(case) or 0) >= when.people_at_least,
        not when.cause or facts.cause.may_be(*when.cause),
        not when.vector or facts.vector.may_be(*when.vector),
        not when.data_includes or _may_be_touched(facts, when.data_includes),
        when.open_commitments is None or when.open_commitments == case.commitments_open,
        when.open_questions is None or when.open_questions == (case.questions.open > 0),
        when.told_wrongly is None or when.told_wrongly == bool(case.told_wrongly),
    )
    return all(checks)


def _may_be_touched(facts: Facts, wanted: tuple[DataCategory, ...]) -> bool:
    listed = facts.data_categories
    one_by_one = listed.value or () if listed.stands else ()
    return listed.unknown or any(one.value in wanted and (one.stands or one.unknown) for one in one_by_one)


def _people(case: Case) -> int | None:
    if case.audience.people:
        return case.audience.people
    counted = case.incident.facts.people.value
    return counted.max if counted else None
