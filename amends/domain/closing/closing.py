"""Closing a case: its criteria, the reasons against it, and the moment from which nothing is left to do."""

from collections.abc import Collection
from datetime import datetime

from amends.domain.base.text import counted, day, listed
from amends.domain.case.case import Case
from amends.domain.case.deadlines import reminders
from amends.domain.case.next_update import awaited
from amends.domain.case.states import IncidentState, OccurrenceState
from amends.domain.case.views.closing import ClosingView
from amends.domain.closing.criteria import unmet
from amends.domain.closing.missing import BY_ITSELF
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.notice.notice import NoticeStage, PersonState
from amends.domain.plan.plan import holds, plan
from amends.domain.playbook.playbook import HOLDING, Event, Phase


def ready_to_close(case: ClosingView, now: datetime) -> bool:
    """Return True when an open case is at its end and all closing criteria are met or passed over by two people.

    A case that was reopened is ready when nobody is left to tell.
    """
    if case.playbook is None or case.state is not IncidentState.OPEN:
        return False
    if Event.CLOSED in case.events:
        return not somebody_must_hear(case, now)
    return is_at_its_end(case) and not unmet(case, now)


def is_at_its_end(case: Case) -> bool:
    """Return True when the lead has resolved an open case, and only its closing criteria may keep it from closing.

    The steps timed from the event resolved are done, and no approved notice is still to leave. A notice of a skipped
    occurrence, or of which only parked messages are left, does not count.
    """
    resolved = Event.RESOLVED in case.events and Event.CLOSED not in case.events
    if case.playbook is None or case.state is not IncidentState.OPEN or not resolved:
        return False
    skipped = {
        (occurrence.step, occurrence.number)
        for occurrence in case.occurrences
        if occurrence.state is OccurrenceState.SKIPPED
    }
    leaving = [
        notice
        for notice in case.notices
        if notice.stage in (NoticeStage.APPROVED, NoticeStage.SENDING) and not notice.only_parked
    ]
    if any((notice.step, notice.occurrence) not in skipped for notice in leaving):
        return False
    closing = [step.id for step in case.playbook.steps if step.of == Event.RESOLVED and holds(case, step.when)]
    done = {
        occurrence.step
        for occurrence in case.occurrences
        if occurrence.state in (OccurrenceState.DONE, OccurrenceState.SKIPPED)
    }
    return set(closing) <= done


def stays_open(case: ClosingView, now: datetime) -> Alert | None:
    """Return an alert that a case at its end does not close, naming the criteria; None when it closes or only waits."""
    if not is_at_its_end(case):
        return None
    found = dict.fromkeys(one.criterion.value for one in unmet(case, now) if one.ends != BY_ITSELF)
    if not found:
        return None
    incident = case.incident.id
    words = (
        f"{incident} cannot close yet: {listed(found)}; `amends incident close {incident} --as NAME` says who ends what"
    )
    return Alert(AlertId(AlertKind.STAYS_OPEN, window=" ".join(found)), words, now)


def somebody_must_hear(case: Case, now: datetime) -> bool:
    """Return True when people must still be told something of a case that was closed, apart from commitments.

    They were found late, were told something that is wrong by now, or wait for a notice that others have. They must be
    told as long as that word waits for approval, too.
    """
    planned = plan(case, now)
    steps = {one.step for one in (*planned.due, *planned.upcoming) if one.phase is not Phase.FOLLOW_UP} - {HOLDING}
    return bool(steps) or _people_wait(case) or _word_awaits_approval(case)


def is_over(case: ClosingView, now: datetime) -> bool:
    """Return True when the case is closed and nothing of it is left to do.

    Every commitment is then settled and its audience told, no question is open, nobody waits for a notice, and no
    occurrence, reminder or next update is to come. A case whose personal data was destroyed is always over.
    """
    return bool(case.destroyed_at) or _is_done(case, now, ())


