"""What is due and what comes next, from the case and the time alone."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.domain.case.case import Case
from amends.domain.case.states import IncidentState, OccurrenceState, RecordedOccurrence
from amends.domain.closing.closing import ready_to_close, without_word
from amends.domain.feedback.question import QuestionCounts
from amends.domain.incident.commitment import CommitmentState
from amends.domain.notice.notice import NoticeRelease, NoticeStage, NoticeStatus
from amends.domain.people.access_request import RequestCounts
from amends.domain.plan.plan import PlannedOccurrence, holds, next_news_at, plan
from amends.domain.playbook.playbook import Playbook, Step, When
from tests.builders import (
    NOW,
    a_case,
    a_commitment,
    a_playbook,
    an_assessment,
    an_audience,
    an_incident,
    reasons_not_to_close,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def a_turn(
    step: str, number: int = 1, state: OccurrenceState = OccurrenceState.DONE, **changes: Any
) -> RecordedOccurrence:
    return RecordedOccurrence(**({"step": step, "number": number, "due_at": NOW, "state": state} | changes))


def a_notice(**changes: Any) -> NoticeStatus:
    given: dict[str, Any] = {
        "id": "first-notice",
        "version": 1,
        "template": "first-notice",
        "step": "first-notice",
        "occurrence": 1,
        "stage": NoticeStage.DRAFTED,
        "binding": "b" * 64,
        "approvals_needed": 2,
        "drafted_at": NOW,
    }
    return NoticeStatus(**(given | changes))


def a_notified_case(**changes: Any) -> Case:
    """Assessed and told at NOW; nothing has come back yet."""
    given: dict[str, Any] = {
        "events": {"opened": NOW, "assessed": NOW, "notified": NOW},
        "assessment": an_assessment(),
        "occurrences": (a_turn("assess"), a_turn("first-notice")),
    }
    return a_case(**(given | changes))


def only(**changes: Any) -> Playbook:
    """A playbook of one step; an assessment at once, when nothing else is said."""
    step = {"id": "only", "phase": "assess", "after": 0, "of": "opened"}
    return a_playbook(steps=[step | changes], commitments=[])


def due(case: Case, now: datetime) -> set[tuple[str, int]]:
    return {(turn.step, turn.number) for turn in plan(case, now).due}


def upcoming(case: Case, now: datetime) -> dict[str, PlannedOccurrence]:
    return {turn.step: turn for turn in plan(case, now).upcoming}


def test_without_a_playbook_there_is_nothing_to_do() -> None:
    assert plan(a_case(playbook=None), NOW) == plan(a_case(playbook=None), NOW + DAY)
    assert due(a_case(playbook=None), NOW + DAY) == set()


def test_a_step_is_due_its_span_after_its_event() -> None:
    case = a_case(playbook=only(after="24h"))
    assert due(case, NOW + DAY - HOUR) == set()
    assert due(case, NOW + DAY) == {("only", 1)}


def test_a_step_that_is_not_due_yet_is_upcoming_with_its_time() -> None:
    case = a_case(playbook=only(after="24h"))
    assert upcoming(case, NOW)["only"].due_at == NOW + DAY


def test_a_done_step_is_never_due_again() -> None:
    case = a_case(occurrences=(a_turn("assess"),), assessment=an_assessment())
    assert due(case, NOW + 300 * DAY) == set()


def test_a_step_whose_event_has_not_happened_is_not_planned() -> None:
    """A step whose event has not happened is neither due nor upcoming, however much time passes."""
    case = a_case(occurrences=(a_turn("assess"),), assessment=an_assessment())
    assert plan(case, NOW + 300 * DAY).due == plan(case, NOW + 300 * DAY).upcoming == ()


def test_a_step_can_follow_another_step() -> None:
    case = a_notified_case(
        events={"opened": NOW, "survey": NOW + DAY},
        playbook=only(of="survey", after="1h", id="survey", phase="collect_feedback"),
        occurrences=(),
    )
    assert due(case, NOW + DAY + HOUR) == {("survey", 1)}


def test_a_skipped_turn_counts_as_begun() -> None:
    case = a_notified_case()
    skipped = case.model_copy(update={"occurrences": (*case.occurrences, a_turn("update", 1, OccurrenceState.SKIPPED))})
    assert upcoming(skipped, NOW)["update"].number == 2


def test_a_series_counts_its_turns_from_one() -> None:
    case = a_notified_case()
    assert ("update", 1) in due(case, NOW + 3 * DAY)


def test_the_next_turn_of_a_series_keeps_the_rhythm() -> None:
    case = a_notified_case()
    case = case.model_copy(update={"occurrences": (*case.occurrences, a_turn("update", 1))})
    turn = upcoming(case, NOW + 4 * DAY)["update"]
    assert (turn.number, turn.due_at) == (2, NOW + 6 * DAY)


def test_after_an_outage_an_overdue_series_collapses_into_one_turn() -> None:
    turns = [turn for turn in plan(a_notified_case(), NOW + 13 * DAY).due if turn.step == "update"]
    assert [(turn.number, turn.due_at) for turn in turns] == [(4, NOW + 12 * DAY)]


def test_a_series_ends_with_its_event() -> None:
    case = a_notified_case()
    resolved = case.model_copy(update={"events": case.events | {"resolved": NOW + DAY}})
    assert "update" not in {step for step, _ in due(resolved, NOW + 30 * DAY)}


def test_a_series_runs_at_most_so_often() -> None:
    case = a_notified_case(playbook=only(phase="collect_feedback", every="1d", at_most=3))
    assert due(case, NOW + 30 * DAY) == {("only", 3)}
    assert due(case.model_copy(update={"occurrences": (a_turn("only", 3),)}), NOW + 60 * DAY) == set()


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"severity_at_least": "high"}, True),
        ({"severity_at_least": "very_high"}, False),
        ({"people_at_least": 3}, True),
        ({"people_at_least": 4}, False),
        ({"cause": ["external_attack", "insider"]}, True),
        ({"cause": ["theft"]}, False),
        ({"vector": ["sql_injection"]}, True),
        ({"vector": ["phishing"]}, False),
        ({"data_includes": ["health", "contact"]}, True),
        ({"data_includes": ["health"]}, False),
        ({"open_commitments": False}, True),
        ({"open_commitments": True}, False),
        ({"open_questions": False}, True),
        ({"open_questions": True}, False),
        ({"cause": ["external_attack"], "vector": ["phishing"]}, False),
    ],
)
def test_all_that_a_condition_names_must_hold(when: dict[str, Any], expected: bool) -> None:
    assert holds(a_notified_case(), When.model_validate(when)) is expected


@pytest.mark.parametrize(
    "when",
    [
        {"severity_at_least": "very_high"},
        {"people_at_least": 1_000_000},
        {"cause": ["theft"]},
        {"vector": ["phishing"]},
        {"data_includes": ["health"]},
    ],
)
def test_what_nobody_knows_counts_as_holding(when: dict[str, Any]) -> None:
    case = a_case(incident=an_incident(facts={}), audience=an_audience(people=0))
    assert holds(case, When.model_validate(when))


def test_data_that_may_be_touched_counts_as_touched() -> None:
    """A kind of data that may or may not be touched counts as touched in a condition."""
    listed = ["contact", {"value": "health", "certainty": "unknown"}]
    case = a_case(incident=an_incident(facts={"data_categories": listed}))
    assert holds(case, When.model_validate({"data_includes": ["health"]}))


def test_a_kind_of_data_that_is_ruled_out_does_not_count() -> None:
    listed = ["contact", {"value": "health", "certainty": "ruled_out"}]
    case = a_case(incident=an_incident(facts={"data_categories": listed}))
    assert not holds(case, When.model_validate({"data_includes": ["health"]}))


def test_a_cause_that_is_ruled_out_does_not_hold() -> None:
    facts = {"cause": {"value": "theft", "certainty": "ruled_out"}}
    assert not holds(a_case(incident=an_incident(facts=facts)), When.model_validate({"cause": ["theft"]}))


def test_a_promise_is_open_until_those_promised_know_how_it_ended() -> None:
    kept = a_commitment(state=CommitmentState.KEPT, settled_at=NOW)
    open_only = When(open_commitments=True)
    assert holds(a_notified_case(commitments=(kept,), untold={"audit": 1}), open_only)
    assert not holds(a_notified_case(commitments=(kept,)), open_only)


def test_a_step_whose_condition_fails_is_not_due() -> None:
    assert due(a_case(playbook=only(when={"cause": ["theft"]})), NOW) == set()


def test_nothing_is_due_while_the_incident_is_paused() -> None:
    assert due(a_notified_case(state=IncidentState.PAUSED), NOW + 30 * DAY) == set()


def test_a_paused_incident_still_shows_what_comes() -> None:
    assert "update" in upcoming(a_notified_case(state=IncidentState.PAUSED), NOW)


def test_after_closing_only_promises_go_on() -> None:
    playbook = a_playbook()
    forever = [step.model_copy(update={"until": None}) for step in playbook.steps]
    case = a_notified_case(
        state=IncidentState.CLOSED,
        commitments=(a_commitment(),),
        playbook=playbook.model_copy(update={"steps": tuple(forever)}),
    )
    planned = plan(case, NOW + 30 * DAY)
    assert {turn.step for turn in (*planned.due, *planned.upcoming)} == {"chase"}


def waiting(notice: NoticeStatus | None, **changes: Any) -> Case:
    """The first notice's turn has begun; this is what it drafted."""
    begun = (a_turn("assess"), a_turn("first-notice", state=OccurrenceState.WAITING))
    given = {"occurrences": begun, "events": {"opened": NOW, "assessed": NOW}, "notices": (notice,) if notice else ()}
    return a_case(**(given | changes))


