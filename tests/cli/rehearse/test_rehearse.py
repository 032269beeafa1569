"""`amends rehearse`: files are checked before anything begins, and what comes out can be read by people and programs."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from amends.cli.app import app
from amends.cli.rehearse.page import page, summary
from amends.content.file.shipped import library
from amends.domain.rehearse.report import RehearsalReport

STORY = library() / "examples" / "stolen-terminals"
INCIDENT, AUDIENCE = STORY / "incident.yaml", STORY / "audience.csv"
FILES = ("--incident", INCIDENT, "--audience", AUDIENCE)


def amends(*words: object) -> Result:
    """Without any home."""
    return CliRunner().invoke(app, [str(word) for word in words], env={"AMENDS_HOME": ""})


class Done:
    """A rehearsal of two days with two injects, carried out once."""

    def __init__(self, folder: Path) -> None:
        self.report = folder / "report.html"
        injects = ("--inject", "forgotten-filing", "--inject", "provider-outage")
        self.result = amends(
            "--json", "rehearse", "customer-data-theft", *FILES, *injects, "--days", 3, "--report", self.report
        )
        self.values: dict[str, Any] = json.loads(self.result.stdout)
        self.found = RehearsalReport.model_validate(self.values)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    return Done(tmp_path_factory.mktemp("rehearsed"))


def test_a_program_gets_all_of_it(done: Done) -> None:
    assert done.found.people == 240
    assert done.found.messages > 400
    assert {"notices", "deadlines", "named_times", "silences", "questions", "commitments"} <= done.values.keys()


def test_it_needs_no_home_and_leaves_none(done: Done) -> None:
    assert list(done.report.parent.iterdir()) == [done.report]


def test_a_time_that_was_not_kept_shows_in_the_exit_code(done: Done) -> None:
    assert done.found.bad > 0
    assert done.result.exit_code == 3


def test_the_report_is_for_its_owner_only(done: Done) -> None:
    assert done.report.stat().st_mode & 0o077 == 0


def test_the_page_stands_alone(done: Done) -> None:
    text = done.report.read_text(encoding="utf-8")
    addresses = re.findall(r"""(?:src|href)\s*=\s*["']?([^"'\s>]+)|url\(([^)]*)\)""", text)
    assert addresses == []
    assert "<script" not in text


def test_nobody_can_mistake_it_for_the_real_thing(done: Done) -> None:
    assert "This is a rehearsal" in done.report.read_text(encoding="utf-8")
    assert summary(done.found).startswith("REHEARSAL")


def test_the_page_names_all_notices_deadlines_and_what_was_not_kept(done: Done) -> None:
    """The page of a rehearsal names every notice and every deadline, and lists under its own heading what was not kept."""
    text = done.report.read_text(encoding="utf-8")
    for notice in done.found.notices:
        assert notice.id in text
    for deadline in done.found.deadlines:
        assert deadline.duty in text
    late = next(one for one in done.found.deadlines if one.outcome.bad)
    not_kept = text.split("What was not kept</h2>")[1].split("<h2>")[0]
    assert late.duty in not_kept


def test_the_summary_says_what_happened_and_what_was_not_kept(done: Done) -> None:
    text = summary(done.found)
    assert "the provider of email is down for 20h" in text
    assert "Not kept (" in text
    assert re.search(r"legal deadlines +\d+ met, \d+ late", text)
    assert "longest silence" in text


def test_no_address_of_the_audience_is_in_what_comes_out(done: Done) -> None:
    addresses = re.findall(r"[\w.]+@[\w.-]+", AUDIENCE.read_text(encoding="utf-8"))
    out = done.report.read_text(encoding="utf-8") + done.result.stdout + summary(done.found)
    assert len(addresses) > 200
    assert [address for address in addresses if address in out] == []


def test_hostile_words_of_an_incident_stay_words(done: Done) -> None:
    hostile = done.found.model_copy(update={"title": "<script>alert(1)</script>", "injects": "</svg><b>"})
    assert "<script>" not in page(hostile)


# What is wrong is found before anything begins


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("customer-data-thefd", *FILES), "Did you mean 'customer-data-theft'?"),
        (("customer-data-theft", "--incident", AUDIENCE, "--audience", AUDIENCE), "audience.csv"),
        (("customer-data-theft", "--incident", INCIDENT, "--audience", INCIDENT), "incident.yaml"),
        (("customer-data-theft", *FILES, "--inject", "press-leek"), "press-leek"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(words: tuple[object, ...], named: str) -> None:
    answer = amends("rehearse", *words)
    assert answer.exit_code == 3
    assert named in answer.output


def test_a_wrong_inject_is_named_with_file_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("title: A leak\npress_leaks:\n  - {at: 2d, askin: 0.1}\n")
    answer = amends("rehearse", "customer-data-theft", *FILES, "--inject", path)
    assert answer.exit_code == 3
    assert f"{path}:3:14 E101" in answer.output


def test_rows_that_cannot_be_used_stop_it_unless_they_may_be_left_out(tmp_path: Path) -> None:
    bad = STORY / "audience-with-errors.csv"
    answer = amends("rehearse", "customer-data-theft", "--incident", INCIDENT, "--audience", bad)
    assert answer.exit_code == 3
    assert "--allow-bad-rows" in answer.output


@pytest.mark.parametrize("options", [(), ("--allow-bad-rows",)])
def test_a_file_with_too_many_bad_rows_is_refused_naming_the_first(tmp_path: Path, options: tuple[str, ...]) -> None:
    """An audience file with too many bad rows is refused, also with --allow-bad-rows, with the place of the first bad
    row and the command that lists all of them.
    """
    path = tmp_path / "people.csv"
    path.write_text("id,name,email,phone,locale,country\nC-1,Ada,,,en,Germany\n")
    answer = amends("rehearse", "customer-data-theft", "--incident", INCIDENT, "--audience", path, *options)
    assert answer.exit_code == 3
    assert answer.stdout.startswith(f"{path}:2:country")
    assert f"`amends audience check {path}` lists all of them" in answer.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("--days", 0),
        ("--approve-after", "a month"),
        ("--approve-after", "99999999h"),
        ("--approve-after", "99999999999999999h"),
        ("--answers-a-day", 0),
    ],
)
def test_what_makes_no_sense_is_refused(words: tuple[object, ...]) -> None:
    assert amends("rehearse", "customer-data-theft", *FILES, *words).exit_code == 2


