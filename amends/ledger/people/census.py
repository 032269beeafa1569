"""Counts the people of an incident who are stored, in the same way as those who come in."""

from sqlmodel import Session, col, func, select

from amends.domain.people.census import Census, Sort
from amends.domain.people.person import AudienceCounts, place_of
from amends.ledger.store.tables import PersonRow

ALIKE = (
    *(col(getattr(PersonRow, name)) for name in ("country", "region", "locale", "segment", "data", "flags")),
    *(col(getattr(PersonRow, name)).is_not(None) for name in ("email_index", "phone_index", "child_index")),
)
"""What is counted of a person: who is alike in it is counted together, by the database and in one pass."""


def count_people(session: Session, incident: str, digest: str) -> AudienceCounts:
    """The people of an incident in numbers; the digest of their list is known already."""
    census, here, gone_at = Census(), PersonRow.incident == incident, col(PersonRow.gone_at)
    alike = select(*ALIKE, func.count()).where(here, gone_at.is_(None)).group_by(*ALIKE)  # type: ignore[call-overload]
    for *columns, people in session.execute(alike):
        census.add(_sort(*columns), people)
    gone = session.exec(select(func.count()).where(here, gone_at.is_not(None))).one()
    return census.counts(digest).model_copy(update={"gone": gone})


def _sort(
    country: str, region: str, locale: str, segment: str, data: str, flags: str, email: bool, phone: bool, child: bool
) -> Sort:
    return Sort(place_of(country, region), locale, segment, _words(data), frozenset(_words(flags)), email, phone, child)


def _words(stored: str) -> tuple[str, ...]:
    return tuple(filter(None, stored.split("|")))