@pytest.mark.parametrize(
    ("notice", "goes_on"),
    [
        (None, True),
        (a_notice(stage=NoticeStage.DRAFTED), False),
        (a_notice(stage=NoticeStage.DRAFTED, current=False), True),
        (a_notice(stage=NoticeStage.REJECTED), False),
        (a_notice(stage=NoticeStage.REJECTED, current=False), True),
        (a_notice(stage=NoticeStage.APPROVED), True),
        (a_notice(stage=NoticeStage.SENDING), True),
        (a_notice(stage=NoticeStage.SENDING, next_try_at=NOW + HOUR), False),
        (a_notice(stage=NoticeStage.SENDING, next_try_at=NOW), True),
        (a_notice(stage=NoticeStage.SENT), True),
    ],
)
def test_a_begun_occurrence_goes_on_when_no_person_is_needed(notice: NoticeStatus | None, goes_on: bool) -> None:
    """An occurrence that was begun is due again when there is work that needs no person: a notice to draft, to release
    or to send, or one that has been sent. It is not due while a current draft waits for approval or is rejected, or
    while a message waits for its next try.
    """
    assert (("first-notice", 1) in due(waiting(notice), NOW)) is goes_on


def test_a_message_that_was_put_off_makes_its_turn_upcoming() -> None:
    case = waiting(a_notice(stage=NoticeStage.SENDING, next_try_at=NOW + HOUR))
    assert upcoming(case, NOW)["first-notice"].due_at == NOW + HOUR


