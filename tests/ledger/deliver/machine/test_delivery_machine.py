"""Deliveries through weeks that Hypothesis makes up, held against a relay that keeps its own count."""

import os
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.databases import postgres_answers
from tests.ledger.deliver.machine.world import World

# Hypothesis takes a timeout of pytest for a failed example, and its second try, which passes, for inconsistent data.
pytestmark = pytest.mark.timeout(0)
FEW = 8
"""The number of examples in `make test`; `make test-all` tries five times as many."""
SOAK = bool(os.environ.get("AMENDS_SOAK"))
ON_FILE, ON_SERVER, STEPS = (2000, 200, 60) if SOAK else (40, 3, 50)


def bounded(runs: int) -> settings:
    return settings(max_examples=runs, stateful_step_count=STEPS, deadline=None, derandomize=not SOAK)


@pytest.mark.parametrize("runs", [FEW, pytest.param(ON_FILE, marks=pytest.mark.full)])
def test_nobody_is_told_twice_and_nobody_is_forgotten(tmp_path: Path, runs: int) -> None:
    run_state_machine_as_test(lambda: World(tmp_path), settings=bounded(runs))


@pytest.mark.postgres
@pytest.mark.skipif(not postgres_answers(), reason="no PostgreSQL at AMENDS_TEST_POSTGRES or 127.0.0.1:5432")
def test_nor_are_they_on_a_server(tmp_path: Path, made_on_postgres: str) -> None:
    run_state_machine_as_test(lambda: World(tmp_path, made_on_postgres), settings=bounded(ON_SERVER))
