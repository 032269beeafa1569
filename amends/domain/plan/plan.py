"""The plan of a case: the occurrences due now and those to come, as a pure function of the case and the time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import chain

from amends.domain.base.errors import Refusal
from amends.domain.base.value import Moment, Value
from amends.domain.case.case import Case
from amends.domain.case.deadlines import Reminder, reminders
from amends.domain.case.filings import facts_known
from amends.domain.case.next_update import awaited, set_aside
from amends.domain.case.states import IncidentState, OccurrenceKind, OccurrenceState, RecordedOccurrence
from amends.domain.incident.commitment import Commitment, CommitmentState, PlannedCommitment
from amends.domain.incident.elements import named_by
from amends.domain.incident.facts import DataCategory, Facts
from amends.domain.notice.notice import NoticeStage, NoticeStatus
from amends.domain.plan.gates import opens_at
from amends.domain.playbook.playbook import DEADLINES, FOUND_FOR, HOLDING, Event, Phase, Step, When
from amends.domain.playbook.schedule import Series

HOUR = timedelta(hours=1)
LOOK_AGAIN = timedelta(days=1)
"""The time after which the engine looks again at an occurrence that waits for people, though nobody has acted."""


class PlannedOccurrence(Value):
    """One occurrence of a step that is due, or will be."""

    step: str
    phase: Phase
    number: int
    due_at: Moment
    revision: int = 0
    until_decided: bool = False
    """True when a person must act first; `due_at` is then the time at which the engine looks again by itself."""

    def key(self, incident: str) -> str:
        """Return the name of the occurrence's one run in Prefect, which no second run can have."""
        return f"{self.key_of_any_revision(incident)}{self.revision}"

    def key_of_any_revision(self, incident: str) -> str:
        """Return the beginning that the keys of all runs of the occurrence share."""
        return f"{incident}:{self.step}:{self.number}:r"


class Plan(Value):
    """The occurrences that are due, those to come, and the notices that wait for people."""

    due: tuple[PlannedOccurrence, ...] = ()
    upcoming: tuple[PlannedOccurrence, ...] = ()
    """The next occurrence of each step whose time is known."""
    waiting: tuple[PlannedOccurrence, ...] = ()
    """The occurrences that go on as soon as a person has acted: approved, resumed the incident, decided."""
    awaiting_approval: tuple[str, ...] = ()
    """Notices that wait for approvals, or for a new draft after a rejection."""
    held: tuple[str, ...] = ()
    """Steps with an occurrence that waits for a person's decision, such as one whose run was cancelled."""


def plan(case: Case, now: datetime, wanted: tuple[Reminder, ...] | None = None) -> Plan:
    """Return the occurrences to carry out now and those to come.

    The same case at the same time gives the same plan. An occurrence that is done, or that waits for people, is not
    due. While the clock is in doubt nothing is due. In a pause only reminders of legal deadlines and holding statements
    are due. `wanted` are the reminders of the open duties, where the caller knows them.
    """
    if case.playbook is None:
        return Plan()
    begun = (_continued(case, occurrence, now) for occurrence in case.occurrences)
    recorded = _by_step(case)
    fresh = (next_occurrence(case, step, recorded.get(step.id, ()), now) for step in case.playbook.steps)
    occurrences = sorted((one for one in (*begun, *fresh) if one and _outlives_closing(case, one)), key=_in_time)
    reminder = _next_reminder(case, wanted)
    unpaused = [*([reminder] if reminder else []), *_holdings(case, occurrences, now)]
    paused = case.state is IncidentState.PAUSED
    stopped = [occurrence for occurrence in occurrences if paused or case.clock_doubt]
    stopped += unpaused if case.clock_doubt else []
    due = (*(occurrence for occurrence in occurrences if not paused), *unpaused)
    return Plan(
        due=() if case.clock_doubt else tuple(one for one in due if one.due_at <= now),
        waiting=(*_undecided(case, now), *(_stopped(one, now) for one in stopped if one.due_at <= now)),
        upcoming=tuple(sorted((one for one in (*occurrences, *unpaused) if one.due_at > now), key=_in_time)),
        awaiting_approval=tuple(notice.id for notice in case.notices if _awaits_people(notice)),
        held=tuple(occurrence.step for occurrence in case.occurrences if occurrence.state is OccurrenceState.HELD),
    )


