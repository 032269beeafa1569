"""The risk to people: what the EDPB decided, what each rule says, and that what is unknown never looks harmless."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from amends.domain.incident.elements import classes_of
from amends.domain.incident.facts import (
    Backup,
    BreachType,
    Cause,
    Certainty,
    DataCategory,
    DataHolder,
    DataSubject,
    Exfiltration,
    ExfiltrationEvidence,
    Fact,
    Facts,
    Mitigation,
    RecipientKind,
    Restored,
    ServiceImpact,
    Vector,
)
from amends.domain.risk.exposure import CLASS_OF, DISCLOSING_VECTORS, Holder, holder
from amends.domain.risk.levels import Risk, Rule
from amends.domain.risk.risk import POINTS_TO, risk_to_people
from amends.domain.risk.severity import SOUND_EVIDENCE
from tests.builders import NOW
from tests.domain.risk.edpb_cases import CASES, EdpbCase, Told, tellings


def ruled(told: Told, people: int | None = 10) -> tuple[Risk, tuple[Rule, ...]]:
    return risk_to_people(Facts.model_validate(told), people)


def risk(told: Told, people: int | None = 10) -> Risk:
    return ruled(told, people)[0]


def ids(told: Told, people: int | None = 10) -> list[str]:
    return [rule.id for rule in ruled(told, people)[1]]


def most(told: Told) -> int | None:
    """The highest number of people that the telling names."""
    known = Facts.model_validate(told).people
    return known.value.max if known.value else None


STOLEN: Told = {
    "breach_types": ["confidentiality"],
    "cause": "external_attack",
    "data_categories": ["basic_identity", "contact"],
    "data_subjects": ["customers"],
    "vulnerable_subjects": False,
    "exfiltration": "yes",
    "recipient": {"kind": "unknown_attacker"},
}
"""Names and addresses in the hands of an attacker: a risk, not a high one."""
MAILED: Told = STOLEN | {
    "cause": "human_error",
    "vector": "misdirected_email",
    "recipient": {"kind": "few_known_individuals", "count": 1},
}
"""The same, sent to the wrong person by mistake: a risk is unlikely."""
SEALED: Told = STOLEN | {"encrypted_at_rest": True, "encryption_key_safe": True}
"""The same as stolen, and nobody can read it."""
OUTAGE: Told = {
    "breach_types": ["availability"],
    "cause": "technical_error",
    "data_categories": ["basic_identity"],
    "data_subjects": ["customers"],
    "vulnerable_subjects": False,
}
"""Data was out of reach, and nothing more is known."""


# What the EDPB decided


@pytest.mark.parametrize(
    ("case", "told"), [pytest.param(case, told, id=f"{case.number:02}-{case.what[:20]}") for case, told in tellings()]
)
def test_the_edpb_would_decide_the_same_however_the_case_is_told(case: EdpbCase, told: Told) -> None:
    found, rules = ruled(told, most(told))
    assert (found is not Risk.UNLIKELY, found is Risk.HIGH) == (case.authority, case.people), rules


def test_all_eighteen_cases_are_there_with_several_tellings_each() -> None:
    assert [case.number for case in CASES] == list(range(1, 19))
    assert all(len(case.tellings) >= 5 for case in CASES)


# Whether it can be read


@pytest.mark.parametrize("missing", ["encrypted_at_rest", "encryption_key_safe"])
def test_encryption_counts_only_with_a_safe_key(missing: str) -> None:
    assert (risk(SEALED), risk(SEALED | {missing: None})) == (Risk.UNLIKELY, Risk.RISK)


def test_a_suspicion_that_the_key_is_safe_protects_nobody() -> None:
    suspected = {"value": True, "certainty": "suspected"}
    assert risk(STOLEN | {"encrypted_at_rest": True, "encryption_key_safe": suspected}) is Risk.RISK


def test_a_thief_with_ciphertext_only_can_do_nothing() -> None:
    told = STOLEN | {"recipient": {"kind": "thief_ciphertext_only"}, "encrypted_at_rest": True}
    assert ids(told) == ["R11-CIPHERTEXT-ONLY"]


def test_ciphertext_alone_protects_nobody_without_encryption() -> None:
    """A recipient who is said to have only ciphertext protects nobody while the facts do not say that the data was
    encrypted.
    """
    assert risk(STOLEN | {"recipient": {"kind": "thief_ciphertext_only"}}) is Risk.RISK


@pytest.mark.parametrize("certainty", ["confirmed", "suspected"])
def test_ciphertext_protects_nobody_when_the_key_is_or_seems_lost(certainty: str) -> None:
    lost = {"value": False, "certainty": certainty}
    assert risk(STOLEN | {"recipient": {"kind": "thief_ciphertext_only"}, "encryption_key_safe": lost}) is Risk.RISK


def test_misused_data_was_readable_whatever_is_said_of_the_key() -> None:
    """Data that was misused was readable, even if the facts say that it was encrypted and that the key is safe."""
    told = SEALED | {"misuse_observed": True}
    assert risk(told) is Risk.HIGH
    assert "R10-SAFE-KEY" not in ids(told)


def test_health_data_used_by_an_ex_employee_was_readable() -> None:
    """Health data that a former employee used later was readable, even if the facts say that it was encrypted and that
    the key is safe.
    """
    told = SEALED | {"data_categories": ["health"], "recipient": {"kind": "former_employee"}}
    assert (risk(told), risk(told | {"exfiltration_evidence": "later_use"})) == (Risk.UNLIKELY, Risk.HIGH)


# Whether anybody has it


def test_no_copy_after_outside_forensics_makes_a_risk_unlikely() -> None:
    told = STOLEN | {"exfiltration": "no", "exfiltration_evidence": "complete_logs_and_external_forensics"}
    assert ids(told) == ["R12-NO-COPY"]


@pytest.mark.parametrize("evidence", ["attacker_could_erase_history", "none", None])
def test_no_copy_without_sound_evidence_is_not_believed(evidence: str | None) -> None:
    assert risk(STOLEN | {"exfiltration": "no", "exfiltration_evidence": evidence}) is Risk.RISK


def test_a_misdirected_message_is_with_somebody_without_copying() -> None:
    """Health data that was sent to the wrong person is a high risk, although the facts say that copying is not
    applicable.
    """
    told = MAILED | {"data_categories": ["health"], "exfiltration": "not_applicable"}
    assert risk(told) is Risk.HIGH


@pytest.mark.parametrize("kind", ["public", "former_employee", "other_customer"])
def test_a_known_recipient_outweighs_the_finding_that_nobody_has_it(kind: str) -> None:
    nobody = {"exfiltration": "no", "exfiltration_evidence": "internal_investigation"}
    assert "R12-NO-COPY" not in ids(STOLEN | nobody | {"recipient": {"kind": kind}})


@pytest.mark.parametrize("shown_by", [{"vector": "misdelivered_post"}, {"misuse_observed": True}])
def test_sent_or_misused_data_is_with_somebody_though_nobody_is_named(shown_by: Told) -> None:
    """Data that was sent to a wrong place or misused is with somebody, although the facts name no recipient and an
    investigation found no copy.
    """
    nobody = {"exfiltration": "no", "exfiltration_evidence": "internal_investigation", "recipient": None}
    assert (risk(STOLEN | nobody), "R12-NO-COPY" in ids(STOLEN | nobody | shown_by)) == (Risk.UNLIKELY, False)


def test_an_attacker_who_took_nothing_has_nothing() -> None:
    nobody = {"exfiltration": "no", "exfiltration_evidence": "internal_investigation"}
    assert risk(STOLEN | nobody) is Risk.UNLIKELY


def test_nobody_is_at_risk_when_no_personal_data_was_touched() -> None:
    """Where it is known that no personal data was touched, nobody is at risk."""
    assert ids(STOLEN | {"data_categories": []}) == ["R14-NO-PERSONAL-DATA"]


def test_an_outage_that_disclosed_nothing_says_so() -> None:
    assert "R13-NOT-DISCLOSED" in ids(OUTAGE)


# Which data, in whose hands


def test_every_kind_of_data_has_a_class() -> None:
    assert CLASS_OF.keys() == classes_of(DataCategory)


def test_graver_data_never_points_to_less() -> None:
    rows = [[POINTS_TO[data_class][has_it].rank for has_it in Holder] for data_class in POINTS_TO]
    assert all(mild <= grave for above, below in pairwise(rows) for mild, grave in zip(above, below, strict=True))


def test_a_holder_more_to_be_feared_never_points_to_less() -> None:
    assert all(
        [row[has_it].rank for has_it in Holder] == sorted(level.rank for level in row.values())
        for row in POINTS_TO.values()
    )


def test_unknown_data_is_taken_for_the_gravest() -> None:
    told = STOLEN | {"data_categories": None}
    assert (risk(told), ids(told)[0]) == (Risk.HIGH, "R26-DATA-UNKNOWN")


def test_one_sick_person_is_enough_for_a_high_risk() -> None:
    assert risk(STOLEN | {"data_categories": ["health"]}, 1) is Risk.HIGH


def test_health_data_deleted_by_a_professional_can_be_no_risk() -> None:
    """A risk is unlikely when a professional under secrecy got health data by mistake and has confirmed its
    deletion.
    """
    recipient = {"kind": "professional_under_secrecy", "deletion_confirmed": True}
    assert risk(MAILED | {"data_categories": ["health"], "recipient": recipient}) is Risk.UNLIKELY


def test_health_data_not_deleted_by_a_professional_is_a_risk() -> None:
    """Health data that a professional under secrecy got by mistake, and has not deleted, is a risk, but not a
    high one.
    """
    recipient = {"kind": "professional_under_secrecy", "trusted": True}
    assert risk(MAILED | {"data_categories": ["health"], "recipient": recipient}) is Risk.RISK


def test_a_professional_who_is_not_trusted_is_anybody() -> None:
    recipient = {"kind": "professional_under_secrecy", "trusted": False, "deletion_confirmed": True}
    assert risk(MAILED | {"data_categories": ["health"], "recipient": recipient}) is Risk.HIGH


@pytest.mark.parametrize("intent", [True, {"value": True, "certainty": "suspected"}])
def test_a_professional_who_means_harm_is_not_bound_by_anything(intent: Any) -> None:
    recipient = {"kind": "professional_under_secrecy", "trusted": True, "deletion_confirmed": True}
    told = MAILED | {"data_categories": ["health"], "recipient": recipient}
    assert (risk(told), risk(told | {"malicious": intent})) == (Risk.UNLIKELY, Risk.HIGH)


def test_after_a_theft_a_partner_counts_only_if_vouched_for() -> None:
    """After a theft, a partner is relied on only when the facts say that the partner is trusted."""
    told = STOLEN | {"recipient": {"kind": "trusted_partner"}}
    vouched = STOLEN | {"recipient": {"kind": "trusted_partner", "trusted": True}}
    assert (risk(told), risk(vouched)) == (Risk.RISK, Risk.UNLIKELY)


def test_a_suspicion_of_who_has_it_protects_nobody() -> None:
    recipient = {"value": {"kind": "trusted_partner", "deletion_confirmed": True}, "certainty": "suspected"}
    assert holder(Facts.model_validate(MAILED | {"recipient": recipient})) is Holder.HOSTILE


def test_malice_turns_a_few_known_people_into_strangers() -> None:
    assert (risk(MAILED), risk(MAILED | {"malicious": True})) == (Risk.UNLIKELY, Risk.RISK)


def test_after_an_attack_nobody_is_taken_for_honest_unless_it_is_said() -> None:
    told = STOLEN | {"recipient": {"kind": "few_known_individuals"}}
    assert (risk(told), risk(told | {"malicious": False})) == (Risk.RISK, Risk.UNLIKELY)


def test_an_attack_through_a_misconfiguration_is_no_slip() -> None:
    told = STOLEN | {"vector": "misconfiguration", "recipient": {"kind": "few_known_individuals"}}
    assert (risk(told), risk(told | {"cause": "human_error"})) == (Risk.RISK, Risk.UNLIKELY)


def test_a_promise_of_many_to_delete_it_is_worth_little() -> None:
    recipient = {"kind": "many_known_individuals", "count": 500, "deletion_confirmed": True}
    assert risk(MAILED | {"recipient": recipient}) is Risk.RISK


@pytest.mark.parametrize("kind", ["few_known_individuals", "many_known_individuals", "other_customer"])
def test_twenty_recipients_are_still_few_and_twenty_one_are_many(kind: str) -> None:
    few, many = ({"kind": kind, "count": count} for count in (20, 21))
    assert (risk(MAILED | {"recipient": few}), risk(MAILED | {"recipient": many})) == (Risk.UNLIKELY, Risk.RISK)


@pytest.mark.parametrize("kind", ["contact", "billing"])
def test_a_slip_about_more_than_a_hundred_people_is_a_risk(kind: str) -> None:
    assert [risk(MAILED | {"data_categories": [kind]}, people) for people in (100, 101, None)] == [
        Risk.UNLIKELY,
        Risk.RISK,
        Risk.RISK,
    ]


def test_names_of_100000_people_with_strangers_are_a_high_risk() -> None:
    """Names and addresses of 100,000 people or more, or of an unknown number of people, in the hands of strangers are a
    high risk.
    """
    assert [risk(STOLEN, people) for people in (99_999, 100_000, None)] == [Risk.RISK, Risk.HIGH, Risk.HIGH]


def test_four_ordinary_kinds_of_data_make_a_profile_for_strangers() -> None:
    """Four ordinary kinds of data together make a profile of a person, which is a high risk in the hands of strangers
    but not with a few known people.
    """
    kinds = {"data_categories": ["basic_identity", "contact", "purchase", "photo"]}
    assert (risk(STOLEN | kinds), risk(MAILED | kinds)) == (Risk.HIGH, Risk.UNLIKELY)


def test_a_work_history_weighs_more_in_an_application_for_work() -> None:
    told = STOLEN | {"data_categories": ["basic_identity", "employment"]}
    assert (risk(told), risk(told | {"data_subjects": ["job_applicants"]})) == (Risk.RISK, Risk.HIGH)


@pytest.mark.parametrize("how", [{"vector": "credential_stuffing"}, {"recipient": {"kind": "impostor"}}])
def test_access_as_the_customer_is_a_high_risk_whatever_the_data(how: Told) -> None:
    """An attacker who got in as the customer is a high risk, whatever the data."""
    assert risk(STOLEN | {"data_categories": ["user_id"]} | how) is Risk.HIGH


def test_misuse_by_strangers_is_high_and_by_an_ex_employee_a_risk() -> None:
    """Misuse by strangers is a high risk, and misuse by a former employee is a risk."""
    told = STOLEN | {"misuse_observed": True}
    assert (risk(told), risk(told | {"recipient": {"kind": "former_employee"}})) == (Risk.HIGH, Risk.RISK)


def test_that_nobody_has_seen_misuse_raises_nothing() -> None:
    assert risk(STOLEN) is risk(STOLEN | {"misuse_observed": False}) is Risk.RISK


# Out of reach, lost, changed


def test_an_outage_of_which_nothing_more_is_known_is_a_risk() -> None:
    assert (risk(OUTAGE), ids(OUTAGE)[0]) == (Risk.RISK, "R53-UNAVAILABLE")


def test_a_backup_does_not_make_up_for_treatment_that_was_delayed() -> None:
    told = OUTAGE | {"backup": "electronic", "restored": "full", "restore_hours": 3, "service_impact": "major"}
    assert risk(told) is Risk.HIGH


def test_an_unnoticed_outage_is_no_risk_if_over_in_three_days() -> None:
    """A risk is unlikely after an outage that nobody noticed, if it ended within 72 hours or its length is not
    known.
    """
    told = OUTAGE | {"restored": "full", "service_impact": "none"}
    assert [risk(told | {"restore_hours": hours}) for hours in (None, 72, 73)] == [
        Risk.UNLIKELY,
        Risk.UNLIKELY,
        Risk.RISK,
    ]


def test_an_outage_of_a_day_is_no_risk_if_nobody_says_that_it_hurt() -> None:
    told = OUTAGE | {"restored": "full"}
    assert [risk(told | {"restore_hours": hours}) for hours in (24, 25)] == [Risk.UNLIKELY, Risk.RISK]


def test_in_a_hospital_silence_about_the_patients_is_no_good_news() -> None:
    locked = OUTAGE | {"sector": "healthcare", "vector": "ransomware"}
    assert risk(locked) is Risk.HIGH
    assert risk(locked | {"restored": "full", "restore_hours": 5}) is Risk.RISK
    assert risk(locked | {"restored": "full", "restore_hours": 5, "service_impact": "none"}) is Risk.UNLIKELY


def test_a_stolen_device_takes_nothing_away_that_is_in_a_backup() -> None:
    told = OUTAGE | {"cause": "theft", "vector": "stolen_device"}
    assert (risk(told), risk(told | {"backup": "electronic"})) == (Risk.RISK, Risk.UNLIKELY)


def test_a_stolen_device_that_people_miss_is_a_risk_despite_a_backup() -> None:
    """A stolen device whose service people miss is a risk, although there is a backup of its data."""
    told = OUTAGE | {"cause": "theft", "vector": "stolen_device", "backup": "electronic", "service_impact": "minor"}
    assert risk(told) is Risk.RISK


def test_a_backup_is_no_comfort_while_ransomware_is_not_ruled_out() -> None:
    assert risk(OUTAGE | {"backup": "electronic"}) is Risk.RISK
    assert risk(OUTAGE | {"backup": "electronic", "vector": "other"}) is Risk.UNLIKELY


def test_a_backup_from_which_nothing_was_restored_served_nobody() -> None:
    told = OUTAGE | {"vector": "ransomware", "backup": "electronic", "restore_hours": 5}
    assert (risk(told), risk(told | {"restored": "none"})) == (Risk.UNLIKELY, Risk.RISK)


def test_a_backup_alone_does_not_end_an_outage_by_ransomware() -> None:
    assert risk(OUTAGE | {"cause": "external_attack", "vector": "ransomware", "backup": "electronic"}) is Risk.RISK


@pytest.mark.parametrize("certainty", ["confirmed", "suspected"])
def test_a_loss_for_good_is_a_risk_and_a_high_one_for_sensitive_data(certainty: str) -> None:
    lost = {"value": True, "certainty": certainty}
    told = OUTAGE | {"restored": "full", "service_impact": "none", "permanent_loss": lost}
    assert (risk(told), risk(told | {"data_categories": ["health"]})) == (Risk.RISK, Risk.HIGH)


def test_what_is_lost_for_good_was_not_put_right() -> None:
    told = OUTAGE | {"breach_types": ["integrity"], "restored": "full", "permanent_loss": True}
    assert "R60-CHANGED" in ids(told)


@pytest.mark.parametrize(
    ("harm", "level"), [({"permanent_loss": True}, Risk.RISK), ({"service_impact": "major"}, Risk.HIGH)]
)
def test_a_harm_counts_though_its_kind_of_breach_is_not_listed(harm: Told, level: Risk) -> None:
    assert risk(SEALED | harm) is level


def test_a_suspected_kind_of_breach_outweighs_the_way_in() -> None:
    """A kind of breach that is only suspected outweighs the kind to which the way in points."""
    kinds = {"value": ["availability"], "certainty": "suspected"}
    assert risk(SEALED | {"vector": "phishing", "breach_types": kinds}) is Risk.RISK


def test_data_perhaps_out_of_reach_is_no_standstill_of_a_hospital() -> None:
    """A hospital whose data was perhaps out of reach is a risk.

    Only a hospital whose data is known to have been out of reach is a high one.
    """
    told = SEALED | {"sector": "hospital", "breach_types": None}
    assert (risk(told), risk(told | {"breach_types": ["availability"]})) == (Risk.RISK, Risk.HIGH)


def test_an_outage_is_not_ruled_out_when_the_breach_is_unknown() -> None:
    """When the facts name no kind of breach, an outage is not ruled out, and so there is a risk."""
    told = SEALED | {"breach_types": None}
    assert (risk(told), ids(told)[0]) == (Risk.RISK, "R53-UNAVAILABLE")


@pytest.mark.parametrize("vector", DISCLOSING_VECTORS)
def test_a_way_in_that_only_shows_data_takes_none_away(vector: Vector) -> None:
    told = SEALED | {"breach_types": None, "vector": vector}
    assert risk(told) is Risk.UNLIKELY


def test_changed_data_is_a_risk_until_it_is_put_right() -> None:
    told = OUTAGE | {"breach_types": ["integrity"]}
    assert [ids(told | {"restored": restored})[0] for restored in (None, "most", "full")] == [
        "R60-CHANGED",
        "R60-CHANGED",
        "R13-NOT-DISCLOSED",
    ]


# People in need of protection


@pytest.mark.parametrize(
    "who",
    [
        {"vulnerable_subjects": True},
        {"vulnerable_subjects": {"value": True, "certainty": "suspected"}},
        {"data_subjects": ["customers", "children"]},
        {"data_subjects": ["patients"]},
    ],
)
def test_a_risk_is_a_high_one_for_children_and_patients(who: Told) -> None:
    assert risk(STOLEN | who) is Risk.HIGH


def test_children_make_no_risk_where_there_is_none() -> None:
    assert risk(MAILED | {"data_subjects": ["children"], "vulnerable_subjects": True}) is Risk.UNLIKELY


def test_among_many_of_whom_nothing_is_known_some_may_need_protection() -> None:
    unknown = STOLEN | {"data_subjects": None, "vulnerable_subjects": None}
    assert [risk(unknown, people) for people in (100, 101)] == [Risk.RISK, Risk.HIGH]


@pytest.mark.parametrize("known", [{"vulnerable_subjects": False}, {"data_subjects": ["users"]}])
def test_people_known_not_to_need_protection_are_not_suspected(known: Told) -> None:
    """People who are known not to need protection are not suspected to need it, however many they are."""
    assert risk(STOLEN | {"data_subjects": None, "vulnerable_subjects": None} | known, 101) is Risk.RISK


def test_a_former_employee_whom_we_know_is_no_special_danger_to_them() -> None:
    unknown = STOLEN | {"data_subjects": None, "vulnerable_subjects": None, "recipient": {"kind": "former_employee"}}
    assert risk(unknown, None) is Risk.RISK


# HIPAA


def test_hipaa_presumes_a_breach_of_readable_health_data() -> None:
    told = STOLEN | {"sector": "healthcare", "data_categories": ["health"]}
    rule = next(rule for rule in ruled(told)[1] if rule.id == "HIPAA-4F")
    assert (rule.risk, "do not show" in rule.says) == (Risk.RISK, True)


def test_hipaa_lets_somebody_argue_when_nobody_can_read_it() -> None:
    told = SEALED | {"sector": "healthcare"}
    rule = next(rule for rule in ruled(told)[1] if rule.id == "HIPAA-4F")
    assert (rule.risk, "speak for" in rule.says) == (Risk.UNLIKELY, True)


def test_hipaa_is_silent_outside_health_care() -> None:
    assert "HIPAA-4F" not in ids(STOLEN | {"sector": "retail"})


# What holds for all facts


def sure(name: str, value: Any) -> Any:
    """The field's fact, confirmed, without asking pydantic again for each example."""
    return getattr(Facts.model_validate({name: value}), name)


