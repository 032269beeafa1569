"""The command `amends commitments add`: promise something more, by options or by a file."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from amends.cli.commitment.words import point_out_owners, spelled_texts
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import As, IncidentId, number
from amends.domain.base.audience import EVERYONE
from amends.domain.base.errors import ContentError, Finding, NotAllowed
from amends.domain.base.text import minute
from amends.domain.case.views.draft import DraftView
from amends.domain.commitment.people import names_of
from amends.domain.feedback.question import QuestionKind
from amends.domain.incident.commitment import Commitment, CommitmentKind

if TYPE_CHECKING:
    from amends.content.incident.new_commitments import NewCommitment, Where

Added = Sequence[tuple[Commitment, Collection[int]]]
"""Commitments, each with the numbers of the persons to whom it is made, where it is for some persons only."""


def add(
    ctx: typer.Context,
    incident: IncidentId,
    name: As,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="Promises as a playbook writes them, with `due` as a day; or options."),
    ] = None,
    commitment: Annotated[str, typer.Option("--id", metavar="ID", help="The promise's id.")] = "",
    kind: Annotated[str, typer.Option(metavar="KIND", help=f"One of {', '.join(CommitmentKind)}.")] = "",
    owner: Annotated[
        str, typer.Option(metavar="NAME", help="Who must keep it: a member, who is then reminded, or an office.")
    ] = "",
    deputy: Annotated[str, typer.Option(metavar="NAME", help="The member who is reminded after the owner.")] = "",
    due: Annotated[str, typer.Option(metavar="DATE", help="The last day, such as 2027-03-31, or 14d from now.")] = "",
    every: Annotated[str, typer.Option(metavar="SPAN", help="It comes again after this time: 90d.")] = "",
    until: Annotated[str, typer.Option(metavar="DATE", help="The last day on which it can come again.")] = "",
    at_most: Annotated[int | None, typer.Option(metavar="N", parser=number, help="How often it comes at most.")] = None,
    budget: Annotated[str, typer.Option(metavar="MONEY", help="What may be spent on it: '12000 EUR'.")] = "",
    promise: Annotated[
        list[str], typer.Option("--promise", metavar="LOCALE=TEXT", help="The promise; once for each locale.")
    ] = [],  # noqa: B006 - typer copies the default
    audience: Annotated[str, typer.Option(metavar="SEGMENT", help="A segment; everyone when left out.")] = "",
    place: Annotated[str, typer.Option(metavar="PLACE", help="People who live there: DE, US-MA.")] = "",
    people: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Some persons: a file with one id of yours a line.")
    ] = None,
    complaint: Annotated[
        int | None, typer.Option(metavar="QUESTION", parser=number, help="The person of this complaint alone.")
    ] = None,
) -> None:
    """Promise something more, at any time; the next notice to those people says so, else one of its own.

    Nothing is stored unless everything can be.
    """
    from amends.content.incident.new_commitments import read_new_commitments

    desk: Desk = ctx.obj
    by, case = desk.member(name).name, desk.ledger.views.drafting(incident, now())
    given = {
        "id": commitment,
        "kind": kind,
        "owner": owner,
        "due": due,
        "promise": spelled_texts(promise),
        "audience": audience,
        "place": place,
        "people": people,
        "complaint": complaint,
        "deputy": deputy,
        "every": every,
        "until": until,
        "at_most": at_most,
        "budget": budget,
    }
    said = {key: value for key, value in given.items() if value}
    if (file is None) == (not said):
        raise typer.BadParameter("give either a FILE, or the promise with --id, --kind, --owner, --due and --promise")
    new, where = read_new_commitments(file) if file else _from_options(said)
    added = _add(desk, case, new, where, by)
    _report_added(desk, incident, added)
    point_out_owners(desk, [name for one in added for name in names_of(one)])


def promise_from(desk: Desk, incident: str, file: Path, by: str) -> list[Commitment]:
    """Add the commitments of a file, all or none, and return them. Raises ContentError, NotAllowed, NotInLedger."""
    from amends.content.incident.new_commitments import read_new_commitments

    case = desk.ledger.views.drafting(incident, now())
    return _add(desk, case, *read_new_commitments(file), by)


def _add(desk: Desk, case: DraftView, new: "Sequence[NewCommitment]", where: "Where", by: str) -> list[Commitment]:
    """Check the new commitments and store all or none. Raises ContentError, NotAllowed, NotInLedger."""
    from amends.content.incident.new_commitments import check_new

    incident = case.incident.id
    wrong, persons = check_new(new, case, where, now()), [_persons(desk, incident, one) for one in new]
    if found := [*wrong, *(finding for _, unknown in persons for finding in unknown)]:
        desk.complain("nothing is stored")
        raise ContentError(*found)
    zone = case.incident.organisation.timezone
    added = [(one.commitment(zone, now()), whose) for one, (whose, _) in zip(new, persons, strict=True)]
    _refuse_unmakeable(desk, case, added, where)
    desk.ledger.commitments.add(incident, added, by, now())
    return [one for one, _ in added]


def _from_options(said: dict[str, Any]) -> "tuple[tuple[NewCommitment, ...], Where]":
    """Return the commitment that the options describe. Raises ContentError that names each wrong option."""
    from amends.content.file.codes import Code
    from amends.content.incident.new_commitments import NewCommitment

    try:
        return (NewCommitment.model_validate(said),), lambda _, key: f"--{key}"
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)
        raise ContentError(
            *(
                Finding(_option(one["loc"]), Code.MISSING if one["type"] == "missing" else Code.WRONG_FORM, one["msg"])
                for one in wrong
            )
        ) from None


def _option(loc: tuple[int | str, ...]) -> str:
    """Return the option whose value is wrong; of values that do not fit together, the option that makes it recur."""
    return f"--{str(loc[0]).replace('_', '-')}" if loc else "--every"


def _persons(desk: Desk, incident: str, new: "NewCommitment") -> tuple[list[int], list[Finding]]:
    """Return the numbers of the persons in the commitment's file, and a finding for each line that names nobody."""
    from amends.content.file.codes import Code
    from amends.content.incident.new_commitments import read_refs

    if new.complaint:
        return _of_complaint(desk, incident, new)
    refs = read_refs(new.people) if new.people else ()
    known = desk.ledger.people.numbers_of(incident, [ref for _, ref in refs])
    unknown = [line for line, ref in refs if ref not in known]
    what, advice = f"{new.id}: nobody in the list has this id", "write the id as the audience file has it"
    findings = [Finding(f"{new.people}:{line}:1", Code.UNKNOWN_WORD, what, advice) for line in unknown]
    return sorted(known.values()), findings


