"""Steps that can never be taken are found before the playbook runs; what may be possible is not accused."""

from typing import Any

import pytest

from amends.domain.playbook.checks import (
    Objection,
    circles,
    endless,
    never_calm,
    never_chosen,
    never_due,
    never_promised,
    no_choice,
    perhaps_never,
    sends,
)
from amends.domain.playbook.playbook import Playbook
from tests.builders import a_playbook, a_promise

ASSESS = {"id": "assess", "phase": "assess", "of": "opened"}
TELL = {"id": "tell", "phase": "notify", "of": "assessed", "notice": "first-notice", "channels": ["email"]}
DAILY = {"every": "1d", "at_most": 5}


def a_step(step_id: str, of: str, **changes: Any) -> dict[str, Any]:
    return {"id": step_id, "phase": "collect_feedback", "of": of} | changes


def with_steps(*more: dict[str, Any], first: tuple[dict[str, Any], ...] = (ASSESS, TELL), **keys: Any) -> Playbook:
    return a_playbook(steps=[*first, *more], **keys)


def said(found: tuple[Objection, ...]) -> list[tuple[str, str]]:
    return [(one.step, one.key) for one in found]


def test_a_sound_playbook_has_nothing_against_it() -> None:
    book = a_playbook()
    assert (never_due(book), never_chosen(book), circles(book), endless(book)) == ((), (), {}, ())


@pytest.mark.parametrize("of", ["opened", "assessed", "approved", "notified", "facts_changed", "resolved", "tell"])
def test_a_step_of_anything_that_can_happen_is_fine(of: str) -> None:
    assert never_due(with_steps(a_step("ask", of))) == ()


def test_the_people_were_told_never_happens_when_no_step_tells_them() -> None:
    (found,) = never_due(with_steps(a_step("ask", "notified"), first=(ASSESS,)))
    assert (found.step, found.key) == ("ask", "of")
    assert found.why == "notified never happens: no step of the phase notify sends a notice"


def test_nothing_is_assessed_without_a_step_that_assesses() -> None:
    found = never_due(with_steps(first=(TELL,)))
    assert [one.why for one in found] == ["assessed never happens: there is no step of the phase assess"]


def test_a_step_behind_one_that_is_never_taken_is_never_taken() -> None:
    found = never_due(with_steps(a_step("ask", "closed"), a_step("thank", "ask"), a_step("greet", "thank")))
    assert said(found) == [("ask", "of"), ("thank", "of"), ("greet", "of")]
    assert found[2].why == "thank can never be taken"


def test_a_step_behind_one_that_is_always_replaced_is_never_taken() -> None:
    """A step that follows a step in whose place another one is always chosen is never taken."""
    book = with_steps(a_step("a", "notified", one_of="way"), a_step("b", "notified", one_of="way"), a_step("c", "b"))
    assert said(never_due(book)) == [("c", "of")]


def test_after_closing_only_promises_go_on() -> None:
    book = with_steps(a_step("ask", "closed"), a_step("chase", "closed", phase="follow_up"))
    assert said(never_due(book)) == [("ask", "of")]


@pytest.mark.parametrize(("of", "until"), [("resolved", "resolved"), ("notified", "assessed"), ("tell", "opened")])
def test_a_series_that_ends_before_it_begins_is_never_due(of: str, until: str) -> None:
    assert said(never_due(with_steps(a_step("ask", of, until=until, **DAILY)))) == [("ask", "until")]


@pytest.mark.parametrize(("of", "until"), [("notified", "resolved"), ("assessed", "notified"), ("notified", "ask")])
def test_a_series_that_ends_after_it_begins_is_fine(of: str, until: str) -> None:
    assert never_due(with_steps(a_step("ask", of, until=until, **DAILY))) == ()


def test_an_end_that_comes_first_on_one_way_only_may_come_later() -> None:
    early = {**TELL, "id": "warn", "of": "opened", "notice": "warning"}
    book = with_steps(a_step("ask", "notified", until="assessed", **DAILY), first=(ASSESS, early, TELL))
    assert never_due(book) == ()


def test_a_date_of_its_own_needs_no_event() -> None:
    ask = {"id": "ask", "phase": "collect_feedback", "on": "2027-01-04T09:00:00Z"}
    assert never_due(with_steps(ask, first=())) == ()


def test_a_threshold_on_a_notice_that_nobody_sends_is_never_reached() -> None:
    book = with_steps(a_step("ask", "many"), thresholds={"many": {"told_percent_at_least": 90, "notice": "update"}})
    (found,) = never_due(book)
    assert found.why == "many never happens: no step sends the notice update"


def test_a_threshold_on_a_series_names_one_of_its_notices() -> None:
    update = a_step("update", "notified", phase="update", notice="update", channels=["email"], **DAILY)
    book = with_steps(
        update, a_step("ask", "many"), thresholds={"many": {"told_percent_at_least": 90, "notice": "update"}}
    )
    (found,) = never_due(book)
    assert found.advice == "the notices of a series are numbered. Did you mean 'update-1'?"


@pytest.mark.parametrize(
    ("notice", "sent"), [("update-1", True), ("update-5", True), ("update-6", False), ("up", False)]
)
def test_the_notices_of_a_series_are_numbered(notice: str, sent: bool) -> None:
    step = a_step("update", "notified", phase="update", notice="update", channels=["email"], **DAILY)
    assert sends(with_steps(step).step("update"), notice) is sent


def test_a_threshold_of_questions_needs_no_step() -> None:
    assert never_due(with_steps(a_step("ask", "many"), thresholds={"many": {"questions_at_least": 9}})) == ()


