"""Audiences as conditions in SQL: everyone, a segment, a place, some persons, or people who were told something."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import and_, exists, func, literal, or_, text
from sqlalchemy import select as sql
from sqlmodel import col

from amends.domain.base.value import EVERYONE, NO_LONGER, PERSONS, PLACE, PROMISED, SAMPLE, TOLD_OTHERWISE, UNREDEEMED
from amends.domain.codes.code import CodeState
from amends.domain.incident.commitment import CommitmentState
from amends.domain.notice.notice import PERSON_STATE
from amends.domain.notice.told import COUNTS_AS_TOLD
from amends.ledger.store.tables import (
    HELD_CODE,
    CodeRow,
    CommitmentPersonRow,
    CommitmentRow,
    DeliveryRow,
    PersonRow,
    StatedCommitmentRow,
    SurveySampleRow,
    ToldOtherwiseRow,
)

TELLS = tuple(state for state, person in PERSON_STATE.items() if person in COUNTS_AS_TOLD)
"""The states of messages that tell."""
PERSON = col(PersonRow.number)


def in_audience(incident: str, name: str) -> list[Any]:
    """Return the conditions for the people of this audience; people gone from the list are only in NO_LONGER."""
    gone = col(PersonRow.gone_at).is_not(None) if name.startswith(NO_LONGER) else col(PersonRow.gone_at).is_(None)
    conditions = [PersonRow.incident == incident, gone]
    if name == EVERYONE:
        return conditions
    kind, colon, rest = name.partition(":")
    condition = BY_WORD.get(kind + colon)
    return [*conditions, condition(incident, rest) if condition else PersonRow.segment == name]


def _told_otherwise(incident: str, notice: str) -> Any:
    row = ToldOtherwiseRow
    return PERSON.in_(sql(col(row.person)).where(col(row.incident) == incident, col(row.notice) == notice))


def _persons(incident: str, commitment: str) -> Any:
    row = CommitmentPersonRow
    return PERSON.in_(sql(col(row.person)).where(col(row.incident) == incident, col(row.commitment) == commitment))


def _sample(incident: str, notice: str) -> Any:
    row = SurveySampleRow
    return PERSON.in_(sql(col(row.person)).where(col(row.incident) == incident, col(row.notice) == notice))


def _unredeemed(incident: str, commitment: str) -> Any:
    """Return the condition that a message told the person of the commitment, and that their code is not redeemed."""
    row = CodeRow
    mine = (col(row.incident) == incident, col(row.commitment) == commitment, text(HELD_CODE))
    has_one = PERSON.in_(sql(col(row.person)).where(*mine, col(row.state) == CodeState.GIVEN))
    return and_(has_one, _promised(incident, commitment))


def _place(_: str, place: str) -> Any:
    country, _, state = place.partition("-")
    lives = col(PersonRow.country) == country
    return and_(lives, func.upper(PersonRow.region) == state) if state else lives


def _promised(incident: str, commitment: str) -> Any:
    """Return the condition that a message told the person of the commitment.

    A person to whom only its end was told, because they were found after that, has nothing more to hear.
    """
    said, now = StatedCommitmentRow, CommitmentRow
    mine = (col(said.incident) == incident, col(said.commitment) == commitment)
    stands = and_(col(now.incident) == said.incident, col(now.id) == said.commitment)
    not_the_end = or_(col(now.state) == CommitmentState.OPEN, col(now.state) != said.fate)
    return exists().where(*mine, stands, not_the_end, told_to(PERSON)).correlate(PersonRow)


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


BY_WORD: Mapping[str, Callable[[str, str], Any]] = {
    TOLD_OTHERWISE: _told_otherwise,
    NO_LONGER: _told_otherwise,
    PROMISED: _promised,
    PLACE: _place,
    PERSONS: _persons,
    SAMPLE: _sample,
    UNREDEEMED: _unredeemed,
}
"""The conditions of audiences that are not everyone and no segment, by the word with which the audience begins."""
