"""Clocks in the ledger: compare the clocks of machines, and record and settle doubt about them."""

from datetime import datetime

from sqlalchemy import text
from sqlmodel import Session, col, select

from amends.domain.base.clock import Seen, apart, doubt
from amends.ledger.store.bulk import on_postgresql
from amends.ledger.store.session import Store
from amends.ledger.tables.incident import ClockRow

EVERY_INCIDENT = ""
"""The incident of an audit entry that is about all incidents."""


class MachineClocks:
    """The clocks of all machines that work with the ledger, each believed or in doubt."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def server_time(self) -> datetime | None:
        """Return the time on the ledger's server, or None for a ledger in a file."""
        with self._store.read() as session:
            connection = session.connection()
            return connection.scalar(text("SELECT clock_timestamp()")) if on_postgresql(connection) else None

    def observe(self, seen: Seen, server: datetime | None = None) -> str:
        """Compare with the machine's last reading, and return why its clock is not believed; empty when it is believed.

        The clock of a machine that is new to the ledger, or was restarted, is also compared with the ledger's server. A
        doubt stays until a person settles it: a clock that was set wrong and right again has jumped twice.
        """
        with self._store.write() as write:
            row = write.session.get(ClockRow, seen.host)
            found = doubt(Seen(row.host, row.boot, row.elapsed, row.at), seen) if row else ""
            if row is None or row.boot != seen.boot:
                found = found or apart(seen, server)
            if row is None:
                write.add_once(ClockRow(**seen._asdict(), doubt=""))
                row = write.session.get_one(ClockRow, seen.host)
            if found and not row.doubt:
                row.doubt = found
                write.note(seen.at, EVERY_INCIDENT, "clock doubted", seen.host, why=found)
            row.boot, row.elapsed, row.at = seen.boot, seen.elapsed, seen.at
            return row.doubt

    def doubts(self) -> tuple[str, ...]:
        """Return the reason for doubt about each doubted clock; empty when every clock is believed."""
        with self._store.read() as session:
            return clock_doubts(session)

    def trust(self, by: str, now: datetime) -> None:
        """Settle all doubts after a person has checked the clocks, which then decide again what is due."""
        with self._store.write() as write:
            for row in write.session.exec(select(ClockRow).where(col(ClockRow.doubt) != "")):
                write.note(now, EVERY_INCIDENT, "clock trusted", row.host, actor=by, was=row.doubt)
                row.doubt = ""


def clock_doubts(session: Session) -> tuple[str, ...]:
    """Return the reason for doubt about each doubted clock, ordered by host."""
    return tuple(session.exec(select(ClockRow.doubt).where(col(ClockRow.doubt) != "").order_by(col(ClockRow.host))))
