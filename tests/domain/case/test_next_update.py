"""The times that people were given for news: kept, replaced, running or missed; and who must write when nothing would."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from amends.domain.base.text import in_both, say_span
from amends.domain.case.case import Case
from amends.domain.case.next_update import (
    Fate,
    NextUpdate,
    as_news_stands,
    awaited,
    holding_step,
    longest_silence,
    missed_event,
    next_updates,
    to_be_sorry_for,
    warnings,
)
from amends.domain.case.states import IncidentState, OccurrenceState, RecordedOccurrence
from amends.domain.closing.closing import is_over
from amends.domain.notice.notice import NoticeRelease, NoticeStage, NoticeStatus, PersonState
from amends.domain.plan.forecast import forecast
from amends.domain.plan.plan import plan
from amends.domain.playbook.playbook import HOLDING, Gate, Phase, Playbook
from tests.builders import NOW, a_case, a_playbook, an_assessment

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
FRIDAY = NOW + 3 * DAY
"""The time that the first notice names."""
WAITING, HELD, SKIPPED = OccurrenceState.WAITING, OccurrenceState.HELD, OccurrenceState.SKIPPED


def a_notice(notice: str, step: str = "update", **changes: Any) -> NoticeStatus:
    given: dict[str, Any] = {
        "id": notice,
        "version": 1,
        "template": step,
        "step": step,
        "occurrence": 1,
        "stage": NoticeStage.DRAFTED,
        "binding": "b" * 64,
        "approvals_needed": 2,
        "drafted_at": NOW,
    }
    return NoticeStatus(**(given | changes))


def sent(notice: str, at: datetime, names: datetime | None = None, step: str = "update", **more: Any) -> NoticeStatus:
    return a_notice(notice, step, stage=NoticeStage.SENT, sent_at=at, next_news_at=names, **more)


FIRST = sent("first-notice", NOW, FRIDAY, "first-notice")


def with_correction() -> Playbook:
    steps = [step.model_dump(by_alias=True) for step in a_playbook().steps]
    by_email = {"notice": "correction", "channels": ["email"]}
    return a_playbook(steps=[*steps, {"id": "correction", "phase": "notify", "of": "facts_changed", **by_email}])


TOLD = (
    RecordedOccurrence(step="assess", number=1, due_at=NOW, state=OccurrenceState.DONE),
    RecordedOccurrence(step="first-notice", number=1, due_at=NOW, state=OccurrenceState.DONE),
)


def told(*others: NoticeStatus, **changes: Any) -> Case:
    """People got the first notice; it named Friday."""
    given: dict[str, Any] = {
        "events": {"opened": NOW, "assessed": NOW, "notified": NOW},
        "assessment": an_assessment(),
        "occurrences": TOLD,
        "notices": (FIRST, *others),
        "playbook": with_correction(),
    }
    return a_case(**(given | changes))


def a_turn(
    step: str, number: int = 1, state: OccurrenceState = OccurrenceState.DONE, **changes: Any
) -> RecordedOccurrence:
    return RecordedOccurrence(**({"step": step, "number": number, "due_at": NOW, "state": state} | changes))


def the_clock(case: Case, now: datetime, until: datetime = FRIDAY) -> NextUpdate:
    return next(clock for clock in next_updates(case, now) if clock.until == until)


# What became of a time


def test_before_anybody_was_told_there_is_no_clock() -> None:
    drafted = a_notice("first-notice", "first-notice", next_news_at=FRIDAY)
    assert next_updates(told(notices=(drafted,)), NOW) == ()
    assert awaited(told(notices=(drafted,))) is None


def test_a_time_runs_until_it_comes() -> None:
    clock = the_clock(told(), NOW + DAY)
    assert (clock.fate, clock.named_by, clock.named_at) == (Fate.RUNNING, ("first-notice",), NOW)


@pytest.mark.parametrize(
    ("left", "fate"), [(-HOUR, Fate.KEPT), (timedelta(), Fate.KEPT), (SECOND, Fate.MISSED), (2 * HOUR, Fate.MISSED)]
)
def test_an_update_whose_sending_begins_in_time_keeps_the_time(left: timedelta, fate: Fate) -> None:
    """The named time is kept by an update whose sending begins by then, and missed by an update whose sending begins a
    second later.
    """
    clock = the_clock(told(sent("update-1", FRIDAY + left)), FRIDAY + DAY)
    assert (clock.fate, clock.by) == (fate, "update-1")
    assert clock.late_by(FRIDAY + DAY) == max(left, timedelta())


def test_at_its_minute_it_still_runs_and_a_second_later_it_is_missed() -> None:
    assert the_clock(told(), FRIDAY).fate is Fate.RUNNING
    late = the_clock(told(), FRIDAY + SECOND)
    assert (late.fate, late.by, late.late_by(FRIDAY + SECOND)) == (Fate.MISSED, "", SECOND)


def test_a_large_update_keeps_it_when_it_has_begun_to_leave() -> None:
    going = a_notice(
        "update-1",
        stage=NoticeStage.SENDING,
        releases=(NoticeRelease(at=FRIDAY - HOUR, drafted_at=FRIDAY - HOUR),),
        people={PersonState.SENT: 1},
    )
    assert the_clock(told(going), FRIDAY + DAY).fate is Fate.KEPT


def test_what_was_let_go_and_could_not_leave_keeps_nothing() -> None:
    stuck = a_notice(
        "update-1",
        stage=NoticeStage.SENDING,
        releases=(NoticeRelease(at=FRIDAY - HOUR, drafted_at=FRIDAY - HOUR),),
        people={PersonState.WAITING: 3},
    )
    assert the_clock(told(stuck), FRIDAY + SECOND).fate is Fate.MISSED


def test_a_time_recorded_as_missed_stays_missed_after_a_stuck_update() -> None:
    """A named time that is recorded as missed stays missed when an update that was released in time, but stuck, is sent
    later.
    """
    update = sent("update-1", FRIDAY + 3 * HOUR, releases=(NoticeRelease(at=FRIDAY - HOUR, drafted_at=FRIDAY - HOUR),))
    case = told(update)
    assert the_clock(case, FRIDAY + DAY).fate is Fate.KEPT
    noted = case.model_copy(update={"missed_updates": {missed_event(FRIDAY): FRIDAY + SECOND}})
    clock = the_clock(noted, FRIDAY + DAY)
    assert (clock.fate, clock.late_by(FRIDAY + DAY)) == (Fate.MISSED, 3 * HOUR)


def test_a_missed_time_stays_missed_when_the_clock_is_set_back() -> None:
    """A named time that is recorded as missed stays missed when the machine's clock is set back to before that time."""
    case = told(missed_updates={missed_event(FRIDAY): FRIDAY + SECOND})
    assert the_clock(case, FRIDAY - DAY).fate is Fate.MISSED