def _undecided(case: Case, now: datetime) -> tuple[PlannedOccurrence, ...]:
    """Return the occurrences that were begun and go on only when a person has acted."""
    steps = {step.id: step.phase for step in case.playbook.steps} if case.playbook else {}
    phases = {**steps, DEADLINES: Phase.FOLLOW_UP, HOLDING: Phase.UPDATE}
    found = (
        PlannedOccurrence(
            step=occurrence.step,
            phase=phases[occurrence.step],
            number=occurrence.number,
            due_at=now + LOOK_AGAIN,
            revision=occurrence.revision,
            until_decided=True,
        )
        for occurrence in case.occurrences
        if occurrence.step in phases and _needs_people(case, occurrence, now)
    )
    return tuple(one for one in found if one.step in (DEADLINES, HOLDING) or _outlives_closing(case, one))


def _needs_people(case: Case, occurrence: RecordedOccurrence, now: datetime) -> bool:
    if occurrence.state is OccurrenceState.HELD:
        return True
    if occurrence.state is not OccurrenceState.WAITING or occurrence.step == DEADLINES:
        return False
    continued = _continued_holding if occurrence.step == HOLDING else _continued
    return continued(case, occurrence, now) is None


def _stopped(occurrence: PlannedOccurrence, now: datetime) -> PlannedOccurrence:
    """Return the occurrence, which would be due, as one that waits until a person lets it go on."""
    return occurrence.model_copy(update={"due_at": now + LOOK_AGAIN, "until_decided": True})


def _by_step(case: Case) -> dict[str, list[RecordedOccurrence]]:
    recorded: dict[str, list[RecordedOccurrence]] = {}
    for occurrence in case.occurrences:
        recorded.setdefault(occurrence.step, []).append(occurrence)
    return recorded


def _next_reminder(case: Case, wanted: tuple[Reminder, ...] | None) -> PlannedOccurrence | None:
    """Return the next reminder of a legal deadline, or None.

    Reminders go on in a pause, because the law does not pause. A held or skipped occurrence silences only the reminders
    that were due with it.
    """
    mine = [occurrence for occurrence in case.occurrences if occurrence.step == DEADLINES]
    waiting = next((one for one in mine if one.state is OccurrenceState.WAITING), None)
    if waiting:
        return _reminding(waiting.number, waiting.due_at, waiting.revision)
    silent = [one.due_at for one in mine if one.state in (OccurrenceState.HELD, OccurrenceState.SKIPPED)]
    due_at = next(
        (reminder.at for reminder in reminders(case, wanted) if not silent or reminder.at > max(silent)), None
    )
    if due_at is None:
        return None
    number = max((one.number for one in mine if one.state is not OccurrenceState.PLANNED), default=0) + 1
    return _reminding(number, due_at, next((one.revision for one in mine if one.number == number), 0))


def _reminding(number: int, due_at: datetime, revision: int) -> PlannedOccurrence:
    return PlannedOccurrence(step=DEADLINES, phase=Phase.FOLLOW_UP, number=number, due_at=due_at, revision=revision)


def _holdings(case: Case, occurrences: list[PlannedOccurrence], now: datetime) -> list[PlannedOccurrence]:
    """Return the holding statements to carry on, and the next one once each of these has begun to leave."""
    waiting = [
        occurrence for occurrence in case.occurrences if occurrence.step == HOLDING and _goes_on(case, occurrence)
    ]
    found = [_continued_holding(case, one, now) for one in waiting]
    if all(any(notice.begun_at for notice in _notices_of(case, one)) for one in waiting):
        found.append(_next_holding(case, occurrences, now))
    return [one for one in found if one]


