"""What facts say to an authority: in words of a vocabulary, and never a no for what nobody knows."""

from datetime import timedelta
from typing import Any

import pytest

from amends.domain.case.case import Case
from amends.domain.filing.answers import WORDS, FilingContext, HowMany, people_counted
from amends.domain.incident.commitment import CommitmentState
from amends.domain.incident.facts import (
    Backup,
    BreachType,
    Cause,
    Count,
    DataCategory,
    DataSubject,
    Exfiltration,
    Facts,
    Vector,
)
from amends.domain.incident.incident import Incident
from amends.domain.law.duty import Addressee
from amends.domain.law.filing import Filing
from amends.domain.notice.notice import NoticeStage, NoticeStatus, PersonState
from amends.domain.risk.levels import Risk
from tests.builders import AWARE, NOW, a_case, a_commitment, a_duty, a_playbook, an_assessment, an_audience, an_incident

EEA = frozenset({"DE", "FR", "NO"})
SOUND = "complete_logs_and_external_forensics"


def asked(case: Case | None = None, duty: dict[str, Any] | None = None, **facts: Any) -> FilingContext:
    """About a case in which nothing but these facts is known."""
    return FilingContext(case or a_case(incident=an_incident(facts=facts)), a_duty(**duty or {}), NOW, EEA)


def words(name: str, case: Case | None = None, duty: dict[str, Any] | None = None, **facts: Any) -> Any:
    return WORDS[name].answer(asked(case, duty, **facts))


FROM_FACTS = (
    "availability backup breach_types cause exfiltration integrity malicious misuse origin others_involved police "
    "protection service_impact vector vulnerable_people encrypted"
).split()


@pytest.mark.parametrize("name", FROM_FACTS)
def test_what_nobody_knows_has_no_answer(name: str) -> None:
    assert words(name) is None


@pytest.mark.parametrize("name", FROM_FACTS)
def test_a_fact_that_is_explicitly_unknown_has_no_answer(name: str) -> None:
    facts: dict[str, Any] = {field: {"certainty": "unknown"} for field in Facts.model_fields}
    assert words(name, **facts) is None


EVERY_WORD = [
    (name, field, value)
    for name, field, values in (
        ("backup", "backup", Backup),
        ("cause", "cause", Cause),
        ("origin", "cause", Cause),
        ("vector", "vector", Vector),
        ("exfiltration", "exfiltration", Exfiltration),
        ("breach_types", "breach_types", [[kind] for kind in BreachType]),
        ("data_subjects", "data_subjects", [[kind] for kind in DataSubject]),
        ("data_categories", "data_categories", [[kind] for kind in DataCategory]),
    )
    for value in values
]


@pytest.mark.parametrize(("name", "field", "value"), EVERY_WORD)
def test_every_word_of_the_facts_has_an_answer_in_the_vocabulary(name: str, field: str, value: Any) -> None:
    case = a_case(incident=an_incident(facts={field: value}), audience=an_audience(by_category={}))
    answer = words(name, case)
    assert answer
    assert set(answer) <= WORDS[name].vocabulary


@pytest.mark.parametrize(
    ("exfiltration", "evidence", "answer"),
    [
        ("yes", None, "yes"),
        ({"value": "yes", "certainty": "suspected"}, None, "likely"),
        ("possible", None, "likely"),
        ("no", SOUND, "no_on_sound_evidence"),
        ("no", "attacker_could_erase_history", "no_without_sound_evidence"),
        ("no", None, "no_without_sound_evidence"),
        ({"value": "no", "certainty": "suspected"}, SOUND, "no_without_sound_evidence"),
        ({"value": "yes", "certainty": "ruled_out"}, SOUND, "no_on_sound_evidence"),
        ({"value": "yes", "certainty": "ruled_out"}, None, "no_without_sound_evidence"),
        ({"value": "no", "certainty": "ruled_out"}, SOUND, "likely"),
        ("not_applicable", None, "not_applicable"),
    ],
)
def test_that_nothing_was_copied_counts_only_on_sound_evidence(exfiltration: Any, evidence: Any, answer: str) -> None:
    assert words("exfiltration", exfiltration=exfiltration, exfiltration_evidence=evidence) == (answer,)


