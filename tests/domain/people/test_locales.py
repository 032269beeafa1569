"""Readers without words in their language, and what a lead rules about them."""

import pytest

from amends.domain.people.locales import in_words, ruling_for, why_not_rule, without_words, written_in
from tests.builders import a_ruling

READ = {"en": 9, "de": 300, "de-AT": 5, "zh-HK": 60, "zh-CN": 7}
WORDS = ("en", "zh-CN")


def test_who_has_no_words_is_counted_the_most_first() -> None:
    assert without_words(READ, WORDS) == {"de": 300, "zh-HK": 60, "de-AT": 5}


def test_a_ruling_on_a_language_counts_for_its_countries() -> None:
    """A ruling on `de` is one on `de-AT`, and not the other way; the narrower one goes first."""
    german, austrian = a_ruling("de", "en"), a_ruling("de-AT", "zh-CN")
    assert without_words(READ, WORDS, (german,)) == {"zh-HK": 60}
    assert written_in("de-AT", WORDS, (german, austrian)) == "zh-CN"
    assert ruling_for("de", (austrian,)) is None


def test_a_ruling_on_simplified_chinese_is_none_on_traditional() -> None:
    assert ruling_for("zh-HK", (a_ruling("zh", "en"),)) is None


def test_a_ruling_to_a_language_without_words_helps_nobody() -> None:
    assert written_in("de", WORDS, (a_ruling("de", "fr"),)) == ""


@pytest.mark.parametrize(
    ("locale", "instead", "why"),
    [
        ("fr", "en", "nobody in the list reads fr; its locales are de, de-AT, en, zh-CN and zh-HK"),
        ("en", "zh-CN", "there are words for readers of en"),
        ("de", "fr", "there are no words in fr; there are words in en and zh-CN"),
    ],
)
def test_a_ruling_that_helps_nobody_is_refused(locale: str, instead: str, why: str) -> None:
    assert why in str(why_not_rule(locale, instead, READ, WORDS))


def test_a_ruling_that_helps_is_not_refused() -> None:
    assert why_not_rule("de", "en-GB", READ, WORDS) is None


def test_a_ruling_says_how_many_it_concerns() -> None:
    said = a_ruling("de", "en").says(READ)
    assert said.startswith("305 people who read de are written to in en, as ruth ruled on 2026-")


def test_readers_are_counted_in_words() -> None:
    assert in_words({"de": 1}) == "1 person reads de"
    assert in_words({"de": 300, "fr": 60}) == "360 people read de (300) and fr (60)"
    assert in_words({"de": 0}) == "readers of this notice read de"
    assert in_words({f"x{letter}": 1 for letter in "abcdefghij"}).endswith("xh (1) and 2 more locales")
