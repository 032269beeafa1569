"""A lead rotates keys; everybody goes on, and what was broken off is finished by the same command."""

from pathlib import Path

import pytest

from tests.cli.conftest import INCIDENT, Office


def key_file(office: Office) -> Path:
    return office.home / "keys" / "master.key"


def test_a_new_master_key_takes_the_place_of_the_old_one(sent: Office) -> None:
    old = key_file(sent).read_text()
    said = sent.values("keys", "rotate", "--master", by="omar")
    assert (said["incidents"], Path(said["old"]).read_text()) == (1, old)
    assert old.strip() in key_file(sent).read_text()
    assert key_file(sent).read_text() != old
    assert sent.amends("audit", "verify").exit_code == 0
    assert sent.amends("incident", "show", INCIDENT).exit_code == 0


def test_the_key_of_a_case_is_replaced(sent: Office) -> None:
    said = sent.values("keys", "rotate", "--case", INCIDENT, by="omar")
    assert said["sealed"] == 3
    assert sent.values("keys", "list")["under_way"] == []
    assert sent.amends("audit", "verify").exit_code == 0
    ledger = sent.ledger()
    assert ledger.people.get(INCIDENT, 2).name == "Kim Example"
    ledger.dispose()


@pytest.mark.parametrize("words", [(), ("--master", "--case", INCIDENT)])
def test_which_key_must_be_said(office: Office, words: tuple[str, ...]) -> None:
    assert office.amends("keys", "rotate", *words, by="omar").exit_code == 2


@pytest.mark.parametrize("words", [("--master",), ("--case", INCIDENT)])
def test_a_responder_may_not(office: Office, words: tuple[str, ...]) -> None:
    before = key_file(office).read_text()
    assert office.amends("keys", "rotate", *words, by="rosa").exit_code == 1
    assert key_file(office).read_text() == before


def test_an_incident_that_is_not_there_is_said(office: Office) -> None:
    assert "no incident gone" in office.amends("keys", "rotate", "--case", "gone", by="omar").stderr
