"""ENISA's score: what raises it, what lowers it, and that what is unknown never looks harmless."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.domain.incident.facts import BreachType, Certainty, DataCategory, Exfiltration, ExfiltrationEvidence, Facts
from amends.domain.risk.levels import Severity
from amends.domain.risk.severity import (
    CONFIDENTIALITY,
    DPC,
    EI,
    MANY_PEOPLE,
    band,
    components,
    may_have_left,
    score,
    touched,
)

SPECIAL = [DataCategory.HEALTH, DataCategory.GENETIC, DataCategory.RELIGIOUS, DataCategory.SEXUAL_LIFE]
CERTAINTIES = ["confirmed", "suspected", "ruled_out"]


def stated(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"value": values, "certainty": st.sampled_from(CERTAINTIES)}) | st.none()


FACTS = st.fixed_dictionaries(
    {
        "breach_types": stated(st.lists(st.sampled_from(BreachType), unique=True)),
        "malicious": stated(st.booleans()),
        "data_categories": stated(st.lists(st.sampled_from(DataCategory), max_size=5, unique=True)),
        "vulnerable_subjects": stated(st.booleans()),
        "encrypted_at_rest": stated(st.booleans()),
        "encryption_key_safe": stated(st.booleans()),
        "permanent_loss": stated(st.booleans()),
        "restored": stated(st.sampled_from(["full", "most", "none"])),
        "service_impact": stated(st.sampled_from(["none", "minor", "major"])),
        "exfiltration": stated(st.sampled_from(Exfiltration)),
        "exfiltration_evidence": stated(st.sampled_from(ExfiltrationEvidence)),
        "recipient": stated(
            st.fixed_dictionaries(
                {
                    "kind": st.sampled_from(
                        ["unknown_attacker", "trusted_partner", "many_known_individuals", "public"]
                    ),
                    "trusted": st.none() | st.booleans(),
                    "deletion_confirmed": st.none() | st.booleans(),
                }
            )
        ),
    }
)
PEOPLE = st.none() | st.integers(min_value=0, max_value=10**7)


def weight(facts: dict[str, Any], people: int | None = 10) -> tuple[int, float]:
    parts = components(Facts.model_validate(facts), people)
    return band(parts).rank, score(parts)


def part(facts: dict[str, Any], name: str) -> float:
    return next(item.value for item in components(Facts.model_validate(facts), 10) if item.name == name)


@given(FACTS, PEOPLE)
def test_safe_encryption_never_raises_the_band_or_the_score(facts: dict[str, Any], people: int | None) -> None:
    rank, value = weight(facts, people)
    safe_rank, safe_value = weight(facts | {"encrypted_at_rest": True, "encryption_key_safe": True}, people)
    assert safe_rank <= rank
    assert safe_value <= value


@given(FACTS, PEOPLE)
def test_malice_never_lowers_the_score(facts: dict[str, Any], people: int | None) -> None:
    assert weight(facts | {"malicious": True}, people) >= weight(facts, people)


@given(FACTS, PEOPLE)
def test_a_confirmed_copy_never_lowers_the_score(facts: dict[str, Any], people: int | None) -> None:
    assert weight(facts | {"exfiltration": "yes"}, people) >= weight(facts, people)


@given(FACTS, st.lists(st.sampled_from(DataCategory), max_size=4), st.sampled_from(SPECIAL))
def test_sensitive_data_on_top_never_lowers_the_score(
    facts: dict[str, Any], known: list[DataCategory], more: DataCategory
) -> None:
    assert weight(facts | {"data_categories": [*known, more]}) >= weight(facts | {"data_categories": known})


@given(FACTS, st.integers(0, 10**6), st.integers(0, 10**6))
def test_more_people_never_lower_the_band(facts: dict[str, Any], some: int, more: int) -> None:
    assert weight(facts, some + more) >= weight(facts, some)


@given(FACTS, st.sampled_from(["malicious", "vulnerable_subjects", "permanent_loss"]))
def test_a_danger_nobody_can_speak_of_weighs_no_less_than_none(facts: dict[str, Any], name: str) -> None:
    assert weight(facts | {name: None}) >= weight(facts | {name: False})


@given(FACTS, st.sampled_from(["encrypted_at_rest", "encryption_key_safe"]))
def test_a_protection_nobody_can_speak_of_helps_no_more_than_none(facts: dict[str, Any], name: str) -> None:
    assert weight(facts | {name: None}) == weight(facts | {name: False})


@given(FACTS)
def test_unknown_exfiltration_weighs_no_less_than_none(facts: dict[str, Any]) -> None:
    assert weight(facts | {"exfiltration": None}) >= weight(facts | {"exfiltration": "no"})


@given(FACTS, st.lists(st.sampled_from(DataCategory), max_size=5))
def test_unknown_data_weighs_no_less_than_any(facts: dict[str, Any], known: list[DataCategory]) -> None:
    assert weight(facts | {"data_categories": None}) >= weight(facts | {"data_categories": known})


@given(FACTS, st.integers(0, 10**7))
def test_an_unknown_number_of_people_weighs_no_less_than_any(facts: dict[str, Any], people: int) -> None:
    assert weight(facts, None) >= weight(facts, people)


@given(FACTS, PEOPLE)
def test_the_score_stays_in_its_range(facts: dict[str, Any], people: int | None) -> None:
    assert 0.25 <= weight(facts, people)[1] <= 6


def test_stolen_card_numbers_score_five_and_are_very_high() -> None:
    facts = {
        "breach_types": ["confidentiality"],
        "data_categories": ["payment_card"],
        "vulnerable_subjects": False,
        "malicious": True,
        "exfiltration": "yes",
        "encrypted_at_rest": False,
    }
    assert weight(facts) == (Severity.VERY_HIGH.rank, 5.0)


def test_stolen_hashed_passwords_and_pseudonyms_are_low() -> None:
    facts = {
        "breach_types": ["confidentiality"],
        "data_categories": ["credentials_hashed", "pseudonymous_username"],
        "vulnerable_subjects": False,
        "malicious": True,
        "exfiltration": "yes",
    }
    assert weight(facts) == (Severity.LOW.rank, 1.25)


def test_a_lost_encrypted_laptop_with_a_safe_key_is_low() -> None:
    facts = {
        "breach_types": ["confidentiality"],
        "data_categories": ["basic_identity", "contact", "purchase"],
        "vulnerable_subjects": False,
        "malicious": False,
        "encrypted_at_rest": True,
        "encryption_key_safe": True,
        "exfiltration": "no",
        "exfiltration_evidence": "encryption",
    }
    assert weight(facts) == (Severity.LOW.rank, 0.5)


def test_encryption_counts_only_with_a_safe_key() -> None:
    assert part({"data_categories": ["health"], "encrypted_at_rest": True}, EI) == 0.75


def test_a_suspicion_that_it_was_encrypted_does_not_count() -> None:
    suspected = {"value": True, "certainty": Certainty.SUSPECTED}
    assert (
        part({"data_categories": ["health"], "encrypted_at_rest": suspected, "encryption_key_safe": True}, EI) == 0.75
    )


def test_a_name_with_contact_details_names_a_person_for_sure() -> None:
    assert part({"data_categories": ["basic_identity", "contact"]}, EI) == 1


def test_vulnerable_people_raise_the_context_by_one() -> None:
    calm = {"data_categories": ["contact"], "vulnerable_subjects": False}
    assert part(calm | {"vulnerable_subjects": True}, DPC) == part(calm, DPC) + 1


def test_the_context_is_never_above_four() -> None:
    assert part({"data_categories": ["health"], "vulnerable_subjects": True}, DPC) == 4


@pytest.mark.parametrize("evidence", ["attacker_could_erase_history", "none", None])
def test_no_copy_without_sound_evidence_is_not_believed(evidence: str | None) -> None:
    facts = Facts.model_validate({"exfiltration": "no", "exfiltration_evidence": evidence})
    assert may_have_left(facts)


def test_no_copy_after_outside_forensics_is_believed() -> None:
    evidence = "complete_logs_and_external_forensics"
    facts = Facts.model_validate({"exfiltration": "no", "exfiltration_evidence": evidence})
    assert not may_have_left(facts)


def test_a_professional_under_secrecy_who_deleted_it_adds_nothing() -> None:
    recipient = {"kind": "professional_under_secrecy", "deletion_confirmed": True}
    assert part({"exfiltration": "yes", "recipient": recipient}, CONFIDENTIALITY) == 0


def test_a_promise_of_many_to_delete_it_is_worth_little() -> None:
    recipient = {"kind": "many_known_individuals", "deletion_confirmed": True}
    assert part({"exfiltration": "yes", "recipient": recipient}, CONFIDENTIALITY) == 0.25


def test_an_unknown_kind_of_data_makes_the_whole_list_unknown() -> None:
    """An unknown kind of data in the list makes the whole list of touched data unknown."""
    assert touched(Facts.model_validate({"data_categories": ["contact", "unknown"]})) is None


def test_a_kind_of_data_that_is_ruled_out_is_not_touched() -> None:
    health = {"value": "health", "certainty": "ruled_out"}
    assert touched(Facts.model_validate({"data_categories": ["contact", health]})) == (DataCategory.CONTACT,)


def test_very_many_people_raise_the_band_by_one() -> None:
    facts = {"data_categories": ["contact"], "breach_types": ["confidentiality"], "vulnerable_subjects": False}
    assert weight(facts, MANY_PEOPLE)[0] == weight(facts, MANY_PEOPLE - 1)[0] + 1


def test_every_part_of_the_score_names_the_facts_it_rests_on() -> None:
    assert all(set(item.facts) <= Facts.model_fields.keys() and item.facts for item in components(Facts(), None))


def test_every_part_of_the_score_gives_its_reason_as_a_sentence() -> None:
    assert all(item.reason.endswith(".") for item in components(Facts(), None))


def test_a_part_is_marked_assumed_only_where_an_unknown_raises_it() -> None:
    """A part of the severity is marked as assumed only where an unknown fact raises it."""
    known = components(Facts.model_validate({"data_categories": ["contact"], "malicious": True}), 3)
    marks = {part.name: part.assumed for part in known}
    assert marks["malicious intent"] is False and marks["many people"] is False
    assert marks["data processing context"] and marks["confidentiality"]
    assert all(part.assumed for part in components(Facts(), None))
