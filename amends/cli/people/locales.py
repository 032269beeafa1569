"""The command `amends audience locales`: which languages people read, in which they are told, and who ruled so."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.options import IncidentId, LocaleRules, read_rules
from amends.cli.terminal.text import table
from amends.domain.base.errors import NotInLedger
from amends.domain.base.text import minute
from amends.domain.case.case import Case
from amends.domain.case.states import OccurrenceState
from amends.domain.draft.languages import reader_findings, usable_locales
from amends.domain.people.locales import LocaleRuling, ruling_for, without_words, written_in

if TYPE_CHECKING:
    from amends.domain.notice.wording import Wording


@dataclass(frozen=True)
class LocaleLine:
    """The readers of one locale, and the locale in which they are written to."""

    locale: str
    people: int
    written_in: str
    """Empty when nobody writes to these people, because there are neither words nor a ruling."""
    ruling: LocaleRuling | None


def locales(
    ctx: typer.Context,
    incident: IncidentId,
    rule: LocaleRules = None,
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="Who decides; needed with --rule.")] = "",
) -> None:
    """Count the people of each language, and decide in which one those are told for whose own there are no words.

    No notice is drafted for people whose language has neither words nor such a decision; exit code 3 while there are
    such people. Words that are written later go before the decision.
    """
    desk: Desk = ctx.obj
    ruled = read_rules(rule or ())
    if ruled and not name:
        raise typer.BadParameter("say with --as NAME who decides this")
    words = words_of(desk, incident)
    if ruled:
        usable = usable_locales(desk.ledger.cases.incident_file(incident), words)
        desk.ledger.locale_rulings.rule(incident, ruled, usable, desk.member(name), now())
    case = desk.ledger.cases.read(incident, now())
    lines = tuple(_lines(case, words))
    desk.show(lines, table(("locale", "people", "told in", "ruled by", "at"), map(_cells, lines)))
    if ruled:
        _go_on(desk, case)
    if found := tuple(reader_findings(case.incident, words, case.audience.by_locale, case.locale_rulings)):
        for finding in found:
            desk.complain(str(finding))
        raise typer.Exit(Exit.FINDINGS)


def words_of(desk: Desk, incident: str) -> tuple[str, ...]:
    """Return the locales that have words: those of the pinned playbook, else the shipped ones."""
    return tuple(sorted(_wording(desk, incident).phrases))


def _wording(desk: Desk, incident: str) -> "Wording":
    from amends.content.notice import shipped_wording

    try:
        return desk.ledger.playbooks.wording(incident)
    except NotInLedger:
        return shipped_wording()


def language_lines(case: Case, words: Sequence[str]) -> Iterator[str]:
    """Yield in a line of the counts who has no words, and one for each ruling."""
    without = without_words(case.audience.by_locale, usable_locales(case.incident, words), case.locale_rulings)
    if without:
        yield f"no words   {', '.join(f'{people} {locale}' for locale, people in without.items())}"
    yield from (f"ruled      {locale_ruling.says(case.audience.by_locale)}" for locale_ruling in case.locale_rulings)


def _lines(case: Case, words: Sequence[str]) -> Iterator[LocaleLine]:
    usable, by_locale = usable_locales(case.incident, words), case.audience.by_locale
    for locale, people in _most_first(by_locale):
        told_in = written_in(locale, usable, case.locale_rulings)
        own = written_in(locale, usable, ())
        yield LocaleLine(locale, people, told_in, None if own else ruling_for(locale, case.locale_rulings))


def _most_first(by_locale: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(by_locale.items(), key=lambda one: (-one[1], one[0]))


def _cells(line: LocaleLine) -> Sequence[object]:
    ruling = line.ruling
    return (
        line.locale,
        line.people,
        line.written_in or "NO WORDS",
        ruling.by if ruling else "",
        minute(ruling.at) if ruling else "",
    )


def _go_on(desk: Desk, case: Case) -> None:
    """Wake the incident's runs, and name the command for each held step, which may have been held for this."""
    from amends.cli.terminal.prefect import nudge

    nudge(desk, case.incident.id)
    for occurrence in case.occurrences:
        if occurrence.state is OccurrenceState.HELD:
            desk.hint(
                f"{occurrence.step} is held: "
                f"`amends step go {case.incident.id} {occurrence.step} {occurrence.number} --as NAME`"
            )
