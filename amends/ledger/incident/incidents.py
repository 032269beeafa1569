"""Incidents in the ledger: open, amend, pause, embargo, resolve and close them, and record their events and alerts."""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select as sql
from sqlmodel import Session, col, select

from amends.domain.base.errors import AlreadyInLedger, LedgerUnavailable, NotAllowed, NotInLedger
from amends.domain.base.text import minute
from amends.domain.case.states import IncidentState
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.incident.event_kind import DESTROYED, EventKind
from amends.domain.incident.incident import Incident
from amends.domain.notice.notice import digest
from amends.domain.people.census import Census
from amends.domain.people.person import AudienceCounts, Person
from amends.domain.team.member import FROM_PREFECT
from amends.ledger.people.census import count_sharing
from amends.ledger.people.people import (
    CHUNK,
    find_guardians,
    insert_people,
    person_values,
    spelled_person,
    store_element_sets,
)
from amends.ledger.store.bulk import make_room, pages, take_stock
from amends.ledger.store.encryption import Seal
from amends.ledger.store.leases import lock
from amends.ledger.store.session import ENGINE, Store, Transaction, incident_row
from amends.ledger.store.sums import add_up
from amends.ledger.tables.deliver import LeaseRow
from amends.ledger.tables.incident import AlertRow, EventRow, IncidentRow, IncidentVersionRow


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """An incident as one line of a list."""

    id: str
    title: str
    state: IncidentState
    people: int
    opened_at: datetime
    destroyed_at: datetime | None = None
    """The time since which no person of the incident can be read, found or written to any more, or None."""


