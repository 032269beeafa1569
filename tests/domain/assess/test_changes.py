"""What a new assessment changes, in lines for the lead."""

from datetime import timedelta

from amends.domain.assess.changes import changes
from amends.domain.law.duty import DutyStanding, SetAside
from amends.domain.risk.levels import Risk, Severity
from tests.builders import a_duty, an_assessment


def test_the_first_assessment_changes_nothing() -> None:
    assert changes(None, an_assessment()) == ()


def test_the_same_again_changes_nothing() -> None:
    duty = a_duty()
    assert changes(an_assessment(duties=(duty,)), an_assessment(duties=(duty,), version=2)) == ()


def test_a_higher_band_and_risk_are_said_first() -> None:
    old = an_assessment(score=2.0, band=Severity.MEDIUM, risk=Risk.RISK, tell_people=False)
    said = changes(old, an_assessment())
    assert said[0] == "severity medium → high (score 2 → 3)"
    assert "risk to people risk → high" in said and "the people must be told now" in said


def test_a_new_duty_names_whom_and_by_when() -> None:
    (line,) = changes(an_assessment(), an_assessment(duties=(a_duty(),)))
    assert line == (
        "new duty eu-gdpr-33.supervisory_authority@DE: Data protection authority of Germany, by 2026-11-26 10:00 UTC"
    )


def test_a_duty_that_falls_away_says_why() -> None:
    aside = SetAside(id=a_duty().id, places=("DE",), why="the risk to people is unlikely")
    (line,) = changes(an_assessment(duties=(a_duty(),)), an_assessment(set_aside=(aside,)))
    assert line == f"duty {a_duty().id} falls away: the risk to people is unlikely"


def test_a_moved_deadline_and_a_new_standing_are_said() -> None:
    old = a_duty(standing=DutyStanding.MAY_APPLY, assumed="not recorded")
    new = a_duty(due_at=a_duty().due_at + timedelta(hours=5))
    assert changes(an_assessment(duties=(old,)), an_assessment(duties=(new,))) == (
        f"duty {new.id}: may apply → applies",
        f"duty {new.id}: by 2026-11-26 10:00 UTC → by 2026-11-26 15:00 UTC",
    )


def test_a_deadline_counted_from_now_does_not_count_as_moved() -> None:
    """A deadline that is only counted from now, because its clock event is not known, is later in each assessment and
    does not count as moved.
    """
    old = a_duty(assumed="counted from now")
    new = a_duty(assumed="counted from now", due_at=a_duty().due_at + timedelta(hours=5))
    assert changes(an_assessment(duties=(old,)), an_assessment(duties=(new,))) == ()


def test_letters_and_questions_are_compared() -> None:
    old = an_assessment(addenda=("general",), open_questions=("Who has it?",))
    new = an_assessment(addenda=("general", "us-ma"), open_questions=("Which states?",))
    assert changes(old, new) == ("letters needed now: us-ma", "answered: Who has it?", "open now: Which states?")
