"""What is said of everybody's message, and when it keeps a notice from being approved."""

import pytest

from amends.domain.deliver.preflight import Preflight, Trouble, gap
from amends.domain.people.person import NULL_LIKE
from tests.builders import a_draft

EMPTY_NAME = Trouble(why="name is empty", messages=3, people=3, first=(12, 80, 311))
BAD_ADDRESS = Trouble(why="unsafe address", messages=90, people=90, first=(4, 5, 6, 7, 8))


@pytest.mark.parametrize("value", ["", " ", "\u3000"])
def test_a_value_that_the_text_needs_may_not_be_blank(value: str) -> None:
    assert gap(["name"], ["name"], {"name": value}) == "name is empty"


def test_a_value_that_the_text_needs_must_be_there() -> None:
    assert gap(["child", "name"], [], {"name": "Kim"}) == "child is empty"


def test_a_value_that_the_text_does_not_need_may_be_empty() -> None:
    assert gap(["name"], ["child", "name"], {"name": "Kim", "child": ""}) == ""


@pytest.mark.parametrize("word", sorted({*NULL_LIKE, "None", "NULL", "N/A"}))
def test_a_word_for_nothing_is_no_value_even_only_in_the_header(word: str) -> None:
    """A word for nothing, such as null or N/A, is not accepted as a value, not even for a value that only the header
    shows.
    """
    assert gap([], ["name"], {"name": word}) == "name is a word for nothing, such as null"


def test_what_is_not_shown_may_be_anything() -> None:
    assert gap(["child"], ["child"], {"name": "None", "child": "Bo"}) == ""


def test_somebody_whose_name_only_begins_so_has_a_name() -> None:
    assert gap(["name"], ["name"], {"name": "Nonette Null-Meyer"}) == ""


@pytest.mark.parametrize(
    ("people", "known", "asked"), [(100, None, True), (100, 7, False), (100, 6, True), (140, None, False)]
)
def test_who_approves_is_asked_about_many_without_lawful_notice(people: int, known: int | None, asked: bool) -> None:
    """Nobody is asked about five in a hundred or fewer, or once they have given the number."""
    found = Preflight(messages=people, not_lawfully={"US-CA": 4, "US-NY": 3})
    why = found.why_ask(a_draft(people=people), known)
    assert (why is not None) is asked
    line = "7 people get only messages that the law there does not count (4 US-CA, 3 US-NY)"
    assert line in str(found) and (not asked or "--not-lawfully 7" in (why or ""))


def test_a_refusal_names_how_many_why_and_whom() -> None:
    found = Preflight(
        messages=1000, wrong=(EMPTY_NAME, Trouble(why="signature missing", messages=7, people=5, first=(1, 2)))
    )
    assert found.why_not_approve("update-2") == (
        "10 messages of update-2 cannot be put together: 3 × name is empty (persons 12, 80, 311); "
        "7 × signature missing (persons 1, 2 and 3 more); correct the audience, the facts or the words"
    )


def test_an_address_that_is_of_no_use_is_told_and_refuses_nothing() -> None:
    found = Preflight(messages=1000, unusable=(BAD_ADDRESS,))
    assert found.why_not_approve("update-2") is None
    assert str(found) == (
        "1000 messages composed and checked, 0 cannot be put together\n"
        "  90 messages for the next channel: unsafe address (persons 4, 5, 6, 7, 8 and 85 more)"
    )


def test_what_cannot_be_put_together_does_not_count_as_checked() -> None:
    assert str(Preflight(messages=4, wrong=(EMPTY_NAME,))).startswith(
        "1 message composed and checked, 3 cannot be put together\n  3 messages: name is empty (persons 12, 80, 311)"
    )
