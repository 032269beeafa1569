"""Commands by which commitments end: kept and reviewed, late, dropped or broken."""

from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from amends.cli.commitment.words import point_out_untranslated, texts_for_all
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import As, CommitmentId, IncidentId
from amends.domain.base.errors import ContentError
from amends.domain.base.text import minute
from amends.domain.case.views.draft import DraftView
from amends.domain.commitment.evidence import why_not_link
from amends.domain.incident.commitment import Commitment, CommitmentState, end_of_day

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
Series = Annotated[bool, typer.Option("--series", help="And it never comes again.")]


def keep(
    ctx: typer.Context,
    incident: IncidentId,
    commitment: CommitmentId,
    evidence: Evidence,
    name: As,
    file: Annotated[
        list[Path], typer.Option("--file", metavar="FILE", help="A file that shows it, kept sealed; repeat it.")
    ] = [],  # noqa: B006 - typer copies the default
    link: Annotated[str, typer.Option(metavar="URL", help="A page of ours that shows it, for those promised.")] = "",
) -> None:
    """Report a promise as kept; once another member has reviewed the evidence, those promised will be told.

    Until they are, the same with other evidence puts it in the place of the first, and is reviewed anew.
    """
    from amends.cli.commitment.files import read_files

    desk: Desk = ctx.obj
    by, case = desk.member(name).name, desk.ledger.views.drafting(incident, now())
    stored = desk.ledger.commitments.get(incident, commitment)
    shown, files = texts_for_all(evidence, case.incident, "--evidence"), read_files(file)
    _refuse_link(link, case)
    kept = {"state": CommitmentState.KEPT, "evidence": shown, "evidence_link": link, "settled_at": now()}
    _refuse_unsayable(desk, case, stored, kept, "--evidence")
    desk.ledger.commitments.keep(incident, commitment, shown, by, now(), link=link, files=files)
    reported = desk.ledger.commitments.get(incident, commitment)
    desk.show(reported, f"{commitment} is reported as kept, and open until another member reviews the evidence")
    desk.hint(f"`amends commitments review {incident} {commitment} --as NAME`, by another member than {by}")
    point_out_untranslated(desk, shown, case.incident, "--evidence")


def _refuse_link(link: str, case: DraftView) -> None:
    if link and (refusal := why_not_link(link, case.incident.organisation.own_domains)):
        raise typer.BadParameter(f"--link: {refusal}")


def review(
    ctx: typer.Context,
    incident: IncidentId,
    commitment: CommitmentId,
    name: As,
    refuse: Annotated[
        str, typer.Option(metavar="WHY", help="The evidence is not enough, and why; for its owner.")
    ] = "",
) -> None:
    """Accept the evidence that another member gave, or refuse it; those promised are told once it is accepted.

    `amends commitments show` has the words, `amends commitments file` the files.
    """
    desk: Desk = ctx.obj
    by = desk.member(name).name
    if refuse:
        desk.ledger.commitments.refuse(incident, commitment, refuse, by, now())
        desk.show(desk.ledger.commitments.get(incident, commitment), f"{commitment} stays open")
        desk.hint("its owner hears with the next reminders; nobody who was promised it is told")
        return
    desk.ledger.commitments.accept(incident, commitment, by, now())
    _report_change(desk, incident, commitment, f"{commitment} is kept")


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
    case = desk.ledger.views.drafting(incident, now())
    stored = desk.ledger.commitments.get(incident, commitment)
    due = _until(until, case.incident.organisation.timezone)
    reasons = texts_for_all([*reason, *([f"en={reason_en}"] if reason_en else [])], case.incident, "--reason")
    _refuse_unsayable(desk, case, stored, {"new_due_at": due, "reason": reasons}, "--reason")
    desk.ledger.commitments.put_off(incident, commitment, due, reasons, by, now())
    _report_change(desk, incident, commitment, f"{commitment} is due by {minute(due)} now")
    point_out_untranslated(desk, reasons, case.incident, "--reason")


def drop(
    ctx: typer.Context, incident: IncidentId, commitment: CommitmentId, reason: Reason, name: As, series: Series = False
) -> None:
    """Give up a promise before its date; those promised will be told why.

    Until they are, the same with another reason puts it in the place of the first.
    """
    _give_up(ctx.obj, incident, commitment, CommitmentState.DROPPED, reason, name, series=series)


def break_(
    ctx: typer.Context, incident: IncidentId, commitment: CommitmentId, reason: Reason, name: As, series: Series = False
) -> None:
    """Say that a promise whose date has passed will not be kept any more; those promised will be told that, and why.

    Until they are, the same with another reason puts it in the place of the first.
    """
    _give_up(ctx.obj, incident, commitment, CommitmentState.BROKEN, reason, name, series=series)


def _give_up(
    desk: Desk, incident: str, commitment: str, state: CommitmentState, reason: list[str], name: str, *, series: bool
) -> None:
    by, case = desk.member(name).name, desk.ledger.views.drafting(incident, now())
    stored, commitments = desk.ledger.commitments.get(incident, commitment), desk.ledger.commitments
    reasons = texts_for_all(reason, case.incident, "--reason")
    ended = {"state": state, "reason": reasons, "settled_at": now()}
    _refuse_unsayable(desk, case, stored, ended, "--reason")
    end = commitments.break_word if state is CommitmentState.BROKEN else commitments.drop
    end(incident, commitment, reasons, by, now(), series=series)
    _report_change(desk, incident, commitment, f"{commitment} is {state}")
    point_out_untranslated(desk, reasons, case.incident, "--reason")


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
    by, case = desk.member(name).name, desk.ledger.views.drafting(incident, now())
    stored = desk.ledger.commitments.get(incident, commitment)
    due = _until(until, case.incident.organisation.timezone) if until else date_of(stored)
    if due != date_of(stored):
        reasons = texts_for_all(reason, case.incident, "--reason")
        _refuse_unsayable(desk, case, stored, {"new_due_at": due, "reason": reasons}, "--reason")
        desk.ledger.commitments.put_off(incident, commitment, due, reasons, by, now())
    answers = owner.strip() or stored.owner
    desk.ledger.closing.carry_over(incident, commitment, answers, due, by, now())
    carried = {"incident": incident, "commitment": commitment, "owner": answers, "due_at": due}
    desk.show(carried, f"{commitment} goes on after the closing: {answers}, due {minute(due)}")


def _refuse_unsayable(desk: Desk, case: DraftView, stored: Commitment, changes: dict[str, object], option: str) -> None:
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


def _until(text: str, zone: str) -> datetime:
    """Return the time that a typed day or time means. Raises BadParameter."""
    try:
        return end_of_day(text, zone)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
