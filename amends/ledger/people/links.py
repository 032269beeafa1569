"""Personal links after a correction: whoever reads at an address that is not the person's any more loses the page."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import and_, case, or_, text, update
from sqlalchemy import select as sql
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from amends.domain.notice.notice import DeliveryState
from amends.ledger.people.people import CHUNK, link_index
from amends.ledger.store.bulk import among, listed
from amends.ledger.store.encryption import Keys
from amends.ledger.store.tables import DeliveryRow, PersonRow, ReleaseRow

CAME_TO_THEM = (
    DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.COMPLAINED, DeliveryState.UNCERTAIN,
)  # fmt: skip
"""States of messages that somebody has, or may have, whatever is kept of their tries."""

Held = Mapping[int, frozenset[bytes]]
"""Of each person, the addresses at which somebody has their link."""

Reader = aliased(PersonRow)
"""Who is written to about a person: they themselves, or their guardian."""
IS_READER = and_(
    col(Reader.incident) == PersonRow.incident,
    col(Reader.number) == case((col(PersonRow.guardian) > 0, PersonRow.guardian), else_=PersonRow.number),
)


def links_held(session: Session, incident: str, people: Collection[int]) -> Held:
    """Where the links of these people, and of the children who are told through them, are read by the list in force."""
    guarded = sql(col(PersonRow.number)).where(col(PersonRow.incident) == incident, col(PersonRow.guardian) > 0)
    children = (number for (number,) in _of(session, guarded, "guardian", people))
    held: dict[int, set[bytes]] = {}
    for number, address in _of(session, _sent(session, incident), "number", {*people, *children}):
        held.setdefault(number, set()).add(address)
    return {number: frozenset(addresses) for number, addresses in held.items()}


def renew_links(session: Session, keys: Keys, incident: str, held: Held) -> int:
    """Give a new link to each person whose link is held where neither they nor their guardian are now; how many."""
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
    """Person and address of each message that went where the person's reader is."""
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
    """Number, version of the link, and all addresses of the person and of their reader."""
    columns = (col(PersonRow.number), col(PersonRow.link_version), *_addresses(PersonRow), *_addresses(Reader))
    return sql(*columns).where(col(PersonRow.incident) == incident).join(Reader, IS_READER)


def _addresses(whose: Any) -> tuple[Any, ...]:
    return whose.email_index, whose.phone_index, whose.postal_index


def _of(session: Session, query: Any, column: str, numbers: Iterable[int]) -> Iterator[Any]:
    """What the query finds for those whose number, or whose guardian's, is one of these."""
    connection, wanted = session.connection(), list(numbers)
    chosen = text(among(connection, f"person.{column}"))
    for start in range(0, len(wanted), CHUNK):
        page = chosen.bindparams(ids=listed(connection, wanted[start : start + CHUNK]))
        yield from session.execute(query.where(page)).all()
