"""What is due now and what comes next: a pure function of the case and the time."""

from datetime import datetime, timedelta

from amends.domain.case import Case, IncidentState, Occurrence, OccurrenceState
from amends.domain.deadlines import open_duties, reminders
from amends.domain.duty import DutyStanding
from amends.domain.facts import DataCategory, Facts
from amends.domain.filing import facts_known
from amends.domain.notice import NoticeStage, NoticeStatus
from amends.domain.playbook import DEADLINES, Event, Phase, Step, When
from amends.domain.value import Moment, Value

HOUR = timedelta(hours=1)


class Turn(Value):
    """One turn of a step that is due, or will be."""

    step: str
    phase: Phase
    number: int
    due_at: Moment
    revision: int = 0


class Plan(Value):
    """Turns that are due, those that come, and notices that wait for people."""

    due: tuple[Turn, ...] = ()
    upcoming: tuple[Turn, ...] = ()
    """The next turn of each step whose time is known."""
    awaiting_approval: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    """Steps whose run somebody cancelled."""


def plan(case: Case, now: datetime) -> Plan:
    """What to do now, what is next. Asked twice, it answers the same; what is done or begun is never due again."""
    if case.playbook is None:
        return Plan()
    begun = (_turn_again(case, occurrence, now) for occurrence in case.occurrences)
    fresh = (next_turn(case, step, now) for step in case.playbook.steps)
    turns = sorted((turn for turn in (*begun, *fresh) if turn and _outlives(case, turn)), key=_in_time)
    reminder = _next_reminder(case)
    paused = case.state is IncidentState.PAUSED
    return Plan(
        due=(*(turn for turn in turns if turn.due_at <= now and not paused), *_if(reminder, now, due=True)),
        upcoming=tuple(sorted((*(t for t in turns if t.due_at > now), *_if(reminder, now, due=False)), key=_in_time)),
        awaiting_approval=tuple(notice.id for notice in case.notices if _awaits_people(notice)),
        held=tuple(turn.step for turn in case.occurrences if turn.state is OccurrenceState.HELD),
    )


def _next_reminder(case: Case) -> Turn | None:
    """The next reminder of a legal deadline. The law does not pause, so neither do these.

    A held or skipped turn silences only the reminders that were due with it.
    """
    mine = [turn for turn in case.occurrences if turn.step == DEADLINES]
    going = next((turn for turn in mine if turn.state is OccurrenceState.WAITING), None)
    if going:
        return _reminding(going.number, going.due_at, going.revision)
    silent = [turn.due_at for turn in mine if turn.state in (OccurrenceState.HELD, OccurrenceState.SKIPPED)]
    due_at = next((one.at for one in reminders(case) if not silent or one.at > max(silent)), None)
    if due_at is None:
        return None
    number = max((turn.number for turn in mine if turn.state is not OccurrenceState.PLANNED), default=0) + 1
    return _reminding(number, due_at, next((turn.revision for turn in mine if turn.number == number), 0))


def _reminding(number: int, due_at: datetime, revision: int) -> Turn:
    return Turn(step=DEADLINES, phase=Phase.FOLLOW_UP, number=number, due_at=due_at, revision=revision)


def _if(turn: Turn | None, now: datetime, *, due: bool) -> tuple[Turn, ...]:
    return (turn,) if turn and (turn.due_at <= now) is due else ()


def _outlives(case: Case, turn: Turn) -> bool:
    """Of a closed case only the promises go on."""
    return case.state is not IncidentState.CLOSED or turn.phase is Phase.FOLLOW_UP


def _in_time(turn: Turn) -> tuple[datetime, str, int]:
    return turn.due_at, turn.step, turn.number


def _awaits_people(notice: NoticeStatus) -> bool:
    return notice.current and notice.stage in (NoticeStage.DRAFTED, NoticeStage.REJECTED)


def _turn_again(case: Case, occurrence: Occurrence, now: datetime) -> Turn | None:
    """A turn that was begun and can go on without a person."""
    if occurrence.state is not OccurrenceState.WAITING or case.playbook is None:
        return None
    step = next((step for step in case.playbook.steps if step.id == occurrence.step), None)
    if step is None:
        return None
    due_at = _continues_at(_notices_of(case, occurrence), now)
    if due_at is None:
        return None
    return Turn(step=step.id, phase=step.phase, number=occurrence.number, due_at=due_at, revision=occurrence.revision)


def _continues_at(notices: list[NoticeStatus], now: datetime) -> datetime | None:
    """When there is something to do for these notices; None while people must decide."""
    if all(notice.stage is NoticeStage.SENT for notice in notices) or any(n.wants_work(now) for n in notices):
        return now
    sending = (n.next_try_at for n in notices if n.stage is NoticeStage.SENDING)
    return min((at for at in sending if at is not None), default=None)


def next_turn(case: Case, step: Step, now: datetime) -> Turn | None:
    """The next turn of a step that has not begun; None when there is none, or its event has not happened."""
    base = case.events.get(step.of)
    if base is None or not holds(case, step.when) or (step.until and step.until in case.events):
        return None
    if any(turn.step == step.id and _stops(case, step, turn) for turn in case.occurrences):
        return None
    last = _last_begun(case, step)
    number, due_at = _number_and_time(case, step, base + step.after, last, now)
    if number <= last:
        return None
    planned = next((t for t in case.occurrences if (t.step, t.number) == (step.id, number)), None)
    return Turn(
        step=step.id, phase=step.phase, number=number, due_at=due_at, revision=planned.revision if planned else 0
    )


