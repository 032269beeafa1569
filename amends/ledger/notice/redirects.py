"""Redirecting stored messages after a corrected list has changed the people they are for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, delete, text
from sqlmodel import Session, col, select

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import ReceiptCause
from amends.domain.deliver.cascade import hold_within, why_held
from amends.domain.deliver.correction import OPEN, Course, Stored, course
from amends.domain.deliver.lawful import lawful_for
from amends.domain.law.addendum import Addenda
from amends.domain.notice.notice import DeliveryState, Draft
from amends.domain.people.person import Hold
from amends.ledger.notice.first_messages import FirstMessages, addressees_of, may_have_left, reader_addresses
from amends.ledger.store.bulk import among, listed, spelled
from amends.ledger.store.sums import changing_these, store_messages
from amends.ledger.tables.deliver import DeliveryRow
from amends.ledger.tables.people import PersonRow


@dataclass(frozen=True, slots=True)
class Redirected:
    """The numbers of messages that a correction changed."""

    moved: int = 0
    """Messages that go to another address, or with another text, than before."""
    held: int = 0
    """Messages that do not leave any more, because the person is held now or has no such address."""
    new: int = 0

    def __add__(self, other: "Redirected") -> "Redirected":
        return Redirected(self.moved + other.moved, self.held + other.held, self.new + other.new)


def redirect(
    session: Session, draft: Draft, version: int, addenda: Addenda, people: Sequence[int], now: datetime, *, anew: bool
) -> Redirected:
    """Change the messages of these people to follow the list in force; `anew` also writes again to unreached people.

    The numbers of the people come in order. No worker may hold any of the messages.
    """
    connection, done = session.connection(), Redirected()
    addressed = {row.number: row for row in session.execute(_addressed(session, draft, people))}
    writer = FirstMessages(draft, version, addenda, spelled(connection, now), may_have_left(session, draft))
    dropped: list[int] = []
    new: list[tuple[Any, ...]] = []
    for number, rows in groupby(_messages(session, draft, people), key=lambda row: row.person):
        person, messages = addressed.get(number), {row.id or 0: row for row in rows}
        taken = _course(draft, person, messages)
        name = _name(writer, person) if person else ""
        done += _apply(messages, taken, name, now)
        if anew:
            dropped += taken.dropped
            new += [writer.row(number, one.channel, address, name, one) for one, address in taken.new]
    session.flush()
    those = text(among(connection, "id")).bindparams(ids=listed(connection, dropped))
    with changing_these(session, "delivery", (draft.incident, draft.notice), "id", dropped):
        session.execute(delete(DeliveryRow).where(those).execution_options(synchronize_session=False))
    store_messages(session, new)
    return done + Redirected(new=len(new))


def _name(writer: FirstMessages, person: Any) -> str:
    return writer.name(person.guardian > 0, person.country, person.region, person.locale, person.cohort)


def _addressed(session: Session, draft: Draft, people: Sequence[int]) -> Any:
    """Return a query, as `addressees`, for those of these people who are in the audience of the notice."""
    connection = session.connection()
    chosen = text(among(connection, "person.number")).bindparams(ids=listed(connection, people))
    return addressees_of(draft).where(_within(PersonRow.number, people), chosen)


def _within(column: Any, people: Sequence[int]) -> ColumnElement[bool]:
    """Return bounds for a list of numbers, without which PostgreSQL may compare every row with the whole list."""
    return col(column).between(people[0], people[-1])


def _messages(session: Session, draft: Draft, people: Sequence[int]) -> Sequence[DeliveryRow]:
    connection = session.connection()
    theirs = text(among(connection, "delivery.person")).bindparams(ids=listed(connection, people))
    here = (DeliveryRow.incident == draft.incident, DeliveryRow.notice == draft.notice)
    return session.exec(
        select(DeliveryRow)
        .where(*here, _within(DeliveryRow.person, people), theirs)
        .order_by(col(DeliveryRow.person), col(DeliveryRow.id))
    ).all()


def _course(draft: Draft, person: Any, messages: Mapping[int, DeliveryRow]) -> Course:
    stored = [
        Stored(
            number,
            ChannelKind(row.channel),
            row.address_index,
            DeliveryState(row.state),
            ReceiptCause(row.cause),
            row.detail,
            row.doubtful,
        )
        for number, row in messages.items()
    ]
    if person is None:
        return course(stored, Hold.GONE, {}, draft.channels, draft.cascade)
    why_not = why_held("", optional=draft.optional, opted_out=person.opted_out)
    hold = hold_within(draft, person.hold)
    lawful = lawful_for(draft, person.country, person.region, consented=bool(person.consents))
    return course(stored, hold, reader_addresses(person), draft.channels, draft.cascade, why_not, lawful)


def _apply(messages: Mapping[int, DeliveryRow], taken: Course, name: str, now: datetime) -> Redirected:
    """Store the changes to the messages; a message that has yet to leave gets the text with this name."""
    moved = held = 0
    for one in taken.changed:
        row = messages[one.id]
        row.state, row.address_index = one.state, one.address
        row.cause, row.detail, row.doubtful = one.cause, one.detail, one.doubtful
        row.attempts, row.next_try_at, row.updated_at = 0, None, now
        held += one.state not in OPEN
        moved += one.state in OPEN
    changed = {one.id for one in taken.changed}
    for number, row in messages.items():
        if name and row.state in OPEN and row.variant != name:
            row.variant, row.updated_at = name, now
            moved += number not in changed
    return Redirected(moved, held)


def waits_for_somebody(session: Session, incident: str, notice: str) -> bool:
    """Return True when a message of the notice has still to leave."""
    states = [state.value for state in OPEN]
    here = (DeliveryRow.incident == incident, DeliveryRow.notice == notice, col(DeliveryRow.state).in_(states))
    return session.exec(select(DeliveryRow.id).where(*here).limit(1)).first() is not None
