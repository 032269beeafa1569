"""Entitled people: who was told of a commitment, and who has a remedy of it, as conditions in SQL."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import and_, exists, literal, or_
from sqlmodel import col

from amends.domain.entitlement.remedy import RemedyState
from amends.domain.notice.notice import PERSON_STATE
from amends.domain.notice.told import COUNTS_AS_TOLD
from amends.ledger.tables.commitment import RemedyRow
from amends.ledger.tables.deliver import DeliveryRow
from amends.ledger.tables.notice import StatedCommitmentRow
from amends.ledger.tables.people import PersonRow

TELLS = tuple(state for state, person in PERSON_STATE.items() if person in COUNTS_AS_TOLD)
"""The states of messages that tell."""
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
