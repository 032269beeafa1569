"""Who called what is not for their role: the audit chain keeps who, role and verb, and nothing that was typed."""

import pytest

from tests.cli.conftest import INCIDENT, Office


def test_a_refused_call_is_kept_and_shown(office: Office) -> None:
    for _ in range(2):
        assert office.amends("incident", "close", INCIDENT, by="rosa").exit_code == 1
    office.amends("review", "note", INCIDENT, "well", "kim@mail.example", by="aude")
    office.amends("team", "remove", "wei", by="omar")
    found = office.values("audit", "refused", by="aude")
    assert [(one["by"], one["role"], one["verb"], one["incident"]) for one in found] == [
        ("rosa", "responder", "incident close", INCIDENT),
        ("aude", "auditor", "review note", INCIDENT),
        ("omar", "legal", "team remove", ""),
    ]
    assert "kim@mail.example" not in str(office.ledger().audit.entries(INCIDENT))


def test_attempts_at_one_case_stand_alone_and_in_its_timeline(office: Office) -> None:
    office.amends("incident", "close", INCIDENT, by="rosa")
    office.amends("team", "remove", "wei", by="omar")
    shown = office.amends("audit", "refused", INCIDENT, by="lena").stdout
    assert "incident close" in shown
    assert "team remove" not in shown
    assert "refused" in office.amends("incident", "timeline", INCIDENT).stdout


def test_a_second_person_of_another_role_is_kept_too(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMENDS_TOKEN_2", office.tokens["rosa"])
    answer = office.amends("incident", "destroy", INCIDENT, "--with", "rosa", "--yes", by="lena")
    assert answer.exit_code == 1
    assert [one["by"] for one in office.values("audit", "refused", by="lena")] == ["rosa"]


def test_whoever_proves_nothing_is_not_kept(office: Office) -> None:
    office.tokens["rosa"] = office.tokens["omar"]
    office.amends("incident", "close", INCIDENT, by="rosa")
    assert office.values("audit", "refused", by="lena") == []
