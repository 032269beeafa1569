"""The question hour that a playbook or a file plans, with its time in this case."""

from amends.domain.base.errors import NotAllowed
from amends.domain.case.case import Case
from amends.domain.feedback.hour import QuestionHour, why_not_there
from amends.domain.playbook.session import PlannedSession


def hour_of(case: Case, planned: PlannedSession) -> QuestionHour:
    """Return the hour that is planned. Raises NotAllowed while its time is not known, and for a place not our own."""
    begins = planned.begins(case.events, case.calendar)
    if begins is None:
        raise NotAllowed(f"{planned.id} begins after {planned.of}, which has not happened yet")
    for where in planned.where.values():
        if refusal := why_not_there(where, case.incident.organisation.own_domains):
            raise NotAllowed(f"{planned.id}: {refusal}")
    return QuestionHour(
        id=planned.id, title=planned.title, where=planned.where, begins_at=begins, minutes=planned.minutes
    )
