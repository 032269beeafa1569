"""Stopping a send by hand, and comparing a restored ledger with the relay's log."""

import shutil
from pathlib import Path

from amends.cli.exits import Exit
from tests.cli.conftest import INCIDENT, NOTICE, Office, approve


def test_a_stopped_incident_sends_nothing_until_it_is_resumed(office: Office) -> None:
    approve(office, "omar", "wei")
    stopped = office.values("stop", INCIDENT, by="lena")
    assert stopped == {"incident": INCIDENT, "state": "paused", "unanswered": 0}
    assert "paused" in office.amends("deliver", INCIDENT, NOTICE).output


def test_stopping_twice_is_no_mistake(office: Office) -> None:
    office.amends("stop", INCIDENT, by="lena")
    again = office.amends("stop", INCIDENT, by="lena")
    assert again.exit_code == 0
    assert "nothing leaves any more" in again.output


def test_a_log_tells_a_restored_ledger_what_had_left(office: Office, tmp_path: Path) -> None:
    home = office.home
    shutil.copy(home / "ledger.sqlite3", tmp_path / "backup")
    office.amends("incident", "pause", INCIDENT, by="lena")
    for file in home.glob("ledger.sqlite3-*"):
        file.unlink()
    shutil.copy(tmp_path / "backup", home / "ledger.sqlite3")
    log = tmp_path / "mail.log"
    log.write_bytes(b"postfix/cleanup: message-id=<0123456789abcdef0123456789abcdef@bank.example>\n\xff\n")
    assert office.amends("audit", "verify").exit_code != 0
    found = office.values("reconcile", "--log", log, "--complete", by="omar")
    assert found == {"sent": 0, "uncertain": 0, "waiting": 0}
    assert office.amends("audit", "verify").exit_code == 0


def test_a_log_that_is_not_there_is_named(office: Office) -> None:
    answer = office.amends("reconcile", "--log", "/nowhere.log", by="omar")
    assert answer.exit_code == Exit.USAGE
    assert "nowhere.log" in answer.output