def each_certainty(name: str, values: Any) -> list[Any]:
    known = [sure(name, value) for value in values]
    said = [Certainty.CONFIRMED, Certainty.SUSPECTED, Certainty.RULED_OUT]
    return [getattr(Facts(), name), *(fact.model_copy(update={"certainty": how}) for fact in known for how in said)]


RECIPIENTS = [
    DataHolder(kind=kind, count=count, trusted=trusted, deletion_confirmed=deleted)
    for kind in (None, *RecipientKind)
    for count in (None, 1, 500)
    for trusted in (None, True, False)
    for deleted in (None, True)
]
BREACHES = [tuple(kind for bit, kind in enumerate(BreachType) if number >> bit & 1) for number in range(8)]
PEOPLE = st.sampled_from([None, 0, 1, 15, 100, 101, 5_000, 99_999, 100_000, 10**7])
BOOLEANS = (
    "malicious",
    "vulnerable_subjects",
    "encrypted_at_rest",
    "encryption_key_safe",
    "permanent_loss",
    "misuse_observed",
)
STATED: dict[str, list[Any]] = {
    "sector": each_certainty("sector", ["healthcare", "retail", "childcare"]),
    "breach_types": each_certainty("breach_types", BREACHES),
    "cause": each_certainty("cause", Cause),
    "vector": each_certainty("vector", Vector),
    "data_subjects": each_certainty("data_subjects", [(), *((subject,) for subject in DataSubject)]),
    "backup": each_certainty("backup", Backup),
    "restored": each_certainty("restored", Restored),
    "restore_hours": each_certainty("restore_hours", [0, 5, 24, 48, 72, 100]),
    "exfiltration": each_certainty("exfiltration", Exfiltration),
    "exfiltration_evidence": each_certainty("exfiltration_evidence", ExfiltrationEvidence),
    "recipient": each_certainty("recipient", RECIPIENTS),
    "service_impact": each_certainty("service_impact", ServiceImpact),
} | {name: each_certainty(name, (True, False)) for name in BOOLEANS}

