"""Values read before, so that what cannot change is not read and checked again for every look at a case."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import TypeVar, cast

V = TypeVar("V")

MOST = 512
"""How many values are kept; the one that was not asked for longest goes first."""


class Memory:
    """Keeps values under names that change whenever the value does: a content hash, or a version that stays."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, object] = OrderedDict()
        self._lock = Lock()

    def get(self, name: Hashable, read: Callable[[], V]) -> V:
        """The value under this name, read now if it is not known."""
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return cast("V", self._kept[name])
        value = read()
        self._keep(name, value)
        return value

    def again(self, name: Hashable, look: Callable[[V | None], V | None]) -> V | None:
        """What is found now. First what was found last is looked at, which is quick, and if it is gone, everywhere."""
        with self._lock:
            known = cast("V | None", self._kept.get(name))
        found = look(known)
        if found is None and known is not None:
            found = look(None)
        if found is not None:
            self._keep(name, found)
        return found

    def _keep(self, name: Hashable, value: object) -> None:
        with self._lock:
            self._kept[name] = value
            self._kept.move_to_end(name)
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)
