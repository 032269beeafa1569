"""What an assessment concludes from the facts, and what it asks."""

from datetime import UTC, datetime
from typing import Any

import pytest

from amends.content.law.law import read_law
from amends.domain.assess.assess import CONTENT, STANCES, assess, people_affected
from amends.domain.assess.assessment import Assessment, Tone
from amends.domain.channel.channel import ChannelKind
from amends.domain.law.condition import PeopleRange
from amends.domain.people.person import AudienceCounts
from amends.domain.risk.levels import Severity
from tests.builders import NOW, an_audience, an_incident

NOBODY = AudienceCounts()
LAW = read_law()


STOLEN_CARDS = {
    "breach_types": ["confidentiality"],
    "cause": "external_attack",
    "data_categories": ["payment_card"],
    "exfiltration": "yes",
    "recipient": {"kind": "unknown_attacker"},
}


def assessed(audience: AudienceCounts | None = None, **changes: Any) -> Assessment:
    return assess(an_incident(**changes), audience or an_audience(), 1, NOW, LAW)


def test_the_same_facts_at_the_same_time_give_the_same_assessment() -> None:
    assert assessed() == assessed()


def test_an_assessment_bears_its_version_and_time() -> None:
    """An assessment bears the version of the facts that it was made from and the time at which it was made."""
    made = assess(an_incident(), an_audience(), 7, datetime(2026, 12, 1, tzinfo=UTC), LAW)
    assert (made.version, made.at) == (7, datetime(2026, 12, 1, tzinfo=UTC))


def test_a_high_band_speaks_seriously_and_an_executive_signs() -> None:
    made = assessed()
    assert (made.band, made.tone, made.signed_by) == (Severity.HIGH, Tone.SERIOUS, "executive")


def test_every_band_reaches_people_by_email() -> None:
    assert all(ChannelKind.EMAIL in stance.channels for stance in STANCES.values())


def test_a_graver_band_never_asks_for_fewer_channels() -> None:
    counts = [len(STANCES[severity].channels) for severity in Severity]
    assert counts == sorted(counts)


def test_every_detailed_notice_must_say_how_to_reach_us() -> None:
    assert "how_to_reach_us" in assessed().content == CONTENT


def test_people_are_counted_per_kind_of_data_from_the_audience() -> None:
    counted = {item.category: item.people for item in assessed().affected}
    assert counted == {"basic_identity": 3, "contact": 3, "credentials_hashed": 1}


def test_without_an_audience_each_kind_of_data_counts_everybody() -> None:
    assert {item.people for item in assessed(NOBODY, residences={"DE": 40, "CN": 2}).affected} == {42}


def test_an_audience_without_data_counts_everybody_for_each_kind() -> None:
    """When the audience names no kinds of data, each kind of data of the incident counts as touched for everybody in
    the audience.
    """
    assert {item.people for item in assessed(an_audience(by_category={})).affected} == {3}


def test_without_any_number_the_people_affected_are_unknown_not_zero() -> None:
    """When neither the audience nor the facts give a number, the number of people affected is unknown and not zero."""
    made = assessed(NOBODY, facts={"data_categories": ["contact"]})
    assert [item.people for item in made.affected] == [None]


def test_an_open_upper_end_counts_as_unknown() -> None:
    assert people_affected(an_incident(facts={"people": {"min": 500}}), NOBODY) == PeopleRange(500, None)


def test_a_stated_number_above_the_audience_is_believed() -> None:
    counted = people_affected(an_incident(facts={"people": {"min": 1, "max": 900}}), an_audience())
    assert counted == PeopleRange(an_audience().people, 900)