@pytest.mark.parametrize("step", ["survey", "chase"])
def test_an_invitation_or_the_news_of_a_promise_keeps_nothing(step: str) -> None:
    assert the_clock(told(sent("other", NOW + DAY, step=step)), FRIDAY + SECOND).fate is Fate.MISSED


def test_a_correction_that_names_a_time_of_its_own_replaces_it() -> None:
    case = told(sent("correction-1", NOW + DAY, FRIDAY + DAY, "correction"))
    now = FRIDAY + SECOND
    assert [(clock.fate, clock.by) for clock in next_updates(case, now)] == [
        (Fate.REPLACED, "correction-1"),
        (Fate.RUNNING, ""),
    ]


def test_a_correction_that_names_the_same_time_again_keeps_it_running() -> None:
    case = told(sent("correction-1", NOW + DAY, FRIDAY, "correction"))
    clock = the_clock(case, NOW + 2 * DAY)
    assert (clock.fate, clock.named_by) == (Fate.RUNNING, ("first-notice", "correction-1"))
    assert the_clock(case, FRIDAY + SECOND).fate is Fate.MISSED


def test_news_that_names_no_further_time_keeps_what_was_named() -> None:
    assert the_clock(told(sent("closing", NOW + DAY, step="first-notice")), FRIDAY + DAY).fate is Fate.KEPT


def test_a_survey_that_names_an_earlier_time_adds_a_next_update() -> None:
    """A survey that names an earlier time than the first notice adds a next update of its own.

    The earlier time is awaited, and missed while the later one still runs.
    """
    case = told(sent("survey", NOW + HOUR, NOW + DAY, "survey"))
    assert awaited(case) == NOW + DAY
    assert [clock.fate for clock in next_updates(case, NOW + 2 * DAY)] == [Fate.MISSED, Fate.RUNNING]


