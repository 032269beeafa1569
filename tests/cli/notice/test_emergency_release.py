"""When the approvals cannot be had: two named people, each with their own token, and nobody can overlook it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from amends.cli.app import app
from tests.cli.conftest import INCIDENT, NOTICE, TEAM, Office, approve

WHY = "all other approvers are on one plane"


@pytest.fixture
def staffed(office: Office) -> Office:
    """With another lead, because lena wrote the notice."""
    office.tokens["mei"] = office.values("team", "add", "mei", "--role", "lead", by="lena")["token"]
    return office


def declare(
    office: Office, by: str, other: str, *more: str, second: str | None = None, words: tuple[str, ...] = ("--why", WHY)
) -> Result:
    """The command as these two would call it; the second token is that of the other unless said otherwise."""
    tokens = {"AMENDS_TOKEN": office.tokens[by], "AMENDS_TOKEN_2": office.tokens[other] if second is None else second}
    call = ["approve", INCIDENT, NOTICE, "--emergency", "--as", by, "--with", other, *words, *more]
    count = [] if "--people" in more else ["--people", "3"]
    return CliRunner().invoke(app, [*call, *count], env={"AMENDS_HOME": str(office.home), **tokens})


def test_two_release_it_and_it_reaches_everybody(staffed: Office) -> None:
    answer = declare(staffed, "mei", "omar")
    assert (answer.exit_code, "EMERGENCY" in answer.stdout, WHY in answer.stdout) == (0, True, True)
    assert staffed.amends("deliver", INCIDENT, NOTICE).exit_code == 0
    assert len(list((staffed.home / "outbox").glob("*.json"))) > 4


def test_show_and_report_say_who_let_it_leave_and_why(staffed: Office, tmp_path: Path) -> None:
    declare(staffed, "mei", "omar")
    staffed.amends("deliver", INCIDENT, NOTICE)
    said = f"{NOTICE} was released in an emergency by mei and omar, with 0 of 2 approvals: {WHY}"
    assert said in staffed.amends("incident", "show", INCIDENT).stdout
    staffed.values("report", INCIDENT, "--out", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert said.removeprefix(NOTICE) in page
    assert "EMERGENCY RELEASE" in page


def test_the_timeline_has_the_mark_and_an_alert(staffed: Office) -> None:
    declare(staffed, "mei", "omar")
    acts = [entry["act"] for entry in staffed.values("incident", "timeline", INCIDENT)["entries"]]
    assert acts.count("EMERGENCY RELEASE") == acts.count("alert") == 1


@pytest.mark.parametrize("wrong", ["not-a-token", "mei", "rosa"])
def test_the_second_proves_who_they_are_with_their_own_token(staffed: Office, wrong: str) -> None:
    answer = declare(staffed, "mei", "omar", second=staffed.tokens.get(wrong, wrong))
    assert (answer.exit_code, "does not belong to omar" in answer.stderr) == (1, True)
    assert staffed.amends("deliver", INCIDENT, NOTICE).exit_code == 4


def test_without_a_second_token_the_variable_is_named(staffed: Office) -> None:
    answer = declare(staffed, "mei", "omar", second="")
    assert (answer.exit_code, "AMENDS_TOKEN_2" in answer.stderr) == (1, True)


@pytest.mark.parametrize(
    ("by", "other", "says"),
    [
        ("omar", "wei", "neither omar nor wei is a lead or an executive"),
        ("mei", "mei", "needs two people"),
        ("omar", "lena", "lena wrote this notice"),
        ("mei", "rosa", "responder"),
    ],
)
def test_others_are_refused_and_hear_why(staffed: Office, by: str, other: str, says: str) -> None:
    answer = declare(staffed, by, other)
    assert (answer.exit_code, says in answer.stderr) == (1, True)


def test_an_auditor_is_none_of_the_two(staffed: Office) -> None:
    assert "auditor" in declare(staffed, "mei", "aude").stderr


def test_a_rejected_notice_is_released_in_no_emergency(staffed: Office) -> None:
    staffed.values("reject", INCIDENT, NOTICE, by="wei")
    answer = declare(staffed, "mei", "omar")
    assert (answer.exit_code, "was rejected by wei" in answer.stderr) == (1, True)


def test_what_is_approved_needs_no_emergency(staffed: Office) -> None:
    approve(staffed, "omar", "wei")
    assert "without an emergency" in declare(staffed, "mei", "omar").stderr


def test_a_wrong_number_of_people_releases_nothing(staffed: Office) -> None:
    assert declare(staffed, "mei", "omar", "--people", "2").exit_code == 1
    assert staffed.amends("deliver", INCIDENT, NOTICE).exit_code == 4


def test_another_hash_releases_nothing_and_the_try_is_kept(staffed: Office) -> None:
    answer = declare(staffed, "mei", "omar", "--binding", "0000")
    assert (answer.exit_code, "another by now" in answer.stderr) == (1, True)
    last = staffed.values("incident", "timeline", INCIDENT)["entries"][-1]
    assert (last["actor"], last["act"]) == ("mei", "emergency release refused")


@pytest.mark.parametrize("words", [(), ("--why", "  ")])
def test_an_emergency_without_a_reason_is_a_usage_error(staffed: Office, words: tuple[str, ...]) -> None:
    answer = declare(staffed, "mei", "omar", words=words)
    assert (answer.exit_code, "--why" in answer.stderr) == (2, True)


@pytest.mark.parametrize("words", [("--with", "omar"), ("--why", WHY)])
def test_its_options_alone_are_a_usage_error(staffed: Office, words: tuple[str, ...]) -> None:
    assert staffed.amends("approve", INCIDENT, NOTICE, "--people", 3, *words, by="wei").exit_code == 2


def test_no_token_is_ever_shown(staffed: Office) -> None:
    said = declare(staffed, "mei", "omar").output + declare(staffed, "mei", "omar").output
    assert not any(staffed.tokens[name] in said for name in (*TEAM, "mei"))


def test_a_refused_approval_says_what_happened_and_is_kept(staffed: Office) -> None:
    staffed.values("reject", INCIDENT, NOTICE, by="wei")
    answer = approve(staffed, "omar")
    assert (answer.exit_code, "first-notice was rejected by wei, at 2" in answer.stderr) == (1, True)
    last = staffed.values("incident", "timeline", INCIDENT)["entries"][-1]
    assert (last["actor"], last["act"]) == ("omar", "approve refused")