ONLY_PARKED = {"stage": NoticeStage.SENDING, "parked": 2, "sent_at": NOW}


def test_parked_messages_do_not_hold_up_the_next_occurrence() -> None:
    """An occurrence of which only parked messages are left is not due, and does not hold up the next occurrence of its
    step.
    """
    notice = a_notice(id="update-1", step="update", **ONLY_PARKED)
    case = a_notified_case(notices=(notice,))
    turns = (*case.occurrences, a_turn("update", 1, OccurrenceState.WAITING))
    found = due(case.model_copy(update={"occurrences": turns}), NOW + 6 * DAY)
    assert {turn for turn in found if turn[0] == "update"} == {("update", 2)}


@pytest.mark.parametrize("changes", [{"pending": 1}, {"pending": 1, "next_try_at": NOW}, {"sent_at": None}])
def test_parked_messages_do_not_hold_up_the_other_messages(changes: dict[str, Any]) -> None:
    """An occurrence with parked messages goes on with the other messages of its notice."""
    assert ("first-notice", 1) in due(waiting(a_notice(**(ONLY_PARKED | changes))), NOW)


def test_people_count_as_told_when_only_parked_messages_are_left() -> None:
    assert a_notice(**ONLY_PARKED).has_gone
    assert not a_notice(**(ONLY_PARKED | {"pending": 1})).has_gone


