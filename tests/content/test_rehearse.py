"""Files of injects: the shipped ones can be used, and what is wrong in one is named with its place."""

import json

import jsonschema
import pytest

from amends.content.file.document import read_document
from amends.content.file.shipped import library
from amends.content.incident.incident import read_incident
from amends.content.playbook.schemas import inject_schema
from amends.content.rehearse import check_injects, find_injects, read_injects, shipped_injects
from amends.domain.base.errors import ContentError
from amends.domain.rehearse.injects import KINDS, together

INJECTS = """\
title: The mail provider is down
outages:
  - channel: email
    at: 0h
    lasts: 20h
"""
SHIPPED = shipped_injects()


def findings(path, read=read_injects):
    with pytest.raises(ContentError) as caught:
        read(path)
    return [(finding.where.split("/")[-1], str(finding.code), finding.advice) for finding in caught.value.findings]


def test_a_file_becomes_injects(write):
    read = read_injects(write("down.yaml", INJECTS))
    assert (read.title, read.outages[0].channel, str(read.outages[0].lasts)) == (
        "The mail provider is down",
        "email",
        "20h",
    )


@pytest.mark.parametrize(
    ("old", "new", "where", "code"),
    [
        ("outages", "outage", "down.yaml:2:1", "E101"),
        ("lasts", "last", "down.yaml:5:5", "E101"),
        ("email", "emal", "down.yaml:3:14", "E102"),
        ("20h", "1 month", "down.yaml:5:12", "E104"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(write, old, new, where, code):
    found = findings(write("down.yaml", INJECTS.replace(old, new, 1)))
    assert (where, code) in [(place, known) for place, known, _ in found]


def test_a_misspelt_key_is_told_what_was_probably_meant(write):
    found = findings(write("down.yaml", INJECTS.replace("outages", "outage", 1)))
    assert any(advice.startswith("Did you mean 'outages'?") for _, _, advice in found)


def test_a_file_that_is_not_there_is_named(tmp_path):
    assert [(where, code) for where, code, _ in findings(tmp_path / "none.yaml")] == [("none.yaml", "E105")]


def test_shipped_injects_are_found_by_name_and_others_by_path(tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.touch()
    assert find_injects("press-leak") == SHIPPED["press-leak"]
    assert find_injects(mine) == mine


def test_a_missing_inject_is_refused_with_the_nearest_name():
    """An inject that does not exist is refused with the name that was probably meant."""
    with pytest.raises(ContentError, match=r"press-leek E102 there is no such inject \(Did you mean 'press-leak'"):
        find_injects("press-leek")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_file_can_be_used_for_the_shipped_incident(name):
    incident = read_incident(library() / "examples" / "stolen-terminals" / "incident.yaml")
    check_injects(SHIPPED[name], read_injects(SHIPPED[name]), incident)


def test_there_is_a_shipped_file_for_every_kind():
    together_they_have = together(map(read_injects, SHIPPED.values()))
    assert [kind for kind in KINDS if not getattr(together_they_have, kind)] == []


def test_a_fact_that_an_incident_cannot_have_is_named_with_its_place(write):
    path = write(
        "wrong.yaml", "title: A wrong fact\nwrong_facts:\n  - at: 5d\n    facts: {cause: thefd}\n    says: It was so.\n"
    )
    incident = read_incident(library() / "examples" / "stolen-terminals" / "incident.yaml")
    assert findings(path, lambda read: check_injects(read, read_injects(read), incident))[0][:2] == (
        "wrong.yaml:4:12",
        "E107",
    )


def test_the_inject_schema_is_what_the_code_makes():
    """The schema of injects beside the playbooks is the one that the code makes. Write it again with
    json.dumps(inject_schema(), ensure_ascii=False, indent=2, sort_keys=True) and a newline.
    """
    made = json.dumps(inject_schema(), ensure_ascii=False, indent=2, sort_keys=True)
    assert (library() / "inject.schema.json").read_text(encoding="utf-8") == f"{made}\n"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_file_fits_the_schema(name):
    jsonschema.Draft202012Validator(inject_schema()).validate(read_document(SHIPPED[name]).content)


def test_a_misspelt_key_does_not_fit_the_schema():
    content = read_document(SHIPPED["press-leak"]).content
    content["press_leeks"] = content.pop("press_leaks")
    assert not jsonschema.Draft202012Validator(inject_schema()).is_valid(content)
