"""What the personal data of a case is needed for, and that nothing is to come once it was destroyed."""

from datetime import timedelta
from typing import Any

import pytest

from amends.domain.case.states import IncidentState, OccurrenceState, RecordedOccurrence
from amends.domain.closing.closing import is_over, somebody_must_hear, still_needed
from amends.domain.feedback.question import QuestionCounts
from amends.domain.incident.event_kind import DESTROYED
from amends.domain.notice.notice import NoticeStage, NoticeStatus
from tests.builders import NOW, a_case, a_commitment, a_playbook

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


@pytest.mark.parametrize(
    ("stage", "wrong", "waits"),
    [
        (NoticeStage.DRAFTED, True, True),
        (NoticeStage.REJECTED, True, True),
        (NoticeStage.SENT, True, False),
        (NoticeStage.DRAFTED, False, False),
    ],
)
def test_a_case_is_not_over_while_a_correction_is_unapproved(stage: NoticeStage, wrong: bool, waits: bool) -> None:
    """People wait for a correction as long as it is drafted and somebody is told wrongly; a draft for nobody is none."""
    step = {"id": "correction", "phase": "notify", "after": 0, "of": "facts_changed", "notice": "correction"}
    notice = NoticeStatus(
        id="correction-1",
        version=1,
        template="correction",
        step="correction",
        occurrence=1,
        stage=stage,
        binding="b",
        approvals_needed=2,
        drafted_at=NOW,
    )
    begun = RecordedOccurrence(step="correction", number=1, due_at=NOW, state=OccurrenceState.WAITING)
    case = a_case(
        state=IncidentState.CLOSED,
        events={"opened": NOW, "closed": NOW} | ({"facts_changed": NOW} if wrong else {}),
        playbook=a_playbook(steps=[step | {"channels": ["email"]}], commitments=[]),
        notices=(notice,),
        occurrences=(begun,)
        if stage is not NoticeStage.SENT
        else (begun.model_copy(update={"state": OccurrenceState.DONE}),),
        version=2,
    )
    assert (somebody_must_hear(case, LATER), is_over(case, LATER)) == (waits, not waits)
