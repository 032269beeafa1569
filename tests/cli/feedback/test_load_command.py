"""`amends load` says in plain words what to expect, and which waves a team can take."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from amends.cli.app import app
from amends.cli.terminal.clock import now
from amends.domain.feedback.question import QuestionSource
from amends.domain.playbook.playbook import Waves
from tests.builders import an_asked
from tests.cli.conftest import INCIDENT, Office


def answer_to(*args: object) -> str:
    """Return the answer without any home: a plan is made before there is an incident."""
    answer = CliRunner().invoke(app, [*map(str, args)], env={"AMENDS_HOME": ""})
    assert answer.exit_code == 0, answer.output
    return answer.stdout


def ask(office: Office, count: int, days: int) -> None:
    """Store contacts of this many days ago, half of them by telephone."""
    ledger, sources = office.ledger(), (QuestionSource.HOTLINE, QuestionSource.PORTAL)
    for number in range(count):
        at = now() - timedelta(days=days, seconds=number)
        asked = an_asked(person=None, source=sources[number % 2], once=f"{days}-{number}", at=at)
        ledger.questions.ask(INCIDENT, asked, now())
    ledger.dispose()


def test_a_plan_needs_no_incident() -> None:
    said = answer_to("load", "--people", 100_000)
    assert said.startswith("Expect about 750 contacts on the first day (250 to 2,200) and 3,000 in all")
    assert "This rests on assumptions, not on this case" in said


def test_a_team_of_five_gets_waves_to_paste() -> None:
    said = answer_to("load", "--people", 100_000, "--agents", 5, "--answers-a-day", 60, "--phone", 0)
    assert "Five people take about 300 contacts a day: send in waves of 10,000 with a day between" in said
    (line,) = [line.strip() for line in said.splitlines() if line.strip().startswith("waves:")]
    assert line == "waves: {size: 10000, pause: 1d}"
    assert Waves.model_validate({"size": 10_000, "pause": "1d"})


def test_a_longer_call_needs_more_people() -> None:
    short, long = (
        json.loads(answer_to("--json", "load", "--people", 100_000, "--handling", span)) for span in ("6m", "12min")
    )
    assert short["needs"]["phone"] < long["needs"]["phone"]
    assert short["first_day"] == long["first_day"]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((), "--people 100000"),
        (("--people", "5", "--handling", "soon"), "6m"),
        (("--people", "5", "--handling", "9h"), "6m"),
        (("--people", "-1"), "--people"),
        (("--people", "5", "--agents", "0"), "--agents"),
        (("--people", "5", "--share", "101"), "--share"),
        (("--people", "5", "--hours", "25"), "--hours"),
    ],
)
def test_what_makes_no_sense_is_refused(args: tuple[str, ...], says: str) -> None:
    answer = CliRunner().invoke(app, ["load", *args], env={"COLUMNS": "200"})
    assert answer.exit_code == 2
    assert says in answer.output


def test_an_incident_nobody_was_told_of_asks_for_all(office: Office) -> None:
    found = office.values("load", INCIDENT)
    assert (found["people"], found["tomorrow"], found["days"]) == (3, None, [])


def test_after_the_notice_nobody_is_left_to_tell(sent: Office) -> None:
    found = expected_for_two(sent)
    assert found["people"] == 0
    assert found["tomorrow"]["expected"] > 0


def expected_for_two(office: Office) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = office.values("load", INCIDENT, "--agents", 2)
    return found


def test_contacts_stand_in_load_timeline_and_report(sent: Office, tmp_path: Path) -> None:
    ask(sent, 4, days=0)
    answer = sent.amends("load", INCIDENT)
    assert "Contacts came by page 50%, telephone 50%." in answer.stdout
    assert "Contacts a day" in sent.amends("timeline", INCIDENT).stdout
    out = tmp_path / "report.html"
    assert sent.amends("report", INCIDENT, "--out", out).exit_code == 0
    assert "Contacts a day" in out.read_text()
