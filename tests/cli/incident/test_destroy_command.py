"""Two people destroy the personal data of an incident that is over; afterwards every command says so."""

import asyncio
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner, Result

from amends.cli.app import app
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Message, VariantForm
from amends.settings import read_settings
from amends.web.app import create_app
from channels.outbox import Outbox
from tests.builders import story_of_few
from tests.cli.conftest import AUDIENCE, NOTICE, Office

INCIDENT = "over"
FALSE_ALARM = ("--override", "told", "--reason", "nobody needs to be told")
CANARIES = ("Kim Example", "kim@mail.example", "+493055500001", "李雷", "lilei@mail.example")


async def nothing_to_ask() -> None:
    pass


def write_to_outbox(office: Office, incident: str, text: str) -> None:
    form = VariantForm(
        kind=ChannelKind.EMAIL, locale="en", text=(text,), incident=incident, notice=NOTICE, sender="Btepai"
    )
    outbox = Outbox(office.home / "outbox", ChannelKind.EMAIL)
    asyncio.run(outbox.deliver(Message(form, f"{incident}-1", to="kim@mail.example"), nothing_to_ask))


@pytest.fixture
def closed(office: Office, tmp_path: Path) -> Office:
    """Beside the incident of the office another one that is closed, of which nobody waits for anything."""
    file, audience = tmp_path / "incident.yaml", tmp_path / "people.csv"
    file.write_text(story_of_few().read_text(encoding="utf-8").replace("id: stolen-terminals", "id: over"))
    audience.write_text(AUDIENCE, encoding="utf-8")
    office.values("incident", "open", file, "--audience", audience, by="lena")
    assert office.amends("incident", "close", INCIDENT, *FALSE_ALARM, by="lena").exit_code == 3
    office.values("incident", "close", INCIDENT, *FALSE_ALARM, by="omar")
    write_to_outbox(office, INCIDENT, "Dear Kim Example")
    return office


def destroy(office: Office, by: str = "lena", other: str = "omar", *more: str, incident: str = INCIDENT) -> Result:
    tokens = {"AMENDS_TOKEN": office.tokens[by], "AMENDS_TOKEN_2": office.tokens[other]}
    call = ["incident", "destroy", incident, "--as", by, "--with", other, *(more or ("--yes",))]
    return CliRunner().invoke(app, call, env={"AMENDS_HOME": str(office.home), **tokens})


def test_two_destroy_it_and_are_told_what_is_left_for_them(closed: Office) -> None:
    answer = destroy(closed)
    assert answer.exit_code == 0, answer.output
    assert "over: its personal data was destroyed on 20" in answer.stdout
    assert "of 3 people" in answer.stdout
    assert "backups" in answer.stderr
    assert "When it is over" in answer.stderr


def test_its_messages_are_taken_from_the_outbox_and_no_others(closed: Office) -> None:
    write_to_outbox(closed, "stolen-terminals", "Dear somebody else")
    (closed.home / "outbox" / "notes.json").write_text("[1, 2")
    destroy(closed)
    assert {path.name for path in (closed.home / "outbox").iterdir()} == {"stolen-terminals-1.json", "notes.json"}


def test_no_file_of_the_home_holds_a_person_any_more(closed: Office) -> None:
    def told() -> list[str]:
        files = b"".join(path.read_bytes() for path in closed.home.rglob("*") if path.is_file())
        return [canary for canary in CANARIES if canary.encode() in files]

    assert "Kim Example" in told()
    destroy(closed)
    assert told() == []


def test_its_sealed_files_go_and_any_command_removes_them_again(closed: Office) -> None:
    kept = closed.home / "claims" / "stolen-terminals" / "a-1.sealed"
    gone = [closed.home / folder / INCIDENT / "a-1.sealed" for folder in ("claims", "inbox/files")]
    for begun in (lambda: destroy(closed), lambda: closed.amends("incident", "list")):
        for path in (kept, *gone):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"sealed")
        assert begun().exit_code == 0
        assert (kept.exists(), [path.exists() for path in gone]) == (True, [False, False])


