"""Verbs about texts that people send us: whose SMS goes to a number, and what was heard already."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlmodel import Session, col, func, select

from amends.ledger.people.opt_outs import reader_of
from amends.ledger.store.session import Store
from amends.ledger.store.tables import DeliveryRow, HeardRow, IncidentRow

BY_SMS = text("channel = 'sms'")
"""Spelled as its index is, or the index is not used."""
NOT_DESTROYED = IncidentRow.wrapped_key != b""


@dataclass(frozen=True, slots=True)
class Texted:
    """A person whose SMS goes to a number that is still that of whoever reads for them."""

    incident: str
    person: int
    reader: int
    """They themselves, or their guardian."""
    locale: str
    """The reader's."""


class SmsReplies:
    """Find out who writes, and hear each text once."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def texted(self, phone: str) -> tuple[Texted, ...]:
        """The people whose SMS goes to this number, the one written to last in front."""
        with self._store.read() as session:
            known = session.exec(select(IncidentRow.id).where(NOT_DESTROYED)).all()
            addresses = [self._store.keys.index(incident, "phone", phone) for incident in known]
            return tuple(one for row in _sms_to(session, addresses) if (one := _texted(session, *row)))

    def texted_last(self) -> str:
        """The incident that the last SMS was about, of those whose data is there; empty when there is none."""
        known = select(IncidentRow.id).where(NOT_DESTROYED)
        query = select(DeliveryRow.incident).where(BY_SMS, col(DeliveryRow.incident).in_(known))
        query = query.order_by(col(DeliveryRow.id).desc()).limit(1)
        with self._store.read() as session:
            return session.exec(query).first() or ""

    def is_recorded(self, once: str) -> bool:
        """Whether what bears this name was obeyed or kept."""
        with self._store.read() as session:
            return session.get(HeardRow, once) is not None

    def record(self, once: str, now: datetime) -> None:
        """It was obeyed or kept; the same again is no news."""
        with self._store.write() as write:
            write.add_once(HeardRow(once=once, at=now))


def _sms_to(session: Session, addresses: Collection[bytes]) -> list[tuple[str, int, bytes]]:
    """Incident, person and address of all SMS to these addresses, the last first."""
    whose = (DeliveryRow.incident, DeliveryRow.person, DeliveryRow.address_index)
    query = select(*whose).where(BY_SMS, col(DeliveryRow.address_index).in_(addresses)).group_by(*map(col, whose))
    return list(session.exec(query.order_by(func.max(DeliveryRow.id).desc())))


def _texted(session: Session, incident: str, person: int, address: bytes) -> Texted | None:
    """None when the number is not that of their reader any more: whoever has it now is somebody else."""
    reader = reader_of(session, incident, person)
    return Texted(incident, person, reader.number, reader.locale) if reader.phone_index == address else None
