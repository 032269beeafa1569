"""A count of the people stored for an incident, by the same attributes as the count of the people of a list."""

from sqlmodel import Session, col, func, select

from amends.domain.people.census import Census, Sort
from amends.domain.people.person import AudienceCounts, place_of
from amends.ledger.tables.people import PersonRow

ALIKE = (
    *(col(getattr(PersonRow, name)) for name in ("country", "region", "locale", "segment", "data", "flags")),
    *(col(getattr(PersonRow, name)).is_not(None) for name in ("email_index", "phone_index", "child_index")),
    col(PersonRow.consents_to_email),
)
"""The attributes by which people are counted; the database counts people with the same attributes in one pass."""


def count_people(session: Session, incident: str, digest: str) -> AudienceCounts:
    """Return the people of an incident in numbers; `digest` is the digest of their list."""
    census, here, gone_at = Census(), PersonRow.incident == incident, col(PersonRow.gone_at)
    alike = select(*ALIKE, func.count()).where(here, gone_at.is_(None)).group_by(*ALIKE)  # type: ignore[call-overload]
    for *columns, people in session.execute(alike):
        census.add(_sort(*columns), people)
    gone = session.exec(select(func.count()).where(here, gone_at.is_not(None))).one()
    counts = {"gone": gone, "sharing": count_sharing(session, incident)}
    return census.counts(digest).model_copy(update=counts)


def count_sharing(session: Session, incident: str) -> int:
    """Count the people whose mailbox somebody before them in the list has too."""
    mailbox, here = PersonRow.email_index, (PersonRow.incident == incident, col(PersonRow.gone_at).is_(None))
    query = select(func.count(mailbox) - func.count(func.distinct(mailbox))).where(*here)  # type: ignore[arg-type]
    return session.exec(query).one()


def _sort(
    country: str,
    region: str,
    locale: str,
    segment: str,
    data: str,
    flags: str,
    email: bool,
    phone: bool,
    child: bool,
    consents: bool,
) -> Sort:
    place = place_of(country, region)
    return Sort(place, locale, segment, _words(data), frozenset(_words(flags)), email, phone, child, consents)


def _words(stored: str) -> tuple[str, ...]:
    return tuple(filter(None, stored.split("|")))
