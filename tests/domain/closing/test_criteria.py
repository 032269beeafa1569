"""The closing criteria: what is missing, who ends it, and what exactly two people pass over."""

from datetime import timedelta
from typing import Any

import pytest

from amends.domain.case.case import Case
from amends.domain.case.states import IncidentState, LastSigns, OccurrenceState, RecordedOccurrence
from amends.domain.claim.claim import ClaimTotals
from amends.domain.closing.closing import is_at_its_end, ready_to_close, stays_open
from amends.domain.closing.criteria import bound, is_passed_over, missing, overrides_waiting, unmet
from amends.domain.closing.missing import BY_ITSELF
from amends.domain.feedback.question import QuestionCounts
from amends.domain.feedback.survey.survey import SurveyResults
from amends.domain.incident.facts import Certainty, Fact
from amends.domain.notice.notice import NoticeStage, NoticeStatus, PersonState
from amends.domain.playbook.closing import (
    ALWAYS,
    MAY_OVERRIDE,
    CarriedOver,
    ClosingOverride,
    ClosingRules,
    Criterion,
    why_not_override,
)
from amends.domain.team.member import Member, TeamRole
from amends.domain.team.vote import Vote
from tests.builders import NOW, a_case, a_commitment, a_duty, a_playbook, an_assessment, an_incident

DAY = timedelta(days=1)
TOLD: dict[str, Any] = {"events": {"opened": NOW, "assessed": NOW, "notified": NOW}}
CLOSING = {"id": "closing", "phase": "notify", "after": 0, "of": "resolved", "notice": "closing", "channels": ["email"]}
TELL = {"id": "first-notice", "phase": "notify", "of": "assessed", "notice": "first-notice"}


def a_notice(**changes: Any) -> NoticeStatus:
    """The first notice, which left a day ago to three people."""
    given: dict[str, Any] = {
        "id": "first-notice",
        "version": 1,
        "template": "first-notice",
        "step": "first-notice",
        "occurrence": 1,
        "stage": NoticeStage.SENT,
        "binding": "b",
        "approvals_needed": 2,
        "drafted_at": NOW,
        "sent_at": NOW,
        "people": {PersonState.DELIVERED: 3},
    }
    return NoticeStatus(**(given | changes))


def a_told_case(*require: str, **changes: Any) -> Case:
    """Everybody was told, and nothing else is missing but for what the test changes."""
    rules = {"require": require, "calm_for": "3d", "page_for": "30d"}
    channels = changes.pop("channels", ["email", "website"])
    book = a_playbook(steps=[TELL | {"channels": channels}, CLOSING], commitments=[], closing=rules)
    return a_case(**({**TOLD, "playbook": book, "notices": (a_notice(),)} | changes))


def criteria(case: Case, days: float = 0) -> list[str]:
    return [one.criterion.value for one in unmet(case, NOW + days * DAY)]


def passing(case: Case, criterion: Criterion, *names: str, days: float = 0) -> ClosingOverride:
    """The word of these members, who pass over what is missing by the criterion."""
    found = [one for one in missing(case, NOW + days * DAY) if one.criterion is criterion]
    return ClosingOverride(
        criterion=criterion,
        binding=bound(criterion, found),
        covers=tuple(one.key for one in found),
        what=tuple(one.what for one in found),
        voices=tuple(Vote(by=name, role="lead", reason="so be it", at=NOW) for name in names),
    )


def with_override(case: Case, *overrides: ClosingOverride) -> Case:
    return case.model_copy(update={"closing_overrides": overrides})


def test_nothing_is_missing_when_all_is_done() -> None:
    assert criteria(a_told_case(*(one.value for one in Criterion if one not in ALWAYS))) == []


UNKNOWN = an_incident(facts={"cause": None})


@pytest.mark.parametrize(
    ("changes", "criterion", "owner"),
    [
        ({"events": {"opened": NOW}}, "told", "lead"),
        ({"notices": (a_notice(stage=NoticeStage.SENDING),)}, "sent", "communications"),
        (
            {"notices": (a_notice(people={PersonState.WAITING: 1, PersonState.SENT: 2}),)},
            "everyone_reached",
            "communications",
        ),
        (
            {"notices": (a_notice(people={PersonState.HELD: 1, PersonState.SENT: 2}),)},
            "everyone_reached",
            "communications",
        ),
        ({"notices": (a_notice(not_told=1),)}, "everyone_reached", "communications"),
        ({"notices": (a_notice(letters=2, people={PersonState.WAITING: 2}),)}, "letters_handed_in", "communications"),
        ({"assessment": an_assessment(duties=(a_duty(),))}, "duties_filed", "legal"),
        ({"incident": an_incident(list_is="first_part")}, "everyone_reached", "lead"),
        ({"incident": UNKNOWN}, "root_cause_known", "security"),
        ({"incident": an_incident(times={})}, "contained", "security"),
        ({"questions": QuestionCounts(asked=2, open=1)}, "questions_settled", "support"),
        ({"reports_open": 1}, "questions_settled", "support"),
        ({"claims": ClaimTotals(claims={"received": 2})}, "claims_settled", "lead"),
        ({"commitments": (a_commitment(),)}, "commitments_settled", "security"),
    ],
)
def test_what_is_missing_is_named_with_its_owner(changes: dict[str, Any], criterion: str, owner: str) -> None:
    (found,) = unmet(a_told_case("root_cause_known", "contained", **changes), NOW)
    assert (found.criterion, found.owner) == (criterion, owner)
    assert found.ends.count("`") >= 2


