"""What people were told through weeks that Hypothesis makes up, held against the words that a relay took."""

import os
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.flows.told.world import World

# Hypothesis takes a timeout of pytest for a failed example, and its second try, which passes, for inconsistent data.
pytestmark = pytest.mark.timeout(0)
SOAK = bool(os.environ.get("AMENDS_SOAK"))
FEW = 12
"""The number of examples in `make test`, one to two seconds each; `make test-all` tries 60, and `make soak` 3,000."""
MANY = 3000 if SOAK else 60


def bounded(runs: int) -> settings:
    return settings(max_examples=runs, stateful_step_count=20, deadline=None, derandomize=not SOAK)


@pytest.mark.parametrize("runs", [FEW, pytest.param(MANY, marks=pytest.mark.full)])
def test_everybody_reads_what_is_right(tmp_path: Path, runs: int) -> None:
    run_state_machine_as_test(lambda: World(tmp_path), settings=bounded(runs))