Kinds = tuple[Fact[DataCategory], ...]
KINDS = [Fact[DataCategory](value=kind, certainty=how) for kind in DataCategory for how in ("confirmed", "suspected")]
NOT_TOUCHED = [Fact[DataCategory](value=kind, certainty=Certainty.RULED_OUT) for kind in DataCategory]
LISTS = st.lists(st.sampled_from([*KINDS, *NOT_TOUCHED, Fact[DataCategory]()]), max_size=5).map(tuple)
CATEGORIES = st.builds(
    lambda kinds, how: Fact[Kinds].model_construct(value=kinds, certainty=how),
    LISTS,
    st.sampled_from([Certainty.CONFIRMED, Certainty.SUSPECTED, Certainty.RULED_OUT]),
) | st.just(Fact[Kinds]())
FIELDS: dict[str, st.SearchStrategy[Any]] = {name: st.sampled_from(facts) for name, facts in STATED.items()}
FIELDS["data_categories"] = CATEGORIES
STARTS = [
    Facts(),
    *(Facts.model_validate(told) for told in (MAILED, STOLEN, OUTAGE, *(told for _, told in tellings()))),
]
FACTS = st.fixed_dictionaries(FIELDS).map(lambda fields: Facts().model_copy(update=fields)) | st.builds(
    lambda start, fields: start.model_copy(update=fields),
    st.sampled_from(STARTS),
    st.fixed_dictionaries({}, optional=FIELDS),
)
"""Anything at all, and true stories with some of their facts exchanged: left to chance alone nearly all risk is high."""
often = settings(max_examples=60, deadline=None)


