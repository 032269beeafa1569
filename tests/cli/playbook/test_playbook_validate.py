"""Before a playbook runs, everything that speaks against it is said: by itself, for an incident, and for the team."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from amends.content.file.shipped import library
from tests.builders import story_of_few
from tests.cli.conftest import AUDIENCE, INCIDENT, STORY, Office, make_home

BOOK = """\
id: ours
title: Ours
for: Trying things out
reply_within: 48h
questions_owner: Customer care
remind_before: 3d
steps:
  - {id: assess, phase: assess, of: opened}
  - {id: tell, phase: notify, of: assessed, notice: first-notice, channels: [email], approvals: 2}
"""


@pytest.fixture
def nowhere(tmp_path: Path) -> Office:
    """An office without a home."""
    return Office(tmp_path / "none")


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "ours.yaml"
    path.write_text(BOOK, encoding="utf-8")
    return path


def changed(path: Path, old: str, new: str = "") -> Path:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.fixture
def opened(empty: Office, tmp_path: Path) -> Office:
    """A home with a lead and one who may approve, and an incident for which nothing runs."""
    empty.tokens["lena"] = empty.values("team", "add", "lena", "--role", "lead")["token"]
    empty.tokens["omar"] = empty.values("team", "add", "omar", "--role", "legal", by="lena")["token"]
    audience = tmp_path / "audience.csv"
    audience.write_text(AUDIENCE, encoding="utf-8")
    empty.values("incident", "open", story_of_few(), "--audience", audience, by="lena")
    return empty


@pytest.fixture
def own_words(book: Path) -> Path:
    """The folder of words of the playbook's own, which are the shipped words to begin with."""
    for name in ("notices", "locales"):
        shutil.copytree(library() / name, book.parent / name)
    shutil.copy(library() / "addenda.yaml", book.parent)
    return book.parent


def said(office: Office, *args: object) -> list[str]:
    return [one["what"] for one in office.values("playbook", "validate", *args)["findings"]]


def test_all_that_is_wrong_comes_at_once_with_the_advice(nowhere: Office, book: Path) -> None:
    changed(book, "of: assessed", "of: closed")
    book.write_text(
        book.read_text(encoding="utf-8") + '  - {id: ask, phase: collect_feedback, on: "2020-01-01T00:00:00Z"}\n'
    )
    answer = nowhere.amends("playbook", "validate", book)
    assert answer.exit_code == 3
    assert [line.split(" ")[1] for line in answer.stdout.splitlines()] == ["E123", "E125"]


def test_advice_alone_forbids_nothing(nowhere: Office, book: Path) -> None:
    book.write_text(
        book.read_text(encoding="utf-8") + '  - {id: ask, phase: collect_feedback, on: "2020-01-01T00:00:00Z"}\n'
    )
    answer = nowhere.amends("playbook", "validate", book)
    assert answer.exit_code == 0
    assert "E125 ask.on: 2020-01-01 00:00 UTC is over" in answer.stdout


def test_an_incident_tells_which_of_its_duties_would_be_missed(nowhere: Office, book: Path) -> None:
    found = nowhere.values("playbook", "validate", book, "--incident", STORY / "incident.yaml")["findings"]
    missed = [one for one in found if one["code"] == "E126"]
    assert missed
    assert all(one["where"] == f"{book}:9:5" and not one["blocks"] for one in missed)


def test_claims_for_a_segment_that_nobody_has_are_told(nowhere: Office, book: Path, tmp_path: Path) -> None:
    text = "claims: {currency: EUR, within: 90d, one_approver_up_to: 9, cap: 9, cap_per_person: 9, budget: 9, audience: gold}"
    book.write_text(f"{book.read_text(encoding='utf-8')}{text}\n", encoding="utf-8")
    people = tmp_path / "people.csv"
    people.write_text(
        "id,name,email,phone,locale,country,segment\n1,Kim,kim@example.org,,en,DE,silver\n", encoding="utf-8"
    )
    of = ("playbook", "validate", book, "--incident", STORY / "incident.yaml")
    (found,) = [one for one in nowhere.values(*of, "--audience", people)["findings"] if "claim" in one["what"]]
    assert found["what"] == "claims.audience: nobody may claim compensation: the list has no segment gold"
    assert (found["advice"], found["blocks"]) == ("Known: everyone, silver", False)
    assert "may claim" not in str(nowhere.values(*of)["findings"])


