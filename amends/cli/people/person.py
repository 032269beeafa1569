"""A person of an incident as a command names them: by the reference in the list of people, or by the number."""

from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.terminal.options import NUMBER, number
from amends.domain.base.errors import NotAllowed, NotInLedger

if TYPE_CHECKING:
    from amends.ledger import Ledger

ByRef = Annotated[
    str, typer.Option("--person", metavar="REF", help="The person, by the reference or the number in the list.")
]
PersonRef = Annotated[
    str, typer.Argument(metavar="[PERSON]", help="The person, by the reference or the number in the list.")
]
ByNumber = Annotated[
    int | None, typer.Option("--number", metavar="PERSON", parser=number, help="The person, by number alone.")
]


def chosen_person(ledger: "Ledger", incident: str, ref: str, by_number: int | None) -> int:
    """Return the number of the person. Raises NotInLedger, and NotAllowed when a reference is another's number."""
    if bool(ref) == (by_number is not None):
        raise typer.BadParameter("say who: either by the reference or the number in the list, or with --number PERSON")
    if by_number is not None:
        return ledger.people.get(incident, by_number).number
    ledger.cases.incident_file(incident)  # raises for an unknown incident
    referred = ledger.people.number_of(incident, ref)
    numbered = ledger.people.get_many(incident, [int(ref)]) if NUMBER.fullmatch(ref) else {}
    found = {*([] if referred is None else [referred]), *numbered}
    if not found:
        raise NotInLedger(f"nobody in the list of {incident} has the reference or the number {ref!r}")
    if len(found) > 1:
        raise NotAllowed(
            f"{ref} is the reference of person {referred} and the number of another; say --number {referred} "
            f"or --number {ref}"
        )
    return found.pop()