def test_a_notice_with_parked_messages_speaks_against_closing() -> None:
    case = a_notified_case(notices=(a_notice(**ONLY_PARKED),))
    assert "not sent: first-notice (2 parked)" in reasons_not_to_close(case, NOW)


@pytest.mark.parametrize("stage", [NoticeStage.DRAFTED, NoticeStage.REJECTED])
def test_a_draft_waits_for_people_as_long_as_it_is_current(stage: NoticeStage) -> None:
    assert plan(waiting(a_notice(stage=stage)), NOW).awaiting_approval == ("first-notice",)
    assert plan(waiting(a_notice(stage=stage, current=False)), NOW).awaiting_approval == ()


def test_a_series_waits_until_its_last_turn_is_finished() -> None:
    case = a_notified_case(notices=(a_notice(id="update-1", step="update"),))
    begun = a_turn("update", 1, OccurrenceState.WAITING)
    case = case.model_copy(update={"occurrences": (*case.occurrences, begun)})
    assert "update" not in {step for step, _ in due(case, NOW + 20 * DAY)}


def test_a_promise_does_not_wait_for_the_approval_of_another() -> None:
    case = a_notified_case(commitments=(a_commitment(),), notices=(a_notice(id="promise-late-audit-1", step="chase"),))
    begun = a_turn("chase", 1, OccurrenceState.WAITING, due_at=NOW + DAY)
    case = case.model_copy(update={"occurrences": (*case.occurrences, begun)})
    assert ("chase", 2) in due(case, NOW + 2 * DAY)


@pytest.mark.parametrize("step", ["update", "chase", "survey"])
def test_a_held_step_stays_held_until_a_person_decides(step: str) -> None:
    case = a_notified_case(commitments=(a_commitment(),))
    held = a_turn(step, 1, OccurrenceState.HELD)
    case = case.model_copy(update={"occurrences": (*case.occurrences, held)})
    planned = plan(case, NOW + 40 * DAY)
    assert planned.held == (step,)
    assert step not in {turn.step for turn in (*planned.due, *planned.upcoming)}


def test_a_turn_that_was_set_up_again_keeps_its_revision() -> None:
    case = a_case(occurrences=(a_turn("assess", state=OccurrenceState.PLANNED, revision=2),))
    assert [turn.revision for turn in plan(case, NOW).due] == [2]


def test_amended_facts_make_the_assessment_due_again() -> None:
    case = a_notified_case(version=3, events={"opened": NOW, "assessed": NOW})
    assert ("assess", 3) in due(case, NOW)


def test_telling_people_makes_the_assessment_due_again() -> None:
    """Telling people makes the assessment due again, because it starts clocks."""
    case = a_notified_case(version=3)
    assert ("assess", 4) in due(case, NOW)


def test_each_version_of_the_facts_is_assessed_once() -> None:
    case = a_notified_case(version=3, assessment=an_assessment(version=4))
    assert "assess" not in {step for step, _ in due(case, NOW + 30 * DAY)}


def told(*notices: NoticeStatus, notified: datetime = NOW) -> Case:
    return a_notified_case(notices=notices, events={"opened": NOW, "assessed": NOW, "notified": notified})


