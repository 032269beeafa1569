"""How each duty of a case stands: filed in time, filed late, open or overdue."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from difflib import get_close_matches

from amends.domain.base.text import length
from amends.domain.base.value import Moment, Value
from amends.domain.case.case import Case
from amends.domain.incident.incident import Incident
from amends.domain.law.duty import Addressee, Duty, DutyStanding
from amends.domain.law.filing import Filing, standing_filings

NOTIFIED, INDIVIDUALS_NOTIFIED = "notified", "individuals_notified"
"""What the case, and the laws, call the moment when people were told."""


class DutyStatus(Value):
    """A duty with what was done about it."""

    duty: Duty
    filings: tuple[Filing, ...] = ()
    """Those that stand, the first one first."""
    done_at: Moment | None = None
    """When it was first filed, or the people were told."""
    early_by: timedelta | None = None
    """How long before its time it was done; negative when late. None without a time, or while it is not done."""
    overdue: bool = False
    """Its time has come and nothing is recorded."""
    out_of_order: tuple[str, ...] = ()
    """Where it came before what had to come first, in words."""


def filings_for(case: "Case", duty_id: str) -> tuple[Filing, ...]:
    """The filings for this duty that stand."""
    return tuple(filing for filing in standing_filings(case.filings) if filing.duty == duty_id)


def recorded_events(case: "Case") -> dict[str, datetime]:
    """Clock events that the ledger knows beside the incident file, each with the first time it happened."""
    events: dict[str, datetime] = {}
    if told := case.events.get(NOTIFIED):
        events[INDIVIDUALS_NOTIFIED] = told
    for filing in standing_filings(case.filings):
        if name := _sets(case, filing):
            events.setdefault(name, filing.filed_at)
    return events


def as_known(case: "Case") -> Incident:
    """The incident with the clock events that the ledger knows; where both name one, the earlier time counts."""
    incident, recorded = case.incident, recorded_events(case)
    said = incident.times.events
    events = said | {name: min(at, said.get(name, at)) for name, at in recorded.items()}
    return incident.model_copy(update={"times": incident.times.model_copy(update={"events": events})})


def facts_known(case: "Case") -> int:
    """Grows by one with each version of the incident file, with each filing, and once when people were told."""
    return case.version + (NOTIFIED in case.events) + len(case.filings)


def statuses(case: "Case", now: datetime) -> tuple[DutyStatus, ...]:
    """Every duty of the latest assessment with what was done about it, in the assessment's order."""
    return tuple(status(case, duty, now) for duty in _duties(case))


def status(case: "Case", duty: Duty, now: datetime) -> DutyStatus:
    """What was done about one duty."""
    done = done_at(case, duty)
    return DutyStatus(
        duty=duty,
        filings=filings_for(case, duty.id),
        done_at=done,
        early_by=duty.early_by(done) if done else None,
        overdue=done is None and duty.overdue(now),
        out_of_order=out_of_order(case, duty, done) if done else (),
    )


def done_at(case: "Case", duty: Duty) -> datetime | None:
    """When it was first filed; duties to people are met by telling them, too."""
    times = [filing.filed_at for filing in filings_for(case, duty.id)]
    if duty.addressee is Addressee.PEOPLE and NOTIFIED in case.events:
        times.append(case.events[NOTIFIED])
    return min(times, default=None)


def out_of_order(case: "Case", duty: Duty, at: datetime) -> tuple[str, ...]:
    """What is wrong with the order when this duty is done at this time; empty when nothing is."""
    return (*_done_before(case, duty, at), *_must_come_first(case, duty, at))


def no_such_duty(incident: str, duty_id: str, known: Iterable[str]) -> str:
    """That nobody knows this duty, with those whose names are near."""
    near = get_close_matches(duty_id, list(known), 3, 0.5)
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    return f"incident {incident} has no duty {duty_id}; {meant}`amends duty list {incident}` shows them"


def _done_before(case: "Case", duty: Duty, at: datetime) -> Iterator[str]:
    for other in _duties(case):
        done = done_at(case, other) if other.id in duty.before else None
        if done and done < at:
            yield f"{duty.id} must come before {other.id}, which was done {length(at - done)} earlier"


def _must_come_first(case: "Case", duty: Duty, at: datetime) -> Iterator[str]:
    for other in _duties(case):
        if duty.id not in other.before or other.standing is DutyStanding.EXEMPT:
            continue
        done = done_at(case, other)
        if done is None:
            yield f"{other.id} must come before {duty.id}, and nothing is recorded for it"
        elif done > at:
            yield f"{other.id} must come before {duty.id}, and was done {length(done - at)} later"


def _sets(case: "Case", filing: Filing) -> str:
    """As the latest assessment says; a duty that fell away since has left its word with the filing."""
    return next((duty.sets for duty in _duties(case) if duty.id == filing.duty), filing.sets)


def _duties(case: "Case") -> tuple[Duty, ...]:
    return case.assessment.duties if case.assessment else ()
