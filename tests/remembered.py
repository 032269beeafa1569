"""States of ledgers that were reached once in this process: a ledger that is to reach one again gets a copy of it.

To open an incident and approve its notice takes most of the time of many tests, and is the same in nearly all of them.
Only ledgers in a file are copied, and only from a state to which all acts are known. A test that uses `monkeypatch`
carries out every act itself.
"""

import pickle
import secrets
import sqlite3
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from hashlib import sha256
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from amends.ledger import Ledger
from amends.ledger.store.schema import all_tables
from amends.ledger.store.session import Store

P, T = ParamSpec("P"), TypeVar("T")
MOST = 100
"""The most states in memory, each of a third of a megabyte."""
HEADER = 48
"""The bytes at the start of SQLite's shared memory that change with every commit."""
BESIDE = ("audit-head", "released")
"""The files beside the database that belong to its state."""
ANYTHING = " UNION ALL ".join(f"SELECT 1 FROM {name}" for name in all_tables().tables if name != "key_check")
UNKNOWN = b""


@dataclass(frozen=True)
class State:
    """A state of a ledger, and what the act that led to it returned."""

    database: sqlite3.Connection
    beside: tuple[bytes, ...]
    has_reserve: bool
    returned: Any


class Remembered:
    """The states by their names; a name is a digest of all acts that led to the state, from an empty ledger on."""

    def __init__(self) -> None:
        self.on = True
        self._states: OrderedDict[bytes, State] = OrderedDict()
        self._stands: WeakKeyDictionary[Ledger, tuple[bytes, bytes]] = WeakKeyDictionary()
        """The name of the state of each ledger, with a trace that any later change of the ledger changes."""

    def reach(self, ledger: Ledger, act: Callable[..., T], *args: Any, **options: Any) -> T:
        """Carry out the act, or bring the ledger to the state in which the act left a ledger like this one."""
        name = self._name_after(ledger, act, args, options)
        if name in self._states:
            return self._restored(name, ledger)  # type: ignore[no-any-return]
        return self._kept(name, ledger, act(ledger, *args, **options))

    async def reach_soon(self, ledger: Ledger, act: Callable[..., Awaitable[T]], *args: Any, **options: Any) -> T:
        """Do as `reach` does, with an act that is awaited."""
        name = self._name_after(ledger, act, args, options)
        if name in self._states:
            return self._restored(name, ledger)  # type: ignore[no-any-return]
        return self._kept(name, ledger, await act(ledger, *args, **options))

    def _name_after(self, ledger: Ledger, act: Callable[..., object], args: Any, options: Any) -> bytes:
        """Return the name of the state that the act leads to, or UNKNOWN."""
        if not self.on or type(ledger) is not Ledger or ledger.store.path is None:
            return UNKNOWN
        if not (before := self._name(ledger)):
            return UNKNOWN
        with suppress(pickle.PicklingError, TypeError, AttributeError):  # a generator, or a function of a test
            return sha256(pickle.dumps((before, act.__module__, act.__qualname__, args, options))).digest()
        return UNKNOWN

    def _name(self, ledger: Ledger) -> bytes:
        """Return the name of the ledger's state: that of its key while the ledger is empty, or UNKNOWN."""
        name, trace = self._stands.get(ledger, (UNKNOWN, b""))
        if name and trace == _trace(ledger.store):
            return name
        with ledger.store.engine.connect() as connection:
            return UNKNOWN if connection.exec_driver_sql(ANYTHING).first() else ledger.store.keys.check()

    def _restored(self, name: bytes, ledger: Ledger) -> Any:
        state = self._states[name]
        self._states.move_to_end(name)
        with ledger.store.engine.connect() as connection:
            state.database.backup(connection.connection.driver_connection)  # type: ignore[arg-type]
        if ledger.store.anchor:
            for file, content in zip(BESIDE, state.beside, strict=True):
                if content:
                    ledger.store.anchor.with_name(file).write_bytes(content)
        if state.has_reserve:
            ledger.store.reserve.keep()
        self._stands[ledger] = (name, _trace(ledger.store))
        return state.returned

    def _kept(self, name: bytes, ledger: Ledger, returned: T) -> T:
        if name:
            database, reserve = sqlite3.connect(":memory:", check_same_thread=False), ledger.store.reserve._file
            with ledger.store.engine.connect() as connection:
                connection.connection.driver_connection.backup(database)  # type: ignore[union-attr]
            self._states[name] = State(database, _beside(ledger.store), bool(reserve and reserve.exists()), returned)
            if len(self._states) > MOST:
                self._states.popitem(last=False)
            self._stands[ledger] = (name, _trace(ledger.store))
        return returned


def _trace(store: Store) -> bytes:
    """Return bytes that change with every change of the ledger; other ones each time when no connection is open."""
    shared = store.path.with_name(f"{store.path.name}-shm") if store.path else None
    if shared is None or not shared.exists():
        return secrets.token_bytes(HEADER)
    with shared.open("rb") as file:
        return file.read(HEADER) + b"".join(_beside(store))


def _beside(store: Store) -> tuple[bytes, ...]:
    files = [store.anchor.with_name(name) for name in BESIDE] if store.anchor else []
    return tuple(file.read_bytes() if file.exists() else b"" for file in files)


REMEMBERED = Remembered()


def remembered(act: Callable[Concatenate[Ledger, P], T]) -> Callable[Concatenate[Ledger, P], T]:
    """Carry out an act on a ledger once in this process, where the ledger's state and the arguments are the same."""

    @wraps(act)
    def reached(ledger: Ledger, *args: P.args, **options: P.kwargs) -> T:
        return REMEMBERED.reach(ledger, act, *args, **options)

    return reached
