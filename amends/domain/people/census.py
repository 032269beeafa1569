"""Counts of people: by where they live, the language they read, and how they can be reached."""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from amends.domain.people.person import AudienceCounts, Person, place_of

_place_of = lru_cache(4096)(place_of)


class Sort(NamedTuple):
    """The attributes by which a person is counted; people with the same attributes are counted together."""

    place: str
    locale: str
    segment: str
    data: tuple[str, ...]
    flags: frozenset[str]
    has_email: bool
    has_phone: bool
    is_guardian: bool
    consents: bool = False


class Census:
    """A running count of people, which keeps numbers only."""

    def __init__(self) -> None:
        self._sorts: Counter[tuple[Any, ...]] = Counter()

    def see(self, people: Iterable[Person]) -> None:
        """Add these people to the count."""
        self._sorts.update(
            (
                _place_of(person.country, person.region),
                person.locale,
                person.segment,
                person.data,
                person.flags,
                person.email != "",
                person.phone != "",
                person.guardian_of != "",
                person.consents_to_email is not None,
            )
            for person in people
        )

    def add(self, sort: Sort, people: int) -> None:
        """Add a number of people with the same attributes to the count."""
        self._sorts[sort] += people

    def counts(self, digest: str = "") -> AudienceCounts:
        """Return the count of all people added; `digest` is that of their audience file."""
        sorts = [(Sort._make(sort), count) for sort, count in self._sorts.items()]
        return AudienceCounts(
            people=self._sorts.total(),
            by_place=_sums((sort.place, count) for sort, count in sorts),
            by_locale=_sums((sort.locale, count) for sort, count in sorts),
            by_segment=_sums((sort.segment, count) for sort, count in sorts),
            by_category=_sums((str(kind), count) for sort, count in sorts for kind in sort.data),
            by_flag=_sums((str(flag), count) for sort, count in sorts for flag in sort.flags),
            guardians=sum(count for sort, count in sorts if sort.is_guardian),
            with_email=sum(count for sort, count in sorts if sort.has_email),
            with_phone=sum(count for sort, count in sorts if sort.has_phone),
            with_consent=sum(count for sort, count in sorts if sort.consents),
            digest=digest,
        )


def counted(people: Iterable[Person]) -> AudienceCounts:
    """Return the count of these people."""
    census = Census()
    census.see(people)
    return census.counts()


def _sums(counted: Iterable[tuple[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for name, count in counted:
        sums[name] = sums.get(name, 0) + count
    return dict(sorted(sums.items()))