def test_those_who_got_an_earlier_version_go_by_what_that_one_said() -> None:
    versions = (
        NoticeRelease(at=NOW, drafted_at=NOW, next_news_at=FRIDAY),
        NoticeRelease(at=NOW + DAY, drafted_at=NOW + DAY, next_news_at=FRIDAY + DAY),
    )
    first = sent("first-notice", NOW + DAY, FRIDAY + DAY, "first-notice", releases=versions)
    assert [clock.until for clock in next_updates(told(notices=(first,)), NOW)] == [FRIDAY, FRIDAY + DAY]


def test_notices_sent_at_the_same_moment_count_in_drafting_order() -> None:
    """Notices that were sent at the same moment count in the order in which they were drafted."""
    case = told(sent("closing", NOW, step="first-notice"))
    assert the_clock(case, FRIDAY + DAY).by == "closing"
    assert awaited(case) is None


@pytest.mark.parametrize("day", [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)])
def test_a_night_in_which_clocks_change_is_neither_longer_nor_shorter(day: datetime) -> None:
    """Five in the morning in Berlin, told on the evening before: the zone's hour differs, the moment does not."""
    until = datetime(day.year, day.month, day.day, 5, tzinfo=ZoneInfo("Europe/Berlin"))
    first = sent("first-notice", day - DAY, until, "first-notice")
    case = told(sent("update-1", until - SECOND), notices=(first,))
    assert the_clock(case, until, until.astimezone(UTC)).fate is Fate.RUNNING
    kept = told(notices=(first, sent("update-1", until.astimezone(UTC) - SECOND)))
    assert the_clock(kept, until + DAY, until.astimezone(UTC)).fate is Fate.KEPT
    assert "05:00 on" in in_both(until.astimezone(UTC), "Europe/Berlin")


def test_the_longest_silence_is_between_two_that_brought_news() -> None:
    case = told(
        sent("survey", NOW + 2 * DAY, step="survey"), sent("update-1", NOW + 4 * DAY), sent("update-2", NOW + 5 * DAY)
    )
    silence = longest_silence(case, NOW + 6 * DAY)
    assert silence and (silence.after, silence.before, silence.length) == ("first-notice", "update-1", 4 * DAY)


def test_a_silence_that_goes_on_counts_until_now() -> None:
    silence = longest_silence(told(), NOW + 9 * DAY)
    assert silence and (silence.before, silence.length) == ("now", 9 * DAY)


def test_a_span_is_said_in_days_hours_and_minutes() -> None:
    spans = (timedelta(), SECOND, 2 * DAY + 3 * HOUR + timedelta(minutes=4))
    assert [say_span(span) for span in spans] == ["", "under a minute", "2 d 3 h 4 min"]


# The word that is owed


def sorry_until(case: Case, now: datetime) -> datetime | None:
    clock = to_be_sorry_for(case, now)
    return clock.until if clock else None


def test_nobody_is_sorry_for_what_was_kept() -> None:
    assert sorry_until(told(sent("update-1", FRIDAY)), FRIDAY + DAY) is None
    assert sorry_until(told(), FRIDAY) is None


def test_a_missed_time_is_owed_a_word_until_one_left_that_says_it() -> None:
    late = FRIDAY + HOUR
    assert sorry_until(told(), late) == FRIDAY
    assert sorry_until(told(sent("update-1", late, sorry_for=FRIDAY)), late + DAY) is None


def test_the_update_after_a_late_one_apologises_and_no_later_one() -> None:
    """When the late update does not apologise for the missed time, the update after it does, and no later one."""
    late = sent("update-1", FRIDAY + HOUR)
    assert sorry_until(told(late), FRIDAY + DAY) == FRIDAY
    assert sorry_until(told(late, sent("update-2", FRIDAY + 7 * DAY)), FRIDAY + 8 * DAY) is None


def test_of_several_missed_times_the_first_is_named() -> None:
    case = told(sent("survey", NOW + HOUR, FRIDAY - HOUR, "survey"))
    assert sorry_until(case, FRIDAY + DAY) == FRIDAY - HOUR


