"""The gaps of an incident file: what every notice needs beside facts, and what it does without."""

from typing import Any

import pytest

from amends.domain.incident.gaps import GAP, STORY, gap_findings, gaps, why_not_draft
from amends.domain.incident.incident import Incident, Story
from tests.builders import an_incident

FACTS_ALONE = Incident(id="night", title="Something happened")


def keys(incident: Incident) -> list[str]:
    return [gap.key for gap in gaps(incident)]


def organisation(**changes: Any) -> dict[str, Any]:
    return {**an_incident().organisation.model_dump(mode="json"), **changes}


def test_a_complete_file_has_no_gap() -> None:
    assert (keys(an_incident()), why_not_draft(an_incident())) == ([], None)


def test_facts_alone_leave_every_gap() -> None:
    assert keys(FACTS_ALONE) == [
        "organisation.name",
        "organisation.own_domains",
        "organisation.contacts.email",
        "organisation.contacts.phone",
        "texts",
    ]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"name": {}}, "organisation.name"),
        ({"name": {"en": " ", "zh-CN": ""}}, "organisation.name"),
        ({"own_domains": []}, "organisation.own_domains"),
        ({"contacts": {"phone": "+49 30 5550100"}}, "organisation.contacts.email"),
        ({"contacts": {"email": "care@betapai.example", "phone": "unknown"}}, "organisation.contacts.phone"),
    ],
)
def test_each_part_of_the_organisation_is_a_gap_alone(changes: dict[str, Any], key: str) -> None:
    assert keys(an_incident(organisation=organisation(**changes))) == [key]


@pytest.mark.parametrize("name", STORY)
@pytest.mark.parametrize("said", ["", " \n", "unknown", None])
def test_each_text_is_needed_in_each_language(name: str, said: str | None) -> None:
    whole = {locale: story.model_dump() for locale, story in an_incident().texts.items()}
    assert keys(an_incident(texts={**whole, "zh-CN": {**whole["zh-CN"], name: said}})) == [f"texts.zh-CN.{name}"]


def test_every_text_but_the_special_advice_is_needed() -> None:
    assert Story.model_fields.keys() - STORY.keys() == {"what_you_can_do"}


def test_what_notices_do_without_is_no_gap() -> None:
    bare = {"name": "Betapai", "own_domains": ["betapai.example"], "contacts": organisation()["contacts"]}
    assert keys(an_incident(organisation=bare, facts={}, times={})) == []


def test_a_gap_names_the_incident_and_the_key() -> None:
    found = gap_findings(FACTS_ALONE)[3]
    assert (found.where, found.code, found.blocks) == ("incident file of night", GAP, True)
    assert found.what.startswith("organisation.contacts.phone ")


def test_the_refusal_names_every_key_that_is_missing() -> None:
    refused = why_not_draft(FACTS_ALONE)
    assert refused is not None
    assert [key for key in keys(FACTS_ALONE) if key not in refused] == []
