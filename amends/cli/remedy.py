"""Commands for remedies: what is done for each person of a promise that is kept for each person alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.feedback.hotline import ColumnOptions, Encoding, MapFile, ValueOptions, column_map
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.options import As, CommitmentId, IncidentId, noun, number
from amends.cli.terminal.text import table
from amends.domain.base.errors import NotAllowed
from amends.domain.base.text import counted
from amends.domain.incident.commitment import CommitmentState
from amends.domain.remedy.remedy import OWED, RemedyState, outcome_of

if TYPE_CHECKING:
    from amends.content.feedback.columns import Rejected
    from amends.content.remedy import ResultRow

MOST_LISTED = 1_000
"""The most persons that a list at a terminal shows; `--json` has them all."""

app = noun()


@app.command("list")
def listed(
    ctx: typer.Context,
    incident: IncidentId,
    commitment: CommitmentId,
    waiting: Annotated[bool, typer.Option("--open", help="Only those who still wait.")] = False,
) -> None:
    """List the people who were told of a promise, by number, each with what was done; without names."""
    desk: Desk = ctx.obj
    words = desk.ledger.remedies.words(incident, commitment)
    desk.ledger.remedies.enrol(incident, now())
    found = desk.ledger.remedies.all(incident, commitment, states=OWED if waiting else ())
    rows = [(one.person, one.state.in_words, one.word, one.changed_at, one.settled_by) for one in found[:MOST_LISTED]]
    desk.show(found, table(("person", "stands", "result", "since", "by"), rows))
    if len(found) > MOST_LISTED:
        desk.hint(f"these are the first {MOST_LISTED} of {len(found)}; `--json` has them all")
    counts = desk.ledger.remedies.counts(incident)[commitment]
    desk.hint(f"{commitment}: {counts.in_words}; results: {', '.join(words.results)}")
    if counts.owed:
        desk.hint(f"`amends remedies import {incident} {commitment} FILE --as NAME` takes many results in at once")


@app.command("open")
def open_(ctx: typer.Context, incident: IncidentId) -> None:
    """Show, for each promise that is kept person by person, how many people still wait."""
    desk: Desk = ctx.obj
    desk.ledger.remedies.enrol(incident, now())
    counts = desk.ledger.remedies.counts(incident)
    given = [one for one in desk.ledger.commitments.all(incident) if one.id in counts]
    rows = [
        (one.id, one.new_due_at or one.due_at, one.owner, counts[one.id].owed, counts[one.id].in_words) for one in given
    ]
    values = [
        {"commitment": one.id, "owner": one.owner, "due": one.new_due_at or one.due_at, "open": counts[one.id].owed}
        | {"by_state": counts[one.id].by_state}
        for one in given
    ]
    desk.show(values, table(("promise", "due", "owner", "wait", "people"), rows))
    if not given:
        desk.hint("no promise of this incident is kept person by person: it would have `per_person`, with the results")


@app.command()
def done(
    ctx: typer.Context,
    incident: IncidentId,
    commitment: CommitmentId,
    person: Annotated[int, typer.Argument(metavar="PERSON", parser=number, help="The person's number.")],
    name: As,
    result: Annotated[str, typer.Option(metavar="NAME", help="The result, in a word of the promise.")] = "",
    reason: Annotated[
        str, typer.Option(metavar="NAME", help="Why it was not possible, in a word of the promise.")
    ] = "",
    under_way: Annotated[bool, typer.Option("--under-way", help="It was begun.")] = False,
    declined: Annotated[bool, typer.Option("--declined", help="The person wants nothing done.")] = False,
    again: Annotated[bool, typer.Option("--open", help="It is to be done after all.")] = False,
) -> None:
    """Say what was done for one person; they read it on their page, and in the notice that the promise is kept."""
    desk: Desk = ctx.obj
    by = desk.member(name).name
    chosen = {RemedyState.UNDER_WAY: under_way, RemedyState.DECLINED: declined, RemedyState.OPEN: again}
    states = [state for state, given in chosen.items() if given]
    if len(states) + bool(result) + bool(reason) != 1:
        raise typer.BadParameter("say one of --result NAME, --reason NAME, --under-way, --declined and --open")
    words = desk.ledger.remedies.words(incident, commitment)
    try:
        outcome = outcome_of(states[0] if states else "", result, reason, words)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    said = desk.ledger.remedies.settle(incident, commitment, {person: outcome}, by, now())
    if said.refused:
        raise NotAllowed(f"person {person}: {said.refused[person]}")
    text = f"{commitment}, person {person}: {outcome.state.in_words}{outcome.word and f' ({outcome.word})'}"
    desk.show({"person": person, "state": outcome.state, "result": outcome.word, "changed": said.changed}, text)
    _say_what_is_left(desk, incident, commitment)


@app.command("import")
def import_(
    ctx: typer.Context,
    incident: IncidentId,
    commitment: CommitmentId,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="CSV or XLSX, with the columns below."),
    ],
    name: As,
    columns: ColumnOptions = None,
    values: ValueOptions = None,
    map_file: MapFile = None,
    encoding: Encoding = "",
) -> None:
    """Take in what was done for many people, all rows or none; the same file again changes nothing.

    Columns: person_id (as in the list of people), result or reason (a word of the promise), state (may be left out
    where there is a result or a reason: open, under_way, done, not_possible, declined).
    """
    from amends.content.feedback.columns import Rejected
    from amends.content.remedy import COLUMNS, read_results

    desk: Desk = ctx.obj
    by, words = desk.member(name).name, desk.ledger.remedies.words(incident, commitment)
    mapped = column_map(COLUMNS, map_file, columns, values, "", encoding)
    rows = read_results(file, words, mapped)
    good = [row for row in rows if not isinstance(row, Rejected)]
    outcomes, unknown = _by_person(desk, incident, good)
    if found := [*(row for row in rows if isinstance(row, Rejected)), *unknown]:
        raise _refuse(desk, file, len(rows), found)
    said = desk.ledger.remedies.settle(
        incident, commitment, {person: row.outcome for person, row in outcomes.items()}, by, now()
    )
    if said.refused:
        raise _refuse(desk, file, len(rows), [outcomes[one].rejected(why) for one, why in said.refused.items()])
    shown = {"rows": len(rows), "changed": said.changed, "same": said.same}
    desk.show(shown, f"{counted(len(rows), 'row')}: {said.changed} new, {said.same} as before")
    _say_what_is_left(desk, incident, commitment)


def _by_person(
    desk: Desk, incident: str, rows: Sequence["ResultRow"]
) -> tuple[Mapping[int, "ResultRow"], list["Rejected"]]:
    """Return the rows by the number of their person, and those whose person is not in the list."""
    known = desk.ledger.people.numbers_of(incident, [row.person_id for row in rows])
    unknown = [row.rejected("nobody in the list has this id") for row in rows if row.person_id not in known]
    return {known[row.person_id]: row for row in rows if row.person_id in known}, unknown


def _refuse(desk: Desk, file: Path, rows: int, found: Sequence["Rejected"]) -> typer.Exit:
    """Show the place of each row that cannot be recorded, and return the exit; nothing is stored."""
    lines = [row.at(file) for row in sorted(found, key=lambda row: (row.row, row.column))]
    summary = f"nothing is stored: {len(found)} of {counted(rows, 'row')} cannot be recorded"
    values = [{"row": row.row, "column": row.column, "reason": row.reason} for row in found]
    desk.show({"rows": rows, "rejected": values}, "\n".join([*lines, summary]))
    return typer.Exit(Exit.FINDINGS)


def _say_what_is_left(desk: Desk, incident: str, commitment: str) -> None:
    """Let the news of a promise that is kept go out to people with late results, and hint at what is left to do."""
    from amends.cli.terminal.prefect import nudge

    if desk.ledger.late_news.send_results(incident, now()):
        nudge(desk, incident)
        desk.hint("those who have a result since the notice left get the notice now")
    owed = desk.ledger.remedies.counts(incident)[commitment].owed
    if owed:
        desk.hint(f"{counted(owed, 'person', 'people')} still {'waits' if owed == 1 else 'wait'}")
    elif desk.ledger.commitments.get(incident, commitment).state is CommitmentState.OPEN:
        desk.hint(
            f"nobody waits any more: `amends commitments keep {incident} {commitment} --as NAME` ends the promise"
        )
