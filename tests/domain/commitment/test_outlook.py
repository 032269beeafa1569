"""Whether a commitment is at risk, computed from its steps and the time left."""

from datetime import timedelta

import pytest

from amends.domain.base.money import Money
from amends.domain.commitment.outlook import over_budget, risks
from amends.domain.incident.commitment import Commitment, CommitmentState, CommitmentStep
from tests.builders import NOW, a_commitment

DAY = timedelta(days=1)
WEEK = 7 * DAY
DUE = NOW + 60 * DAY


def stepped(*days: int, done: int = 0, **changes: object) -> Commitment:
    """The audit due on day 60, with a step due on each of these days, the first ones done."""
    steps = tuple(
        CommitmentStep(what=f"step {day}", owner="", due_at=NOW + day * DAY, done_at=NOW if n < done else None)
        for n, day in enumerate(days)
    )
    return a_commitment(due_at=DUE, steps=steps, **changes)


def test_on_its_way_it_is_at_no_risk() -> None:
    assert risks(stepped(20, 40, 60, done=1), NOW + 30 * DAY, WEEK) == ()


def test_a_step_that_is_late_is_a_risk() -> None:
    assert risks(stepped(20, 40), NOW + 21 * DAY, WEEK) == ("step 1 was due on 2026-12-14",)


def test_too_little_time_for_the_rest_is_a_risk() -> None:
    """Forty days lie between the first step and the last, so a first step that is ten days late ends after the date."""
    found = risks(stepped(20, 60), NOW + 30 * DAY, WEEK)
    assert found[1:] == ("at this pace the last step is done 10 days after its date",)


def test_steps_planned_beyond_the_date_are_a_risk() -> None:
    assert risks(stepped(20, 70), NOW, WEEK) == ("at this pace the last step is done 10 days after its date",)


def test_without_steps_the_last_days_are_a_risk() -> None:
    assert risks(a_commitment(due_at=DUE), DUE - 8 * DAY, WEEK) == ()
    assert risks(a_commitment(due_at=DUE), DUE - 3 * DAY, WEEK) == ("nothing is reported, and 3 days are left",)


def test_a_new_date_counts_instead_of_the_first() -> None:
    assert risks(a_commitment(due_at=DUE, new_due_at=DUE + 30 * DAY), DUE - DAY, WEEK) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"state": CommitmentState.KEPT, "settled_at": NOW},
        {"state": CommitmentState.BROKEN, "settled_at": NOW},
        {"reported_at": NOW, "reported_by": "mei"},
        {"due_at": NOW},
    ],
)
def test_what_is_over_reported_or_late_is_no_risk(changes: dict[str, object]) -> None:
    assert risks(a_commitment(**changes), NOW + DAY, 100 * DAY) == ()


def test_more_spent_than_the_budget_is_seen() -> None:
    budget = Money.parse("100 EUR")
    assert not over_budget(a_commitment(budget=budget, spent=budget))
    assert over_budget(a_commitment(budget=budget, spent=Money.parse("100.01 EUR")))
    assert not over_budget(a_commitment(spent=budget))
