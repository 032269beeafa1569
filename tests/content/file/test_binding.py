from enum import StrEnum

import pytest
from pydantic import Field

from amends.content.file.binding import bind
from amends.content.file.document import read_document
from amends.domain.base.errors import ContentError
from amends.domain.base.value import Value
from amends.domain.incident.facts import Facts
from amends.domain.incident.incident import CLOCK_EVENTS, Incident, Times
from amends.domain.playbook.playbook import Playbook


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Shelf(Value):
    colour: Colour
    size: int = 0
    labels: dict[str, Colour] = {}
    inner: "Shelf | None" = None


def findings(path, model=Shelf, more=None):
    with pytest.raises(ContentError) as caught:
        bind(read_document(path), model, more or {})
    return caught.value.findings


def places(found, path):
    return [(finding.where.removeprefix(f"{path}:"), str(finding.code)) for finding in found]


def test_a_good_document_becomes_a_value(write):
    assert bind(read_document(write("a.yaml", "colour: red")), Shelf) == Shelf(colour=Colour.RED)


def test_all_errors_come_at_once_in_the_order_of_the_file(write):
    path = write("a.yaml", "size: many\ncolor: red\nlabels:\n  a: blue\ninner: {}\n")
    assert places(findings(path), path) == [
        ("1:1", "E103"),
        ("1:7", "E104"),
        ("2:1", "E101"),
        ("4:6", "E102"),
        ("5:8", "E103"),
    ]


def test_an_unknown_key_names_the_nearest_known_one(write):
    found = findings(write("a.yaml", "colour: red\nsise: 1"))
    assert found[0].advice == "Did you mean 'size'? Known: colour, size, labels, inner"


def test_an_unknown_key_in_an_optional_value_names_known_ones(write):
    """An unknown key inside an optional value gets advice with the nearest key that is known at this place."""
    found = findings(write("a.yaml", "colour: red\ninner: {colour: red, inner: {colour: red, labls: {}}}"))
    assert found[0].advice.startswith("Did you mean 'labels'?")


def test_an_unknown_word_names_the_nearest_known_one(write):
    found = findings(write("a.yaml", "colour: gren"))
    assert str(found[0]).endswith("E102 colour: 'gren' is not a known word (Did you mean 'green'? Known: red, green)")


def test_a_word_near_to_nothing_lists_the_known_ones(write):
    assert findings(write("a.yaml", "colour: 77"))[0].advice == "Known: red, green"


def test_a_key_without_a_word_is_said_to_have_none(write):
    [found] = findings(write("a.yaml", "colour:"))
    assert found.what == "colour: nothing stands here"


def test_a_document_that_is_no_mapping_is_refused_at_its_start(write):
    path = write("a.yaml", "\n- red")
    assert places(findings(path), path) == [("2:1", "E104")]


def test_json_has_places_too(write):
    path = write("a.json", '{"colour": "red",\n "size": []}')
    assert places(findings(path), path) == [("2:10", "E104")]


@pytest.mark.parametrize(
    ("text", "place", "near"),
    [
        ("cause: external_atack", "1:8", "external_attack"),
        ("cause: {value: external_atack, certainty: suspected}", "1:16", "external_attack"),
        ("data_categories: [health, contcat]", "1:27", "contact"),
        ("data_categories: [{value: contcat, certainty: suspected}]", "1:27", "contact"),
        ("data_categories: {value: [contcat], certainty: suspected}", "1:27", "contact"),
        ("recipient: {kind: publc}", "1:19", "public"),
        ("vector: {value: phishing, certainty: suspectd}", "1:38", "suspected"),
    ],
)
def test_a_word_inside_a_fact_is_found_however_the_fact_is_written(write, text, place, near):
    path = write("a.yaml", text)
    found = findings(path, Facts)
    assert (places(found, path), f"Did you mean {near!r}?" in found[0].advice) == ([(place, "E102")], True)


