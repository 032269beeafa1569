"""The demo's story for tests: the stolen terminals, 240 people, a team of three, an outbox for every channel."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from amends.content.file.shipped import library
from amends.content.incident.incident import read_incident
from amends.content.people.audience import AudienceFile
from amends.content.playbook.playbook import load_playbook
from amends.domain.case.case import Case
from amends.domain.channel.channel import ChannelKind
from amends.domain.draft.writer import Links
from amends.domain.notice.notice import NoticeStage
from amends.domain.people.person import Person
from amends.domain.team.approval import Decision
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Keys, Ledger
from amends.ledger.store.disk_reserve import MEGABYTE
from flows.rehearsal.fast_forward import PassedClock
from flows.run.context import Context
from tests.builders import story_of_few
from tests.remembered import remembered

STORY = library() / "examples" / "stolen-terminals"
INCIDENT = "stolen-terminals"
START = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
LEAD = Member(name="mei", role=TeamRole.LEAD)
APPROVERS = (Member(name="omar", role=TeamRole.LEGAL), Member(name="wei", role=TeamRole.SECURITY))


def everybody() -> Iterable[Person]:
    return AudienceFile(STORY / "audience.csv").rows()


def outboxes(folder: Path) -> dict[ChannelKind, dict[str, str]]:
    return {kind: {"use": "outbox", "folder": str(folder / kind), "kind": kind} for kind in ChannelKind}


def a_ledger(folder: Path) -> Ledger:
    file = folder / "ledger.sqlite3"
    if not file.exists():
        file.write_bytes(_without_content())
        file.chmod(0o600)
    return _in(folder)


@cache
def _without_content() -> bytes:
    """The file of a ledger that has its tables."""
    with TemporaryDirectory() as folder:
        _in(Path(folder)).migrate().dispose()
        return Path(folder, "ledger.sqlite3").read_bytes()


def _in(folder: Path) -> Ledger:
    return Ledger(f"sqlite:///{folder / 'ledger.sqlite3'}", Keys(b"s" * 32), folder / "audit-head", reserve=MEGABYTE)


def opened(ledger: Ledger, people: Iterable[Person], playbook: str = "customer-data-theft") -> None:
    _open(ledger, tuple(people), playbook)


@remembered
def _open(ledger: Ledger, people: tuple[Person, ...], playbook: str) -> None:
    ledger.incidents.open(read_incident(story_of_few()), people, LEAD.name, START)
    for member in (LEAD, *APPROVERS):
        ledger.team.add(member.name, member.role, LEAD.name, START)
    ledger.playbooks.pin(INCIDENT, *load_playbook(playbook), LEAD.name, START)


def a_context(ledger: Ledger, folder: Path) -> tuple[Context, PassedClock]:
    clock = PassedClock(START)
    links = Links("http://127.0.0.1:8400")
    return Context(ledger, links, outboxes(folder / "outbox"), clock, mirrored=False), clock


def approve_all(ledger: Ledger, now: datetime, case: Case | None = None) -> list[str]:
    """The team approves what waits, by the case if it was just read; the names of the notices."""
    case = case or ledger.cases.read(INCIDENT, now)
    waiting = [notice for notice in case.notices if notice.stage is NoticeStage.DRAFTED and notice.current]
    for notice in waiting:
        for member in APPROVERS:
            ledger.approvals.decide(INCIDENT, notice.id, member, Decision.APPROVE, notice.binding, "", now)
    return [notice.id for notice in waiting]


def outbox(folder: Path) -> list[Path]:
    """Every message that left, as its file."""
    return sorted((folder / "outbox").rglob("*.json"))
