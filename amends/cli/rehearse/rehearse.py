"""The command `amends rehearse`: plays a playbook through in seconds; nobody is told anything."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.playbook.playbook import Name
from amends.cli.terminal.desk import Desk, save
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.options import AllowBadRows, AudienceFile, LocaleRules, read_rules

if TYPE_CHECKING:
    from amends.domain.base.value import Span
    from amends.domain.rehearse.report import Order, RehearsalReport


def rehearse(
    ctx: typer.Context,
    playbook: Name,
    incident: Annotated[Path, typer.Option("--incident", metavar="FILE", help="An incident file.")],
    audience: AudienceFile,
    inject: Annotated[
        list[str] | None,
        typer.Option(
            "--inject", metavar="NAME", help="What goes wrong: shipped injects by name, or a file; repeat it."
        ),
    ] = None,
    days: Annotated[int, typer.Option(metavar="DAYS", min=1, max=400, help="How many days pass.")] = 60,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report as a page, FILE.html.")] = None,
    approve_after: Annotated[str, typer.Option(metavar="SPAN", help="How long approvers take.")] = "2h",
    answers_a_day: Annotated[
        int, typer.Option(metavar="COUNT", min=1, help="How many questions the team can answer in a day.")
    ] = 120,
    seed: Annotated[
        int, typer.Option(metavar="NUMBER", help="Another number has other people bounce, ask and complain.")
    ] = 1,
    rule: LocaleRules = None,
    allow_bad_rows: AllowBadRows = False,
    encoding: Annotated[str | None, typer.Option(metavar="NAME", help="Of the audience file, such as gb18030.")] = None,
) -> None:
    """Play a playbook through with a simulated team, in virtual time. Nothing is sent; no home is needed or read.

    Exit code 3 when a deadline, a promise or a time named to people was not kept.
    """
    from amends.cli.rehearse.page import page, summary

    desk: Desk = ctx.obj
    if report:
        _check_place(report)
    order = _order(
        playbook, incident, audience, inject or [], days, approve_after, answers_a_day, seed, encoding, allow_bad_rows
    ).model_copy(update={"rules": read_rules(rule or ())})
    _check(order)
    found = _unless_stopped(order, quiet=desk.json)
    desk.show(found, summary(found))
    if report:
        save(report, page(found))
    desk.hint(f"open {report} in a browser" if report else "--report FILE.html writes all of it")
    if found.bad or found.twice or found.ledger_faults:
        raise typer.Exit(Exit.FINDINGS)


def _order(
    playbook: str,
    incident: Path,
    audience: Path,
    inject: list[str],
    days: int,
    approve_after: str,
    answers_a_day: int,
    seed: int,
    encoding: str | None,
    allow_bad_rows: bool,
) -> "Order":
    """Return the order for the rehearsal, with every path made absolute. Raises ContentError and BadParameter."""
    from amends.content.playbook.library import find_playbook
    from amends.content.rehearse import find_injects
    from amends.domain.rehearse.report import Order, TeamTimes

    return Order(
        playbook=find_playbook(playbook).absolute(),
        incident=incident.absolute(),
        audience=audience.absolute(),
        injects=tuple(find_injects(name).absolute() for name in inject),
        days=days,
        seed=seed,
        encoding=encoding,
        allow_bad_rows=allow_bad_rows,
        team=TeamTimes(approve_after=_approval_span(approve_after), answers_a_day=answers_a_day),
    )


def _approval_span(approve_after: str) -> "Span":
    """Return the span. Raises BadParameter for a text that is no span, or a span longer than any rehearsal."""
    from amends.domain.base.value import Span
    from amends.domain.rehearse.report import MOST_DAYS

    try:
        span = Span.parse(approve_after)
    except ValueError as error:
        raise typer.BadParameter(f"--approve-after: {error}") from None
    if span > Span(days=MOST_DAYS):
        raise typer.BadParameter(f"--approve-after: no rehearsal is longer than {MOST_DAYS}d; give less")
    return span


def _check_place(report: Path) -> None:
    """Raise BadParameter when the report cannot be written there, before days are played."""
    if report.is_dir():
        raise typer.BadParameter(f"--report: {report} is a folder; name a file in it, such as {report / 'report.html'}")
    if not report.absolute().parent.is_dir():
        raise typer.BadParameter(f"--report: there is no folder {report.absolute().parent}")
    if not os.access(report if report.exists() else report.absolute().parent, os.W_OK):
        raise typer.BadParameter(f"--report: {report} cannot be written")


def _check(order: "Order") -> None:
    """Read every file before anything begins. Raises ContentError, or BadParameter for a clash of injects."""
    from amends.rehearsal_process import check

    try:
        check(order)
    except ValueError as error:
        raise typer.BadParameter(f"--inject: {error}") from None


def _unless_stopped(order: "Order", *, quiet: bool) -> "RehearsalReport":
    """Carry out the order.

    Raises typer.Exit after Ctrl-C or SIGTERM, once the rehearsal's process has ended and its folder is deleted.
    """
    from amends.rehearsal_process import carry_out
    from amends.system.processes import Stopped, stopped_by_signals

    try:
        with stopped_by_signals():
            return carry_out(order, quiet=quiet)
    except Stopped as stopped:
        raise typer.Exit(stopped.exit_code) from None
