"""Promises: when their owners are reminded, and when the lead hears of it."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from amends.domain.base.value import Span
from amends.domain.incident.commitment import (
    Chase,
    CommitmentState,
    CommitmentStep,
    commit,
    planned_commitments,
    to_chase,
)
from tests.builders import NOW, a_commitment, a_promise

WEEK = timedelta(days=7)
DUE = NOW + timedelta(days=60)


def test_a_promise_is_due_so_long_after_people_were_told() -> None:
    assert commit(a_promise(due=Span.parse("30d")), NOW, "first-notice").due_at == NOW + timedelta(days=30)


def test_a_commitment_names_the_notice_that_made_it() -> None:
    assert commit(a_promise(), NOW, "first-notice").made_in == "first-notice"


def test_a_promise_of_the_incident_replaces_the_playbooks_own() -> None:
    ours = a_promise(owner="finance")
    assert planned_commitments((a_promise(),), (ours,)) == (ours,)


def test_a_promise_of_the_incident_comes_after_those_of_the_playbook() -> None:
    more = a_promise(id="hotline")
    assert [promise.id for promise in planned_commitments((a_promise(),), (more,))] == ["audit", "hotline"]


def test_a_commitment_is_not_overdue_at_the_very_moment_it_is_due() -> None:
    assert not a_commitment(due_at=DUE).overdue(DUE)


def test_a_commitment_is_overdue_right_after() -> None:
    assert a_commitment(due_at=DUE).overdue(DUE + timedelta(seconds=1))


def test_a_new_date_that_people_were_given_counts() -> None:
    moved = a_commitment(due_at=DUE, new_due_at=DUE + WEEK)
    assert not moved.overdue(DUE + timedelta(days=1))


@pytest.mark.parametrize("state", [CommitmentState.KEPT, CommitmentState.DROPPED])
def test_a_settled_commitment_is_never_overdue(state: CommitmentState) -> None:
    assert not a_commitment(due_at=DUE, state=state).overdue(DUE + WEEK)


def test_nobody_is_chased_long_before_the_date() -> None:
    assert to_chase((a_commitment(due_at=DUE),), DUE - WEEK - timedelta(seconds=1), WEEK) == {}


def test_the_owner_is_reminded_a_while_before_the_date() -> None:
    assert to_chase((a_commitment(due_at=DUE),), DUE - WEEK, WEEK) == {"audit": Chase.REMIND}


def test_the_owner_is_reminded_only_once() -> None:
    assert to_chase((a_commitment(due_at=DUE, reminded_at=DUE - WEEK),), DUE - timedelta(days=1), WEEK) == {}


def test_lateness_goes_to_the_lead() -> None:
    late = a_commitment(due_at=DUE, reminded_at=DUE - WEEK)
    assert to_chase((late,), DUE + timedelta(days=1), WEEK) == {"audit": Chase.ESCALATE}


def test_lateness_goes_to_the_lead_also_when_the_reminder_was_missed() -> None:
    assert to_chase((a_commitment(due_at=DUE),), DUE + WEEK, WEEK) == {"audit": Chase.ESCALATE}


def test_the_lead_hears_of_lateness_only_once() -> None:
    told = a_commitment(due_at=DUE, escalated_at=DUE + timedelta(hours=1))
    assert to_chase((told,), DUE + WEEK, WEEK) == {}


def test_the_reminder_follows_the_new_date() -> None:
    moved = a_commitment(due_at=DUE, new_due_at=DUE + 4 * WEEK)
    assert to_chase((moved,), DUE + WEEK, WEEK) == {}


def test_a_settled_commitment_is_chased_no_more() -> None:
    kept = a_commitment(due_at=DUE, state=CommitmentState.KEPT)
    assert to_chase((kept,), DUE + WEEK, WEEK) == {}


def test_each_commitment_is_chased_for_itself() -> None:
    both = (a_commitment(due_at=DUE), a_commitment(id="fix", due_at=DUE + 9 * WEEK))
    assert to_chase(both, DUE + WEEK, WEEK) == {"audit": Chase.ESCALATE}


def test_a_last_day_ends_in_the_time_zone() -> None:
    made = commit(a_promise(due="2027-03-31"), NOW, "first-notice", "Asia/Shanghai")
    assert made.due_at == datetime(2027, 3, 31, 15, 59, tzinfo=UTC)


def test_steps_are_due_as_the_commitment_is() -> None:
    made = commit(a_promise(steps=[{"what": "Choose the firm", "due": "20d", "owner": "mei"}]), NOW, "first-notice")
    assert made.steps == (CommitmentStep(what="Choose the firm", owner="mei", due_at=NOW + timedelta(days=20)),)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"every": "90d"}, "must end: add until"),
        ({"until": "2028-12-31"}, "add every"),
        ({"at_most": 3}, "add every"),
        ({"every": "90d", "at_most": 3, "id": "a" * 61}, "too long for a series"),
        ({"due": "0d"}, "a time above zero"),
        ({"due": "soon"}, "a span is written"),
        ({"due": "2027-02-31"}, "a day is meant"),
        ({"every": "90d", "at_most": 1}, "greater than or equal to 2"),
        ({"budget": "much"}, "such as 12000 EUR"),
    ],
)
def test_a_promise_that_makes_no_sense_is_refused(changes: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        a_promise(**changes)
