"""Commands for audience files: check one, put a corrected one in force, count the people of an incident."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amends.cli.people.locales import language_lines, locales, words_of
from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.list_hints import list_hints
from amends.cli.terminal.options import IncidentId, noun, number_or_none
from amends.cli.terminal.text import table
from amends.content.people.audience import only_good
from amends.domain.base.errors import ContentError
from amends.domain.base.text import counted, counts, listed
from amends.domain.deliver.correction import Ask, Difference, DifferenceKind, PersonChange, objections
from amends.domain.people.census import Census
from amends.domain.people.locales import in_words, without_words
from amends.domain.people.person import MailboxRuling

if TYPE_CHECKING:
    from amends.content.people.audience import AudienceReport, Caution
    from amends.ledger.deliver.corrections import Followed
    from amends.ledger.people.shared_mailboxes import SharedMailboxCounts

Encoding = Annotated[
    str | None, typer.Option(metavar="NAME", help="Such as gb18030; needed when the file is neither UTF-8 nor UTF-16.")
]

LeaveOut = Annotated[
    list[str] | None,
    typer.Option(
        "--leave-out",
        metavar="COLUMN",
        help="A column that says nothing of who has died or is a minor; may be repeated.",
    ),
]

SCREEN = 50
"""People shown in a list; --json has all of them."""

app = noun()
app.command("locales")(locales)


@app.command()
def check(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or XLSX.")],
    encoding: Encoding = None,
    max_bad_share: Annotated[
        float,
        typer.Option(metavar="SHARE", min=0, max=1, help="Refuse the file when a larger share of its rows is bad."),
    ] = 0.05,
    leave_out: LeaveOut = None,
) -> None:
    """Read an audience file to its end: every row is accepted, or rejected with the reason. Nothing is stored."""
    from amends.content.people.audience import AudienceFile

    desk: Desk = ctx.obj
    audience = AudienceFile(
        file, encoding=encoding, max_bad_share=max_bad_share, left_out=leave_out or (), today=now().date()
    )
    census = Census()
    try:
        census.see(audience.rows())
    except ContentError as error:
        where = error.findings[0].where
    else:
        where = str(file)
    report = audience.report
    desk.show(report.as_json(), "\n".join(report_lines(where, report)))
    if report.refused or report.rejected:
        raise typer.Exit(Exit.FINDINGS)
    for hint in (*shared_mailboxes(report), *_languages(census)):
        desk.hint(hint)
    desk.hint(f"`amends incident open INCIDENT.yaml --audience {file}` opens an incident with these people")


def _languages(census: Census) -> Iterator[str]:
    """Yield a hint when people read a language in which the shipped words are not."""
    from amends.content.notice import shipped_wording

    words = sorted(shipped_wording().phrases)
    if without := without_words(census.counts().by_locale, words):
        yield (
            f"{in_words(without)}; the shipped words are in {listed(words)}. Write words in these languages, or let a "
            "lead rule in which one these people are told: `amends audience locales INC --rule LOCALE=LOCALE --as NAME`"
        )


def report_lines(file: str, report: "AudienceReport") -> list[str]:
    """Return the report in lines: each rejected row, each warning, and the sums; or why the file is refused."""
    lines = [f"{file}:{row.row}:{row.column or 1} {row.code} {row.reason}" for row in report.rejected]
    lines += [f"{file}:{_place(row)} {row.code} {row.reason} (warning)" for row in report.warnings]
    if report.rows or not report.refused:
        rows = counted(report.rows, "row")
        aside = f" ({report.set_aside} without an address that was set aside)" if report.set_aside else ""
        if unread := sum(one.column == "locale" for one in report.rejected):
            lines.append(f"{counted(unread, 'row does', 'rows do')} not say which language the person reads")
        lines.append(f"{rows}: {report.accepted} accepted{aside}, {len(report.rejected)} rejected")
    return [*lines, f"{file} is refused: {report.refused}"] if report.refused else lines


def shared_mailboxes(report: "AudienceReport") -> Iterator[str]:
    """Yield a hint when people share a mailbox, because each of them will get a message of their own there."""
    if shared := sum(row.code == "same_email" for row in report.warnings):
        rows = counted(shared, "row has the mailbox", "rows have the mailbox")
        yield (
            f"{rows} of a row above, and each person gets a message of their own there unless you decide otherwise "
            "before the first notice: `amends audience mailboxes INC --rule one|each --as NAME`"
        )


def _place(caution: "Caution") -> str:
    return f"{caution.row}:{caution.column}" if caution.column else str(caution.row)


def _are_right(what: str, may: str) -> Any:
    """Return the option that accepts so many differences of one kind."""
    return typer.Option(f"--{what}-are-right", metavar="COUNT", parser=number_or_none, help=f"So many may {may}.")


@app.command()
def correct(
    ctx: typer.Context,
    incident: IncidentId,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The whole corrected list, CSV or XLSX.")],
    name: Annotated[
        str, typer.Option("--as", metavar="NAME", help="Who you are in the team; needed without --check.")
    ] = "",
    check: Annotated[bool, typer.Option("--check", help="Only say what it would change.")] = False,
    swapped: Annotated[int | None, _are_right("swapped", "have an address that was another's")] = None,
    gone: Annotated[int | None, _are_right("gone", "be gone from the list")] = None,
    changed: Annotated[int | None, _are_right("changed", "be changed")] = None,
    encoding: Encoding = None,
    leave_out: LeaveOut = None,
) -> None:
    """Put a corrected list of people in force, all of it or nothing, and say what it changes.

    People are known again by their id. Who was told by a notice is not told again by it; what has not left goes to the
    corrected address; who is new is told, and who is gone gets nothing new. Approvals of what has not left become void.
    """
    from amends.content.people.read_ahead import AudienceReadAhead
    from amends.system.processes import few_cycles

    desk: Desk = ctx.obj
    if not (name or check):
        raise typer.BadParameter("say with --as NAME who hands in this list, or only look with --check")
    by = desk.member(name).name if name else ""
    people = AudienceReadAhead(file, encoding=encoding, left_out=leave_out or (), today=now().date())
    rows = only_good(file, people, "correct them, or take them out: whoever is not in the list counts as gone")
    with few_cycles():
        correction = desk.ledger.corrections.compare(incident, rows)
    difference = correction.difference
    said = {Ask.SWAPPED: swapped, Ask.GONE: gone, Ask.CHANGED: changed}
    refused = objections(difference, said)
    stored = not (check or refused)
    followed = desk.ledger.corrections.apply(correction, said, _hash(file), by, now()) if stored else ()
    lines = [*report_lines(str(file), people.report), *_different(difference), *map(_followed, followed)]
    report = {"incident": incident, "stored": stored, "refused": refused, "audience": people.report.as_json()}
    desk.show(report | _values(difference) | {"notices": followed}, "\n".join(lines))
    for hint in shared_mailboxes(people.report):
        desk.hint(hint)
    _after_correction(desk, incident, refused, followed, stored=stored and bool(difference.changes))


def _hash(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _values(difference: Difference) -> dict[str, object]:
    """Return the difference as values for --json, with people by number and row only."""
    return {
        "before": difference.before,
        "after": difference.after,
        "unchanged": difference.unchanged,
        **difference.counts,
        "fields": difference.fields,
        "changes": difference.changes,
        "erased": difference.erased,
    }


def _different(difference: Difference) -> Iterator[str]:
    """Yield the table of the people who changed, the most suspicious changes first, and the sums."""
    ordered = sorted(difference.changes, key=_suspect_first)
    if ordered:
        yield table(("row", "person", "what", "fields"), map(_cells, ordered[:SCREEN]))
    if more := ordered[SCREEN:]:
        yield f"{len(more)} more are not shown: --json names all of them"
    fields = f" ({counts(difference.fields)})" if difference.fields else ""
    yield f"{difference.before} people before, {difference.after} after: {counts(difference.counts)}{fields}"
    yield f"{difference.unchanged} unchanged"
    if erased := difference.erased:
        rows = ", ".join(map(str, erased[:SCREEN]))
        yield f"{counted(len(erased), 'person', 'people')} of the file erased on request, left out: row {rows}"


def _suspect_first(change: PersonChange) -> tuple[bool, int, int]:
    return not change.taken_over, -list(DifferenceKind).index(change.kind), change.person


def _cells(change: PersonChange) -> Sequence[object]:
    others = [f"{field} was another's" for field in change.taken_over]
    rest = [field for field in change.fields if field not in change.taken_over]
    return change.row or None, change.person, change.kind, ", ".join((*others, *rest))


def _followed(one: "Followed") -> str:
    what = {"redirected": one.redirected, "not sent any more": one.held, "new": one.new}
    late = f"; {counted(one.not_told, 'person has', 'people have')} no message of it" if one.not_told else ""
    return f"{one.notice}: {f'messages {counts(what)}' if any(what.values()) else 'no message changes'}{late}"


def _after_correction(
    desk: Desk, incident: str, refused: Iterable[str], followed: Iterable["Followed"], *, stored: bool
) -> None:
    from amends.cli.terminal.prefect import nudge

    for objection in refused:
        desk.complain(objection)
    if refused:
        desk.hint(
            "look at them; what is right all the same is said by its number: --swapped-are-right COUNT, "
            "--gone-are-right COUNT, --changed-are-right COUNT"
        )
        raise typer.Exit(Exit.FINDINGS)
    for one in followed:
        if one.drafted_afresh:
            desk.hint(f"{one.notice} is drafted afresh for those who did not get it; `amends preview` shows it then")
        elif one.not_told:
            desk.hint(f"{one.notice} is not sent again; what comes next reaches everybody in the list")
    if stored:
        case = desk.ledger.cases.read(incident)
        for hint in list_hints(case):
            desk.hint(hint)
        nudge(desk, incident)


@app.command()
def stats(ctx: typer.Context, incident: IncidentId) -> None:
    """Count the people of an incident."""
    desk: Desk = ctx.obj
    case = desk.ledger.cases.read(incident)
    audience = case.audience
    gone = f"; {audience.gone} more are gone from the list" if audience.gone else ""
    lines = [
        f"people     {audience.people} ({audience.with_email} with email, {audience.with_phone} with phone){gone}",
        f"consent    {audience.with_consent:,} of {audience.people:,} consented to email notice",
        f"places     {counts(audience.by_place)}",
        f"locales    {counts(audience.by_locale)}",
        *language_lines(case, words_of(desk, incident)),
        f"segments   {counts(audience.by_segment)}",
        f"data       {counts(audience.by_category)}",
        f"flags      {counts(audience.by_flag)}; {audience.guardians} guardians",
    ]
    desk.show(audience, "\n".join(lines))


@app.command()
def mailboxes(
    ctx: typer.Context,
    incident: IncidentId,
    rule: Annotated[
        MailboxRuling | None,
        typer.Option("--rule", metavar="one|each", help="One copy for a mailbox, or one for each of its people."),
    ] = None,
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="Who decides; needed with --rule.")] = "",
) -> None:
    """Count the mailboxes that several people share, and decide whether each of the people gets their own message.

    One copy names all of them, and goes only to people of whom it says the same: with the same kinds of data, place,
    language and segment, no guardian and no child. All others get their own. Decide before the first notice.
    """
    desk: Desk = ctx.obj
    if rule and not name:
        raise typer.BadParameter("say with --as NAME who decides this")
    if rule:
        desk.ledger.mailboxes.rule(incident, rule, desk.member(name), now())
    counts = desk.ledger.mailboxes.counts(incident)
    desk.show(counts, _mailboxes(counts))
    if rule:
        from amends.cli.terminal.prefect import nudge

        nudge(desk, incident)
    elif counts.mailboxes and counts.ruling is None:
        desk.hint(f"`amends audience mailboxes {incident} --rule one|each --as NAME` decides, before the first notice")


def _mailboxes(counts: "SharedMailboxCounts") -> str:
    if not counts.mailboxes:
        return "no mailbox is shared"
    shared = counted(counts.mailboxes, "mailbox is shared", "mailboxes are shared")
    copies = counted(counts.in_copies, "person", "people")
    decided = {
        MailboxRuling.ONE: f"one copy, which names all; {copies} get no message of their own by email",
        MailboxRuling.EACH: "a message for each person",
        None: f"not decided, so a message for each person; with one copy, {copies} would get none of their own",
    }
    return f"{shared} by {counts.people} people: {decided[counts.ruling]}"