@pytest.mark.parametrize(("place", "reason"), [(".", "is a folder"), ("nope/report.html", "there is no folder")])
def test_an_unwritable_report_is_refused_before_anything_begins(tmp_path: Path, place: str, reason: str) -> None:
    """A report that cannot be written, because its path is a folder or its folder does not exist, is refused as a usage
    error before the rehearsal begins.
    """
    answer = amends("rehearse", "customer-data-theft", *FILES, "--report", tmp_path / place)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert reason in answer.stderr


@pytest.mark.full
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_what_came_out_is_shown_even_when_the_report_cannot_be_kept() -> None:
    answer = amends("rehearse", "stolen-device-or-papers", *FILES, "--days", 1, "--report", "/dev/full")
    assert answer.exit_code == 1
    assert answer.stdout.startswith("REHEARSAL of stolen-device-or-papers")
    assert "No space left on device" in answer.stderr


def test_two_late_cohorts_are_refused() -> None:
    twice = ("--inject", "late-cohort", "--inject", "late-cohort")
    answer = amends("rehearse", "customer-data-theft", *FILES, *twice)
    assert answer.exit_code == 2
    assert "late cohort" in answer.output


@pytest.mark.full
def test_the_terminal_says_it_in_a_few_screens() -> None:
    answer = amends("rehearse", "stolen-device-or-papers", *FILES, "--days", 1)
    assert answer.exit_code in (0, 3)
    assert answer.stdout.startswith("REHEARSAL of stolen-device-or-papers")
    assert len(answer.stdout.splitlines()) < 80
