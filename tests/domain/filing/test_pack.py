"""The filing pack says what is known, says that the rest is not, and names nobody who is affected."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from amends.content.law.forms import read_form
from amends.content.law.regimes import read_duties
from amends.domain.case.case import Case
from amends.domain.filing.form import Form
from amends.domain.filing.pack import Pack, pack
from amends.domain.law.duty import Addressee, Confidence, DutyStanding, Exemption
from amends.domain.law.filing import Filing, Part
from amends.domain.risk.levels import Risk, Rule
from tests.builders import AWARE, NOW, a_case, a_duty, an_assessment, an_audience, an_incident

HOUR = timedelta(hours=1)
TABLE = read_duties()


@pytest.fixture(scope="module")
def form() -> Form:
    return read_form()


def packed(form: Form, case: Case | None = None, **duty: Any) -> Pack:
    return pack(case or a_case(), a_duty(**duty), form, TABLE, NOW)


def section(made: Pack, title: str) -> str:
    return made.markdown.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0].strip()


def test_the_page_answers_the_codes_of_the_duty_in_their_order(form: Form) -> None:
    codes = ("measures", "nature", "categories_and_approx_people", "dpo_or_contact")
    page = packed(form, content=codes).markdown
    titles = [form.contents.content[code].title for code in codes]
    assert [line.removeprefix("## ") for line in page.splitlines() if line.removeprefix("## ") in titles] == titles


def test_a_duty_without_codes_gets_the_usual_headings(form: Form) -> None:
    page = packed(form, content=()).markdown
    assert all(f"## {form.contents.content[code].title}\n" in page for code in form.contents.unsaid)


def test_a_code_that_nobody_explained_is_left_to_a_person(form: Form) -> None:
    assert section(packed(form, content=("moon_phase",)), "Moon phase") == "**A person writes this:** moon phase"


def test_the_default_locales_story_tells_nature_and_consequences(form: Form) -> None:
    """The text of the incident in the default locale tells what happened and what could follow, on the page and in the
    field of the form.
    """
    made = packed(form, content=("nature", "likely_consequences"))
    story = an_incident().texts["en"]
    assert story.what_happened in section(made, "What kind of breach it is")
    assert story.what_it_means in section(made, "What could follow")
    assert made.fields["field_62"] == story.what_happened


def test_what_nobody_knows_is_said_to_be_unknown(form: Form) -> None:
    unknown = a_case(incident=an_incident(facts={}), audience=an_audience(people=0, by_category={}))
    made = packed(form, unknown, content=("nature", "categories_and_approx_records"))
    assert "cause: not known yet" in section(made, "What kind of breach it is")
    assert section(made, "Which data and how many records").count("**Not known yet.**") == 2


def test_a_suspicion_is_not_told_as_a_fact(form: Form) -> None:
    facts = {
        "cause": {"value": "insider", "certainty": "suspected"},
        "data_categories": [{"value": "photo", "certainty": "suspected"}],
    }
    case = a_case(incident=an_incident(facts=facts), audience=an_audience(by_category={}))
    made = packed(form, case, content=("nature", "data_types"))
    assert "cause: insider (suspected)" in section(made, "What kind of breach it is")
    assert section(made, "Which data") == "- photo (suspected)"


def test_people_are_numbered_by_country_and_kind_of_data(form: Form) -> None:
    made = packed(form, content=("people_count", "data_types"))
    assert section(made, "How many people").splitlines()[:4] == ["3 people in all (exact)", "", "- DE: 2", "- CN: 1"]
    assert "- credentials hashed: 1 person" in section(made, "Which data")


def test_the_time_that_is_left_is_told_by_the_organisations_clock(form: Form) -> None:
    made = packed(form)
    assert "- Due 2026-11-26 10:00 (UTC), 2 d 1 h from now" in section(made, "By when")
    late = packed(form, due_at=NOW - 3 * HOUR)
    assert "3 h ago" in section(late, "By when")


@pytest.mark.parametrize(("waits", "says"), [(False, "at once"), (True, "its clock has not started")])
def test_a_duty_without_a_date_says_why(form: Form, waits: bool, says: str) -> None:
    assert says in section(packed(form, due_at=None, starts_at=None, waits=waits), "By when")


def test_doubts_about_the_duty_stand_on_its_page(form: Form) -> None:
    made = packed(
        form,
        assumed="counted from when it began",
        standing=DutyStanding.MAY_APPLY,
        before=("eu-gdpr-34.data_subjects",),
        exemptions=(Exemption(text="encrypted", claimed=True, evidence=("encrypted_at_rest",)),),
        must_not=("no marketing",),
        lawyer_needed=("lead authority",),
        confidence=Confidence.MEMORY_LOW,
    )
    for line in ("counted from when it began", "May apply", "must come before eu-gdpr-34.data_subjects"):
        assert line in section(made, "By when")
    for line in (
        "claimed, shown by encrypted at rest",
        "no marketing",
        "lead authority",
        "NOT VERIFIED: written from memory, may",
    ):
        assert line in section(made, "What to heed")


def filed(number: int, **changes: Any) -> Filing:
    given = {"number": number, "duty": a_duty().id, "filed_at": AWARE + number * HOUR, "by": "lena"}
    return Filing.model_validate({**given, "receipt": f"DPA-{number}", "recorded_at": NOW, **changes})


def test_the_second_pack_follows_up_the_first_filing(form: Form) -> None:
    made = packed(form, a_case(filings=(filed(1), filed(2, part=Part.SUPPLEMENT))))
    assert (made.fields["field_3"], made.fields["field_6"]) == ("b", "DPA-1")
    assert section(made, "Filed so far").splitlines() == [
        "- initial, 2026-11-23 11:00 (UTC), 2 d 23 h early, reference DPA-1",
        "- supplement, 2026-11-23 12:00 (UTC), 2 d 22 h early, reference DPA-2",
    ]


def test_what_another_authority_was_told_is_named_with_its_reference(form: Form) -> None:
    other = a_duty(id="uk.ico", recipient_name="ICO")
    case = a_case(assessment=an_assessment(duties=(a_duty(), other)), filings=(filed(1, duty="uk.ico"),))
    made = packed(form, case)
    assert (made.fields["field_110"], made.fields["field_111"]) == (
        "a",
        "- ICO, 2026-11-23 11:00 (UTC), reference DPA-1",
    )


def test_the_reasons_of_the_risk_are_part_of_the_pack(form: Form) -> None:
    rule = Rule(id="R1", says="Passwords were copied.", source="GDPR 34(1)", risk=Risk.HIGH)
    made = packed(form, a_case(assessment=an_assessment(rules=(rule,))), content=("consequences",))
    assert "Passwords were copied. (GDPR 34(1))" in section(made, "What could follow")
    assert (made.fields["field_89"], made.fields["field_87"]) == ("a", "c")


def test_fields_that_only_a_person_can_fill_are_null(form: Form) -> None:
    made = packed(form)
    reporter = next(one for one in made.to_be_filled if one["field"] == "field_21")
    assert (reporter["value"], reporter["required"]) == (None, True)
    assert not {one["field"] for one in made.to_be_filled} & made.fields.keys()
    assert "**Name of the person who reports**" in section(made, "What a person must still fill in")


def test_with_anything_missing_the_notification_is_incomplete(form: Form) -> None:
    assert packed(form).fields["field_4"] == "b"


def test_a_form_that_asks_only_what_is_known_is_complete(form: Form) -> None:
    kept = {name: form.fields[name] for name in ("field_3", "field_4", "field_12")}
    assert packed(form.model_copy(update={"fields": kept})).fields["field_4"] == "a"


def test_of_several_answers_the_weightiest_is_given_and_all_are_kept(form: Form) -> None:
    case = a_case(
        audience=an_audience(by_category={}), incident=an_incident(facts={"data_categories": ["contact", "health"]})
    )
    made = packed(form, case)
    assert (made.fields["field_70"], made.several["field_70"]) == ("k", ("k", "b"))


def test_people_of_several_countries_are_numbered_one_by_one(form: Form) -> None:
    made = packed(form, a_case(audience=an_audience(by_place={"DE": 2, "FR": 1, "CN": 7})))
    assert made.several["field_117"] == {"DE": 2, "FR": 1}
    assert "field_117" not in made.fields


def test_what_is_not_asked_of_this_case_is_left_out(form: Form) -> None:
    made = packed(form)
    asked = made.fields.keys() | {one["field"] for one in made.to_be_filled}
    assert not asked & {"field_18", "field_58", "field_59", "field_83", "field_98", "field_100", "field_121"}


def test_what_is_asked_only_in_some_cases_is_asked_when_nobody_knows(form: Form) -> None:
    made = packed(form, a_case(incident=an_incident(facts={})))
    asked = made.fields.keys() | {one["field"] for one in made.to_be_filled}
    assert {"field_56", "field_58", "field_59", "field_83"} <= asked


def test_an_authority_with_a_form_of_its_own_is_told_apart(form: Form) -> None:
    assert packed(form).about["is_this_authoritys_form"] is True
    for change in ({"regime": "us-wa"}, {"addressee": Addressee.PARTNER}):
        other = packed(form, **change)
        assert other.about["is_this_authoritys_form"] is False
        assert "has its own form" in other.markdown


def test_a_foreign_form_leaves_only_its_own_laws_items_to_a_person(form: Form) -> None:
    """When the form is another authority's, a person must fill in only what the recipient's own law asks for and the
    case does not answer. The page names no field of the form.
    """
    codes = ("what_happened", "root_cause", "number_of_records", "categories_and_approx_records", "sample_notice")
    made = packed(form, regime="us-wa", content=codes)
    assert [one["field"] for one in made.to_be_filled] == ["root_cause", "number_of_records", "sample_notice"]
    assert made.to_follow == ("categories_and_approx_records",)
    assert "field_" not in made.markdown
    assert section(made, "What a person must still fill in").count("\n- ") == 3


def between(counted: int = 0, **limits: int) -> Case:
    audience = an_audience(people=counted, by_place={"DE": counted})
    return a_case(incident=an_incident(facts={"people": limits}), audience=audience)


def test_a_range_of_people_stays_a_range(form: Form) -> None:
    made = packed(form, between(min=4800, max=6000), content=("people_count",))
    assert section(made, "How many people").startswith("between 4,800 and 6,000 people in all\n")
    assert "field_68" not in made.fields
    assert made.beside == {"field_68": "between 4,800 and 6,000 by the facts"}
    (left,) = [one for one in made.to_be_filled if one["field"] == "field_68"]
    assert left["note"] == "between 4,800 and 6,000 by the facts"


def test_the_audiences_number_is_given_with_the_range_beside_it(form: Form) -> None:
    made = packed(form, between(5200, min=4800, max=6000), content=("people_count",))
    said = section(made, "How many people")
    assert said.startswith("5,200 people in all (approximate); between 4,800 and 6,000 by the facts\n")
    assert (made.fields["field_67"], made.fields["field_68"]) == ("b", 5200)
    assert made.document()["beside"] == {"field_68": "between 4,800 and 6,000 by the facts"}
    assert "between 4,800 and 6,000" in section(made, "What a person must still fill in")


def test_a_suspected_range_is_said_to_be_suspected(form: Form) -> None:
    facts = {"people": {"value": {"min": 100}, "certainty": "suspected"}}
    case = a_case(incident=an_incident(facts=facts), audience=an_audience(people=0, by_place={}))
    made = packed(form, case, content=("people_count",))
    assert section(made, "How many people").startswith("at least 100 people in all (suspected)")


def test_people_of_one_place_are_not_counted_under_two_names(form: Form) -> None:
    case = a_case(audience=an_audience(by_place={"PR": 3, "US-PR": 5, "DE": 2}))
    assert "- US: 8\n- DE: 2" in section(packed(form, case, content=("people_count",)), "How many people")


@pytest.mark.parametrize(
    ("most", "says"),
    [(800, "800 people in US-MA"), (2950, "between 800 and 2,950 people in US-MA"), (None, "**Not known yet.**")],
)
def test_who_may_live_in_a_place_is_not_told_as_living_there(form: Form, most: int | None, says: str) -> None:
    case = a_case(audience=an_audience(by_place={"US-MA": 800, "US": 2150}))
    made = packed(form, case, content=("residents_affected",), places=("US-MA",), people=most)
    assert section(made, "How many people live there").startswith(says)


def test_the_clock_is_told_in_words(form: Form) -> None:
    assert "“the controller became aware of the breach”" in section(packed(form), "By when")


def test_how_to_reach_the_recipient_is_told_once_looked_up(form: Form) -> None:
    """The page tells how to reach the recipient only when somebody has looked it up."""
    known = TABLE.recipients["supervisory_authority"].model_copy(update={"contact": "its portal"})
    table = TABLE.model_copy(update={"recipients": TABLE.recipients | {"supervisory_authority": known}})
    assert "How to reach it: its portal." in pack(a_case(), a_duty(), form, table, NOW).markdown
    assert "How to reach it" not in packed(form).markdown


def test_the_same_case_makes_the_same_pack(form: Form) -> None:
    assert packed(form) == packed(form)


def test_a_list_stands_apart_from_the_text_before_it(form: Form) -> None:
    lines = packed(form, content=("measures", "people_count")).markdown.splitlines()
    glued = [line for before, line in pairwise(lines) if line.startswith("- ") and before and before[:2] != "- "]
    assert glued == []