def but(facts: Facts, **changes: Any) -> Facts:
    """The facts with these fields confirmed instead, or unknown where None is given."""
    return facts.model_copy(update={name: sure(name, value) for name, value in changes.items()})


def level(facts: Facts, people: int | None) -> int:
    return risk_to_people(facts, people)[0].rank


@often
@given(FACTS, PEOPLE)
def test_a_rule_always_fires_the_gravest_first_and_it_is_the_result(facts: Facts, people: int | None) -> None:
    found, rules = risk_to_people(facts, people)
    ranks = [rule.risk.rank for rule in rules]
    assert ranks == sorted(ranks, reverse=True)
    assert rules[0].risk is found
    assert rules[0].id != "HIPAA-4F"


@often
@given(FACTS, PEOPLE)
def test_every_rule_says_why_and_names_its_source_and_its_facts(facts: Facts, people: int | None) -> None:
    rules = risk_to_people(facts, people)[1]
    assert len({rule.id for rule in rules}) == len(rules)
    assert all(rule.says.endswith(".") and rule.source for rule in rules)
    assert all(rule.facts and set(rule.facts) <= Facts.model_fields.keys() for rule in rules)


@often
@given(FACTS, PEOPLE)
def test_safe_encryption_never_raises_the_risk(facts: Facts, people: int | None) -> None:
    safe = but(facts, encrypted_at_rest=True, encryption_key_safe=True)
    assert level(safe, people) <= level(facts, people)


