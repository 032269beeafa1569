"""The changes of a commitment: record one, and which of them the people were told last who know of it."""

from datetime import datetime

from sqlalchemy import and_, update
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from amends.domain.base.errors import NotInLedger
from amends.domain.channel.message import ReceiptCause
from amends.domain.notice.notice import DeliveryState
from amends.ledger.store.sums import settle
from amends.ledger.tables.commitment import CommitmentRow
from amends.ledger.tables.deliver import DeliveryRow
from amends.ledger.tables.notice import KEY, NoticeRow, ReleaseRow


def note_change(session: Session, row: CommitmentRow, now: datetime) -> None:
    """Count a change of the commitment, and hold the letters that tell how it stood before: another notice tells this.

    Letters of the notice that makes the commitment wait on as long as it is open, since nobody else tells their readers
    of it; a new version of the notice has the new date.
    """
    row.changes += 1
    notices = set(session.exec(_released_about(row)))
    if row.settled_at is None:
        notices.discard(row.made_in)
    if notices:
        theirs = (col(DeliveryRow.incident) == row.incident, col(DeliveryRow.notice).in_(notices))
        letters = update(DeliveryRow).where(*theirs, col(DeliveryRow.state) == DeliveryState.TO_PRINT)
        held = {"state": DeliveryState.HELD, "cause": ReceiptCause.OVERTAKEN.value, "updated_at": now}
        settle(session, letters.values(**held))


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
    latest = col(NoticeRow.draft)["change"].as_integer() == row.changes
    return session.exec(_released_about(row).where(latest).limit(1)).first() is not None


def _released_about(row: CommitmentRow) -> SelectOfScalar[str]:
    """Return the query for the names of the notices about the commitment that were released, once for each version."""
    return (
        select(ReleaseRow.notice)
        .join(NoticeRow, and_(*(col(getattr(NoticeRow, name)) == getattr(ReleaseRow, name) for name in KEY)))
        .where(ReleaseRow.incident == row.incident, col(NoticeRow.draft)["about"].as_string() == row.id)
    )


def locked_row(session: Session, incident: str, commitment: str) -> CommitmentRow:
    """Return the commitment's row, locked until the transaction ends. Raises NotInLedger."""
    row = session.get(CommitmentRow, (incident, commitment), with_for_update=True)
    if row is None:
        raise not_given(incident, commitment)
    return row


def not_given(incident: str, commitment: str) -> NotInLedger:
    """Return the error that the incident has no such commitment."""
    return NotInLedger(f"incident {incident} has no commitment {commitment}; `amends commitments list {incident}`")
