"""Personal links after a correction: a link stops working when it was sent to an address that is no longer right."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import and_, case, or_, text, update
from sqlalchemy import select as sql
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from amends.domain.notice.notice import DeliveryState
from amends.ledger.people.people import ADDRESS_INDEXES, CHUNK, link_index
from amends.ledger.store.bulk import among, listed, pages
from amends.ledger.store.encryption import Keys
from amends.ledger.tables.deliver import DeliveryRow
from amends.ledger.tables.notice import ReleaseRow
from amends.ledger.tables.people import PersonRow

CAME_TO_THEM = (DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.COMPLAINED, DeliveryState.UNCERTAIN)
"""The states of messages that somebody has or may have, whether or not their attempts are in doubt."""

Held = Mapping[int, frozenset[bytes]]
"""The addresses at which somebody has a person's link, by the number of the person."""

Reader = aliased(PersonRow)
"""The person to whom messages about a person go: the same person, or the guardian."""
IS_READER = and_(
    col(Reader.incident) == PersonRow.incident,
    col(Reader.number) == case((col(PersonRow.guardian) > 0, PersonRow.guardian), else_=PersonRow.number),
)


def links_held(session: Session, incident: str, people: Collection[int]) -> Held:
    """Return the addresses to which the links of these people, and of children told through them, were sent.

    Only addresses that the reader has in the list in force count.
    """
    guarded = sql(col(PersonRow.number)).where(col(PersonRow.incident) == incident, col(PersonRow.guardian) > 0)
    children = (number for (number,) in _of(session, guarded, "guardian", people))
    held: dict[int, set[bytes]] = {}
    for number, address in _of(session, _sent(session, incident), "number", {*people, *children}):
        held.setdefault(number, set()).add(address)
    return {number: frozenset(addresses) for number, addresses in held.items()}


def renew_links(session: Session, keys: Keys, incident: str, held: Held) -> int:
    """Renew the link of each person whose link is held at an address of neither the person nor the guardian now.

    Return how many links were renewed.
    """
    renewed = [
        _renewed(keys, incident, number, version + 1)
        for number, version, *addresses in _of(session, _addresses_now(incident), "number", held)
        if not held[number] <= set(addresses)
    ]
    if renewed:
        session.execute(update(PersonRow), renewed)
    return len(renewed)


def _renewed(keys: Keys, incident: str, number: int, version: int) -> dict[str, object]:
    index = link_index(keys.link_token(incident, number, version))
    return {"incident": incident, "number": number, "link_version": version, "link_index": index}


def _sent(session: Session, incident: str) -> Any:
    """Return the query for person and address of each message that went to a present address of the person's reader."""
    released = session.scalars(sql(col(ReleaseRow.notice)).where(col(ReleaseRow.incident) == incident).distinct()).all()
    message = (
        col(DeliveryRow.incident) == PersonRow.incident,
        col(DeliveryRow.notice).in_(released),
        col(DeliveryRow.person) == PersonRow.number,
        or_(col(DeliveryRow.state).in_(CAME_TO_THEM), col(DeliveryRow.doubtful)),
    )
    to_reader = or_(*(col(DeliveryRow.address_index) == address for address in _addresses(Reader)))
    chosen = sql(col(PersonRow.number), col(DeliveryRow.address_index)).where(col(PersonRow.incident) == incident)
    return chosen.join(Reader, IS_READER).join(DeliveryRow, and_(*message, to_reader))


def _addresses_now(incident: str) -> Any:
    """Return the query for number, version of the link, and all addresses of each person and of the reader."""
    columns = (col(PersonRow.number), col(PersonRow.link_version), *_addresses(PersonRow), *_addresses(Reader))
    return sql(*columns).where(col(PersonRow.incident) == incident).join(Reader, IS_READER)


def _addresses(whose: Any) -> tuple[Any, ...]:
    return tuple(getattr(whose, name) for name in ADDRESS_INDEXES)


def _of(session: Session, query: Any, column: str, numbers: Iterable[int]) -> Iterator[Any]:
    """Yield the rows of the query for the people whose `column`, number or guardian, is one of these numbers."""
    connection = session.connection()
    chosen = text(among(connection, f"person.{column}"))
    for page in pages(numbers, CHUNK):
        yield from session.execute(query.where(chosen.bindparams(ids=listed(connection, page)))).all()
