"""What a rehearsal found is told in outcomes: met, late, missed or still open."""

from datetime import UTC, datetime, timedelta

import pytest

from amends.domain.case.case import Case
from amends.domain.case.states import IncidentState
from amends.domain.feedback.question import Question, QuestionKind, QuestionSource
from amends.domain.incident.commitment import CommitmentState
from amends.domain.notice.notice import NoticeStage, NoticeStatus, PersonState
from amends.domain.playbook.playbook import Event
from amends.domain.rehearse.report import (
    Deadline,
    Noticed,
    QuestionNumbers,
    RehearsalReport,
    RehearsedOutcome,
    asked,
    named_times,
    outcome,
    rehearsed_commitments,
    silences,
    what_was_not_kept,
)
from tests.builders import a_case, a_commitment, a_playbook

START = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
END = START + 30 * DAY


def a_notice(name: str, step: str, next_news_at: datetime | None = None) -> NoticeStatus:
    return NoticeStatus(
        id=name,
        version=1,
        template="update",
        step=step,
        occurrence=1,
        stage=NoticeStage.SENT,
        binding="b",
        approvals_needed=2,
        drafted_at=START,
        next_news_at=next_news_at,
    )


def a_report(**changes: object) -> RehearsalReport:
    ordinary: dict[str, object] = {
        "incident": "stolen-terminals",
        "title": "Stolen",
        "organisation": "B-Tepai",
        "timezone": "UTC",
        "playbook": "customer-data-theft",
        "injects": "nothing goes wrong",
        "people": 10,
        "days": 30,
        "start": START,
        "end": END,
        "state": IncidentState.OPEN,
        "events": {},
        "notices": (),
        "deadlines": (),
        "named_times": (),
        "questions": QuestionNumbers(),
        "commitments": (),
        "occurrences": 1,
        "messages": 0,
        "twice": 0,
    }
    return RehearsalReport.model_validate({**ordinary, **changes})


@pytest.mark.parametrize(
    ("due", "done", "expected"),
    [
        (START + DAY, START, RehearsedOutcome.MET),
        (START + DAY, START + DAY, RehearsedOutcome.MET),
        (START + DAY, START + 2 * DAY, RehearsedOutcome.LATE),
        (START + DAY, None, RehearsedOutcome.MISSED),
        (END + DAY, None, RehearsedOutcome.OPEN),
        (None, START, RehearsedOutcome.MET),
        (None, None, RehearsedOutcome.OPEN),
    ],
)
def test_a_time_is_met_late_missed_or_open(
    due: datetime | None, done: datetime | None, expected: RehearsedOutcome
) -> None:
    assert outcome(due, done, END) is expected


def steps(case: Case) -> tuple[str, str]:
    """A step that tells news, and one that does not."""
    assert case.playbook
    news = next(step.id for step in case.playbook.steps if step.phase == "update")
    return news, next(step.id for step in case.playbook.steps if step.phase == "follow_up")


def test_news_that_come_after_the_named_time_are_late() -> None:
    case = a_case(playbook=a_playbook())
    news, _ = steps(case)
    notices = (a_notice("one", news, START + 3 * DAY), a_notice("two", news, START + 40 * DAY))
    first_at = {"one": START, "two": START + 4 * DAY}
    late, open_ = named_times(case.model_copy(update={"notices": notices}), END, first_at)
    assert (late.outcome, late.next_notice, late.came_at) == (RehearsedOutcome.LATE, "two", START + 4 * DAY)
    assert open_.outcome is RehearsedOutcome.OPEN


def test_a_notice_about_one_promise_is_not_the_news_that_were_named() -> None:
    case = a_case(playbook=a_playbook())
    news, promise = steps(case)
    notices = (a_notice("one", news, START + 3 * DAY), a_notice("kept", promise))
    (named,) = named_times(case.model_copy(update={"notices": notices}), END, {"one": START, "kept": START + DAY})
    assert (named.outcome, named.next_notice) == (RehearsedOutcome.MISSED, "")