@often
@given(FACTS, PEOPLE, st.sampled_from(["malicious", "vulnerable_subjects", "permanent_loss", "misuse_observed"]))
def test_a_harm_that_is_confirmed_never_lowers_the_risk(facts: Facts, people: int | None, harm: str) -> None:
    assert level(but(facts, **{harm: True}), people) >= level(facts, people)


@often
@given(FACTS, PEOPLE)
def test_a_confirmed_copy_never_lowers_the_risk(facts: Facts, people: int | None) -> None:
    assert level(but(facts, exfiltration=Exfiltration.YES), people) >= level(facts, people)


@often
@given(FACTS, PEOPLE, st.sampled_from(KINDS))
def test_more_data_never_lowers_the_risk(facts: Facts, people: int | None, more: Fact[DataCategory]) -> None:
    known = facts.data_categories
    on_top = known.model_copy(update={"value": (*(known.value or ()), more), "certainty": Certainty.CONFIRMED})
    before = known.model_copy(update={"value": known.value or (), "certainty": Certainty.CONFIRMED})
    less, grown = (facts.model_copy(update={"data_categories": fact}) for fact in (before, on_top))
    assert level(grown, people) >= level(less, people)


@often
@given(FACTS, st.integers(0, 200_000), st.integers(0, 200_000))
def test_more_people_never_lower_the_risk(facts: Facts, some: int, more: int) -> None:
    assert level(facts, some) <= level(facts, some + more) <= level(facts, None)