def test_an_update_is_due_early_enough_for_the_time_last_named() -> None:
    """An update is due early enough to be approved by the time that the last notice named."""
    first = a_notice(stage=NoticeStage.SENT, sent_at=NOW + 2 * DAY, next_news_at=NOW + 4 * DAY)
    case = told(first, notified=NOW + 2 * DAY)
    assert upcoming(case, NOW + 2 * DAY)["update"].due_at == NOW + 3 * DAY


def test_of_several_named_times_the_first_to_come_counts() -> None:
    """Of several named times, the first one that is still to come decides when the update is due."""
    first = a_notice(stage=NoticeStage.SENT, sent_at=NOW, next_news_at=NOW + 3 * DAY)
    survey = a_notice(id="survey", step="survey", stage=NoticeStage.SENT, sent_at=NOW, next_news_at=NOW + 4 * DAY)
    assert upcoming(told(first, survey), NOW)["update"].due_at == NOW + 2 * DAY


def test_a_named_time_that_has_been_met_counts_no_more() -> None:
    first = a_notice(stage=NoticeStage.SENT, sent_at=NOW, next_news_at=NOW + 2 * DAY)
    update = a_notice(id="update-1", step="update", stage=NoticeStage.SENT, sent_at=NOW + 2 * DAY)
    assert upcoming(told(first, update), NOW + 2 * DAY)["update"].due_at == NOW + 3 * DAY


def test_an_invitation_to_a_survey_does_not_meet_the_named_time() -> None:
    first = a_notice(stage=NoticeStage.SENT, sent_at=NOW, next_news_at=NOW + 2 * DAY)
    survey = a_notice(id="survey", step="survey", stage=NoticeStage.SENT, sent_at=NOW + 2 * DAY)
    assert ("update", 1) in due(told(first, survey), NOW + 2 * DAY)


def step_of(case: Case, step: str) -> Step:
    assert case.playbook
    return case.playbook.step(step)


def test_the_first_notice_names_the_time_of_the_first_update() -> None:
    """The first notice names the time of the first update, the time for its approval included."""
    case = a_case(events={"opened": NOW, "assessed": NOW})
    assert next_news_at(case, step_of(case, "first-notice"), 1, NOW) == NOW + 4 * DAY


def test_the_named_time_is_the_next_full_hour() -> None:
    case = a_case()
    later = NOW + timedelta(minutes=1)
    assert next_news_at(case, step_of(case, "first-notice"), 1, later) == NOW + 4 * DAY + HOUR


def test_an_update_names_the_occurrence_after_itself_even_if_early() -> None:
    """An update names the time of the occurrence after itself, even when it is drafted early."""
    case = a_notified_case()
    assert next_news_at(case, step_of(case, "update"), 1, NOW + 2 * DAY) == NOW + 7 * DAY


def test_another_notice_does_not_name_an_update_that_was_sent_early() -> None:
    case = a_notified_case()
    case = case.model_copy(update={"occurrences": (*case.occurrences, a_turn("update", 1))})
    assert next_news_at(case, step_of(case, "survey"), 1, NOW + 2 * DAY) == NOW + 7 * DAY


def test_after_its_last_turn_no_update_is_named() -> None:
    case = a_notified_case()
    assert next_news_at(case, step_of(case, "update"), 20, NOW + 60 * DAY) is None


def test_a_resolved_incident_names_no_next_time() -> None:
    case = a_notified_case(events={"opened": NOW, "notified": NOW, "resolved": NOW})
    assert next_news_at(case, step_of(case, "update"), 1, NOW + DAY) is None


def test_an_update_whose_event_may_never_come_is_not_named() -> None:
    last = {"id": "afterwards", "phase": "update", "after": "30d", "of": "resolved"}
    case = a_case(playbook=a_playbook(steps=[a_playbook().steps[0].model_dump(), last]))
    assert next_news_at(case, step_of(case, "assess"), 1, NOW) is None


