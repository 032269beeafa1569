"""An assessment as a page: decisions with their reasons, and who must be told; no personal data."""

from dataclasses import dataclass
from datetime import datetime

from amends.cli.terminal.html import render
from amends.domain.assess.assessment import Assessment
from amends.domain.assess.letters import required_letters
from amends.domain.assess.text import (
    alike,
    by_when,
    decisions,
    gathered,
    law,
    particulars,
    plain,
    recipients,
    surely_pressing,
    to_do,
    when,
)
from amends.domain.base.text import in_time
from amends.domain.case.case import Case
from amends.domain.case.filings import DutyStatus, statuses
from amends.domain.case.states import IncidentState
from amends.domain.incident.incident import Incident
from amends.domain.law.duty import Duty, DutyStanding
from amends.domain.people.person import AudienceCounts


@dataclass(frozen=True)
class Owed:
    """One row in the table of recipients that must be told: duties that differ only in recipient and place."""

    by: str
    late: bool
    recipients: str
    ids: tuple[str, ...]
    law: str
    standing: str
    assumed: str
    done: str
    lawyer: str
    """The reason why a lawyer must look at the duties; else empty."""
    more: dict[str, str]
    """Further particulars of the law by their title."""


def assessment_page(incident: Incident, people: AudienceCounts, assessment: Assessment) -> str:
    """Return an assessment as standalone HTML, for an incident that is in no ledger."""
    at = assessment.at
    case = Case(
        incident=incident,
        version=assessment.version,
        state=IncidentState.OPEN,
        opened_at=at,
        audience=people,
        assessment=assessment,
    )
    return render("assess.html", case=case, at=at, **sections(case, at))


def sections(case: Case, at: datetime) -> dict[str, object]:
    """Return the values that fill the template's sections about the assessment."""
    from amends.content.law.law import read_law

    if case.assessment is None:
        return {"found": None}
    found, zone = statuses(case, at), case.incident.organisation.timezone
    groups = gathered(found, lambda one: (alike(one.duty), one.done_at, one.missing))
    undone = [one.duty for one in found if not one.done_at]
    return {
        "found": case.assessment,
        "as_of": when(case.assessment.at, zone),
        "decisions": decisions(case.assessment),
        "to_do": list(to_do(undone, at, zone)),
        "pressing": surely_pressing(undone, at),
        "letters": required_letters(case.assessment, read_law().addenda),
        "owed": [_owed(group, at, zone) for group in groups],
        "aside": gathered(case.assessment.set_aside, lambda one: one.why),
    }


def _owed(group: tuple[DutyStatus, ...], at: datetime, zone: str) -> Owed:
    duties, first = tuple(one.duty for one in group), group[0]
    duty, more = first.duty, particulars(duties)
    return Owed(
        by=_was_due(duty, zone) if first.done_at else by_when(duty, at, zone),
        late=first.overdue and duty.standing is DutyStanding.APPLIES,
        recipients=recipients(duties),
        ids=tuple(one.id for one in duties),
        law=law(duty),
        standing=plain(duty.standing),
        assumed=more.pop("assumed", ""),
        done=_done(group, zone),
        lawyer=more.pop("a lawyer must look at", ""),
        more=({"the law's time": duty.standard} if duty.standard else {}) | more,
    )


def _was_due(duty: Duty, zone: str) -> str:
    return f"by {when(duty.due_at, zone)}" if duty.due_at else "at once"


def _done(group: tuple[DutyStatus, ...], zone: str) -> str:
    """Return when the duties were done, how early or late, the receipts and what was out of order.

    For duties that are not done, what is missing for people who are not told; empty for all others.
    """
    first = group[0]
    if first.done_at is None:
        sure = first.overdue and first.duty.standing is DutyStanding.APPLIES
        return f"late: {first.missing or 'nothing is recorded'}" if sure else first.missing
    out_of_order = dict.fromkeys(line for one in group for line in one.out_of_order)
    receipts = dict.fromkeys(f"receipt {filing.receipt}" for one in group for filing in one.filings)
    how = (in_time(first.early_by),) if first.early_by is not None else ()
    return "; ".join((f"done {when(first.done_at, zone)}", *how, *receipts, *out_of_order))
