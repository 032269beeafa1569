"""Garbage collection while few cycles arise."""

import gc
from collections.abc import Iterator
from contextlib import suppress

import pytest

from amends.system.processes import FROZEN, few_cycles, freeze_imports


@pytest.fixture
def unfrozen() -> Iterator[None]:
    """A process that has frozen nothing."""
    gc.unfreeze()
    FROZEN.clear()
    yield
    freeze_imports()


@pytest.mark.usefixtures("unfrozen")
def test_few_cycles_ends_with_its_block() -> None:
    """Whatever happens in the block, garbage is collected as before afterwards, and nothing stays in memory."""
    before = gc.get_threshold()
    with suppress(KeyError), few_cycles():
        assert gc.get_freeze_count() and gc.get_threshold() > before
        raise KeyError
    assert (gc.get_freeze_count(), gc.get_threshold()) == (0, before)


def test_frozen_imports_stay_frozen_alone() -> None:
    freeze_imports()
    frozen = gc.get_freeze_count()
    made = [[number] for number in range(1000)]
    with few_cycles():
        assert gc.get_freeze_count() <= frozen < frozen + len(made)
    assert frozen * 0.9 < gc.get_freeze_count() <= frozen
