"""Commands for the commitments of an incident: add and list them, and mark one as kept, late or dropped."""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import As, IncidentId, noun, number
from amends.cli.terminal.text import table
from amends.domain.base.errors import ContentError, Finding, NotAllowed
from amends.domain.base.text import minute
from amends.domain.base.value import EVERYONE, LOCALE, Texts, some_text, text_for
from amends.domain.case.case import Case
from amends.domain.feedback.question import QuestionKind
from amends.domain.incident.commitment import Commitment, CommitmentKind, CommitmentState, end_of_day
from amends.domain.incident.incident import Incident

if TYPE_CHECKING:
    from amends.content.incident.new_commitments import NewCommitment, Where

Added = Sequence[tuple[Commitment, Collection[int]]]
"""Commitments, each with the numbers of the persons to whom it is made, where it is for some persons only."""

CommitmentId = Annotated[str, typer.Argument(metavar="COMMITMENT", help="The promise's id.")]
Evidence = Annotated[
    list[str],
    typer.Option(
        "--evidence",
        metavar="LOCALE=TEXT",
        help="What shows that it was kept, in words for those promised; once for each locale.",
    ),
]
Reason = Annotated[
    list[str],
    typer.Option("--reason", metavar="LOCALE=TEXT", help="Why, in words for those promised; once for each locale."),
]

PLACE_FORM = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")

app = noun()


@app.command("list")
def listed(ctx: typer.Context, incident: IncidentId) -> None:
    """Every promise given, the earliest due first."""
    from amends.domain.incident.commitment import fate

    desk: Desk = ctx.obj
    given = desk.ledger.commitments.all(incident)
    rows = [(c.id, fate(c, now()), c.new_due_at or c.due_at, c.owner, some_text(c.evidence, "en")) for c in given]
    desk.show(given, table(("promise", "stands", "due", "owner", "evidence"), rows))


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


@app.command()
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
    owner: Annotated[str, typer.Option(metavar="OFFICE", help="Who must keep it.")] = "",
    due: Annotated[str, typer.Option(metavar="DATE", help="The last day, such as 2027-03-31, or 14d from now.")] = "",
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
    by, case = desk.member(name).name, desk.ledger.cases.read(incident, now())
    given = {
        "id": commitment, "kind": kind, "owner": owner, "due": due, "promise": _spelled(promise),
        "audience": audience, "place": place, "people": people, "complaint": complaint,
    }  # fmt: skip
    said = {key: value for key, value in given.items() if value}
    if (file is None) == (not said):
        raise typer.BadParameter("give either a FILE, or the promise with --id, --kind, --owner, --due and --promise")
    new, where = read_new_commitments(file) if file else _from_options(said)
    _report_added(desk, incident, _add(desk, case, new, where, by))


def promise_from(desk: Desk, incident: str, file: Path, by: str) -> list[Commitment]:
    """Add the commitments of a file, all or none, and return them. Raises ContentError, NotAllowed, NotInLedger."""
    from amends.content.incident.new_commitments import read_new_commitments

    case = desk.ledger.cases.read(incident, now())
    return _add(desk, case, *read_new_commitments(file), by)


def _add(desk: Desk, case: Case, new: "Sequence[NewCommitment]", where: "Where", by: str) -> list[Commitment]:
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


def _spelled(spelled: list[str]) -> Texts:
    """Return the texts by locale, from LOCALE=TEXT or from one bare text for every locale."""
    texts: Texts = {}
    for given in spelled:
        locale, equals, text = given.partition("=")
        named = equals and LOCALE.fullmatch(locale)
        texts[locale if named else "*"] = (text if named else given).strip()
    return texts


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
                Finding(f"--{one['loc'][0]}", Code.MISSING if one["type"] == "missing" else Code.WRONG_FORM, one["msg"])
                for one in wrong
            )
        ) from None


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


def _refuse_unmakeable(desk: Desk, case: Case, added: Added, where: "Where") -> None:
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


@app.command()
def keep(ctx: typer.Context, incident: IncidentId, commitment: CommitmentId, evidence: Evidence, name: As) -> None:
    """Note that a promise is kept; those promised will be told.

    Until they are, the same with other evidence puts it in the place of the first.
    """
    desk: Desk = ctx.obj
    by, case = desk.member(name).name, desk.ledger.cases.read(incident, now())
    stored = desk.ledger.commitments.get(incident, commitment)
    shown = _texts(evidence, case.incident, "--evidence")
    kept = {"state": CommitmentState.KEPT, "evidence": shown, "settled_at": now()}
    _refuse_unsayable(desk, case, stored, kept, "--evidence")
    desk.ledger.commitments.keep(incident, commitment, shown, by, now())
    _report_change(desk, incident, commitment, f"{commitment} is kept")
    _point_out_untranslated(desk, shown, case.incident, "--evidence")


