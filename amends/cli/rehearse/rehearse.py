"""The command `amends rehearse`: plays a playbook through in seconds; nobody is told anything."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amends.cli.playbook.playbook import Name
from amends.cli.terminal.desk import Desk, save
from amends.cli.terminal.exits import Exit
from amends.cli.terminal.options import AllowBadRows, AudienceFile
from amends.domain.base.errors import AmendsError

if TYPE_CHECKING:
    from amends.domain.base.value import Span
    from amends.domain.rehearse.report import Order, RehearsalReport

OF_AN_INSTALLATION = ("AMENDS_", "PREFECT_")
"""Prefixes of the variables that describe a real installation, of which a rehearsal must know nothing."""


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
    )
    _check(order)
    found = _unless_stopped(order, quiet=desk.json)
    desk.show(found, summary(found))
    if report:
        save(report, page(found))
    desk.hint(f"open {report} in a browser" if report else "--report FILE.html writes all of it, with a picture")
    if found.bad or found.twice or found.ledger_faults:
        raise typer.Exit(Exit.FINDINGS)


def _order(
    playbook: str, incident: Path, audience: Path, inject: list[str], days: int, approve_after: str,
    answers_a_day: int, seed: int, encoding: str | None, allow_bad_rows: bool,
) -> "Order":  # fmt: skip
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
    """Read every file before anything begins. Raises ContentError with the findings of the first file that is wrong."""
    from amends.content.incident.incident import read_incident_for_notices
    from amends.content.people.audience import AudienceFile, only_good, usable
    from amends.content.playbook.playbook import load_playbook
    from amends.content.rehearse import check_injects, read_injects
    from amends.domain.rehearse.injects import together

    incident = read_incident_for_notices(order.incident)
    load_playbook(order.playbook)
    injects = [read_injects(path) for path in order.injects]
    for path, one in zip(order.injects, injects, strict=True):
        check_injects(path, one, incident)
    try:
        together(injects)
    except ValueError as error:
        raise typer.BadParameter(f"--inject: {error}") from None
    people = AudienceFile(order.audience, encoding=order.encoding)
    advice = "correct them, or leave them out: --allow-bad-rows"
    rows = usable(order.audience, people) if order.allow_bad_rows else only_good(order.audience, people, advice)
    for _ in rows:
        pass


def _unless_stopped(order: "Order", *, quiet: bool) -> "RehearsalReport":
    """Carry out the order.

    Raises typer.Exit after Ctrl-C or SIGTERM, once the rehearsal's process has ended and its folder is deleted.
    """
    from amends.system.processes import Stopped, stopped_by_signals

    try:
        with stopped_by_signals():
            return carry_out(order, quiet=quiet)
    except Stopped as stopped:
        raise typer.Exit(stopped.exit_code) from None


def carry_out(order: "Order", *, quiet: bool = False) -> "RehearsalReport":
    """Rehearse in a process of its own, which blocks its own network. Raises AmendsError when the process fails.

    The folder of the process is private and deleted in the end; its content is sealed with a key that only the process
    has.
    """
    from amends.domain.rehearse.report import FOUND, ORDER, RehearsalReport

    with tempfile.TemporaryDirectory(prefix="amends-rehearsal-") as name:
        folder = Path(name)
        save(folder / ORDER, order.model_dump_json())
        call = [sys.executable, "-P", "-m", "flows.rehearsal", name]
        words = subprocess.PIPE if quiet else None
        done = subprocess.run(
            call, env=_environment(folder), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=words,
            text=True, check=False,
            process_group=0,  # Ctrl-C reaches only this process, which ends the child; the child would show a traceback
        )  # fmt: skip
        if done.returncode:
            raise AmendsError(f"the rehearsal did not end well\n{done.stderr or ''}".rstrip())
        return RehearsalReport.model_validate_json((folder / FOUND).read_text(encoding="utf-8"))


def _environment(folder: Path) -> dict[str, str]:
    """Return the environment of the process: no variable of an installation, none of Prefect's servers and profiles."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OF_AN_INSTALLATION)}
    return {**kept, "PREFECT_HOME": str(folder / "prefect"), "PREFECT_LOGGING_LEVEL": "ERROR", "DO_NOT_TRACK": "1"}
