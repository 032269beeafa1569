"""`amends incident close`: it lists what is missing, and two people pass over a criterion for a reason."""

import json
from pathlib import Path

import pytest

from amends.cli.terminal.clock import now
from tests.builders import an_asked, story_of_few
from tests.cli.conftest import AUDIENCE, INCIDENT, Office

REASON = "merged with another incident"


def overriding(*criteria: str) -> list[str]:
    return [word for one in criteria for word in ("--override", one)] + ["--reason", REASON]


def unmet(office: Office, *args: str, by: str = "lena") -> set[str]:
    """Call the command, which must be refused, and return the criteria that it names."""
    found = office.amends("--json", "incident", "close", INCIDENT, *args, by=by)
    assert found.exit_code == 3, found.stderr
    return {one["criterion"] for one in json.loads(found.stdout)["unmet"]}


def test_it_lists_what_is_missing_and_who_ends_it(office: Office) -> None:
    answer = office.amends("incident", "close", INCIDENT, by="lena")
    assert answer.exit_code == 3
    assert "told: nobody has been told yet; lead: `amends timeline" in answer.stdout
    assert "settle these; or two people (lead, legal, executive)" in answer.stderr


def test_two_people_pass_over_what_is_missing(office: Office) -> None:
    missing = sorted(unmet(office))
    assert unmet(office, *overriding(*missing)) == set(missing)
    closed = office.values("incident", "close", INCIDENT, *overriding(*missing), by="omar")
    assert (closed["state"], closed["steps"]) == ("resolved", ["closing"])
    assert {one["criterion"] for one in closed["overrides"]} == set(missing)
    assert all([voice["by"] for voice in one["voices"]] == ["lena", "omar"] for one in closed["overrides"])


def test_the_same_person_twice_passes_over_nothing(office: Office) -> None:
    missing = sorted(unmet(office))
    for _ in range(2):
        assert unmet(office, *overriding(*missing)) == set(missing)


def test_the_second_person_is_asked_for(office: Office) -> None:
    said = office.amends("incident", "close", INCIDENT, *overriding("told"), by="lena")
    assert "told, not passed over yet, a second person is needed" in said.stdout
    assert f"`amends incident close {INCIDENT} --override told --reason TEXT --as NAME`" in said.stderr


def test_a_word_without_a_second_stands_in_the_timeline(office: Office) -> None:
    office.amends("incident", "close", INCIDENT, *overriding("told"), by="lena")
    (task,) = (one for one in office.values("timeline", INCIDENT)["waiting"] if one["wait"] == "override")
    assert task["whom"] == "a second person of lead, legal and executive"
    assert task["what"] == "one person (lead) passes over told at the closing: nobody has been told yet"
    assert "--override told" in task["do"]
    office.amends("incident", "close", INCIDENT, *overriding("told"), by="omar")
    assert "override" not in [one["wait"] for one in office.values("timeline", INCIDENT)["waiting"]]


def test_a_role_that_may_not_is_refused(office: Office) -> None:
    refused = office.amends("incident", "close", INCIDENT, *overriding("told"), by="wei")
    assert refused.exit_code == 1
    assert "wei is security, and `amends incident close --override` is for lead, legal and executive" in refused.stderr


def test_nobody_passes_over_who_waits_for_an_answer(office: Office) -> None:
    ledger = office.ledger()
    ledger.questions.ask(INCIDENT, an_asked("Was my card copied?", person=1), now())
    ledger.dispose()
    refused = office.amends("incident", "close", INCIDENT, *overriding("questions_settled"), by="lena")
    assert refused.exit_code == 1
    assert "whoever asked gets a word first, each one" in refused.stderr
    listed = office.amends("incident", "close", INCIDENT, by="lena")
    assert "1 questions have no answer" in listed.stdout


def test_what_is_missing_later_is_not_passed_over(office: Office) -> None:
    """Two people passed over all that was missing; a question asked since then keeps the case open."""
    missing = sorted(unmet(office))
    unmet(office, *overriding(*missing))
    ledger = office.ledger()
    ledger.questions.ask(INCIDENT, an_asked("Was my card copied?", person=1), now())
    ledger.dispose()
    assert unmet(office, *overriding(*missing), by="omar") == {"questions_settled"}


@pytest.mark.parametrize(
    "args", [("--override", "told"), ("--reason", "because"), ("--override", "mood", "--reason", "a")]
)
def test_an_override_needs_its_criterion_and_its_reason(office: Office, args: tuple[str, ...]) -> None:
    assert office.amends("incident", "close", INCIDENT, *args, by="lena").exit_code == 2


def test_a_criterion_that_is_met_is_not_passed_over(office: Office) -> None:
    refused = office.amends("incident", "close", INCIDENT, *overriding("claims_settled"), by="lena")
    assert refused.exit_code == 1
    assert "there is nothing to pass over" in refused.stderr


def test_the_reasons_stand_in_the_timeline_and_the_report(office: Office, tmp_path: Path) -> None:
    unmet(office, *overriding("told"))
    unmet(office, *overriding("told"), by="omar")
    assert "closing override" in office.amends("incident", "timeline", INCIDENT).stdout
    office.values("report", INCIDENT, "--out", tmp_path / "report.html")
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f"lena (lead): {REASON}; omar (legal): {REASON}" in report


def test_without_a_playbook_it_is_closed_at_once(empty: Office, tmp_path: Path) -> None:
    audience = tmp_path / "audience.csv"
    audience.write_text(AUDIENCE, encoding="utf-8")
    empty.values("incident", "open", story_of_few(), "--audience", audience)
    empty.tokens["lena"] = empty.values("team", "add", "lena", "--role", "lead")["token"]
    empty.tokens["omar"] = empty.values("team", "add", "omar", "--role", "legal", by="lena")["token"]
    assert unmet(empty) == {"told"}
    unmet(empty, *overriding("told"))
    empty.values("incident", "close", INCIDENT, *overriding("told"), by="omar")
    assert [line["state"] for line in empty.values("incident", "list")] == ["closed"]