def test_half_the_people_unreached_keep_a_case_open() -> None:
    """An incident with half its people unreached does not close half an hour after it was opened."""
    half = a_notice(people={PersonState.SENT: 14, PersonState.UNREACHABLE: 10, PersonState.BOUNCED: 6})
    (found,) = unmet(a_told_case(notices=(half,)), NOW + timedelta(minutes=31))
    assert (
        found.what
        == "16 people were not reached by first-notice, and our page stands for telling them on 2026-12-24 09:00 UTC"
    )


@pytest.mark.parametrize(
    ("days", "channels", "missing_"), [(29, ["email", "website"], 1), (30, ["email", "website"], 0), (99, ["email"], 1)]
)
def test_a_page_stands_for_telling_whom_nothing_reached(days: float, channels: list[str], missing_: int) -> None:
    case = a_told_case(notices=(a_notice(people={PersonState.BOUNCED: 1}),), channels=channels)
    assert len(criteria(case, days)) == missing_


@pytest.mark.parametrize(
    ("cause", "met"),
    [
        (Fact(value="theft", certainty=Certainty.CONFIRMED), True),
        (Fact(value="theft", certainty=Certainty.SUSPECTED), False),
        (Fact(value="theft", certainty=Certainty.SUSPECTED, at=NOW), True),
        (Fact(certainty=Certainty.UNKNOWN), False),
        (Fact(certainty=Certainty.UNKNOWN, at=NOW), True),
        (Fact(value="theft", certainty=Certainty.RULED_OUT, at=NOW), False),
    ],
)
def test_a_cause_is_known_or_unknown_with_a_date(cause: Fact[Any], met: bool) -> None:
    case = a_told_case("root_cause_known", incident=an_incident(facts={"cause": cause.model_dump()}))
    assert (criteria(case) == []) is met


def test_a_promise_carried_over_keeps_no_case_open() -> None:
    """A promise is carried over for one date: when it is put off, or its date passes, it keeps the case open again."""
    promise = a_commitment()
    carried = CarriedOver(commitment="audit", owner="mei", due_at=promise.due_at, by="mei", at=NOW)
    case = a_told_case(commitments=(promise,), carried_over=(carried,))
    put_off = promise.model_copy(update={"new_due_at": promise.due_at + DAY})
    assert criteria(case) == []
    assert criteria(case.model_copy(update={"commitments": (put_off,)})) == ["commitments_settled"]
    assert criteria(case, days=62) == ["commitments_settled"]


@pytest.mark.parametrize("sign", ["question_at", "receipt_at", "latecomer_at"])
def test_a_case_is_calm_some_days_after_the_last_sign(sign: str) -> None:
    case = a_told_case("calm", last_signs=LastSigns(**{sign: NOW}))
    assert criteria(case, days=2.9) == ["calm"]
    assert criteria(case, days=3) == []
    assert [one.ends for one in unmet(case, NOW)] == [BY_ITSELF]


def test_a_survey_is_over_when_people_had_time_to_answer() -> None:
    survey = SurveyResults(survey="s", invitation="ask", released_at=NOW, invited=3, answered=0, counted=0)
    case = a_told_case("survey_over", surveys=(survey,))
    assert criteria(case, days=6) == ["survey_over"]
    assert criteria(case, days=7) == []


# Passing over


def test_two_people_pass_over_what_is_missing() -> None:
    case = a_told_case(commitments=(a_commitment(),))
    assert criteria(with_override(case, passing(case, Criterion.COMMITMENTS_SETTLED, "mei", "omar"))) == []


def test_the_same_person_twice_passes_over_nothing() -> None:
    case = a_told_case(commitments=(a_commitment(),))
    over = passing(case, Criterion.COMMITMENTS_SETTLED, "mei", "mei")
    assert criteria(with_override(case, over)) == ["commitments_settled"]


def test_an_override_covers_only_what_was_missing_then() -> None:
    """A promise added after the override is not passed over; one that has ended meanwhile makes no difference."""
    case = a_told_case(commitments=(a_commitment(), a_commitment(id="fix")))
    passed = with_override(case, passing(case, Criterion.COMMITMENTS_SETTLED, "mei", "omar"))
    more = passed.model_copy(update={"commitments": (a_commitment(), a_commitment(id="new-locks"))})
    assert criteria(passed) == []
    assert [one.about for one in unmet(more, NOW)] == ["new-locks"]


