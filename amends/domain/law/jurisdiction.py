"""The places where the people live, and the regimes that apply there. People of unknown residence always count."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from amends.domain.incident.incident import Organisation
from amends.domain.law.condition import PeopleRange
from amends.domain.law.regime import DutyRow, DutyTable, Regime

UNKNOWN_COUNTRY = ""
"""The country of people whose residence is not known."""


@dataclass(frozen=True)
class RegimeReach:
    """A regime with the places where the regime applies and the people who live there."""

    regime: Regime
    places: tuple[str, ...]
    residents: PeopleRange
    suffix: str = ""
    """The end of the ids of duties that each place has for itself: @PLACE."""
    homes: tuple[str, ...] = ()
    """The places where the residents live, when the duty is owed to the authority at the seat alone."""


class Homes:
    """The people of one incident by where they live, and the seat of the organisation."""

    def __init__(
        self, people: Mapping[str, int], organisation: Organisation, table: DutyTable, at_most: int | None = None
    ) -> None:
        """Take the people by place; of `at_most` people affected, those in no place given have an unknown residence."""
        self._people = _under_one_code(people, table)
        self._organisation, self._table = organisation, table
        if self._people and at_most and at_most > self.people:
            self._people[UNKNOWN_COUNTRY] = self._people.get(UNKNOWN_COUNTRY, 0) + at_most - self.people

    def __bool__(self) -> bool:
        return bool(self._people)

    @property
    def people(self) -> int:
        """Return how many people there are in all."""
        return sum(self._people.values())

    def reaches(self) -> Iterator[RegimeReach]:
        """Yield every regime that applies somewhere, and a stand-in for each place where the table has none."""
        for regime in self._table.regimes:
            if places := self._places_of(regime):
                yield self._reach(regime, places)
        for place in self._without_regime():
            yield self._reach(self._table.unknown_place, (place,), f"@{place or 'unknown'}")
        for country, regime in self._table.unknown_state.items():
            for place in self._without_state_law(country):
                yield RegimeReach(regime, (place,), _exactly(self._people[place]), f"@{place}")

    def for_row(self, reach: RegimeReach, row: DutyRow) -> Iterator[RegimeReach]:
        """Yield the places to which one duty is owed, together or one by one.

        A duty without a lead authority, or in a single place, is owed once. A duty with a lead authority is owed at the
        organisation's seat alone or, when the seat is not among the places, in each place for itself; while nobody is
        known to live in any of the places, the duty is owed once.
        """
        seat = self._organisation.established_in
        if not row.lead or len(reach.regime.places) == 1:
            yield reach
        elif seat in reach.regime.places:
            yield replace(reach, places=(seat,), suffix=f"@{seat}", homes=reach.places)
        elif not any(self._residents(place, 0).most for place in reach.places):
            yield reach
        else:
            for place in reach.places:
                yield replace(reach, places=(place,), residents=self.residents(place), suffix=f"@{place}")

    def residents(self, place: str) -> PeopleRange:
        """Return how many people live in the place.

        People whose country or state is not known may live in each, unless a stand-in regime covers unknown states.
        """
        return self._residents(place, self._people.get(UNKNOWN_COUNTRY, 0) if place else 0)

    def _residents(self, place: str, from_anywhere: int) -> PeopleRange:
        country = place[:2]
        if place == country:
            known = sum(people for home, people in self._people.items() if home[:2] == place)
            return PeopleRange(known, known + from_anywhere)
        known, unsaid = self._people.get(place, 0), self._people.get(country, 0)
        in_no_state = 0 if country in self._table.unknown_state else unsaid
        return PeopleRange(known, known + in_no_state + from_anywhere)

    def largest_state(self, country: str) -> PeopleRange:
        """Return how many people live in the state of this country where most of them live."""
        states = {home: people for home, people in self._people.items() if home[:2] == country}
        unsaid = states.pop(country, 0)
        largest, elsewhere = max(states.values(), default=0), self._people.get(UNKNOWN_COUNTRY, 0)
        return PeopleRange(largest, largest + unsaid + elsewhere if self else None)

    def _places_of(self, regime: Regime) -> tuple[str, ...]:
        """Return the regime's places where somebody lives or may live, or where the seat is.

        When there are none, a law of a trade that regulates the organisation applies in all its places, unless the
        seat is known to lie outside a law of several places.
        """
        seat = self._organisation.established_in
        places = tuple(place for place in regime.places if place == seat or self._residents(place, 0).most)
        under_it = set(regime.regulated) & set(self._organisation.regulated or ())
        far_away = seat is not None and seat not in regime.places and len(regime.places) > 1
        return regime.places if under_it and not places and not far_away else places

    def _reach(self, regime: Regime, places: tuple[str, ...], suffix: str = "") -> RegimeReach:
        counts = [self._residents(place, 0) for place in places]
        least, most = sum(count.least for count in counts), sum(count.most or 0 for count in counts)
        elsewhere = self._people.get(UNKNOWN_COUNTRY, 0) if any(places) else 0
        return RegimeReach(regime, places, PeopleRange(least, most + elsewhere), suffix)

    def _without_regime(self) -> tuple[str, ...]:
        known = {place for regime in self._table.regimes for place in regime.places if len(place) == len("US")}
        homes = {home[:2] for home, people in self._people.items() if people} or {UNKNOWN_COUNTRY}
        return tuple(sorted((homes | {self._organisation.established_in or UNKNOWN_COUNTRY}) - known))

    def _without_state_law(self, country: str) -> tuple[str, ...]:
        known = {place for regime in self._table.regimes for place in regime.places}
        homes = (home for home, people in self._people.items() if people and home[:2] == country)
        return tuple(sorted(home for home in homes if home not in known or home == country))


def _under_one_code(homes: Mapping[str, int], table: DutyTable) -> dict[str, int]:
    """Return the people by place; a place with two codes, such as Puerto Rico, has the code that the table uses."""
    joined: dict[str, int] = {}
    for place, people in homes.items():
        code = table.also_called.get(place, place)
        joined[code] = joined.get(code, 0) + people
    return joined


def _exactly(people: int) -> PeopleRange:
    return PeopleRange(people, people)
