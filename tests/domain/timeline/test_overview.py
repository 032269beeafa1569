"""One look over all incidents says what is overdue, what waits for whom, and what comes next."""

from datetime import timedelta
from typing import Any

import pytest

from amends.domain.case.case import Case
from amends.domain.feedback.question import QuestionCounts
from amends.domain.timeline.overview import NEXT_DAYS, OverviewLine, numbers, overdue_tasks, overview
from tests.builders import NOW, a_case, a_commitment, a_duty, an_assessment, an_incident

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DUE = a_duty().due_at or NOW


def owing(*duties: Any, **changes: Any) -> Case:
    """A case with these duties; one of its organisation's making."""
    return a_case(assessment=an_assessment(duties=duties), **changes)


def of(lines: tuple[OverviewLine, ...], word: str) -> list[OverviewLine]:
    return [line for line in lines if word in line.what]


def test_what_is_longest_overdue_comes_first_with_its_command() -> None:
    early, late = a_duty(id="a@DE", due_at=DUE - DAY, recipient_name="A"), a_duty(id="b@DE", recipient_name="B")
    shown = overview([owing(late, early)], DUE + 11 * DAY)
    assert [line.what.partition(":")[0] for line in shown.overdue] == ["A", "B"]
    assert shown.overdue[1].when.startswith("11 d late, since ")
    assert shown.overdue[1].do == f"amends duty list {shown.incidents[0]}"


def test_what_comes_is_only_what_has_its_time_set() -> None:
    case = owing(a_duty(), commitments=(a_commitment(due_at=DUE + NEXT_DAYS),))
    soon = overview([case], DUE - HOUR)
    assert len(of(soon.coming, "legal deadline")) == 1
    assert not of(soon.coming, "promise")
    assert len(of(overview([case], DUE).coming, "promise")) == 1


def test_each_line_names_its_zone_where_the_zones_differ() -> None:
    elsewhere = an_incident(id="other")
    zone = elsewhere.organisation.model_copy(update={"timezone": "Asia/Shanghai"})
    other = owing(a_duty(), incident=elsewhere.model_copy(update={"organisation": zone}))
    both = overview([owing(a_duty()), other], DUE + HOUR)
    assert sorted(line.when.split()[-1] for line in both.overdue) == sorted(both.zones)
    alone = overview([other], DUE + HOUR)
    assert alone.zones == ("Asia/Shanghai",)
    assert not [line for line in alone.overdue if "Asia" in line.when]


def test_what_is_overdue_is_counted_by_its_kind() -> None:
    asked = QuestionCounts(asked=3, open=3, overdue=1)
    late = a_commitment(due_at=NOW)
    case = owing(a_duty(id="a@DE"), a_duty(id="b@DE"), commitments=(late,), questions=asked)
    assert numbers(overdue_tasks(case, DUE + 30 * DAY)).replace(" and ", ", ").split(", ") == [
        "answers to questions",
        "1 promise",
        "2 duties",
    ]


@pytest.mark.parametrize("cases", [(), (a_case(),)])
def test_without_anything_overdue_there_is_no_such_line(cases: tuple[Case, ...]) -> None:
    assert overview(cases, NOW).overdue == ()
