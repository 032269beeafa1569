"""The command `amends lint`: reads notices for what must not leave and for what could be said better."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.list_hints import hints_on_claims
from amends.cli.terminal.options import AudienceFileIfAny, InFile, InThisLedger, LocaleRules, OneNotice, read_rules
from amends.domain.base.errors import Finding
from amends.domain.notice.notice import NoticeStage

if TYPE_CHECKING:
    from amends.domain.case.views.draft import DraftView

WAITING = (NoticeStage.DRAFTED, NoticeStage.APPROVED)


@dataclass(frozen=True)
class Checked:
    """The notices that were read, and the findings in them."""

    notices: tuple[str, ...]
    findings: tuple[Finding, ...]


def lint(
    ctx: typer.Context,
    incident: InThisLedger = "",
    notice: OneNotice = "",
    file: InFile = None,
    audience: AudienceFileIfAny = None,
    playbook: Annotated[
        str, typer.Option(metavar="NAME", help="The playbook whose notices are written for it.")
    ] = "customer-data-theft",
    rule: LocaleRules = None,
    codes: Annotated[bool, typer.Option("--codes", help="Print what each code means, and no more.")] = False,
) -> None:
    """Read notices as a strict editor would, before anybody approves them."""
    desk: Desk = ctx.obj
    if codes:
        return _codes(desk)
    if bool(incident) == (file is not None):
        raise typer.BadParameter("name an incident, or give --incident FILE")
    if rule and not file:
        raise typer.BadParameter("--rule goes with --incident FILE; `amends audience locales` rules for good")
    checked = _dry_run(file, audience, playbook, read_rules(rule or ())) if file else _drafted(desk, incident, notice)
    stopped = sum(finding.blocks for finding in checked.findings)
    desk.show(checked, "\n".join((*_in_words(checked.findings), _totals(checked, stopped))))
    if stopped:
        desk.hint("`amends lint --codes` says what each code means")
        raise typer.Exit(Exit.FINDINGS)
    return None


def _codes(desk: Desk) -> None:
    from amends.domain.lint.lint import CODES, table_of_codes

    desk.show(CODES, table_of_codes())


def _drafted(desk: Desk, incident: str, notice: str) -> Checked:
    """Check the notice, or all notices in the ledger that are drafted and have not left. Raises NotInLedger."""
    case = desk.ledger.views.drafting(incident)
    for hint in hints_on_claims(case):
        desk.hint(hint)
    waiting = [one.id for one in case.notices if one.stage in WAITING]
    wanted = (notice,) if notice else tuple(waiting)
    found = [finding for name in wanted for finding in _of_notice(desk, case, name)]
    return Checked(wanted, tuple(found))


def _of_notice(desk: Desk, case: "DraftView", notice: str) -> tuple[Finding, ...]:
    from amends.domain.draft.writer import Links
    from amends.domain.lint.lint import lint_in

    incident = case.incident.id
    page = Links(desk.settings.public_url).pages(incident)
    return lint_in(
        case, desk.ledger.notices.latest_draft(incident, notice), desk.ledger.playbooks.wording(incident), page
    )


def _dry_run(file: Path, audience: Path | None, name: str, rules: Mapping[str, str]) -> Checked:
    """Check every notice that the playbook would write for this incident. Raises ContentError."""
    from amends.cli.notice.dry_run import kinds_at_home, kinds_in, opened, rehearse
    from amends.content.incident.incident import read_incident_for_notices
    from amends.content.people.audience import AudienceFile
    from amends.content.playbook.playbook import load_playbook
    from amends.delivery.rendering import rendered
    from amends.domain.draft.languages import as_if_ruled, language_findings, provisional
    from amends.domain.draft.writer import Links
    from amends.domain.lint.lint import lint_in
    from amends.domain.people.census import counted

    playbook, wording = load_playbook(name)
    incident, at = read_incident_for_notices(file), now()
    people = tuple(AudienceFile(audience, today=at.date()).rows()) if audience else ()
    ruled, words = provisional(rules), tuple(sorted(wording.phrases))
    case = opened(incident, counted(people), playbook, at).model_copy(update={"locale_rulings": ruled})
    languages = tuple(language_findings(incident, words, case.audience.by_locale, ruled))
    case = as_if_ruled(case, words, case.audience.by_locale)
    kinds = kinds_in(people, wording.addenda) if audience else kinds_at_home(incident, wording.addenda)
    links = Links(f"https://{incident.organisation.own_domains[0]}")
    page = links.pages(incident.id)

    def checked() -> Checked:
        notices, findings = list[str](), [*languages]
        for one in rehearse(case, wording, kinds, links, at):
            findings += one.findings
            if one.draft:
                notices.append(one.draft.notice)
                findings += lint_in(one.case, one.draft, wording, page)
        return Checked(tuple(notices), tuple(findings))

    return rendered(checked)


def _in_words(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield one line for each finding, those that stop a notice first; the same finding in several variants is one."""
    places: dict[tuple[bool, str, str, str], list[str]] = {}
    for finding in findings:
        places.setdefault((not finding.blocks, finding.code, finding.what, finding.advice), []).append(finding.where)
    for (advises, code, what, advice), where in sorted(places.items()):
        more = f" and {len(where) - 1} more" if len(where) > 1 else ""
        yield f"{'advice' if advises else 'STOPS '} {code} {where[0]}{more}: {what} ({advice})"


def _totals(checked: Checked, stopped: int) -> str:
    advice = len(checked.findings) - stopped
    return f"{len(checked.notices)} notices read: {stopped} findings stop them, {advice} advise"
