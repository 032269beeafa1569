"""Counts the people of an incident, by where they live, what they read and how they can be reached."""

from collections import Counter

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from amends.domain.people import AudienceCounts, place_of
from amends.ledger.tables import PersonRow


def count_people(session: Session, incident: str, people: int, digest: str) -> AudienceCounts:
    """The people of an incident in numbers, counted by the database; people and digest are known already."""
    gone = select(func.count()).where(PersonRow.incident == incident, col(PersonRow.gone_at).is_not(None))
    columns = (PersonRow.locale, PersonRow.segment, PersonRow.data, PersonRow.flags)
    locales, segments, data, flags = (_by(session, incident, column) for column in columns)
    has_email, has_phone, guardians = (
        _how_many(session, incident, condition)
        for condition in (
            col(PersonRow.email_index).is_not(None),
            col(PersonRow.phone_index).is_not(None),
            col(PersonRow.child_index).is_not(None),
        )
    )
    return AudienceCounts(
        people=people,
        gone=session.exec(gone).one(),
        by_place=by_place(session, incident),
        by_locale=locales,
        by_segment=segments,
        by_category=_split(data),
        by_flag=_split(flags),
        guardians=guardians,
        with_email=has_email,
        with_phone=has_phone,
        digest=digest,
    )


def by_place(session: Session, incident: str) -> dict[str, int]:
    """How many live in each country or state; an empty name stands for those of whom nobody knows."""
    columns = (PersonRow.country, PersonRow.region)
    query = select(*columns, func.count()).where(*_in_list(incident)).group_by(*columns)
    places: dict[str, int] = {}
    for country, region, people in session.exec(query):
        place = place_of(country, region)
        places[place] = places.get(place, 0) + people
    return dict(sorted(places.items()))


def _by(session: Session, incident: str, column: str) -> dict[str, int]:
    query = select(column, func.count()).where(*_in_list(incident)).group_by(column)
    return dict(sorted(session.exec(query).all()))


def _how_many(session: Session, incident: str, condition: object) -> int:
    query = select(func.count()).select_from(PersonRow).where(*_in_list(incident), condition)  # type: ignore[arg-type]
    return session.exec(query).one()


def _in_list(incident: str) -> tuple[ColumnElement[bool], ...]:
    """Without those whom a corrected list does not have any more."""
    return col(PersonRow.incident) == incident, col(PersonRow.gone_at).is_(None)


def _split(combinations: dict[str, int]) -> dict[str, int]:
    """Counts per word, from counts per combination of words."""
    counted: Counter[str] = Counter()
    for combination, count in combinations.items():
        for word in filter(None, combination.split("|")):
            counted[word] += count
    return dict(counted)