def _stops(case: Case, step: Step, turn: Occurrence) -> bool:
    """Whether this turn keeps the next from beginning.

    A promise does not wait for the approval of another, nor all those who hope for news for one message that is parked.
    """
    if step.phase is Phase.FOLLOW_UP or turn.state is not OccurrenceState.WAITING:
        return turn.state is OccurrenceState.HELD
    notices = _notices_of(case, turn)
    return not (any(notice.only_parked for notice in notices) and all(notice.has_gone for notice in notices))


def _notices_of(case: Case, turn: Occurrence) -> list[NoticeStatus]:
    return [notice for notice in case.notices if (notice.step, notice.occurrence) == (turn.step, turn.number)]


def _last_begun(case: Case, step: Step) -> int:
    if step.phase is Phase.ASSESS and case.assessment:
        return case.assessment.version
    begun = (t.number for t in case.occurrences if t.step == step.id and t.state is not OccurrenceState.PLANNED)
    return max(begun, default=0)


def _number_and_time(case: Case, step: Step, first: datetime, last: int, now: datetime) -> tuple[int, datetime]:
    if step.phase is Phase.ASSESS:
        return facts_known(case), first  # everything new that becomes known is assessed, once
    if step.every is None:
        return 1, first
    number = min(max(last + 1, _turns_until(first, step.every, now)), step.at_most)
    return number, _not_after_what_was_said(case, step, first + (number - 1) * step.every)


def _turns_until(first: datetime, every: timedelta, now: datetime) -> int:
    """How many turns of a series have come due: after an outage only the latest of them is made up for."""
    return (now - first) // every + 1 if now >= first else 0


def _not_after_what_was_said(case: Case, step: Step, due_at: datetime) -> datetime:
    """An update is drafted early enough for the first time that was named since people last heard an update.

    What an earlier notice named was met by that update.
    """
    if step.phase is not Phase.UPDATE or case.playbook is None:
        return due_at
    sent = [notice for notice in case.notices if notice.sent_at]
    updated = max((n.sent_at for n in sent if n.step == step.id and n.sent_at), default=None)
    open_words = (n.next_news_at for n in sent if updated is None or (n.sent_at and n.sent_at >= updated))
    return min((due_at, *(named - case.playbook.approve_within for named in open_words if named)))


def next_news_at(case: Case, step: Step, number: int, now: datetime) -> datetime | None:
    """The time that a notice drafted now, in this turn, names for the next one; None when no update is planned."""
    if case.playbook is None or Event.RESOLVED in case.events:
        return None
    updates = [update for update in case.playbook.steps if update.phase is Phase.UPDATE and holds(case, update.when)]
    times = (_update_after(case, update, step, number, now) for update in updates)
    earliest = min((at for at in times if at is not None), default=None)
    return _full_hour(earliest + case.playbook.approve_within) if earliest else None


def _update_after(case: Case, update: Step, drafting: Step, turn: int, now: datetime) -> datetime | None:
    """When this update comes next, apart from the turn that is being drafted."""
    about_to_happen = now if update.of in (Event.NOTIFIED, drafting.id) else None
    base = case.events.get(update.of, about_to_happen)
    if base is None or update.until in case.events:
        return None
    first = base + update.after
    begun = max(_last_begun(case, update), turn if drafting.id == update.id else 0)
    if update.every is None:
        return first if first > now and not begun else None
    number = max(begun, _turns_until(first, update.every, now)) + 1
    return first + (number - 1) * update.every if number <= update.at_most else None


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
        when.open_commitments is None or when.open_commitments == _promises_open(case),
        when.open_questions is None or when.open_questions == (case.questions.open > 0),
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


def _promises_open(case: Case) -> bool:
    """A promise counts as open until it is settled and those promised have heard of it."""
    return bool(case.untold) or any(commitment.settled_at is None for commitment in case.commitments)


def ready_to_close(case: Case) -> bool:
    """Resolved, and every step that closing asks for is done."""
    if case.playbook is None or Event.RESOLVED not in case.events or case.state is not IncidentState.OPEN:
        return False
    closing = [step.id for step in case.playbook.steps if step.of == Event.RESOLVED and holds(case, step.when)]
    done = {turn.step for turn in case.occurrences if turn.state in (OccurrenceState.DONE, OccurrenceState.SKIPPED)}
    return set(closing) <= done


def is_over(case: Case) -> bool:
    """Closed, every promise settled and told of, no reminder of a deadline left to give: nothing is left to set up."""
    return case.state is IncidentState.CLOSED and not _promises_open(case) and not reminders(case)


def unmet_closing_criteria(case: Case, now: datetime) -> tuple[str, ...]:
    """What speaks against closing the case, in words for the lead; empty when nothing does."""
    unsent = [_unsent(notice) for notice in case.notices if notice.stage is not NoticeStage.SENT]
    late = [commitment.id for commitment in case.commitments if commitment.overdue(now)]
    owed = [duty.id for duty in open_duties(case) if duty.standing is DutyStanding.APPLIES and not duty.waits]
    return tuple(
        reason
        for reason in (
            "nobody has been told yet" if Event.NOTIFIED not in case.events else "",
            f"not sent: {', '.join(unsent)}" if unsent else "",
            f"{case.questions.open} questions have no answer" if case.questions.open else "",
            f"no filing is recorded for {', '.join(owed)}" if owed else "",
            f"late, and nobody was told: {', '.join(late)}" if late else "",
            "the incident is not known to be contained" if case.incident.times.contained is None else "",
        )
        if reason
    )


def _unsent(notice: NoticeStatus) -> str:
    return f"{notice.id} ({notice.parked} parked)" if notice.parked else notice.id