SUSPECTED_NO = {"value": False, "certainty": "suspected"}


@pytest.mark.parametrize(
    ("encrypted", "key", "answer"),
    [
        (True, True, "encrypted_key_safe"),
        (True, False, "encrypted_key_taken"),
        (True, SUSPECTED_NO, "encrypted_key_taken"),
        (True, None, "encrypted_key_unknown"),
        (False, None, "not_encrypted"),
        (SUSPECTED_NO, None, None),
        ({"value": True, "certainty": "suspected"}, True, None),
    ],
)
def test_encryption_protects_only_with_a_key_that_is_safe(encrypted: Any, key: Any, answer: str | None) -> None:
    found = words("protection", encrypted_at_rest=encrypted, encryption_key_safe=key)
    assert found == ((answer,) if answer else None)


@pytest.mark.parametrize(
    ("malicious", "answer"),
    [
        (True, "insider_malicious"),
        ({"value": True, "certainty": "suspected"}, "insider_malicious"),
        (False, "insider_not_malicious"),
        (SUSPECTED_NO, "insider_intent_unknown"),
        (None, "insider_intent_unknown"),
    ],
)
def test_the_origin_is_the_cause_with_the_intent(malicious: Any, answer: str) -> None:
    assert words("origin", cause="insider", malicious=malicious) == (answer,)


@pytest.mark.parametrize(
    ("facts", "answer"),
    [
        ({"misuse_observed": False}, "not_used_wrongly"),
        ({"misuse_observed": True, "permanent_loss": True}, "used_wrongly_lost"),
        ({"misuse_observed": True, "restored": "full"}, "used_wrongly_recoverable"),
        ({"misuse_observed": True}, None),
        ({"misuse_observed": SUSPECTED_NO}, None),
    ],
)
def test_altered_data_is_known_as_harmless_only_if_somebody_looked(facts: Any, answer: Any) -> None:
    """Altered data is known not to have been used wrongly only when the absence of misuse is confirmed.

    Observed misuse is answered only when the data is lost for good or fully restored.
    """
    assert words("integrity", **facts) == ((answer,) if answer else None)


@pytest.mark.parametrize(
    ("facts", "answer"),
    [
        ({"permanent_loss": True}, ("permanent",)),
        ({"permanent_loss": False}, ("temporary",)),
        ({"restored": "full"}, ("temporary",)),
        ({"restored": "most"}, None),
    ],
)
def test_an_outage_is_temporary_when_it_is_known_to_be(facts: Any, answer: Any) -> None:
    assert words("availability", **facts) == answer


def counted(people: int, guardians: int = 0, stated: Any = None, **more: Any) -> Case:
    audience = an_audience(people=people, guardians=guardians)
    return a_case(audience=audience, incident=an_incident(facts={"people": stated}, **more))


@pytest.mark.parametrize(
    ("case", "answer"),
    [
        (counted(240, stated=240), (240, True)),
        (counted(246, guardians=6, stated=240), (240, True)),
        (counted(240), (240, True)),
        (counted(246, guardians=6), (246, False)),
        (counted(240, stated=500), (500, False)),
        (counted(12, stated=500, list_is="first_part"), (500, False)),
        (counted(500, stated=240), (500, False)),
        (counted(240, stated={"min": 100, "max": 900}), (240, False)),
        (counted(0, stated=240), (240, True)),
        (counted(0, stated={"value": 240, "certainty": "suspected"}), (240, False)),
        (counted(0, residences={"DE": 9}), (9, False)),
        (counted(0, residences={"DE": 9}, stated=240), (240, False)),
    ],
)
def test_a_number_of_people_is_exact_only_when_all_sources_agree(case: Case, answer: Any) -> None:
    """A number of people is exact only when it is confirmed and no other known number contradicts it; guardians in the
    audience may explain a difference. Otherwise the number is approximate.
    """
    found = people_counted(asked(case))
    assert found
    assert (found.number, found.exact) == answer


def test_of_whom_nobody_knows_how_many_they_are_there_is_no_number() -> None:
    assert people_counted(asked(counted(0))) is None


