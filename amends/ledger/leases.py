"""Leases: which messages a worker has in hand, how they are taken from it, and what is left when it is gone."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, inspect, not_, or_, type_coerce, update
from sqlmodel import Session, col, func, select

from amends.domain.notice import DeliveryState
from amends.domain.reach import BROKEN_OFF
from amends.ledger.bulk import among, listed, spelled, statement
from amends.ledger.holder import has_ended
from amends.ledger.tables import DeliveryRow, LeaseRow, MarkRow, UtcDateTime

LEASE = timedelta(seconds=90)
"""How long a claim holds without being renewed."""
CLOCKS_APART = LEASE
"""So far the clocks of two machines may be apart; more, and each would take the other's leases for ended anyway."""
NO_FACTS = 0
"""No version of an incident file is called so: a page that was claimed under it may not leave."""

HELD = and_(
    col(DeliveryRow.id).between(LeaseRow.first, LeaseRow.last),
    col(DeliveryRow.lease) == LeaseRow.id,
    col(DeliveryRow.state) == DeliveryState.CLAIMED,
)
"""That a lease holds a message: looked for among the numbers it spans, because no index leads to it."""

DOUBT = f"""
UPDATE delivery SET state = 'uncertain', detail = '{BROKEN_OFF}', updated_at = :now
WHERE lease = :lease AND state = 'claimed' AND channel <> 'website' AND """
OPEN = "SELECT id FROM delivery WHERE lease = :lease AND state = 'claimed' AND "


def leases_of(session: Session, incident: str, notice: str) -> Sequence[LeaseRow]:
    """All that hold messages of this notice, or did."""
    return session.exec(select(LeaseRow).where(LeaseRow.incident == incident, LeaseRow.notice == notice)).all()


def held_by(session: Session, lease: LeaseRow, *conditions: ColumnElement[bool]) -> int:
    """How many messages this lease holds."""
    held = select(func.count()).select_from(LeaseRow).join(DeliveryRow, HELD)
    return session.exec(held.where(LeaseRow.id == lease.id, *conditions)).one()


def recall(session: Session, incident: str, leases: Collection[int] | None = None) -> None:
    """What is marked from now on of these leases, or of all that the incident has, is refused; what has left counts.

    The worker gives such a page back, and what may still leave of it is claimed anew.
    """
    these = [col(LeaseRow.incident) == incident]
    if leases is not None:
        these.append(col(LeaseRow.id).in_(leases))
    lock(session, *these)
    session.connection().execute(update(LeaseRow).where(*these).values(facts=NO_FACTS))


def lock(session: Session, *these: ColumnElement[bool]) -> Sequence[int | None]:
    """Those of these leases that are there, locked until the transaction ends; to be done before their messages are.

    By their numbers, as a worker marks them: in the table's order each could wait for the other.
    """
    return session.exec(select(LeaseRow.id).where(*these).order_by(col(LeaseRow.id)).with_for_update()).all()


def ended_leases(session: Session, incident: str, notice: str, now: datetime) -> Sequence[LeaseRow]:
    """The leases that have ended, or whose holder has; who still holds one is not disturbed."""
    query = select(LeaseRow.id, LeaseRow.holder, run_out(now)).where(
        LeaseRow.incident == incident, LeaseRow.notice == notice
    )
    ended = [number for number, holder, over in session.exec(query) if over or has_ended(holder)]
    return session.exec(select(LeaseRow).where(col(LeaseRow.id).in_(ended)).with_for_update(skip_locked=True)).all()


def run_out(now: datetime) -> ColumnElement[bool]:
    """That a lease has ended. One that ends later than any can was taken before the clock was set back."""
    return or_(col(LeaseRow.until) < now, col(LeaseRow.until) > now + LEASE + CLOCKS_APART)


def any_at_work(connection: Connection) -> bool:
    """Whether some worker holds messages, by the database's own clock; of tables as old as leases are."""
    if not inspect(connection).has_table("lease"):
        return False
    now: datetime = connection.execute(select(type_coerce(func.current_timestamp(), UtcDateTime))).scalar_one()
    return connection.execute(select(LeaseRow.id).where(not_(run_out(now)))).first() is not None


def open_marks(session: Session, lease: LeaseRow) -> list[int]:
    """The messages of this lease that were marked and are still in hand."""
    marks = session.exec(select(MarkRow.messages).where(MarkRow.lease == lease.id)).all()
    connection = session.connection()
    query = statement(OPEN + among(connection, "id"))
    asked = {"lease": lease.id, "ids": listed(connection, [message for messages in marks for message in messages])}
    return [number for (number,) in connection.execute(query, asked).all()]


def put_in_doubt(session: Session, lease: LeaseRow, now: datetime) -> int:
    """What of this lease may have left and is no page. A late answer of the worker that held it still counts."""
    connection = session.connection()
    asked = {
        "now": spelled(connection, now),
        "lease": lease.id,
        "ids": listed(connection, open_marks(session, lease)),
    }
    return connection.execute(statement(DOUBT + among(connection, "id")), asked).rowcount


def free_rest(session: Session, lease: LeaseRow, now: datetime) -> int:
    """The rest of this lease waits again."""
    held = (
        col(DeliveryRow.id).between(lease.first, lease.last),
        col(DeliveryRow.lease) == lease.id,
        col(DeliveryRow.state) == DeliveryState.CLAIMED,
    )
    waiting = {"state": DeliveryState.WAITING, "lease": None, "updated_at": now}
    freed = session.connection().execute(update(DeliveryRow).where(*held).values(**waiting))
    return freed.rowcount