@often
@given(FACTS, PEOPLE, st.sampled_from(BREACHES), st.sampled_from(BreachType))
def test_a_kind_of_breach_on_top_never_lowers_the_risk(
    facts: Facts, people: int | None, some: tuple[BreachType, ...], more: BreachType
) -> None:
    assume(some)  # a list that names none says nothing
    grown = but(facts, breach_types=(*some, more))
    assert level(grown, people) >= level(but(facts, breach_types=some), people)


HARMLESS: list[dict[str, Any]] = [
    {"malicious": False},
    {"vulnerable_subjects": False},
    {"permanent_loss": False},
    {"misuse_observed": False},
    {"encrypted_at_rest": True, "encryption_key_safe": True},
    {"encrypted_at_rest": True},
    {"encryption_key_safe": True},
    *({"exfiltration": Exfiltration.NO, "exfiltration_evidence": evidence} for evidence in SOUND_EVIDENCE),
    {"exfiltration": Exfiltration.NOT_APPLICABLE},
    {"restored": Restored.FULL},
    {"restored": Restored.FULL, "restore_hours": 1},
    {"restore_hours": 0},
    {"service_impact": ServiceImpact.NONE},
    {"backup": Backup.ELECTRONIC},
    {"breach_types": ()},
    {"breach_types": (BreachType.CONFIDENTIALITY,)},
    {"data_categories": ()},
    {"data_subjects": (DataSubject.CUSTOMERS,)},
    {"recipient": DataHolder(kind=RecipientKind.PROFESSIONAL_UNDER_SECRECY, trusted=True, deletion_confirmed=True)},
    {"recipient": DataHolder(kind=RecipientKind.TRUSTED_PARTNER, deletion_confirmed=True)},
]


