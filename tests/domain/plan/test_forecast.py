"""A forecast goes through a playbook as if every turn were done when it is due."""

from datetime import timedelta

import pytest

from amends.domain.case.states import OccurrenceState, RecordedOccurrence
from amends.domain.notice.notice import NoticeStage, NoticeStatus
from amends.domain.plan.forecast import forecast
from tests.builders import NOW, a_case, a_playbook


def drafted(stage: NoticeStage) -> NoticeStatus:
    return NoticeStatus(
        id="first-notice",
        version=1,
        template="first-notice",
        step="first-notice",
        occurrence=1,
        stage=stage,
        binding="b",
        approvals_needed=2,
        drafted_at=NOW,
    )


def steps(days: int) -> list[tuple[str, timedelta]]:
    return [(turn.step, turn.due_at - NOW) for turn in forecast(a_case(), NOW, NOW + timedelta(days=days))]


def test_it_begins_with_what_is_due_now() -> None:
    assert steps(1)[0] == ("assess", timedelta(0))


def test_a_step_waits_for_the_one_before_it() -> None:
    assert ("first-notice", timedelta(hours=24)) in steps(2)


def test_a_series_comes_again_and_again() -> None:
    updates = [after for step, after in steps(11) if step == "update"]
    assert updates == [timedelta(days=4), timedelta(days=7), timedelta(days=10)]


def test_promises_are_chased_once_they_are_given() -> None:
    assert ("chase", timedelta(days=2)) in steps(3)


def test_nothing_after_its_end_is_foretold() -> None:
    assert max(after for _, after in steps(5)) <= timedelta(days=5)


def test_a_case_without_a_playbook_has_no_forecast() -> None:
    assert forecast(a_case(playbook=None), NOW, NOW + timedelta(days=9)) == ()


def test_no_turn_is_foretold_twice() -> None:
    turns = forecast(a_case(playbook=a_playbook()), NOW, NOW + timedelta(days=60))
    assert len({(turn.step, turn.number) for turn in turns}) == len(turns)


def test_what_waits_for_approval_counts_as_approved_at_once() -> None:
    waiting = RecordedOccurrence(step="first-notice", number=1, due_at=NOW, state=OccurrenceState.WAITING)
    events = {"opened": NOW, "assessed": NOW}
    case = a_case(events=events, occurrences=(waiting,), notices=(drafted(NoticeStage.DRAFTED),))
    found = [(turn.step, turn.due_at - NOW) for turn in forecast(case, NOW, NOW + timedelta(days=4))]
    assert ("update", timedelta(days=3)) in found
    assert "first-notice" not in [step for step, _ in found]


@pytest.mark.parametrize("stage", [NoticeStage.APPROVED, NoticeStage.SENDING, NoticeStage.SENT])
def test_a_notice_on_its_way_is_foretold_once(stage: NoticeStage) -> None:
    """Also when its letters need a new version: then its step was done, and goes on."""
    letters = stage is NoticeStage.SENT
    state = OccurrenceState.DONE if letters else OccurrenceState.WAITING
    recorded = RecordedOccurrence(step="first-notice", number=1, due_at=NOW, state=state)
    notice = drafted(stage).model_copy(update={"current": not letters, "letters": int(letters)})
    case = a_case(events={"opened": NOW, "assessed": NOW}, occurrences=(recorded,), notices=(notice,))
    foretold = [turn.step for turn in forecast(case, NOW, NOW + timedelta(days=30))]
    assert foretold.count("first-notice") == 1