def test_a_draft_without_an_apology_is_redrafted_after_a_missed_time() -> None:
    """A draft that does not apologise is drafted afresh once the named time was missed, and its step is due again."""
    case = told(a_notice("update-1"), occurrences=(*TOLD, a_turn("update", 1, WAITING)))
    assert as_news_stands(case, FRIDAY) == case
    after = as_news_stands(case, FRIDAY + SECOND)
    assert [notice.id for notice in after.notices if not notice.current] == ["update-1"]
    assert ("update", 1) in due(after, FRIDAY + SECOND)


@pytest.mark.parametrize(
    "changes", [{"stage": NoticeStage.APPROVED}, {"stage": NoticeStage.REJECTED}, {"sorry_for": FRIDAY}]
)
def test_what_is_approved_rejected_or_says_it_stays_as_it_is(changes: dict[str, Any]) -> None:
    case = told(a_notice("update-1", **changes))
    assert as_news_stands(case, FRIDAY + SECOND) == case


def test_an_invitation_is_not_written_anew() -> None:
    case = told(a_notice("survey", "survey"))
    assert as_news_stands(case, FRIDAY + SECOND) == case


# Warnings


def test_a_lead_is_warned_at_half_and_at_a_quarter_of_the_time() -> None:
    """A lead is warned when half of the time is left and when a quarter is left.

    Between these two moments it stays the same warning. There is no warning earlier, and none after the named time.
    """
    within = 24 * HOUR
    assert warnings(told(), FRIDAY - within / 2 - SECOND) == ()
    at = (FRIDAY - within / 2, FRIDAY - within / 4 - SECOND, FRIDAY - within / 4)
    half, still, quarter = (warnings(told(), moment)[0] for moment in at)
    assert (still.id, quarter.id == half.id) == (half.id, False)
    assert "half of the time" in half.what
    assert "a quarter of the time" in quarter.what and f"{FRIDAY:%Y-%m-%d %H:%M} UTC" in quarter.what
    assert warnings(told(), FRIDAY + SECOND) == ()


def test_what_is_approved_warns_nobody_unless_the_incident_is_paused() -> None:
    approved = a_notice("update-1", stage=NoticeStage.APPROVED)
    assert warnings(told(approved), FRIDAY - HOUR) == ()
    assert "is paused" in warnings(told(approved, state=IncidentState.PAUSED), FRIDAY - HOUR)[0].what


def test_a_draft_or_an_approved_survey_does_not_silence_the_warning() -> None:
    survey = a_notice("survey", "survey", stage=NoticeStage.APPROVED)
    assert warnings(told(a_notice("update-1"), survey), FRIDAY - HOUR) != ()


def test_a_stale_or_already_running_update_does_not_end_the_warning() -> None:
    """A lead is warned although an update is approved, if it must be drafted afresh, and although an update is being
    sent, if this update itself named the awaited time.
    """
    stale = a_notice("update-1", stage=NoticeStage.APPROVED, current=False)
    assert warnings(told(stale), FRIDAY - HOUR) != ()
    let_go = (NoticeRelease(at=NOW + DAY, drafted_at=NOW, next_news_at=FRIDAY + DAY),)
    going = a_notice("update-1", stage=NoticeStage.SENDING, releases=let_go, people={PersonState.SENT: 1})
    assert warnings(told(going), FRIDAY + DAY - HOUR) != ()


@pytest.mark.parametrize("state", [HELD, SKIPPED])
def test_what_is_approved_and_does_not_leave_warns_all_the_same(state: OccurrenceState) -> None:
    approved = a_notice("update-1", stage=NoticeStage.APPROVED)
    assert warnings(told(approved, occurrences=(*TOLD, a_turn("update", 1, state))), FRIDAY - HOUR) != ()


# The holding statement


def due(case: Case, now: datetime) -> set[tuple[str, int]]:
    return {(turn.step, turn.number) for turn in plan(case, now).due}


def holding_at(case: Case, now: datetime = NOW) -> datetime | None:
    planned = plan(case, now)
    return next((turn.due_at for turn in (*planned.due, *planned.upcoming) if turn.step == HOLDING), None)


def without_updates() -> Playbook:
    steps = [step.model_dump(by_alias=True) for step in a_playbook().steps if step.phase is not Phase.UPDATE]
    return a_playbook(steps=steps)


