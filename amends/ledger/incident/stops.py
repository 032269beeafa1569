"""Stops in the ledger: sends that have stopped, and recipient domains to which nothing is sent until a person decides.

Each is an alert once, and stands among what waits for people until it has ended. No alert and no entry of the audit
chain names a domain: they outlast the personal data.
"""

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, update
from sqlmodel import Session, col, select

from amends.domain.base.errors import DataDamaged, NotInLedger
from amends.domain.base.text import minute
from amends.domain.channel.message import ReceiptCause
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.incident.stops import LONGEST_REASON, StoppedDomain, StoppedSend
from amends.domain.notice.notice import DeliveryState
from amends.domain.team.member import Member
from amends.ledger.incident.incidents import note_alert
from amends.ledger.store.session import Store, Transaction, must_approve
from amends.ledger.tables.declared import sealed_place
from amends.ledger.tables.deliver import DeliveryRow
from amends.ledger.tables.incident import IncidentRow, StopRow

OF_SEND, OF_DOMAIN = col(StopRow.sealed_domain).is_(None), col(StopRow.sealed_domain).is_not(None)


class StandingStops(NamedTuple):
    """The stops of one incident that have not ended."""

    sends: tuple[StoppedSend, ...] = ()
    domains: tuple[StoppedDomain, ...] = ()


class RecordedStops:
    """The stops of all incidents."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def sends(self, incident: str, notice: str) -> frozenset[str]:
        """Return the parts of this notice's send that have stopped."""
        parts = select(StopRow.part).where(StopRow.incident == incident, StopRow.notice == notice, OF_SEND)
        with self._store.read() as session:
            return frozenset(session.exec(parts))

    def any_of(self, incident: str) -> bool:
        """Return True when a send of the incident has stopped, or mail to a domain."""
        with self._store.read() as session:
            return session.exec(select(StopRow.id).where(StopRow.incident == incident).limit(1)).first() is not None

    def send_stopped(self, incident: str, notice: str, part: str, why: str, now: datetime) -> bool:
        """Record that a send has stopped, with an alert, and return True; False when that is recorded already."""
        stop = StoppedSend(notice, part, _cut(why), now)
        with self._store.read() as session:
            if _is_recorded(session, incident, stop):
                return False
        with self._store.write() as write:
            row = write.incident(incident)
            if _is_recorded(write.session, incident, stop):
                return False
            _end(write, _of_parts(write.session, incident, notice, [part]))
            _add(write, row, StopRow(incident=incident, id=row.stops + 1, **stop._asdict()))
            what = f"{notice} has stopped ({part}) at {minute(now)}: {stop.why}"
            note_alert(write, incident, Alert(stop.alert, what, now))
            return True

    def send_goes_on(self, incident: str, notice: str, parts: Collection[str], now: datetime) -> None:
        """Record that these parts of the send go on."""
        with self._store.write() as write:
            write.incident(incident)
            ended = _of_parts(write.session, incident, notice, parts)
            _end(write, ended)
            if ended:
                write.note(now, incident, "send goes on", notice, parts=sorted(row.part for row in ended))

    def domains(self, incident: str) -> frozenset[str]:
        """Return the domains to which nothing is sent."""
        with self._store.read() as session:
            stopped = _domains(self._store, session, incident, _rows(session, incident, OF_DOMAIN))
            return frozenset(domain.domain for domain in stopped.values())

    def stop_domain(self, incident: str, notice: str, domain: str, why: str, now: datetime) -> bool:
        """Record that nothing is sent to this domain, with an alert, and return True; False when it has stopped."""
        with self._store.write() as write:
            row = write.incident(incident)
            if self._of_domain(write.session, incident, domain):
                return False
            stop = StopRow(incident=incident, id=row.stops + 1, notice=notice, why=_cut(why), at=now)
            seal = self._store.seal(write.session, incident)
            stop.sealed_domain = seal.close(domain, sealed_place(stop, "sealed_domain"))
            _add(write, row, stop)
            note_alert(write, incident, _domain_alert(stop))
            return True

    def let_domain_go_on(self, incident: str, domain: str, by: Member, now: datetime) -> int:
        """End the stop of a domain, and return how many messages that waited for stopped domains are due now.

        Messages to other stopped domains are put off again by the next send. Raises NotAllowed, and NotInLedger when
        the domain has not stopped.
        """
        must_approve(by)
        with self._store.write() as write:
            write.incident(incident)
            ended = self._of_domain(write.session, incident, domain)
            if not ended:
                raise NotInLedger(f"mail to {domain} has not stopped; `amends timeline {incident}` says what has")
            _end(write, ended)
            waiting = (
                col(DeliveryRow.incident) == incident,
                col(DeliveryRow.state) == DeliveryState.DEFERRED,
                col(DeliveryRow.cause) == ReceiptCause.DOMAIN_STOPPED,
            )
            due = write.change(update(DeliveryRow).where(*waiting).values(next_try_at=now, updated_at=now))
            for row in ended:
                write.note(now, incident, "domain goes on", f"stop {row.id}", actor=by.name, messages=due)
            return due

    def _of_domain(self, session: Session, incident: str, domain: str) -> list[StopRow]:
        rows = _rows(session, incident, OF_DOMAIN)
        stopped = _domains(self._store, session, incident, rows)
        return [row for row in rows if row.id in stopped and stopped[row.id].domain == domain]


