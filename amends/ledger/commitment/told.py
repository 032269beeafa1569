"""The change of a commitment that the people were told last who know of it."""

from sqlalchemy import and_
from sqlmodel import Session, col, select

from amends.domain.base.errors import NotInLedger
from amends.ledger.tables.commitment import CommitmentRow
from amends.ledger.tables.notice import KEY, NoticeRow, ReleaseRow


def told(session: Session, incident: str, commitment: str, change: int) -> None:
    """Record that the commitment's audience was told of this change. Raises NotInLedger."""
    row = locked_row(session, incident, commitment)
    row.told = max(row.told, change)


def untold_again(session: Session, incident: str, commitment: str, change: int) -> None:
    """Record that people who are back in the list were not told of this change. Raises NotInLedger."""
    row = locked_row(session, incident, commitment)
    row.told = min(row.told, change - 1)


def may_be_read(session: Session, row: CommitmentRow) -> bool:
    """Return True when people were told of the commitment's latest change, or may have read of it.

    A notice about the change was released then.
    """
    if row.told >= row.changes:
        return True
    about, change = col(NoticeRow.draft)["about"].as_string(), col(NoticeRow.draft)["change"].as_integer()
    query = (
        select(ReleaseRow.notice)
        .join(NoticeRow, and_(*(col(getattr(NoticeRow, name)) == getattr(ReleaseRow, name) for name in KEY)))
        .where(ReleaseRow.incident == row.incident, about == row.id, change == row.changes)
    )
    return session.exec(query.limit(1)).first() is not None


def locked_row(session: Session, incident: str, commitment: str) -> CommitmentRow:
    """Return the commitment's row, locked until the transaction ends. Raises NotInLedger."""
    row = session.get(CommitmentRow, (incident, commitment), with_for_update=True)
    if row is None:
        raise not_given(incident, commitment)
    return row


def not_given(incident: str, commitment: str) -> NotInLedger:
    """Return the error that the incident has no such commitment."""
    return NotInLedger(f"incident {incident} has no commitment {commitment}; `amends commitments list {incident}`")
