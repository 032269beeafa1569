"""What people were told through weeks that Hypothesis makes up, held against the words that a relay took."""

import os
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.flows.told.world import World

# Hypothesis takes a timeout of pytest for a failed example, and its second try, which passes, for inconsistent data.
pytestmark = pytest.mark.timeout(0)
SOAK = bool(os.environ.get("AMENDS_SOAK"))


def bounded(runs: int) -> settings:
    return settings(max_examples=runs, stateful_step_count=20, deadline=None, derandomize=not SOAK, phases=[Phase.generate])


def test_everybody_reads_what_is_right(tmp_path: Path) -> None:
    run_state_machine_as_test(lambda: World(tmp_path), settings=bounded(int(os.environ.get('N','5'))))
