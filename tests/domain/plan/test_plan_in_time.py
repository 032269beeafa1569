"""Times of day, dates, choices, tasks, thresholds and severity: what a playbook can say about when."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from amends.domain.case.case import Case, is_reached, newly_reached
from amends.domain.case.states import OccurrenceKind, OccurrenceState, RecordedOccurrence
from amends.domain.feedback.question import QuestionCounts
from amends.domain.incident.commitment import CommitmentState
from amends.domain.notice.notice import PersonState
from amends.domain.plan.plan import PlannedOccurrence, plan
from amends.domain.playbook.playbook import Playbook, Threshold, at_severity
from amends.domain.risk.levels import Severity
from tests.builders import NOW, a_case, a_commitment, a_playbook, an_incident
from tests.domain.plan.test_plan import DAY, HOUR, a_notice, a_notified_case, a_turn, due, only, upcoming

TASK = {"phase": "follow_up", "task": "Call the bank.", "owner": "Finance", "within": "4h"}


def steps(*changes: dict[str, Any], **playbook: Any) -> Playbook:
    plain = {"phase": "collect_feedback", "after": 0, "of": "opened"}
    return a_playbook(steps=[plain | change for change in changes], commitments=[], **playbook)


def in_berlin(**changes: Any) -> Case:
    incident = an_incident()
    organisation = incident.organisation.model_copy(update={"timezone": "Europe/Berlin"})
    return a_case(incident=incident.model_copy(update={"organisation": organisation}), **changes)


def the_turn(case: Case, step: str = "only") -> PlannedOccurrence:
    return upcoming(case, NOW)[step]


def test_a_step_waits_for_its_time_of_day_on_the_organisations_clock() -> None:
    case = in_berlin(playbook=only(at="23:00"))
    assert case.calendar.shown(the_turn(case).due_at).hour == 23


def test_a_step_on_a_date_needs_no_event() -> None:
    on = datetime(2030, 1, 31, 9, 0, tzinfo=UTC)
    case = a_case(playbook=only(after=0, of="", on=on.isoformat()))
    assert due(case, on - HOUR) == set()
    assert due(case, on) == {("only", 1)}


def test_a_delay_in_business_days_skips_a_weekend() -> None:
    case = in_berlin(playbook=only(after="5 business days"))
    assert the_turn(case).due_at - NOW == timedelta(days=7)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"of": ""}, "either `of` an event, or `on`"),
        ({"on": "2026-12-01T09:00:00Z"}, "either `of` an event, or `on`"),
        ({"of": "", "on": "2026-12-01T09:00:00Z", "after": "1d"}, "leave it out beside `on`"),
        ({"of": "facts_changed", "every": "1d", "at_most": 3}, "comes again by itself"),
        ({"every": "12h", "at_most": 3, "at": "09:00"}, "must be whole days"),
        ({"at": "9 am"}, "09:00"),
        ({"task": "Call the bank."}, "a task needs its owner"),
        ({"owner": "Finance"}, "belong to a task"),
        ({"phase": "assess", **TASK, "phase_": 0}, "Extra inputs"),
        ({**TASK, "phase": "assess"}, "a step of its own"),
        ({"waves": {"size": 0, "pause": "1h"}}, "greater than or equal to 1"),
        ({"waves": {"size": 100, "pause": "0h"}}, "a time above zero is expected"),
    ],
)
def test_a_step_that_makes_no_sense_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        only(**change)


def test_only_one_of_a_choice_is_taken() -> None:
    choice = steps(
        {"id": "many", "one_of": "size", "when": {"people_at_least": 10_000_000}}, {"id": "few", "one_of": "size"}
    )
    assert due(a_case(playbook=choice), NOW) == {("few", 1)}


def test_the_one_that_was_begun_stays_the_one() -> None:
    choice = steps({"id": "loud", "one_of": "tone"}, {"id": "calm", "one_of": "tone", "every": "1d", "at_most": 3})
    assert due(a_case(playbook=choice, occurrences=(a_turn("calm"),)), NOW + DAY) == {("calm", 2)}


def test_a_task_waits_for_a_person_until_its_time_is_over() -> None:
    case = a_case(playbook=only(**TASK), occurrences=(a_turn("only", state=OccurrenceState.WAITING),))
    assert due(case, NOW + HOUR) == set()
    assert due(case, NOW + 4 * HOUR) == {("only", 1)}


def test_that_a_task_is_late_is_told_once() -> None:
    waiting, told = a_turn("only", state=OccurrenceState.WAITING), a_turn("only", kind=OccurrenceKind.LATE)
    case = a_case(playbook=only(**TASK), occurrences=(waiting,), recorded_reminders=(told,))
    assert due(case, NOW + 400 * DAY) == set()


def late(name: str, after: timedelta, state: CommitmentState = CommitmentState.OPEN) -> Any:
    return a_commitment(id=name, due_at=NOW + after, state=state)


def test_each_day_on_which_a_promise_is_late_is_a_turn() -> None:
    step = only(of="commitment_late", after="1d", phase="follow_up")
    promises = (late("a", DAY), late("b", DAY), late("c", 3 * DAY), late("kept", 2 * DAY, CommitmentState.KEPT))
    first = a_notified_case(playbook=step, commitments=promises)
    assert upcoming(first, NOW)["only"].due_at == NOW + 2 * DAY
    done = a_turn("only", due_at=NOW + 2 * DAY)
    second = a_notified_case(playbook=step, commitments=promises, occurrences=(done,))
    assert (upcoming(second, NOW)["only"].number, upcoming(second, NOW)["only"].due_at) == (2, NOW + 4 * DAY)


def test_a_change_of_the_facts_is_a_turn_of_its_own() -> None:
    step = only(of="facts_changed", phase="collect_feedback")
    assert due(a_case(playbook=step), NOW) == set()
    changed = {"opened": NOW, "facts_changed": NOW + HOUR}
    assert due(a_case(playbook=step, version=3, events=changed), NOW + HOUR) == {("only", 2)}


def test_a_doubtful_clock_holds_every_timer() -> None:
    assert plan(a_case(playbook=only(), clock_doubt="it jumped"), NOW).due == ()


def asked(count: int) -> QuestionCounts:
    return QuestionCounts(asked=count, open=count)


def test_a_threshold_is_an_event_once_it_is_reached() -> None:
    book = steps(
        {"id": "more-staff", "of": "many-questions"}, thresholds={"many-questions": {"questions_at_least": 200}}
    )
    assert newly_reached(a_case(playbook=book, questions=asked(199))) == ()
    assert newly_reached(a_case(playbook=book, questions=asked(200))) == ("many-questions",)
    reached = {"opened": NOW, "many-questions": NOW}
    assert newly_reached(a_case(playbook=book, questions=asked(200), events=reached)) == ()
    assert due(a_case(playbook=book, events=reached), NOW) == {("more-staff", 1)}


def test_a_share_of_people_told_counts_only_those_it_was_sent_to() -> None:
    nearly_all = Threshold(told_percent_at_least=95)
    people = {PersonState.SENT: 90, PersonState.DELIVERED: 5, PersonState.UNREACHABLE: 5}
    assert is_reached(a_case(notices=(a_notice(people=people),)), nearly_all)
    fewer = people | {PersonState.WAITING: 1}
    assert not is_reached(a_case(notices=(a_notice(people=fewer),)), nearly_all)
    assert not is_reached(a_case(), nearly_all)


def test_a_threshold_with_two_numbers_or_none_is_refused() -> None:
    for numbers in ({}, {"questions_at_least": 1, "open_questions_at_least": 1}):
        with pytest.raises(ValidationError, match="give one of"):
            Threshold(**numbers)  # type: ignore[arg-type]


def test_a_threshold_takes_no_name_that_is_taken() -> None:
    with pytest.raises(ValidationError, match="a name of its own"):
        steps({"id": "only"}, thresholds={"opened": {"questions_at_least": 1}})


def test_a_graver_case_runs_faster() -> None:
    changes = {"high": {"only": {"every": "2d"}}, "very_high": {"only": {"every": "1d", "at_most": 9}}}
    book = steps({"id": "only", "every": "7d", "at_most": 5}, by_severity=changes)
    found = [str(at_severity(book, severity).step("only").every) for severity in (None, *Severity)]
    assert found == ["1w", "1w", "1w", "2d", "1d"]
    assert at_severity(book, Severity.VERY_HIGH).step("only").at_most == 9


@pytest.mark.parametrize("changes", [{"other": {"every": "1d"}}, {"only": {"at_most": 3}}])
def test_a_change_by_severity_that_does_not_fit_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        steps({"id": "only"}, by_severity={"high": changes})


@pytest.mark.parametrize(
    ("quiet", "said"),
    [
        ({"from": "21:00", "until": "21:00"}, "begin and end at the same time"),
        ({"from": "21:00", "until": "08:00", "channels": ["website"]}, "disturb nobody"),
    ],
)
def test_quiet_hours_without_a_meaning_are_refused(quiet: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        steps({"id": "only"}, quiet_hours=quiet)


def test_what_is_done_is_not_due_for_a_task_that_was_told_late() -> None:
    done = (RecordedOccurrence(step="only", number=1, due_at=NOW, state=OccurrenceState.DONE),)
    assert due(a_case(playbook=only(**TASK), occurrences=done), NOW + DAY) == set()