CLOSING = {"id": "closing", "phase": "notify", "after": 0, "of": "resolved", "notice": "closing", "channels": ["email"]}


def a_resolved_case(*turns: RecordedOccurrence, **changes: Any) -> Case:
    given = {"events": {"opened": NOW, "notified": NOW, "resolved": NOW}, "occurrences": turns}
    return a_case(**({"playbook": a_playbook(steps=[CLOSING])} | given | changes))


def test_a_case_is_ready_to_close_when_its_closing_steps_are_done() -> None:
    assert ready_to_close(a_resolved_case(a_turn("closing")), NOW)
    assert ready_to_close(a_resolved_case(a_turn("closing", state=OccurrenceState.SKIPPED)), NOW)


@pytest.mark.parametrize("state", [OccurrenceState.WAITING, OccurrenceState.HELD, OccurrenceState.PLANNED])
def test_a_case_is_not_ready_to_close_before_its_closing_step_is_done(state: OccurrenceState) -> None:
    assert not ready_to_close(a_resolved_case(a_turn("closing", state=state)), NOW)


def test_a_closing_step_that_does_not_apply_keeps_no_case_open() -> None:
    closing = CLOSING | {"when": {"cause": ["theft"]}}
    assert ready_to_close(a_resolved_case(playbook=a_playbook(steps=[closing])), NOW)


@pytest.mark.parametrize("stage", [NoticeStage.APPROVED, NoticeStage.SENDING])
def test_a_case_is_not_closed_while_a_notice_must_reach_people(stage: NoticeStage) -> None:
    """A case is not ready to close while an approved notice is still to reach people."""
    assert not ready_to_close(a_resolved_case(a_turn("closing"), notices=(a_notice(stage=stage),)), NOW)


def test_a_closed_case_brings_to_its_end_what_is_being_sent() -> None:
    going = {"occurrences": (a_turn("first-notice", state=OccurrenceState.WAITING),), "state": IncidentState.CLOSED}
    sending = a_notified_case(**going, notices=(a_notice(stage=NoticeStage.SENDING),))
    assert due(sending, NOW) == {("first-notice", 1)}
    assert due(a_notified_case(**going, notices=(a_notice(stage=NoticeStage.DRAFTED),)), NOW) == set()


@pytest.mark.parametrize("stage", [NoticeStage.APPROVED, NoticeStage.SENDING])
def test_a_notice_that_was_left_out_for_good_keeps_no_case_open(stage: NoticeStage) -> None:
    skipped = a_turn("first-notice", state=OccurrenceState.SKIPPED)
    assert ready_to_close(a_resolved_case(a_turn("closing"), skipped, notices=(a_notice(stage=stage),)), NOW)


def test_a_closed_case_that_is_paused_is_closed_all_the_same() -> None:
    closed = a_case(state=IncidentState.CLOSED, events={"opened": NOW, "notified": NOW, "closed": NOW})
    paused = closed.model_copy(update={"state": IncidentState.PAUSED})
    assert paused.is_closed
    assert paused.resumed() == closed
    assert plan(paused, NOW + DAY).upcoming == plan(closed, NOW + DAY).upcoming
    assert not a_case(state=IncidentState.PAUSED).is_closed


@pytest.mark.parametrize(
    ("changes", "expected"), [({"current": False}, 1), ({}, 0), ({"stage": NoticeStage.APPROVED}, 1)]
)
def test_people_found_late_or_released_are_told_in_a_closed_case(changes: dict[str, Any], expected: int) -> None:
    """In a closed case, people who were found late or are no longer held are told: the notice that others have is
    drafted afresh for them, approved and sent.
    """
    afresh = a_notice(releases=(NoticeRelease(at=NOW, drafted_at=NOW),), sent_at=NOW, **changes)
    waiting = (a_turn("first-notice", state=OccurrenceState.WAITING),)
    closed = a_notified_case(occurrences=waiting, state=IncidentState.CLOSED, notices=(afresh,))
    assert len(due(closed, NOW)) == expected


