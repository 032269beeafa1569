"""Leases: which messages a worker has in hand, how they are taken from it, and what is left when it is gone."""

import os
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, and_, inspect, not_, or_, type_coerce, update
from sqlmodel import Session, col, func, select

from amends.domain.channel.channel import Cause
from amends.domain.notice.notice import DeliveryState
from amends.ledger.store.bulk import among, listed, spelled, statement
from amends.ledger.store.tables import DeliveryRow, LeaseRow, MarkRow, UtcDateTime

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
UPDATE delivery SET state = 'uncertain', cause = '{Cause.BROKEN_OFF}', detail = '', doubtful = false, updated_at = :now
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


PROC = Path("/proc")
UNKNOWN = ""
"""Where nothing tells processes apart for sure; then only time does."""


class Life(StrEnum):
    """What is known of a process."""

    ALIVE = "alive"
    """It is there, at work or halted."""
    ENDED = "ended"
    UNKNOWN = "unknown"
    """It has no name, is hidden from us, or is on another machine or in another container, where the same number is
    another process."""


def this_process() -> str:
    """This process, named as no other ever was or will be: boot, process namespace, number, and when it was started."""
    try:
        return f"{_machine()} {os.getpid()} {_started(os.getpid())}"
    except OSError:
        return UNKNOWN


def life_of(holder: str) -> Life:
    """Whether that process still is; two that have had the same number differ by when they were started."""
    named, _, started = holder.rpartition(" ")
    place, _, number = named.rpartition(" ")
    try:
        if not holder or place != _machine():
            return Life.UNKNOWN
    except OSError:
        return Life.UNKNOWN
    try:
        return Life.ALIVE if _started(int(number)) == started else Life.ENDED
    except OSError:
        return Life.UNKNOWN if _is_there(int(number)) else Life.ENDED


def has_ended(holder: str) -> bool:
    """Whether that process surely is no more."""
    return life_of(holder) is Life.ENDED


def _is_there(number: int) -> bool:
    """Also of a process of another user that /proc does not show (hidepid, ProtectProc=invisible)."""
    try:
        os.kill(number, 0)  # no signal is sent
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's
        return True
    return True


def _machine() -> str:
    boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {(PROC / 'self/ns/pid').readlink()}"


def _started(number: int) -> str:
    """When it was started, in ticks since the boot; `ended` when only its exit is waited for. See proc_pid_stat(5)."""
    told = (PROC / str(number) / "stat").read_text(encoding="ascii", errors="replace")
    state, *fields = told.rpartition(")")[2].split()
    return "ended" if state in "ZX" else fields[18]
