"""What holds for all tests."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any

import fastapi.dependencies.models
import httpcore2
import pytest
from hypothesis import HealthCheck, settings

from amends.content.file import document
from amends.delivery import rendering
from amends.domain.draft import trial
from amends.ledger.store import database, disk_reserve
from tests.remembered import REMEMBERED
from tests.targets import is_left_out, waits_for_test_all

# On a busy machine an example may take long; that says nothing about it.
settings.register_profile("any machine", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
THRESHOLDS = gc.get_threshold()
FREEZE = gc.freeze
FILES = count(1)
WHOLE_EVERY = 40
"""The number of files after which everything is looked through once, for what has become garbage after its file."""


@pytest.fixture(autouse=True, scope="session")
def small_reserve() -> Iterator[None]:
    """The folders of hundreds of tests stay for a while; they need not hold 64 MB each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disk_reserve, "SIZE", 4096)
        yield


class CompiledStatements(dict[Any, Any]):
    """Compiled SQL, found by the name of its dialect, because each ledger has a dialect object of its own."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get((key[0].name, *key[1:]), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__((key[0].name, *key[1:]), value)


@pytest.fixture(autouse=True, scope="session")
def compiled_once() -> Iterator[None]:
    """Compile each statement once for all ledgers: a sixth of the time of a command in a new ledger was spent on that."""
    shared = partial(database.create_engine, execution_options={"compiled_cache": CompiledStatements()})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "create_engine", shared)
        yield


@pytest.fixture(autouse=True, scope="session")
def tried_once() -> Iterator[None]:
    """Try the templates of the same words and playbook once in a process: `validate` renders thousands of texts."""
    known: dict[str, Any] = {}
    really = rendering.rendered

    def remembered(work: Any) -> Any:
        if getattr(work, "func", None) is not trial.faults:
            return really(work)
        case, wording, _ = work.args
        key = f"{case.playbook.model_dump_json()}{wording.model_dump_json()}"
        if key not in known:
            known[key] = really(work)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendering, "rendered", remembered)
        yield


@pytest.fixture(autouse=True, scope="session")
def parsed_once() -> Iterator[None]:
    """Parse files of the same text once in a process: each command reads the shipped words, help and playbooks."""
    known: dict[tuple[Path, str], document.Document] = {}
    really = document.parse_document

    def parsed(path: Path, text: str) -> document.Document:
        if (path, text) not in known:
            known[path, text] = really(path, text)
        found = known[path, text]
        return replace(found, content=deepcopy(found.content))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document, "parse_document", parsed)
        yield


@pytest.fixture(autouse=True, scope="session")
def one_set_of_authorities() -> Iterator[None]:
    """Read the certificates of all authorities once, and not for each client that is opened."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpcore2, "default_ssl_context", cache(httpcore2.default_ssl_context))
        yield


@pytest.fixture(autouse=True, scope="session")
def frozen_imports() -> Iterator[None]:
    """Keep the million objects of imported modules out of garbage collections, which take half a second with them.

    A send freezes all objects of its process, which is this one, so that the ledgers of tests would stay in memory:
    this is switched off.
    """
    with pytest.MonkeyPatch.context() as patch:
        gc.collect()
        gc.freeze()
        patch.setattr(gc, "freeze", lambda: None)
        yield


@pytest.fixture(autouse=True, scope="module")
def freed_memory() -> Iterator[None]:
    """Free after each file what would make this process grow to more than a gigabyte.

    FastAPI keeps the functions of the last apps in caches, and with them their ledgers; and a send makes garbage
    collections rare in its process, which is this one. What is left after a file are modules and templates, nearly all
    of it: later collections leave it out, each of which took half a second for it.
    """
    yield
    for value in vars(fastapi.dependencies.models).values():
        if hasattr(value, "cache_clear"):
            value.cache_clear()
    gc.set_threshold(*THRESHOLDS)
    if next(FILES) % WHOLE_EVERY == 0:
        gc.unfreeze()
    gc.collect()
    FREEZE()
    with suppress(OSError, AttributeError):  # a system without glibc
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what `make test` leaves out before it is imported, and Prefect's server with it."""
    return is_left_out(collection_path, config.option.markexpr) or None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let a test that patches the product carry out all of its acts itself."""
    REMEMBERED.on = "monkeypatch" not in getattr(item, "fixturenames", ())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that `make test` leaves to `make test-all`."""
    for item in items:
        if waits_for_test_all(item):
            item.add_marker("full")
