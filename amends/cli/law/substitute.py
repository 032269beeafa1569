"""The substitute notice in words: which duties allow or require one, on which numbers, and what is to be done."""

from collections import Counter
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from amends.cli.terminal.desk import Desk
from amends.domain.base.text import minute
from amends.domain.case.lawfully import told_under
from amends.domain.law.substitute import PlaceCounts, SubstituteDue, substitute_due

if TYPE_CHECKING:
    from amends.domain.case.case import Case
    from amends.domain.law.duty import Duty
    from amends.ledger.deliver.statistics import Numbers


def substitutes(desk: Desk, incident: str, notice: str, numbers: "Numbers") -> tuple[SubstituteDue, ...]:
    """Return the duties for which, by these numbers, telling the public may or must replace telling each person.

    A duty is left out once its substitute notice is recorded.
    """
    assessments, given = desk.ledger.assessments.all(incident), desk.ledger.filings.substitutes(incident)
    if not assessments:
        return ()
    recorded = {one.duty for one in given}
    open_duties = [duty for duty in assessments[-1].duties if duty.id not in recorded]
    page_up_since = desk.ledger.statistics.page_up_since(incident, notice)
    case = desk.ledger.cases.read(incident) if any(duty.channel_rule for duty in open_duties) else None
    found = chain.from_iterable(
        substitute_due([duty], _reach(numbers.reach, case, duty), page_up_since) for duty in open_duties
    )
    return tuple(sorted(found, key=lambda due: not due.must))


def _reach(numbers: PlaceCounts, case: "Case | None", duty: "Duty") -> PlaceCounts:
    """Return the numbers, with those among the unreached whom only messages told that the duty does not count."""
    told = told_under(case, duty) if case else None
    return replace(numbers, unreached=Counter(numbers.unreached) + Counter(told.by_place)) if told else numbers


def in_words(due: SubstituteDue) -> str:
    """Return one line: the law, whether it obliges, the numbers, what our page does and what a person must do."""
    will = ("must" if due.must else "may") if due.because else "could"
    parts = [
        f"substitute notice {will} be given: {due.law} ({due.citation}, {due.duty})"
        + ("" if due.certain else ", if it applies"),
        *due.because,
        *due.asks,
        _page(due),
        "to do: " + ", ".join(due.to_do) if due.to_do else "",
    ]
    return "; ".join(filter(None, parts))


def _page(due: SubstituteDue) -> str:
    if not due.done:
        return f"it must stay up for {due.for_days} days" if due.for_days else ""
    stay = f" and must stay until {minute(due.until)}" if due.until else ""
    return f"our page does: {', '.join(due.done)}{stay}"


def as_values(due: SubstituteDue) -> dict[str, Any]:
    """Return the fields as values for --json."""
    return {name: getattr(due, name) for name in due.__slots__}


def hint_at_publishing(desk: Desk, incident: str, found: tuple[SubstituteDue, ...]) -> None:
    """Say, when a substitute notice is due, that a person must publish in the media."""
    if found:
        desk.hint(
            f"nothing is sent to media by machine: a person sees to it; `amends duty show {incident} DUTY` says more, "
            f"`amends duty substitute {incident} DUTY` records it"
        )
