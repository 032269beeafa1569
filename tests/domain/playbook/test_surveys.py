"""A survey says what it asks, in words for each reader, and whom."""

from typing import Any

import pytest
from pydantic import ValidationError

from amends.domain.draft.draft import notices_wanted
from amends.domain.playbook.playbook import Playbook
from amends.domain.playbook.survey import Sample
from tests.builders import a_case, a_playbook, a_survey

WORDS = {"en": "Really?"}
SCALE = {"id": "a", "kind": "scale", "words": WORDS}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"questions": []}, "at least 1"),
        ({"questions": [SCALE, SCALE]}, "two questions have the id a"),
        ({"questions": [{**SCALE, "id": str(n)} for n in range(13)]}, "at most 12"),
        ({"questions": [{**SCALE, "kind": "choice"}]}, "at least two"),
        ({"questions": [SCALE], "low": {}}, "low and high|at least one locale"),
        ({"title": "How?"}, "a text for each locale"),
        ({"title": {"english": "How?"}}, "no locale"),
        ({"title": {"en": " "}}, "1 to 400 characters"),
        ({"to": {"percent": 101}}, "less than or equal to 100"),
        ({"to": {"percent": 5, "people": 5}}, "either percent, or people"),
    ],
)
def test_a_survey_that_makes_no_sense_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        a_survey(**changes)


def playbook(**survey_step: Any) -> Playbook:
    given = a_playbook().model_dump(mode="json", by_alias=True, exclude_unset=True)
    given["steps"] = [step | survey_step if step["id"] == "survey" else step for step in given["steps"]]
    return Playbook.model_validate(given)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"survey": "other"}, "no survey 'other'"),
        ({"phase": "update"}, "phase collect_feedback"),
        ({"channels": ["website"]}, "in person"),
    ],
)
def test_a_step_invites_in_person_to_a_survey_that_there_is(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        playbook(**changes)


def test_words_for_a_locale_may_lack() -> None:
    assert [a_survey().lacking(locale) for locale in ("en-GB", "zh-CN", "fr")] == [False, False, True]


def test_only_what_was_asked_counts_as_an_answer() -> None:
    fields = {"understood": "5", "trust_now": "9", "best-way": "fax", "comment": "  ", "shoe-size": "43"}
    assert a_survey().given(fields) == {"understood": "5"}
    assert a_survey().too_long({"comment": "x" * 1001}) == "comment"


def test_a_sample_is_an_audience_of_its_own() -> None:
    sampled = a_playbook(surveys=[a_survey(to=Sample(percent=10)).model_dump()])
    (wanted,) = notices_wanted(a_case(playbook=sampled), sampled.step("survey"), 1)
    assert (wanted.id, wanted.audience) == ("survey", "sample:survey")
    (wanted,) = notices_wanted(a_case(), a_playbook().step("survey"), 1)
    assert wanted.audience == "everyone"


def test_a_later_step_invites_to_the_same_survey_again() -> None:
    first = a_playbook().step("survey")
    later = first.model_copy(update={"id": "later"})
    both = a_playbook().model_copy(update={"steps": (*a_playbook().steps, later)})
    names = [notices_wanted(a_case(playbook=both), step, 1)[0].id for step in (first, later)]
    assert names == ["survey", "survey-later"]
