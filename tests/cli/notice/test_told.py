"""`amends told` says what people were told, how many, and what is wrong by now."""

import json

from tests.cli.conftest import INCIDENT, NOTICE, Office


def rows(office: Office, *options: str) -> dict[str, dict[str, object]]:
    """The rows of the answer by statement."""
    said = office.amends("--json", "told", INCIDENT, *options)
    assert said.exit_code == 0, said.output
    return {str(row["statement"]): row for row in json.loads(said.stdout)}


def test_each_statement_has_its_people_and_its_notices(sent: Office) -> None:
    found = rows(sent)
    assert {"occurred", "discovered", "cause", "contact", "next_update"} <= found.keys()
    assert found["contact"]["notices"] == NOTICE
    assert found["contact"]["public"] == "yes"
    assert found["contact"]["people"] == 2
    assert found["cause"]["by now"] == "stands"
    assert {found[key]["by now"] for key in ("contact", "next_update", "commitment:audit")} == {""}


def test_own_data_is_not_wrong_because_others_have_more(sent: Office) -> None:
    said = sent.amends("--json", "told", INCIDENT, "--statement", "elements")
    assert {row["by now"] for row in json.loads(said.stdout)} <= {"", "stands"}


def test_one_statement_is_asked_for(sent: Office) -> None:
    assert rows(sent, "--statement", "cause").keys() == {"cause"}


def test_a_statement_that_nobody_made_is_named_with_those_made(sent: Office) -> None:
    said = sent.amends("told", INCIDENT, "--statement", "weather")
    assert said.exit_code == 1
    assert "nobody was told anything about weather; people were told about" in said.stderr


def test_what_one_person_was_told_stands_message_by_message(sent: Office) -> None:
    said = sent.amends("told", INCIDENT, "--person", "2").stdout
    assert f"{NOTICE} v1" in said
    assert "cause: " in said


def test_a_person_whom_nobody_knows_is_refused(sent: Office) -> None:
    assert sent.amends("told", INCIDENT, "--person", "99").exit_code == 1


def test_before_anything_is_sent_nobody_was_told_anything(office: Office) -> None:
    assert office.amends("told", INCIDENT).stdout == "none\n"