def _of_complaint(desk: Desk, incident: str, new: "NewCommitment") -> tuple[list[int], list[Finding]]:
    """Return the person of the complaint, or a finding when the question is no complaint of anybody in the list."""
    from amends.content.file.codes import Code

    asked = desk.ledger.questions.get(incident, new.complaint or 0)
    if asked.kind is QuestionKind.COMPLAINT and asked.person:
        return [asked.person], []
    what = f"{new.id}: question {asked.id} is no complaint of somebody in the list"
    return [], [Finding("--complaint", Code.DOES_NOT_FIT, what, f"`amends questions list {incident}` has the kinds")]


def _refuse_unmakeable(desk: Desk, case: DraftView, added: Added, where: "Where") -> None:
    """Raise before anything is stored when no notice could make one of these commitments."""
    from amends.delivery.rendering import rendered
    from amends.domain.draft.draft import MADE
    from amends.domain.draft.writer import Links, Readers
    from amends.domain.lint.commitments import unmakeable
    from amends.domain.plan.plan import to_be_made, why_not_made

    if case.playbook is None:
        return  # the playbook that is started says so
    incident, new = case.incident.id, tuple(one for one, _ in added)
    wording, all_of_them = desk.ledger.playbooks.wording(incident), desk.ledger.notices.audience(incident, EVERYONE)
    if to_be_made(case.model_copy(update={"commitments": new})):
        refusal = why_not_made(case)
        if refusal or not wording.locales(MADE):
            raise NotAllowed(refusal or f"the words of {case.playbook.id} have no templates {MADE}")
    readers = Readers(all_of_them.digest, all_of_them.people, all_of_them.readers)
    links = Links(desk.settings.public_url)
    found = [
        replace(finding, where=f"{where(index, 'promise')} ({finding.where})")
        for index, one in enumerate(new)
        for finding in rendered(partial(unmakeable, case, one, wording, readers, links, now()))
    ]
    if found:
        desk.complain("nothing is stored: no notice could be sent with these words")
        raise ContentError(*found)


def _report_added(desk: Desk, incident: str, added: Sequence[Commitment]) -> None:
    from amends.cli.terminal.prefect import nudge
    from amends.domain.plan.plan import to_be_made

    case = desk.ledger.cases.read(incident, now())
    alone = {one.id for one in to_be_made(case)}
    desk.show(added, "\n".join(f"{one.id} is promised to {one.audience} by {minute(one.due_at)}" for one in added))
    nudge(desk, incident)
    for one in added:
        own = f"a notice of its own is drafted for approval; `amends incident show {incident}` says when it can be read"
        desk.hint(f"{one.id}: {own if one.id in alone else f'the next notice to {one.audience} says so'}")