def test_one_person_cannot_be_both(closed: Office) -> None:
    answer = destroy(closed, "lena", "lena")
    assert (answer.exit_code, "two different people" in answer.stderr) == (1, True)
    assert closed.values("incident", "list")[0]["destroyed_at"] is None


@pytest.mark.parametrize(("by", "other"), [("rosa", "omar"), ("omar", "rosa"), ("omar", "aude")])
def test_both_must_have_a_role_that_may_approve(closed: Office, by: str, other: str) -> None:
    assert destroy(closed, by, other).exit_code == 1
    assert closed.values("incident", "list")[0]["destroyed_at"] is None


def test_an_incident_that_goes_on_keeps_its_data(office: Office) -> None:
    answer = destroy(office, incident="stolen-terminals")
    assert answer.exit_code == 1
    assert "is still needed: it is open, not closed" in answer.stderr


def test_where_nobody_can_be_asked_it_needs_yes(closed: Office) -> None:
    answer = destroy(closed, "lena", "omar", "--with", "omar")
    assert (answer.exit_code, "--yes" in answer.stderr) == (2, True)


def test_it_can_be_called_again_and_keeps_its_date(closed: Office) -> None:
    destroy(closed)
    first = closed.values("incident", "list")[0]["destroyed_at"]
    assert destroy(closed, "omar", "lena").exit_code == 0
    assert first
    assert closed.values("incident", "list")[0]["destroyed_at"] == first


@pytest.mark.parametrize(
    "command",
    [["incident", "show", INCIDENT], ["incident", "list"], ["timeline", INCIDENT], ["incident", "timeline", INCIDENT]],
)
def test_what_can_still_be_read_says_that_it_was_destroyed(closed: Office, command: list[str]) -> None:
    destroy(closed)
    answer = closed.amends(*command)
    assert answer.exit_code == 0, answer.output
    assert "destroyed" in answer.output


@pytest.mark.parametrize(
    "command",
    [
        ["deliveries", INCIDENT],
        ["audit", "verify"],
        ["report", INCIDENT, "--out", "{out}"],
        ["export", "case", INCIDENT, "--out", "{out}"],
    ],
)
def test_counts_and_the_audit_can_still_be_read(closed: Office, command: list[str], tmp_path: Path) -> None:
    destroy(closed)
    answer = closed.amends(*(word.format(out=tmp_path / "report.html") for word in command))
    assert answer.exit_code == 0, answer.output


@pytest.mark.parametrize(
    "command",
    [
        ["questions", "list", INCIDENT],
        ["surveys", "comments", INCIDENT],
        ["incident", "pause", INCIDENT],
        ["incident", "embargo", INCIDENT, "--until", "2099-01-01T00:00", "--why", "x"],
        ["run", INCIDENT, "--playbook", "stolen-device-or-papers"],
        ["opt-out", INCIDENT, "2"],
        ["audience", "correct", INCIDENT, "{audience}"],
        ["link", "revoke", INCIDENT, "2"],
    ],
)
def test_what_would_need_the_data_says_when_it_was_destroyed(
    closed: Office, command: list[str], tmp_path: Path
) -> None:
    destroy(closed)
    words = [word.format(audience=tmp_path / "people.csv") for word in command]
    answer = closed.amends(*words, by="" if command[0] in ("questions", "surveys") else "lena")
    assert answer.exit_code == 1, answer.output
    assert f"the personal data of incident {INCIDENT} was destroyed on 20" in answer.stderr


def test_the_doctor_finds_nothing_wrong_with_it(closed: Office) -> None:
    before = closed.amends("doctor").stdout
    destroy(closed)
    assert closed.amends("doctor").stdout == before


def test_a_personal_link_opens_nothing_any_more(closed: Office) -> None:
    ledger, settings = closed.ledger(), read_settings(closed.home)
    link, portal = ledger.people.link_of(INCIDENT, 2), TestClient(create_app(settings, ledger))
    assert "Kim Example" in portal.get(f"/p/{link}").text
    destroy(closed)
    assert portal.get(f"/p/{link}").status_code == 404
    assert portal.get(f"/p/{link}").text == portal.get(f"/p/{'x' * 27}").text.replace("x" * 27, link)
    ledger.dispose()