@pytest.mark.parametrize("harmless", HARMLESS, ids=lambda values: ",".join(f"{k}={v}"[:40] for k, v in values.items()))
@often
@given(FACTS, PEOPLE)
def test_what_nobody_can_say_weighs_no_less_than_the_harmless(
    harmless: dict[str, Any], facts: Facts, people: int | None
) -> None:
    unknown = but(facts, **dict.fromkeys(harmless))
    assert level(unknown, people) >= level(but(facts, **harmless), people)


@often
@given(FACTS, PEOPLE, st.sampled_from(BREACHES))
def test_unknown_kinds_of_breach_weigh_no_less_than_known_ones(
    facts: Facts, people: int | None, some: tuple[BreachType, ...]
) -> None:
    """Unknown kinds of breach weigh no less than any known ones, up to a risk.

    If the way in only shows data, they weigh no less than a loss of confidentiality.
    """
    if facts.vector.sure(*DISCLOSING_VECTORS):
        some = tuple(set(some) & {BreachType.CONFIDENTIALITY})
    known, unknown = level(but(facts, breach_types=some), people), level(but(facts, breach_types=None), people)
    assert unknown >= min(known, Risk.RISK.rank)


HARMS: list[tuple[str, Any]] = [
    ("malicious", True),
    ("vulnerable_subjects", True),
    ("permanent_loss", True),
    ("misuse_observed", True),
    ("encryption_key_safe", False),
    ("encrypted_at_rest", False),
    ("exfiltration", Exfiltration.YES),
    ("exfiltration", Exfiltration.POSSIBLE),
    ("service_impact", ServiceImpact.MAJOR),
    ("vector", Vector.CREDENTIAL_STUFFING),
    ("recipient", DataHolder(kind=RecipientKind.IMPOSTOR)),
    ("recipient", DataHolder(kind=RecipientKind.PUBLIC)),
    ("data_subjects", (DataSubject.CHILDREN,)),
]


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: f"{harm[0]}={harm[1]}"[:40])
@often
@given(FACTS, PEOPLE)
def test_suspected_harm_weighs_as_much_as_harm(harm: tuple[str, Any], facts: Facts, people: int | None) -> None:
    name, value = harm
    confirmed = sure(name, value)
    suspected = confirmed.model_copy(update={"certainty": Certainty.SUSPECTED})
    weights = [level(facts.model_copy(update={name: fact}), people) for fact in (suspected, confirmed)]
    assert weights[0] >= weights[1]


