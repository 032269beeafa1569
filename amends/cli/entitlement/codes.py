"""Commands for codes of which each entitled person gets one: import, count and replace them, record the redeemed."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.feedback.hotline import ColumnOptions, Encoding, MapFile, ValueOptions, column_map
from amends.cli.people.person import ByNumber, PersonRef, chosen_person
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import As, IncidentId, any_of, noun
from amends.cli.terminal.text import table
from amends.domain.base.errors import ContentError, Finding, NotAllowed, NotInLedger
from amends.domain.base.text import counted, listed, minute
from amends.domain.entitlement.code import CodeState, CodeVariant, OwnCode
from amends.domain.incident.commitment import CodePlace, TakeUp, planned_commitments

if TYPE_CHECKING:
    from amends.content.entitlement.codes import PlacedCode

NAMED = 10
"""The most persons that a command names one by one."""
STOCK = ("commitment", "for", "free", "given", "redeemed", "void", "expired", "read")
OWN = ("commitment", "code", "for", "expires", "state", "given", "ended", "why")

CommitmentId = Annotated[str, typer.Argument(metavar="COMMITMENT", help="The promise's id.")]
CodeFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="CSV or XLSX with a column code, or a text with one code a line.")
]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why; it is stored sealed.")]

app = noun()


@app.command("import")
def import_(
    ctx: typer.Context,
    incident: IncidentId,
    commitment: CommitmentId,
    file: CodeFile,
    name: As,
    variant: Annotated[
        str, typer.Option("--for", metavar="KIND", help=f"Whom the codes are for: {any_of(CodeVariant)}.")
    ] = CodeVariant.EVERYONE.value,
    expires: Annotated[str, typer.Option(metavar="DAY", help="The last day of the codes, such as 2027-03-31.")] = "",
    columns: ColumnOptions = None,
    values: ValueOptions = None,
    map_file: MapFile = None,
    encoding: Encoding = "",
) -> None:
    """Take in a provider's codes for a promise whose `take_up` says `codes: letter` or `codes: page`.

    All are stored, sealed, or none. A code that stands twice, or that any stock has already, is refused.

    Columns: code; if the file has them, variant (adult, minor, estate, everyone) and expires (2027-03-31).
    """
    from amends.content.entitlement.codes import COLUMNS, CodeDefaults, read_codes

    desk: Desk = ctx.obj
    by = desk.member(name).name
    if variant not in tuple(CodeVariant):
        raise typer.BadParameter(f"--for: one of {any_of(CodeVariant)}")
    offered = _offers(desk, incident)
    if commitment not in offered:
        raise NotAllowed(_no_offer(incident, commitment, offered))
    wanted = CodeDefaults(CodeVariant(variant), expires, offered[commitment], now().date())
    found = read_codes(file, wanted, column_map(COLUMNS, map_file, columns, values, "", encoding))
    _refuse_known(desk, file, found)
    desk.ledger.codes.add(incident, commitment, [one.code for one in found], by, now())
    desk.show({"commitment": commitment, "codes": len(found)}, f"{counted(len(found), 'code')} of {commitment} stored")
    desk.hint(f"delete {file}, which has them in the clear; `amends codes stock {incident}` shows the stock")


@app.command()
def stock(ctx: typer.Context, incident: IncidentId) -> None:
    """Count the codes of each promise: free, given, redeemed, void and expired."""
    desk: Desk = ctx.obj
    lines, offered = desk.ledger.codes.stock(incident, now()), _offers(desk, incident)
    rows = [
        (x.commitment, x.variant, x.free, x.given, x.redeemed, x.void, x.expired, _place(offered.get(x.commitment)))
        for x in lines
    ]
    desk.show(lines, table(STOCK, rows))
    if empty := sorted(offered.keys() - {line.commitment for line in lines}):
        desk.hint(f"no codes yet of {listed(empty)}: `amends codes import {incident} {empty[0]} FILE --as NAME`")


@app.command()
def show(
    ctx: typer.Context, incident: IncidentId, name: As, person: PersonRef = "", by_number: ByNumber = None
) -> None:
    """Show the codes that one person has or had; who looked is recorded."""
    desk: Desk = ctx.obj
    by, whose = desk.member(name), chosen_person(desk.ledger, incident, person, by_number)
    found = desk.ledger.codes.look(incident, whose, by, now())
    if not found:
        raise NotInLedger(f"person {whose} of {incident} has no code")
    desk.show([one.model_dump(mode="json") for one in found], table(OWN, map(_row, found)))


@app.command()
def reissue(
    ctx: typer.Context,
    incident: IncidentId,
    commitment: CommitmentId,
    name: As,
    reason: Reason,
    person: PersonRef = "",
    by_number: ByNumber = None,
) -> None:
    """Make a person's code void, and give them the next one of the stock; their page shows it at once."""
    desk: Desk = ctx.obj
    by, whose = desk.member(name), chosen_person(desk.ledger, incident, person, by_number)
    new = desk.ledger.codes.reissue(incident, commitment, whose, reason, by, now())
    said = f"person {whose} has another code of {commitment}; the earlier one is void"
    desk.show({"person": whose, "commitment": commitment, "code": new.id}, said)
    desk.hint(f"their page shows it; `amends codes show {incident} --number {whose} --as NAME` does too")