@pytest.mark.parametrize(
    ("stated", "list_is", "listed", "affected"),
    [
        ({"min": 61_000}, "whole", 58, PeopleRange(61_000, None)),
        ({"min": 61_000}, "first_part", 58, PeopleRange(61_000, None)),
        ({"min": 61_000}, "whole", 61_500, PeopleRange(61_500, 61_500)),
        (120_000, "first_part", 12, PeopleRange(120_000, 120_000)),
        (30, "whole", 31, PeopleRange(31, 31)),
        ("unknown", "first_part", 58, PeopleRange(58, None)),
        ("unknown", "whole", 58, PeopleRange(58, 58)),
        (None, "first_part", 2, PeopleRange(40, None)),
    ],
)
def test_a_partial_list_is_not_the_number(stated: Any, list_is: str, listed: int, affected: PeopleRange) -> None:
    """The larger of fact and list counts, and an open end stays open until the list has everybody."""
    homes = {} if stated else {"US-MA": 40}
    incident = an_incident(facts={"people": stated or "unknown"}, list_is=list_is, residences=homes)
    assert people_affected(incident, AudienceCounts(people=listed)) == affected


def test_an_incident_with_no_facts_is_taken_as_very_high() -> None:
    assert assessed(NOBODY, facts={}).band is Severity.VERY_HIGH


def test_unknown_encryption_becomes_one_question_to_the_lead() -> None:
    question = "Was the data encrypted, and is the key safe?"
    assert assessed(facts={}).open_questions.count(question) == 1


def test_nobody_asks_for_the_key_of_data_that_was_not_encrypted() -> None:
    asked = assessed(facts={"encrypted_at_rest": False}).open_questions
    assert not any("encrypted" in question for question in asked)


def test_nobody_asks_who_has_the_data_when_it_never_left() -> None:
    facts = {"exfiltration": "no", "exfiltration_evidence": "complete_logs_and_external_forensics"}
    assert "Who has the data now?" not in assessed(facts=facts).open_questions


def test_a_no_without_evidence_is_questioned() -> None:
    asked = assessed(facts={"exfiltration": "no"}).open_questions
    assert any("Could the attacker have erased logs?" in question for question in asked)


def test_missing_countries_are_asked_for() -> None:
    assert any("which countries" in question for question in assessed(NOBODY).open_questions)


def test_people_without_a_country_are_asked_about() -> None:
    audience = an_audience(by_place={"DE": 2, "": 1})
    assert any("which countries" in question for question in assessed(audience).open_questions)


def test_a_missing_clock_becomes_a_question() -> None:
    assert LAW.table.clock_events["controller_aware"].ask in assessed(times={}).open_questions


def test_a_missing_seat_state_trade_and_role_are_asked_for() -> None:
    organisation = {**an_incident().organisation.model_dump(), "established_in": None, "role": None}
    asked = " ".join(assessed(an_audience(by_place={"US": 3}), organisation=organisation).open_questions)
    for part in ("company established", "states of the United States", "law of its trade", "another company"):
        assert part in asked


def test_a_company_in_germany_is_asked_for_its_land() -> None:
    assert any("Which Land" in question or "which Land" in question for question in assessed().open_questions)
    berlin = {**an_incident().organisation.model_dump(), "established_in": "DE-BE"}
    made = assessed(organisation=berlin)
    assert not any("which Land" in question for question in made.open_questions)
    assert "data protection authority of Berlin (BlnBDI)" in {duty.recipient_name for duty in made.duties}


def test_homes_in_the_file_count_for_people_not_in_the_list() -> None:
    """People whom the facts count and the list lacks live where the incident file says, so nobody asks for it."""
    facts = {**an_incident().facts.model_dump(), "people": 100}
    made = assessed(facts=facts, residences={"DE": 98, "US-MA": 1})
    assert "us-ma" in made.addenda
    assert not any("which countries" in question for question in made.open_questions)
    assert any("which countries" in question for question in assessed(facts=facts).open_questions)


