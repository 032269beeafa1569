"""What the personal data of a case is needed for, and that nothing is to come once it was destroyed."""

from datetime import timedelta
from typing import Any

import pytest

from amends.domain.case.case import DESTROYED, IncidentState
from amends.domain.feedback.question import QuestionCounts
from amends.domain.plan.closing import is_over, still_needed
from tests.builders import NOW, a_case, a_commitment

LATER = NOW + timedelta(days=400)
CLOSED: dict[str, Any] = {"state": IncidentState.CLOSED, "playbook": None, "pinned": ""}


def test_nothing_is_needed_of_a_case_that_is_over() -> None:
    assert still_needed(a_case(**CLOSED), LATER) == ()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"state": IncidentState.OPEN}, "it is open, not closed"),
        ({"state": IncidentState.PAUSED}, "it is paused, not closed"),
        ({"commitments": (a_commitment(),)}, "a promise is open, or those promised have not heard how it ended"),
        ({"questions": QuestionCounts(asked=3, open=2)}, "2 questions have no answer"),
    ],
)
def test_whoever_waits_for_something_is_named(changes: dict[str, Any], why: str) -> None:
    assert still_needed(a_case(**(CLOSED | changes)), LATER) == (why,)


def test_a_case_with_destroyed_data_is_over_whatever_else_it_says() -> None:
    """A case whose data was destroyed is over, even while questions are open."""
    waits = CLOSED | {"questions": QuestionCounts(asked=1, open=1)}
    assert not is_over(a_case(**waits), LATER)
    assert is_over(a_case(**waits, events={"opened": NOW, DESTROYED: LATER}), LATER)