def stops_of(store: Store, session: Session, row: IncidentRow, *, names: bool) -> StandingStops:
    """Return the stops of this row's incident, with or without the domains' names; none once its data was destroyed."""
    if not (row.stops and row.wrapped_key):
        return StandingStops()
    rows = _rows(session, row.id)
    sends = tuple(StoppedSend(stop.notice, stop.part, stop.why, stop.at) for stop in rows if stop.part)
    stopped = _domains(store, session, row.id, rows) if names else {}
    nameless = (StoppedDomain("", stop.why, stop.at) for stop in rows if not (stop.part or stop.id in stopped))
    return StandingStops(sends, (*stopped.values(), *nameless))


def _rows(session: Session, incident: str, *of: ColumnElement[bool]) -> Sequence[StopRow]:
    query = select(StopRow).where(StopRow.incident == incident, *of).order_by(col(StopRow.id))
    return session.exec(query).all()


def _of_parts(session: Session, incident: str, notice: str, parts: Collection[str]) -> Sequence[StopRow]:
    return _rows(session, incident, OF_SEND, col(StopRow.notice) == notice, col(StopRow.part).in_(parts))


def _is_recorded(session: Session, incident: str, stop: StoppedSend) -> bool:
    return any(row.why == stop.why for row in _of_parts(session, incident, stop.notice, [stop.part]))


def _domains(store: Store, session: Session, incident: str, rows: Iterable[StopRow]) -> dict[int, StoppedDomain]:
    """Return the stopped domains by the number of the stop.

    A domain that does not open is left out: one damaged row must not hold up everybody else's messages.
    """
    domains = {}
    for row in rows:
        if row.sealed_domain:
            with suppress(DataDamaged):
                seal = store.seal(session, incident)
                domain = seal.open(row.sealed_domain, sealed_place(row, "sealed_domain"))
                domains[row.id] = StoppedDomain(domain, row.why, row.at)
    return domains


def _domain_alert(stop: StopRow) -> Alert:
    since = (
        f"a recipient domain refuses our mail by its policy, so mail to it waits since {minute(stop.at)}: {stop.why}"
    )
    do = f"`amends deliver {stop.incident} {stop.notice} --domain DOMAIN --as NAME` lets it go on"
    what = f"{since}; `amends timeline {stop.incident}` names the domain, {do}"
    return Alert(AlertId(AlertKind.DOMAIN_STOPPED, str(stop.id)), what, stop.at)


def _add(write: Transaction, incident: IncidentRow, stop: StopRow) -> None:
    incident.stops = stop.id
    write.session.add(stop)


def _end(write: Transaction, stops: Iterable[StopRow]) -> None:
    for stop in stops:
        write.session.delete(stop)


def _cut(why: str) -> str:
    return " ".join(why.split())[:LONGEST_REASON]