def with_updates(**changes: Any) -> Playbook:
    steps = [step.model_dump(by_alias=True) for step in a_playbook().steps]
    return a_playbook(steps=[step | changes if step["id"] == "update" else step for step in steps])


BY = FRIDAY - DAY
"""When approvers must get what is to leave on Friday."""


def test_a_running_series_needs_no_holding_statement() -> None:
    assert holding_at(told()) is None
    assert ("update", 1) in due(told(), BY)


def test_without_updates_a_holding_statement_keeps_the_named_time() -> None:
    """In a playbook without updates, a holding statement is planned early enough to keep the named time."""
    assert holding_at(told(playbook=without_updates())) == BY


def test_a_series_at_its_end_keeps_the_last_time_that_it_named() -> None:
    last = sent("update-2", NOW + DAY, FRIDAY)
    turns = (*TOLD, a_turn("update", 1), a_turn("update", 2))
    case = told(last, occurrences=turns, playbook=with_updates(at_most=2))
    assert holding_at(case) == BY


def test_updates_that_no_longer_apply_leave_it_to_a_holding_statement() -> None:
    """When the condition of the updates holds no longer, a holding statement keeps the named time."""
    rare = with_updates(when={"people_at_least": 10_000_000})
    assert holding_at(told(playbook=rare)) == BY


def test_in_a_pause_it_is_drafted_all_the_same() -> None:
    paused = told(state=IncidentState.PAUSED)
    assert due(paused, BY) == {(HOLDING, 1)}


def test_in_a_pause_it_is_not_tried_to_be_sent() -> None:
    drafted = a_notice("holding-1", HOLDING, stage=NoticeStage.APPROVED)
    turns = (*TOLD, a_turn(HOLDING, 1, WAITING))
    assert due(told(drafted, state=IncidentState.PAUSED, occurrences=turns), BY + HOUR) == set()
    assert (HOLDING, 1) in due(told(drafted, occurrences=turns), BY + HOUR)


def test_an_update_that_is_drafted_already_needs_none_in_a_pause() -> None:
    drafted = a_notice("update-1")
    case = told(drafted, state=IncidentState.PAUSED, occurrences=(*TOLD, a_turn("update", 1, WAITING)))
    assert holding_at(case, BY) is None


@pytest.mark.parametrize("state", [HELD, WAITING])
def test_an_update_that_is_held_or_rejected_does_not_keep_the_time(state: OccurrenceState) -> None:
    stage = NoticeStage.REJECTED if state is WAITING else NoticeStage.DRAFTED
    assert holding_at(told(a_notice("update-1", stage=stage), occurrences=(*TOLD, a_turn("update", 1, state)))) == BY


def test_an_update_that_was_left_out_for_good_does_not_keep_the_time() -> None:
    """The last of its series, so that no other comes in its place."""
    approved = a_notice("update-20", occurrence=20, stage=NoticeStage.APPROVED)
    case = told(approved, occurrences=(*TOLD, a_turn("update", 20, SKIPPED)))
    assert holding_at(case) == BY


def test_a_correction_that_is_due_needs_no_holding_statement() -> None:
    case = told(playbook=with_correction(), state=IncidentState.OPEN)
    held = case.model_copy(update={"occurrences": (*case.occurrences, a_turn("update", 1, HELD)), "version": 2})
    changed = held.model_copy(update={"events": held.events | {"facts_changed": NOW + HOUR}})
    assert holding_at(held) == BY
    assert holding_at(changed) is None


def test_a_missed_time_is_still_owed() -> None:
    assert (HOLDING, 1) in due(told(playbook=without_updates()), FRIDAY + 9 * DAY)


def test_a_sent_holding_statement_keeps_the_time_and_names_the_next() -> None:
    """A holding statement that is sent in time keeps the named time.

    The next holding statement is planned early enough to keep the time that the sent one names.
    """
    said = sent("holding-1", FRIDAY - HOUR, FRIDAY + 7 * DAY, HOLDING)
    case = told(said, playbook=without_updates(), occurrences=(*TOLD, a_turn(HOLDING, 1)))
    assert the_clock(case, FRIDAY + DAY).fate is Fate.KEPT
    planned = [turn for turn in plan(case, FRIDAY).upcoming if turn.step == HOLDING]
    assert [(turn.number, turn.due_at) for turn in planned] == [(2, FRIDAY + 6 * DAY)]


