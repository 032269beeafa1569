"""An embargo, a clock that jumped, and a case that is resumed after the world has changed."""

from datetime import UTC, datetime, timedelta

import pytest

from amends.domain.base.clock import Seen
from tests.builders import story_of_few
from tests.cli.conftest import INCIDENT, NOTICE, Office

HOUR = timedelta(hours=1)


def until(hours: int = 48) -> str:
    return (datetime.now(UTC) + hours * HOUR).isoformat(timespec="minutes")


def test_an_embargo_holds_back_what_is_approved_until_it_is_lifted(ready: Office) -> None:
    ready.values("incident", "embargo", INCIDENT, "--until", until(), "--why", "letter 17 of the police", by="lena")
    answer = ready.amends("deliver", INCIDENT, NOTICE)
    assert answer.exit_code == 1
    assert "letter 17 of the police" in answer.stderr
    assert "amends incident lift" in answer.stderr
    ready.values("incident", "lift", INCIDENT, by="lena")
    assert ready.amends("deliver", INCIDENT, NOTICE).exit_code == 0


def test_an_embargo_needs_a_time_to_come(office: Office) -> None:
    answer = office.amends("incident", "embargo", INCIDENT, "--until", until(-1), "--why", "police", by="lena")
    assert answer.exit_code == 1
    assert "give a time to come" in answer.stderr


@pytest.mark.parametrize("end", ["2926-11-30T12:00", "9999-12-31T23:59", "0001-01-01T00:00"])
def test_an_embargo_with_a_mistyped_year_is_a_usage_error(office: Office, end: str) -> None:
    """An embargo until a year before 1970 or after 2300 is a usage error, and the case stays readable."""
    answer = office.amends("incident", "embargo", INCIDENT, "--until", end, "--why", "police", by="lena")
    assert (answer.exit_code, "between the years 1970 and 2300" in answer.stderr) == (2, True)
    assert office.amends("incident", "show", INCIDENT).exit_code == 0


def test_an_auditor_holds_nothing_back(office: Office) -> None:
    answer = office.amends("incident", "embargo", INCIDENT, "--until", until(), "--why", "police", by="aude")
    assert answer.exit_code == 1


def jumped(office: Office) -> None:
    ledger, now = office.ledger(), datetime.now(UTC)
    ledger.clocks.observe(Seen("another-host", "boot-1", 1.0, now))
    ledger.clocks.observe(Seen("another-host", "boot-1", 2.0, now + 300 * HOUR))
    ledger.dispose()


def test_after_a_clock_jump_nothing_leaves_until_it_is_trusted(ready: Office) -> None:
    """After the clock has jumped, nothing leaves until a member says with `amends clock trust` that the clock is right;
    the commands deliver and clock show name this command.
    """
    jumped(ready)
    answer = ready.amends("deliver", INCIDENT, NOTICE)
    assert (answer.exit_code, "amends clock trust" in answer.stderr) == (1, True)
    shown = ready.amends("clock", "show")
    assert "jumped ahead by about 12 days" in shown.stdout
    assert "amends clock trust" in shown.stderr
    assert len(ready.values("clock", "trust", by="lena")["settled"]) == 1
    assert ready.values("clock", "show") == {"doubts": []}
    assert ready.amends("deliver", INCIDENT, NOTICE).exit_code == 0


def test_resuming_asks_when_the_facts_have_changed_meanwhile(office: Office, tmp_path_factory: object) -> None:
    office.values("incident", "pause", INCIDENT, by="lena")
    changed = office.home / "incident.yaml"
    text = story_of_few().read_text(encoding="utf-8")
    changed.write_text(
        text.replace("title:", "title: Again:", 1)
        if "title: " not in text
        else text.replace("title: ", "title: Again ", 1),
        encoding="utf-8",
    )
    office.values("incident", "amend", changed, by="lena")
    answer = office.amends("incident", "resume", INCIDENT, by="lena")
    assert answer.exit_code == 1
    assert "the facts were amended" in answer.stderr
    assert "--yes" in answer.stderr
    assert office.values("incident", "resume", INCIDENT, "--yes", by="lena")["state"] == "open"


def test_resuming_asks_nothing_when_nothing_has_changed(office: Office) -> None:
    office.values("incident", "pause", INCIDENT, by="lena")
    assert office.values("incident", "resume", INCIDENT, by="lena")["state"] == "open"
