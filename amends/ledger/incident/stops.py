"""Stops in the ledger: sends that have stopped, and recipient domains to which nothing is sent until a person decides.

Each is an alert once, and stands among what waits for people until it has ended.
"""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, func, select

from amends.domain.base.errors import NotInLedger
from amends.domain.base.text import minute
from amends.domain.case.states import IncidentState
from amends.domain.channel.message import ReceiptCause
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.incident.event_kind import EventKind
from amends.domain.incident.stops import LONGEST_REASON, StoppedDomain, StoppedSend
from amends.domain.notice.notice import DeliveryState
from amends.domain.team.member import Member
from amends.ledger.incident.incidents import happened, note_alert
from amends.ledger.store.session import Store, Transaction, must_approve
from amends.ledger.tables.audit import AuditRow
from amends.ledger.tables.deliver import DeliveryRow
from amends.ledger.tables.incident import EventRow


class RecordedStops:
    """The stops of all incidents."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def sends(self, incident: str, notice: str) -> frozenset[str]:
        """Return the parts of this notice's send that have stopped."""
        with self._store.read() as session:
            return frozenset(send.part for send in _sends(session, incident) if send.notice == notice)

    def any_of(self, incident: str) -> bool:
        """Return True when a send of the incident has stopped, or mail to a domain."""
        with self._store.read() as session:
            return any(_sends(session, incident)) or any(_domains(session, incident))

    def send_stopped(self, incident: str, notice: str, part: str, why: str, now: datetime) -> bool:
        """Record that a send has stopped, with an alert, and return True; False when that is recorded already."""
        stop = StoppedSend(notice, part, " ".join(why.split())[:LONGEST_REASON], now)
        with self._store.read() as session:
            if session.get(EventRow, (incident, EventKind.STOPPED_SEND, stop.name)):
                return False
        with self._store.write() as write:
            write.incident(incident)
            _forget(write, incident, (send for send in _sends(write.session, incident) if send[:2] == stop[:2]))
            if happened(write.session, incident, stop.name, now, EventKind.STOPPED_SEND):
                what = f"{notice} has stopped ({part}) at {minute(now)}: {stop.why}"
                note_alert(write, incident, Alert(stop.alert, what, now))
            return True

    def send_goes_on(self, incident: str, notice: str, parts: Collection[str], now: datetime) -> None:
        """Record that these parts of the send go on."""
        with self._store.write() as write:
            write.incident(incident)
            ended = [send for send in _sends(write.session, incident) if send.notice == notice and send.part in parts]
            _forget(write, incident, ended)
            if ended:
                write.note(now, incident, "send goes on", notice, parts=sorted(one.part for one in ended))

    def domains(self, incident: str) -> frozenset[str]:
        """Return the domains to which nothing is sent."""
        with self._store.read() as session:
            return frozenset(domain.domain for domain in _domains(session, incident))

    def stop_domain(self, incident: str, notice: str, domain: str, why: str, now: datetime) -> bool:
        """Record that nothing is sent to this domain, with an alert, and return True; False when it has stopped."""
        with self._store.write() as write:
            write.incident(incident)
            if any(one.domain == domain for one in _domains(write.session, incident)):
                return False
            happened(write.session, incident, StoppedDomain(domain, why, now).name, now, EventKind.STOPPED_DOMAIN)
            do = f"`amends deliver {incident} {notice} --domain {domain} --as NAME` lets it go on"
            what = f"{domain} refuses our mail by its policy, so mail to it waits since {minute(now)}: {why}; {do}"
            stopped = AlertId(AlertKind.DOMAIN_STOPPED, domain, minute(now))
            note_alert(write, incident, Alert(stopped, what, now))
            return True

    def let_domain_go_on(self, incident: str, domain: str, by: Member, now: datetime) -> int:
        """End the stop of a domain, and return how many messages that waited for stopped domains are due now.

        Messages to other stopped domains are put off again by the next send. Raises NotAllowed, and NotInLedger when
        the domain has not stopped.
        """
        must_approve(by)
        with self._store.write() as write:
            write.incident(incident)
            ended = [one for one in _domains(write.session, incident) if one.domain == domain]
            if not ended:
                raise NotInLedger(f"mail to {domain} has not stopped; `amends timeline {incident}` says what has")
            for one in ended:
                write.session.delete(write.session.get_one(EventRow, (incident, EventKind.STOPPED_DOMAIN, one.name)))
            waiting = (
                col(DeliveryRow.incident) == incident,
                col(DeliveryRow.state) == DeliveryState.DEFERRED,
                col(DeliveryRow.cause) == ReceiptCause.DOMAIN_STOPPED,
            )
            due = write.change(update(DeliveryRow).where(*waiting).values(next_try_at=now, updated_at=now))
            write.note(now, incident, "domain goes on", domain, actor=by.name, messages=due)
            return due


def _sends(session: Session, incident: str) -> list[StoppedSend]:
    return [StoppedSend.read(*found) for found in _stops(session, incident, EventKind.STOPPED_SEND)]


def _domains(session: Session, incident: str) -> list[StoppedDomain]:
    return [StoppedDomain.read(*found) for found in _stops(session, incident, EventKind.STOPPED_DOMAIN)]


def _stops(session: Session, incident: str, kind: EventKind) -> list[tuple[str, datetime]]:
    query = select(EventRow.name, EventRow.at).where(EventRow.incident == incident, EventRow.kind == kind)
    return [(name, at) for name, at in session.exec(query)]


def _forget(write: Transaction, incident: str, stops: Iterable[StoppedSend]) -> None:
    for stop in stops:
        write.session.delete(write.session.get_one(EventRow, (incident, EventKind.STOPPED_SEND, stop.name)))


def resumed_at(session: Session, incident: str) -> datetime | None:
    """Return when the incident was last resumed, or None."""
    acts = select(func.max(col(AuditRow.at))).where(AuditRow.incident == incident, AuditRow.act == IncidentState.OPEN)
    return session.exec(acts).one()