def test_one_that_was_skipped_is_not_asked_for_again_for_this_time() -> None:
    skipped = told(playbook=without_updates(), occurrences=(*TOLD, a_turn(HOLDING, 1, SKIPPED, due_at=BY)))
    assert holding_at(skipped, FRIDAY) is None


def test_a_holding_statement_that_nobody_awaits_is_dropped() -> None:
    """A drafted holding statement that nobody waits for any more, because an update was sent, is dropped, and its
    occurrence is due again to end.
    """
    drafted = a_notice("holding-1", HOLDING)
    case = told(drafted, sent("update-1", BY + HOUR), occurrences=(*TOLD, a_turn(HOLDING, 1, WAITING)))
    after = as_news_stands(case, BY + 2 * HOUR)
    assert "holding-1" not in {notice.id for notice in after.notices}
    assert (HOLDING, 1) in due(after, BY + 2 * HOUR)


def test_news_that_names_a_later_time_makes_it_needless_too() -> None:
    drafted, update = a_notice("holding-1", HOLDING), sent("update-1", BY + HOUR, FRIDAY + 7 * DAY)
    case = told(drafted, update, occurrences=(*TOLD, a_turn(HOLDING, 1, WAITING, due_at=BY)))
    assert "holding-1" not in {notice.id for notice in as_news_stands(case, BY + 2 * HOUR).notices}


def test_an_awaited_or_sent_holding_statement_stays() -> None:
    """A holding statement that people still wait for stays in the case, and so does one that has been sent."""
    turn = a_turn(HOLDING, 1, WAITING, due_at=BY)
    drafted = told(a_notice("holding-1", HOLDING), occurrences=(*TOLD, turn))
    left = told(sent("holding-1", BY + HOUR, FRIDAY + 7 * DAY, HOLDING), occurrences=(*TOLD, turn))
    assert [as_news_stands(case, BY + 2 * HOUR) for case in (drafted, left)] == [drafted, left]


def test_while_it_waits_for_approval_nothing_of_it_is_due() -> None:
    case = told(
        a_notice("holding-1", HOLDING), playbook=without_updates(), occurrences=(*TOLD, a_turn(HOLDING, 1, WAITING))
    )
    assert HOLDING not in {step for step, _ in due(case, BY + HOUR)}


def test_a_closed_case_that_owes_people_a_word_is_not_over() -> None:
    silent = told(playbook=without_updates(), state=IncidentState.CLOSED, assessment=None)
    assert holding_at(silent) == BY
    assert not is_over(silent, BY)
    heard = told(sent("closing", NOW + DAY, step="first-notice"), state=IncidentState.CLOSED, assessment=None)
    assert holding_at(heard) is None
    assert is_over(heard, BY)


def test_a_closed_case_with_a_waiting_notice_is_not_over() -> None:
    """A closed case in which somebody still waits for a notice that is drafted afresh is not over.

    It is over once the occurrence is skipped.
    """
    let_go = {"releases": (NoticeRelease(at=NOW, drafted_at=NOW),), "sent_at": NOW}
    afresh = a_notice("first-notice", "first-notice", **let_go)
    changes = {"state": IncidentState.CLOSED, "assessment": None}
    going = a_turn("first-notice", 1, WAITING)
    assert not is_over(told(notices=(afresh,), occurrences=(going,), **changes), NOW)
    assert is_over(told(notices=(afresh,), occurrences=(a_turn("first-notice", 1, SKIPPED),), **changes), NOW)


def test_when_nobody_can_tell_what_time_it_is_none_falls_due() -> None:
    assert due(told(playbook=without_updates(), clock_doubt="it jumped"), FRIDAY) == set()


def test_it_goes_the_way_by_which_people_were_told_last() -> None:
    first, later = holding_step(told()), holding_step(told(sent("update-1", NOW + DAY)))
    assert set(first.channels) == {"email", "website", "sms", "social"}
    assert set(later.channels) == {"email", "website"}
    assert (first.phase, first.notice, first.repeats, first.approvals.needed) == (Phase.UPDATE, HOLDING, True, 2)


def test_a_holding_statement_needs_the_approvals_of_the_last_notice() -> None:
    """A holding statement needs as many approvals as the notice by which people were told."""
    steps = [step.model_dump(by_alias=True) | {"approvals": 3} for step in a_playbook().steps]
    assert holding_step(told(playbook=a_playbook(steps=steps))).approvals.needed == 3


