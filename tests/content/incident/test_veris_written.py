"""What leaves as VERIS is valid, names nobody, and is read back as no more than what was known."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amends.content.incident.veris.mapping import meanings
from amends.content.incident.veris.writing import (
    ACTIONS,
    COARSER,
    DATA,
    INFERRED,
    SUBJECTS,
    WAYS,
    in_json,
    read_facts,
    veris_record,
)
from amends.domain.incident.facts import (
    BreachType,
    Cause,
    Certainty,
    Count,
    DataCategory,
    DataSubject,
    Exfiltration,
    ExfiltrationEvidence,
    Facts,
    Vector,
)
from amends.domain.incident.incident import Incident
from tests.builders import an_incident
from tests.content.incident.test_veris import RECORDS, WORDS, imported
from tests.content.incident.test_veris import incident as incident_of

OPENED = datetime(2026, 5, 4, tzinfo=UTC)
DEMANDED = {
    "": {
        "actor",
        "action",
        "discovery_method",
        "schema_version",
        "asset",
        "timeline",
        "incident_id",
        "security_incident",
        "summary",
    },
    "timeline": {"incident"},
    "victim": {"country", "employee_count", "industry", "government"},
    "asset": {"assets", "cloud"},
}
"""The keys that a record must have (verisc.json of VERIS 1.4.1)."""
OF_ACTIONS = {"social": {"vector", "variety", "target"}}
"""The keys of an action; of the others, variety and vector."""


def facts_with(**said: Any) -> Facts:
    return Facts.model_validate(said)


def record_of(facts: Facts, **changes: Any) -> dict[str, Any]:
    return veris_record(an_incident(facts=facts, **changes), OPENED)


def stated(values: Any) -> Any:
    """A fact that is confirmed, suspected, ruled out or unknown."""
    sure = st.sampled_from([Certainty.CONFIRMED, Certainty.SUSPECTED, Certainty.RULED_OUT])
    return st.none() | st.builds(lambda value, certainty: {"value": value, "certainty": certainty}, values, sure)


def several(kind: Any) -> Any:
    return st.lists(st.sampled_from(kind), min_size=1, max_size=4, unique=True)


any_facts = st.builds(
    facts_with,
    breach_types=stated(several(BreachType)),
    cause=stated(st.sampled_from(Cause)),
    vector=stated(st.sampled_from(Vector)),
    malicious=stated(st.booleans()),
    sector=stated(st.sampled_from(["banking", "healthcare", "no such sector"])),
    data_categories=stated(several(DataCategory)),
    data_subjects=stated(several(DataSubject)),
    people=stated(
        st.builds(lambda least, more: {"min": least, "max": least + more}, st.integers(0, 9), st.integers(1, 9))
    ),
    encrypted_at_rest=stated(st.booleans()),
    exfiltration=stated(st.sampled_from(Exfiltration)),
    exfiltration_evidence=stated(st.sampled_from(ExfiltrationEvidence)),
    misuse_observed=stated(st.booleans()),
)


@settings(max_examples=150, deadline=None)
@given(any_facts)
def test_nothing_is_read_back_as_surer_than_it_was(facts: Facts) -> None:
    read = read_facts(record_of(facts))
    for name in set(Facts.model_fields) - {*COARSER, *INFERRED}:
        found, known = getattr(read, name), getattr(facts, name)
        if found.certainty is Certainty.CONFIRMED:
            assert known.certainty is Certainty.CONFIRMED, name
        if found.stands and known.stands:
            same = found.value.max == known.value.max if isinstance(found.value, Count) else None
            assert same if same is not None else _as_set(found.value) == _as_set(known.value), name
        assert not (found.stands and known.certainty is Certainty.RULED_OUT), name


def _as_set(value: Any) -> Any:
    return set(value) if isinstance(value, tuple) else value


@settings(max_examples=100, deadline=None)
@given(any_facts)
def test_a_record_has_what_veris_demands(facts: Facts) -> None:
    record = record_of(facts)
    for place, keys in DEMANDED.items():
        assert keys <= (record[place] if place else record).keys()
    assert record["timeline"]["incident"]["year"]
    for kind, said in record["action"].items():
        assert kind == "unknown" or said.keys() == OF_ACTIONS.get(kind, {"variety", "vector"})
    for who, said in record["actor"].items():
        assert who == "unknown" or "motive" in said


def test_whole_records_of_the_sample_come_back_as_they_were() -> None:
    """Facts that VERIS can say are the same after they were written and read; others are unknown or less sure."""
    kept = lost = 0
    for record in RECORDS:
        incident = incident_of(record)
        read = read_facts(veris_record(incident, OPENED))
        for name in set(Facts.model_fields) - {*COARSER, *INFERRED}:
            before, after = getattr(incident.facts, name), getattr(read, name)
            if before.stands:
                same = (before.value, before.certainty) == (after.value, after.certainty)
                kept, lost = kept + same, lost + (not same)
                assert after.unknown or after.value == before.value
    assert kept > 30 * lost


def test_what_was_written_twice_is_the_same_record() -> None:
    for record in RECORDS:
        first = veris_record(incident_of(record), OPENED)
        again = veris_record(Incident.model_validate(imported(first).content), OPENED)
        for part in ("attribute", "victim", "timeline", "security_incident"):
            assert again[part] == first[part]


@pytest.mark.parametrize("vector", [*WAYS])
def test_each_way_is_written_in_words_of_veris(vector: Vector) -> None:
    kind, variety, through, asset = WAYS[vector]
    assert variety in WORDS["action"][kind]["variety"]
    assert not through or kind != "social" or through in WORDS["action"]["social"]["vector"]
    assert not asset or asset in WORDS["asset"]["assets"]["variety"]
    read = read_facts(record_of(facts_with(vector=vector))).vector
    assert read.unknown or read.value is vector


def test_words_for_data_causes_and_people_are_those_of_veris() -> None:
    assert set(DATA.values()) <= {*WORDS["attribute"]["confidentiality"]["data"]["variety"]}
    assert set(SUBJECTS.values()) <= {*WORDS["attribute"]["confidentiality"]["data_victim"]}
    for kind, variety in ACTIONS.values():
        assert variety in WORDS["action"][kind]["variety"]
    assert set(ACTIONS) == set(Cause)


def test_a_theft_of_a_laptop_is_told_in_full() -> None:
    facts = facts_with(
        cause="theft",
        vector="stolen_device",
        breach_types=["confidentiality", "availability", "integrity"],
        exfiltration="yes",
        data_categories=["ssn", "contact"],
        data_subjects=["customers"],
        people=1200,
        encrypted_at_rest=False,
        sector="banking",
    )
    record = record_of(facts)
    assert record["action"] == {"physical": {"variety": ["Theft"], "vector": ["Unknown"]}}
    assert record["attribute"]["confidentiality"] == {
        "data_disclosure": "Yes",
        "data_victim": ["Customer"],
        "data_total": 1200,
        "state": ["Stored unencrypted"],
        "data": [{"variety": "Sensitive Personal"}, {"variety": "Personal"}],
    }
    assert meanings().sectors[record["victim"]["industry"]] == "banking"


def test_what_is_only_suspected_makes_a_suspected_incident() -> None:
    facts = facts_with(cause={"value": "external_attack", "certainty": "suspected"})
    record = record_of(facts)
    assert record["security_incident"] == "Suspected"
    assert read_facts(record).cause.certainty is Certainty.SUSPECTED


def test_suspected_data_is_not_told_as_sure() -> None:
    kind = {"value": "ssn", "certainty": "suspected"}
    record = record_of(facts_with(cause="loss", data_categories={"value": [kind], "certainty": "confirmed"}))
    assert "data" not in json.dumps(record["attribute"])


def test_times_are_read_back_to_the_minute() -> None:
    occurred = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
    discovered, contained = occurred + timedelta(days=3, minutes=7), occurred + timedelta(days=4)
    times = {"occurred": {"from": occurred, "to": occurred}, "discovered": discovered, "contained": contained}
    record = record_of(facts_with(), times=times)
    read = Incident.model_validate(imported(record).content).times
    assert (read.events["discovered"], read.contained) == (discovered, contained)


def test_a_year_stands_alone_where_nobody_knows_the_day() -> None:
    assert record_of(facts_with(), times={})["timeline"] == {"incident": {"year": 2026}}


def test_a_record_names_neither_company_nor_words_of_people() -> None:
    incident = an_incident(title="Theft at Canary House by Ken Canary")
    text = in_json(veris_record(incident, OPENED))
    names = [
        *incident.organisation.name.values(),
        "Canary",
        *(story.what_happened for story in incident.texts.values()),
    ]
    assert [name for name in names if name in text] == []