def test_duties_to_people_want_a_step_that_tells_them(nowhere: Office, book: Path) -> None:
    changed(book, "phase: notify", "phase: update")
    (what,) = [one for one in said(nowhere, book, "--incident", STORY / "incident.yaml") if "tells people" in one]
    assert what.startswith("no step tells people within a month, but laws ask for it: ")


def test_business_days_without_a_known_seat_are_told(nowhere: Office, book: Path, tmp_path: Path) -> None:
    changed(book, "of: assessed", "after: 2 business days, of: assessed")
    incident = tmp_path / "incident.yaml"
    text = (STORY / "incident.yaml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if "established_in" not in line]
    incident.write_text("\n".join(lines), encoding="utf-8")
    assert [one for one in said(nowhere, book, "--incident", incident) if "without holidays" in one]
    assert not [one for one in said(nowhere, book, "--incident", STORY / "incident.yaml") if "without holidays" in one]


def test_outside_a_home_nobody_knows_the_team(nowhere: Office, book: Path) -> None:
    assert said(nowhere, changed(book, "approvals: 2", "approvals: 9")) == []


def test_in_a_home_without_anybody_nothing_is_said_of_the_team(tmp_path: Path, book: Path) -> None:
    office = make_home(tmp_path / "home")
    assert said(office, changed(book, "approvals: 2", "approvals: 9")) == []


def test_in_a_home_it_is_only_advice_that_nobody_could_approve(opened: Office, book: Path) -> None:
    found = said(opened, changed(book, "approvals: 2", "approvals: 3"))
    assert found == ["tell.approvals: it needs 3 people who approve, but only 2 in the team may"]


def test_a_playbook_that_nobody_could_approve_is_not_started(opened: Office, book: Path) -> None:
    answer = opened.amends("run", INCIDENT, "--playbook", book, by="lena")
    assert answer.exit_code == 3
    assert (
        "E127 tell.approvals: it needs 2 people who approve, but only 1 in the team may besides lena, who handed in "
        "the incident file or the list of people (`amends team add NAME --role ROLE` adds somebody)"
    ) in answer.stdout
    assert not opened.values("incident", "show", INCIDENT)["case"]["pinned"]


def test_a_role_that_nobody_has_keeps_it_from_being_started(opened: Office, book: Path) -> None:
    changed(book, "approvals: 2", "approvals: {needed: 1, roles: [security]}")
    answer = opened.amends("run", INCIDENT, "--playbook", book, by="lena")
    assert "security must be among those who approve, but nobody in the team is" in answer.stdout


def pinned(office: Office) -> dict[str, Any]:
    ledger = office.ledger()
    try:
        return ledger.playbooks.pinned(INCIDENT).playbook.model_dump(mode="json")
    finally:
        ledger.dispose()


@pytest.fixture
def in_business_days(opened: Office, book: Path) -> Path:
    """A playbook of business days, running."""
    changed(book, "approvals: 2", "approvals: 1")
    changed(book, "of: assessed", "after: 2 business days, of: assessed")
    opened.values("run", INCIDENT, "--playbook", book, by="lena")
    return book


def test_a_playbook_in_business_days_is_pinned_with_holidays(opened: Office, in_business_days: Path) -> None:
    """A playbook that counts business days is pinned together with the public holidays of the years of the case."""
    year = opened.values("incident", "show", INCIDENT)["case"]["opened_at"][:4]
    assert f"{year}-10-01" in pinned(opened)["days_off"]


def test_what_runs_does_not_differ_from_its_own_file(opened: Office, in_business_days: Path) -> None:
    assert opened.values("playbook", "diff", in_business_days, "--running", INCIDENT) == []
    assert opened.values("migrate", INCIDENT, "--to", in_business_days)["changes"] == []


def test_starting_it_again_pins_the_same(opened: Office, in_business_days: Path) -> None:
    first = opened.values("incident", "show", INCIDENT)["case"]["pinned"]
    assert opened.values("run", INCIDENT, "--playbook", in_business_days, by="lena")["content"] == first


def test_a_migration_keeps_the_holidays(opened: Office, in_business_days: Path) -> None:
    days = pinned(opened)["days_off"]
    changed(in_business_days, "approvals: 1", "approvals: {needed: 1, roles: [legal]}")
    opened.values("migrate", INCIDENT, "--to", in_business_days, "--yes", by="lena")
    assert pinned(opened)["days_off"] == days


def test_a_plan_for_the_incident_counts_the_holidays(opened: Office, in_business_days: Path) -> None:
    turns = opened.values("playbook", "plan", in_business_days, INCIDENT, "--days", 20)["occurrences"]
    assert [turn["step"] for turn in turns if turn["step"] in ("assess", "tell")][:2] == ["assess", "tell"]


def test_a_playbook_on_top_of_another_is_shown_and_pinned_whole(opened: Office, tmp_path: Path) -> None:
    top = tmp_path / "top.yaml"
    top.write_text(
        "id: top\nextends: ours.yaml\nsteps:\n  - {id: tell, approvals: 1}\n"
        "  - {id: ask, phase: collect_feedback, of: tell, before: tell}\n"
    )
    (tmp_path / "ours.yaml").write_text(BOOK, encoding="utf-8")
    assert "ask (collect_feedback), right after tell" in opened.amends("playbook", "show", top).stdout
    opened.values("run", INCIDENT, "--playbook", top, by="lena")
    assert [step["id"] for step in pinned(opened)["steps"]] == ["assess", "ask", "tell"]


def test_the_findings_are_there_for_programs_too(nowhere: Office, book: Path) -> None:
    answer = nowhere.amends("--json", "playbook", "validate", changed(book, "of: assessed", "of: closed"))
    (finding,) = json.loads(answer.stdout)["findings"]
    assert (finding["where"], finding["code"], finding["blocks"]) == (f"{book}:9:35", "E123", True)


def test_own_words_without_a_fault_are_valid(nowhere: Office, book: Path, own_words: Path) -> None:
    assert own_words.is_dir()
    assert said(nowhere, book) == []


def test_a_template_that_would_fail_at_night_fails_before(nowhere: Office, book: Path, own_words: Path) -> None:
    """A misspelt name is found in a template of a notice that no step of the playbook sends yet, in a rare state."""
    path = own_words / "notices" / "promise-late" / "en.sms.txt"
    lines = path.read_text(encoding="utf-8").count("\n")
    with path.open("a", encoding="utf-8") as file:
        file.write('{% if promise.state == "dropped" and reader == "guardian" %}\n{{ promise.reasn }}\n{% endif %}\n')
    answer = nowhere.amends("--json", "playbook", "validate", book)
    (finding,) = json.loads(answer.stdout)["findings"]
    assert (answer.exit_code, finding["code"]) == (3, "E121")
    assert finding["where"].startswith(f"{own_words}/notices/promise-late/en.sms.txt:")
    assert int(finding["where"].split(":")[1]) <= lines + 2


def test_a_template_that_asks_for_too_much_is_not_valid(nowhere: Office, book: Path, own_words: Path) -> None:
    changed(own_words / "notices" / "update" / "en.sms.txt", "", "{{ 'a' * 10**10 }}")
    answer = nowhere.amends("playbook", "validate", book)
    assert answer.exit_code == 3
    assert f"{own_words}/notices/update/en.sms.txt:1:1 E129 10000000000 times this is longer than" in answer.stdout


def test_a_large_template_is_not_read(nowhere: Office, book: Path, own_words: Path) -> None:
    path = own_words / "notices" / "update" / "en.sms.txt"
    path.write_text("x" * 50_000_000, encoding="utf-8")
    answer = nowhere.amends("playbook", "validate", book)
    assert (answer.exit_code, f"{path} E108 the file is larger than 256 kB" in answer.stdout) == (3, True)
