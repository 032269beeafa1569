"""Rows of commitments as domain values and back, and what the case reads of them."""

from typing import Any

from sqlmodel import Session, col, select

from amends.domain.incident.commitment import Commitment
from amends.ledger.tables.commitment import CommitmentRow


def columns_of(commitment: Commitment) -> dict[str, Any]:
    """Return the values of the commitment by column; the steps as JSON holds them."""
    return commitment.model_dump() | {"steps": commitment.model_dump(mode="json")["steps"]}


def as_commitment(row: CommitmentRow) -> Commitment:
    """Return the commitment in this row."""
    return row.as_value(Commitment)


def commitments_of(session: Session, incident: str) -> tuple[Commitment, ...]:
    """Return the incident's commitments, the earliest due first."""
    query = select(CommitmentRow).where(CommitmentRow.incident == incident).order_by(col(CommitmentRow.due_at))
    return tuple(as_commitment(row) for row in session.exec(query))


def untold(session: Session, incident: str) -> dict[str, int]:
    """Return the number of the latest change of each commitment that those who know the commitment were not told."""
    query = select(CommitmentRow.id, CommitmentRow.changes).where(
        CommitmentRow.incident == incident, CommitmentRow.made_in != "", col(CommitmentRow.told) < CommitmentRow.changes
    )
    return dict(session.exec(query).all())


def changes(session: Session, incident: str) -> dict[str, int]:
    """Return the number of the latest change of each commitment."""
    query = select(CommitmentRow.id, CommitmentRow.changes).where(CommitmentRow.incident == incident)
    return dict(session.exec(query).all())


def worded_by(session: Session, incident: str) -> dict[str, str]:
    """Return who gave the evidence or the reason of each commitment that has one."""
    query = select(CommitmentRow.id, CommitmentRow.worded_by)
    return dict(session.exec(query.where(CommitmentRow.incident == incident, CommitmentRow.worded_by != "")).all())
