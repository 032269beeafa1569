"""A cache of values that cannot change, so that they are not read and validated again whenever a case is read."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import TypeVar, cast

V = TypeVar("V")

MOST = 512
"""The largest number of values in the cache; beyond it, the least recently used value is removed."""


class Memory:
    """A cache of values under names that change whenever the value does: a content hash, or a version that stays."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, object] = OrderedDict()
        self._lock = Lock()

    def get(self, name: Hashable, read: Callable[[], V]) -> V:
        """Return the value under this name; `read` it first when the cache does not have it."""
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return cast("V", self._kept[name])
        value = read()
        self._keep(name, value)
        return value

    def _keep(self, name: Hashable, value: object) -> None:
        with self._lock:
            self._kept[name] = value
            self._kept.move_to_end(name)
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)
