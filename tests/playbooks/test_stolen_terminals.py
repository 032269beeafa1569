"""The demo story: its files fit together, and nobody real can be reached through them."""

import csv
import re
from collections import Counter
from datetime import datetime
from functools import cache

import phonenumbers
import pytest

from amends.domain.feedback.question import ASKED
from amends.domain.people.person import Flag
from tests.playbooks.rendering import LOCALES, STORY, incident

BAD_ROWS = 12
MOST_BAD = 0.05
"""The share of bad rows up to which an audience file is taken in."""
TIME = r"\d\d:\d\d"


@cache
def rows(name: str = "audience") -> tuple[dict[str, str], ...]:
    with (STORY / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file, strict=True))


def flagged(flag: Flag) -> set[str]:
    return {row["id"] for row in rows() if row["flags"] == flag}


def test_the_story_is_told_in_both_languages() -> None:
    assert tuple(incident().texts) == LOCALES


def test_both_languages_tell_the_same_times_and_count() -> None:
    told = [" ".join(story.model_dump().values()) for story in incident().texts.values()]
    times = [sorted(re.findall(TIME, text)) for text in told]
    assert times[0] == times[1] == ["08:30"]
    assert all("240" in text for text in told)


def test_the_news_came_after_the_first_notice_and_in_both_languages() -> None:
    (news,) = incident().news
    assert news.at > incident().times.events["aware"]
    assert tuple(news.text) == LOCALES


def test_the_audience_has_as_many_rows_as_people_were_touched() -> None:
    counted = incident().facts.people.value
    assert counted is not None
    assert len(rows()) == counted.min == counted.max == 240


def test_no_person_is_touched_by_data_that_the_incident_does_not_name() -> None:
    assert {kind for row in rows() for kind in row["data"].split("|")} == set(incident().facts.categories())


@pytest.mark.parametrize("column", ["id", "email", "phone", "name"])
def test_nobody_shares_an_id_an_address_or_a_name(column: str) -> None:
    given = Counter(row[column] for row in rows() if row[column])
    assert [value for value, count in given.items() if count > 1] == []


def test_emails_lead_to_reserved_domains_only() -> None:
    assert [row["id"] for row in rows() if row["email"] and not row["email"].endswith(".example")] == []


def test_telephone_numbers_are_valid_and_international() -> None:
    numbers = [row["phone"] for row in rows() if row["phone"]]
    assert [number for number in numbers if not number.startswith("+")] == []
    assert [number for number in numbers if not phonenumbers.is_valid_number(phonenumbers.parse(number))] == []


def test_people_live_in_six_countries_and_read_two_languages() -> None:
    assert {row["country"] for row in rows()} == {"CN", "DE", "GB", "US", "SG", "AU"}
    assert {row["locale"] for row in rows()} == set(LOCALES)


def test_every_way_of_being_reachable_occurs() -> None:
    reachable = Counter((bool(row["email"]), bool(row["phone"])) for row in rows())
    assert reachable == {(True, True): 200, (True, False): 20, (False, True): 18, (False, False): 2}


def test_four_of_six_children_have_a_guardian_and_two_adults_are_held() -> None:
    guarded = {row["guardian_of"] for row in rows() if row["guardian_of"]}
    assert (len(flagged(Flag.MINOR)), len(guarded)) == (6, 4)
    assert guarded < flagged(Flag.MINOR)
    assert (len(flagged(Flag.DECEASED)), len(flagged(Flag.PROTECTED))) == (1, 1)


def test_one_customer_moved_and_kept_language_and_number() -> None:
    (moved,) = (row for row in rows() if row["segment"] == "moved")
    assert (moved["locale"], moved["country"], moved["phone"][:3]) == ("zh-CN", "DE", "+86")


def test_some_addresses_bounce_and_some_are_greylisted() -> None:
    bouncing = [row for row in rows() if "bounce" in row["email"]]
    assert (len(bouncing), sum(bool(row["phone"]) for row in bouncing)) == (5, 3)
    assert sum("grey" in row["email"] for row in rows()) == 2


def test_the_file_with_errors_adds_few_enough_bad_rows_to_be_taken_in() -> None:
    with_errors = rows("audience-with-errors")
    assert len(with_errors) == len(rows()) + BAD_ROWS
    assert len(with_errors) * MOST_BAD > BAD_ROWS


def test_the_file_with_errors_holds_every_good_row_unchanged() -> None:
    with_errors = rows("audience-with-errors")
    assert [row for row in rows() if row not in with_errors] == []


def test_hotline_notes_are_of_the_audience_or_unknown_callers() -> None:
    """Hotline notes come only from people of the audience or from unknown callers."""
    callers = {note["person_id"] for note in rows("hotline")} - {""}
    assert callers < {row["id"] for row in rows()}


def test_hotline_notes_are_of_every_kind_and_in_both_languages() -> None:
    notes = rows("hotline")
    assert len(notes) == 12
    assert {note["kind"] for note in notes} == set(ASKED)
    assert {note["locale"] for note in notes} == set(LOCALES)


def test_hotline_notes_are_in_order_and_have_a_zone() -> None:
    asked = [datetime.fromisoformat(note["asked_at"]) for note in rows("hotline")]
    assert asked == sorted(asked)
    assert [moment for moment in asked if moment.tzinfo is None] == []
