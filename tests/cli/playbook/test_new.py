"""A new playbook is valid as it is written, and nothing that is there is written over."""

from pathlib import Path

import pytest

from amends.content.playbook.library import shipped_playbooks
from amends.content.playbook.playbook import read_playbook
from tests.cli.conftest import STORY, Office


@pytest.fixture
def nowhere(tmp_path: Path) -> Office:
    """An office without a home."""
    return Office(tmp_path / "none")


@pytest.mark.parametrize("like", ["", *shipped_playbooks()])
def test_it_is_valid_as_it_is(nowhere: Office, tmp_path: Path, like: str) -> None:
    words = ("--like", like) if like else ()
    made = nowhere.values("playbook", "new", "our-own", *words, "--to", tmp_path)
    checked = nowhere.amends("playbook", "validate", made["file"])
    assert checked.exit_code == 0, checked.output
    assert read_playbook(Path(made["file"])).id == "our-own"


def test_it_has_a_calendar(nowhere: Office, tmp_path: Path) -> None:
    made = nowhere.values("playbook", "new", "our-own", "--to", tmp_path)
    plan = nowhere.values("playbook", "plan", made["file"], "--incident", STORY / "incident.yaml")
    assert {"assess", "first-notice", "update"} <= {turn["step"] for turn in plan["occurrences"]}


def test_its_comments_say_what_to_change(nowhere: Office, tmp_path: Path) -> None:
    nowhere.values("playbook", "new", "our-own", "--to", tmp_path)
    assert (tmp_path / "our-own.yaml").read_text(encoding="utf-8").count("CHANGE:") >= 5


def test_a_copy_of_a_shipped_playbook_differs_only_by_its_name(nowhere: Office, tmp_path: Path) -> None:
    """A new playbook that is made --like a shipped one differs from the shipped one in nothing but its id."""
    made = nowhere.values("playbook", "new", "our-own", "--like", "vendor-breach", "--to", tmp_path)
    found = nowhere.values("playbook", "diff", "vendor-breach", made["file"])
    assert [one["what"] for one in found] == ["id: our-own instead of vendor-breach"]


def test_a_folder_that_is_missing_is_made(nowhere: Office, tmp_path: Path) -> None:
    nowhere.values("playbook", "new", "our-own", "--to", tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / "our-own.yaml").is_file()


def test_a_file_that_is_there_stays_as_it_is(nowhere: Office, tmp_path: Path) -> None:
    path = tmp_path / "our-own.yaml"
    path.write_text("mine")
    answer = nowhere.amends("playbook", "new", "our-own", "--to", tmp_path)
    assert (answer.exit_code, path.read_text()) == (1, "mine")
    assert "is there already" in answer.stderr


@pytest.mark.parametrize("name", ["Our Own", "../own", "customer-data-theft", "addenda", ""])
def test_a_name_that_cannot_be_is_refused(nowhere: Office, tmp_path: Path, name: str) -> None:
    assert nowhere.amends("playbook", "new", name, "--to", tmp_path / "new").exit_code == 2
    assert not (tmp_path / "new").exists()


def test_a_playbook_that_nobody_ships_is_a_finding(nowhere: Office, tmp_path: Path) -> None:
    assert nowhere.amends("playbook", "new", "our-own", "--like", "no-such", "--to", tmp_path).exit_code == 3