@app.command()
def void(
    ctx: typer.Context, incident: IncidentId, commitment: CommitmentId, file: CodeFile, name: As, reason: Reason
) -> None:
    """Make the codes of a file void, all or none, as when the provider withdraws a batch."""
    desk: Desk = ctx.obj
    by, found = desk.member(name), _known(desk, incident, commitment, file)
    done = desk.ledger.codes.void(incident, commitment, [one.code.code for one in found], reason, by, now())
    desk.show({"codes": done.codes, "persons": done.persons}, f"{counted(done.codes, 'code')} of {commitment} void")
    if done.persons:
        named = ", ".join(map(str, done.persons[:NAMED])) + (" and others" if len(done.persons) > NAMED else "")
        desk.hint(f"persons who had one, and get another with the next message that tells of {commitment}: {named}")


@app.command()
def redeemed(
    ctx: typer.Context,
    incident: IncidentId,
    commitment: CommitmentId,
    file: CodeFile,
    name: As,
    columns: ColumnOptions = None,
    map_file: MapFile = None,
    encoding: Encoding = "",
) -> None:
    """Record the codes that people have redeemed, from the provider's file; the same file again changes nothing.

    Nothing is stored when a code is not in the stock, or was given to nobody.
    """
    from amends.content.entitlement.codes import ONLY_CODES

    desk: Desk = ctx.obj
    by, mapped = desk.member(name).name, column_map(ONLY_CODES, map_file, columns, None, "", encoding)
    found = _known(desk, incident, commitment, file, mapped)
    done = desk.ledger.codes.redeem(incident, commitment, [one.code.code for one in found], by, now())
    void = [found[position].place for position in done.void]
    desk.show(
        {"new": done.new, "known": done.known, "void": void},
        f"{counted(done.new, 'code')} of {commitment} newly redeemed, {done.known} known before",
    )
    if void:
        desk.hint(f"redeemed although void, ask the provider: {', '.join(void[:NAMED])}")


def _offers(desk: Desk, incident: str) -> dict[str, TakeUp]:
    """Return the way to take up each commitment of which each person gets a code of their own."""
    case = desk.ledger.cases.read(incident, now())
    of_playbook = case.playbook.commitments if case.playbook else ()
    planned = planned_commitments(of_playbook, case.incident.commitments)
    found = {one.id: one.take_up for one in planned} | {
        commitment.id: commitment.take_up for commitment in case.commitments
    }
    return {name: take_up for name, take_up in found.items() if take_up.codes}


def _no_offer(incident: str, commitment: str, offered: dict[str, TakeUp]) -> str:
    known = f"; those that do: {listed(sorted(offered))}" if offered else ""
    places = " or ".join(f"`codes: {place}`" for place in CodePlace)
    return f"no promise {commitment} of {incident} says {places} under take_up{known}"


def _place(take_up: TakeUp | None) -> str:
    return "" if take_up is None or take_up.codes is None else f"in the {take_up.codes}"


def _refuse_known(desk: Desk, file: Path, found: "Sequence[PlacedCode]") -> None:
    """Raise ContentError that names each code of the file that a stock has already."""
    from amends.content.file.codes import Code

    known = desk.ledger.codes.elsewhere([one.code.code for one in found])
    findings = [
        Finding(found[one.position].place, Code.DUPLICATE_KEY, f"{one.commitment} of {one.incident} has this code")
        for one in known
    ]
    _refuse(file, findings)


def _known(desk: Desk, incident: str, commitment: str, file: Path, mapped: object = None) -> "tuple[PlacedCode, ...]":
    """Return the codes of a file about a stock. Raises ContentError for one that the stock lacks or that is free."""
    from amends.content.entitlement.codes import read_known_codes
    from amends.content.feedback.columns import NO_MAP, ColumnMap
    from amends.content.file.codes import Code

    found = read_known_codes(file, mapped if isinstance(mapped, ColumnMap) else NO_MAP)
    states = desk.ledger.codes.states(incident, commitment, [one.code.code for one in found])
    wrong: dict[CodeState | None, str] = {None: f"{commitment} has no such code"}
    if mapped is not None:
        wrong[CodeState.FREE] = "this code was given to nobody, so nobody can have redeemed it"
    findings = [
        Finding(one.place, Code.UNKNOWN_WORD, wrong[state])
        for one, state in zip(found, states, strict=True)
        if state in wrong
    ]
    _refuse(file, findings)
    return found


def _refuse(file: Path, findings: Sequence[Finding]) -> None:
    """Raise ContentError with the first findings, if there are any."""
    from amends.content.entitlement.codes import shortened

    if findings:
        raise ContentError(*shortened(file, findings))


def _row(one: OwnCode) -> tuple[object, ...]:
    ended = minute(one.ended_at) if one.ended_at else ""
    return (one.commitment, one.code, one.variant, one.expires, one.state, minute(one.given_at), ended, one.reason)
