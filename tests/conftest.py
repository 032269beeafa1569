"""What holds for all tests."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import fastapi.dependencies.models
import pytest
from hypothesis import HealthCheck, settings

from amends.system.processes import freeze_imports
from tests.remembered import REMEMBERED
from tests.targets import is_left_out, turn, waits_for_test_all

# On a busy machine an example may take long; that says nothing about it.
settings.register_profile("any machine", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
FILES = count(1)
WHOLE_EVERY = 40
"""The number of files after which everything is looked through once, for what has become garbage after its file."""


@pytest.fixture(autouse=True, scope="session")
def small_reserve() -> Iterator[None]:
    """The homes of hundreds of tests stay for a while; they need not hold 64 MB each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AMENDS_DISK_RESERVE", "1")
        yield


@pytest.fixture(autouse=True, scope="session")
def frozen_imports() -> None:
    """Keep the million objects of imported modules out of garbage collections, which take half a second with them."""
    freeze_imports()


@pytest.fixture(autouse=True, scope="module")
def freed_memory() -> Iterator[None]:
    """Free after each file what would make this process grow to more than a gigabyte.

    FastAPI keeps the functions of the last apps in caches, and with them their ledgers. What is left after a file are
    modules and templates, nearly all of it, which later collections leave out.
    """
    yield
    for value in vars(fastapi.dependencies.models).values():
        if hasattr(value, "cache_clear"):
            value.cache_clear()
    if next(FILES) % WHOLE_EVERY == 0:
        gc.unfreeze()
    freeze_imports()
    with suppress(OSError, AttributeError):  # a system without glibc
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what `make test` leaves out before it is imported, and Prefect's server with it."""
    return is_left_out(collection_path, config.option.markexpr) or None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let a test that patches the product carry out all of its acts itself."""
    REMEMBERED.on = "monkeypatch" not in getattr(item, "fixturenames", ())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that `make test` leaves to `make test-all`, and let the longest begin."""
    items.sort(key=turn)
    for item in items:
        if waits_for_test_all(item):
            item.add_marker("full")
