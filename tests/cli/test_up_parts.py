"""The processes of `amends up` live and end together."""

import os
import sys

import pytest

from amends.cli.up import Parts

SLEEPS = [sys.executable, "-c", "import time; time.sleep(600)"]
ENDS = [sys.executable, "-c", ""]


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def parts() -> Parts:
    return Parts(os.environ)


def test_what_was_started_aside_ends_with_the_parts_at_the_latest(parts: Parts) -> None:
    with parts:
        parts.start("part", SLEEPS)
        parts.start_aside(SLEEPS)
        started = [process.pid for process in (*parts._running.values(), *parts._aside)]
        assert all(map(runs, started))
    assert not any(map(runs, started))


def test_what_has_ended_aside_is_not_kept_in_mind(parts: Parts) -> None:
    with parts:
        for _ in range(3):
            parts.start_aside(ENDS)
            parts._aside[-1].wait(30)
        parts.start_aside(ENDS)
        assert len(parts._aside) == 1
