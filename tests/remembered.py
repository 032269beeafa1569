"""States of ledgers that were reached once in this process: a ledger that is to reach one again gets a copy of it."""

import pickle
import sqlite3
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from hashlib import sha256
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from sqlmodel import SQLModel

from amends.ledger import Ledger

P, T = ParamSpec("P"), TypeVar("T")
MOST = 100
"""The most states in memory, each of a third of a megabyte."""
HEADER = 48
"""The bytes at the beginning of SQLite's shared memory that change with every commit."""
BESIDE = ("audit-head", "released")
"""The files beside the database that belong to its state."""
EMPTY = " UNION ALL ".join(f"SELECT 1 FROM {name}" for name in SQLModel.metadata.tables if name != "key_check")


@dataclass(frozen=True)
class State:
    """A state of a ledger, and what the act that led to it returned."""

    database: sqlite3.Connection
    beside: tuple[bytes, ...]
    reserve: bool
    returned: Any


class Remembered:
    """The states by their names: a digest of all acts that led to the state, from an empty ledger on."""

    def __init__(self) -> None:
        self.on = True
        """False in tests that patch the product: there each act is carried out."""
        self._states: OrderedDict[bytes, State] = OrderedDict()
        self._stands: WeakKeyDictionary[Ledger, tuple[bytes, bytes]] = WeakKeyDictionary()
        """The name of the state that each ledger is in, with what shows a later change of the ledger."""

    def reach(self, ledger: Ledger, act: Callable[..., T], *args: Any, **options: Any) -> T:
        """Carry out the act, or bring the ledger to the state in which the act left a ledger like this one."""
        before = self._name(ledger)
        if before is None:
            return act(ledger, *args, **options)
        try:
            name = sha256(pickle.dumps((before, act.__module__, act.__qualname__, args, options))).digest()
        except (pickle.PicklingError, TypeError, AttributeError):  # a generator, or a function of a test
            return act(ledger, *args, **options)
        if state := self._states.get(name):
            self._states.move_to_end(name)
            _bring_to(ledger, state)
        else:
            state = self._states[name] = _state_of(ledger, act(ledger, *args, **options))
            if len(self._states) > MOST:
                self._states.popitem(last=False)
        self._stands[ledger] = (name, _trace(ledger))
        return state.returned  # type: ignore[no-any-return]

    def _name(self, ledger: Ledger) -> bytes | None:
        """Return the name of the state that the ledger is in, or None when it is not known."""
        if not self.on or type(ledger) is not Ledger or ledger.store.path is None:
            return None
        if trace := _trace(ledger):
            name, before = self._stands.get(ledger, (b"", b""))
            if trace == before:
                return name
        with ledger.store.engine.connect() as connection:
            empty = connection.exec_driver_sql(EMPTY).first() is None
        return ledger.store.keys.check() if empty else None


def _trace(ledger: Ledger) -> bytes:
    """Return what every change of the ledger changes; empty when no connection is open."""
    assert ledger.store.path
    shared = ledger.store.path.with_name(f"{ledger.store.path.name}-shm")
    if not shared.exists():
        return b""
    with shared.open("rb") as file:
        return file.read(HEADER) + b"".join(_beside(ledger))


def _beside(ledger: Ledger) -> tuple[bytes, ...]:
    anchor = ledger.store.anchor
    files = [anchor.with_name(name) for name in BESIDE] if anchor else []
    return tuple(file.read_bytes() if file.exists() else b"" for file in files)


def _state_of(ledger: Ledger, returned: Any) -> State:
    copy = sqlite3.connect(":memory:", check_same_thread=False)
    with ledger.store.engine.connect() as connection:
        connection.connection.driver_connection.backup(copy)  # type: ignore[union-attr]
    reserve = ledger.store.reserve._file
    return State(copy, _beside(ledger), reserve is not None and reserve.exists(), returned)


def _bring_to(ledger: Ledger, state: State) -> None:
    with ledger.store.engine.connect() as connection:
        state.database.backup(connection.connection.driver_connection)  # type: ignore[arg-type]
    if anchor := ledger.store.anchor:
        for name, content in zip(BESIDE, state.beside, strict=True):
            if content:
                anchor.with_name(name).write_bytes(content)
    if state.reserve:
        ledger.store.reserve.keep()


REMEMBERED = Remembered()


def remembered(act: Callable[Concatenate[Ledger, P], T]) -> Callable[Concatenate[Ledger, P], T]:
    """Carry out an act on a ledger once in this process, wherever its arguments and the ledger's state are the same."""

    @wraps(act)
    def reached(ledger: Ledger, *args: P.args, **options: P.kwargs) -> T:
        return REMEMBERED.reach(ledger, act, *args, **options)

    return reached
