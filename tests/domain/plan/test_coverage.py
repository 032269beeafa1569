"""A playbook is held against the duties of a case before it runs."""

from datetime import timedelta
from typing import Any

import pytest

from amends.domain.case.case import Case
from amends.domain.law.duty import Addressee, DutyStanding
from amends.domain.plan.coverage import duties_missed
from tests.builders import NOW, a_case, a_duty, a_playbook, an_assessment

PEOPLE = {"id": "law.people", "addressee": Addressee.PEOPLE, "recipient_name": "people in Germany"}
LEAVES = timedelta(hours=48)
"""The first notice is drafted a day after the assessment, and approvers have another."""


def owing(*duties: dict[str, Any], **changes: Any) -> Case:
    assessed = an_assessment(duties=tuple(a_duty(**duty) for duty in duties))
    return a_case(assessment=assessed, events={"opened": NOW, "assessed": NOW}, **changes)


def missed(case: Case) -> list[str]:
    return [one.why for one in duties_missed(case, NOW)]


@pytest.mark.parametrize(("hours", "count"), [(47, 1), (49, 0)])
def test_people_must_be_told_before_the_first_notice_could_leave(hours: int, count: int) -> None:
    assert len(missed(owing(PEOPLE | {"due_at": NOW + timedelta(hours=hours)}))) == count


def test_it_says_who_by_when_by_which_law_and_when_the_notice_leaves() -> None:
    (why,) = missed(owing(PEOPLE | {"due_at": NOW + timedelta(hours=24)}))
    assert why == (
        "people in Germany must be told by 2026-11-25 09:00 UTC: GDPR (EU) 2016/679, Art. 33; when approvers take all "
        "of their time, first-notice leaves at 2026-11-26 09:00 UTC"
    )


def test_people_come_before_authorities() -> None:
    case = owing({"due_at": NOW + timedelta(hours=1)}, PEOPLE | {"due_at": NOW + timedelta(hours=40)})
    assert [why.split(" must")[0] for why in missed(case)] == [
        "people in Germany",
        "Data protection authority of Germany",
    ]


def test_an_authority_is_told_by_a_filing() -> None:
    (found,) = duties_missed(owing({"due_at": NOW + timedelta(hours=1)}), NOW)
    assert "somebody must file it" in found.advice


def test_what_only_may_apply_says_so() -> None:
    (why,) = missed(owing(PEOPLE | {"standing": DutyStanding.MAY_APPLY, "due_at": NOW + timedelta(hours=1)}))
    assert "may have to be told by" in why


@pytest.mark.parametrize(
    "changes", [{"standing": DutyStanding.EXEMPT}, {"waits": True}, {"due_at": None}, {"addressee": Addressee.MEDIA}]
)
def test_what_has_no_date_or_concerns_others_is_left_aside(changes: dict[str, Any]) -> None:
    assert missed(owing(PEOPLE | {"due_at": NOW + timedelta(hours=1)} | changes)) == []


def test_a_duty_to_people_without_any_step_that_tells_them() -> None:
    assess = {"id": "assess", "phase": "assess", "of": "opened"}
    (found,) = duties_missed(owing(PEOPLE, playbook=a_playbook(steps=[assess])), NOW)
    assert found.step == ""
    assert found.why == "no step tells people within a month, but laws ask for it: GDPR (EU) 2016/679, Art. 33"


def test_a_step_whose_condition_does_not_hold_tells_nobody() -> None:
    steps = [step.model_dump(by_alias=True) for step in a_playbook().steps]
    steps[1]["when"] = {"people_at_least": 1_000_000}
    assert missed(owing(PEOPLE, playbook=a_playbook(steps=steps)))[0].startswith("no step tells people")
