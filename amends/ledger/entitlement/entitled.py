"""Entitled people: who was told of a commitment, and who has a remedy of it, as conditions in SQL."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from sqlalchemy import and_, exists, literal, or_
from sqlalchemy import select as sql
from sqlmodel import Session, col

from amends.domain.entitlement.remedy import RemedyState
from amends.domain.notice.notice import PERSON_STATE, DeliveryState
from amends.domain.notice.told import COUNTS_AS_TOLD
from amends.ledger.store.bulk import pages
from amends.ledger.tables.commitment import RemedyRow
from amends.ledger.tables.deliver import DeliveryRow
from amends.ledger.tables.notice import StatedCommitmentRow
from amends.ledger.tables.people import PersonRow

TELLS = tuple(state for state, person in PERSON_STATE.items() if person in COUNTS_AS_TOLD)
"""The states of messages that tell."""
LEFT = (*TELLS, DeliveryState.BOUNCED)
"""The states of messages whose words somebody may have read: those that tell, and those that came back later."""
PAGE = 10_000
"""The most rows, or persons, of one statement."""
PERSON = col(PersonRow.number)


def entitled(incident: str, commitment: str) -> list[Any]:
    """Return the conditions for the people in the list whom a message told of the commitment."""
    said = StatedCommitmentRow
    mine = (col(said.incident) == incident, col(said.commitment) == commitment)
    told = exists().where(*mine, told_to(PERSON)).correlate(PersonRow)
    return [PersonRow.incident == incident, col(PersonRow.gone_at).is_(None), told]


def has_remedy(incident: str, commitment: str, states: Collection[RemedyState] = ()) -> Any:
    """Return the condition that the person has a remedy of the commitment, in one of these states if any is named."""
    row = RemedyRow
    mine = and_(col(row.incident) == incident, col(row.commitment) == commitment, col(row.person) == PERSON)
    here = (mine, col(row.state).in_(list(states))) if states else (mine,)
    return exists().where(*here).correlate(PersonRow)


def told_to(person: Any) -> Any:
    """Return the condition that a message told the person of a stated commitment, for a query for stated commitments.

    The condition looks up the messages of one person to a notice. Joined with all messages, SQLite would read them all
    for each person.
    """
    sent, said = DeliveryRow, StatedCommitmentRow
    same = (col(getattr(sent, name)) == getattr(said, name) for name in ("incident", "notice", "version", "channel"))
    read = or_(col(said.readers) == "", col(sent.variant).like(literal("%/").concat(col(said.readers))))
    return (
        exists().where(*same, read, col(sent.person) == person, col(sent.state).in_(TELLS)).correlate(said, PersonRow)
    )


def messages_to(
    session: Session, incident: str, notices: Collection[str], persons: Iterable[int], *further: Any
) -> Iterator[Any]:
    """Yield person, state and id of the messages of these notices to these persons that meet the further conditions."""
    query = sql(col(DeliveryRow.person), col(DeliveryRow.state), col(DeliveryRow.id))
    here = (col(DeliveryRow.incident) == incident, col(DeliveryRow.notice).in_(notices), *further)
    for page in pages(sorted({*persons}), PAGE):
        yield from session.execute(query.where(*here, col(DeliveryRow.person).in_(page)))
