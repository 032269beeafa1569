"""Numbers of a case that a playbook calls events: so many questions, so many people told."""

from amends.domain.case import Case
from amends.domain.notice import PersonState
from amends.domain.playbook import Threshold

TOLD = (PersonState.SENT, PersonState.DELIVERED)


def newly_reached(case: Case) -> tuple[str, ...]:
    """The names of the thresholds that are reached now and were not before; what was reached once stays so."""
    if case.playbook is None:
        return ()
    named = case.playbook.thresholds.items()
    return tuple(name for name, one in named if name not in case.events and is_reached(case, one))


def is_reached(case: Case, threshold: Threshold) -> bool:
    """Whether the number is there now."""
    if threshold.questions_at_least:
        return case.questions.asked >= threshold.questions_at_least
    if threshold.open_questions_at_least:
        return case.questions.open >= threshold.open_questions_at_least
    return _told_percent(case, threshold.notice) >= (threshold.told_percent_at_least or 0)


def _told_percent(case: Case, notice_id: str) -> float:
    notice = case.notice(notice_id)
    people = sum(notice.people.values()) if notice else 0
    if notice is None or not people:
        return 0.0
    return 100 * sum(notice.people.get(state, 0) for state in TOLD) / people