@app.command()
def late(
    ctx: typer.Context,
    incident: IncidentId,
    commitment: CommitmentId,
    until: Annotated[str, typer.Option(metavar="DATE", help="The new date, such as 2027-03-31: the end of that day.")],
    name: As,
    reason: Reason = [],  # noqa: B006 - typer copies the default
    reason_en: Annotated[str, typer.Option("--reason-en", metavar="TEXT", help="The same as --reason en=TEXT.")] = "",
) -> None:
    """Give a promise a new date, and say why; those promised will be told."""
    desk: Desk = ctx.obj
    by = desk.member(name).name
    case = desk.ledger.cases.read(incident, now())
    stored = desk.ledger.commitments.get(incident, commitment)
    due = _until(until, case.incident.organisation.timezone)
    reasons = _texts([*reason, *([f"en={reason_en}"] if reason_en else [])], case.incident, "--reason")
    _refuse_unsayable(desk, case, stored, {"new_due_at": due, "reason": reasons}, "--reason")
    desk.ledger.commitments.put_off(incident, commitment, due, reasons, by, now())
    _report_change(desk, incident, commitment, f"{commitment} is due by {minute(due)} now")
    _point_out_untranslated(desk, reasons, case.incident, "--reason")


@app.command()
def drop(ctx: typer.Context, incident: IncidentId, commitment: CommitmentId, reason: Reason, name: As) -> None:
    """Note that a promise will not be kept; those promised will be told why.

    Until they are, the same with another reason puts it in the place of the first.
    """
    desk: Desk = ctx.obj
    by, case = desk.member(name).name, desk.ledger.cases.read(incident, now())
    stored = desk.ledger.commitments.get(incident, commitment)
    reasons = _texts(reason, case.incident, "--reason")
    dropped = {"state": CommitmentState.DROPPED, "reason": reasons, "settled_at": now()}
    _refuse_unsayable(desk, case, stored, dropped, "--reason")
    desk.ledger.commitments.drop(incident, commitment, reasons, by, now())
    _report_change(desk, incident, commitment, f"{commitment} is dropped")
    _point_out_untranslated(desk, reasons, case.incident, "--reason")


@app.command("carry-over")
def carry_over(
    ctx: typer.Context,
    incident: IncidentId,
    commitment: CommitmentId,
    name: As,
    owner: Annotated[str, typer.Option(metavar="NAME", help="Who answers for it then; the owner when left out.")] = "",
    until: Annotated[
        str, typer.Option(metavar="DATE", help="A new date, such as 2027-03-31; those promised hear of it.")
    ] = "",
    reason: Reason = [],  # noqa: B006 - typer copies the default
) -> None:
    """Let an open promise go on after the case is closed, with an owner and a date; it keeps no case open then."""
    from amends.domain.closing.missing import date_of

    desk: Desk = ctx.obj
    by, case = desk.member(name).name, desk.ledger.cases.read(incident, now())
    stored = desk.ledger.commitments.get(incident, commitment)
    due = _until(until, case.incident.organisation.timezone) if until else date_of(stored)
    if due != date_of(stored):
        reasons = _texts(reason, case.incident, "--reason")
        _refuse_unsayable(desk, case, stored, {"new_due_at": due, "reason": reasons}, "--reason")
        desk.ledger.commitments.put_off(incident, commitment, due, reasons, by, now())
    answers = owner.strip() or stored.owner
    desk.ledger.closing.carry_over(incident, commitment, answers, due, by, now())
    carried = {"incident": incident, "commitment": commitment, "owner": answers, "due_at": due}
    desk.show(carried, f"{commitment} goes on after the closing: {answers}, due {minute(due)}")


def _refuse_unsayable(desk: Desk, case: Case, stored: Commitment, changes: dict[str, object], option: str) -> None:
    """Raise ContentError, before the words are stored, when a notice with them could not be sent to those promised."""
    from amends.delivery.rendering import rendered
    from amends.domain.draft.writer import Links, Readers
    from amends.domain.lint.commitments import unsayable

    if case.playbook is None:
        return  # never with a commitment, which comes from a playbook
    changed, to = stored.model_copy(update=changes), desk.ledger.notices.audience(case.incident.id, stored.audience)
    readers, links = Readers(to.digest, to.people, to.readers), Links(desk.settings.public_url)
    wording = desk.ledger.playbooks.wording(case.incident.id)
    if found := rendered(partial(unsayable, case, changed, wording, readers, links, now())):
        desk.complain(f"nothing is stored: the notice could not be sent with these words; change {option}")
        raise ContentError(*(replace(one, where=f"{option} ({one.where})") for one in found))


def _report_change(desk: Desk, incident: str, commitment: str, text: str) -> None:
    from amends.cli.terminal.prefect import nudge

    desk.show(desk.ledger.commitments.get(incident, commitment), text)
    nudge(desk, incident)
    desk.hint(f"a notice to those promised is drafted next; `amends incident show {incident}` says when it can be read")


def _point_out_untranslated(desk: Desk, texts: Texts, incident: Incident, option: str) -> None:
    bare = sorted(locale for locale in incident.texts if text_for(texts, locale) == texts.get("*"))
    if len(bare) > 1:
        desk.hint(
            f"the letters in {' and '.join(bare)} all say it in these words; "
            f"until they leave, the same again with {option} {bare[0]}=TEXT and so on says it in each language"
        )


def _texts(spelled: list[str], incident: Incident, option: str) -> Texts:
    """Return the texts by locale, from LOCALE=TEXT or from one bare text for every locale.

    Raises BadParameter when a locale of the incident gets no text.
    """
    texts = _spelled(spelled)
    missing = [locale for locale in incident.texts if not text_for(texts, locale)]
    if missing:
        raise typer.BadParameter(f"say it in {', '.join(missing)} too: {option} {missing[0]}=TEXT")
    return texts


def _until(text: str, zone: str) -> datetime:
    """Return the time that a typed day or time means. Raises BadParameter."""
    try:
        return end_of_day(text, zone)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