def _continued_holding(case: Case, occurrence: RecordedOccurrence, now: datetime) -> PlannedOccurrence | None:
    """Return the holding statement's next work, or None when there is none; in a pause it can only be drafted."""
    notices = _notices_of(case, occurrence)
    if case.state is IncidentState.PAUSED and any(notice.current for notice in notices):
        return None
    return _holding(occurrence.number, _continues_at(case, notices, now), occurrence.revision)


def _next_holding(case: Case, occurrences: list[PlannedOccurrence], now: datetime) -> PlannedOccurrence | None:
    """Return the holding statement for a next update that no other notice will keep, or None.

    A holding statement is drafted in a pause too, and leaves after the pause. A held or skipped occurrence silences
    only the times before it.
    """
    mine, until = [occurrence for occurrence in case.occurrences if occurrence.step == HOLDING], awaited(case)
    if until is None or case.playbook is None:
        return None
    due_at = until - case.playbook.approve_within
    silent = [one.due_at for one in mine if one.state in (OccurrenceState.HELD, OccurrenceState.SKIPPED)]
    if any(at >= due_at for at in silent) or _other_news_comes(case, occurrences, max(due_at, now)):
        return None
    number = max((one.number for one in mine if one.state.begun), default=0) + 1
    return _holding(number, due_at, next((one.revision for one in mine if one.number == number), 0))


def _holding(number: int, due_at: datetime | None, revision: int) -> PlannedOccurrence | None:
    if due_at is None:
        return None
    return PlannedOccurrence(step=HOLDING, phase=Phase.UPDATE, number=number, due_at=due_at, revision=revision)


def _other_news_comes(case: Case, occurrences: list[PlannedOccurrence], by: datetime) -> bool:
    """Return True when another notice with news is drafted, or will be drafted by then."""
    steps = case.playbook.steps if case.playbook else ()
    with_news = {step.id for step in steps if step.notice and step.tells_news}
    aside = set_aside(case)
    silent = (NoticeStage.REJECTED, NoticeStage.DROPPED)
    drafts = [n for n in case.notices if n.step in with_news and n.begun_at is None and n.stage not in silent]
    if not case.was_closed and any((n.step, n.occurrence) not in aside for n in drafts):
        return True
    paused = case.state is IncidentState.PAUSED
    return not paused and any(occurrence.step in with_news and occurrence.due_at <= by for occurrence in occurrences)


def _outlives_closing(case: Case, occurrence: PlannedOccurrence) -> bool:
    """Return False when the case is closed, or was once, and the occurrence ends with it.

    Commitments go on after closing, notices that have reached some people and not all, and words to those who were told
    something that is wrong by now.
    """
    if not case.was_closed or occurrence.phase is Phase.FOLLOW_UP:
        return True
    step = next((one for one in case.playbook.steps if one.id == occurrence.step), None) if case.playbook else None
    return bool(step and step.found_for) or any(notice.is_on_its_way for notice in _notices_of(case, occurrence))


def _in_time(occurrence: PlannedOccurrence) -> tuple[datetime, str, int]:
    return occurrence.due_at, occurrence.step, occurrence.number


def _awaits_people(notice: NoticeStatus) -> bool:
    return notice.current and notice.stage in (NoticeStage.DRAFTED, NoticeStage.REJECTED)


def _continued(case: Case, occurrence: RecordedOccurrence, now: datetime) -> PlannedOccurrence | None:
    """Return the next work of an occurrence that was begun, or None when it needs a person."""
    if case.playbook is None or not _goes_on(case, occurrence):
        return None
    step = next((step for step in case.playbook.steps if step.id == occurrence.step), None)
    if step is None:
        return None
    notices = _notices_of(case, occurrence)
    due_at = _lateness_due_at(case, step, occurrence) if step.task else _continues_at(case, notices, now)
    if due_at is None:
        return None
    return PlannedOccurrence(
        step=step.id, phase=step.phase, number=occurrence.number, due_at=due_at, revision=occurrence.revision
    )


def _goes_on(case: Case, occurrence: RecordedOccurrence) -> bool:
    """Return True when the occurrence waits, or is done and letters of its notice need a new version."""
    if occurrence.state is OccurrenceState.DONE:
        return any(not notice.is_over for notice in _notices_of(case, occurrence))
    return occurrence.state is OccurrenceState.WAITING


