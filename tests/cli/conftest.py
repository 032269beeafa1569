"""A home with a team, an opened incident and a drafted notice; commands are called as a person would call them."""

import json
import os
import shutil
import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from amends.cli.app import app
from amends.cli.home.up import free_port
from amends.domain.case.states import OccurrenceState
from amends.domain.draft.draft import draft, notices_wanted
from amends.domain.draft.writer import Links, Readers
from amends.ledger import Ledger
from amends.settings import open_ledger, read_settings
from tests.builders import story_of_few

STORY = Path(__file__).parents[2] / "playbooks" / "examples" / "stolen-terminals"
INCIDENT = "stolen-terminals"
PLAYBOOK = "stolen-device-or-papers"
NOTICE = "first-notice"
TEAM = {"lena": "lead", "omar": "legal", "wei": "security", "rosa": "responder", "aude": "auditor"}
LOOKS = "lena"
"""Who looks at personal data where a test names nobody."""
AUDIENCE_HEAD = "id,name,email,phone,locale,country,segment\n"
AUDIENCE = (
    AUDIENCE_HEAD
    + "C-1,Kim Example,kim@mail.example,+493055500001,en,DE,household\n"
    + "C-2,李雷,lilei@mail.example,+8613800138000,zh-CN,CN,household\n"
    + "C-3,Nobody Reachable,,,en,DE,business\n"
)

NOBODYS_PORT = str(free_port())
"""Whatever Prefect the machine has at the usual port is not asked."""


@dataclass
class Office:
    """A home, and the tokens of those who work there."""

    home: Path
    tokens: dict[str, str] = field(default_factory=dict)

    def amends(self, *args: object, by: str = "", stdin: str = "") -> Result:
        """Call the command; `by` acts with that member's token, and without one the lead looks who is there."""
        words = [*map(str, args), *(["--as", by] if by else [])]
        port = os.environ.get("AMENDS_PREFECT_PORT", NOBODYS_PORT)
        environment = {
            "AMENDS_HOME": str(self.home),
            "AMENDS_PREFECT_PORT": port,
            "AMENDS_TOKEN": self.tokens.get(by or LOOKS, ""),
            "AMENDS_AS": "" if by else LOOKS,
        }
        return CliRunner().invoke(app, words, input=stdin, env=environment)

    def values(self, *args: object, by: str = "") -> Any:
        """What the command answers with --json, after it succeeded."""
        answer = self.amends("--json", *args, by=by)
        assert answer.exit_code == 0, answer.output
        return json.loads(answer.stdout)

    def ledger(self) -> Ledger:
        return open_ledger(read_settings(self.home))


def make_home(folder: Path) -> Office:
    office = Office(folder)
    made = office.amends("init", folder, "--public-url", "https://btepai.example")
    assert made.exit_code == 0, made.output
    return office


def write_draft(ledger: Ledger, step_id: str = NOTICE) -> None:
    """Draft a step's notice as its flow does."""
    now = datetime.now(UTC)
    case, links = ledger.views.drafting(INCIDENT, now), Links("https://btepai.example")
    assert case.playbook
    step = case.playbook.step(step_id)
    for wanted in notices_wanted(case, step, 1):
        audience = ledger.notices.audience(INCIDENT, wanted.audience)
        readers = Readers(audience.digest, audience.people, audience.readers)
        facts, wording = ledger.incidents.facts_digest(INCIDENT), ledger.playbooks.wording(INCIDENT)
        ledger.notices.draft(draft(case, wording, step, 1, wanted, readers, links, facts, now), now)
    ledger.occurrences.mark(INCIDENT, step_id, 1, now, OccurrenceState.WAITING, now)


@pytest.fixture(scope="session")
def template(new_home: Office, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """Made once; every test works on a copy."""
    folder = tmp_path_factory.mktemp("office")
    office = a_copy(new_home, folder / "home")
    for name, role in TEAM.items():
        by = "" if name == "lena" else "lena"
        office.tokens[name] = office.values("team", "add", name, "--role", role, by=by)["token"]
    audience = folder / "audience.csv"
    audience.write_text(AUDIENCE, encoding="utf-8")
    office.values("incident", "open", story_of_few(), "--audience", audience, by="lena")
    office.values("run", INCIDENT, "--playbook", PLAYBOOK, by="lena")
    ledger = office.ledger()
    write_draft(ledger)
    ledger.dispose()
    return office


@pytest.fixture(scope="session")
def ready_template(template: Office, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """The template after both approvals of the first notice."""
    office = a_copy(template, tmp_path_factory.mktemp("approved") / "home")
    assert approve(office, "omar", "wei").exit_code == 0
    return office


@pytest.fixture(scope="session")
def sent_template(ready_template: Office, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """The template after the first notice has left."""
    office = a_copy(ready_template, tmp_path_factory.mktemp("sent") / "home")
    assert office.amends("deliver", INCIDENT, NOTICE).exit_code == 0
    return office


@pytest.fixture
def office(template: Office, tmp_path: Path) -> Office:
    """An office whose incident waits for the first approvals."""
    return a_copy(template, tmp_path / "home")


@pytest.fixture
def ready(ready_template: Office, tmp_path: Path) -> Office:
    """An office whose first notice is approved and has not left."""
    return a_copy(ready_template, tmp_path / "home")


@pytest.fixture
def sent(sent_template: Office, tmp_path: Path) -> Office:
    """An office whose first notice has left."""
    return a_copy(sent_template, tmp_path / "home")


@pytest.fixture(scope="session")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """Made once; every test works on a copy."""
    return make_home(tmp_path_factory.mktemp("new") / "home")


@pytest.fixture
def empty(new_home: Office, tmp_path: Path) -> Office:
    """A home in which nothing has happened yet."""
    return a_copy(new_home, tmp_path / "home")


def a_copy(office: Office, home: Path) -> Office:
    """Return an office like this one, with this folder as its home."""
    shutil.copytree(office.home, home)
    settings = home / "amends.toml"
    settings.write_text(settings.read_text().replace(str(office.home), str(home)))
    return Office(home, dict(office.tokens))


def become(office: Office, other: Office) -> None:
    """Bring an office whose ledger nobody has opened yet to the state of another copy of the same template."""
    shutil.copytree(other.home, office.home, ignore=shutil.ignore_patterns("amends.toml"), dirs_exist_ok=True)


def tamper(office: Office, entry: int) -> None:
    """Alter an audit entry as somebody could who has the database but not the key."""
    with sqlite3.connect(office.home / "ledger.sqlite3") as ledger:
        for (trigger,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            ledger.execute(f"DROP TRIGGER {trigger}")
        ledger.execute("UPDATE audit SET actor = 'nobody' WHERE seq = ?", (entry,))


def approve(office: Office, *names: str) -> Result:
    """These approve the first notice; the last one's answer."""
    answers = [office.amends("approve", INCIDENT, NOTICE, "--people", 3, by=name) for name in names]
    return answers[-1]