class Incidents:
    """The incidents of a ledger."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def open(self, incident: Incident, people: Iterable[Person], author: str, now: datetime) -> int:
        """Store an incident with its audience, all or nothing; return the number of people.

        An error raised while the people are read passes through, and nothing is stored. Raises AlreadyInLedger when
        the id is taken.
        """
        with self._store.write() as write:
            if write.session.get(IncidentRow, incident.id):
                raise AlreadyInLedger(f"incident {incident.id} is open already; amend it, or choose another id")
            row = IncidentRow(
                id=incident.id,
                state=IncidentState.OPEN,
                version=1,
                opened_at=now,
                wrapped_key=self._store.current_keys(write.session).new_data_key(incident.id),
                people=0,
                audience_digest="",
            )
            write.session.add(row)
            write.session.flush()
            seal = self._store.keys.seal_for(incident.id, row.wrapped_key)
            counts = self._store_people(write.session, incident.id, seal, people)
            find_guardians(write.session, incident.id)
            add_up(write.session, "person", (incident.id,))
            store_element_sets(write.session, incident.id)
            row.people, row.audience_digest = counts.people, counts.digest
            counts = counts.model_copy(update={"sharing": count_sharing(write.session, incident.id)})
            row.counts = counts.model_dump(mode="json")
            _store_version(write.session, incident, 1, author, now)
            happened(write.session, incident.id, "opened", now)
            write.note(now, incident.id, "opened", actor=author, people=row.people, audience=row.audience_digest)
            return row.people

    def _store_people(self, session: Session, incident: str, seal: Seal, people: Iterable[Person]) -> AudienceCounts:
        census, running = Census(), hashlib.sha256()
        connection, statement = session.connection(), insert_people(session)
        make_room(connection)
        for page in pages(people, CHUNK):
            running.update("".join(map(spelled_person, page)).encode())
            rows = [person_values(self._store.keys, incident, seal, person) for person in page]
            connection.exec_driver_sql(statement, rows)
            census.see(page)
        take_stock(connection, "person")
        return census.counts(running.hexdigest())

    def amend(self, incident: Incident, author: str, now: datetime) -> int:
        """Store a new version of the incident file beside the old ones; return the number of the version in force.

        Approvals become void for all messages that are not yet sent, because they bound the facts as they stood. The
        same content again changes nothing.
        """
        with self._store.write() as write:
            row = write.incident(incident.id)
            if version_row(write.session, incident.id, row.version).digest == _digest(incident):
                return row.version
            row.version += 1
            _store_version(write.session, incident, row.version, author, now)
            write.note(now, incident.id, "amended", actor=author, version=row.version)
            return row.version

    def pause(self, incident: str, by: str, now: datetime) -> None:
        """Stop sending, and let no step begin, until the incident is resumed.

        A closed incident can be paused too, because messages about its commitments may still be sent. A message that is
        being marked at this moment may be sent: see `marks_are_kept`. A pause from Prefect becomes that of anybody else
        who pauses too, so that no form ends it.
        """
        with self._store.write() as write:
            row = write.incident(incident)
            if row.state == IncidentState.PAUSED and row.paused_by == FROM_PREFECT != by:
                write.note(now, incident, IncidentState.PAUSED.value, actor=by)
            else:
                _set_state(write, incident, (IncidentState.OPEN, IncidentState.CLOSED), IncidentState.PAUSED, by, now)
            row.paused_by = by

    def resume(self, incident: str, by: str, now: datetime) -> None:
        """End the pause; steps that came due during the pause are due now.

        Raises NotAllowed for a form in Prefect, which proves nobody, when anybody else has paused the incident.
        """
        with self._store.write() as write:
            row = write.incident(incident)
            if by == FROM_PREFECT and row.paused_by not in ("", FROM_PREFECT):
                who = "it stopped by itself" if row.paused_by == ENGINE else "a member of the team paused it"
                raise NotAllowed(f"{who}, and a form in Prefect cannot end that")
            _set_state(write, incident, (IncidentState.PAUSED,), state_before_pause(write.session, incident), by, now)
            row.paused_by, row.resumed_at = "", now

    def embargo(self, incident: str, until: datetime, why: str, by: str, now: datetime) -> None:
        """Let no message be sent before this time, not even one that is claimed; replaces an earlier embargo.

        Raises NotAllowed without a reason, for a time that has passed, and for a form in Prefect, which proves nobody,
        when it would end an embargo earlier.
        """
        with self._store.write() as write:
            row = write.incident(incident)
            if not why.strip():
                raise NotAllowed("an embargo needs its reason: who asked for it, and what they gave")
            if until <= now:
                raise NotAllowed(f"{minute(until)} has passed; give a time to come")
            if by == FROM_PREFECT and row.embargo_until and row.embargo_until > until:
                raise NotAllowed(
                    f"nothing leaves before {minute(row.embargo_until)} already, and no form shortens that"
                )
            row.embargo_until, row.embargo_why = until, why
            write.note(now, incident, "embargo", f"until {minute(until)}", actor=by, why=why)

    def marks_are_kept(self, incident: str) -> bool:
        """Wait for the workers that began to mark messages before a pause; return True when all marks are stored.

        Return False when a worker has not finished within BUSY_SECONDS, which means that it was halted.
        """
        try:
            with self._store.write() as write:
                lock(write.session, col(LeaseRow.incident) == incident)
        except LedgerUnavailable:
            return False
        return True

    def lift_embargo(self, incident: str, by: str, now: datetime) -> None:
        """Let released messages be sent again. Raises NotAllowed when no embargo is in force."""
        with self._store.write() as write:
            row = write.incident(incident)
            if row.embargo_until is None or row.embargo_until <= now:
                raise NotAllowed(f"nothing holds back the messages of incident {incident}")
            row.embargo_until = None
            write.note(now, incident, "embargo lifted", actor=by)

    def close(self, incident: str, by: str, now: datetime) -> None:
        """Close an open incident: no step begins any more, except for commitments that are still open."""
        with self._store.write() as write:
            _set_state(write, incident, (IncidentState.OPEN,), IncidentState.CLOSED, by, now)

    def reopen(self, incident: str, by: str, now: datetime) -> None:
        """Open a closed incident again for people who must hear more; what ended with the closing stays ended."""
        with self._store.write() as write:
            row = write.incident(incident)
            if row.state != IncidentState.CLOSED:
                return
            row.state = IncidentState.OPEN
            write.note(now, incident, "reopened", actor=by)

    def resolve(self, incident: str, by: str, now: datetime, note: str = "") -> None:
        """Record the lead's word that there is no more news: series of updates that run until then end.

        The closing of the incident begins.
        """
        with self._store.write() as write:
            write.incident(incident)
            if happened(write.session, incident, "resolved", now):
                write.note(now, incident, "resolved", actor=by, note=note)

    def note_event(self, incident: str, name: str, now: datetime) -> None:
        """Record an event of the case; only its first time counts."""
        with self._store.write() as write:
            write.incident(incident)
            if happened(write.session, incident, name, now):
                write.note(now, incident, "event", name)

    def facts_digest(self, incident: str) -> str:
        """Return a hash that changes with any change of the incident file. Raises NotInLedger."""
        with self._store.read() as session:
            return version_row(session, incident, incident_row(session, incident).version).digest

    def all(self) -> tuple[IncidentLine, ...]:
        """Return all incidents, the newest first."""
        with self._store.read() as session:
            rows = session.exec(select(IncidentRow).order_by(col(IncidentRow.opened_at).desc())).all()
            return tuple(_line(session, row) for row in rows)


def note_alert(write: Transaction, incident: str, alert: Alert) -> None:
    """Record an alert in the caller's transaction, unless one of the same identity is recorded already."""
    if not alerted(write.session, incident, alert.id):
        write.session.add(AlertRow(incident=incident, **alert.id._asdict(), what=alert.what, at=alert.at))
        write.note(alert.at, incident, "alert", alert.what)


