"""Closing a case: its criteria, the reasons against it, and the moment from which nothing is left to do."""

from datetime import datetime

from amends.domain.case.case import Case, IncidentState, OccurrenceState
from amends.domain.case.deadlines import open_duties, reminders
from amends.domain.case.next_update import awaited
from amends.domain.case.reach import substitutes_demanded, why_not_done
from amends.domain.law.duty import DutyStanding
from amends.domain.notice.notice import NoticeStage, NoticeStatus, PersonState
from amends.domain.plan.plan import holds, plan
from amends.domain.playbook.playbook import HOLDING, Event, Phase


def ready_to_close(case: Case, now: datetime) -> bool:
    """Return True when an open case is resolved, its closing steps are done, and no approved notice is still to leave.

    Who asked, complained, reported or requested something has a word first. The closing steps are the steps timed from
    the event resolved. A notice of a skipped occurrence, or of which only parked messages are left, does not count. A
    case that was reopened is ready when nobody is left to tell.
    """
    if case.playbook is None or case.state is not IncidentState.OPEN:
        return False
    if Event.CLOSED in case.events:
        return not somebody_must_hear(case, now)
    if Event.RESOLVED not in case.events or without_word(case):
        return False
    skipped = {(one.step, one.number) for one in case.occurrences if one.state is OccurrenceState.SKIPPED}
    leaving = [
        notice
        for notice in case.notices
        if notice.stage in (NoticeStage.APPROVED, NoticeStage.SENDING) and not notice.only_parked
    ]
    if any((notice.step, notice.occurrence) not in skipped for notice in leaving):
        return False
    closing = [step.id for step in case.playbook.steps if step.of == Event.RESOLVED and holds(case, step.when)]
    done = {one.step for one in case.occurrences if one.state in (OccurrenceState.DONE, OccurrenceState.SKIPPED)}
    return set(closing) <= done


def somebody_must_hear(case: Case, now: datetime) -> bool:
    """Return True when people must still be told something of a case that was closed, apart from commitments.

    They were found late, were told something that is wrong by now, or wait for a notice that others have. They must be
    told as long as that word waits for approval, too.
    """
    planned = plan(case, now)
    steps = {one.step for one in (*planned.due, *planned.upcoming) if one.phase is not Phase.FOLLOW_UP} - {HOLDING}
    return bool(steps) or _people_wait(case) or _word_awaits_approval(case)


def is_over(case: Case, now: datetime) -> bool:
    """Return True when the case is closed and nothing of it is left to do.

    Every commitment is then settled and its audience told, no question is open, nobody waits for a notice, and no
    occurrence, reminder or next update is to come. A case whose personal data was destroyed is always over.
    """
    if case.destroyed_at:
        return True
    waiting = case.commitments_open or _people_wait(case) or _word_awaits_approval(case) or without_word(case)
    if case.state is not IncidentState.CLOSED or waiting:
        return False
    planned = plan(case, now)
    return not (reminders(case) or awaited(case) or planned.due or planned.upcoming)


def still_needed(case: Case, now: datetime) -> tuple[str, ...]:
    """Return what the personal data of the case is still needed for, in words; empty when it may be destroyed."""
    leaving = [notice.id for notice in case.notices if notice.pending or notice.people.get(PersonState.WAITING)]
    reasons = (
        "" if case.state is IncidentState.CLOSED else f"it is {case.state}, not closed",
        "a promise is open, or those promised have not heard how it ended" if case.commitments_open else "",
        *without_word(case),
        f"messages are still to leave: {', '.join(leaving)}" if leaving else "",
    )
    found = tuple(reason for reason in reasons if reason)
    to_come = f"something of it is still to come: `amends timeline {case.incident.id}` shows what"
    return found or (() if is_over(case, now) else (to_come,))


def late_answers(case: Case, now: datetime) -> tuple[str, ...]:
    """Return the alerts that people wait for an answer, or a decision on a claim, for longer than they were told.

    The words are the same all day, so that the alert is given once a day. The alert depends on no step of the playbook,
    because people ask after the playbook has ended too.
    """
    late = {"questions": case.questions.overdue, "claims": case.claims.overdue}
    return tuple(
        f"{what} are overdue on {now:%Y-%m-%d}: `amends {what} list {case.incident.id} --open` shows which"
        for what, count in late.items()
        if count
    )


def _people_wait(case: Case) -> bool:
    """Return True when people wait for a notice that others have, and not only for a decision on parked messages.

    People whose letters nobody has handed over wait too.
    """
    waiting = {(one.step, one.number) for one in case.occurrences if one.state is OccurrenceState.WAITING}
    begun = (notice for notice in case.notices if (notice.step, notice.occurrence) in waiting)
    on_its_way = any(notice.is_on_its_way and not notice.only_parked for notice in begun)
    return on_its_way or any(notice.letters for notice in case.notices)


def _word_awaits_approval(case: Case) -> bool:
    """Return True when a correction, or word to people who are not affected after all, is drafted and not approved."""
    steps = case.playbook.steps if case.playbook else ()
    wanted = {step.id for step in steps if step.found_for and step.of in case.events}
    begun = {(one.step, one.number) for one in case.occurrences if one.state is OccurrenceState.WAITING}
    unapproved = (one for one in case.notices if one.stage in (NoticeStage.DRAFTED, NoticeStage.REJECTED))
    return any(one.step in wanted and (one.step, one.occurrence) in begun for one in unapproved)


def without_word(case: Case) -> tuple[str, ...]:
    """Return who still waits for a word of ours, in words for the lead; a case is not closed before they have it."""
    waiting = {
        "questions have no answer": case.questions.open,
        "reports from personal pages are undecided": case.reports_open,
        "requests for data are undecided": case.requests.open,
        "claims of compensation are not settled": case.open_claims,
    }
    return tuple(f"{count} {what}" for what, count in waiting.items() if count)


def unmet_closing_criteria(case: Case, now: datetime) -> tuple[str, ...]:
    """Return what else speaks against closing the case, in words for the lead; empty when nothing does."""
    unsent = [_unsent(notice) for notice in case.notices if not notice.is_over]
    late = [commitment.id for commitment in case.commitments if commitment.overdue(now)]
    owed = _not_filed(case)
    letters = [f"{notice.id} ({notice.letters})" for notice in case.notices if notice.letters]
    substitutes = [one.duty for one in substitutes_demanded(case) if one.certain]
    return tuple(
        reason
        for reason in (
            "nobody has been told yet" if Event.NOTIFIED not in case.events else "",
            f"not sent: {', '.join(unsent)}" if unsent else "",
            f"no filing is recorded for {', '.join(owed)}" if owed else "",
            f"letters wait to be handed over: {', '.join(letters)}" if letters else "",
            f"no substitute notice is recorded for {', '.join(substitutes)}" if substitutes else "",
            f"late, and nobody was told: {', '.join(late)}" if late else "",
            "the incident is not known to be contained" if case.incident.times.contained is None else "",
        )
        if reason
    )


def _not_filed(case: Case) -> list[str]:
    """Return the duties that surely apply and have no filing; people who were told in part are named otherwise."""
    owed = (duty for duty in open_duties(case) if duty.standing is DutyStanding.APPLIES and not duty.waits)
    return [duty.id for duty in owed if not why_not_done(case, duty)]


def _unsent(notice: NoticeStatus) -> str:
    return f"{notice.id} ({notice.parked} parked)" if notice.parked else notice.id