@often
@given(FACTS, PEOPLE)
def test_notes_and_times_change_nothing(facts: Facts, people: int | None) -> None:
    noted = {
        name: getattr(facts, name).model_copy(update={"note": "seen by the night shift", "at": NOW})
        for name in Facts.model_fields
    }
    noted["protection_note"] = sure("protection_note", "strong password")
    noted["mitigations"] = sure("mitigations", [Mitigation(what="remote_wipe", at=NOW)])
    assert risk_to_people(facts.model_copy(update=noted), people) == risk_to_people(facts, people)


@pytest.mark.parametrize(
    ("sector", "cared_for"),
    [
        ("hospital", True),
        ("private_hospital", True),
        ("healthcare", True),
        ("hospitality", False),
        ("health_food_retail", False),
    ],
)
def test_only_a_place_where_people_are_treated_is_in_health_care(sector: str, cared_for: bool) -> None:
    assert ("HIPAA-4F" in ids(STOLEN | {"sector": sector})) is cared_for


def test_where_no_personal_data_was_touched_nothing_else_is_a_risk() -> None:
    assert ids({"data_categories": [], "misuse_observed": True, "permanent_loss": True}) == ["R14-NO-PERSONAL-DATA"]


def test_a_list_that_names_no_kind_of_breach_says_nothing() -> None:
    assert risk(STOLEN | {"breach_types": []}) is risk(STOLEN | {"breach_types": None})
