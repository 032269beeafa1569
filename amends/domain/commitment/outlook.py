"""The outlook of a commitment: whether it is at risk, computed from its steps, the time left and the money spent."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from amends.domain.base.text import counted
from amends.domain.incident.commitment import Commitment, CommitmentState, CommitmentStep, fate

DAY = timedelta(days=1)
REMIND_BEFORE = timedelta(days=7)
"""The time before a date at which an owner is reminded, as long as no playbook says another."""
AT_RISK, IN_REVIEW = "at risk", "in review"
"""The words that the team reads of an open commitment, beside the states that people are told."""


def risks(commitment: Commitment, now: datetime, before: timedelta) -> tuple[str, ...]:
    """Return why an open commitment that is not late yet may be late, in words for the team; empty without a reason.

    `before` is the time before the date at which its owner is reminded: a commitment without steps is at risk from then
    on, as long as nobody has reported that it is kept.
    """
    if commitment.state is not CommitmentState.OPEN or commitment.waits_for_review or commitment.overdue(now):
        return ()
    due = commitment.new_due_at or commitment.due_at
    return (
        *_steps_late(commitment, now),
        *_too_late(commitment, due, now),
        *_nothing_yet(commitment, due, now, before),
    )


def standing(commitment: Commitment, now: datetime, before: timedelta) -> str:
    """Return how the commitment stands for the team: at risk, in review, or the state that people are told."""
    if commitment.waits_for_review:
        return IN_REVIEW
    return AT_RISK if risks(commitment, now, before) else fate(commitment, now)


def over_budget(commitment: Commitment) -> bool:
    """Return True when more was spent than the budget."""
    return bool(commitment.budget and commitment.spent and commitment.spent > commitment.budget)


def left_to_do(commitment: Commitment) -> tuple[tuple[int, CommitmentStep], ...]:
    """Return the steps that are not done, each with its number from 1 on, the earliest due first."""
    steps = ((number, step) for number, step in enumerate(commitment.steps, 1) if step.done_at is None)
    return tuple(sorted(steps, key=lambda one: (one[1].due_at, one[0])))


def _steps_late(commitment: Commitment, now: datetime) -> Iterator[str]:
    for number, step in left_to_do(commitment):
        if step.due_at < now:
            yield f"step {number} was due on {step.due_at:%Y-%m-%d}"


def _too_late(commitment: Commitment, due: datetime, now: datetime) -> Iterator[str]:
    """Yield that the steps left take longer than the time left, when as much time lies between them as was planned."""
    left = left_to_do(commitment)
    if not left:
        return
    ends = max(left[0][1].due_at, now) + (left[-1][1].due_at - left[0][1].due_at)
    if ends > due:
        late = max((ends - due) // DAY, 1)
        yield f"at this pace the last step is done {counted(late, 'day')} after its date"


def _nothing_yet(commitment: Commitment, due: datetime, now: datetime, before: timedelta) -> Iterator[str]:
    if not commitment.steps and due - before <= now:
        yield f"nothing is reported, and {counted(max((due - now) // DAY, 0), 'day')} are left"