def _continues_at(case: Case, notices: list[NoticeStatus], now: datetime) -> datetime | None:
    """Return when there is work for these notices, or None while people must decide."""
    if all(notice.is_over for notice in notices):
        return now  # only the occurrence is still to be recorded as done
    return min((at for n in notices if (at := _wants_work_at(case, n, now))), default=None)


def _wants_work_at(case: Case, notice: NoticeStatus, now: datetime) -> datetime | None:
    """Return when work can be done for this notice without a person, or None when a person must act first."""
    later = notice.next_try_at if notice.stage is NoticeStage.SENDING else None
    at = now if notice.wants_work(now) else later
    if at is None or not notice.current:
        return at
    opens = opens_at(case, notice.waits_for, at)
    return max(at, opens) if opens else None


def _lateness_due_at(case: Case, step: Step, occurrence: RecordedOccurrence) -> datetime | None:
    """Return when a person must be told that the task is not done, or None once that person was told."""
    late = (OccurrenceKind.LATE, step.id, occurrence.number)
    told = any((o.kind, o.step, o.number) == late for o in case.recorded_reminders)
    return None if told or step.within is None else step.within.after(occurrence.due_at, case.calendar)


def next_occurrence(
    case: Case, step: Step, mine: Sequence[RecordedOccurrence], now: datetime
) -> PlannedOccurrence | None:
    """Return the step's next occurrence that has not begun, or None when none is to come yet.

    `mine` holds the recorded occurrences of the step.
    """
    base = _base(case, step, mine)
    if base is None or not holds(case, step.when) or (step.until and step.until in case.events):
        return None
    if not _is_chosen(case, step) or any(_stops(case, step, one) for one in mine):
        return None
    last = _last_begun(case, step, mine)
    times = series(case, step, base)
    number, due_at = _number_and_time(case, step, times, last, _came_early(step, times, mine, last), now)
    if number <= last:
        return None
    planned = next((one for one in mine if one.number == number), None)
    return PlannedOccurrence(
        step=step.id, phase=step.phase, number=number, due_at=due_at, revision=planned.revision if planned else 0
    )


def to_be_made(case: Case) -> tuple[Commitment, ...]:
    """Return the added commitments that no notice of the playbook will make, so that each needs a notice of its own."""
    coming = _audiences_to_come(case)
    return tuple(
        commitment
        for commitment in case.commitments
        if commitment.waits_to_be_made and commitment.audience not in coming
    )


def never_stated(case: Case, planned: Sequence[PlannedCommitment]) -> tuple[PlannedCommitment, ...]:
    """Return those planned commitments that nobody made yet and that no notice to come will make.

    Empty before a playbook runs.
    """
    known, coming = {commitment.id for commitment in case.commitments}, _audiences_to_come(case)
    missed = (one for one in planned if one.id not in known and one.audience not in coming)
    return tuple(missed) if case.playbook else ()


def _audiences_to_come(case: Case) -> frozenset[str]:
    """Return the audiences of the notices to come that make commitments."""
    steps = case.playbook.steps if case.playbook and not case.is_closed else ()
    return frozenset(step.audience for step in steps if _makes_commitments(step) and _comes_again(case, step))


def why_not_made(case: Case) -> Refusal | None:
    """Return why no step could send a notice that makes a commitment by itself, or None when one can."""
    steps = case.playbook.steps if case.playbook else ()
    if any(step.phase is Phase.FOLLOW_UP and step.channels for step in steps):
        return None
    name = case.playbook.id if case.playbook else "the playbook"
    return Refusal(
        f"{name} has no step of the phase {Phase.FOLLOW_UP} with channels, so nobody could be told; "
        f"`amends migrate {case.incident.id} --to PLAYBOOK` replaces it"
    )


def _makes_commitments(step: Step) -> bool:
    return step.phase in (Phase.NOTIFY, Phase.UPDATE) and step.notice is not None and not step.corrects


