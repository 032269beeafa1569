"""The steps on the way to keep a commitment: added, done, moved."""

from datetime import datetime

from amends.domain.base.errors import NotAllowed
from amends.domain.incident.commitment import MOST_STEPS, Commitment, CommitmentStep


def added(commitment: Commitment, step: CommitmentStep) -> Commitment:
    """Return the commitment with one more step. Raises NotAllowed beyond MOST_STEPS."""
    if len(commitment.steps) >= MOST_STEPS:
        raise NotAllowed(f"{commitment.id} has {MOST_STEPS} steps already, and that is the most")
    return commitment.model_copy(update={"steps": (*commitment.steps, step)})


def done(commitment: Commitment, number: int, by: str, now: datetime) -> Commitment:
    """Return the commitment with this step done, as it was when it was done before. Raises NotAllowed."""
    step = _step(commitment, number)
    if step.done_at:
        return commitment
    return _with(commitment, number, step.model_copy(update={"done_at": now, "done_by": by}))


def moved(commitment: Commitment, number: int, due_at: datetime) -> Commitment:
    """Return the commitment with another date for this step. Raises NotAllowed for a step that is done."""
    step = _step(commitment, number)
    if step.done_at:
        raise NotAllowed(f"step {number} of {commitment.id} is done already")
    return _with(commitment, number, step.model_copy(update={"due_at": due_at}))


def _step(commitment: Commitment, number: int) -> CommitmentStep:
    if not 1 <= number <= len(commitment.steps):
        raise NotAllowed(f"{commitment.id} has no step {number}; it has {len(commitment.steps)}")
    return commitment.steps[number - 1]


def _with(commitment: Commitment, number: int, step: CommitmentStep) -> Commitment:
    steps = list(commitment.steps)
    steps[number - 1] = step
    return commitment.model_copy(update={"steps": tuple(steps)})