def test_a_circle_is_told_in_full_at_each_of_its_steps() -> None:
    book = with_steps(a_step("a", "b"), a_step("b", "c"), a_step("c", "a"), a_step("d", "c"))
    assert circles(book) == {"a": ("a", "b", "c", "a"), "b": ("b", "c", "a", "b"), "c": ("c", "a", "b", "c")}
    assert said(never_due(book)) == [("d", "of")]


def test_a_circle_through_an_event_is_one_too() -> None:
    book = with_steps(a_step("ask", "notified"), first=(ASSESS, {**TELL, "of": "ask"}))
    assert circles(book)["tell"] == ("tell", "ask", "notified", "tell")


def test_a_circle_with_another_way_out_is_none() -> None:
    again = {**TELL, "id": "again", "of": "ask", "notice": "again"}
    assert circles(with_steps(a_step("ask", "notified"), again)) == {}


def test_a_choice_never_reaches_a_step_behind_one_without_condition() -> None:
    """A choice never reaches a step that stands behind a step without a condition.

    The advice is to put it before the step without one.
    """
    book = with_steps(
        a_step("all", "notified", one_of="way"),
        a_step("many", "notified", one_of="way", when={"people_at_least": 1000}),
    )
    (found,) = never_chosen(book)
    assert (found.step, found.key, found.advice) == ("many", "one_of", "put many before all")


@pytest.mark.parametrize(
    ("first", "second", "reached"),
    [
        ({"severity_at_least": "high"}, {}, True),
        ({"severity_at_least": "high"}, {"severity_at_least": "medium"}, True),
        ({"severity_at_least": "medium"}, {"severity_at_least": "high"}, False),
        ({"severity_at_least": "low"}, {}, False),
        ({"people_at_least": 10}, {"people_at_least": 100}, False),
        ({"cause": ["theft"]}, {"cause": ["theft", "external_attack"]}, True),
        ({"cause": ["theft", "external_attack"]}, {"cause": ["theft"]}, False),
        ({"cause": ["theft"]}, {"severity_at_least": "high"}, True),
        ({"open_questions": True}, {"open_questions": False}, True),
        ({"open_questions": True}, {"open_questions": True, "people_at_least": 10}, False),
    ],
)
def test_a_choice_reaches_a_step_unless_an_earlier_one_always_holds(
    first: dict[str, Any], second: dict[str, Any], reached: bool
) -> None:
    """A choice reaches a step unless an earlier step's condition holds whenever the condition of this step holds."""
    book = with_steps(
        a_step("a", "notified", one_of="way", when=first), a_step("b", "notified", one_of="way", when=second)
    )
    assert (never_chosen(book) == ()) is reached


def test_a_choice_of_one_is_none() -> None:
    book = with_steps(a_step("ask", "notified", one_of="way"), a_step("b", "notified", one_of="weg"))
    assert said(no_choice(book)) == [("ask", "one_of"), ("b", "one_of")]


def test_a_late_promise_is_always_an_open_one() -> None:
    chase = a_step("chase", "commitment_late", phase="follow_up", when={"open_commitments": False})
    assert said(never_chosen(with_steps(chase))) == [("chase", "when")]


def test_a_playbook_without_promises_may_wait_for_one_in_vain() -> None:
    late = a_step("late", "commitment_late", phase="follow_up")
    open_ = a_step("chase", "notified", phase="follow_up", when={"open_commitments": True})
    assert said(perhaps_never(with_steps(late, open_, commitments=[]))) == [("late", "of"), ("chase", "when")]
    assert perhaps_never(with_steps(late, open_)) == ()


def test_an_end_that_never_comes_is_told() -> None:
    book = with_steps(a_step("ask", "notified", until="thank", **DAILY), a_step("thank", "closed"))
    (found,) = endless(book)
    assert (found.why, found.advice) == ("thank can never be taken", "only at_most ends the series")


@pytest.mark.parametrize(("audience", "found"), [("everyone", ()), ("club", ("call-back",))])
def test_a_promise_to_people_whom_no_notice_goes_to_is_never_given(audience: str, found: tuple[str, ...]) -> None:
    """A commitment to a segment is never made when every notice goes to everyone: no text would state it."""
    promise = a_promise(id="call-back", audience=audience).model_dump()
    playbook = with_steps(commitments=[promise])
    assert tuple(one.id for one in never_promised(playbook, playbook.commitments)) == found


@pytest.mark.parametrize(
    ("every", "require", "found"), [("1d", ["calm"], ["update"]), ("3d", ["calm"], []), ("1d", [], [])]
)
def test_updates_that_leave_no_calm_are_named(every: str, require: list[str], found: list[str]) -> None:
    """An update to everybody each day brings receipts each day, so that a case that needs two calm days never closes."""
    update = {"id": "update", "phase": "update", "of": "tell", "until": "resolved", "every": every, "at_most": 9}
    book = with_steps(update | {"notice": "update", "channels": ["email"]}, closing={"require": require})
    assert [one.step for one in never_calm(book)] == found


@pytest.mark.parametrize("changes", [{"task": ""}, {"owner": ""}])
def test_a_review_is_a_whole_task(changes: dict[str, str]) -> None:
    review = {"id": "review", "phase": "follow_up", "of": "closed", "review": True}
    task = {"task": "Look back.", "owner": "Lead", "within": "14d"}
    assert with_steps(review | task)
    with pytest.raises(ValueError, match="task"):
        with_steps(review | task | changes)


@pytest.mark.parametrize("require", [["calm", "calm"], ["mood"]])
def test_closing_criteria_come_from_a_fixed_vocabulary_once(require: list[str]) -> None:
    with pytest.raises(ValueError, match=r"twice|Input should be"):
        with_steps(closing={"require": require})
