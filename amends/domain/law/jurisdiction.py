"""The places where the people live, and the regimes that apply there. People of unknown residence always count."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from amends.domain.incident.incident import Organisation
from amends.domain.law.condition import PeopleRange
from amends.domain.law.regime import DutyRow, DutyTable, Regime

UNKNOWN_COUNTRY = ""
"""The country of people whose residence is not known."""
UNKNOWN = PeopleRange(0, None)
"""The number of people while nobody can say anything of it."""
NOWHERE: Mapping[str, int] = MappingProxyType({})


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
    seat: str = ""
    """The seat of the organisation, a country or a part of one, when the duty is owed to the authority there alone."""


def homes(
    listed: Mapping[str, int],
    stated: Mapping[str, int],
    also_called: Mapping[str, str],
    affected: PeopleRange = UNKNOWN,
) -> dict[str, int]:
    """Return the people by place: as listed, then as stated in the incident file, the rest under UNKNOWN_COUNTRY.

    The stated places count while there is no list, and for people whom the list does not place: those without a
    country, and those of all people affected who are not listed.
    """
    found, stated = _under_one_code(listed or stated, also_called), _under_one_code(stated, also_called)
    if not found:
        return {}
    unplaced = found.pop(UNKNOWN_COUNTRY, 0)
    unplaced = max(unplaced, (affected.least if affected.most is None else affected.most) - sum(found.values()))
    for place, people in _shares(_not_listed(stated, found), unplaced).items():
        found[place] = found.get(place, 0) + people
        unplaced -= people
    return found | ({UNKNOWN_COUNTRY: unplaced} if unplaced else {})


def _not_listed(stated: Mapping[str, int], listed: Mapping[str, int]) -> dict[str, int]:
    """Return the stated people by place who are not listed there, nor anywhere else in the same country."""
    more: dict[str, int] = {}
    for country in {place[:2] for place in stated if place}:
        said, known = _within(country, stated), _within(country, listed)
        there = {place: max(people - known.get(place, 0), 0) for place, people in said.items()}
        more |= _shares(there, max(sum(said.values()) - sum(known.values()), 0))
    return more


def _within(country: str, people_by_place: Mapping[str, int]) -> dict[str, int]:
    return {place: people for place, people in people_by_place.items() if place[:2] == country}


def _shares(wanted: Mapping[str, int], available: int) -> dict[str, int]:
    """Return what is wanted, or in the same proportions no more than is available; without zeros."""
    in_all = sum(wanted.values())
    given = {name: number * min(available, in_all) // in_all for name, number in wanted.items() if number}
    return {name: number for name, number in given.items() if number}


class Homes:
    """The people of one incident by where they live, and the seat of the organisation."""

    def __init__(
        self,
        listed: Mapping[str, int],
        organisation: Organisation,
        table: DutyTable,
        affected: PeopleRange = UNKNOWN,
        stated: Mapping[str, int] = NOWHERE,
    ) -> None:
        """Take the people by place, as `homes` joins the list with what the incident file states."""
        self._people = homes(listed, stated, table.also_called, affected)
        self._open = affected.most is None and affected.least > 0
        self._table = table
        seat = organisation.established_in or ""
        self._seat, self._regulated = table.also_called.get(seat, seat), organisation.regulated or ()
        self._seat_country = self._seat[:2]

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
        country = self._seat_country
        if not row.lead or len(reach.regime.places) == 1:
            yield reach
        elif country in reach.regime.places:
            yield replace(reach, places=(country,), suffix=f"@{country}", homes=reach.places, seat=self._seat)
        elif not any(self._residents(place, 0).possible for place in reach.places):
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
            return self._range(known, known + from_anywhere)
        known, unsaid = self._people.get(place, 0), self._people.get(country, 0)
        in_no_state = 0 if country in self._table.unknown_state else unsaid
        return self._range(known, known + in_no_state + from_anywhere)

    def _range(self, least: int, most: int) -> PeopleRange:
        """Return the range, with an open end where anybody is known to live, or may live, and the number is open."""
        return PeopleRange(least, None if self._open and most else most)

    def largest_state(self, country: str) -> PeopleRange:
        """Return how many people live in the state of this country where most of them live."""
        largest = max((people.least for people in self.states(country).values()), default=0)
        return self._range(largest, largest + self._in_no_state(country)) if self else UNKNOWN

    def states(self, country: str) -> dict[str, PeopleRange]:
        """Return how many people live in each state of this country where somebody is known to live."""
        more = self._in_no_state(country)
        known = {home: people for home, people in self._people.items() if home[:2] == country and home != country}
        return {home: self._range(people, people + more) for home, people in sorted(known.items())}

    def _in_no_state(self, country: str) -> int:
        """Return how many people may live in any state of this country, because nobody has said where they live."""
        return self._people.get(country, 0) + self._people.get(UNKNOWN_COUNTRY, 0)

    def _places_of(self, regime: Regime) -> tuple[str, ...]:
        """Return the regime's places where somebody lives or may live, or where the seat is.

        When there are none, a law of a trade that regulates the organisation applies in all its places, unless the
        seat is known to lie outside a law of several places.
        """
        places = tuple(place for place in regime.places if self._seated(place) or self._residents(place, 0).possible)
        under_it = set(regime.regulated) & set(self._regulated)
        far_away = self._seat and self._seat_country not in regime.places and len(regime.places) > 1
        return regime.places if under_it and not places and not far_away else places

    def _seated(self, place: str) -> bool:
        """Return True when the seat alone brings in the laws of this place.

        A state's law that has a stand-in for other states, as in the United States, protects the people who live in
        the state, so the seat does not bring it in.
        """
        if place == self._seat_country:
            return True
        return place == self._seat and self._seat_country not in self._table.unknown_state

    def _reach(self, regime: Regime, places: tuple[str, ...], suffix: str = "") -> RegimeReach:
        counts = [self._residents(place, 0) for place in places]
        elsewhere = self._people.get(UNKNOWN_COUNTRY, 0) if any(places) else 0
        least, most = sum(count.least for count in counts), [count.most for count in counts if count.most is not None]
        together = PeopleRange(least, sum(most) + elsewhere) if len(most) == len(counts) else PeopleRange(least, None)
        return RegimeReach(regime, places, together, suffix)

    def _without_regime(self) -> tuple[str, ...]:
        known = {place for regime in self._table.regimes for place in regime.places if len(place) == len("US")}
        countries = {home[:2] for home, people in self._people.items() if people} or {UNKNOWN_COUNTRY}
        return tuple(sorted((countries | {self._seat_country or UNKNOWN_COUNTRY}) - known))

    def _without_state_law(self, country: str) -> tuple[str, ...]:
        known = {place for regime in self._table.regimes for place in regime.places}
        there = (home for home, people in self._people.items() if people and home[:2] == country)
        return tuple(sorted(home for home in there if home not in known or home == country))


def _under_one_code(people_by_place: Mapping[str, int], also_called: Mapping[str, str]) -> dict[str, int]:
    """Return the people by place; a place with two codes, such as Puerto Rico, has the code that the table uses."""
    joined: dict[str, int] = {}
    for place, people in people_by_place.items():
        code = also_called.get(place, place)
        joined[code] = joined.get(code, 0) + people
    return joined


def _exactly(people: int) -> PeopleRange:
    return PeopleRange(people, people)
