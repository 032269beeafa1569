"""The commands `amends review`: the figures of a case, notes of the team, lessons, and the end of a review."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import As, IncidentId, noun
from amends.cli.terminal.text import table
from amends.domain.base.errors import NotAllowed
from amends.domain.base.money import Money, by_currency
from amends.domain.case.case import Case
from amends.domain.case.states import OccurrenceState, RecordedOccurrence
from amends.domain.case.views.closing import ClosingView
from amends.domain.closing.figures import ReplyTime, figures
from amends.domain.closing.text import note_sections
from amends.domain.review import Review, ReviewFigures, ReviewKind, ReviewNote, figure_lines, stated_costs

if TYPE_CHECKING:
    from amends.content.incident.new_commitments import NewCommitment

UNPLANNED = "review"
"""The name of a review for which the playbook has no step."""
Text = Annotated[str, typer.Argument(metavar="TEXT", help="What you say, in a sentence that names no customer.")]

app = noun()


@app.command()
def show(ctx: typer.Context, incident: IncidentId) -> None:
    """The figures of the case as it is now, the notes of the team, and the reviews that have ended."""
    desk: Desk = ctx.obj
    case = desk.ledger.views.closing(incident, now())
    ended, notes = desk.ledger.reviews.ended(incident), desk.ledger.reviews.notes(incident)
    found = _figures(desk, case, stated_costs(ended))
    lines = [table(("figure", "value"), figure_lines(found)), *_note_lines(notes)]
    lines += [f"{one.step} ended on {one.at:%Y-%m-%d}, by {one.by}: its figures stand in the report" for one in ended]
    desk.show({"incident": incident, "figures": found, "notes": notes, "ended": ended}, "\n".join(lines))
    if not notes:
        desk.hint(f"say how it went: `amends review note {incident} well|badly|luck TEXT --as NAME`")


@app.command()
def note(
    ctx: typer.Context,
    incident: IncidentId,
    kind: Annotated[ReviewKind, typer.Argument(metavar="KIND", help="One of well, badly, luck.")],
    text: Text,
    name: As,
) -> None:
    """Say what went well, badly or by luck; it stands in the report."""
    desk: Desk = ctx.obj
    by = desk.member(name).name
    if kind is ReviewKind.LESSON:
        raise typer.BadParameter(f"a lesson is given with `amends review lesson {incident} TEXT --as NAME`")
    made = desk.ledger.reviews.note(incident, kind, text, by, now())
    desk.show(made, f"note {made.number}: {made.kind}")


@app.command()
def lesson(
    ctx: typer.Context,
    incident: IncidentId,
    text: Text,
    name: As,
    commit: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The lesson as one promise to customers, as `amends commitments add` reads it."
        ),
    ] = None,
    commitment: Annotated[
        str, typer.Option(metavar="ID", help="Or a promise that the incident has already, and that came of the lesson.")
    ] = "",
) -> None:
    """Say what is to be done otherwise; with --commit it becomes a promise, and the next notice tells customers."""
    from amends.cli.commitment.add import promise_from

    desk: Desk = ctx.obj
    by = desk.member(name).name
    if commit and commitment:
        raise typer.BadParameter("give either --commit FILE, or --commitment ID")
    if commitment:
        desk.ledger.commitments.get(incident, commitment)
    new = _one_promise(commit) if commit else None
    if new and commit and not _is_made(desk, incident, new):
        promise_from(desk, incident, commit, by)
    promised = new.id if new else commitment
    made = desk.ledger.reviews.note(incident, ReviewKind.LESSON, text, by, now())
    if promised:
        desk.ledger.reviews.becomes(incident, made.number, promised, by, now())
    became = f", and it is the promise {promised}" if promised else ""
    desk.show({**made.model_dump(mode="json"), "commitment": promised}, f"lesson {made.number}{became}")


def _is_made(desk: Desk, incident: str, new: "NewCommitment") -> bool:
    """Return True when this promise was added before, as by a call that was broken off.

    Raises NotAllowed when another promise has its id.
    """
    made = next((commitment for commitment in desk.ledger.commitments.all(incident) if commitment.id == new.id), None)
    if made and made.promise != new.promise:
        raise NotAllowed(f"incident {incident} has another commitment {new.id} already; choose another id")
    return made is not None


def _one_promise(file: Path) -> "NewCommitment":
    """Return the only promise in the file. Raises ContentError, and NotAllowed when there are several."""
    from amends.content.incident.new_commitments import read_new_commitments

    new, _ = read_new_commitments(file)
    if len(new) > 1:
        raise NotAllowed(f"{file} has {len(new)} promises; one lesson becomes one promise")
    return new[0]


@app.command()
def end(
    ctx: typer.Context,
    incident: IncidentId,
    name: As,
    step: Annotated[str, typer.Argument(metavar="[STEP]", help="The playbook's step; the one that was begun.")] = "",
    cost: Annotated[
        list[str],
        typer.Option(
            "--cost",
            metavar="MONEY",
            help="What it cost beside promises and claims, such as lawyers: '12000 EUR'; may be repeated, and adds up.",
        ),
    ] = [],  # noqa: B006 - typer copies the default
) -> None:
    """End the review: its figures are stored as they are now, and stand in the report.

    What was spent on promises and paid on claims is counted; --cost states other costs. Without it those of the review
    before stand.
    """
    desk: Desk = ctx.obj
    other = _costs(cost)
    by, case = desk.member(name).name, desk.ledger.views.closing(incident, now())
    occurrence = _review_of(case, step)
    which = occurrence.step if occurrence else step or UNPLANNED
    found = _figures(desk, case, other or stated_costs(desk.ledger.reviews.ended(incident)))
    review = desk.ledger.reviews.end(incident, which, found, by, now())
    if other and review.figures.cost.other != other:
        raise NotAllowed(f"{which} ended on {review.at:%Y-%m-%d}, and its figures never change: --cost comes too late")
    if occurrence and occurrence.state is not OccurrenceState.DONE:
        desk.ledger.occurrences.mark(
            incident,
            occurrence.step,
            occurrence.number,
            occurrence.due_at,
            OccurrenceState.DONE,
            now(),
            f"ended by {by}",
        )
    _report_end(desk, incident, review)


def _report_end(desk: Desk, incident: str, review: Review) -> None:
    from amends.cli.terminal.prefect import nudge

    desk.show(review, table(("figure", "value"), figure_lines(review.figures)))
    nudge(desk, incident)
    desk.hint(f"`amends report {incident}` has them, with the notes of the team")


def _review_of(case: Case, step: str) -> RecordedOccurrence | None:
    """Return the occurrence of the review, or None when the playbook has no review.

    Raises NotAllowed for a step that is no review, and for a review that was not begun.
    """
    reviews = [one.id for one in case.playbook.steps if one.review] if case.playbook else []
    if not reviews and step in ("", UNPLANNED):
        return None
    if step and step not in reviews:
        raise NotAllowed(f"{step} is no review; reviews are: {', '.join(reviews) or 'none'}")
    asked = (OccurrenceState.WAITING, OccurrenceState.DONE)
    begun = [
        occurrence
        for occurrence in case.occurrences
        if occurrence.step in ([step] if step else reviews) and occurrence.state in asked
    ]
    begun.sort(key=lambda one: one.state is OccurrenceState.DONE)
    if not begun:
        raise NotAllowed(f"no review was begun; `amends timeline {case.incident.id}` says when it comes")
    return begun[0]


def _figures(desk: Desk, case: ClosingView, other_costs: Sequence[Money]) -> ReviewFigures:
    replies = [ReplyTime(*reply_time) for reply_time in desk.ledger.reviews.reply_times(case.incident.id)]
    return figures(case, replies, now(), other_costs)


def _costs(spelled: Sequence[str]) -> tuple[Money, ...]:
    """Return one sum for each currency. Raises BadParameter for what is no amount with its currency."""
    try:
        return by_currency(map(Money.parse, spelled))
    except ValueError as error:
        raise typer.BadParameter(f"--cost: {error}") from None


def _note_lines(notes: Sequence[ReviewNote]) -> list[str]:
    return [line for heading, said in note_sections(notes) for line in (f"\n{heading.lower()}", *said)]
