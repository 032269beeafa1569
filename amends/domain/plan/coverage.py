"""The coverage of a playbook: the legal duties of an incident that the playbook would not meet."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from amends.domain.base.text import minute
from amends.domain.case.case import Case
from amends.domain.case.deadlines import open_duties
from amends.domain.law.duty import Addressee, Duty, DutyStanding
from amends.domain.plan.forecast import forecast
from amends.domain.playbook.checks import Objection
from amends.domain.playbook.playbook import Phase, Step

MONTH = timedelta(days=31)
EARLIER = "begin earlier, or shorten approve_within"
LATE = "it is late with any playbook; counsel should say what follows from that"
FILE_IT = "no step does that: somebody must file it, and `amends duty filed` records it"
LAWS_NAMED = 3


def duties_missed(case: Case, now: datetime) -> tuple[Objection, ...]:
    """Return an objection for each duty that is due before the first notice could leave.

    Only duties to people and to authorities count. When no step tells people within a month, one objection names the
    laws that ask for it. Without a playbook there are no objections.
    """
    if case.playbook is None:
        return ()
    occurrences = forecast(case, now, now + MONTH)
    first = next(
        ((s, occurrence.due_at) for occurrence in occurrences if (s := _telling_step(case, occurrence.step))), None
    )
    if first is None:
        return tuple(_nobody_told(case))
    step, due_at = first
    leaves = due_at + case.playbook.approve_within
    duties = sorted(_before(case, leaves), key=lambda duty: (duty.addressee is not Addressee.PEOPLE, duty.pressure))
    return tuple(_missed(duty, step, leaves, now) for duty in duties)


def _telling_step(case: Case, step_id: str) -> Step | None:
    """Return the step with this id, or None when it does not tell people what happened."""
    steps = case.playbook.steps if case.playbook else ()
    return next((s for s in steps if s.id == step_id and s.phase is Phase.NOTIFY and s.notice), None)


def _before(case: Case, leaves: datetime) -> Iterator[Duty]:
    """Yield the open duties due before the first notice leaves.

    A duty that waits for a step of ours has no date yet, and a duty that is due at once has none at all.
    """
    for duty in open_duties(case):
        concerns = duty.addressee in (Addressee.PEOPLE, Addressee.AUTHORITY) and not duty.waits
        if concerns and duty.due_at and duty.due_at < leaves:
            yield duty


def _missed(duty: Duty, step: Step, leaves: datetime, now: datetime) -> Objection:
    must = "must" if duty.standing is DutyStanding.APPLIES else "may have to"
    over = duty.due_at is not None and duty.due_at < now
    since = " (that is over)" if over else ""
    told = f"{duty.recipient_name} {must} be told by {minute(duty.due_at)}{since}: {duty.law}, {duty.citation}"
    if duty.addressee is Addressee.PEOPLE:
        why = f"{told}; when approvers take all of their time, {step.id} leaves at {minute(leaves)}"
        return Objection(step=step.id, key="after", why=why, advice=LATE if over else EARLIER)
    return Objection(step=step.id, key="after", why=f"{told}; that is before {step.id} leaves", advice=FILE_IT)


def _nobody_told(case: Case) -> Iterator[Objection]:
    duties = [duty for duty in open_duties(case) if duty.addressee is Addressee.PEOPLE]
    if duties:
        laws = list(dict.fromkeys(f"{duty.law}, {duty.citation}" for duty in duties))
        more = f" and {len(laws) - LAWS_NAMED} more" if len(laws) > LAWS_NAMED else ""
        why = f"no step tells people within a month, but laws ask for it: {'; '.join(laws[:LAWS_NAMED])}{more}"
        yield Objection(step="", key="", why=why, advice="add a step of the phase notify with a notice")
