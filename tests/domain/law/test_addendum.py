"""Which letter somebody gets, and what it says."""

from typing import Any

import pytest
from pydantic import ValidationError

from amends.domain.law.addendum import GENERAL, Addenda, Addendum, Item
from tests.builders import a_draft

ITEMS = {
    "nature": Item(says="What happened", codes=("nature", "what_happened")),
    "people_count": Item(says="How many"),
    "steps": Item(says="What to do", codes=("steps_for_individuals",)),
    "freeze": Item(says="How to freeze a credit file", codes=("freeze_howto",)),
    "police_report": Item(says="The right to a police report", codes=("police_report_right",)),
}
LETTERS = Addenda(
    items=ITEMS,
    whole=("first-notice",),
    addenda=(
        Addendum(id="us", places=("US", "PR"), adds=("freeze",)),
        Addendum(
            id="us-ma", places=("US-MA",), adds=("freeze", "police_report"), leaves_out=("nature", "people_count")
        ),
        Addendum(id="kr", places=("KR",), adds=("police_report",)),
    ),
)


def wrong(**changes: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        Addenda.model_validate({"items": ITEMS, "addenda": ()} | changes)
    return str(caught.value)


@pytest.mark.parametrize(
    ("country", "region", "letter"),
    [
        ("US", "MA", "us-ma"),
        ("US", " ma ", "us-ma"),
        ("US", "CA", "us"),
        ("US", "", "us"),
        ("US", "Somewhere", "us"),
        ("PR", "", "us"),
        ("DE", "", GENERAL),
        ("DE", "MA", GENERAL),
        ("MA", "", GENERAL),
        ("", "", GENERAL),
        ("", "MA", GENERAL),
        ("XX", "YY", GENERAL),
    ],
)
def test_a_person_gets_the_addendum_of_state_or_country_or_general(country: str, region: str, letter: str) -> None:
    """A person gets the addendum of their state, else the addendum of their country, else the general one.

    Upper case and spaces around a state do not matter, and a state counts only together with its country.
    """
    assert LETTERS.addendum_for(country, region) == letter


@pytest.mark.parametrize(
    ("letter", "said"),
    [
        (GENERAL, {"nature", "people_count", "steps"}),
        ("us", {"nature", "people_count", "steps", "freeze"}),
        ("us-ma", {"steps", "freeze", "police_report"}),
        ("kr", {"nature", "people_count", "steps", "police_report"}),
    ],
)
def test_an_addendum_says_common_items_plus_added_minus_left_out(letter: str, said: set[str]) -> None:
    """An addendum says the items that all say and the items that it adds, but not the items that it leaves out."""
    assert {item for item in ITEMS if LETTERS.says(letter, item)} == said


@pytest.mark.parametrize(("letter", "item"), [("us", "frieze"), (GENERAL, "frieze"), ("us-tx", "nature")])
def test_to_ask_for_what_there_is_not_is_an_error(letter: str, item: str) -> None:
    with pytest.raises(KeyError):
        LETTERS.says(letter, item)


@pytest.mark.parametrize(("letter", "written_in"), [("us", "us"), ("us-ma", "us-ma"), ("kr", "kr"), (GENERAL, GENERAL)])
def test_a_full_letter_is_written_for_each_place(letter: str, written_in: str) -> None:
    assert LETTERS.in_notice("first-notice", letter) == written_in


@pytest.mark.parametrize(
    ("letter", "written_in"), [("us", GENERAL), ("us-ma", "us-ma"), ("kr", GENERAL), (GENERAL, GENERAL)]
)
def test_other_notices_are_general_unless_something_is_left_out(letter: str, written_in: str) -> None:
    """A notice that need not be whole is written in the general addendum, unless the addendum must leave
    something out.
    """
    assert LETTERS.in_notice("update", letter) == written_in


def test_a_code_is_answered_by_its_item() -> None:
    assert LETTERS.item_of("what_happened") == "nature"
    assert LETTERS.item_of("something_new") is None


def test_without_letters_everybody_gets_the_general_one() -> None:
    assert Addenda().addendum_for("US", "MA") == GENERAL
    assert Addenda().in_notice("first-notice", GENERAL) == GENERAL


def a_letter(**changes: Any) -> dict[str, Any]:
    return {"id": "us", "places": ("US",), "adds": ("freeze",)} | changes


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"addenda": (a_letter(adds=("frieze",)),)}, "no item is called frieze"),
        ({"addenda": (a_letter(leaves_out=("natur",)),)}, "no item is called natur"),
        ({"addenda": (a_letter(), a_letter(id="other"))}, "two addenda are for US"),
        ({"addenda": (a_letter(), a_letter(places=("CA",)))}, "two addenda are called us"),
        ({"addenda": (a_letter(leaves_out=("freeze",)),)}, "freeze cannot be added and left out"),
        ({"addenda": (a_letter(id=GENERAL),)}, "the general notice is there without being listed"),
        ({"addenda": (a_letter(places=()),)}, "at least 1 item"),
        ({"addenda": (a_letter(places=("Massachusetts",)),)}, "should match pattern"),
        ({"items": ITEMS | {"more": Item(says="More", codes=("nature",))}}, "two items answer nature"),
    ],
)
def test_letters_that_make_no_sense_are_refused(changes: dict[str, Any], what: str) -> None:
    assert what in wrong(**changes)


def test_another_letter_or_another_item_is_another_draft() -> None:
    (first, *others) = a_draft().variants
    for change in ({"addendum": "us-ma"}, {"items": ("nature",)}):
        changed = a_draft(variants=(first.model_copy(update=change), *others))
        assert changed.binding != a_draft().binding