def test_the_longest_silence_is_first_and_an_open_end_counts() -> None:
    """The longest silence comes first.

    While the case is open, the time until the end of the rehearsal counts as silence too.
    """
    first_at = {"one": START + DAY, "two": START + 4 * DAY}
    found = silences(a_case(state=IncidentState.OPEN), START, END, first_at)
    assert [(one.after, one.length) for one in found] == [("two", 26 * DAY), ("one", 3 * DAY), ("opened", DAY)]


def test_after_the_case_is_closed_silence_is_no_silence() -> None:
    case = a_case(state=IncidentState.CLOSED, events={Event.CLOSED: START + 4 * DAY})
    found = silences(case, START, END, {"one": START + DAY, "closing": START + 4 * DAY, "kept": START + 20 * DAY})
    assert [one.before for one in found] == ["closing", "one"]


def a_question(answered_after: timedelta | None) -> Question:
    return Question(
        id=1,
        person=1,
        kind=QuestionKind.QUESTION,
        source=QuestionSource.PORTAL,
        locale="en",
        text="?",
        topic="other",
        asked_at=START,
        reply_due_at=START + 2 * DAY,
        owner="care",
        answered_at=answered_after and START + answered_after,
    )


def test_questions_are_answered_late_or_overdue() -> None:
    found = asked([a_question(DAY), a_question(3 * DAY), a_question(None)], 1, END)
    assert (found.asked, found.answered, found.late, found.open, found.overdue) == (3, 2, 1, 1, 1)
    assert found.longest == 3 * DAY


def test_a_promise_that_was_put_off_is_late_even_when_it_is_kept_then() -> None:
    kept = a_commitment(
        due_at=START + DAY, new_due_at=START + 5 * DAY, settled_at=START + 4 * DAY, state=CommitmentState.KEPT
    )
    (found,) = rehearsed_commitments(a_case(commitments=(kept,)), END)
    assert found.outcome is RehearsedOutcome.LATE


def test_a_promise_that_nobody_keeps_is_missed() -> None:
    (found,) = rehearsed_commitments(a_case(commitments=(a_commitment(due_at=START + DAY),)), END)
    assert found.outcome is RehearsedOutcome.MISSED


def test_whoever_was_never_told_stands_first_among_what_was_not_kept() -> None:
    notice = Noticed(
        id="first-notice",
        template="first-notice",
        step="first-notice",
        stands="approved",
        drafted_at=START,
        people={PersonState.SENT: 9},
        not_told=1,
    )
    late = Deadline(
        duty="x.office",
        recipient="the office",
        law="a law",
        due_at=START,
        done_at=None,
        outcome=RehearsedOutcome.MISSED,
    )
    report = a_report(notices=(notice,), deadlines=(late,))
    lines = list(what_was_not_kept(report))
    assert lines[0] == "1 person has no message of first-notice, which stands approved in the end"
    assert lines[1] == "the office (x.office): due 2026-11-18 02:00 UTC, not done"
    assert report.bad == 2


def test_people_who_still_wait_at_the_end_are_named() -> None:
    """People who in the end still wait for a notice that others have got are counted in the report, and the notice is
    named.
    """
    notice = Noticed(
        id="update-1",
        template="update",
        step="update",
        stands="sending",
        drafted_at=START,
        first_at=START,
        people={PersonState.SENT: 7, PersonState.WAITING: 3},
    )
    report = a_report(notices=(notice,))
    assert list(what_was_not_kept(report)) == ["3 people still wait for update-1, which stands sending in the end"]
    assert report.bad == 1


def test_what_was_sent_before_people_were_found_does_not_forget_them() -> None:
    notice = Noticed(id="update-1", template="update", step="update", stands="sent", drafted_at=START, not_told=1)
    assert a_report(notices=(notice,)).bad == 0