def test_the_public_hears_after_the_people_in_a_holding_statement_too() -> None:
    steps = [step.model_dump(by_alias=True) | {"waits_for": ["direct_notices"]} for step in a_playbook().steps]
    assert holding_step(told(playbook=a_playbook(steps=steps))).waits_for == (Gate.DIRECT_NOTICES,)


def test_a_forecast_has_each_update_and_no_holding_statement() -> None:
    """A forecast has each update at its time, and no holding statement while updates keep the named times."""
    turns = [turn for turn in forecast(told(), NOW, NOW + 12 * DAY) if turn.step in ("update", HOLDING)]
    assert [(turn.step, turn.due_at - NOW) for turn in turns] == [
        ("update", 2 * DAY),
        ("update", 6 * DAY),
        ("update", 9 * DAY),
        ("update", 12 * DAY),
    ]


def test_a_forecast_without_updates_has_one_holding_statement() -> None:
    """A forecast has exactly one holding statement where nothing else keeps the named time."""
    turns = [turn for turn in forecast(told(playbook=without_updates()), NOW, NOW + 60 * DAY) if turn.step == HOLDING]
    assert [(turn.number, turn.due_at) for turn in turns] == [(1, BY)]


def test_a_notice_names_its_time_although_one_mailbox_defers_it() -> None:
    """A notice that one mailbox still defers names its time all the same: the update is drafted for the time that most
    people have read already.
    """
    first = a_notice(
        "first-notice",
        "first-notice",
        stage=NoticeStage.SENDING,
        next_news_at=NOW + 2 * DAY,
        people={PersonState.SENT: 2, PersonState.WAITING: 1},
        releases=(NoticeRelease(at=NOW, drafted_at=NOW, next_news_at=NOW + 2 * DAY),),
    )
    assert ("update", 1) in due(told(notices=(first,)), NOW + DAY)


def test_a_reopened_holding_statement_does_not_hold_up_another() -> None:
    """A holding statement that goes on for people who were found late and a newer one do not hold each other up,
    because each may wait for something else: one for approval, the other for nothing.
    """
    reopened = a_notice(
        "holding-1", HOLDING, stage=NoticeStage.SENDING, releases=(NoticeRelease(at=NOW, drafted_at=NOW),)
    )
    next_one = a_notice("holding-2", HOLDING, occurrence=2)
    turns = (*TOLD, a_turn(HOLDING, 2, WAITING), a_turn(HOLDING, 1, WAITING))
    assert (HOLDING, 1) in due(told(reopened, next_one, occurrences=turns), BY)


def test_a_deferring_mailbox_does_not_hold_up_the_next_draft() -> None:
    """A holding statement of which one mailbox defers its message does not keep the next holding statement from being
    drafted.
    """
    left = {
        "releases": (NoticeRelease(at=NOW, drafted_at=NOW, next_news_at=FRIDAY),),
        "next_news_at": FRIDAY,
        "next_try_at": FRIDAY + DAY,
    }
    said = a_notice("holding-1", HOLDING, stage=NoticeStage.SENDING, people={PersonState.SENT: 9}, **left)
    case = told(said, playbook=without_updates(), occurrences=(*TOLD, a_turn(HOLDING, 1, WAITING)))
    assert (HOLDING, 2) in due(case, BY)


def test_a_notice_kept_back_overnight_is_not_followed_by_another() -> None:
    """A holding statement that waits for the morning is not followed by another one in the same night.

    Nobody has it yet, so the time that people were told is still owed, and this statement keeps it.
    """
    at_night = a_notice(
        "holding-1",
        HOLDING,
        stage=NoticeStage.SENDING,
        releases=(NoticeRelease(at=BY, drafted_at=BY, next_news_at=FRIDAY + 7 * DAY),),
        people={PersonState.WAITING: 9},
        kept_back=9,
        next_try_at=BY + 9 * HOUR,
    )
    case = told(at_night, playbook=without_updates(), occurrences=(*TOLD, a_turn(HOLDING, 1, WAITING)))
    planned = plan(case, BY + HOUR)
    assert {turn.number for turn in (*planned.due, *planned.upcoming) if turn.step == HOLDING} == {1}
