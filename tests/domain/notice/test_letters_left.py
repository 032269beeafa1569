"""What the status of a notice says while letters wait."""

from datetime import timedelta

import pytest

from amends.domain.notice.notice import NoticeRelease, NoticeStage, NoticeStatus
from tests.builders import NOW

LATER = NOW + timedelta(hours=1)


def status(stage: NoticeStage = NoticeStage.SENT, **changes: object) -> NoticeStatus:
    sent = NoticeRelease(at=NOW, drafted_at=NOW, sent_at=NOW)
    given = {
        "id": "update-1",
        "version": 1,
        "template": "update",
        "step": "update",
        "occurrence": 1,
        "stage": stage,
        "binding": "b",
        "approvals_needed": 2,
        "drafted_at": NOW,
        "releases": (sent,),
        "letters": 2,
    }
    return NoticeStatus.model_validate(given | changes)


@pytest.mark.parametrize(
    ("changes", "over", "to_hand_over"),
    [
        ({}, True, 2),
        ({"current": False}, False, 0),
        ({"current": False, "letters": 0}, True, 0),
        ({"stage": NoticeStage.DRAFTED}, False, 0),
        ({"stage": NoticeStage.SENDING}, False, 2),
    ],
)
def test_letters_of_another_version_keep_a_notice_going(
    changes: dict[str, object], over: bool, to_hand_over: int
) -> None:
    found = status(**changes)  # type: ignore[arg-type]
    assert (found.is_over, found.letters_to_hand_over) == (over, to_hand_over)
    assert found.wants_work(LATER) is (not over and found.stage is not NoticeStage.DRAFTED)


@pytest.mark.parametrize(
    ("changes", "only"),
    [
        ({}, True),
        ({"letters": 0}, False),
        ({"pending": 1}, False),
        ({"parked": 1}, False),
        ({"not_told": 1}, False),
        ({"releases": ()}, False),
    ],
)
def test_only_letters_are_left_when_nothing_else_waits(changes: dict[str, object], only: bool) -> None:
    drafted = status(NoticeStage.DRAFTED, **changes)
    assert (drafted.only_letters, drafted.has_gone) == (only, only)


def test_the_stage_in_words_names_letters_and_parked_messages() -> None:
    assert status(parked=1).stands == "sent, 1 parked, 2 letters to hand over"
    assert status(letters=0).stands == "sent"
