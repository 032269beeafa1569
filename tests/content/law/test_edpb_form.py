"""The shipped form is the template's, word for word where it quotes it, and leaves none of our words without a place."""

import json
import shutil
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from amends.content.file.shipped import library
from amends.content.law.forms import read_form
from amends.content.law.regimes import read_duties
from amends.domain.base.errors import ContentError
from amends.domain.filing.answers import WORDS
from amends.domain.filing.form import Form
from amends.domain.filing.pack import Pack, pack
from amends.domain.incident.elements import classes_of
from amends.domain.incident.facts import BreachType, Cause, DataCategory, DataSubject, Vector
from tests.builders import NOW, a_case, a_duty, an_assessment, an_audience, an_incident

TEMPLATE = Path(__file__).parents[2] / "data" / "edpb" / "template-1.0.schema.json"
FORMS = library() / "duties" / "forms"


@pytest.fixture(scope="module")
def form() -> Form:
    return read_form()


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(TEMPLATE.read_text(encoding="utf-8"))
    return found


def test_every_field_of_the_template_is_in_the_form(form: Form, schema: dict[str, Any]) -> None:
    assert list(form.fields) == list(schema["properties"])


def test_what_the_schema_requires_the_form_requires(form: Form, schema: dict[str, Any]) -> None:
    assert [name for name, field in form.fields.items() if field.required] == schema["required"]


def test_every_option_is_the_templates_own_or_begins_like_it(form: Form, schema: dict[str, Any]) -> None:
    wrong = [
        (name, letter)
        for name, field in form.fields.items()
        for letter, words in field.options.items()
        if words not in schema["properties"][name].get("x-options", {}).get(letter, "")
    ]
    assert wrong == []


def test_no_option_of_the_template_is_left_out(form: Form, schema: dict[str, Any]) -> None:
    cut_off = {"field_118", "field_123"}  # the schema has a piece of a list of authorities as their only option
    options = {name: list(found.get("enum", ())) for name, found in schema["properties"].items() if name not in cut_off}
    assert {name: list(form.fields[name].options) for name in options} == options


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("data_categories", sorted(classes_of(DataCategory))),
        ("vector", Vector),
        ("cause", Cause),
        ("data_subjects", DataSubject),
        ("breach_types", BreachType),
        ("origin", [f"{cause}_{i}" for cause, i in product(Cause, ("malicious", "not_malicious", "intent_unknown"))]),
    ],
)
def test_every_word_of_the_facts_has_an_option_or_has_none_stated(form: Form, question: str, words: Any) -> None:
    """Every value of the facts has an option in the EDPB form, or the form's file states that there is none."""
    readings = [reading for field in form.fields.values() for reading in field.readings if reading.of == question]
    assert readings
    assert all({*reading.answers, *reading.without} == set(map(str, words)) for reading in readings)


def test_every_question_is_read_by_some_field(form: Form) -> None:
    readings = {reading.of for field in form.fields.values() for reading in field.readings}
    conditions = {key for field in form.fields.values() for key in field.shown_if}
    assert WORDS.keys() <= readings | conditions


NO = {
    "field_57": "c",
    "field_38": "b",
    "field_56": "c",
    "field_109": "b",
    "field_110": "b",
    "field_113": "b",
    "field_97": "d",
    "field_89": "c",
    "field_14": "a",
}
"""The fields with the option that says no."""


def filled(form: Form, **changes: Any) -> Pack:
    return pack(a_case(**changes), a_duty(), form, read_duties(), NOW)


def test_a_case_of_which_nothing_is_known_never_says_no(form: Form) -> None:
    fields = filled(
        form, incident=an_incident(facts={}, times={}), audience=an_audience(people=0, by_category={})
    ).fields
    assert {name: fields[name] for name, no in NO.items() if fields.get(name) == no} == {}
    unknown = {"field_44": "e", "field_56": "e", "field_57": "e", "field_59": "c", "field_60": "x", "field_61": "e"}
    more = {"field_65": "k", "field_67": "d", "field_70": "t", "field_79": "e", "field_87": "d", "field_109": "c"}
    assert {name: fields.get(name) for name in unknown | more} == unknown | more


