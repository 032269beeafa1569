"""SMS replies in the ledger: find the people to whom a number belongs, and record each reply once."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlmodel import Session, col, func, select

from amends.ledger.people.opt_outs import reader_of
from amends.ledger.store.session import Store
from amends.ledger.tables.deliver import ANSWERED, DeliveryRow
from amends.ledger.tables.feedback import SmsReplyRow
from amends.ledger.tables.incident import IncidentRow

BY_SMS = text(ANSWERED)
"""A condition spelled exactly like that of the index, which the database does not use otherwise."""
NOT_DESTROYED = IncidentRow.wrapped_key != b""


@dataclass(frozen=True, slots=True)
class Texted:
    """A person about whom an SMS was sent to a number that is still the number of the person's reader."""

    incident: str
    person: int
    reader: int
    """The number of the person to whom the SMS went: the same person, or the guardian."""
    locale: str
    """The locale of the reader."""


class SmsReplies:
    """The SMS replies of people, and the SMS to which they reply."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def texted(self, phone: str) -> tuple[Texted, ...]:
        """Return the people whose SMS goes to this number, the person of the latest SMS first."""
        with self._store.read() as session:
            known = session.exec(select(IncidentRow.id).where(NOT_DESTROYED)).all()
            addresses = [self._store.keys.index(incident, "phone", phone) for incident in known]
            return tuple(one for row in _sms_to(session, addresses) if (one := _still_texted(session, *row)))

    def texted_last(self) -> str:
        """Return the incident of the latest SMS, incidents with destroyed data excluded; empty without any SMS."""
        known = select(IncidentRow.id).where(NOT_DESTROYED)
        query = select(DeliveryRow.incident).where(BY_SMS, col(DeliveryRow.incident).in_(known))
        query = query.order_by(col(DeliveryRow.id).desc()).limit(1)
        with self._store.read() as session:
            return session.exec(query).first() or ""

    def is_recorded(self, once: str) -> bool:
        """Return True when the SMS with this idempotency key was obeyed or stored already."""
        with self._store.read() as session:
            return session.get(SmsReplyRow, once) is not None

    def recorded(self, keys: Collection[str]) -> frozenset[str]:
        """Return those of these idempotency keys whose texts were obeyed or stored already."""
        with self._store.read() as session:
            return frozenset(session.exec(select(SmsReplyRow.once).where(col(SmsReplyRow.once).in_(keys))))

    def record(self, once: str, now: datetime) -> None:
        """Record that the SMS with this idempotency key was obeyed or stored; a second call changes nothing."""
        with self._store.write() as write:
            write.add_once(SmsReplyRow(once=once, at=now))


def _sms_to(session: Session, addresses: Collection[bytes]) -> list[tuple[str, int, bytes]]:
    """Return incident, person and address of the SMS to these addresses, the latest first."""
    whose = (DeliveryRow.incident, DeliveryRow.person, DeliveryRow.address_index)
    query = select(*whose).where(BY_SMS, col(DeliveryRow.address_index).in_(addresses)).group_by(*map(col, whose))
    return list(session.exec(query.order_by(func.max(DeliveryRow.id).desc())))


def _still_texted(session: Session, incident: str, person: int, address: bytes) -> Texted | None:
    """Return the person, or None when the number now belongs to somebody else than the person's reader."""
    reader = reader_of(session, incident, person)
    return Texted(incident, person, reader.number, reader.locale) if reader.phone_index == address else None
