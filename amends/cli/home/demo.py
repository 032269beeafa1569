"""The command `amends demo`: a whole incident on this machine, touching nothing outside of the machine."""

import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import typer

from amends.cli.home.init import make_home
from amends.cli.home.up import Parts, deploy, free_port, prefect_server
from amends.cli.incident.report import page
from amends.domain.base.errors import AmendsError
from amends.settings import SETTINGS_FILE, Settings, new_settings, open_ledger, prefect_environment
from amends.system.files import replace_file
from amends.system.processes import Stopped, stopped_by_signals

INCIDENT = "stolen-terminals"
REPORT = "report.html"
MARK = "this-is-a-demo"
IDLE_SERVICES = [
    f"PREFECT_SERVER_SERVICES_{service}_ENABLED"
    for service in (
        *("SCHEDULER", "LATE_RUNS", "FOREMAN", "TRIGGERS", "CANCELLATION_CLEANUP", "PAUSE_EXPIRATIONS"),
        *("REPOSSESSOR", "CLEANUP_RECONCILER"),
    )
]
"""The services of Prefect's server that look after runners and timetables: the story has neither."""
PUBLIC_URL = "http://127.0.0.1:8400"


def demo(ctx: typer.Context) -> None:
    """Run a complete invented incident on this machine. It lives in --home, or in demo-home."""
    tell(ctx.obj.home or Path("demo-home"))


def tell(home: Path) -> None:
    """Make a fresh demo home and play the story there. Raises AmendsError when the place holds anything but a demo."""
    started = time.monotonic()
    settings = _fresh_home(home)
    try:
        _play(settings)
    except Stopped as stopped:
        _say("\nThe demo was stopped before its end; `amends demo` begins it anew.")
        raise typer.Exit(stopped.exit_code) from None
    _say_where(settings, time.monotonic() - started)


def _play(settings: Settings) -> None:
    """Play the story with a Prefect server of its own. Raises Stopped, and AmendsError when the story fails."""
    port = free_port()
    environment = prefect_environment(settings.model_copy(update={"prefect_port": port}))
    environment |= {"PREFECT_LOGGING_LEVEL": "WARNING"} | dict.fromkeys(IDLE_SERVICES, "false")
    _say("Prefect starts …")
    with stopped_by_signals(), Parts(environment) as parts:
        parts.start("Prefect server", prefect_server(port), quiet=True)
        parts.wait_for("Prefect server", port)
        deploy(environment)
        _say("Seventeen days pass:")
        story = subprocess.run(
            [sys.executable, "-m", "flows.rehearsal.demo", str(settings.home)], env=environment, check=False
        )
        if story.returncode:
            raise AmendsError("the story did not end well; its words stand above")
    _write_report(settings)


def _write_report(settings: Settings) -> None:
    """Write the report of the story, as of its last entry in the audit chain."""
    ledger = open_ledger(settings)
    entries = ledger.audit.entries(INCIDENT)
    at = entries[-1].at
    case = ledger.views.timeline(INCIDENT, at)
    by_day = ledger.over_time.read(INCIDENT, case.incident.organisation.timezone)
    content = page(case, entries, at, ledger.assessments.all(INCIDENT), by_day)
    ledger.dispose()
    replace_file(settings.home / REPORT, content.encode())


def _fresh_home(home: Path) -> Settings:
    home = home.absolute()
    if home.exists() and not (home / MARK).exists():
        raise AmendsError(f"{home} is there and is no demo; nothing was changed. Give another place with --home DIR")
    shutil.rmtree(home, ignore_errors=True)
    settings = new_settings(home, PUBLIC_URL)
    make_home(home, settings)
    (home / MARK).touch()
    return settings


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this is what the command is for


def _say_where(settings: Settings, seconds: float) -> None:
    home, amends = settings.home, called(sys.argv[0])
    there = f"{amends} --home {shlex.quote(str(home))}"
    _say(f"""
Done in {seconds:.0f} s. Every person stands in exactly one state for each notice, and nothing left this machine.

  emails       {home / "world" / "mail"}
  SMS, posts   {home / "world" / "web"}
  notice page  {home / "site" / "stolen-terminals" / "en" / "index.html"}
  report       {home / REPORT}
  tokens       {home / "token-mei"} (lead), token-omar (legal), token-wei (security): who looks or decides shows one
  settings     {home / SETTINGS_FILE}  (its channels are outboxes: files, so nothing can leave by mistake)

Next:
  {there} up    (Prefect UI with every run of it, and the portal)
  {there} incident show stolen-terminals
  {there} deliveries stolen-terminals first-notice
  AMENDS_AS=mei AMENDS_TOKEN=$(cat {shlex.quote(str(home / "token-mei"))}) {there} questions list stolen-terminals
  {amends} playbook show customer-data-theft
""")


def called(word: str) -> str:
    """Return the command as it was called, so that a person can copy it; `amends` when Python was called instead."""
    return shlex.quote(word) if Path(word).name == "amends" and Path(word).is_file() else "amends"
