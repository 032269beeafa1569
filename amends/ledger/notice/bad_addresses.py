"""Addresses that take no message, as the messages of the same incident found that came back from them.

No machine sends anything to such an address again. It is good again once a corrected list gives another one.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import and_, case, null, or_, text
from sqlalchemy import select as sql
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from amends.domain.channel.channel import ChannelKind, to_people
from amends.domain.notice.notice import DeliveryState
from amends.ledger.tables.deliver import BAD_ADDRESS, DeliveryRow

ADDRESSED = to_people()
"""The channels to people, in the order of INDEXES."""
INDEXES = tuple(kind.address.index for kind in ADDRESSED if kind.address)
"""The columns of a person that hold the keyed indexes of the addresses."""


def usable(reader: Any, incident: str) -> list[Any]:
    """Return columns with the reader's addresses, in the order of ADDRESSED; null for an address that takes no message.

    The database reads the addresses that take none once for each statement, from an index that holds nothing else.
    """
    found = zip(INDEXES, ADDRESSED, strict=True)
    return [
        case((col(getattr(reader, name)).in_(_bad(incident, kind)), null()), else_=col(getattr(reader, name)))
        for name, kind in found
    ]


def _bad(incident: str, kind: ChannelKind) -> Any:
    """Return a query for the addresses of this channel that take no message, as an earlier one of the incident found.

    The table has a name of its own, because the query also stands within queries about messages.
    """
    gone = aliased(DeliveryRow, name="came_back")
    here = (col(gone.incident) == incident, col(gone.channel) == kind.value, text(f"came_back.{BAD_ADDRESS}"))
    return sql(col(gone.address_index)).where(*here)


def without_bad(session: Session, incident: str, known: Mapping[ChannelKind, bytes]) -> dict[ChannelKind, bytes]:
    """Return these addresses of one person without those that take no message."""
    return {
        kind: address
        for kind, address in known.items()
        if not session.execute(_is_bad(incident, kind, address)).first()
    }


def _is_bad(incident: str, kind: ChannelKind, address: bytes) -> Any:
    here = (col(DeliveryRow.incident) == incident, col(DeliveryRow.channel) == kind.value, text(BAD_ADDRESS))
    return sql(col(DeliveryRow.id)).where(*here, col(DeliveryRow.address_index) == address).limit(1)


def waiting_for_bad(incident: str, notice: str) -> Any:
    """Return a query, in order, for the people with a message of this notice that waits for such an address."""
    here = (col(DeliveryRow.incident) == incident, col(DeliveryRow.notice) == notice, col(DeliveryRow.person) > 0)
    waits = col(DeliveryRow.state).in_([DeliveryState.WAITING, DeliveryState.TO_PRINT])
    address = col(DeliveryRow.address_index)
    bad = [and_(col(DeliveryRow.channel) == kind, address.in_(_bad(incident, kind))) for kind in ADDRESSED]
    return sql(col(DeliveryRow.person)).where(*here, waits, or_(*bad)).distinct().order_by(col(DeliveryRow.person))