CASES: dict[str, dict[str, Any]] = {
    "as it stands": {},
    "nothing known": {"incident": an_incident(facts={}, times={}), "audience": an_audience(people=0, by_category={})},
    "assessed": {"assessment": an_assessment(duties=(a_duty(),))},
    "told": {"events": {"opened": NOW, "notified": NOW}},
    "people in several countries": {"audience": an_audience(by_place={"DE": 2, "FR": 1})},
    "all kinds of breach": {
        "incident": an_incident(
            facts={"breach_types": list(BreachType), "data_categories": list(DataCategory), "service_impact": "minor"}
        )
    },
}


def errors(schema: dict[str, Any], instance: object) -> list[str]:
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    return [error.message for error in validator.iter_errors(instance)]


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_filled_fields_are_valid_and_missing_required_ones_listed(
    form: Form, schema: dict[str, Any], case: dict[str, Any]
) -> None:
    """The fields that are filled in are valid by the form's schema, and every required field that is not filled in is
    listed.
    """
    made = filled(form, **case)
    partial = {key: value for key, value in schema.items() if key != "required"}
    assert errors(partial, made.fields) == []
    left = {one["field"] for one in made.to_be_filled} | made.several.keys()
    assert set(schema["required"]) - made.fields.keys() <= left


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_once_a_person_has_filled_in_the_rest_it_is_valid_in_full(
    form: Form, schema: dict[str, Any], case: dict[str, Any]
) -> None:
    made = filled(form, **case)
    answers: dict[str, object] = {
        str(one["field"]): by_hand(schema["properties"][one["field"]]) for one in made.to_be_filled
    }
    assert errors(schema, made.fields | answers) == []


def by_hand(field: dict[str, Any]) -> object:
    """Any answer of the field's type."""
    if "enum" in field:
        return field["enum"][0]
    formats = {"date": "2026-11-24", "date-time": "2026-11-24T10:00:00Z"}
    return {"boolean": True, "integer": 1}.get(field["type"], formats.get(field.get("format", ""), "x"))


def test_every_content_code_of_the_duties_has_a_heading(form: Form) -> None:
    codes = {code for regime in read_duties().all_regimes() for row in regime.duties for code in row.content}
    assert codes - form.contents.content.keys() == set()


@pytest.fixture
def changed(tmp_path: Path) -> Any:
    """The forms with a piece of one of them replaced."""

    def change(old: str, new: str, name: str = "edpb-2026.yaml") -> Path:
        shutil.copytree(FORMS, tmp_path / "forms")
        file = tmp_path / "forms" / name
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new, 1), encoding="utf-8")
        return tmp_path / "forms"

    return change


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("          genetic: j\n", "", "data_categories: say what stands for genetic"),
        ("          genetic: j\n", "          genetik: j\n", "did you mean 'genetic'"),
        ("genetic: j", "genetic: zz", "'zz' is no known option"),
        ("of: vector", "of: vektor", "did you mean 'vector'"),
        ("value: what_happened", "value: what_happend", "did you mean 'what_happened'"),
        ("shown_if: {breach_types: integrity}", "shown_if: {breach_types: integrety}", "did you mean 'integrity'"),
        ("shown_if: {field_44: [a, b]}", "shown_if: {field_48: [a, b]}", "field_48"),
        ("unknown: x", "unknown: xx", "'xx' is no known option"),
        ("value: reference\n", "value: reference\n    options: {a: A}\n", "either a value or options"),
        ('without: [suspected, "no"]', 'without: [suspected, "no", "yes"]', "cannot both"),
    ],
)
def test_a_slip_in_the_form_names_its_place_and_what_was_meant(changed: Any, old: str, new: str, says: str) -> None:
    with pytest.raises(ContentError, match=r"edpb-2026\.yaml:\d+:\d+") as refused:
        read_form(changed(old, new))
    assert says in str(refused.value)


def test_a_slip_in_the_contents_names_its_place_and_what_was_meant(changed: Any) -> None:
    with pytest.raises(ContentError, match=r"content\.yaml:\d+:\d+.*did you mean 'what_happened'"):
        read_form(changed("says: [what_happened, nature]", "says: [what_hapened, nature]", "content.yaml"))


def test_what_answers_for_duties_without_codes_is_itself_explained(changed: Any) -> None:
    with pytest.raises(ContentError, match="no known content code"):
        read_form(changed("unsaid: [nature,", "unsaid: [natur,", "content.yaml"))