def _comes_again(case: Case, step: Step) -> bool:
    """Return True when an occurrence of the step will begin, as far as is known now."""
    mine = [occurrence for occurrence in case.occurrences if occurrence.step == step.id]
    ended = bool(step.until) and step.until in case.events
    may_come = not ended and holds(case, step.when) and _is_chosen(case, step)
    begins = _base(case, step, mine) is not None or step.of in (Event.ASSESSED, Event.NOTIFIED)
    return may_come and begins and _last_begun(case, step, mine) < step.at_most


def series(case: Case, step: Step, base: datetime) -> Series:
    """Return the times of the step's occurrences, counted from `base`, the time of the step's event."""
    return Series(base, step.after, step.every, step.at_most, step.at, case.calendar)


def _base(case: Case, step: Step, mine: Sequence[RecordedOccurrence]) -> datetime | None:
    """Return when the event from which the step is timed happened or will happen, or None when nobody knows."""
    if step.on:
        return step.on
    return _next_lateness(case, step, mine) if step.of == Event.COMMITMENT_LATE else case.events.get(step.of)


def _next_lateness(case: Case, step: Step, mine: Sequence[RecordedOccurrence]) -> datetime | None:
    """Return the first due time of an open commitment for which this step has had no occurrence, or None."""
    handled = [one.due_at for one in mine if one.state.begun]
    dates = sorted({c.new_due_at or c.due_at for c in case.commitments if c.state is CommitmentState.OPEN})
    return next((at for at in dates if not handled or series(case, step, at).occurrence(1) > max(handled)), None)


def _is_chosen(case: Case, step: Step) -> bool:
    """Return True when the step is the one taken among those with the same `one_of`, or has no `one_of`.

    The step that was begun is taken, else the first whose condition holds.
    """
    if step.one_of is None or case.playbook is None:
        return True
    choice = [other for other in case.playbook.steps if other.one_of == step.one_of]
    taken = {occurrence.step for occurrence in case.occurrences if occurrence.state.begun}
    begun = (other for other in choice if other.id in taken)
    return step == next(chain(begun, (other for other in choice if holds(case, other.when))), None)


def _stops(case: Case, step: Step, occurrence: RecordedOccurrence) -> bool:
    """Return True when this occurrence keeps the step's next one from beginning.

    The notice of a commitment does not wait for the approval of another, and an update does not wait for messages that
    are parked, or only deferred by their mailbox, nor for letters. A correction waits for the letters of the one before
    it, whose new version says everything that the next one would say to the same people.
    """
    if step.phase is Phase.FOLLOW_UP or not _goes_on(case, occurrence):
        return occurrence.state is OccurrenceState.HELD
    notices = _notices_of(case, occurrence)
    by_hand = any(notice.only_parked or (notice.only_letters and not step.corrects) for notice in notices)
    return not (by_hand and all(notice.has_gone for notice in notices))


def _notices_of(case: Case, occurrence: RecordedOccurrence | PlannedOccurrence) -> list[NoticeStatus]:
    mine = (occurrence.step, occurrence.number)
    return [notice for notice in case.notices if (notice.step, notice.occurrence) == mine]


def _last_begun(case: Case, step: Step, mine: Sequence[RecordedOccurrence]) -> int:
    assessed = case.assessment.version if step.phase is Phase.ASSESS and case.assessment else 0
    return max([assessed, *(one.number for one in mine if one.state.begun)])


def _came_early(step: Step, times: Series, mine: Sequence[RecordedOccurrence], last: int) -> int:
    """Return how many occurrences of a follow-up came between its times, to make a commitment at once."""
    begun = [one.due_at for one in mine if one.state.begun]
    if step.phase is not Phase.FOLLOW_UP or step.every is None or not begun:
        return 0
    return max(last - times.come_due(max(begun)), 0)


