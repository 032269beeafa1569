"""What is due now and what comes next: a pure function of the case and the time."""

from datetime import datetime, timedelta

from amends.domain.case import Case, IncidentState, Occurrence, OccurrenceState
from amends.domain.notice import NoticeStage, NoticeStatus
from amends.domain.playbook import Phase, Step, When
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
    turns = sorted((turn for turn in (*begun, *fresh) if turn), key=lambda turn: (turn.due_at, turn.step))
    may_start = [turn for turn in turns if _may_run(case, turn)]
    return Plan(
        due=tuple(turn for turn in may_start if turn.due_at <= now),
        upcoming=tuple(turn for turn in turns if turn.due_at > now),
        awaiting_approval=tuple(notice.id for notice in case.notices if _awaits_people(notice)),
        held=tuple(turn.step for turn in case.occurrences if turn.state is OccurrenceState.HELD),
    )


def _may_run(case: Case, turn: Turn) -> bool:
    if case.state is IncidentState.CLOSED:
        return turn.phase is Phase.FOLLOW_UP  # promises outlive the case
    return case.state is IncidentState.OPEN


def _awaits_people(notice: NoticeStatus) -> bool:
    return notice.current and notice.stage in (NoticeStage.DRAFTED, NoticeStage.REJECTED)


def _turn_again(case: Case, occurrence: Occurrence, now: datetime) -> Turn | None:
    """A turn that was begun and can go on without a person."""
    if occurrence.state is not OccurrenceState.WAITING or case.playbook is None:
        return None
    step = next((step for step in case.playbook.steps if step.id == occurrence.step), None)
    if step is None:
        return None
    notices = [n for n in case.notices if (n.step, n.occurrence) == (occurrence.step, occurrence.number)]
    due_at = _continues_at(notices, now)
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
    turns = [turn for turn in case.occurrences if turn.step == step.id and turn.state is not OccurrenceState.PLANNED]
    if step.phase is not Phase.FOLLOW_UP and any(turn.state in _UNFINISHED for turn in turns):
        return None
    last = max((turn.number for turn in turns), default=0)
    number, due_at = _number_and_time(case, step, base, last, now)
    if number is None or number <= last:
        return None
    planned = next((t for t in case.occurrences if (t.step, t.number) == (step.id, number)), None)
    return Turn(
        step=step.id, phase=step.phase, number=number, due_at=due_at, revision=planned.revision if planned else 0
    )


_UNFINISHED = (OccurrenceState.WAITING, OccurrenceState.HELD)


def _number_and_time(case: Case, step: Step, base: datetime, last: int, now: datetime) -> tuple[int | None, datetime]:
    first = base + step.after
    if step.phase is Phase.ASSESS and case.version > last:
        return case.version, first  # every version of the facts is assessed
    if step.every is None:
        return (1, first) if last == 0 else (None, first)
    number = min(max(last + 1, _turns_until(first, step.every, now)), step.at_most)
    return number, _not_after_what_was_said(case, step, first + (number - 1) * step.every)


def _turns_until(first: datetime, every: timedelta, now: datetime) -> int:
    """How many turns of a series have come due: after an outage only the latest of them is made up for."""
    return (now - first) // every + 1 if now >= first else 0


def _not_after_what_was_said(case: Case, step: Step, due_at: datetime) -> datetime:
    """An update is drafted early enough for the time that the last notice named."""
    if step.phase is not Phase.UPDATE or case.playbook is None:
        return due_at
    named = max((n.next_news_at for n in case.notices if n.sent_at and n.next_news_at), default=None)
    told = case.last_told_at()
    if named is None or told is None or named <= told:
        return due_at
    return min(due_at, named - case.playbook.approve_within)


def next_news_at(case: Case, step: Step, now: datetime) -> datetime | None:
    """The time that a notice drafted now names for the next one; None when no update is planned."""
    if case.playbook is None or "resolved" in case.events:
        return None
    updates = [update for update in case.playbook.steps if update.phase is Phase.UPDATE and holds(case, update.when)]
    times = (_update_after(case, update, step, now) for update in updates)
    earliest = min((at for at in times if at is not None), default=None)
    return _full_hour(earliest + case.playbook.approve_within) if earliest else None


def _update_after(case: Case, update: Step, drafting: Step, now: datetime) -> datetime | None:
    base = case.events.get(update.of, now)
    first = base + update.after
    if update.every is None:
        return first if first > now else None
    number = max(_turns_until(first, update.every, now) + 1, 1)
    if drafting.id == update.id:
        number = max(number, 1 + max((t.number for t in case.occurrences if t.step == update.id), default=0))
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
        not when.data_includes
        or facts.data_categories.unknown
        or bool(set(when.data_includes) & set(facts.categories())),
        when.open_commitments is None or when.open_commitments == _promises_open(case),
        when.open_questions is None or when.open_questions == (case.questions.open > 0),
    )
    return all(checks)


def _people(case: Case) -> int | None:
    if case.audience.people:
        return case.audience.people
    counted = case.incident.facts.people.value
    return counted.max if counted else None


def _promises_open(case: Case) -> bool:
    """A promise counts as open until it is settled and those promised have heard of it."""
    return bool(case.untold) or any(commitment.settled_at is None for commitment in case.commitments)


def ready_to_close(case: Case) -> bool:
    """Resolved, and every step that closing asked for is done."""
    if case.playbook is None or "resolved" not in case.events or case.state is not IncidentState.OPEN:
        return False
    closing = [step.id for step in case.playbook.steps if step.of == "resolved"]
    done = {turn.step for turn in case.occurrences if turn.state in (OccurrenceState.DONE, OccurrenceState.SKIPPED)}
    return set(closing) <= done


def unmet_closing_criteria(case: Case, now: datetime) -> tuple[str, ...]:
    """What speaks against closing the case, in words for the lead; empty when nothing does."""
    unsent = [notice.id for notice in case.notices if notice.stage is not NoticeStage.SENT]
    late = [commitment.id for commitment in case.commitments if commitment.overdue(now)]
    return tuple(
        reason
        for reason in (
            "nobody has been told yet" if "notified" not in case.events else "",
            f"not sent: {', '.join(unsent)}" if unsent else "",
            f"{case.questions.open} questions have no answer" if case.questions.open else "",
            f"late, and nobody was told: {', '.join(late)}" if late else "",
            "the incident is not known to be contained" if case.incident.times.contained is None else "",
        )
        if reason
    )
