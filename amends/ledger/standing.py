"""How messages and people stand, in numbers and line by line."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case
from sqlmodel import Session, col, func, select

from amends.domain.channel import ChannelKind
from amends.domain.notice import PERSON_STATE, DeliveryState, PersonState
from amends.ledger.notices import PUBLIC
from amends.ledger.store import Store
from amends.ledger.tables import DeliveryRow, PersonRow


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """One message in a list, without any personal data."""

    person: int
    country: str
    channel: ChannelKind
    state: DeliveryState
    detail: str
    attempts: int
    updated_at: datetime


class Standings(Store):
    """Looks at messages without changing any."""

    def standing(self, incident: str, notice: str) -> dict[PersonState, int]:
        """How many people stand where with this notice."""
        with self.read() as session:
            return person_states(session, incident, notice).get(notice, {})

    def deliveries(self, incident: str, notice: str) -> tuple[DeliveryLine, ...]:
        """Every message of a notice, by person."""
        with self.read() as session:
            query = (
                select(DeliveryRow, PersonRow.country)
                .join(
                    PersonRow,
                    (col(PersonRow.incident) == DeliveryRow.incident) & (col(PersonRow.number) == DeliveryRow.person),
                    isouter=True,
                )
                .where(DeliveryRow.incident == incident, DeliveryRow.notice == notice)
                .order_by(col(DeliveryRow.person), col(DeliveryRow.id))
            )
            return tuple(_line(row, country or "") for row, country in session.exec(query))


def message_states(session: Session, incident: str, notice: str = "") -> dict[str, dict[DeliveryState, int]]:
    """How many messages are in each state, for every notice or for this one."""
    query = (
        select(DeliveryRow.notice, DeliveryRow.state, func.count())
        .where(*_of(incident, notice))
        .group_by(col(DeliveryRow.notice), col(DeliveryRow.state))
    )
    counted: dict[str, dict[DeliveryState, int]] = {}
    for name, state, count in session.exec(query):
        counted.setdefault(name, {})[DeliveryState(state)] = count
    return counted


BEST_FIRST = tuple(DeliveryState)


def _of(incident: str, notice: str) -> list[bool]:
    conditions = [DeliveryRow.incident == incident]
    return [*conditions, DeliveryRow.notice == notice] if notice else conditions


def person_states(session: Session, incident: str, notice: str = "") -> dict[str, dict[PersonState, int]]:
    """How many people stand where with every notice: each where their best message stands, so in exactly one state."""
    rank = case({state.value: place for place, state in enumerate(BEST_FIRST)}, value=col(DeliveryRow.state))
    best = (
        select(DeliveryRow.notice, func.min(rank).label("rank"))
        .where(*_of(incident, notice), DeliveryRow.person != PUBLIC)
        .group_by(col(DeliveryRow.notice), col(DeliveryRow.person))
        .subquery()
    )
    query = select(best.c.notice, best.c.rank, func.count()).group_by(best.c.notice, best.c.rank)
    counted: dict[str, Counter[PersonState]] = {}
    for name, place, count in session.exec(query):
        counted.setdefault(name, Counter())[PERSON_STATE[BEST_FIRST[place]]] += count
    return {name: dict(states) for name, states in counted.items()}


def next_tries(session: Session, incident: str) -> dict[str, datetime]:
    """When the earliest deferred message of each notice may be tried again."""
    query = (
        select(DeliveryRow.notice, func.min(DeliveryRow.next_try_at))
        .where(DeliveryRow.incident == incident, DeliveryRow.state == DeliveryState.DEFERRED)
        .group_by(col(DeliveryRow.notice))
    )
    return {notice: at for notice, at in session.exec(query) if at is not None}


def _line(row: DeliveryRow, country: str) -> DeliveryLine:
    return DeliveryLine(
        row.person,
        country,
        ChannelKind(row.channel),
        DeliveryState(row.state),
        row.detail,
        row.attempts,
        row.updated_at,
    )
