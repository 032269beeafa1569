"""A home as a user has it, and the `amends` command on it. It knows email alone, and its relay is on this machine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from amends.cli.home.up import free_port
from amends.domain.notice.notice import NoticeStage
from amends.ledger import Ledger
from amends.settings import open_ledger, read_settings
from bench.peers.measure import SLOWEST, STARTING

AMENDS = str(Path(sys.executable).with_name("amends"))
INCIDENT, NOTICE = "stolen-terminals", "first-notice"
SETTINGS = """\
public_url = "{url}"
prefect_port = {prefect_port}
portal_port = {portal_port}
[channels.email]
use = "email_smtp"
host = "127.0.0.1"
port = "{port}"
security = "none"
sender = "care@bench.example"
bounce_domain = "bench.example"
connections = "{connections}"
"""


@dataclass(frozen=True, slots=True)
class Home:
    """A folder that `amends init` made."""

    folder: Path
    limit: float
    """Seconds that one command may take."""

    def command(self, *words: str) -> list[str]:
        return [AMENDS, "--home", str(self.folder), *words]

    def amends(self, *words: str, token: str = "", code: int = 0) -> str:
        """What the command prints. Raises SystemExit when it ends with another code than this one."""
        environment = {**os.environ, "AMENDS_TOKEN": token}
        done = subprocess.run(
            self.command(*words), env=environment, capture_output=True, text=True, timeout=self.limit, check=False
        )
        if done.returncode != code:
            raise SystemExit(f"amends {words[0]} ended with {done.returncode}: {done.stdout}{done.stderr}"[-1500:])
        return done.stdout

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        ledger = open_ledger(read_settings(self.folder))
        try:
            yield ledger
        finally:
            ledger.dispose()

    def has_gone(self) -> bool:
        """Whether the ledger says that the notice is sent: nothing of it is left."""
        with self.ledger() as ledger:
            status = ledger.cases.read(INCIDENT).notice(NOTICE)
        return status is not None and status.stage is NoticeStage.SENT


def made(folder: Path, people: int, url: str, port: int, connections: int) -> Home:
    """A new home for so many people, whose mail goes to this port. No Prefect but its own answers to it."""
    forget_other_homes()
    home = Home(folder, time_for(people))
    home.amends("init", str(folder), "--public-url", url)
    settings = SETTINGS.format(
        url=url, prefect_port=free_port(), portal_port=free_port(), port=port, connections=connections
    )
    (folder / "amends.toml").write_text(settings, encoding="utf-8")
    return home


def forget_other_homes() -> None:
    """What the shell says of another installation counts for no process that we start."""
    for name in [name for name in os.environ if name.startswith(("AMENDS_", "PREFECT_"))]:
        del os.environ[name]


def time_for(people: int) -> float:
    """Seconds after which whatever is done with so many people is stopped."""
    return STARTING + people / SLOWEST
