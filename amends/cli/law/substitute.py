"""The substitute notice in words: which duties allow or ask for it, on which numbers, and what is to be done."""

from typing import TYPE_CHECKING, Any

from amends.cli.terminal.desk import Desk
from amends.domain.base.text import minute
from amends.domain.law.substitute import SubstituteDue, substitute_due

if TYPE_CHECKING:
    from amends.ledger.deliver.statistics import Numbers


def substitutes(desk: Desk, incident: str, notice: str, numbers: "Numbers") -> tuple[SubstituteDue, ...]:
    """The duties for which telling the public may or must stand for telling each person, by this notice's numbers."""
    assessments = desk.ledger.assessments.all(incident)
    if not assessments:
        return ()
    return substitute_due(assessments[-1].duties, numbers.reach, desk.ledger.statistics.page_up_since(incident, notice))


def in_words(due: SubstituteDue) -> str:
    """One line: which law, whether it must be, on which numbers, what the page does of it and what a person must do."""
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
    """For programs."""
    return {name: getattr(due, name) for name in due.__slots__}


def hint_at_publishing(desk: Desk, incident: str, found: tuple[SubstituteDue, ...]) -> None:
    """That no machine does it, where something is due."""
    if found:
        desk.hint(
            f"nothing is sent to media by machine: a person sees to it; `amends duty show {incident} DUTY` says more"
        )
