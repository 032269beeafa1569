"""An incident whose file has facts alone: assessed and opened at once, and no notice of it until the rest is written."""

from pathlib import Path
from typing import Any

import pytest

from amends.content.law.law import read_law
from amends.domain.assess.assess import assess
from amends.domain.case.states import OccurrenceState
from tests.builders import NOW
from tests.cli.conftest import AUDIENCE, INCIDENT, NOTICE, PLAYBOOK, STORY, Office, approve

FACTS = """\
id: stolen-terminals
title: Three terminals stolen
times:
  discovered: 2026-11-18T07:40:00+08:00
facts:
  cause: theft
  data_categories: [contact]
residences: {DE: 3}
"""
WHOLE = STORY / "incident.yaml"
KEYS = [
    "organisation.name",
    "organisation.own_domains",
    "organisation.contacts.email",
    "organisation.contacts.phone",
    "texts",
]
NEEDED = "needed_before_the_first_notice"
AUTHORITY = "eu-gdpr-33.supervisory_authority@DE"


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    path = tmp_path / "facts.yaml"
    path.write_text(FACTS, encoding="utf-8")
    return path


@pytest.fixture
def audience(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(AUDIENCE, encoding="utf-8")
    return path


@pytest.fixture
def nowhere(tmp_path: Path) -> Office:
    """An office without a home."""
    return Office(tmp_path / "nowhere")


@pytest.fixture
def opened(empty: Office, facts: Path, audience: Path) -> Office:
    """An office whose incident was opened with facts alone, and whose team runs a playbook for it."""
    empty.values("incident", "open", facts, "--audience", audience)
    for name, role in (("lena", "lead"), ("omar", "legal"), ("wei", "security")):
        by = "" if name == "lena" else "lena"
        empty.tokens[name] = empty.values("team", "add", name, "--role", role, by=by)["token"]
    empty.values("run", INCIDENT, "--playbook", PLAYBOOK, by="lena")
    return empty


def keys(found: list[dict[str, Any]]) -> list[str]:
    return [finding["what"].split()[0] for finding in found]


def without(text: str, folder: Path) -> Path:
    """The whole story without this line."""
    whole, path = WHOLE.read_text(encoding="utf-8"), folder / "without.yaml"
    assert text in whole
    path.write_text(whole.replace(text, "", 1), encoding="utf-8")
    return path


def test_facts_alone_are_assessed(nowhere: Office, facts: Path) -> None:
    found = nowhere.values("assess", facts)
    assert AUTHORITY in {duty["id"] for duty in found["duties"]}
    assert found["severity"]["band"]


def test_an_id_and_a_title_alone_are_assessed_by_the_worse_case(nowhere: Office, tmp_path: Path) -> None:
    path = tmp_path / "bare.yaml"
    path.write_text("id: bare\ntitle: Something happened\n", encoding="utf-8")
    answer = nowhere.amends("assess", path)
    assert (answer.exit_code, "risk to people: high" in answer.stdout) == (0, True)


def test_facts_alone_have_a_page_and_deadlines(nowhere: Office, facts: Path, tmp_path: Path) -> None:
    page, calendar = tmp_path / "page.html", tmp_path / "deadlines.ics"
    nowhere.values("assess", facts, "--report", page)
    nowhere.values("calendar", "--file", facts, "--out", calendar)
    assert "Three terminals stolen" in page.read_text(encoding="utf-8")
    assert "BEGIN:VEVENT" in calendar.read_text(encoding="utf-8")


def test_a_wrong_word_among_the_facts_is_still_an_error(nowhere: Office, facts: Path) -> None:
    facts.write_text(FACTS.replace("cause: theft", "cause: thefd"), encoding="utf-8")
    answer = nowhere.amends("assess", facts)
    assert (answer.exit_code, f"{facts}:6:10 E102" in answer.stdout) == (3, True)


def test_check_lists_what_the_first_notice_needs(nowhere: Office, facts: Path) -> None:
    answer = nowhere.amends("incident", "check", facts)
    assert answer.exit_code == 0
    first, title, *lines = answer.stdout.splitlines()
    assert first == f"{facts}: Three terminals stolen (stolen-terminals), without texts: no findings"
    assert title == "needed before the first notice: 5"
    assert [line.split()[:3] for line in lines] == [[f"{facts}:1:1", "E112", key] for key in KEYS]


def test_check_tells_a_program_what_the_first_notice_needs(nowhere: Office, facts: Path) -> None:
    checked = nowhere.values("incident", "check", facts)
    assert (checked["findings"], checked["locales"], keys(checked[NEEDED])) == ([], [], KEYS)
    assert checked[NEEDED][0]["where"] == f"{facts}:1:1"


def test_check_needs_nothing_of_a_whole_file(nowhere: Office) -> None:
    assert nowhere.values("incident", "check", WHOLE)[NEEDED] == []
    assert "needed before" not in nowhere.amends("incident", "check", WHOLE).output


def test_opening_with_facts_alone_says_what_to_add(empty: Office, facts: Path, audience: Path) -> None:
    answer = empty.amends("incident", "open", facts, "--audience", audience)
    assert answer.exit_code == 0, answer.output
    (hint,) = (line for line in answer.stderr.splitlines() if "needed before the first notice" in line)
    assert [key for key in (*KEYS, "`amends incident amend FILE --as NAME`") if key not in hint] == []
    assert "own_domains of" not in answer.stderr


def test_opening_tells_a_program_what_to_add(empty: Office, facts: Path, audience: Path) -> None:
    assert keys(empty.values("incident", "open", facts, "--audience", audience)[NEEDED]) == KEYS


def test_a_pack_is_made_before_anything_is_written(opened: Office, tmp_path: Path) -> None:
    """An authority can be told in the first night: what the file does not say yet is marked as not known."""
    ledger = opened.ledger()
    incident, people = ledger.cases.incident_file(INCIDENT), ledger.cases.read(INCIDENT, NOW).audience
    ledger.assessments.record(INCIDENT, assess(incident, people, 1, NOW, read_law()), NOW)
    ledger.dispose()
    opened.values("duty", "pack", INCIDENT, AUTHORITY, "--out", tmp_path)
    (page,) = tmp_path.rglob("*.md")
    said = page.read_text(encoding="utf-8")
    assert "- Organisation: **Not known yet.**; **Not known yet.**" in said
    assert "**Not known yet.** (what happened)" in said


@pytest.mark.parametrize(
    "words", [("incident", "show"), ("timeline",), ("incident", "timeline"), ("questions", "list")]
)
def test_an_incident_without_texts_can_be_followed(opened: Office, words: tuple[str, ...]) -> None:
    answer = opened.amends(*words, INCIDENT)
    assert answer.exit_code == 0, answer.output


def test_an_incident_without_texts_has_a_report(opened: Office, tmp_path: Path) -> None:
    opened.values("report", INCIDENT, "--out", tmp_path / "report.html")
    assert "Three terminals stolen" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_amending_with_facts_alone_says_what_to_add(opened: Office, facts: Path) -> None:
    facts.write_text(FACTS.replace("[contact]", "[contact, billing]"), encoding="utf-8")
    answer = opened.amends("incident", "amend", facts, by="lena")
    assert (answer.exit_code, "needed before the first notice" in answer.stderr) == (0, True)


def hold(office: Office) -> None:
    """The first notice's step, held as by its flow."""
    ledger = office.ledger()
    ledger.occurrences.mark(INCIDENT, NOTICE, 1, NOW, OccurrenceState.HELD, NOW, "the incident file does not say texts")
    ledger.dispose()


def test_filling_the_last_gap_says_how_the_step_goes_on(opened: Office) -> None:
    hold(opened)
    answer = opened.amends("incident", "amend", WHOLE, by="lena")
    assert answer.exit_code == 0, answer.output
    assert f"`amends step go {INCIDENT} {NOTICE} 1 --as NAME`" in answer.stderr
    assert "needed before" not in answer.stderr


def test_a_step_held_for_another_reason_is_not_named(office: Office, tmp_path: Path) -> None:
    hold(office)
    changed = without("  size: 380\n", tmp_path)
    assert "amends step go" not in office.amends("incident", "amend", changed, by="lena").stderr


def test_a_draft_older_than_a_gap_is_not_approved(office: Office, tmp_path: Path) -> None:
    gone = without("    phone: +86 571 5550 0142\n", tmp_path)
    office.values("incident", "amend", gone, by="lena")
    answer = approve(office, "omar")
    assert (answer.exit_code, "it is drafted afresh first" in answer.stderr) == (1, True)


def test_an_approved_notice_with_a_new_gap_is_not_sent(office: Office, tmp_path: Path) -> None:
    approve(office, "omar", "wei")
    office.values("incident", "amend", without("    phone: +86 571 5550 0142\n", tmp_path), by="lena")
    answer = office.amends("deliver", INCIDENT, NOTICE)
    assert (answer.exit_code, "is not what was approved" in answer.stderr) == (4, True)
    assert [path for path in (office.home / "outbox").rglob("*") if path.is_file()] == []


def test_the_lint_of_a_draft_older_than_a_gap_names_it(office: Office, tmp_path: Path) -> None:
    office.values("incident", "amend", without("    phone: +86 571 5550 0142\n", tmp_path), by="lena")
    answer = office.amends("lint", INCIDENT, NOTICE)
    assert answer.exit_code == 3
    assert "STOPS  L156" in answer.stdout
    assert "organisation.contacts.phone" in answer.stdout


def test_the_lint_of_a_file_names_each_gap_at_its_place(nowhere: Office, facts: Path) -> None:
    answer = nowhere.amends("lint", "--incident", facts)
    assert answer.exit_code == 3
    assert [line.split()[2] for line in answer.stdout.splitlines() if f"{facts}:1:1 E112" in line] == KEYS


def test_nothing_is_rehearsed_with_a_gap(nowhere: Office, facts: Path, audience: Path) -> None:
    answer = nowhere.amends("rehearse", PLAYBOOK, "--incident", facts, "--audience", audience)
    assert (answer.exit_code, f"{facts}:1:1 E112 texts" in answer.stdout) == (3, True)


def test_a_playbook_is_planned_for_facts_alone(nowhere: Office, facts: Path) -> None:
    planned = nowhere.values("playbook", "plan", PLAYBOOK, "--incident", facts)
    assert NOTICE in {one["step"] for one in planned["occurrences"]}
    assert nowhere.amends("playbook", "validate", PLAYBOOK, "--incident", facts).exit_code == 0