@pytest.mark.parametrize("limits", [{"min": 4800, "max": 6000}, {"min": 4800}, {"max": 6000}])
def test_neither_end_of_a_range_is_told_as_the_number(limits: dict[str, int]) -> None:
    found = people_counted(asked(counted(0, stated=limits)))
    assert found == HowMany(None, limits=Count(**limits))


def test_the_audience_is_counted_and_the_range_stands_beside_it() -> None:
    found = people_counted(asked(counted(5200, stated={"min": 4800, "max": 6000})))
    assert found == HowMany(5200, limits=Count(min=4800, max=6000))


def test_a_place_with_two_names_is_one_place() -> None:
    case = a_case(audience=an_audience(by_place={"PR": 3, "US-PR": 5, "RE": 2, "FR": 1}))
    about = FilingContext(case, a_duty(), NOW, EEA, also_called={"PR": "US-PR", "RE": "FR"})
    assert about.homes == {"US": 8, "FR": 3}
    assert about.in_area == {"FR": 3}


def test_children_of_the_audience_are_among_those_concerned() -> None:
    case = a_case(
        audience=an_audience(by_flag={"minor": 2}), incident=an_incident(facts={"data_subjects": ["customers"]})
    )
    assert words("data_subjects", case) == ("customers", "children")


@pytest.mark.parametrize(
    ("vulnerable", "answer"), [(True, "yes"), ({"value": True, "certainty": "suspected"}, "suspected"), (False, "no")]
)
def test_vulnerable_people_count_as_soon_as_they_are_suspected(vulnerable: Any, answer: str) -> None:
    """The form says that people in need of protection are affected as soon as the facts suspect it, and marks it as
    suspected.
    """
    assert words("vulnerable_people", vulnerable_subjects=vulnerable) == (answer,)


def test_kinds_of_data_that_only_the_audience_file_names_count_too() -> None:
    case = a_case(
        audience=an_audience(by_category={"health": 1}), incident=an_incident(facts={"data_categories": ["contact"]})
    )
    assert words("data_categories", case) == ("contact", "health")


@pytest.mark.parametrize(
    ("size", "answer"), [(9, ("under_10",)), (249, ("under_250",)), (250, ("250_or_more",)), (None, None)]
)
def test_the_size_is_told_by_the_staff(size: int | None, answer: Any) -> None:
    assert words("staff", _of(size=size)) == answer


@pytest.mark.parametrize(
    ("organisation", "answer"),
    [
        ({"sector": "public_administration"}, ("public",)),
        ({"regulated": ["cn_state_organ"]}, ("public",)),
        ({"sector": "healthcare"}, None),
    ],
)
def test_only_what_is_certain_to_be_public_is_public(organisation: Any, answer: Any) -> None:
    assert words("public_body", _of(**organisation)) == answer


def _of(**organisation: Any) -> Case:
    given = an_incident().model_dump(mode="json", by_alias=True)
    return a_case(incident=Incident.model_validate(given | {"organisation": given["organisation"] | organisation}))


def test_a_processor_has_others_involved_and_a_controller_may_have() -> None:
    """A processor has somebody else involved, and so has an incident that a vendor caused.

    Whether a controller has is not known.
    """
    assert words("others_involved", _of(role="processor")) == ("yes",)
    assert words("others_involved", cause="vendor") == ("yes",)
    assert words("others_involved", _of(role="controller")) is None


def test_people_in_one_country_do_not_prove_that_no_border_is_crossed() -> None:
    for homes, answer in (({"DE": 2, "CN": 1}, None), ({"DE": 2, "FR": 1}, ("several_countries",)), ({}, None)):
        assert words("cross_border", a_case(audience=an_audience(by_place=homes))) == answer


def test_the_seat_is_inside_or_outside() -> None:
    assert (words("established"), words("established", _of(established_in="CN"))) == (("in_area",), ("outside_area",))


def filed(duty: str = a_duty().id, at: Any = NOW) -> Filing:
    return Filing(number=1, duty=duty, filed_at=at, by="lena", receipt="DPA-17", recorded_at=NOW)


def test_after_the_first_filing_the_next_one_follows_up() -> None:
    assert (words("notification"), words("notification", a_case(filings=(filed(),)))) == (("new",), ("follow_up",))


