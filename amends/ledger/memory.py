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

    def holds(self, name: Hashable, look: Callable[[], bool]) -> bool:
        """Whether this is so; once it is, it stays so and is not looked at again."""
        with self._lock:
            known = name in self._kept
        if not known and (known := look()):
            self._keep(name, known)
        return known

    def _keep(self, name: Hashable, value: object) -> None:
        with self._lock:
            self._kept[name] = value
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)