@pytest.mark.parametrize(
    ("text", "place", "near"),
    [
        ("vectr: phishing", "1:1", "vector"),
        ("recipient: {kind: public, cont: 3}", "1:27", "count"),
        ("vector: {value: phishing, certanty: suspected}", "1:27", "certainty"),
        ("people: {min: 1, mx: 3}", "1:18", "max"),
    ],
)
def test_a_key_inside_a_fact_is_found_however_the_fact_is_written(write, text, place, near):
    path = write("a.yaml", text)
    found = findings(path, Facts)
    assert (places(found, path), f"Did you mean {near!r}?" in found[0].advice) == ([(place, "E101")], True)


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ("title: A lost laptop", "title: X", "title: at least 3 characters are expected here"),
        ("title: A lost laptop", "title:", "title: nothing stands here"),
        ("title: A lost laptop", "title: " + "x" * 121, "title: at most 120 characters have room here"),
        ("care@example.org", "care", "email: an email address is expected here, as in care@example.org"),
    ],
)
def test_what_is_expected_is_said_in_plain_words(write, incident, was, now, said):
    path = write("b.yaml", incident().read_text("utf-8").replace(was, now, 1))
    [found] = findings(path, Incident)
    assert said in found.what


def test_an_empty_list_that_must_not_be_empty_is_named(write, playbook):
    text = playbook().read_text("utf-8")
    path = write("b.yaml", text[: text.index("steps:")] + "steps: []\n")
    [found] = findings(path, Playbook)
    assert found.what == "steps: nothing stands here"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("people: lots", "people: write how many, as in 240, or {min: 200, max: 300}"),
        ("people: 2.5", "people: write how many, as in 240, or {min: 200, max: 300}"),
        (
            "mitigations: [Police report]",
            "mitigations.0: a word of small letters, digits and _ is expected here, as in police_report",
        ),
    ],
)
def test_what_is_expected_of_a_fact_is_said_in_plain_words(write, text, said):
    [found] = findings(write("a.yaml", text), Facts)
    assert found.what == said


def test_a_list_with_one_wrong_entry_is_not_also_called_too_short(write):
    """A list whose only entry is wrong is reported for this entry, and not as too short as well."""

    class Shelves(Value):
        shelves: tuple[Shelf, ...] = Field(min_length=1)

    path = write("a.yaml", "shelves:\n  - {colour: gren}\n")
    assert places(findings(path, Shelves), path) == [("2:14", "E102")]


def test_yes_and_no_are_words_of_a_fact(write):
    facts = bind(read_document(write("a.yaml", "exfiltration: no\nmalicious: false")), Facts)
    assert (facts.exfiltration.value, facts.malicious.value) == ("no", False)


def test_a_time_without_a_zone_is_refused_with_an_example(write):
    found = findings(write("a.yaml", "contained: 2026-11-20T08:00:00"), Times)
    assert "a time needs its zone, as in 2026-11-20T08:00:00+08:00" in found[0].what


def test_a_time_is_held_in_utc(write):
    times = bind(read_document(write("a.yaml", "aware: 2026-11-20T08:00:00+08:00")), Times)
    assert times.events["aware"].isoformat() == "2026-11-20T00:00:00+00:00"


def test_a_clock_event_is_placed_where_it_stands_and_known_by_name(write):
    path = write("a.yaml", "aware: tomorrow\ndiscoverd: 2026-11-20T08:00:00Z")
    found = findings(path, Times, {Times: CLOCK_EVENTS})
    assert (places(found, path), found[1].advice[:26]) == (
        [("1:8", "E104"), ("2:1", "E101")],
        "Did you mean 'discovered'?",
    )


def test_what_does_not_fit_together_is_placed_at_what_encloses_it(write):
    path = write("a.yaml", "occurred:\n  from: 2026-11-21T08:00:00Z\n  to: 2026-11-20T08:00:00Z")
    assert places(findings(path, Times), path) == [("2:3", "E107")]


def test_a_wrong_country_is_placed_at_its_key(write, incident):
    path = incident(more="residences: {DEU: 3}\n")
    found = findings(path, Incident)
    assert found[0].where == f"{path}:19:14"
