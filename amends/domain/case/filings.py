"""The status of each duty of a case: filed in time, filed late, open or overdue."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from difflib import get_close_matches

from amends.domain.base.text import length
from amends.domain.base.value import Moment, Value
from amends.domain.case.case import Case
from amends.domain.case.lawfully import LawfullyTold, told_under
from amends.domain.case.reach import given_for, told_at, why_not_done
from amends.domain.incident.incident import Incident
from amends.domain.law.duty import Addressee, Duty
from amends.domain.law.filing import Filing, standing_filings
from amends.domain.law.substitute import SubstituteNotice

NOTIFIED, INDIVIDUALS_NOTIFIED = "notified", "individuals_notified"
"""The event that people were told, by its name in the case and by its name in the laws."""


class DutyStatus(Value):
    """A duty with what was done about it."""

    duty: Duty
    filings: tuple[Filing, ...] = ()
    """The filings that were not corrected, the first one first."""
    substitute: SubstituteNotice | None = None
    """The substitute notice that was given for the people whom nothing reached."""
    done_at: Moment | None = None
    """The time of the first filing, or of telling the last of the people."""
    told: LawfullyTold | None = None
    """The people told as the duty demands; None when the law counts every message, or while nobody was told."""
    missing: str = ""
    """The reason why a duty to people is not done although people were told, in words; else empty."""
    early_by: timedelta | None = None
    """The time by which the duty was early; negative when late, None without a date or while the duty is not done."""
    overdue: bool = False
    """True when the due time has passed and nothing is recorded."""
    out_of_order: tuple[str, ...] = ()
    """Sentences on what should have come in another order."""


def filings_for(case: "Case", duty_id: str) -> tuple[Filing, ...]:
    """Return the filings for this duty that no later filing corrects, the first one first."""
    return tuple(filing for filing in standing_filings(case.filings) if filing.duty == duty_id)


def recorded_events(case: "Case") -> dict[str, datetime]:
    """Return the clock events that the ledger adds to the incident file, each with the time recorded."""
    events: dict[str, datetime] = {}
    if told := case.events.get(NOTIFIED):
        events[INDIVIDUALS_NOTIFIED] = told
    for filing in standing_filings(case.filings):
        if name := _sets(case, filing):
            events.setdefault(name, filing.filed_at)
    return events


def as_known(case: "Case") -> Incident:
    """Return the incident with the clock events of the ledger; of two times for one event the earlier counts."""
    incident, recorded = case.incident, recorded_events(case)
    said = incident.times.events
    events = said | {name: min(at, said.get(name, at)) for name, at in recorded.items()}
    return incident.model_copy(update={"times": incident.times.model_copy(update={"events": events})})


def facts_known(case: "Case") -> int:
    """Return a number that grows with each version of the incident file, each filing, and once when people are told."""
    return case.version + (NOTIFIED in case.events) + len(case.filings)


def statuses(case: "Case", now: datetime) -> tuple[DutyStatus, ...]:
    """Return the status of every duty of the latest assessment, in its order."""
    return tuple(status(case, duty, now) for duty in case.duties)


def status(case: "Case", duty: Duty, now: datetime) -> DutyStatus:
    """Return the status of one duty."""
    done, begun = done_at(case, duty), begun_at(case, duty)
    return DutyStatus(
        duty=duty,
        filings=filings_for(case, duty.id),
        substitute=given_for(case, duty.id),
        done_at=done,
        told=told_under(case, duty),
        missing="" if done else why_not_done(case, duty),
        early_by=duty.early_by(done) if done else None,
        overdue=done is None and duty.overdue(now),
        out_of_order=out_of_order(case, duty, begun) if begun else (),
    )


def done_at(case: "Case", duty: Duty) -> datetime | None:
    """Return when the duty was done, or None: first filed, or, for a duty to people, when all of them were told.

    A duty to people is not done while a message or letter to somebody waits, or while a substitute notice is due that
    the law demands.
    """
    times = [filing.filed_at for filing in filings_for(case, duty.id)]
    if duty.addressee is Addressee.PEOPLE and (told := told_at(case, duty)):
        times.append(told)
    return min(times, default=None)


def begun_at(case: "Case", duty: Duty) -> datetime | None:
    """Return when the duty was first fulfilled to somebody, or None; the order among duties goes by this time."""
    times = [filing.filed_at for filing in filings_for(case, duty.id)]
    if duty.addressee is Addressee.PEOPLE and NOTIFIED in case.events:
        times.append(case.events[NOTIFIED])
    return min(times, default=None)


def out_of_order(case: "Case", duty: Duty, at: datetime) -> tuple[str, ...]:
    """Return what is wrong with the order when this duty is done at this time; empty when nothing is."""
    return (*_done_before(case, duty, at), *_must_come_first(case, duty, at))


def no_such_duty(incident: str, duty_id: str, known: Iterable[str]) -> str:
    """Return the message that the incident has no such duty, with the known ids that are similar."""
    near = get_close_matches(duty_id, list(known), 3, 0.5)
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    return f"incident {incident} has no duty {duty_id}; {meant}`amends duty list {incident}` shows them"


def _done_before(case: "Case", duty: Duty, at: datetime) -> Iterator[str]:
    for other in case.duties:
        done = begun_at(case, other) if other.id in duty.before else None
        if done and done < at:
            yield f"{duty.id} must come before {other.id}, which was done {length(at - done)} earlier"


def _must_come_first(case: "Case", duty: Duty, at: datetime) -> Iterator[str]:
    for other in case.duties:
        if duty.id not in other.before or not other.standing.owed:
            continue
        done = begun_at(case, other)
        if done is None:
            yield f"{other.id} must come before {duty.id}, and nothing is recorded for it"
        elif done > at:
            yield f"{other.id} must come before {duty.id}, and was done {length(done - at)} later"


def _sets(case: "Case", filing: Filing) -> str:
    """Return the clock event that the filing starts: by the latest assessment or, without the duty there, as filed."""
    return next((duty.sets for duty in case.duties if duty.id == filing.duty), filing.sets)
