"""Replacing a playbook moves turns, keeps what has begun, and voids what was approved."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from amends.domain.case.case import Case
from amends.domain.case.states import OccurrenceState, RecordedOccurrence
from amends.domain.draft.draft import notices_wanted
from amends.domain.notice.notice import NoticeStage, NoticeStatus, PersonState
from amends.domain.plan.changes import RETIRED
from amends.domain.plan.migration import migration, retire
from amends.domain.plan.plan import plan
from amends.domain.playbook.playbook import Playbook
from tests.builders import NOW, a_case, a_playbook, an_assessment

DAY = timedelta(days=1)
LATER = NOW + 2 * DAY
Moves = dict[tuple[str, int], tuple[timedelta | None, timedelta | None]]


def without(*ids: str) -> Playbook:
    steps = [step.model_dump(by_alias=True) for step in a_playbook().steps if step.id not in ids]
    return a_playbook(steps=steps)


def changed(step_id: str, **keys: Any) -> Playbook:
    steps = [step.model_dump(by_alias=True) | (keys if step.id == step_id else {}) for step in a_playbook().steps]
    return a_playbook(steps=steps)


def a_turn(step: str, number: int = 1, state: OccurrenceState = OccurrenceState.DONE) -> RecordedOccurrence:
    return RecordedOccurrence(step=step, number=number, due_at=NOW, state=state, done_at=NOW)


def a_notice(notice: str, step: str, number: int = 1, **changes: Any) -> NoticeStatus:
    given: dict[str, Any] = {
        "id": notice,
        "version": 1,
        "template": step,
        "step": step,
        "occurrence": number,
        "stage": NoticeStage.DRAFTED,
        "binding": "b" * 64,
        "approvals_needed": 2,
        "drafted_at": NOW,
    }
    return NoticeStatus(**(given | changes))


def a_told_case(*more: NoticeStatus, turns: tuple[RecordedOccurrence, ...] = (), **changes: Any) -> Case:
    """People were told at NOW."""
    sent = a_notice("first-notice", "first-notice", stage=NoticeStage.SENT, sent_at=NOW)
    given: dict[str, Any] = {
        "events": {"opened": NOW, "assessed": NOW, "notified": NOW},
        "assessment": an_assessment(version=2),
        "occurrences": (a_turn("assess"), a_turn("first-notice"), *turns),
        "notices": (sent, *more),
    }
    return a_case(**(given | changes))


def moves(new: Playbook, case: Case | None = None, ahead: timedelta = 10 * DAY) -> Moves:
    found = migration(case or a_told_case(), new, LATER, ahead).shifts
    return {(one.step, one.number): (since(one.before), since(one.after)) for one in found}


def since(at: datetime | None) -> timedelta | None:
    return at - NOW if at else None


def test_the_same_playbook_moves_nothing() -> None:
    assert moves(a_playbook()) == {}


def test_turns_that_come_sooner_are_shown_with_both_times() -> None:
    assert moves(changed("survey", after="4d")) == {("survey", 1): (5 * DAY, 4 * DAY)}


def test_a_turn_that_falls_away_has_no_time_after() -> None:
    assert moves(without("survey")) == {("survey", 1): (5 * DAY, None)}


def test_a_new_step_whose_event_has_long_happened_is_due_at_once() -> None:
    steps = [step.model_dump(by_alias=True) for step in a_playbook().steps]
    extra = {"id": "extra", "phase": "update", "of": "opened", "notice": "update", "channels": ["email"]}
    assert moves(a_playbook(steps=[*steps, extra])) == {("extra", 1): (None, LATER - NOW)}


def test_a_turn_that_moves_out_of_sight_does_not_seem_to_vanish() -> None:
    assert moves(changed("survey", after="12d")) == {("survey", 1): (5 * DAY, 12 * DAY)}


def test_a_turn_that_moves_into_sight_is_shown_with_both_times() -> None:
    assert moves(changed("survey", after="4d"), ahead=2 * DAY + DAY / 2) == {("survey", 1): (5 * DAY, 4 * DAY)}


def test_a_shift_says_who_is_told() -> None:
    shift = migration(a_told_case(), without("survey"), LATER).shifts[0]
    assert shift.whom == "everyone by email"


def test_what_was_sent_stays() -> None:
    assert migration(a_told_case(), without("survey"), LATER).sent == ("first-notice",)


def test_what_is_drafted_loses_its_approvals() -> None:
    update = a_notice("update-1", "update", approvals=("omar",))
    case = a_told_case(update, turns=(a_turn("update", 1, OccurrenceState.WAITING),))
    assert [(one.notice, one.approvals) for one in migration(case, without("survey"), LATER).redone] == [
        ("update-1", 1)
    ]


def test_what_is_half_sent_is_told_with_who_waits() -> None:
    people = {PersonState.SENT: 2, PersonState.WAITING: 1}
    update = a_notice("update-1", "update", stage=NoticeStage.SENDING, people=people, pending=1)
    case = a_told_case(update, turns=(a_turn("update", 1, OccurrenceState.WAITING),))
    assert [(one.told, one.waiting) for one in migration(case, without("survey"), LATER).redone] == [(2, 1)]


# What has begun of a step that is gone


def begun(**changes: Any) -> Case:
    """The second update has begun; its notice waits."""
    turns = (a_turn("update", 1), a_turn("update", 2, OccurrenceState.WAITING))
    return a_told_case(a_notice("update-2", "update", 2, **changes), turns=turns)


def test_a_turn_that_has_begun_keeps_its_step() -> None:
    found = migration(begun(), without("update"), LATER)
    assert [(one.step, one.number, one.left) for one in found.stranded] == [("update", 2, False)]
    assert found.playbook.step("update").reads_on == RETIRED


def test_it_is_held_when_nothing_of_it_has_left() -> None:
    assert migration(begun(), without("update"), LATER).hold == {("update", 2)}


def test_it_goes_on_when_some_people_have_it() -> None:
    case = begun(stage=NoticeStage.SENDING, people={PersonState.SENT: 2, PersonState.WAITING: 1})
    assert migration(case, without("update"), LATER).hold == frozenset()


def test_a_step_of_which_nothing_is_open_is_not_kept() -> None:
    case = a_told_case(turns=(a_turn("update", 1),))
    assert migration(case, without("update"), LATER).playbook == without("update")


def test_a_kept_step_plans_its_open_turn_and_no_other() -> None:
    case = begun(stage=NoticeStage.APPROVED)
    after = case.model_copy(update={"playbook": migration(case, without("update"), LATER).playbook})
    for days in (0, 3, 30, 300):
        planned = plan(after, LATER + days * DAY)
        turns = {(turn.step, turn.number) for turn in (*planned.due, *planned.upcoming) if turn.step == "update"}
        assert turns == {("update", 2)}


def test_a_kept_step_has_no_turn_once_its_last_is_done() -> None:
    case = begun()
    done = a_told_case(turns=(a_turn("update", 1), a_turn("update", 2)))
    after = done.model_copy(update={"playbook": migration(case, without("update"), LATER).playbook})
    planned = plan(after, LATER + 30 * DAY)
    assert "update" not in {turn.step for turn in (*planned.due, *planned.upcoming)}


@pytest.mark.parametrize("of", ["notified", "facts_changed"])
def test_a_kept_step_goes_on_with_the_notice_it_had(of: str) -> None:
    series = {"every": "3d", "until": "resolved", "at_most": 20} if of == "notified" else {}
    keys = {"id": "update", "phase": "update", "of": of, "notice": "update", "channels": ["email"]}
    step = a_playbook(steps=[keys | series]).step("update")
    case = a_told_case()
    assert notices_wanted(case, retire(step, 2), 2) == notices_wanted(case, step, 2)


def test_the_kept_playbook_can_be_stored_and_read() -> None:
    kept = migration(begun(), without("update"), LATER).playbook
    assert Playbook.model_validate(kept.model_dump(mode="json", by_alias=True)) == kept


def test_a_task_that_is_gone_is_kept_until_it_is_done() -> None:
    task = {"id": "call", "phase": "follow_up", "of": "opened", "task": "Call the police.", "owner": "Legal"}
    old = a_playbook(steps=[task | {"within": "4h"}], commitments=[])
    case = a_case(playbook=old, occurrences=(a_turn("call", 1, OccurrenceState.WAITING),))
    assert migration(case, a_playbook(), NOW).playbook.step("call").task == "Call the police."
