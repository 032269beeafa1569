"""Audiences as conditions in SQL: everyone, a segment, a place, some persons, or people who were told something."""

from typing import Any

from sqlalchemy import and_, exists, func, or_, text
from sqlalchemy import select as sql
from sqlalchemy.orm import aliased
from sqlmodel import col

from amends.domain.base.audience import (
    Audience,
    Everyone,
    NoLonger,
    Persons,
    Promised,
    Residents,
    Sampled,
    ToldOtherwise,
    ToldWrongly,
    Unredeemed,
    audience_of,
)
from amends.domain.entitlement.code import CodeState
from amends.domain.entitlement.remedy import ENDED, OWED, corrected_by
from amends.domain.incident.commitment import CommitmentState
from amends.ledger.entitlement.entitled import PERSON, has_remedy, told_to
from amends.ledger.tables.commitment import HELD_CODE, CodeRow, CommitmentPersonRow, CommitmentRow, ResultCorrectionRow
from amends.ledger.tables.notice import StatedCommitmentRow, SurveySampleRow, ToldOtherwiseRow
from amends.ledger.tables.people import PersonRow


def in_audience(incident: str, name: str) -> list[Any]:
    """Return the conditions for the people of this audience; only `NoLonger` has people gone from the list."""
    audience = audience_of(name)
    gone = col(PersonRow.gone_at).is_not(None) if isinstance(audience, NoLonger) else col(PersonRow.gone_at).is_(None)
    return [PersonRow.incident == incident, gone, *_among_listed(incident, audience)]


def _among_listed(incident: str, audience: Audience) -> tuple[Any, ...]:
    """Return the condition of the people of the list who are in this audience; none for everyone."""
    condition: Any = PersonRow.segment == audience
    match audience:
        case Everyone():
            return ()
        case Residents():
            condition = _place(audience.of)
        case Persons():
            condition = _persons(incident, audience.of)
        case Promised():
            condition = _promised(incident, audience.of)
        case Unredeemed():
            condition = _unredeemed(incident, audience.of)
        case ToldOtherwise() | NoLonger():
            condition = _told_otherwise(incident, audience.of)
        case ToldWrongly():
            condition = _told_wrongly(incident, audience)
        case Sampled():
            condition = _sample(incident, audience.of)
    return (condition,)


def _told_otherwise(incident: str, notice: str) -> Any:
    row = ToldOtherwiseRow
    return PERSON.in_(sql(col(row.person)).where(col(row.incident) == incident, col(row.notice) == notice))


def _persons(incident: str, commitment: str) -> Any:
    row = CommitmentPersonRow
    return PERSON.in_(sql(col(row.person)).where(col(row.incident) == incident, col(row.commitment) == commitment))


def _sample(incident: str, notice: str) -> Any:
    row = SurveySampleRow
    return PERSON.in_(sql(col(row.person)).where(col(row.incident) == incident, col(row.notice) == notice))


def _told_wrongly(incident: str, audience: ToldWrongly) -> Any:
    row, (commitment, number) = ResultCorrectionRow, corrected_by(audience)
    mine = (col(row.incident) == incident, col(row.commitment) == commitment, col(row.number) == number)
    return PERSON.in_(sql(col(row.person)).where(*mine))


def _unredeemed(incident: str, commitment: str) -> Any:
    """Return the condition that a message told the person of the commitment, and that their code is not redeemed."""
    row = CodeRow
    mine = (col(row.incident) == incident, col(row.commitment) == commitment, text(HELD_CODE))
    has_one = PERSON.in_(sql(col(row.person)).where(*mine, col(row.state) == CodeState.GIVEN))
    return and_(has_one, _promised(incident, commitment))


def _place(place: str) -> Any:
    country, _, state = place.partition("-")
    lives = col(PersonRow.country) == country
    return and_(lives, func.upper(PersonRow.region) == state) if state else lives


def _promised(incident: str, commitment: str) -> Any:
    """Return the condition that a message told the person of the commitment, or of an earlier one of its series.

    A person to whom only its end was told, because they were found after that, has nothing more to hear, but for their
    own result. The end of a commitment that is kept for each person alone is told to those with a result.
    """
    said, now = StatedCommitmentRow, CommitmentRow
    mine = (col(said.incident) == incident, col(said.commitment) == commitment)
    stands = and_(col(now.incident) == said.incident, col(now.id) == said.commitment)
    ended, owed = has_remedy(incident, commitment, ENDED), has_remedy(incident, commitment, OWED)
    not_the_end = or_(col(now.state) == CommitmentState.OPEN, col(now.state) != said.fate, ended)
    tells = or_(col(now.state) != CommitmentState.KEPT, ~owed)
    told_of_it = exists().where(*mine, stands, not_the_end, tells, told_to(PERSON)).correlate(PersonRow)
    of_itself = exists().where(*mine, told_to(PERSON)).correlate(PersonRow)
    return or_(told_of_it, and_(_told_of_series(incident, commitment), ~of_itself))


def _told_of_series(incident: str, commitment: str) -> Any:
    """Return the condition that a message told the person of an earlier occurrence of the commitment's series."""
    said, this, earlier = StatedCommitmentRow, aliased(CommitmentRow), aliased(CommitmentRow)
    here = (col(this.incident) == incident, col(this.id) == commitment, col(this.series) != "")
    before = (
        col(earlier.incident) == incident,
        col(earlier.series) == col(this.series),
        col(earlier.number) < col(this.number),
    )
    stated = (col(said.incident) == incident, col(said.commitment) == col(earlier.id))
    return exists().where(*here, *before, *stated, told_to(PERSON)).correlate(PersonRow)
