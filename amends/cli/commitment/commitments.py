"""Commands for the commitments of an incident: list and show them, and what the library has."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

import typer

from amends.cli.commitment import add, files, settle, work
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import CommitmentId, IncidentId, noun
from amends.cli.terminal.text import table
from amends.domain.base.text import minute
from amends.domain.base.value import some_text
from amends.domain.commitment.outlook import REMIND_BEFORE, risks, standing
from amends.domain.incident.commitment import Commitment

PLACE_FORM = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")

app = noun()


@app.command("list")
def listed(ctx: typer.Context, incident: IncidentId) -> None:
    """Every promise given, the earliest due first, and how it stands: on its way, at risk, in review, late, kept …"""
    desk: Desk = ctx.obj
    given, before = desk.ledger.commitments.all(incident), _remind_before(desk, incident)
    persons = desk.ledger.remedies.counts(incident)
    stands = {c.id: standing(c, now(), before) for c in given}
    stands |= {one: f"{stands[one]}; {counts.in_words}" for one, counts in persons.items()}
    rows = [(c.id, stands[c.id], c.new_due_at or c.due_at, c.owner, some_text(c.evidence, "en")) for c in given]
    desk.show(given, table(("promise", "stands", "due", "owner", "evidence"), rows))


def _remind_before(desk: Desk, incident: str) -> timedelta:
    playbook = desk.ledger.cases.outline(incident).playbook
    return playbook.remind_before if playbook else REMIND_BEFORE


@app.command()
def show(ctx: typer.Context, incident: IncidentId, commitment: CommitmentId) -> None:
    """One promise with its steps, money, evidence and risks."""
    desk: Desk = ctx.obj
    found = desk.ledger.commitments.get(incident, commitment)
    why = risks(found, now(), _remind_before(desk, incident))
    spendings = desk.ledger.commitment_work.spendings(incident, commitment)
    proofs = desk.ledger.commitment_files.all(incident, commitment)
    values = {
        "commitment": found,
        "stands": standing(found, now(), _remind_before(desk, incident)),
        "risks": why,
        "spendings": spendings,
        "files": [proof.model_dump(mode="json", exclude={"name"}) for proof in proofs],
    }
    lines = [
        f"{found.id} ({found.kind.replace('_', ' ')}): {values['stands']}",
        f"due {minute(found.new_due_at or found.due_at)}",
        f"promise: {some_text(found.promise, 'en')}",
        *_lines(found),
        *(f"at risk: {one}" for one in why),
        *(["steps:", *work.step_lines(found)] if found.steps else []),
        *(
            f"invoice {spending.invoice}: {spending.amount}, {minute(spending.at)} by {spending.by}"
            for spending in spendings
        ),
        *(f"file {proof.number}: {proof.size:,} bytes, SHA-256 {proof.digest}" for proof in proofs),
    ]
    desk.show(values, "\n".join(lines))
    if found.waits_for_review:
        desk.hint(f"`amends commitments review {incident} {commitment} --as NAME`, by another than {found.reported_by}")


def _lines(found: Commitment) -> Iterator[str]:
    """Yield who looks after the commitment, how it recurs, its money, its evidence, and what was said of it."""
    yield f"owner: {found.owner}" + (f", then {found.deputy}" if found.deputy else "")
    yield f"promised to {found.audience}, " + (f"in {found.made_in}" if found.made_in else "and nobody was told yet")
    if found.new_due_at:
        yield f"promised for {minute(found.due_at)} at first"
    if found.series:
        ends = f" of {found.at_most}" if found.at_most else f", until {minute(found.until)}" if found.until else ""
        again = f"every {found.every}" if found.every else "the last one"
        yield f"series {found.series}: number {found.number}{ends}, {again}"
    if found.budget or found.spent:
        yield f"money: {found.spent or 'nothing'} of {found.budget or 'no budget'} spent"
    if found.evidence:
        yield f"evidence of {found.reported_by}: {some_text(found.evidence, 'en')} {found.evidence_link}".rstrip()
    if found.reviewed_by:
        yield f"accepted by {found.reviewed_by}, {minute(found.reviewed_at)}" if found.reviewed_at else ""
    if found.refusal:
        yield f"evidence refused: {found.refusal}"
    if found.reason:
        yield f"reason: {some_text(found.reason, 'en')}"


app.command()(add.add)
app.command()(settle.keep)
app.command()(settle.review)
app.command()(settle.late)
app.command()(settle.drop)
app.command("break")(settle.break_)
app.command()(work.step)
app.command("carry-over")(settle.carry_over)
app.command()(work.spend)
app.command()(work.give)
app.command()(files.file)


@app.command()
def library(
    ctx: typer.Context,
    place: Annotated[str, typer.Option("--for", metavar="PLACE", help="Only what is meant there: US-MA, CN.")] = "",
    show: Annotated[str, typer.Option("--show", metavar="ID", help="One entry, with all of it.")] = "",
) -> None:
    """List what can be promised: pick it in the incident file with `use: ID`. Nothing is promised by default."""
    from amends.content.playbook.commitment_library import shipped_commitments
    from amends.domain.playbook.commitment_library import entry_lines

    desk: Desk = ctx.obj
    found = shipped_commitments()
    if place and not PLACE_FORM.fullmatch(place):
        raise typer.BadParameter("--for: write a country or a state, as in CN or US-MA")
    if show and show not in found.entries:
        raise typer.BadParameter(f"--show: the library has {', '.join(found.entries)}")
    if show:
        kind, entry = found.entries[show]
        desk.show({"kind": kind, **entry.model_dump(mode="json")}, "\n".join(entry_lines(kind, entry)))
        return
    entries = found.for_place(place)
    rows = [(one.id, kind, one.where, one.due, some_text(one.promise, "en")) for kind, one in entries]
    values = [{"kind": kind, **one.model_dump(mode="json")} for kind, one in entries]
    desk.show(values, table(("id", "kind", "for", "due", "promise"), rows))
    desk.hint("`amends commitments library --show ID` says what it costs, who must do it and what the law asks for")
