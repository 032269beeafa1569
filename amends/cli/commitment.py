"""Commands for the commitments of an incident: list them, and mark one as kept, late or dropped."""

from dataclasses import replace
from datetime import date, datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.options import As, IncidentId, noun
from amends.cli.terminal.text import table
from amends.cli.terminal.times import in_utc
from amends.domain.base.errors import ContentError
from amends.domain.base.text import minute
from amends.domain.base.value import LOCALE, Texts, some_text, text_for
from amends.domain.case.case import Case
from amends.domain.incident.commitment import Commitment, CommitmentState
from amends.domain.incident.incident import Incident

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
    due = _end_of_day(until, case.incident.organisation.timezone)
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


def _refuse_unsayable(desk: Desk, case: Case, stored: Commitment, changes: dict[str, object], option: str) -> None:
    """Raise ContentError, before the words are stored, when a notice with them could not be sent to those promised."""
    from amends.domain.draft.draft import Links, Readers
    from amends.domain.lint.commitments import unsayable

    if case.playbook is None:
        return  # never with a commitment, which comes from a playbook
    changed, to = stored.model_copy(update=changes), desk.ledger.notices.audience(case.incident.id, stored.audience)
    readers, links = Readers(to.digest, to.people, to.readers), Links(desk.settings.public_url)
    if found := unsayable(case, changed, desk.ledger.playbooks.wording(case.incident.id), readers, links, now()):
        desk.complain(f"nothing is stored: the notice could not be sent with these words; change {option}")
        raise ContentError(*(replace(one, where=f"{option} ({one.where})") for one in found))


def _report_change(desk: Desk, incident: str, commitment: str, text: str) -> None:
    from amends.cli.terminal.prefect import nudge

    desk.show(desk.ledger.commitments.get(incident, commitment), text)
    nudge(desk.settings, incident)
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
    texts: Texts = {}
    for given in spelled:
        locale, equals, text = given.partition("=")
        named = equals and LOCALE.fullmatch(locale)
        texts[locale if named else "*"] = (text if named else given).strip()
    missing = [locale for locale in incident.texts if not text_for(texts, locale)]
    if missing:
        raise typer.BadParameter(f"say it in {', '.join(missing)} too: {option} {missing[0]}=TEXT")
    return texts


def _end_of_day(text: str, zone: str) -> datetime:
    """Return the last minute of this day in the organisation's zone, or a full time with its zone as it stands.

    Raises BadParameter.
    """
    try:
        if len(text) == len("2027-03-31"):
            local = datetime.combine(date.fromisoformat(text), time(23, 59), ZoneInfo(zone))
        else:
            local = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date such as 2027-03-31") from None
    if local.tzinfo is None:
        raise typer.BadParameter(f"{text!r} has no time zone; add one, or leave out the time")
    return in_utc(local)
