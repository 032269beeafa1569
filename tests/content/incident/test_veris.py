"""VERIS records become incident files, and what VERIS does not say stays unknown."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amends.content.file.document import Document
from amends.content.file.json_file import JsonReading
from amends.content.incident.incident import read_incident
from amends.content.incident.veris.incident_file import VerisImport, from_veris
from amends.content.incident.veris.mapping import meanings
from amends.content.incident.veris.record import words
from amends.content.incident.veris.record_file import read_record
from amends.domain.base.errors import ContentError
from amends.domain.incident.facts import Certainty, Facts
from amends.domain.incident.incident import Incident

VCDB = Path(__file__).parents[2] / "data" / "vcdb"
RECORDS = [json.loads(line) for line in (VCDB / "records.jsonl").read_text(encoding="utf-8").splitlines()]
WORDS = json.loads((VCDB / "enumerations-1.4.1.json").read_text(encoding="utf-8"))


def imported(record: dict[str, Any]) -> VerisImport:
    reading = JsonReading("record.json", json.dumps(record))
    return from_veris(Document("record.json", reading.read(), reading.keys, reading.values))


def incident(record: dict[str, Any]) -> Incident:
    return Incident.model_validate(imported(record).content)


def facts(**parts: Any) -> Facts:
    return incident(a_record(**parts)).facts


def a_record(**parts: Any) -> dict[str, Any]:
    """As little as VERIS asks for, with these parts."""
    unsaid = {"action": {"unknown": {}}, "actor": {"unknown": {}}, "attribute": {"confidentiality": {}}}
    return {"incident_id": "A-1", "schema_version": "1.4.1", **unsaid, **parts}


def a_breach(**confidentiality: Any) -> dict[str, Any]:
    return {"attribute": {"confidentiality": confidentiality}}


def said(fact: Any) -> tuple[Any, str]:
    return fact.value, str(fact.certainty)


# The records of the community database


def test_every_record_of_the_sample_becomes_an_incident():
    assert len([incident(record).id for record in RECORDS]) == 300


@pytest.mark.parametrize("number", range(0, 300, 3))
def test_the_file_says_what_was_imported_and_passes_its_check(number, write):
    path = write("incident.yaml", imported(RECORDS[number]).yaml())
    assert read_incident(path) == incident(RECORDS[number])


def test_veris_confirms_nothing_harmless_except_no_malice():
    """No word of VERIS becomes a confirmed harmless fact, with one exception: a record whose only actions are errors or
    the environment confirms that there was no malice.
    """
    harmless = {"malicious": False, "vulnerable_subjects": False, "misuse_observed": False, "permanent_loss": False}
    for record in RECORDS:
        found = incident(record).facts
        sure = {name for name, value in harmless.items() if getattr(found, name).sure(value)}
        assert sure <= ({"malicious"} if set(record["action"]) <= {"error", "environmental"} else set())


@pytest.mark.parametrize(
    ("part", "kind", "field"),
    [(part, kind, field) for part in ("action", "actor") for kind, fields in WORDS[part].items() for field in fields],
)
def test_every_word_about_actions_and_actors_is_understood(part, kind, field):
    for word in WORDS[part][kind][field]:
        assert incident(a_record(**{part: {kind: {field: [word]}}}))


@pytest.mark.parametrize("field", ["data_disclosure", "data_victim", "state"])
def test_every_word_about_confidentiality_is_understood(field):
    for word in WORDS["attribute"]["confidentiality"][field]:
        assert facts(**a_breach(**{field: word if field == "data_disclosure" else [word]}))


def test_every_other_word_is_understood():
    attribute = WORDS["attribute"]
    assert incident(
        a_record(
            asset={"assets": [{"variety": word} for word in WORDS["asset"]["assets"]["variety"]]},
            attribute={
                "confidentiality": {
                    "data": [{"variety": word} for word in attribute["confidentiality"]["data"]["variety"]]
                },
                "integrity": attribute["integrity"],
                "availability": attribute["availability"],
            },
            victim={"country": WORDS["victim"]["country"]},
            discovery_method={"external": WORDS["discovery_method"]["external"]},
        )
    )
    for unit in WORDS["timeline"]["discovery"]["unit"]:
        assert incident(a_record(timeline={"discovery": {"unit": unit, "value": 1}}))
    for count in WORDS["victim"]["employee_count"]:
        assert incident(a_record(victim={"employee_count": count}))
    for abuse in WORDS["plus"]["attribute"]["confidentiality"]["data_abuse"]:
        assert facts(plus={"attribute": {"confidentiality": {"data_abuse": abuse}}})


def test_every_word_that_has_a_meaning_is_a_word_of_veris():
    tables = meanings()
    used = {
        "data": {*tables.data, *tables.counts_people},
        "data_victim": set(tables.subjects),
        "data_disclosure": set(tables.disclosure),
        "reported_by": set(tables.evidence),
        "motive": tables.motives_of_malice,
        "asset": {*tables.paper, *tables.no_device, *(a for way in tables.vectors for a in way.assets)},
        "social_vector": {vector for way in tables.vectors for vector in way.through},
        **{way.action: set() for way in tables.vectors if way.action},
    }
    for way in tables.vectors:
        used.get(way.action, set()).update(way.varieties)
    misspelt = {field: found - set(words()[field].values()) - {"paper", "device"} for field, found in used.items()}
    assert {field: found for field, found in misspelt.items() if found} == {}


# What is not said


def test_what_veris_does_not_say_stays_unknown():
    unsaid = facts()
    known = {name for name in Facts.model_fields if not getattr(unsaid, name).unknown}
    assert known == {"breach_types"}


def test_residences_stay_empty_because_veris_does_not_say_them():
    """Residences are left out of the incident, because VERIS names the victim organisation's country and not where
    people live.
    """
    assert incident(a_record(victim={"country": ["US"], "state": "CA"})).residences == {}


def test_breach_types_are_suspected_as_veris_may_lack_others():
    """Breach types from VERIS are only suspected, because a record may not know of the other types."""
    assert said(facts(attribute={"confidentiality": {}, "availability": {}}).breach_types) == (
        ("confidentiality", "availability"),
        "suspected",
    )


def test_breach_types_are_sure_when_all_are_named():
    every = {"confidentiality": {}, "integrity": {"variety": ["Modify data"]}, "availability": {}}
    assert facts(attribute=every).breach_types.certainty is Certainty.CONFIRMED


def test_a_person_who_was_persuaded_is_no_changed_data():
    """The VERIS variety "Alter behavior", a person talked into something, is not taken for data that was changed."""
    attribute = {"confidentiality": {}, "integrity": {"variety": ["Alter behavior"]}}
    assert facts(attribute=attribute).breach_types.value == ("confidentiality",)


@pytest.mark.parametrize("name", ["summary", "notes", "reference"])
def test_texts_that_may_name_people_are_not_copied(name):
    assert "Kim Example" not in imported(a_record(**{name: "Kim Example lost a disk"})).yaml()


def test_a_suspected_incident_confirms_nothing():
    found = facts(security_incident="Suspected", **a_breach(data_disclosure="Yes", data=[{"variety": "Medical"}]))
    assert said(found.exfiltration) == ("yes", "suspected")
    assert [kind.certainty for kind in found.data_categories.value or ()] == [Certainty.SUSPECTED]


def test_a_suspected_incident_leaves_unknown_data_unknown():
    data = [{"variety": "Medical"}, {"variety": "Unknown"}]
    kinds = facts(security_incident="Suspected", **a_breach(data=data)).data_categories.value or ()
    assert [kind.certainty for kind in kinds] == [Certainty.SUSPECTED, Certainty.UNKNOWN]


# Cause, vector, malice


@pytest.mark.parametrize(
    ("action", "actor", "cause"),
    [
        ({"hacking": {}}, {"external": {}}, ("external_attack", "confirmed")),
        ({"hacking": {}}, {"unknown": {}}, ("external_attack", "suspected")),
        ({"hacking": {}}, {"external": {}, "internal": {}}, ("external_attack", "suspected")),
        ({"misuse": {}}, {"internal": {}}, ("insider", "confirmed")),
        ({"misuse": {}}, {"partner": {}}, ("vendor", "confirmed")),
        ({"misuse": {}}, {"unknown": {}}, (None, "unknown")),
        ({"physical": {"variety": ["Theft"]}}, {"external": {}}, ("theft", "confirmed")),
        ({"physical": {"variety": ["Theft"]}}, {"internal": {}}, ("insider", "confirmed")),
        ({"error": {"variety": ["Loss"]}}, {"internal": {}}, ("loss", "confirmed")),
        ({"error": {"variety": ["Malfunction"]}}, {"internal": {}}, ("technical_error", "confirmed")),
        ({"error": {"variety": ["Misdelivery"]}}, {"internal": {}}, ("human_error", "confirmed")),
        ({"error": {"variety": ["Unknown"]}}, {"internal": {}}, ("human_error", "suspected")),
        ({"error": {"variety": ["Misdelivery"]}}, {"partner": {}}, ("vendor", "confirmed")),
        ({"error": {}, "misuse": {}}, {"internal": {}}, ("insider", "confirmed")),
        ({"environmental": {}}, {"external": {}}, (None, "unknown")),
    ],
)
def test_action_and_actor_give_the_cause(action, actor, cause):
    assert said(facts(action=action, actor=actor).cause) == cause


@pytest.mark.parametrize(
    ("action", "assets", "vector"),
    [
        ({"malware": {"variety": ["Ransomware"]}, "hacking": {}}, (), ("ransomware", "confirmed")),
        ({"malware": {"variety": ["C2", "Ransomware"]}}, ("S - Web application",), ("ransomware", "suspected")),
        ({"malware": {"variety": ["Capture app data"]}}, ("S - Web application",), ("web_malware", "suspected")),
        ({"malware": {"variety": ["Ram scraper"]}}, ("U - POS terminal",), ("other", "confirmed")),
        ({"hacking": {"variety": ["SQLi"]}}, (), ("sql_injection", "confirmed")),
        ({"hacking": {"variety": ["Use of stolen creds"]}}, (), ("credential_stuffing", "suspected")),
        ({"hacking": {"variety": ["Unknown"]}}, (), (None, "unknown")),
        ({"social": {"variety": ["Phishing"], "vector": ["Email"]}}, (), ("phishing", "confirmed")),
        ({"social": {"variety": ["Phishing"], "vector": ["Phone"]}}, (), ("social_engineering_phone", "confirmed")),
        ({"social": {"variety": ["Pretexting"], "vector": ["Email"]}}, (), ("business_email_compromise", "suspected")),
        ({"misuse": {"variety": ["Privilege abuse"]}}, (), ("privilege_misuse", "confirmed")),
        ({"physical": {"variety": ["Theft"]}}, ("U - Laptop",), ("stolen_device", "confirmed")),
        ({"physical": {"variety": ["Theft"]}}, ("M - Documents",), ("stolen_paper", "confirmed")),
        ({"physical": {"variety": ["Theft"]}}, ("M - Documents", "U - Laptop"), ("stolen_device", "suspected")),
        ({"physical": {"variety": ["Theft"]}}, ("Unknown",), (None, "unknown")),
        ({"error": {"variety": ["Loss"]}}, ("M - Flash drive",), ("lost_device", "confirmed")),
        ({"error": {"variety": ["Disposal error"]}}, ("M - Documents",), ("lost_paper", "suspected")),
        ({"error": {"variety": ["Misdelivery"]}}, ("S - Mail",), ("misdirected_email", "suspected")),
        ({"error": {"variety": ["Misdelivery"]}}, ("U - Desktop",), (None, "unknown")),
        ({"error": {"variety": ["Misconfiguration"]}}, ("S - Database",), ("misconfiguration", "confirmed")),
        ({"unknown": {}}, ("S - Database",), (None, "unknown")),
    ],
)
def test_action_and_assets_give_the_vector(action, assets, vector):
    assert said(facts(action=action, asset={"assets": [{"variety": asset} for asset in assets]}).vector) == vector


@pytest.mark.parametrize("motive", ["Financial", "Espionage", "Grudge", "Ideology", "Secondary", "Fear"])
def test_gain_or_harm_is_malice(motive):
    found = facts(action={"misuse": {}}, actor={"internal": {"motive": ["NA", motive]}})
    assert said(found.malicious) == (True, "confirmed")


@pytest.mark.parametrize(
    ("action", "motive", "malicious"),
    [
        ("error", "NA", (False, "confirmed")),
        ("error", "Convenience", (False, "confirmed")),
        ("environmental", "NA", (False, "confirmed")),
        ("error", "Financial", (None, "unknown")),
        ("hacking", "Unknown", (True, "suspected")),
        ("misuse", "Fun", (True, "suspected")),
        ("misuse", "Convenience", (None, "unknown")),
        ("unknown", "Unknown", (None, "unknown")),
    ],
)
def test_malice_is_said_only_as_far_as_veris_tells_it(action, motive, malicious):
    assert said(facts(action={action: {}}, actor={"internal": {"motive": [motive]}}).malicious) == malicious


@pytest.mark.parametrize("other", ["hacking", "misuse", "unknown"])
def test_a_mistake_beside_another_action_does_not_rule_out_malice(other):
    assert not facts(action={"error": {}, other: {}}).malicious.sure(False)


# The data and the people


@pytest.mark.parametrize(
    ("variety", "kinds"),
    [
        ("Bank", {"financial_account": "confirmed"}),
        ("Payment", {"payment_card": "confirmed"}),
        ("Medical", {"health": "confirmed"}),
        ("Personal", {"basic_identity": "confirmed", "contact": "suspected", "national_id": "suspected"}),
        ("Credentials", {"credentials_plain": "suspected", "user_id": "suspected"}),
        ("Internal", {"other": "suspected"}),
        ("Source code", {"other": "suspected"}),
    ],
)
def test_a_kind_of_data_becomes_categories(variety, kinds):
    found = facts(**a_breach(data=[{"variety": variety}])).data_categories.value or ()
    assert {str(kind.value): str(kind.certainty) for kind in found} == kinds


def test_a_category_that_one_word_confirms_is_not_weakened_by_another():
    found = facts(**a_breach(data=[{"variety": "Virtual currency"}, {"variety": "Bank"}])).data_categories
    assert [kind.certainty for kind in found.value or ()] == [Certainty.CONFIRMED]


def test_unknown_data_leaves_the_categories_unknown():
    assert facts(**a_breach(data=[{"variety": "Unknown"}])).data_categories.unknown


def test_data_of_which_a_part_is_unknown_says_that_there_may_be_more(write):
    record = a_record(victim={"country": ["DE"]}, **a_breach(data=[{"variety": "Bank"}, {"variety": "Unknown"}]))
    found = read_incident(write("incident.yaml", imported(record).yaml())).facts.data_categories.value or ()
    assert [kind.certainty for kind in found] == [Certainty.CONFIRMED, Certainty.UNKNOWN]


def test_records_are_at_most_so_many_people_and_only_suspected():
    people = facts(**a_breach(data=[{"variety": "Personal", "amount": 40}], data_total=50)).people
    assert people.value
    assert (people.value.min, people.value.max, people.certainty) == (1, 50, Certainty.SUSPECTED)
    assert "records, not people" in people.note


@pytest.mark.parametrize(
    ("data", "total", "most"),
    [
        ([("Personal", 40), ("Bank", 30)], None, 70),
        ([("Personal", 40), ("Bank", None)], None, None),
        ([("Personal", 40.0)], None, 40),
        ([("Personal", 400)], 50, 400),
        ([("Secrets", 40)], 40, None),
        ([("Unknown", 40)], 40, None),
        ([("Personal", 0)], 0, None),
    ],
)
def test_people_are_counted_only_where_all_records_about_somebody_are(data, total, most):
    given_ = [{"variety": variety, **({} if amount is None else {"amount": amount})} for variety, amount in data]
    people = facts(**a_breach(data=given_, **({} if total is None else {"data_total": total}))).people
    assert (people.value.max if people.value else None) == most


@pytest.mark.parametrize(
    ("disclosure", "left"),
    [
        ("Yes", ("yes", "confirmed")),
        ("Potentially", ("possible", "confirmed")),
        ("No", ("no", "confirmed")),
        ("Unknown", (None, "unknown")),
    ],
)
def test_a_disclosure_says_whether_data_left_and_not_the_evidence(disclosure, left):
    """The VERIS field data_disclosure decides whether data left, and never what a "no" rests on: the evidence stays
    unknown.
    """
    found = facts(
        discovery_method={"external": {"variety": ["Security researcher"]}}, **a_breach(data_disclosure=disclosure)
    )
    assert said(found.exfiltration) == left
    assert found.exfiltration_evidence.unknown


def test_patients_are_vulnerable_and_nobody_is_ever_said_not_to_be():
    assert facts(**a_breach(data_victim=["Patient"])).vulnerable_subjects.sure(True)
    assert facts(**a_breach(data_victim=["Customer"])).vulnerable_subjects.unknown


def test_who_learns_at_a_school_is_probably_a_child():
    school = facts(victim={"industry": "611110"}, **a_breach(data_victim=["Student"]))
    university = facts(victim={"industry": "611310"}, **a_breach(data_victim=["Student"]))
    assert said(school.vulnerable_subjects) == (True, "suspected")
    assert university.vulnerable_subjects.unknown


def test_data_subjects_of_whom_a_part_is_unknown_are_only_suspected():
    found = facts(**a_breach(data_victim=["Customer", "Employee", "Unknown"])).data_subjects
    assert said(found) == (("customers", "employees"), "suspected")


@pytest.mark.parametrize(
    ("state", "encrypted"),
    [
        (["Stored", "Stored encrypted"], (True, "confirmed")),
        (["Stored unencrypted"], (False, "confirmed")),
        (["Stored encrypted", "Stored unencrypted"], (False, "suspected")),
        (["Printed"], (False, "confirmed")),
        (["Stored"], (None, "unknown")),
        (["Transmitted encrypted"], (None, "unknown")),
    ],
)
def test_the_state_says_encrypted_at_rest_and_nothing_of_the_key(state, encrypted):
    """The VERIS state of data says whether data was encrypted at rest; whether the key is safe stays unknown."""
    found = facts(**a_breach(state=state))
    assert said(found.encrypted_at_rest) == encrypted
    assert found.encryption_key_safe.unknown


def test_abuse_is_misuse_observed():
    assert facts(plus={"attribute": {"confidentiality": {"data_abuse": "Yes - Identity theft"}}}).misuse_observed.sure(
        True
    )


@pytest.mark.parametrize("plus", ["mine", {"attribute": 3}, {}])
def test_what_another_database_adds_is_passed_over(plus):
    assert facts(plus=plus).misuse_observed.unknown


# Times


def moments(incident_: dict[str, Any], **spans: Any) -> tuple[datetime | None, datetime | None]:
    occurred = incident(a_record(timeline={"incident": incident_, **spans})).times.occurred
    return occurred.start, occurred.end


@pytest.mark.parametrize(
    ("said_", "first", "last"),
    [
        ({"year": 2016}, datetime(2016, 1, 1, tzinfo=UTC), datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ({"year": 2016, "day": 3}, datetime(2016, 1, 1, tzinfo=UTC), datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ({"year": 2016, "month": 2}, datetime(2016, 2, 1, tzinfo=UTC), datetime(2016, 2, 29, 23, 59, 59, tzinfo=UTC)),
        (
            {"year": 2016, "month": 12},
            datetime(2016, 12, 1, tzinfo=UTC),
            datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC),
        ),
        (
            {"year": 2016, "month": 2, "day": 29},
            datetime(2016, 2, 29, tzinfo=UTC),
            datetime(2016, 2, 29, 23, 59, 59, tzinfo=UTC),
        ),
    ],
)
def test_a_date_becomes_the_range_that_it_leaves_open(said_, first, last):
    assert moments(said_) == (first, last)


DAY = {"year": 2016, "month": 9, "day": 24}


def test_days_after_a_day_are_exact_enough_for_a_discovery():
    spans = {"discovery": {"unit": "Days", "value": 3}, "containment": {"unit": "Hours", "value": 5}}
    times = incident(a_record(timeline={"incident": DAY, **spans})).times
    assert times.events == {"discovered": datetime(2016, 9, 27, tzinfo=UTC)}
    assert times.contained == datetime(2016, 9, 27, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "timeline",
    [
        {"incident": DAY, "discovery": {"unit": "Months", "value": 3}},
        {"incident": DAY, "discovery": {"unit": "Days"}},
        {"incident": {"year": 2016, "month": 9}, "discovery": {"unit": "Days", "value": 3}},
        {"incident": DAY, "compromise": {"unit": "Months"}, "discovery": {"unit": "Days", "value": 3}},
        {"incident": DAY, "discovery": {"unit": "Days", "value": 1e9}},
        {"incident": DAY, "discovery": {"unit": "Days", "value": 1e300}},
        {"incident": DAY, "containment": {"unit": "Days", "value": 3}},
    ],
)
def test_what_is_not_exact_to_the_day_gives_no_time(timeline):
    times = incident(a_record(timeline=timeline)).times
    assert (times.events, times.contained) == ({}, None)


# The organisation


def test_the_organisation_is_the_victim():
    victim = {"victim_id": " Green  Crush ", "country": ["NZ"], "industry": "522110"}
    organisation = incident(a_record(victim=victim)).organisation
    assert (organisation.name, organisation.established_in, organisation.sector) == (
        {"*": "Green Crush"},
        "NZ",
        "banking",
    )


@pytest.mark.parametrize("victim", [{}, {"country": ["Unknown"]}, {"country": ["DE", "FR"]}])
def test_a_country_is_never_guessed(victim):
    made = imported(a_record(victim=victim))
    assert made.content["organisation"]["established_in"] is None
    assert "organisation.established_in" in made.todo


@pytest.mark.parametrize(
    ("industry", "sector"),
    [
        ("000", None),
        ("Unknown", None),
        ("31-33", "manufacturing"),
        ("6244", "childcare"),
        ("928110", "public_administration"),
    ],
)
def test_the_industry_gives_the_sector(industry, sector):
    assert facts(victim={"industry": industry}).sector.value == sector


def test_whatever_a_person_must_write_says_so():
    made = imported(a_record())
    assert set(made.todo) >= {
        "title",
        "organisation.name",
        "organisation.own_domains",
        "organisation.contacts.email",
        "organisation.contacts.phone",
        "texts.en.what_happened",
        "texts.en.in_short",
        "texts.en.what_it_means",
        "texts.en.what_we_do",
    }


def test_each_fact_says_by_which_words_it_came():
    text = imported(a_record(action={"hacking": {"variety": ["SQLi"]}})).yaml()
    assert "vector: sql_injection  # VERIS: action.hacking.variety = SQLi" in text


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Co", "Zl", "Zp"]), min_size=1, max_size=60))
def test_any_name_of_a_victim_can_be_read_again(tmp_path_factory, name):
    path = tmp_path_factory.mktemp("veris") / "incident.yaml"
    try:
        made = imported(a_record(victim={"victim_id": name, "country": ["DE"]}))
    except ContentError:
        assert "=?" in name
        return
    path.write_text(made.yaml(), encoding="utf-8", newline="")
    assert read_incident(path).organisation.name == {"*": made.content["organisation"]["name"]}


@pytest.mark.parametrize(
    ("given_id", "slug"),
    [
        ("C8116A50-8F11", "c8116a50-8f11"),
        ("case 7/2016", "case-7-2016"),
        ("1e5", "1e5"),
        ("null", "null"),
        ("x" * 99, "x" * 64),
    ],
)
def test_the_id_becomes_a_name_that_is_safe_in_paths(given_id, slug, write):
    record = {**a_record(victim={"country": ["DE"]}), "incident_id": given_id}
    assert read_incident(write("incident.yaml", imported(record).yaml())).id == slug


# Bad input


def findings(path: Path, wanted: str = "") -> list[tuple[str, str]]:
    with pytest.raises(ContentError) as caught:
        from_veris(read_record(path, wanted))
    return [(finding.where.removeprefix(str(path)), str(finding.code)) for finding in caught.value.findings]


@pytest.fixture
def spoiled(write: Callable[..., Path]) -> Callable[..., Path]:
    """A record on one line, with parts replaced."""

    def with_(**parts: Any) -> Path:
        return write("record.json", json.dumps({**a_record(), **parts}))

    return with_


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("", ("", "E105")),
        ("action: {}", (":1:1", "E105")),
        ('{"action": {}, "action": {}}', (":1:16", "E106")),
        ("[]", (":1:1", "E104")),
        ("17", (":1:1", "E104")),
    ],
)
def test_what_is_no_record_is_refused(content, found, write):
    assert findings(write("record.json", content)) == [found]


def test_a_file_that_is_not_there_is_refused(tmp_path):
    assert findings(tmp_path / "none.json") == [("", "E105")]
    assert findings(tmp_path / "none.jsonl") == [("", "E105")]


def test_a_file_in_another_encoding_is_refused(write):
    assert findings(write("records.jsonl", b'{"incident_id": "\xff"}')) == [("", "E105")]


@pytest.mark.parametrize("name", ["incident_id", "action", "attribute"])
def test_a_record_without_its_main_parts_is_refused(name, write):
    record = {key: value for key, value in a_record().items() if key != name}
    assert findings(write("record.json", json.dumps(record))) == [(":1:1", "E103")]


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ({"action": {}}, "E107"),
        ({"action": "hacking"}, "E104"),
        ({"action": {"hackin": {}}}, "E101"),
        ({"action": {"hacking": {"variety": "SQLi"}}}, "E104"),
        ({"action": {"hacking": {"variety": ["SQLl"]}}}, "E102"),
        ({"actor": {"external": {"motive": ["Money"]}}}, "E102"),
        ({"asset": {"assets": [{"variety": "U - Lap top"}]}}, "E102"),
        (a_breach(data=[{"variety": "Personel"}]), "E102"),
        (a_breach(data=[{"variety": "Personal", "amount": "40"}]), "E104"),
        (a_breach(data=[{"variety": "Personal", "amount": -1}]), "E104"),
        (a_breach(data_total=True), "E104"),
        (a_breach(data_disclosure="Maybe"), "E102"),
        (a_breach(state=["Sorted"]), "E102"),
        ({"timeline": {"incident": {"year": 2016, "month": 13}}}, "E104"),
        ({"timeline": {"incident": {"year": 2016, "month": 0}}}, "E104"),
        ({"timeline": {"incident": {"year": "2016"}}}, "E104"),
        ({"timeline": {"incident": {"year": 16}}}, "E104"),
        ({"timeline": {"incident": {"year": 2015, "month": 2, "day": 29}}}, "E107"),
        ({"timeline": {"discovery": {"unit": "Fortnights"}}}, "E102"),
        ({"victim": {"country": ["UK"]}}, "E102"),
        ({"victim": {"victim_id": "bell\x07"}}, "E104"),
        ({"victim": {"victim_id": "=?utf-8?q?word?="}}, "E104"),
        ({"victim": {"industry": "bank"}}, "E104"),
        ({"incident_id": "–"}, "E104"),
        ({"incident_id": 7}, "E104"),
        ({"schema_version": "2.0"}, "E104"),
        ({"security_incident": "False positive"}, "E107"),
        ({"security_incident": "Near miss"}, "E107"),
    ],
)
def test_what_is_wrong_in_a_record_is_found(parts, code, spoiled):
    assert [found for _, found in findings(spoiled(**parts))] == [code]


def test_a_wrong_word_is_named_with_place_and_nearest_known_one(write):
    """An unknown word in a VERIS record is refused with its place in the file and the nearest known word."""
    text = json.dumps(a_record(action={"error": {"variety": ["Mis-delivery"]}}), indent=1)
    with pytest.raises(ContentError) as caught:
        from_veris(read_record(path := write("record.json", text)))
    (finding,) = caught.value.findings
    line = 1 + next(number for number, line in enumerate(text.splitlines()) if "Mis-delivery" in line)
    assert finding.where == f"{path}:{line}:5"
    assert finding.what == "action.error.variety.0: 'Mis-delivery' is not a known word"
    assert "Did you mean 'Misdelivery'?" in finding.advice


def test_all_that_is_wrong_is_found_at_once(spoiled):
    wrong = {"action": {"hacking": {"variety": ["SQLl"]}}, "victim": {"country": ["UK"]}}
    assert [code for _, code in findings(spoiled(**wrong))] == ["E102", "E102"]


# Several records in a file


@pytest.fixture
def several(write: Callable[..., Path]) -> Path:
    lines = [json.dumps({**a_record(), "incident_id": name}) for name in ("First", "Second", "1")]
    return write("records.jsonl", "\n\n".join(lines) + "\n")


def test_of_several_records_one_must_be_chosen(several):
    with pytest.raises(ContentError, match="3 records stand in this file"):
        read_record(several)


@pytest.mark.parametrize(("wanted", "found"), [("2", "second"), ("second", "second"), ("First", "first"), ("1", "1")])
def test_a_record_is_chosen_by_its_id_or_its_number(wanted, found, several):
    assert imported(read_record(several, wanted).content).content["id"] == found


@pytest.mark.parametrize("wanted", ["4", "0", "Third"])
def test_a_record_that_is_not_there_cannot_be_chosen(wanted, several):
    assert findings(several, wanted) == [("", "E102")]


def test_the_only_record_of_a_file_need_not_be_chosen(write):
    assert imported(read_record(write("records.jsonl", "\n" + json.dumps(a_record()))).content).content["id"] == "a-1"


def test_a_finding_in_one_of_several_records_names_its_line(write):
    good, bad = json.dumps(a_record()), json.dumps({**a_record(), "action": 7})
    path = write("records.jsonl", f"{good}\n\n{bad}\n")
    assert findings(path, "2") == [(f":3:{bad.index('7') + 1}", "E104")]


def test_a_broken_line_elsewhere_does_not_hide_a_record(write):
    path = write("records.jsonl", f'{{"incident_id": "A-1"\n{json.dumps(a_record())}\n')
    assert imported(read_record(path, "A-1").content).content["id"] == "a-1"
