"""The figures of a review: counted from the case, and said in words."""

from datetime import timedelta
from typing import Any

import pytest

from amends.domain.base.money import Money
from amends.domain.case.case import Case
from amends.domain.claim.claim import ClaimTotals
from amends.domain.closing.figures import ReplyTime, figures
from amends.domain.closing.text import closing_lines, note_sections
from amends.domain.feedback.survey.survey import Estimate, QuestionResult, SurveyResults
from amends.domain.incident.commitment import CommitmentState
from amends.domain.notice.notice import NoticeRelease, PersonState
from amends.domain.playbook.closing import CarriedOver, ClosingOverride, Criterion
from amends.domain.review import ReviewKind, ReviewNote, figure_lines, why_not_note
from amends.domain.team.vote import Vote
from tests.builders import AWARE, NOW, a_commitment, a_duty, an_assessment
from tests.domain.closing.test_criteria import DAY, a_notice, a_told_case

HOUR = timedelta(hours=1)


def a_survey_result(name: str, at: int, mean: float) -> SurveyResults:
    trust = Estimate(value=mean, low=1, high=5, answers=12)
    questions = (QuestionResult(question="understood"), QuestionResult(question="trust_now", mean=trust))
    return SurveyResults(
        survey="s",
        invitation=name,
        released_at=NOW + at * DAY,
        invited=20,
        answered=12,
        counted=12,
        questions=questions,
    )


def a_reviewed_case(**changes: Any) -> Case:
    release = NoticeRelease(at=NOW, drafted_at=NOW, sent_at=NOW)
    first = a_notice(releases=(release,), people={PersonState.SENT: 2, PersonState.BOUNCED: 1})
    later = NoticeRelease(at=NOW + 5 * DAY, drafted_at=NOW + 5 * DAY, sent_at=NOW + 5 * DAY)
    update = a_notice(id="update-1", step="update", releases=(later,), sent_at=NOW + 5 * DAY)
    given: dict[str, Any] = {
        "events": {"opened": NOW, "notified": NOW, "resolved": NOW + 9 * DAY, "closed": NOW + 10 * DAY},
        "assessment": an_assessment(duties=(a_duty(), a_duty(id="later", due_at=NOW + 99 * DAY))),
        "notices": (first, update),
        "commitments": (a_commitment(state=CommitmentState.KEPT, settled_at=NOW), a_commitment(id="fix")),
        "surveys": (a_survey_result("first", 1, 2.5), a_survey_result("second", 6, 3.75)),
    }
    return a_told_case(**(given | changes))


def test_the_figures_count_what_the_case_knows() -> None:
    replies = [ReplyTime(NOW, NOW + DAY, NOW + hours * HOUR) for hours in range(1, 11)]
    replies += [ReplyTime(NOW, NOW + DAY, NOW + 2 * DAY), ReplyTime(NOW, NOW + DAY, None)]
    found = figures(a_reviewed_case(), replies, NOW + 20 * DAY)
    assert (found.days_open, found.people, found.reached, found.unreached) == (10, 3, 2, 1)
    assert (found.deadlines_met, found.deadlines_missed, found.deadlines_open) == (0, 1, 1)
    assert (found.questions, found.questions_open, found.replied_in_time) == (12, 1, 10)
    assert (found.reply_hours_median, found.reply_hours_slowest_tenth) == (6, 10)
    assert (found.longest_silence_hours, found.longest_silence) == (120, "first-notice to update-1")
    assert (found.commitments_kept, found.commitments_open) == (1, 1)
    assert [(one.invitation, one.mean) for one in found.trust] == [("first", 2.5), ("second", 3.75)]


def test_a_case_of_which_nothing_is_known_has_figures() -> None:
    found = figures(a_told_case(events={"opened": AWARE}, notices=()), [], NOW)
    assert (found.reply_hours_median, found.longest_silence_hours, found.lawfully) == (None, None, None)
    assert dict(figure_lines(found))["trust"] == "no survey asked for it"


def test_the_figures_are_said_in_words() -> None:
    said = dict(figure_lines(figures(a_reviewed_case(), [], NOW + 20 * DAY)))
    assert said["reached"] == "2, 1 not reached"
    assert said["legal deadlines"] == "0 met, 0 late, 1 missed, 1 open"
    assert said["trust"] == "2.50 of 5 after first (12 answers), then 3.75 of 5 after second (12 answers)"


def test_the_cost_is_what_was_spent_paid_and_stated() -> None:
    spent = [a_commitment(id=name, spent=Money.parse(amount)) for name, amount in (("a", "400 EUR"), ("b", "9 CNY"))]
    claims = ClaimTotals(currency="EUR", claims={"paid": 1}, paid=15_000)
    case = a_reviewed_case(commitments=(*spent, a_commitment(id="c", spent=Money.parse("100 EUR"))), claims=claims)
    said = dict(figure_lines(figures(case, [], NOW, map(Money.parse, ("12000 EUR", "20 JPY")))))
    assert said["spent on promises"] == "9.00 CNY, 500.00 EUR"
    assert said["paid on claims"] == "150.00 EUR"
    assert said["spent and paid"] == "9.00 CNY, 650.00 EUR"
    assert said["other costs, as stated"] == "12000.00 EUR, 20 JPY"
    assert said["cost in all"] == "9.00 CNY, 12650.00 EUR, 20 JPY"


def test_a_cost_that_nobody_knows_is_not_nothing() -> None:
    said = dict(figure_lines(figures(a_reviewed_case(), [], NOW)))
    assert (said["other costs, as stated"], said["cost in all"]) == ("not stated", "not known")


def test_the_report_names_who_passed_over_what_and_why() -> None:
    voices = tuple(Vote(by=name, role="lead", reason="it is enough", at=NOW) for name in ("mei", "omar"))
    over = ClosingOverride(criterion=Criterion.CALM, binding="b", covers=("x",), what=("no calm",), voices=voices)
    alone = over.model_copy(update={"criterion": Criterion.TOLD, "voices": voices[:1]})
    carried = CarriedOver(commitment="fix", owner="ruth", due_at=NOW + DAY, by="mei", at=NOW)
    case = a_reviewed_case(closing_overrides=(over, alone), carried_over=(carried,))
    lines = list(closing_lines(case, NOW))
    assert "Closed on 2026-12-04 09:00 UTC." in lines
    assert [line for line in lines if line.startswith("Passed over")] == [
        "Passed over by two people: calm, passed over: no calm. mei (lead): it is enough; omar (lead): it is enough."
    ]
    assert lines[-1] == "Carried over: fix, ruth answers for it, due 2026-11-25 09:00 UTC."


@pytest.mark.parametrize("text", [" ", "x" * 2_001, "ask kim@mail.example", "call +49 30 5550100 again"])
def test_a_note_is_a_sentence_that_names_nobody(text: str) -> None:
    assert why_not_note(text)
    assert why_not_note("The print shop was closed for 3 days in December 2026.") is None


def test_notes_stand_under_what_they_say() -> None:
    notes = [
        ReviewNote(number=1, kind=ReviewKind.LUCK, text="It was a quiet week.", by="mei", at=NOW),
        ReviewNote(number=2, kind=ReviewKind.LESSON, text="Print sooner.", by="mei", at=NOW, commitment="print"),
    ]
    assert list(note_sections(notes)) == [
        ("What was luck", ("1. It was a quiet week. (mei, 2026-11-24 09:00 UTC)",)),
        ("Lessons", ("2. Print sooner. (mei, 2026-11-24 09:00 UTC) → the promise print",)),
    ]
