"""Who stands in for whom, and where approvers are reminded: said by themselves, or by a lead."""

from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from amends.cli.app import app
from tests.cli.conftest import INCIDENT, NOTICE, Office

SOON = (datetime.now(UTC) + timedelta(days=2)).isoformat(timespec="minutes")
SECRET = "json://user:hunter2@127.0.0.1:9/deep/path"


def give(office: Office, *words: str, by: str = "omar") -> int:
    return office.amends("team", "delegate", "omar", *(words or ("--to", "wei", "--until", SOON)), by=by).exit_code


def test_a_deputy_gives_the_word_of_another(office: Office) -> None:
    assert give(office) == 0
    answer = office.amends("approve", INCIDENT, NOTICE, "--people", 3, "--for", "omar", by="wei")
    assert (answer.exit_code, "1 of 2 approvals" in answer.stdout) == (4, True)
    refused = office.amends("approve", INCIDENT, NOTICE, "--people", 3, by="wei")
    assert (refused.exit_code, "nobody speaks for two" in refused.stderr) == (1, True)


def test_a_deputy_can_reject_for_another(office: Office) -> None:
    give(office)
    assert office.values("reject", INCIDENT, NOTICE, "--for", "omar", by="wei")["stage"] == "rejected"


def test_the_list_says_who_stands_in_for_whom(office: Office) -> None:
    give(office)
    (line,) = [line for line in office.amends("team", "list").stdout.splitlines() if line.startswith("omar")]
    assert "wei until" in line


def test_what_is_over_is_not_listed(office: Office) -> None:
    ledger = office.ledger()
    then = datetime.now(UTC) - timedelta(days=2)
    ledger.team.delegate("omar", "wei", then + timedelta(days=1), then)
    ledger.dispose()
    assert "until" not in office.amends("team", "list").stdout


@pytest.mark.parametrize("by", ["wei", "lena"])
def test_nobody_gives_away_the_word_of_another(office: Office, by: str) -> None:
    assert give(office, by=by) == 1


@pytest.mark.parametrize("until", ["tomorrow", "2026-12-01T18:00", "2026-13-01T18:00Z"])
def test_a_time_that_is_none_or_has_no_zone_is_a_usage_error(office: Office, until: str) -> None:
    assert give(office, "--to", "wei", "--until", until) == 2


@pytest.mark.parametrize("until", ["2926-12-11T10:00Z", "9999-12-31T23:59-05:00", "0001-01-01T00:00+08:00"])
def test_a_mistyped_year_is_a_usage_error_and_the_team_stays_readable(office: Office, until: str) -> None:
    answer = office.amends("team", "delegate", "omar", "--to", "wei", "--until", until, by="omar")
    assert (answer.exit_code, "between the years 1970 and 2300" in answer.stderr) == (2, True)
    assert office.amends("team", "list").exit_code == 0


@pytest.mark.parametrize("words", [("--to", "wei"), ("--until", SOON)])
def test_half_a_delegation_is_a_usage_error(office: Office, words: tuple[str, ...]) -> None:
    assert give(office, *words) == 2


def test_a_time_that_is_over_is_refused(office: Office) -> None:
    assert give(office, "--to", "wei", "--until", "2020-01-01T00:00Z") == 1


@pytest.mark.parametrize("by", ["omar", "lena"])
def test_a_delegation_is_ended_by_who_gave_it_or_a_lead(office: Office, by: str) -> None:
    give(office)
    assert give(office, "--end", by=by) == 0
    assert office.amends("approve", INCIDENT, NOTICE, "--people", 3, "--for", "omar", by="wei").exit_code == 1


def test_others_end_no_delegation(office: Office) -> None:
    give(office)
    assert give(office, "--end", by="wei") == 1


def test_a_contact_is_taken_and_shown_nowhere(office: Office) -> None:
    answer = office.amends("team", "contact", "omar", "--url", SECRET, by="omar")
    listed = office.amends("--json", "team", "list")
    audit = office.amends("incident", "timeline", INCIDENT)
    assert answer.exit_code == 0
    assert next(one for one in office.values("team", "list") if one["name"] == "omar")["can_be_reached"] is True
    assert "hunter2" not in answer.output + listed.output + audit.output


def test_a_contact_can_be_piped_in_so_that_no_shell_keeps_it(office: Office) -> None:
    answer = office.amends("team", "contact", "omar", by="omar", stdin=f"{SECRET}\n")
    ledger = office.ledger()
    assert (answer.exit_code, ledger.team.contact("omar")) == (0, SECRET)
    ledger.dispose()


@pytest.mark.parametrize("wrong", ["nonsense://hunter2", "hunter2", f"{SECRET}, {SECRET}", f"{SECRET} {SECRET}"])
def test_what_is_no_single_address_is_refused_and_not_repeated(office: Office, wrong: str) -> None:
    answer = office.amends("--debug", "team", "contact", "omar", "--url", wrong, by="omar")
    assert (answer.exit_code, "Apprise" in answer.stderr) == (1, True)
    assert "hunter2" not in answer.stdout + answer.stderr.replace(f"'{wrong}'", "")


def test_a_lead_sets_the_contact_of_others_and_others_do_not(office: Office) -> None:
    assert office.amends("team", "contact", "omar", "--url", SECRET, by="lena").exit_code == 0
    assert office.amends("team", "contact", "omar", "--url", SECRET, by="wei").exit_code == 1


def test_a_contact_can_be_removed(office: Office) -> None:
    office.amends("team", "contact", "omar", "--url", SECRET, by="omar")
    assert office.values("team", "contact", "omar", "--remove", by="omar") == {"member": "omar", "reminded": False}


@pytest.mark.parametrize("piped", ["", "\n", "  \n"])
def test_a_pipe_that_brings_nothing_takes_no_contact_away(office: Office, piped: str) -> None:
    office.amends("team", "contact", "omar", "--url", SECRET, by="omar")
    answer = office.amends("team", "contact", "omar", by="omar", stdin=piped)
    ledger = office.ledger()
    assert (answer.exit_code, "--remove" in answer.stderr, ledger.team.contact("omar")) == (2, True, SECRET)
    ledger.dispose()


def test_a_contact_is_not_set_and_removed_in_one(office: Office) -> None:
    office.amends("team", "contact", "omar", "--url", SECRET, by="omar")
    answer = office.amends("team", "contact", "omar", "--url", SECRET, "--remove", by="omar")
    ledger = office.ledger()
    assert (answer.exit_code, ledger.team.contact("omar")) == (2, SECRET)
    ledger.dispose()


def test_the_list_hints_at_approvers_who_cannot_be_reminded(office: Office) -> None:
    assert "lena, omar and wei cannot be reminded" in office.amends("team", "list").stderr


@pytest.mark.parametrize(("name", "unheard"), [("omar", True), ("lena", False)])
def test_it_is_said_when_no_lead_would_hear_an_alert(office: Office, name: str, unheard: bool) -> None:
    office.amends("team", "contact", name, "--url", SECRET, by=name)
    hint = "no lead hears of an alert"
    checks = office.values("doctor")["checks"]
    assert ["warn" for check in checks if hint in check["what"]] == ["warn"] * unheard
    assert (hint in office.amends("team", "list").stderr) is unheard


def test_help_says_that_an_address_is_better_not_on_the_command_line() -> None:
    shown = CliRunner().invoke(app, ["team", "contact", "--help"]).stdout
    assert "leave --url out" in " ".join(shown.split())
