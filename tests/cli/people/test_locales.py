"""The decision on languages without words, as a person takes it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.builders import story_of_few
from tests.cli.conftest import AUDIENCE_HEAD, INCIDENT, PLAYBOOK, Office

PEOPLE = (
    "C-1,Kim One,kim@mail.example,,en,DE,household\n"
    "C-2,Eva Zwei,eva@mail.example,,de,DE,household\n"
    "C-3,Uwe Drei,uwe@mail.example,,de,DE,household\n"
    "C-4,Mei Four,mei@mail.example,,zh-HK,HK,household\n"
)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(AUDIENCE_HEAD + PEOPLE, encoding="utf-8")
    return path


@pytest.fixture
def opened(empty: Office, people: Path) -> Office:
    """An incident with readers of German and Traditional Chinese; its team has one person who may decide."""
    empty.tokens["lena"] = empty.values("team", "add", "lena", "--role", "lead")["token"]
    empty.values("incident", "open", story_of_few(), "--audience", people, by="lena")
    return empty


def test_readers_without_words_are_named_with_what_to_do(opened: Office) -> None:
    """Exit code 3, how many people read which language, and the command that rules."""
    shown = opened.amends("audience", "locales", INCIDENT)
    assert shown.exit_code == 3
    assert "de      2       NO WORDS" in shown.stdout
    assert "E113 3 people read de (2) and zh-HK (1); there are no words in these" in shown.stderr
    assert f"`amends audience locales {INCIDENT} --rule de=en --rule zh-HK=en --as NAME`" in shown.stderr


def test_a_ruling_is_taken_and_shown(opened: Office, tmp_path: Path) -> None:
    """A ruling is in the list, the counts, the timeline and the report, with who ruled."""
    rules = ("--rule", "de=en", "--rule", "zh-HK=zh-CN")
    lines = opened.values("audience", "locales", INCIDENT, *rules, by="lena")
    assert [(line["locale"], line["written_in"]) for line in lines if line["ruling"]] == [
        ("de", "en"),
        ("zh-HK", "zh-CN"),
    ]
    said = "2 people who read de are written to in en, as lena ruled on"
    assert said in opened.amends("audience", "stats", INCIDENT).stdout
    assert said in " ".join(opened.amends("timeline", INCIDENT).stdout.split())
    report = tmp_path / "report.html"
    opened.values("report", INCIDENT, "--out", report)
    assert said in report.read_text(encoding="utf-8")


def test_what_waits_names_the_languages(opened: Office) -> None:
    shown = " ".join(opened.amends("timeline", INCIDENT).stdout.split())
    assert "3 people read de (2) and zh-HK (1), and there are no texts for them" in shown
    assert f"amends audience locales {INCIDENT} --rule de=en --rule zh-HK=en --as NAME" in shown


def test_counts_of_people_say_who_has_no_words(opened: Office) -> None:
    assert "no words   2 de, 1 zh-HK" in opened.amends("audience", "stats", INCIDENT).stdout


def test_a_list_is_checked_for_languages(empty: Office, people: Path) -> None:
    shown = empty.amends("audience", "check", people)
    assert "3 people read de (2) and zh-HK (1); the shipped words are in en and zh-CN" in shown.stderr


def test_rows_that_name_no_language_are_counted(empty: Office, people: Path) -> None:
    """A row without a locale is rejected, so that somebody says what the person reads."""
    empty_cell = "C-5,Ina Five,ina@mail.example,,,DE,household\n"
    people.write_text(people.read_text(encoding="utf-8") + empty_cell, encoding="utf-8")
    shown = empty.amends("audience", "check", people, "--max-bad-share", "1")
    assert shown.exit_code == 3
    assert "1 row does not say which language the person reads" in shown.stdout


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("de", "write two locales, as in de=en"),
        ("de=EN", "write two locales, as in de=en"),
        ("de=fr", "there are no words in fr"),
        ("fr=en", "nobody in the list reads fr"),
        ("en=zh-CN", "there are words for readers of en"),
    ],
)
def test_a_wrong_ruling_is_refused(opened: Office, rule: str, why: str) -> None:
    refused = opened.amends("audience", "locales", INCIDENT, "--rule", rule, by="lena")
    assert refused.exit_code != 0
    assert why in " ".join(refused.stderr.replace("│", " ").split())


def test_a_ruling_needs_a_name(opened: Office) -> None:
    assert opened.amends("audience", "locales", INCIDENT, "--rule", "de=en").exit_code == 2


def test_one_language_is_ruled_on_once(opened: Office) -> None:
    twice = opened.amends("audience", "locales", INCIDENT, "--rule", "de=en", "--rule", "de=zh-CN", by="lena")
    assert twice.exit_code == 2


def german(tmp_path: Path) -> Path:
    """The incident file with each of its texts in German too."""
    path = tmp_path / "incident.yaml"
    story = yaml.safe_load(story_of_few().read_text(encoding="utf-8")) | {"commitments": []}
    path.write_text(yaml.safe_dump(in_german(story)), encoding="utf-8")
    return path


def in_german(part: Any) -> Any:
    """What stands there in English stands there in German too."""
    if isinstance(part, dict):
        more = {"de": part["en"]} if "en" in part else {}
        return {key: in_german(value) for key, value in (part | more).items()}
    return [in_german(one) for one in part] if isinstance(part, list) else part


def test_a_text_that_nobody_would_read_is_found(empty: Office, tmp_path: Path) -> None:
    found = empty.amends("incident", "check", german(tmp_path))
    assert found.exit_code == 3
    assert "E114 texts.de has no templates and is not used; there are templates in en and zh-CN" in found.stdout


def test_the_check_of_an_open_incident_names_its_readers(opened: Office) -> None:
    found = opened.amends("incident", "check", story_of_few())
    assert found.exit_code == 3
    assert "E113 3 people read de (2) and zh-HK (1)" in found.stdout


def test_lint_names_readers_without_words_and_reads_on(empty: Office, people: Path) -> None:
    """The finding stops the notices, and they are read all the same; with rulings there is no such finding."""
    lint = ("lint", "--incident", story_of_few(), "--audience", people, "--playbook", PLAYBOOK)
    without = empty.amends(*lint)
    assert "STOPS  E113" in without.stdout
    assert "0 notices read" not in without.stdout
    ruled = empty.amends(*lint, "--rule", "de=en", "--rule", "zh-HK=zh-CN")
    assert "E113" not in ruled.stdout


def test_a_rehearsal_stops_where_a_real_use_would(empty: Office, people: Path) -> None:
    rehearse = ("rehearse", PLAYBOOK, "--incident", story_of_few(), "--audience", people)
    stopped = empty.amends(*rehearse)
    assert stopped.exit_code == 3
    assert "E113 3 people read de (2) and zh-HK (1)" in stopped.output
    odd = empty.amends(*rehearse, "--rule", "fr=en")
    assert "nobody in the list reads fr" in odd.output
