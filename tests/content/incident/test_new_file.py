"""A new incident file can be read as it is written, says what is known and takes nothing else for known."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from amends.content.file.shipped import library
from amends.content.incident.incident import read_incident_with_gaps
from amends.content.incident.new_file import MEANS, TITLES, Answers, Example, new_incident_file, read_new
from amends.domain.base.errors import ContentError
from amends.domain.incident.facts import Facts
from amends.domain.incident.gaps import gaps
from amends.domain.incident.incident import Incident

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
EVERYTHING = Answers(
    what=Example.RANSOMWARE,
    title="Servers locked: “all” of them",
    name="Beispiel & Söhne",
    country="DE",
    timezone="Europe/Berlin",
    discovered="2026-03-02T07:40+01:00",
    occurred="2026-03-01",
    data=("contact", "payment_card"),
    at_least=200,
    at_most=300,
    encrypted=False,
    email="care@beispiel.example",
    phone="+49 30 5550100",
    own_domain="beispiel.example",
)


TAKEN = {"breach_types": ("confidentiality",), "data_subjects": ("customers",)}
KNOWN: dict[Example | None, dict[str, object]] = {
    None: {},
    Example.THEFT: {
        **TAKEN,
        "cause": "external_attack",
        "malicious": True,
        "exfiltration": "possible",
        "recipient": "unknown_attacker",
    },
    Example.RANSOMWARE: {
        **TAKEN,
        "breach_types": ("confidentiality", "availability"),
        "cause": "external_attack",
        "vector": "ransomware",
        "malicious": True,
        "exfiltration": "possible",
        "recipient": "unknown_attacker",
    },
    Example.INSIDER: {**TAKEN, "cause": "insider", "vector": "privilege_misuse", "exfiltration": "possible"},
    Example.LOST_DEVICE: {
        **TAKEN,
        "cause": "loss",
        "vector": "lost_device",
        "exfiltration": "possible",
        "exfiltration_evidence": "device_gone_content_uncertain",
    },
    Example.VENDOR: {**TAKEN, "cause": "vendor"},
}
"""What follows from each example; everything else must be looked up."""


def written(answers: Answers) -> Incident:
    return read_new(new_incident_file(answers, AT), Path("incident.yaml"))


def known(incident: Incident) -> dict[str, object]:
    facts = {name: getattr(incident.facts, name).value for name in Facts.model_fields}
    return {name: getattr(value, "kind", value) for name, value in facts.items() if value is not None}


@pytest.mark.parametrize("what", KNOWN)
def test_a_new_file_can_be_read_and_knows_only_what_follows(tmp_path: Path, what: Example | None) -> None:
    path = tmp_path / "incident.yaml"
    path.write_text(new_incident_file(Answers(what=what), AT), encoding="utf-8")
    incident, found = read_incident_with_gaps(path)
    assert known(incident) == KNOWN[what]
    assert len(found) == 8
    assert (incident.times.events, incident.times.occurred.start, incident.residences) == ({}, None, {})


@pytest.mark.parametrize("what", Example)
def test_an_example_is_named_after_what_happened(what: Example) -> None:
    incident = written(Answers(what=what))
    assert (incident.id, incident.title) == (f"{what}-2026-03-02", TITLES[what])
    assert what in MEANS


def test_every_answer_stands_in_the_file() -> None:
    incident = written(EVERYTHING)
    organisation, facts = incident.organisation, incident.facts
    assert (incident.id, incident.title) == ("servers-locked-all-of-them", EVERYTHING.title)
    assert (organisation.name, organisation.established_in) == ({"*": "Beispiel & Söhne"}, "DE")
    assert (organisation.timezone, organisation.own_domains) == ("Europe/Berlin", ("beispiel.example",))
    assert (organisation.contacts.email, organisation.contacts.phone) == (EVERYTHING.email, EVERYTHING.phone)
    assert incident.times.events == {"discovered": datetime(2026, 3, 2, 6, 40, tzinfo=UTC)}
    assert incident.times.occurred.start == datetime(2026, 2, 28, 23, 0, tzinfo=UTC)
    assert facts.categories() == ("contact", "payment_card")
    assert facts.people.value
    assert (facts.people.value.min, facts.people.value.max, facts.encrypted_at_rest.value) == (200, 300, False)


def test_with_every_answer_only_the_texts_are_left_to_write() -> None:
    assert {gap.trail[:2] for gap in gaps(written(EVERYTHING))} == {("texts", "en")}


@pytest.mark.parametrize("field", [field.name for field in fields(Answers)])
def test_each_answer_can_be_unknown_alone(field: str) -> None:
    assert written(replace(EVERYTHING, **{field: None}))


@pytest.mark.parametrize(
    ("limits", "people"), [((5, 5), (5, 5)), ((5, None), (5, None)), ((None, 9), (None, 9)), ((0, 0), (0, 0))]
)
def test_people_are_known_as_far_as_they_are_known(limits: tuple[Any, Any], people: tuple[Any, Any]) -> None:
    count = written(Answers(at_least=limits[0], at_most=limits[1])).facts.people.value
    assert count
    assert (count.min, count.max) == people


@pytest.mark.parametrize("title", ["客户数据被盗", "???", "Ünïcödé"])
def test_a_title_in_any_writing_gives_an_id(title: str) -> None:
    assert written(Answers(title=title)).title == title


@pytest.mark.parametrize("text", ["no", "2026", "a: b", "# none", "'", '"', "{x}", "null", "on", "-", "&a", "unknown!"])
def test_a_text_stays_a_text_whatever_yaml_makes_of_it(text: str) -> None:
    title = f"{text}  "[:120] if len(text) > 2 else f"{text} - title"
    assert written(Answers(title=title, name=text)).organisation.name == {"*": text}


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        ({"country": "XX"}, "organisation.established_in"),
        ({"timezone": "Berlin"}, "organisation.timezone"),
        ({"data": ("card",)}, "facts.data_categories.0"),
        ({"at_least": 9, "at_most": 5}, "facts.people"),
        ({"own_domain": "com"}, "organisation.own_domains.0"),
        ({"email": "nobody"}, "organisation.contacts.email"),
        ({"phone": "call us"}, "organisation.contacts.phone"),
        ({"title": "ab"}, "title"),
    ],
)
def test_a_wrong_answer_is_a_finding_that_names_its_key(answer: dict[str, Any], key: str) -> None:
    with pytest.raises(ContentError) as caught:
        written(Answers(**answer))
    assert [finding.what.split(":")[0] for finding in caught.value.findings] == [key]


def test_no_line_is_longer_than_the_shipped_example() -> None:
    example = (library() / "examples" / "stolen-terminals" / "incident.yaml").read_text(encoding="utf-8")
    longest = max(map(len, example.splitlines()))
    texts = [new_incident_file(Answers(what=what), AT) for what in Example]
    assert max(len(line) for text in texts for line in text.splitlines()) <= longest