def _is_done(case: ClosingView, now: datetime, but: Collection[str]) -> bool:
    """Return True when the case is closed and nothing of it is left to do, but for these steps."""
    waiting = case.commitments_open or case.remedies_owed or _people_wait(case) or _word_awaits_approval(case)
    if case.state is not IncidentState.CLOSED or waiting or without_word(case):
        return False
    planned = plan(case, now)
    to_come = {one.step for one in (*planned.due, *planned.upcoming)}.difference(but)
    return not (reminders(case) or awaited(case) or to_come)


def still_needed(case: ClosingView, now: datetime) -> tuple[str, ...]:
    """Return what the personal data of the case is still needed for, in words; empty when it may be destroyed.

    A review that is still to come needs none.
    """
    reviews = [step.id for step in case.playbook.steps if step.review] if case.playbook else []
    leaving = [notice.id for notice in case.notices if notice.pending or notice.people.get(PersonState.WAITING)]
    reasons = (
        "" if case.state is IncidentState.CLOSED else f"it is {case.state}, not closed",
        "a promise is open, or those promised have not heard how it ended" if case.commitments_open else "",
        *_own_results(case),
        *without_word(case),
        f"messages are still to leave: {', '.join(leaving)}" if leaving else "",
    )
    found = tuple(reason for reason in reasons if reason)
    to_come = f"something of it is still to come: `amends timeline {case.incident.id}` shows what"
    return found or (() if _is_done(case, now, reviews) else (to_come,))


def _own_results(case: ClosingView) -> tuple[str, ...]:
    """Return in words who waits for their own result, for each commitment that is kept for each person alone."""
    owed = case.remedies_owed.items()
    return tuple(f"{counted(people, 'person', 'people')} of {one} have no result of their own" for one, people in owed)


def late_answers(case: ClosingView, now: datetime) -> tuple[Alert, ...]:
    """Return the alerts that people wait for an answer, or a decision on a claim, for longer than they were told.

    Each is given once a day. The alert depends on no step of the playbook, because people ask after the playbook has
    ended too.
    """
    late = {"questions": case.questions.overdue, "claims": case.claims.overdue}
    return tuple(
        Alert(
            AlertId(AlertKind.OVERDUE, what, day(now)),
            f"{what} are overdue on {day(now)}: `amends {what} list {case.incident.id} --open` shows which",
            now,
        )
        for what, count in late.items()
        if count
    )


def _people_wait(case: Case) -> bool:
    """Return True when people wait for a notice that others have, and not only for a decision on parked messages.

    People whose letters nobody has handed over wait too.
    """
    waiting = {
        (occurrence.step, occurrence.number)
        for occurrence in case.occurrences
        if occurrence.state is OccurrenceState.WAITING
    }
    begun = (notice for notice in case.notices if (notice.step, notice.occurrence) in waiting)
    on_its_way = any(notice.is_on_its_way and not notice.only_parked for notice in begun)
    return on_its_way or any(notice.letters for notice in case.notices)


def _word_awaits_approval(case: Case) -> bool:
    """Return True when a correction, or word to people who are not affected after all, is drafted and not approved."""
    steps = case.playbook.steps if case.playbook else ()
    wanted = {step.id for step in steps if step.found_for and step.of in case.events}
    begun = {
        (occurrence.step, occurrence.number)
        for occurrence in case.occurrences
        if occurrence.state is OccurrenceState.WAITING
    }
    unapproved = (notice for notice in case.notices if notice.stage in (NoticeStage.DRAFTED, NoticeStage.REJECTED))
    return any(one.step in wanted and (one.step, one.occurrence) in begun for one in unapproved)


def without_word(case: ClosingView) -> tuple[str, ...]:
    """Return who still waits for a word of ours, in words for the lead; a case is not closed before they have it."""
    waiting = {
        "questions have no answer": case.questions.open,
        "reports from personal pages are undecided": case.reports_open,
        "requests for data are undecided": case.requests.open,
        "claims of compensation are not settled": case.open_claims,
    }
    return tuple(f"{count} {what}" for what, count in waiting.items() if count)
