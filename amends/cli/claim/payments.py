"""Commands for the payments of claims: make a payment file, release it, write it, and take in the bank's answer."""

from pathlib import Path
from typing import Annotated

import typer

from amends.cli.claim.said import tell_now, terms_of_claims
from amends.cli.feedback.hotline import ColumnOptions, MapFile, column_map
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.files import whole
from amends.cli.terminal.options import As, IncidentId, number, place
from amends.cli.terminal.text import table
from amends.domain.base.money import Money
from amends.domain.base.text import counted
from amends.domain.claim.payment import PaymentFile, PaymentFormat

HEAD = ("file", "state", "made by", "released by", "payments", "sum", "reference")


def pay(
    ctx: typer.Context,
    incident: IncidentId,
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="Who you are in the team.")] = "",
    release: Annotated[int | None, typer.Option(metavar="FILE", parser=number, help="Release this file.")] = None,
    drop: Annotated[
        int | None, typer.Option(metavar="FILE", parser=number, help="Drop this file; it never leaves.")
    ] = None,
    write: Annotated[
        int | None, typer.Option(metavar="FILE", parser=number, help="Write this released file again.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Where to write the released file.", parser=place)
    ] = None,
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="pain.001 or csv.")] = "pain.001",
    show: Annotated[bool, typer.Option("--list", help="List the payment files.")] = False,
) -> None:
    """Make a payment file of all granted claims that have an account; another member releases it: --release FILE.

    Accounts that pain.001 cannot name, as a number in China beside euros, come into a second file, for --format csv.

    A claim is in one payment file at most, and in another one only after its payment came back. A released file is
    written with --out, in one format for ever, and is the same bytes each time, so that a bank takes it once.
    """
    desk: Desk = ctx.obj
    if sum(map(bool, (release, drop, write, show))) > 1:
        raise typer.BadParameter("say one of --release, --drop, --write and --list")
    if show:
        return _list(desk, incident)
    if not name:
        raise typer.BadParameter("say with --as NAME who does this")
    if drop:
        desk.ledger.payments.drop(incident, drop, desk.member(name), now())
        return desk.show({"file": drop, "state": "dropped"}, f"payment file {drop} is dropped; its claims wait again")
    if release or write:
        return _hand_out(desk, incident, name, release, write, out, form)
    if out:
        raise typer.BadParameter("a file is written once it is released: --release FILE --out PATH")
    return _make(desk, incident, name)


def _list(desk: Desk, incident: str) -> None:
    files = desk.ledger.payments.files(incident)
    rows = [
        (file.id, file.state, file.made_by, file.released_by, file.count, _sum(file), file.message_id) for file in files
    ]
    desk.show([_values(file) for file in files], table(HEAD, rows))
    if waiting := [file.id for file in files if file.state == "made"]:
        desk.hint(f"another member says `amends claims pay {incident} --release {waiting[0]} --out PATH --as NAME`")


def _make(desk: Desk, incident: str, name: str) -> None:
    by, rules = desk.member(name), terms_of_claims(desk, incident).rules
    made = desk.ledger.payments.make(incident, rules, by, now())
    lines = [f"payment file {one.id}: {counted(one.count, 'payment')}, {_sum(one)}, waits for release" for one in made]
    desk.show([_values(one) for one in made], "\n".join(lines))
    for one in made:
        desk.hint(f"another member says `amends claims pay {incident} --release {one.id} --out PATH --as NAME`")
    if len(made) > 1:
        desk.hint(f"file {made[-1].id} has accounts that pain.001 cannot name: release it with --format csv")
    raise typer.Exit(Exit.WAITING)


def _hand_out(
    desk: Desk, incident: str, name: str, release: int | None, write: int | None, out: Path | None, form: str
) -> None:
    from amends.content.claim.payment_files import payment_content

    if form not in tuple(PaymentFormat):
        raise typer.BadParameter(f"--format is one of {', '.join(PaymentFormat)}")
    if out is None:
        raise typer.BadParameter("say with --out PATH where to write the file")
    by, number_, wanted = desk.member(name), release or write or 0, PaymentFormat(form)
    if release:
        made, lines = desk.ledger.payments.lines(incident, number_, to_look_at=True)
        payment_content(made.model_copy(update={"released_at": now()}), lines, wanted)  # what cannot be written stays
        desk.ledger.payments.release(incident, number_, wanted, by, now())
    file, lines = desk.ledger.payments.lines(incident, number_)
    with whole(out) as opened:
        opened.write(payment_content(file, lines, file.form or wanted))
    desk.ledger.payments.note_written(incident, file.id, by.name, now())
    desk.show(_values(file) | {"path": str(out)}, f"{out} has {counted(file.count, 'payment')}, {_sum(file)}")
    desk.hint(f"give it to the bank once; `amends claims paid {incident} --file ANSWER --as NAME` takes in the answer")


def paid(
    ctx: typer.Context,
    incident: IncidentId,
    name: As,
    file: Annotated[
        Path, typer.Option(metavar="FILE", exists=True, dir_okay=False, help="CSV, pain.002, camt.053 or camt.054.")
    ],
    columns: ColumnOptions = None,
    map_file: MapFile = None,
) -> None:
    """Take in the bank's answer: what was paid, and what came back. The same file again changes nothing.

    Columns of a CSV: end_to_end, status (paid, returned, pending), and if wanted amount, currency, reason. The people
    hear that they were paid, or are asked for another account.
    """
    from amends.content.claim.bank_answers import COLUMNS, read_bank_answer

    desk: Desk = ctx.obj
    by, terms = desk.member(name).name, terms_of_claims(desk, incident)
    lines = read_bank_answer(file, column_map(COLUMNS, map_file, columns, None, "", ""))
    answer = desk.ledger.payments.take(incident, lines, terms, by, now())
    tell_now(desk, incident)
    summary = (
        f"{counted(len(lines), 'line')}: {answer.paid} paid, {answer.returned} returned, {answer.pending} pending, "
        f"{answer.unchanged} known already, {len(answer.refused)} refused"
    )
    desk.show(answer, "\n".join([*answer.refused, summary]))
    if answer.returned:
        desk.hint("whoever's payment came back is asked for another account; then `amends claims pay` pays again")
    if answer.refused:
        raise typer.Exit(Exit.FINDINGS)


def _sum(file: PaymentFile) -> Money:
    return Money(file.total, file.currency)


def _values(file: PaymentFile) -> dict[str, object]:
    return file.model_dump(mode="json", exclude={"pay_from"}) | {"state": file.state, "sum": str(_sum(file))}
