"""Commands for remedies: what is done for each person of a promise that is kept for each person alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.feedback.hotline import ColumnOptions, Encoding, MapFile, ValueOptions, column_map
from amends.cli.people.person import ByNumber, PersonRef, chosen_person
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.options import As, CommitmentId, IncidentId, noun
from amends.cli.terminal.text import table
from amends.domain.base.errors import NotAllowed
from amends.domain.base.text import counted
from amends.domain.entitlement.remedy import OWED, RemedyOutcome, RemedyState, RightOutcome, outcome_of
from amends.domain.incident.commitment import CommitmentState

if TYPE_CHECKING:
    from amends.content.entitlement.results import ResultRow
    from amends.content.feedback.columns import Rejected

MOST_LISTED = 1_000
"""The most persons that a list at a terminal shows; `--json` has them all."""
Result = Annotated[str, typer.Option(metavar="NAME", help="The result, in a word of the promise.")]
NotPossible = Annotated[str, typer.Option(metavar="NAME", help="Why it was not possible, in a word of the promise.")]

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
    given = [commitment for commitment in desk.ledger.commitments.all(incident) if commitment.id in counts]
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
    name: As,
    person: PersonRef = "",
    by_number: ByNumber = None,
    result: Result = "",
    reason: NotPossible = "",
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
    outcome = _outcome(desk, incident, commitment, states[0] if states else "", result, reason)
    whose = chosen_person(desk.ledger, incident, person, by_number)
    said = desk.ledger.remedies.settle(incident, commitment, {whose: outcome}, by, now())
    if said.refused:
        raise NotAllowed(f"person {whose}: {said.refused[whose]}")
    text = f"{commitment}, person {whose}: {_in_words(outcome)}"
    desk.show({"person": whose, "state": outcome.state, "result": outcome.word, "changed": said.changed}, text)
    _say_what_is_left(desk, incident, commitment)


@app.command()
def correct(
    ctx: typer.Context,
    incident: IncidentId,
    commitment: CommitmentId,
    name: As,
    why: Annotated[
        str,
        typer.Option(metavar="TEXT", help="Why it was wrong, without naming the person; it stands in the audit chain."),
    ],
    person: PersonRef = "",
    by_number: ByNumber = None,
    result: Result = "",
    reason: NotPossible = "",
) -> None:
    """Put right a result that a message told one person: their page has it at once, and a notice says sorry.

    The notice names what we told them and what is right. It waits for approval like any other, by somebody else.
    """
    desk: Desk = ctx.obj
    by = desk.member(name).name
    if bool(result) == bool(reason):
        raise typer.BadParameter("say what is right, with --result NAME or with --reason NAME")
    outcome = _outcome(desk, incident, commitment, "", result, reason)
    whose = chosen_person(desk.ledger, incident, person, by_number)
    said = desk.ledger.remedies.correct(incident, commitment, whose, RightOutcome(outcome, why), by, now())
    text = f"{commitment}, person {whose}: {_in_words(said.before)} was wrong, {_in_words(outcome)} is right"
    shown = {"person": whose, "was": said.before.word, "state": outcome.state, "result": outcome.word}
    desk.show(
        shown | {"notice": said.notice}, text if said.before != outcome else f"{text.partition(':')[0]}: as before"
    )
    if said.notice:
        _have_it_told(desk, incident, said.notice)


def _have_it_told(desk: Desk, incident: str, notice: str) -> None:
    from amends.cli.terminal.prefect import nudge

    nudge(desk, incident)
    desk.hint(f"their page says so now; {notice} tells them once it is approved: `amends preview {incident} {notice}`")


def _outcome(desk: Desk, incident: str, commitment: str, state: str, result: str, reason: str) -> RemedyOutcome:
    """Return the outcome in words of the promise. Raises BadParameter."""
    try:
        return outcome_of(state, result, reason, desk.ledger.remedies.words(incident, commitment))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _in_words(outcome: RemedyOutcome) -> str:
    return f"{outcome.state.in_words}{outcome.word and f' ({outcome.word})'}"


@app.command("import")
def import_(
    ctx: typer.Context,
    incident: IncidentId,
    commitment: CommitmentId,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="CSV or XLSX, with the columns below.")
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
    from amends.content.entitlement.results import COLUMNS, read_results
    from amends.content.feedback.columns import Rejected

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

    if desk.ledger.latecomer_news.send_results(incident, now()):
        nudge(desk, incident)
        desk.hint("those who have a result since the notice left get the notice now")
    owed = desk.ledger.remedies.counts(incident)[commitment].owed
    if owed:
        desk.hint(f"{counted(owed, 'person', 'people')} still {'waits' if owed == 1 else 'wait'}")
    elif desk.ledger.commitments.get(incident, commitment).state is CommitmentState.OPEN:
        desk.hint(
            f"nobody waits any more: `amends commitments keep {incident} {commitment} --as NAME` ends the promise"
        )
