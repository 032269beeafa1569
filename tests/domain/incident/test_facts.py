"""Facts: what is unknown is not no."""

from typing import Any

import pytest
from pydantic import ValidationError

from amends.domain.incident.facts import Certainty, Count, DataCategory, Fact, Facts

UNKNOWN = Fact[bool]()


def a_fact(given: Any) -> Fact[bool]:
    return Facts.model_validate({"malicious": given}).malicious


def test_a_bare_value_is_confirmed() -> None:
    assert a_fact(False) == Fact[bool](value=False, certainty=Certainty.CONFIRMED)


@pytest.mark.parametrize("given", [None, {}, {"certainty": "unknown"}])
def test_null_or_empty_is_unknown(given: Any) -> None:
    assert a_fact(given).unknown


def test_a_field_that_is_left_out_is_unknown() -> None:
    assert Facts().malicious.unknown


def test_a_value_with_a_note_but_no_certainty_is_confirmed() -> None:
    assert a_fact({"value": True, "note": "police report"}).sure(True)


def test_a_certainty_without_a_value_is_refused() -> None:
    with pytest.raises(ValidationError, match="a fact that is confirmed needs a value"):
        a_fact({"certainty": "confirmed"})


def test_unknown_is_not_no() -> None:
    assert not UNKNOWN.says(False)


def test_unknown_may_be_anything() -> None:
    assert UNKNOWN.may_be(True)
    assert UNKNOWN.may_be(False)


def test_a_suspicion_stands_but_is_not_sure() -> None:
    suspected = a_fact({"value": True, "certainty": "suspected"})
    assert (suspected.says(True), suspected.sure(True)) == (True, False)


def test_what_is_ruled_out_does_not_stand() -> None:
    ruled_out = a_fact({"value": True, "certainty": "ruled_out"})
    assert (ruled_out.stands, ruled_out.may_be(True)) == (False, False)


def test_an_empty_list_is_known_to_be_nothing() -> None:
    assert not Facts.model_validate({"data_categories": []}).data_categories.unknown


def test_categories_are_those_confirmed_or_suspected() -> None:
    given = ["contact", {"value": "health", "certainty": "suspected"}, {"value": "photo", "certainty": "ruled_out"}]
    facts = Facts.model_validate({"data_categories": given})
    assert facts.categories() == (DataCategory.CONTACT, DataCategory.HEALTH)


def test_a_record_such_as_the_recipient_may_be_written_bare() -> None:
    facts = Facts.model_validate({"recipient": {"kind": "public"}})
    assert facts.recipient.sure(facts.recipient.value)


def test_an_unknown_word_is_refused() -> None:
    with pytest.raises(ValidationError, match="exfiltration"):
        Facts.model_validate({"exfiltration": "maybe"})


def test_a_bare_number_of_people_is_both_ends() -> None:
    assert Facts.model_validate({"people": 7}).people.value == Count(min=7, max=7)


@pytest.mark.parametrize("count", [{"min": 5, "max": 4}, -1, True, "many", 1.5])
def test_an_impossible_number_of_people_is_refused(count: Any) -> None:
    with pytest.raises(ValidationError):
        Facts.model_validate({"people": count})


def test_facts_survive_a_journey_through_json() -> None:
    facts = Facts.model_validate(
        {
            "malicious": {"value": True, "certainty": "suspected", "at": "2026-11-24T10:00:00+01:00"},
            "data_categories": ["contact", {"value": "health", "certainty": "suspected"}],
            "recipient": {"kind": "public", "count": 3},
            "people": {"min": 3},
        }
    )
    assert Facts.model_validate_json(facts.model_dump_json()) == facts