def test_a_notification_is_late_when_its_recorded_clock_has_run_out() -> None:
    past = NOW - timedelta(hours=1)
    assert words("timing") == ("in_time",)
    assert words("timing", duty={"due_at": past}) == ("late",)
    assert words("timing", duty={"due_at": past, "assumed": "counted from when it began"}) is None
    assert words("timing", a_case(filings=(filed(at=AWARE),)), duty={"due_at": past}) == ("in_time",)


@pytest.mark.parametrize(
    ("times", "answer"),
    [
        ({"occurred": {"from": "2026-11-20T01:00Z", "to": "2026-11-20T05:00Z"}}, ("one_day",)),
        ({"occurred": {"from": "2026-11-20T01:00Z", "to": "2026-11-21T05:00Z"}}, ("from_to",)),
        ({"occurred": {"from": "2026-11-20T01:00Z"}, "contained": "2026-11-22T05:00Z"}, ("from_to",)),
        ({"occurred": {"from": "2026-11-20T01:00Z"}}, ("start_only",)),
        ({"occurred": {"to": "2026-11-20T01:00Z"}}, None),
        ({}, None),
    ],
)
def test_when_it_happened_is_as_exact_as_the_times(times: Any, answer: Any) -> None:
    assert words("occurrence", a_case(incident=an_incident(times=times))) == answer


def sent(**people: int) -> Case:
    notice = NoticeStatus(
        id="first-notice",
        version=1,
        template="first-notice",
        step="first-notice",
        occurrence=1,
        binding="b",
        approvals_needed=2,
        drafted_at=NOW,
        sent_at=NOW,
        stage=NoticeStage.SENT,
        people={PersonState(state): count for state, count in people.items()},
    )
    return a_case(notices=(notice,), events={"opened": NOW, "notified": NOW})


def test_people_have_been_told_once_the_first_notice_has_gone() -> None:
    assert words("telling", sent(delivered=3)) == ("told",)
    assert words("telling", a_case()) == ("will_be_told",)
    assert words("telling", a_case(playbook=None)) is None


def test_that_people_need_not_be_told_takes_an_assessment() -> None:
    """Only an assessment can say that people need not be told. Where it does not, they will be told."""
    spared = a_case(playbook=None, assessment=an_assessment(tell_people=False, risk=Risk.RISK))
    assert words("telling", spared) == ("not_needed",)
    assert words("telling", a_case(playbook=None, assessment=an_assessment())) == ("will_be_told",)


def test_all_are_told_only_when_everybody_was_reached() -> None:
    assert words("everyone_told", sent(delivered=2, sent=1)) == ("all",)
    assert words("everyone_told", sent(delivered=2, bounced=1)) == ("not_all",)
    assert words("everyone_told", a_case()) is None


def test_the_channels_are_those_of_the_notice_that_went_out() -> None:
    assert words("channels", sent(sent=3)) == ("email", "website", "sms", "social")


def test_commitments_count_before_they_are_given_but_not_if_dropped() -> None:
    """The commitments of the playbook count before they are given to people, and no longer after they were dropped."""
    assert words("promises") == ("audit",)
    dropped = a_commitment(state=CommitmentState.DROPPED)
    assert words("promises", a_case(commitments=(dropped,))) is None
    assert words("promises", a_case(playbook=a_playbook(commitments=[]))) is None


def test_a_filing_with_another_authority_counts_and_none_to_people() -> None:
    """The form tells of a filing with another authority.

    It does not tell of a letter to people, nor of the filing with its own authority.
    """
    others = (a_duty(id="uk.ico"), a_duty(id="uk.people", addressee=Addressee.PEOPLE))
    assessment = an_assessment(duties=(a_duty(), *others))
    for duty, answer in (("uk.ico", ("yes",)), ("uk.people", None), (a_duty().id, None)):
        assert words("other_filings", a_case(assessment=assessment, filings=(filed(duty),))) == answer


def test_a_report_to_the_police_is_a_mitigation() -> None:
    assert words("police", mitigations=["police_report"]) == ("yes",)
    assert words("police", mitigations=["site_switched_off"]) is None
