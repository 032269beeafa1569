"""Incident files with facts alone: read and assessed as they are, and incomplete where notices are drafted."""

import pytest

from amends.content.file.codes import Code
from amends.content.incident.incident import read_incident, read_incident_for_notices, read_incident_with_gaps
from amends.domain.base.errors import ContentError
from amends.domain.incident.gaps import GAP

FACTS = """\
id: night
title: Customer data copied
times:
  occurred: 2026-03-02
facts:
  cause: external_attack
  malicious: unknown
"""
PARTLY = """\
organisation:
  contacts:
    phone: ''
    email: care@example.org
texts:
  en:
    what_happened: Somebody copied data.
"""


def gaps(path):
    _, found = read_incident_with_gaps(path)
    assert {finding.code for finding in found} <= {GAP}
    return [(finding.where.removeprefix(f"{path}:"), finding.what.split()[0]) for finding in found]


def test_a_gap_has_a_code_that_the_table_of_codes_explains():
    assert Code(GAP) is Code.GAP


def test_facts_alone_are_an_incident(write):
    incident = read_incident(write("night.yaml", FACTS))
    assert (incident.facts.cause.value, incident.facts.malicious.unknown) == ("external_attack", True)


def test_each_gap_stands_where_its_value_belongs(write):
    """A gap names the place of the empty value, or of the nearest thing in the file that should hold it."""
    assert gaps(write("night.yaml", FACTS + PARTLY)) == [
        ("9:3", "organisation.name"),
        ("9:3", "organisation.own_domains"),
        ("10:12", "organisation.contacts.phone"),
        ("14:5", "texts.en.in_short"),
        ("14:5", "texts.en.what_it_means"),
        ("14:5", "texts.en.what_we_do"),
    ]


def test_notices_are_not_drafted_from_a_file_with_a_gap(write):
    path = write("night.yaml", FACTS)
    with pytest.raises(ContentError) as caught:
        read_incident_for_notices(path)
    assert len(caught.value.findings) == 5
    assert all(finding.where == f"{path}:1:1" for finding in caught.value.findings)


def test_notices_are_drafted_from_a_whole_file(incident):
    assert read_incident_for_notices(incident()) == read_incident(incident())


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("{en: Example Ltd, zh-CN: 示例公司}", "''", "organisation.name"),
        ("own_domains: [example.org]", "own_domains: []", "organisation.own_domains"),
        ("own_domains: [example.org]", "own_domains:", "organisation.own_domains"),
        ("what_we_do: We have locked it.", "what_we_do: unknown", "texts.en.what_we_do"),
        ("what_we_do: We have locked it.", "what_we_do:", "texts.en.what_we_do"),
    ],
)
def test_what_says_nothing_is_a_gap_and_no_error(incident, old, new, key):
    assert [found for _, found in gaps(incident(old, new))] == [key]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("malicious: unknown", "malicious: unknwon", ("7:14", "E104")),
        ("cause: external_attack", "cause: unknown_attack", ("6:10", "E102")),
        ("  cause: external_attack", "  couse: external_attack", ("6:3", "E101")),
        ("occurred: 2026-03-02", "occurred: 2026-02-30", ("4:13", "E104")),
        ("occurred: 2026-03-02", "occurred: yesterday", ("4:13", "E104")),
        ("occurred: 2026-03-02", "occurred: 20260302", ("4:13", "E104")),
        ("occurred: 2026-03-02", "occurred: 2026-03-02T08:00", ("4:13", "E104")),
        ("occurred: 2026-03-02", "occured: 2026-03-02", ("4:3", "E101")),
        ("occurred: 2026-03-02", "occurred: [2026-03-02]", ("4:13", "E104")),
        ("times:\n  occurred: 2026-03-02", "organisation: {contacts: {phone: call us}}", ("3:34", "E104")),
        ("times:\n  occurred: 2026-03-02", "organisation: {contacts: {email: nobody}}", ("3:34", "E104")),
        ("times:\n  occurred: 2026-03-02", "organisation: {own_domains: [com]}", ("3:30", "E104")),
        ("times:\n  occurred: 2026-03-02", "organisation: {nmae: Example}", ("3:16", "E101")),
        ("times:\n  occurred: 2026-03-02", "texts: {en: {what_hapened: It.}}", ("3:14", "E101")),
        ("id: night\n", "", ("1:1", "E103")),
    ],
)
def test_what_is_wrong_is_an_error_at_its_place(write, old, new, found):
    """Facts alone are enough, but a wrong key, word or form in them is refused as in a whole file."""
    assert old in FACTS
    path = write("night.yaml", FACTS.replace(old, new, 1))
    with pytest.raises(ContentError) as caught:
        read_incident(path)
    assert [(finding.where.removeprefix(f"{path}:"), str(finding.code)) for finding in caught.value.findings] == [found]


def test_an_event_before_a_bare_date_is_refused(write):
    path = write("night.yaml", FACTS.replace("facts:", "  aware: 2026-03-01T23:59:00Z\nfacts:"))
    with pytest.raises(ContentError, match=r"night\.yaml:5:10 E111 times\.aware is before times\.occurred\.from"):
        read_incident(path)
