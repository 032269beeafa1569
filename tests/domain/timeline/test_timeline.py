"""A timeline says what waits for whom, what is expected, and what was done."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from amends.domain.case.case import Case
from amends.domain.case.states import IncidentState, OccurrenceKind, OccurrenceState, RecordedOccurrence
from amends.domain.feedback.question import QuestionCounts
from amends.domain.incident.commitment import CommitmentState
from amends.domain.law.duty import Addressee, Duty
from amends.domain.law.filing import Filing
from amends.domain.notice.notice import NoticeRelease, NoticeStage, NoticeStatus, PersonState
from amends.domain.people.person import MailboxRuling
from amends.domain.team.approval import Standing
from amends.domain.team.member import TeamRole
from amends.domain.timeline.timeline import LineKind, TimelineLine, Wait, WaitingTask, folded, timeline
from tests.builders import NOW, a_case, a_commitment, a_duty, a_playbook, an_alert, an_assessment, an_audience
from tests.domain.plan.test_plan import a_notice, a_turn

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATER = NOW + timedelta(days=2)


def an_assessed_case(*duties: Duty, **changes: Any) -> Case:
    """Assessed at NOW; the first notice is drafted and waits."""
    given: dict[str, Any] = {
        "events": {"opened": NOW, "assessed": NOW},
        "assessment": an_assessment(duties=duties),
        "occurrences": (a_turn("assess"), a_turn("first-notice", state=OccurrenceState.WAITING)),
        "notices": (a_notice(),),
    }
    return a_case(**(given | changes))


def a_told_case(**changes: Any) -> Case:
    """Everybody got the first notice an hour after NOW."""
    sent = a_notice(stage=NoticeStage.SENT, sent_at=NOW + HOUR, people={PersonState.SENT: 3})
    given: dict[str, Any] = {
        "events": {"opened": NOW, "assessed": NOW, "notified": NOW + HOUR},
        "occurrences": (a_turn("assess", done_at=NOW), a_turn("first-notice", done_at=NOW + HOUR)),
        "notices": (sent,),
    }
    return an_assessed_case(**(given | changes))


def waits(case: Case, now: datetime, wait: Wait) -> list[WaitingTask]:
    return [one for one in timeline(case, now).waiting if one.wait is wait]


def expected(case: Case, now: datetime, ahead: timedelta = 14 * DAY) -> dict[str, datetime]:
    return {line.what: line.at for line in timeline(case, now, ahead).coming}


def test_a_notice_waits_for_as_many_as_have_not_approved_it() -> None:
    case = an_assessed_case(notices=(a_notice(approvals=("omar",)),))
    assert [(wait.missing, wait.whom) for wait in waits(case, NOW, Wait.APPROVAL)] == [(1, "1 who may approve")]


def test_nobody_of_the_team_is_named() -> None:
    case = an_assessed_case(notices=(a_notice(approvals=("omar",)),))
    assert "omar" not in timeline(case, NOW).model_dump_json()


def test_the_roles_that_must_be_among_the_approvers_are_said() -> None:
    standing = Standing(still_needed=2, missing_roles=(TeamRole.LEGAL,), expired={"omar": NOW})
    found = waits(an_assessed_case(notices=(a_notice(standing=standing),)), NOW, Wait.APPROVAL)[0]
    assert found.whom == "2 who may approve, with legal among them"
    assert found.what == "first-notice: 2 of 2 approvals are missing; one that was given has run out"


def test_approvers_have_the_time_that_the_playbook_gives_them() -> None:
    assert [wait.by for wait in waits(an_assessed_case(), NOW, Wait.APPROVAL)] == [NOW + 24 * HOUR]


def test_a_first_notice_is_wanted_before_the_law_wants_people_told() -> None:
    duty = a_duty(id="eu.people", addressee=Addressee.PEOPLE, due_at=NOW + 5 * HOUR)
    assert [wait.by for wait in waits(an_assessed_case(duty), NOW, Wait.APPROVAL)] == [NOW + 5 * HOUR]


def test_an_approval_that_is_late_is_overdue() -> None:
    assert [wait.overdue for wait in waits(an_assessed_case(), LATER, Wait.APPROVAL)] == [True]


def test_a_rejected_notice_waits_to_be_written_anew() -> None:
    case = an_assessed_case(notices=(a_notice(stage=NoticeStage.REJECTED),))
    assert [one.wait for one in timeline(case, NOW).waiting] == [Wait.REWRITE]


def test_a_notice_that_is_drafted_afresh_waits_for_nobody() -> None:
    case = an_assessed_case(notices=(a_notice(current=False),))
    assert not timeline(case, NOW).waiting
    assert [line.what for line in timeline(case, NOW).going] == ["first-notice is drafted afresh"]


def test_a_held_turn_waits_for_the_lead() -> None:
    held = a_turn("update", 2, OccurrenceState.HELD, note="its run was cancelled in Prefect")
    decision = waits(a_told_case(occurrences=(held,)), LATER, Wait.DECISION)[0]
    assert "update 2 is held: its run was cancelled in Prefect" in decision.what
    assert decision.do == "amends step go|skip november-breach update 2 --as NAME"


def test_a_task_waits_for_its_owner_until_its_time() -> None:
    task = {"id": "call", "phase": "follow_up", "of": "opened", "task": "Call the police.", "owner": "Legal"}
    playbook = a_playbook(steps=[task | {"within": "4h"}])
    case = an_assessed_case(playbook=playbook, notices=(), occurrences=(a_turn("call", state=OccurrenceState.WAITING),))
    found = waits(case, NOW + 5 * HOUR, Wait.DECISION)
    assert [(one.what, one.whom, one.by, one.overdue) for one in found] == [
        ("Call the police.", "Legal", NOW + 4 * HOUR, True)
    ]


def test_a_review_waits_for_its_end() -> None:
    review = {"id": "look", "phase": "follow_up", "of": "opened", "task": "Look back.", "owner": "Lead", "within": "4h"}
    playbook = a_playbook(steps=[review | {"review": True}])
    case = an_assessed_case(playbook=playbook, notices=(), occurrences=(a_turn("look", state=OccurrenceState.WAITING),))
    (found,) = waits(case, NOW, Wait.DECISION)
    assert found.do == f"amends review end {case.incident.id} --as NAME"


@pytest.mark.parametrize("changes", [{"parked": 2}, {"people": {PersonState.UNCERTAIN: 2}}])
def test_messages_on_which_only_a_person_may_decide_are_said(changes: dict[str, Any]) -> None:
    case = a_told_case(notices=(a_notice(stage=NoticeStage.SENDING, sent_at=NOW, **changes),))
    assert "2 messages are" in waits(case, LATER, Wait.DECISION)[0].what


def test_an_overdue_promise_waits_for_its_owner() -> None:
    late = a_commitment(due_at=NOW)
    assert [wait.whom for wait in waits(a_told_case(commitments=(late,)), LATER, Wait.PROMISE)] == ["security"]


def test_a_promise_that_is_not_due_yet_waits_for_nobody() -> None:
    assert not waits(a_told_case(commitments=(a_commitment(),)), LATER, Wait.PROMISE)


def test_open_questions_wait_for_who_answers_them() -> None:
    asked = QuestionCounts(asked=3, open=2, overdue=1)
    found = waits(a_told_case(questions=asked), LATER, Wait.ANSWER)
    assert [(one.whom, one.missing, one.overdue) for one in found] == [("support", 2, True)]


def test_a_legal_deadline_that_nobody_has_recorded_is_overdue() -> None:
    case = an_assessed_case(a_duty(due_at=NOW))
    assert [wait.overdue for wait in waits(case, LATER, Wait.DEADLINE)] == [True]


def test_what_was_filed_is_not_asked_for_again() -> None:
    duty = a_duty(due_at=NOW)
    filing = Filing(number=1, duty=duty.id, filed_at=NOW, by="lena", receipt="R-1", recorded_at=NOW)
    case = an_assessed_case(duty, filings=(filing,))
    assert not waits(case, LATER, Wait.DEADLINE)
    assert f"filed: {duty.id}" in [line.what for line in timeline(case, LATER).past]


def test_duties_of_the_same_time_stand_in_one_line() -> None:
    duties = (a_duty(id=f"law-{n}", recipient_name=f"Office {n}", due_at=NOW) for n in range(4))
    assert [(wait.missing, wait.what) for wait in waits(an_assessed_case(*duties), LATER, Wait.DEADLINE)] == [
        (4, "Office 0, Office 1 and 2 more: nothing is recorded")
    ]


def test_what_is_overdue_stands_before_what_has_time() -> None:
    case = an_assessed_case(a_duty(due_at=NOW + HOUR))
    assert [one.wait for one in timeline(case, NOW + 2 * HOUR).waiting] == [Wait.DEADLINE, Wait.APPROVAL]


def test_an_incident_without_a_playbook_waits_for_one() -> None:
    assert "amends run" in timeline(a_case(playbook=None), NOW).waiting[0].do


def test_a_paused_incident_waits_for_resume_and_says_what_comes() -> None:
    """A paused incident waits to be resumed, and its timeline still says what comes next."""
    case = a_told_case(state=IncidentState.PAUSED)
    assert Wait.RESUME in [one.wait for one in timeline(case, LATER).waiting]
    assert "update 1" in expected(case, LATER)


def test_what_comes_counts_what_waits_as_decided_now() -> None:
    assert expected(an_assessed_case(), NOW)["update 1"] == NOW + 3 * DAY


def test_no_more_is_expected_than_was_asked_for() -> None:
    assert max(expected(an_assessed_case(), NOW, 5 * DAY).values()) <= NOW + 5 * DAY


def test_a_held_step_is_not_expected_to_go_on() -> None:
    held = a_turn("update", 1, OccurrenceState.HELD)
    case = a_told_case(occurrences=(a_turn("assess"), a_turn("first-notice"), held))
    assert not [what for what in expected(case, LATER) if what.startswith("update")]


def test_legal_deadlines_and_promises_to_come_are_expected() -> None:
    promise = a_commitment(due_at=NOW + 4 * DAY)
    case = a_told_case(assessment=an_assessment(duties=(a_duty(due_at=NOW + 3 * DAY),)), commitments=(promise,))
    assert {LineKind.DEADLINE, LineKind.PROMISE} <= {line.kind for line in timeline(case, LATER).coming}


def test_the_named_time_of_the_next_update_is_expected() -> None:
    """The time that people were given for the next update stands among the expected events of the timeline."""
    named = NOW + 3 * DAY
    sent = a_notice(stage=NoticeStage.SENT, sent_at=NOW, next_news_at=named)
    assert expected(a_told_case(notices=(sent,)), LATER)["next news promised by first-notice"] == named


def the_news(*notices: NoticeStatus, now: datetime) -> list[str]:
    sent = a_notice(stage=NoticeStage.SENT, sent_at=NOW, next_news_at=NOW + 3 * DAY)
    shown = timeline(a_told_case(notices=(sent, *notices)), now)
    return [f"{line.what}: {line.note}" for line in (*shown.coming, *shown.past) if line.kind is LineKind.NEWS]


def test_it_says_how_far_the_next_news_has_come() -> None:
    update = a_notice(id="update-1", template="update", step="update", approvals=("omar",))
    promised = "next news promised by first-notice"
    assert the_news(now=LATER) == [f"{promised}: nothing is drafted yet"]
    assert the_news(update, now=LATER) == [f"{promised}: update-1 waits for 1 approval"]


def test_a_missed_update_waits_for_the_lead_until_one_has_come() -> None:
    """A missed time for the next update waits for the lead until an update has been sent.

    Then the timeline says how late it came.
    """
    sent = a_notice(stage=NoticeStage.SENT, sent_at=NOW, next_news_at=NOW + 3 * DAY)
    late = a_notice(id="update-1", step="update", stage=NoticeStage.SENT, sent_at=NOW + 3 * DAY + 2 * HOUR)
    after = NOW + 4 * DAY
    assert [wait.overdue for wait in waits(a_told_case(notices=(sent,)), after, Wait.NEWS)] == [True]
    assert waits(a_told_case(notices=(sent, late)), after, Wait.NEWS) == []
    missed = "the time for news that first-notice named was missed: update-1 came 2 h late"
    assert missed in the_news(late, now=after)


def test_what_was_sent_is_told_with_its_numbers() -> None:
    line = next(line for line in timeline(a_told_case(), LATER).past if line.kind is LineKind.NOTICE)
    assert (line.what, line.note, line.at) == ("first-notice was sent", "3 sent", NOW + HOUR)


def test_what_was_left_out_is_said_to_be() -> None:
    case = a_told_case(occurrences=(a_turn("survey", state=OccurrenceState.SKIPPED),))
    assert "survey 1 was left out" in [line.what for line in timeline(case, LATER).past]


def test_reminders_of_deadlines_are_no_steps_of_the_past() -> None:
    given = RecordedOccurrence(
        kind=OccurrenceKind.DEADLINE, step="eu 2026-11-24T09:00Z", number=1, due_at=NOW, state=OccurrenceState.DONE
    )
    case = a_told_case(occurrences=(), recorded_reminders=(given,))
    assert not [line for line in timeline(case, LATER).past if line.kind is LineKind.STEP]


def test_a_kept_promise_is_told() -> None:
    kept = a_commitment(state=CommitmentState.KEPT, settled_at=NOW + DAY)
    past = timeline(a_told_case(commitments=(kept,)), LATER).past
    assert "the promise audit was kept" in [line.what for line in past]


def test_what_is_being_sent_is_under_way() -> None:
    sending = a_notice(stage=NoticeStage.SENDING, people={PersonState.SENT: 2, PersonState.WAITING: 1})
    line = timeline(a_told_case(notices=(sending,)), LATER).going[0]
    assert (line.what, line.note) == ("first-notice is being sent", "2 sent, 1 waiting")


def test_many_turns_that_tell_nothing_are_one_line() -> None:
    turns = [TimelineLine(at=NOW + n * DAY, kind=LineKind.STEP, what=f"chase {n}", series="chase") for n in range(1, 5)]
    notice = TimelineLine(at=NOW + 2 * DAY, kind=LineKind.NOTICE, what="update 1")
    found = folded((turns[0], notice, *turns[1:]))
    assert [(line.what, line.note) for line in found] == [("chase 1", "and 3 more up to chase 4"), ("update 1", "")]


def test_of_recorded_events_only_those_of_the_case_are_told() -> None:
    """Of the events in the ledger, the timeline tells only those of the case: no steps, alerts or missed times."""
    alerts, missed = (an_alert("Overdue: somebody should have been told", NOW),), {"2026-11-24T09:00Z": NOW}
    case = a_case(events={"opened": NOW, "assess": NOW}, alerts=alerts, missed_updates=missed)
    assert [line.what for line in timeline(case, LATER).past if line.kind is LineKind.EVENT] == ["opened"]


def test_events_of_one_moment_stand_in_the_order_in_which_they_come() -> None:
    events = {"approved": NOW, "assessed": NOW, "notified": NOW, "opened": NOW}
    told = [line.what for line in timeline(a_case(events=events), LATER).past if line.kind is LineKind.EVENT]
    assert told == ["opened", "assessed", "approved", "notified"]


def test_the_last_alerts_of_the_fortnight_are_told_in_order() -> None:
    alerts = tuple(an_alert(f"trouble {day:02}", NOW - timedelta(days=day)) for day in range(16))
    told = [line.what for line in timeline(a_case(alerts=alerts), NOW).alerts]
    assert told == [f"trouble {day:02}" for day in range(9, -1, -1)]
    assert timeline(a_case(alerts=(an_alert("old", NOW - timedelta(days=15)),)), NOW).alerts == ()


SHARED = an_audience(sharing=2)


def test_shared_mailboxes_wait_for_a_decision() -> None:
    (waits,) = (one for one in timeline(a_case(audience=SHARED), NOW).waiting if "mailbox" in one.what)
    assert (waits.wait, waits.whom, waits.what[:29]) == (Wait.DECISION, "the lead", "2 people share a mailbox with")
    assert waits.do == f"amends audience mailboxes {a_case().incident.id} --rule one|each --as NAME"


@pytest.mark.parametrize(
    "changes",
    [
        {"audience": an_audience()},
        {"mailboxes": MailboxRuling.EACH},
        {"mailboxes": MailboxRuling.ONE},
        {"notices": (a_notice(releases=(NoticeRelease(drafted_at=NOW, at=NOW),)),)},
        {"state": IncidentState.CLOSED},
    ],
    ids=["none", "each", "one", "released", "closed"],
)
def test_decided_or_too_late_no_mailbox_waits(changes: dict[str, Any]) -> None:
    case = a_case(**({"audience": SHARED} | changes))
    assert not [one for one in timeline(case, NOW).waiting if "mailbox" in one.what]
