"""Leases: the messages that a worker has in hand, their recall, and their recovery after the worker has died."""

import os
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path

from sqlalchemy import ColumnElement, and_, or_, update
from sqlmodel import Session, col, func, select

from amends.domain.channel.message import ReceiptCause
from amends.domain.notice.notice import DeliveryState
from amends.ledger.store.bulk import among, listed, spelled, statement
from amends.ledger.tables.deliver import PAGES, DeliveryRow, LeaseRow, MarkRow, on_kinds

LEASE = timedelta(seconds=90)
"""The time after which a lease ends unless it is renewed."""
CLOCKS_APART = LEASE
"""The largest difference between two machines' clocks; beyond it, each takes the other's leases for ended anyway."""
NO_FACTS = 0
"""A number that no version of an incident file has; messages of a lease with this number may not be sent."""

HELD = and_(
    col(DeliveryRow.id).between(LeaseRow.first, LeaseRow.last),
    col(DeliveryRow.lease) == LeaseRow.id,
    col(DeliveryRow.state) == DeliveryState.CLAIMED,
)
"""The condition that a lease holds a message; the range of ids narrows the search, because no index has the lease."""

DOUBT = f"""
UPDATE delivery SET state = 'uncertain', cause = '{ReceiptCause.BROKEN_OFF}', detail = '', doubtful = false,
updated_at = :now
WHERE lease = :lease AND state = 'claimed' AND NOT {on_kinds(PAGES)} AND """
OPEN = "SELECT id FROM delivery WHERE lease = :lease AND state = 'claimed' AND "
PROC = Path("/proc")
UNKNOWN = ""
"""The name of every process where nothing identifies processes reliably; leases then end by time alone."""


def leases_of(session: Session, incident: str, notice: str) -> Sequence[LeaseRow]:
    """Return the leases that hold, or held, messages of this notice."""
    return session.exec(select(LeaseRow).where(LeaseRow.incident == incident, LeaseRow.notice == notice)).all()


def held_by(session: Session, lease: LeaseRow, *conditions: ColumnElement[bool]) -> int:
    """Return how many messages this lease holds that meet the conditions."""
    held = select(func.count()).select_from(LeaseRow).join(DeliveryRow, HELD)
    return session.exec(held.where(LeaseRow.id == lease.id, *conditions)).one()


def recall(session: Session, incident: str, leases: Collection[int] | None = None) -> None:
    """Refuse from now on to mark messages of these leases, or of all leases of the incident.

    Messages that were sent before still count. The worker gives the others back, and those that may still be sent are
    claimed again.
    """
    these = [col(LeaseRow.incident) == incident]
    if leases is not None:
        these.append(col(LeaseRow.id).in_(leases))
    lock(session, *these)
    session.connection().execute(update(LeaseRow).where(*these).values(facts=NO_FACTS))


def lock(session: Session, *these: ColumnElement[bool]) -> Sequence[int | None]:
    """Lock the leases that meet the conditions until the transaction ends, and return their numbers.

    A transaction locks leases before their messages, and in the order of their numbers, as a worker marks them: in
    another order two transactions could wait for each other.
    """
    return session.exec(select(LeaseRow.id).where(*these).order_by(col(LeaseRow.id)).with_for_update()).all()


def ended_leases(session: Session, incident: str, notice: str, now: datetime) -> Sequence[LeaseRow]:
    """Return, locked, the leases that have ended or whose worker has died; skip those that a transaction has locked."""
    query = select(LeaseRow.id, LeaseRow.holder, run_out(now)).where(
        LeaseRow.incident == incident, LeaseRow.notice == notice
    )
    ended = [number for number, holder, over in session.exec(query) if over or has_ended(holder)]
    return session.exec(select(LeaseRow).where(col(LeaseRow.id).in_(ended)).with_for_update(skip_locked=True)).all()


def run_out(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a lease has ended.

    A lease whose end is later than any new lease's has ended too: it was taken before the clock was set back.
    """
    return or_(col(LeaseRow.until) < now, col(LeaseRow.until) > now + LEASE + CLOCKS_APART)


def open_marks(session: Session, lease: LeaseRow) -> list[int]:
    """Return the ids of this lease's messages that were marked and have no outcome yet."""
    marks = session.exec(select(MarkRow.messages).where(MarkRow.lease == lease.id)).all()
    connection = session.connection()
    query = statement(OPEN + among(connection, "id"))
    asked = {"lease": lease.id, "ids": listed(connection, [message for messages in marks for message in messages])}
    return [number for (number,) in connection.execute(query, asked).all()]


def put_in_doubt(session: Session, lease: LeaseRow, now: datetime) -> int:
    """Make the lease's messages that may have left uncertain, website pages excluded; return how many.

    A late answer of the worker that held the lease still counts.
    """
    connection = session.connection()
    asked = {"now": spelled(connection, now), "lease": lease.id, "ids": listed(connection, open_marks(session, lease))}
    return connection.execute(statement(DOUBT + among(connection, "id")), asked).rowcount


def free_rest(session: Session, lease: LeaseRow, now: datetime) -> int:
    """Let the messages that this lease still holds wait again; return how many."""
    held = (
        col(DeliveryRow.id).between(lease.first, lease.last),
        col(DeliveryRow.lease) == lease.id,
        col(DeliveryRow.state) == DeliveryState.CLAIMED,
    )
    waiting = {"state": DeliveryState.WAITING, "lease": None, "updated_at": now}
    freed = session.connection().execute(update(DeliveryRow).where(*held).values(**waiting))
    return freed.rowcount


class Life(StrEnum):
    """The state of a process, as far as it is known."""

    ALIVE = "alive"
    """The process exists, at work or halted."""
    ENDED = "ended"
    UNKNOWN = "unknown"
    """The process has no name, is hidden from this one, or runs on another machine or in another container, where the
    same number is another process."""


def this_process() -> str:
    """Return a name that no other process ever has: boot, process namespace, number and start time; else UNKNOWN."""
    try:
        return _name_of(os.getpid())
    except OSError:
        return UNKNOWN


@cache
def _name_of(number: int) -> str:
    return f"{_machine()} {number} {_started(number)}"


def life_of(holder: str) -> Life:
    """Return the state of the named process; its start time tells it from a later process with the same number."""
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
    """Return True when the named process has certainly ended, False also when its state is unknown."""
    return life_of(holder) is Life.ENDED


def _is_there(number: int) -> bool:
    """Return True when a process has this number, also one that /proc hides (hidepid, ProtectProc=invisible)."""
    try:
        os.kill(number, 0)  # no signal is sent
    except ProcessLookupError:
        return False
    except PermissionError:  # the process belongs to another user
        return True
    return True


def _machine() -> str:
    boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {(PROC / 'self/ns/pid').readlink()}"


def _started(number: int) -> str:
    """Return the process's start time in ticks since the boot, or `ended` for a zombie. See proc_pid_stat(5)."""
    stat = (PROC / str(number) / "stat").read_text(encoding="ascii", errors="replace")
    state, *fields = stat.rpartition(")")[2].split()
    return "ended" if state in "ZX" else fields[18]
