"""Addenda: how the laws of a place change what a notice says.

The general notice says all that most laws ask for. An addendum for some places adds items that their laws ask for and
leaves out items that their laws forbid. A person gets the addendum of their state, else of their country, else none:
the general notice.
"""

from collections.abc import Iterable
from functools import cached_property

from pydantic import Field, model_validator

from amends.domain.base.value import Place, Slug, Value

GENERAL = "general"
"""The id that stands for the general notice, where no addendum applies."""


class Item(Value):
    """Something that a notice can say, as duties ask for it."""

    says: str
    """A description of the item in words."""
    codes: tuple[Slug, ...] = ()
    """The content codes of duties that the item answers."""
    if_any: bool = False
    """True when laws ask for the item only where there is something to say, so that a notice may do without."""


class Addendum(Value):
    """An addition to the general notice for some places, with the items that must be left out there."""

    id: Slug
    places: tuple[Place, ...] = Field(min_length=1)
    adds: tuple[Slug, ...] = ()
    leaves_out: tuple[Slug, ...] = ()

    @model_validator(mode="after")
    def _makes_sense(self) -> "Addendum":
        if self.id == GENERAL:
            raise ValueError("the general notice is there without being listed")
        if both := sorted({*self.adds} & {*self.leaves_out}):
            raise ValueError(f"{', '.join(both)} cannot be added and left out")
        return self


class Addenda(Value):
    """All addenda, with the items that a notice can say."""

    items: dict[Slug, Item] = {}
    addenda: tuple[Addendum, ...] = ()
    whole: tuple[Slug, ...] = ("first-notice",)
    """Notices that are written in full for each place, with all that the laws of the place ask for."""

    @model_validator(mode="after")
    def _closed(self) -> "Addenda":
        used = {item for addendum in self.addenda for item in (*addendum.adds, *addendum.leaves_out)}
        if unknown := sorted(used - self.items.keys()):
            raise ValueError(f"no item is called {', '.join(unknown)}")
        if twice := _twice(addendum.id for addendum in self.addenda):
            raise ValueError(f"two addenda are called {', '.join(twice)}")
        if twice := _twice(place for addendum in self.addenda for place in addendum.places):
            raise ValueError(f"two addenda are for {', '.join(twice)}")
        if twice := _twice(code for item in self.items.values() for code in item.codes):
            raise ValueError(f"two items answer {', '.join(twice)}")
        return self

    @cached_property
    def _by_place(self) -> dict[str, str]:
        return {place: addendum.id for addendum in self.addenda for place in addendum.places}

    @cached_property
    def _by_id(self) -> dict[str, Addendum]:
        return {addendum.id: addendum for addendum in self.addenda}

    @cached_property
    def _added_items(self) -> frozenset[str]:
        """Return the items that addenda add, which the general notice does not say."""
        return frozenset(item for addendum in self.addenda for item in addendum.adds)

    def addendum_for(self, country: str, region: str = "") -> str:
        """Return the id of the addendum for a person who lives there, or GENERAL when no addendum is for the place."""
        return self._by_place.get(f"{country}-{region.strip().upper()}") or self._by_place.get(country) or GENERAL

    def addendum(self, addendum_id: str) -> Addendum | None:
        """Return the addendum with this id, or None for the general notice. Raises KeyError for an unknown id."""
        return None if addendum_id == GENERAL else self._by_id[addendum_id]

    def item_of(self, code: str) -> str | None:
        """Return the item that answers this content code of a duty, or None when no item does."""
        return next((name for name, item in self.items.items() if code in item.codes), None)

    def says(self, addendum_id: str, item: str) -> bool:
        """Return True when a notice with this addendum must say the item. Raises KeyError for an unknown id or item."""
        addendum = self.addendum(addendum_id)
        if item not in self.items:
            raise KeyError(item)
        if addendum is None:
            return item not in self._added_items
        return item not in addendum.leaves_out and (item in addendum.adds or item not in self._added_items)

    def is_for(self, place: str, addendum_id: str) -> bool:
        """Return True when a person who lives in this place gets this addendum."""
        country, _, region = place.partition("-")
        return self.addendum_for(country, region) == addendum_id

    def reaches(self, places: Iterable[str], addendum_id: str) -> bool:
        """Return True when a person who lives where a duty applies may get a notice with this addendum.

        The law of a country holds in its states too.
        """
        addendum = self.addendum(addendum_id)
        states = addendum.places if addendum else ()
        return any(
            self.is_for(place, addendum_id) or any(state.startswith(f"{place}-") for state in states)
            for place in places
        )

    def in_notice(self, template: str, addendum_id: str) -> str:
        """Return the id of the addendum with which this notice is written for a person who has the given addendum.

        A notice listed in `whole` is written for each place. Any other notice is the general one, because the first
        notice has said what the addendum adds. An addendum that leaves something out always applies, because what
        the laws of a place forbid stays forbidden.
        """
        addendum = self.addendum(addendum_id)
        return addendum_id if addendum and (template in self.whole or addendum.leaves_out) else GENERAL


def _twice(names: Iterable[str]) -> list[str]:
    listed = list(names)
    return sorted({name for name in listed if listed.count(name) > 1})