def _number_and_time(
    case: Case, step: Step, times: Series, last: int, early: int, now: datetime
) -> tuple[int, datetime]:
    """Return the number and the time of the next occurrence; `early` of those before came between the series' times.

    After an outage only the latest of the occurrences that came due is made up for.
    """
    if step.phase is Phase.ASSESS:
        return facts_known(case), times.occurrence(1)  # each new state of the facts is assessed once
    if step.of in FOUND_FOR:
        return case.version - 1, times.occurrence(1)
    if step.of == Event.COMMITMENT_LATE:
        return last + 1, times.occurrence(1)
    if step.every is None:
        return 1, times.occurrence(1)
    place = max(last - early + 1, times.come_due(now, last - early))
    due_at = _in_time_for_next_update(case, step, times.occurrence(place))
    return min(place + early, step.at_most), _in_time_for_commitments(case, step, due_at)


def _in_time_for_commitments(case: Case, step: Step, due_at: datetime) -> datetime:
    """Return `due_at`; for a follow-up, the earlier time at which a notice came to be needed that waits for no series.

    This is the notice of a commitment that was added, and the correction of results that were told wrongly.
    """
    if step.phase is not Phase.FOLLOW_UP or not step.channels:
        return due_at
    drafted = {notice.about for notice in case.notices}
    added = (one.added_at for one in to_be_made(case) if one.added_at and one.id not in drafted)
    corrected = (
        result_correction.since
        for result_correction in case.result_corrections
        if case.notice(result_correction.notice) is None
    )
    return min((due_at, *added, *corrected))


def _in_time_for_next_update(case: Case, step: Step, due_at: datetime) -> datetime:
    """Return `due_at`, or for an update an earlier time that lets approvers keep the time named for the next news.

    Only times that were named since the step's last update count: that update kept the times named before.
    """
    if step.phase is not Phase.UPDATE or case.playbook is None:
        return due_at
    told = [(notice.begun_at, notice) for notice in case.notices if notice.begun_at]
    updated = max((at for at, notice in told if at and notice.step == step.id), default=None)
    awaited_times = (notice.next_news_at for at, notice in told if updated is None or (at and at >= updated))
    return min((due_at, *(named - case.playbook.approve_within for named in awaited_times if named)))


def next_news_at(case: Case, step: Step, number: int, now: datetime) -> datetime | None:
    """Return the time that a notice drafted now in this occurrence names for the next news, a full hour.

    None when no update is planned, or the case is resolved.
    """
    if case.playbook is None or Event.RESOLVED in case.events:
        return None
    updates = [update for update in case.playbook.steps if update.phase is Phase.UPDATE and holds(case, update.when)]
    times = (_update_after(case, update, step, number, now) for update in updates)
    earliest = min((at for at in times if at is not None), default=None)
    return _full_hour(earliest + case.playbook.approve_within) if earliest else None


def _update_after(case: Case, update: Step, drafting: Step, drafted: int, now: datetime) -> datetime | None:
    """Return when this update comes next, apart from the occurrence `drafted` of the step `drafting`, or None."""
    about_to_happen = now if update.of in (Event.NOTIFIED, drafting.id) else None
    base = update.on or case.events.get(update.of, about_to_happen)
    if base is None or update.until in case.events:
        return None
    times = series(case, update, base)
    last = _last_begun(case, update, _by_step(case).get(update.id, ()))
    begun = max(last, drafted if drafting.id == update.id else 0)
    if update.every is None:
        return times.occurrence(1) if times.occurrence(1) > now and not begun else None
    number = times.come_due(now, begun) + 1
    return times.occurrence(number) if number <= update.at_most else None


def _full_hour(moment: datetime) -> datetime:
    past = timedelta(minutes=moment.minute, seconds=moment.second, microseconds=moment.microsecond)
    return moment - past + HOUR if past else moment


def holds(case: Case, when: When) -> bool:
    """Return True when the condition holds; an unknown fact counts as holding, so that nobody is left untold."""
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
    return listed.unknown or any(
        one.value and named_by(wanted, one.value) and (one.stands or one.unknown) for one in one_by_one
    )


def _people(case: Case) -> int | None:
    if case.audience.people:
        return case.audience.people
    counted = case.incident.facts.people.value
    return counted.max if counted else None
