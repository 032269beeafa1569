"""Letters: one notice told apart by what the laws of a place ask for and forbid.

The general letter says all that most laws ask for. A place whose laws ask for more adds items; one whose laws forbid
something leaves items out. A person gets the letter of the nearest place: the state, then the country, then the
general one.
"""

from collections.abc import Iterable
from functools import cached_property

from pydantic import Field, model_validator

from amends.domain.base.value import Place, Slug, Value

GENERAL = "general"


class Item(Value):
    """Something that a letter can say, as duties ask for it."""

    says: str
    """What it is, in words."""
    codes: tuple[Slug, ...] = ()
    """The content codes of duties that it answers."""
    if_any: bool = False
    """Asked for only where there is something to say, so that a letter may be complete without it."""


class Addendum(Value):
    """What a letter for some places says beside the general one, and what it must leave out."""

    id: Slug
    places: tuple[Place, ...] = Field(min_length=1)
    adds: tuple[Slug, ...] = ()
    leaves_out: tuple[Slug, ...] = ()

    @model_validator(mode="after")
    def _makes_sense(self) -> "Addendum":
        if self.id == GENERAL:
            raise ValueError("the general letter is there without being listed")
        if both := sorted({*self.adds} & {*self.leaves_out}):
            raise ValueError(f"{', '.join(both)} cannot be added and left out")
        return self


class Addenda(Value):
    """All letters there are."""

    items: dict[Slug, Item] = {}
    addenda: tuple[Addendum, ...] = ()
    whole: tuple[Slug, ...] = ("first-notice",)
    """Notices that are a full letter of their own, so that each place gets all that its laws ask for."""

    @model_validator(mode="after")
    def _closed(self) -> "Addenda":
        named = {item for letter in self.addenda for item in (*letter.adds, *letter.leaves_out)}
        if unknown := sorted(named - self.items.keys()):
            raise ValueError(f"no item is called {', '.join(unknown)}")
        if twice := _twice(letter.id for letter in self.addenda):
            raise ValueError(f"two letters are called {', '.join(twice)}")
        if twice := _twice(place for letter in self.addenda for place in letter.places):
            raise ValueError(f"two letters are for {', '.join(twice)}")
        if twice := _twice(code for item in self.items.values() for code in item.codes):
            raise ValueError(f"two items answer {', '.join(twice)}")
        return self

    @cached_property
    def _by_place(self) -> dict[str, str]:
        return {place: letter.id for letter in self.addenda for place in letter.places}

    @cached_property
    def _by_id(self) -> dict[str, Addendum]:
        return {letter.id: letter for letter in self.addenda}

    @cached_property
    def _special(self) -> frozenset[str]:
        """Items that only the letters of some places have."""
        return frozenset(item for letter in self.addenda for item in letter.adds)

    def addendum_for(self, country: str, region: str = "") -> str:
        """The id of the letter for somebody who lives there."""
        return self._by_place.get(f"{country}-{region.strip().upper()}") or self._by_place.get(country) or GENERAL

    def addendum(self, letter_id: str) -> Addendum | None:
        """The letter with this id; None for the general one. Raises KeyError when there is none."""
        return None if letter_id == GENERAL else self._by_id[letter_id]

    def item_of(self, code: str) -> str | None:
        """The item that answers this content code of a duty."""
        return next((name for name, item in self.items.items() if code in item.codes), None)

    def says(self, letter_id: str, item: str) -> bool:
        """Whether the letter is to say the item. Raises KeyError when there is no such item or letter."""
        letter = self.addendum(letter_id)
        if item not in self.items:
            raise KeyError(item)
        if letter is None:
            return item not in self._special
        return item not in letter.leaves_out and (item in letter.adds or item not in self._special)

    def in_notice(self, template: str, letter_id: str) -> str:
        """The letter in which a notice is written to somebody whose own letter is this one.

        A full letter is written for each place. Any other notice is the general one, because what a letter adds was
        said in the first; but what a place forbids stays forbidden, so a letter that leaves something out is kept.
        """
        letter = self.addendum(letter_id)
        return letter_id if letter and (template in self.whole or letter.leaves_out) else GENERAL


def _twice(names: Iterable[str]) -> list[str]:
    listed = list(names)
    return sorted({name for name in listed if listed.count(name) > 1})
