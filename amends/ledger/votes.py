"""Votes of the team in the ledger: cast, replaced and read by subject. The audit chain has also those replaced."""

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from amends.domain.team.vote import Subject, VoteKind
from amends.ledger.tables.team import VoteRow


def votes_on(session: Session, subject: Subject) -> Sequence[VoteRow]:
    """Return the votes on a subject, the earliest first."""
    here = (VoteRow.about == subject.about, VoteRow.version == subject.version)
    return session.exec(_votes(subject.incident, subject.kind).where(*here)).all()


def votes_of_kind(session: Session, incident: str, kind: VoteKind) -> Sequence[VoteRow]:
    """Return the votes on all subjects of a kind, the earliest first."""
    return session.exec(_votes(incident, kind)).all()


def _votes(incident: str, kind: VoteKind) -> SelectOfScalar[VoteRow]:
    here = (VoteRow.incident == incident, VoteRow.kind == kind.value)
    return select(VoteRow).where(*here).order_by(col(VoteRow.id))


def cast(session: Session, subject: Subject, **columns: Any) -> VoteRow:
    """Store a member's vote on the subject, in the state that its binding names, and return the row."""
    row = VoteRow(**subject._asdict(), **columns)
    session.add(row)
    session.flush()
    return row


def take_back(session: Session, votes: Sequence[VoteRow]) -> None:
    """Delete votes that other votes replace."""
    for vote in votes:
        session.delete(vote)
    session.flush()