def test_awareness_a_day_after_discovery_asks_for_the_reason() -> None:
    """When the company became aware a day or more after the discovery, the reason is asked for, and the earlier end of
    the term is named; with a reason in the file, nobody asks.
    """
    times = {"discovered": "2026-11-21T00:00:00Z", "aware": "2026-11-23T09:00:00Z"}
    (asked,) = (question for question in assessed(times=times).open_questions if "become aware only" in question)
    assert "2 d 9 h after the discovery of 2026-11-21 00:00 UTC" in asked and "2026-11-24 00:00 UTC" in asked
    reason = {**times, "why_aware_later": "the logs were read only then"}
    soon = {**times, "aware": "2026-11-21T23:59:00Z"}
    for known in (reason, soon):
        assert not any("become aware only" in question for question in assessed(times=known).open_questions)


def test_the_decision_record_documents_always_and_names_its_rules() -> None:
    made = assessed()
    assert made.document and made.notify_authority
    assert made.rules and all(rule.id and rule.says and rule.source for rule in made.rules)


def test_at_a_high_risk_the_people_are_told() -> None:
    assert assessed(facts=STOLEN_CARDS).tell_people


def test_a_law_without_a_threshold_tells_people_at_a_low_risk_too() -> None:
    """At an unlikely risk, a law without a threshold (PIPL in China) still has the people and the authority told.

    A law with a threshold (GDPR in Germany) has neither told.
    """
    encrypted = {**STOLEN_CARDS, "encrypted_at_rest": True, "encryption_key_safe": True}
    german = assessed(an_audience(by_place={"DE": 3}), facts=encrypted)
    chinese = assessed(an_audience(by_place={"CN": 3}), facts=encrypted)
    assert german.risk == chinese.risk == "unlikely"
    assert not german.tell_people and not german.notify_authority
    assert chinese.tell_people and chinese.notify_authority
    assert any(rule.id == "LAW-PEOPLE" and "PIPL" in rule.says for rule in chinese.rules)


def test_the_letters_that_the_audience_needs_are_named() -> None:
    made = assessed(an_audience(by_place={"DE": 1, "US-MA": 1, "US-CA": 1}))
    assert "general" in made.addenda and "us-ma" in made.addenda


def test_news_comes_sooner_and_more_often_the_graver_it_is() -> None:
    rhythm = [(STANCES[band].cadence.first_update, STANCES[band].cadence.then_every) for band in Severity]
    assert rhythm == sorted(rhythm, reverse=True)


def test_a_finding_that_would_lower_the_band_is_named() -> None:
    """A finding that would lower the band of severity is named together with the lower band."""
    turn = "If it is confirmed that no vulnerable people are among them, the band falls to medium."
    assert turn in assessed().severity.would_change_it


def test_a_finding_that_would_raise_the_band_is_named() -> None:
    """A finding that would raise the band of severity is named together with the higher band."""
    turn = "If it is confirmed that health data was touched too, the band rises to very high."
    assert turn in assessed().severity.would_change_it


def test_what_is_confirmed_already_is_not_offered_as_a_turn() -> None:
    facts = {"data_categories": ["contact"], "malicious": True, "people": 3}
    assert not any("meant harm" in turn for turn in assessed(facts=facts).severity.would_change_it)


def test_an_unknown_number_of_people_is_named_as_a_turn() -> None:
    facts = {"data_categories": ["contact"], "breach_types": ["confidentiality"], "vulnerable_subjects": False}
    turns = assessed(NOBODY, facts=facts).severity.would_change_it
    assert any("fewer than 100,000 people" in turn for turn in turns)


@pytest.mark.parametrize("severity", Severity)
def test_every_band_has_a_stance(severity: Severity) -> None:
    assert STANCES[severity].signed_by


@pytest.mark.parametrize("said", ["facts", "organisation"])
def test_the_sector_may_be_said_in_either_place(said: str) -> None:
    organisation = {
        **an_incident().organisation.model_dump(),
        "sector": "healthcare" if said == "organisation" else None,
    }
    facts = STOLEN_CARDS | ({"sector": "healthcare"} if said == "facts" else {})
    made = assessed(organisation=organisation, facts=facts)
    assert any(rule.id == "HIPAA-4F" for rule in made.rules)