def alerts_of(session: Session, incident: str) -> tuple[Alert, ...]:
    """Return the alerts of the incident, the earliest first."""
    columns = [col(AlertRow.kind), col(AlertRow.subject), col(AlertRow.window), col(AlertRow.what), col(AlertRow.at)]
    query = sql(*columns).where(col(AlertRow.incident) == incident).order_by(col(AlertRow.at))
    return tuple(
        Alert(AlertId(AlertKind(kind), subject, window), what, at)
        for kind, subject, window, what, at in session.execute(query)
    )


def alerted(session: Session, incident: str, alert: AlertId) -> bool:
    """Return True when this alert is recorded already."""
    return session.get(AlertRow, (incident, *alert)) is not None


def _set_state(
    write: Transaction, incident: str, old: Collection[IncidentState], new: IncidentState, by: str, now: datetime
) -> None:
    row = write.incident(incident)
    if row.state not in old:
        why = " already" if row.state == new else f", not {' or '.join(old)}"
        raise NotAllowed(f"incident {incident} is {row.state}{why}")
    resumed = row.state == IncidentState.PAUSED
    row.state = new
    if new is IncidentState.CLOSED:
        happened(write.session, incident, "closed", now)
    write.note(now, incident, IncidentState.OPEN.value if resumed else new.value, actor=by)


def state_before_pause(session: Session, incident: str) -> IncidentState:
    """Return the state of an incident without its pause; one that was reopened counts as closed."""
    closed = session.get(EventRow, (incident, EventKind.EVENT, "closed"))
    return IncidentState.CLOSED if closed else IncidentState.OPEN


def happened(session: Session, incident: str, name: str, now: datetime, kind: EventKind = EventKind.EVENT) -> bool:
    """Record the event unless it is recorded already, and return True when it is new."""
    if session.get(EventRow, (incident, kind, name)):
        return False
    session.add(EventRow(incident=incident, kind=kind, name=name, at=now))
    return True


def _store_version(session: Session, incident: Incident, version: int, author: str, now: datetime) -> None:
    session.add(
        IncidentVersionRow(
            incident=incident.id,
            version=version,
            content=incident.model_dump(mode="json", by_alias=True),
            digest=_digest(incident),
            author=author,
            at=now,
        )
    )


def _digest(incident: Incident) -> str:
    return digest(incident.model_dump(mode="json"))


def version_row(session: Session, incident: str, version: int) -> IncidentVersionRow:
    """Return the row of this version of the incident file. Raises NotInLedger."""
    row = session.get(IncidentVersionRow, (incident, version))
    if row is None:
        raise NotInLedger(f"incident {incident} has no version {version}")
    return row


def _line(session: Session, row: IncidentRow) -> IncidentLine:
    content = version_row(session, row.id, row.version).content
    destroyed = session.get(EventRow, (row.id, EventKind.EVENT, DESTROYED))
    state, destroyed_at = IncidentState(row.state), destroyed.at if destroyed else None
    return IncidentLine(row.id, content["title"], state, row.people, row.opened_at, destroyed_at)