def test_an_approved_version_does_not_wait_for_deferring_mailboxes() -> None:
    """An approved version is sent without waiting for the mailboxes that deferred the version before it."""
    put_off = a_notice(
        stage=NoticeStage.APPROVED, releases=(NoticeRelease(at=NOW, drafted_at=NOW),), next_try_at=NOW + HOUR
    )
    waiting = (a_turn("first-notice", state=OccurrenceState.WAITING),)
    assert ("first-notice", 1) in due(a_notified_case(occurrences=waiting, notices=(put_off,)), NOW)


def test_an_unresolved_or_closed_case_is_not_ready_to_close() -> None:
    assert not ready_to_close(a_resolved_case(a_turn("closing"), events={"opened": NOW}), NOW)
    assert not ready_to_close(a_resolved_case(a_turn("closing"), state=IncidentState.CLOSED), NOW)


def test_nothing_speaks_against_closing_when_all_is_told_and_answered() -> None:
    case = a_notified_case(notices=(a_notice(stage=NoticeStage.SENT, sent_at=NOW),))
    assert reasons_not_to_close(case, NOW) == ()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"events": {"opened": NOW}}, "nobody has been told"),
        ({"notices": (a_notice(),)}, "not sent: first-notice"),
        ({"commitments": (a_commitment(due_at=NOW - DAY),)}, "nobody was told: audit"),
        ({"incident": an_incident(times={})}, "contained"),
    ],
)
def test_what_speaks_against_closing_is_said(changes: dict[str, Any], reason: str) -> None:
    (said,) = reasons_not_to_close(a_notified_case(**changes), NOW)
    assert reason in said


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"questions": QuestionCounts(asked=3, open=2)}, "2 questions have no answer"),
        ({"reports_open": 1}, "1 reports from personal pages"),
        ({"requests": RequestCounts(open=4)}, "4 requests for data"),
    ],
)
def test_nothing_is_closed_before_who_asked_has_a_word(changes: dict[str, Any], reason: str) -> None:
    (said,) = without_word(a_notified_case(**changes))
    assert reason in said
    assert not ready_to_close(a_resolved_case(a_turn("closing"), **changes), NOW)


jumps = st.lists(st.timedeltas(timedelta(minutes=1), timedelta(days=9)), min_size=1, max_size=25)


@given(jumps, st.randoms(use_true_random=False))
def test_whatever_the_jumps_in_time_no_turn_is_ever_due_twice(jumps: list[timedelta], random: Any) -> None:
    case, now, seen = a_case(commitments=(a_commitment(),)), NOW, set[tuple[str, int]]()
    last: dict[str, int] = {}
    for jump in jumps:
        now += jump
        planned = plan(case, now)
        assert planned == plan(case, now)
        for turn in planned.due:
            assert turn.due_at <= now
            assert (turn.step, turn.number) not in seen
            assert turn.number > last.get(turn.step, 0)
            if random.random() < 0.2:
                continue  # its run failed, and it stays due
            seen.add((turn.step, turn.number))
            last[turn.step] = turn.number
            case = done(case, turn, now)


def done(case: Case, turn: PlannedOccurrence, now: datetime) -> Case:
    """The case with this turn done, and with what follows from it."""
    brings = {"assess": "assessed", "first-notice": "notified"}
    happened = {turn.step: now, brings.get(turn.step, turn.step): now}
    occurrence = a_turn(turn.step, turn.number, due_at=turn.due_at, done_at=now)
    changes: dict[str, Any] = {"events": happened | case.events, "occurrences": (*case.occurrences, occurrence)}
    if turn.step == "assess":
        changes["assessment"] = an_assessment(version=turn.number)
    return case.model_copy(update=changes)


def test_a_step_can_wait_for_something_that_was_told_wrongly() -> None:
    assert not holds(a_case(), When(told_wrongly=True))
    assert holds(a_case(told_wrongly=("cause",)), When(told_wrongly=True))
