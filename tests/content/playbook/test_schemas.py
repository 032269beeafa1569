import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from amends.content.file.document import read_document
from amends.content.file.shipped import library
from amends.content.playbook.library import shipped_playbooks
from amends.content.playbook.schemas import incident_schema, playbook_schema

SCHEMAS = {"incident": incident_schema, "playbook": playbook_schema}
FILES = [
    *(("playbook", path) for path in shipped_playbooks().values()),
    ("incident", library() / "examples" / "stolen-terminals" / "incident.yaml"),
]


def errors(schema: Callable[[], dict[str, Any]], content: Any) -> list[str]:
    found = jsonschema.Draft202012Validator(schema()).iter_errors(content)
    return [".".join(map(str, error.absolute_path)) for error in found]


@pytest.mark.parametrize("kind", SCHEMAS)
def test_the_schema_beside_the_playbooks_is_what_the_code_makes(kind):
    """The schema file beside the playbooks is the one that the code makes. Write it again with json.dumps(schema(),
    ensure_ascii=False, indent=2, sort_keys=True) and a newline.
    """
    made = json.dumps(SCHEMAS[kind](), ensure_ascii=False, indent=2, sort_keys=True)
    assert (library() / f"{kind}.schema.json").read_text(encoding="utf-8") == f"{made}\n"


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_schema_is_valid_json_schema(kind):
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[kind]())


@pytest.mark.parametrize(("kind", "path"), FILES, ids=lambda value: getattr(value, "stem", value))
def test_a_shipped_file_fits_its_schema(kind, path):
    assert errors(SCHEMAS[kind], read_document(path).content) == []


def test_a_misspelt_key_of_a_step_does_not_fit():
    content = read_document(shipped_playbooks()["vendor-breach"]).content
    content["steps"][0]["chanels"] = ["email"]
    assert errors(playbook_schema, content) == ["steps.0"]


@pytest.mark.parametrize("fact", ["theft", None, {"value": "theft", "certainty": "suspected"}, {"value": "theft"}])
def test_a_fact_fits_however_it_is_written(fact):
    content = read_document(FILES[-1][1]).content
    content["facts"]["cause"] = fact
    assert errors(incident_schema, content) == []


@pytest.mark.parametrize("fact", ["thefd", {"value": "thefd"}, {"value": "theft", "certanty": "suspected"}])
def test_a_misspelt_fact_does_not_fit_however_it_is_written(fact):
    content = read_document(FILES[-1][1]).content
    content["facts"]["cause"] = fact
    assert errors(incident_schema, content) == ["facts.cause"]


@pytest.mark.parametrize("occurred", ["2026-03-02", "2026-03-02T08:00+01:00", {"from": "unknown"}, {"to": None}, None])
def test_a_span_of_time_fits_however_it_is_written(occurred):
    content = {"id": "night", "title": "Something happened", "times": {"occurred": occurred, "aware": "unknown"}}
    assert errors(incident_schema, content) == []


@pytest.mark.parametrize("occurred", [20260302, {"form": "2026-03-02T08:00+01:00"}, ["2026-03-02"]])
def test_what_is_no_span_of_time_does_not_fit(occurred):
    content = {"id": "night", "title": "Something happened", "times": {"occurred": occurred}}
    assert errors(incident_schema, content) == ["times.occurred"]


def test_facts_alone_fit_and_so_does_what_nobody_knows_yet():
    told = {"facts": {"malicious": "unknown"}, "organisation": {"contacts": {"phone": None}}, "residences": "unknown"}
    texts = {"texts": {"en": {"in_short": "unknown"}, "de": None}}
    assert errors(incident_schema, {"id": "night", "title": "Something happened", **told, **texts}) == []


@pytest.mark.parametrize(
    ("told", "place"),
    [
        ({"organisation": {"nmae": "Example"}}, "organisation"),
        ({"organisation": {"contacts": {"phone": 5}}}, "organisation.contacts.phone"),
        ({"texts": {"en": {"what_hapened": "It."}}}, "texts.en"),
    ],
)
def test_a_wrong_key_inside_what_may_be_unknown_is_named(told, place):
    assert errors(incident_schema, {"id": "night", "title": "Something happened", **told}) == [place]


def test_a_clock_event_stands_beside_the_other_times():
    times = incident_schema()["$defs"]["Times"]["properties"]
    assert ("aware" in times, "events" in times) == (True, False)


def test_a_key_is_described_for_whoever_edits_the_file():
    step = playbook_schema()["$defs"]["Step"]["properties"]
    assert step["of"]["description"] == "An event of the case, a threshold, or the id of another step."


def test_one_text_for_all_locales_fits():
    promise = playbook_schema()["$defs"]["PlannedCommitment"]["properties"]["promise"]
    assert [form["type"] for form in promise["anyOf"]] == ["string", "object"]


def test_the_key_title_is_not_taken_for_a_title():
    assert "title" in playbook_schema()["properties"]