def test_another_number_of_unreached_people_is_not_passed_over() -> None:
    case = a_told_case(notices=(a_notice(people={PersonState.BOUNCED: 1, PersonState.SENT: 2}),))
    over = passing(case, Criterion.EVERYONE_REACHED, "mei", "omar")
    more = case.model_copy(update={"notices": (a_notice(people={PersonState.BOUNCED: 2, PersonState.SENT: 1}),)})
    assert criteria(with_override(case, over)) == []
    assert criteria(with_override(more, over)) == ["everyone_reached"]


def test_one_word_waits_for_a_second_while_the_same_is_missing() -> None:
    case = a_told_case(commitments=(a_commitment(), a_commitment(id="fix")))
    alone = passing(case, Criterion.COMMITMENTS_SETTLED, "mei")
    less = case.model_copy(update={"commitments": (a_commitment(),)})
    assert overrides_waiting(with_override(case, alone), NOW) == (alone,)
    assert overrides_waiting(with_override(less, alone), NOW) == ()
    assert (
        overrides_waiting(with_override(case, passing(case, Criterion.COMMITMENTS_SETTLED, "mei", "omar")), NOW) == ()
    )


def test_a_word_on_what_two_pass_over_waits_for_nobody() -> None:
    case = a_told_case(commitments=(a_commitment(), a_commitment(id="fix")))
    both = passing(case, Criterion.COMMITMENTS_SETTLED, "mei", "omar")
    less = case.model_copy(update={"commitments": (a_commitment(),)})
    alone = passing(less, Criterion.COMMITMENTS_SETTLED, "lena")
    assert overrides_waiting(with_override(less, alone, both), NOW) == ()


def test_nobody_passes_over_open_questions() -> None:
    case = a_told_case(questions=QuestionCounts(asked=1, open=1))
    over = passing(case, Criterion.QUESTIONS_SETTLED, "mei", "omar")
    (found,) = unmet(with_override(case, over), NOW)
    assert not is_passed_over(with_override(case, over), found)


@pytest.mark.parametrize("role", list(TeamRole))
def test_three_roles_pass_over_a_criterion_for_a_reason(role: TeamRole) -> None:
    member = Member(name="mei", role=role)
    assert (why_not_override(member, Criterion.CALM, "the press was wrong") is None) is (role in MAY_OVERRIDE)
    assert why_not_override(member, Criterion.CALM, " ")
    assert why_not_override(member, Criterion.CALM, "kim@mail.example has agreed")
    assert why_not_override(member, Criterion.QUESTIONS_SETTLED, "the press was wrong")


def test_a_playbook_takes_no_criterion_away() -> None:
    assert ClosingRules(require=()).criteria == tuple(one for one in Criterion if one in ALWAYS)


# Closing by itself


def a_resolved_case(**changes: Any) -> Case:
    closing = RecordedOccurrence(step="closing", number=1, due_at=NOW, state=OccurrenceState.DONE)
    events = {"opened": NOW, "assessed": NOW, "notified": NOW, "resolved": NOW}
    return a_told_case(**({"events": events, "occurrences": (closing,)} | changes))


def test_a_case_closes_by_itself_only_when_all_criteria_are_met() -> None:
    case = a_resolved_case(commitments=(a_commitment(),))
    assert is_at_its_end(case)
    assert not ready_to_close(case, NOW)
    assert ready_to_close(with_override(case, passing(case, Criterion.COMMITMENTS_SETTLED, "mei", "omar")), NOW)
    assert ready_to_close(a_resolved_case(), NOW)


def test_a_case_that_cannot_close_calls_for_its_lead() -> None:
    alert = stays_open(a_resolved_case(commitments=(a_commitment(),)), NOW)
    assert alert and alert.what.startswith(
        "november-breach cannot close yet: commitments_settled; `amends incident close november-breach"
    )
    assert stays_open(a_resolved_case(), NOW) is None


def test_a_case_that_only_waits_calls_for_nobody() -> None:
    rules = a_playbook(steps=[CLOSING], commitments=[], closing={"require": ["calm"], "calm_for": "3d"})
    case = a_resolved_case(playbook=rules, last_signs=LastSigns(receipt_at=NOW))
    assert (ready_to_close(case, NOW), stays_open(case, NOW)) == (False, None)


def test_a_reopened_case_closes_when_nobody_is_left_to_tell() -> None:
    """A case that was closed once closes again whatever the criteria say: they were for its first closing."""
    events = {"opened": NOW, "notified": NOW, "resolved": NOW, "closed": NOW}
    case = a_resolved_case(events=events, commitments=(a_commitment(),), state=IncidentState.OPEN)
    assert ready_to_close(case, NOW)
