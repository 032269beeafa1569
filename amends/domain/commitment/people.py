"""The members who look after a commitment: its owner, its deputy, and those who do its steps."""

from amends.domain.incident.commitment import Commitment, PlannedCommitment


def names_of(commitment: Commitment | PlannedCommitment) -> tuple[str, ...]:
    """Return the owner, the deputy and the owners of steps, each once; empty names are left out."""
    steps = (step.owner for step in commitment.steps)
    return tuple(dict.fromkeys(name for name in (commitment.owner, commitment.deputy, *steps) if name))
