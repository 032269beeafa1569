"""A wall clock is believed as long as it goes with the time that has really passed."""

from datetime import timedelta

import pytest

from amends.domain.base.clock import Seen, apart, doubt
from tests.builders import NOW

BEFORE = Seen("host-1", "boot-1", 1000.0, NOW)
MINUTE = timedelta(minutes=1)


def later(passed: timedelta, shown: timedelta, boot: str = "boot-1") -> Seen:
    return Seen("host-1", boot, BEFORE.elapsed + passed.total_seconds(), NOW + shown)


@pytest.mark.parametrize("jump", [timedelta(), 10 * MINUTE, -10 * MINUTE])
def test_a_small_correction_is_no_jump(jump: timedelta) -> None:
    assert doubt(BEFORE, later(60 * MINUTE, 60 * MINUTE + jump)) == ""


@pytest.mark.parametrize(
    ("jump", "said"),
    [
        (11 * MINUTE, "ahead by about 11 minutes"),
        (timedelta(hours=1), "ahead by about 1 hour"),
        (-timedelta(hours=1), "back by about 1 hour"),
        (timedelta(days=30), "ahead by about 30 days"),
        (-timedelta(days=30), "back by about 30 days"),
    ],
)
def test_a_jump_is_named_with_its_way_and_size(jump: timedelta, said: str) -> None:
    assert said in doubt(BEFORE, later(5 * MINUTE, 5 * MINUTE + jump))


def test_a_machine_that_was_off_for_a_week_is_believed() -> None:
    assert doubt(BEFORE, later(MINUTE, timedelta(days=7), boot="boot-2")) == ""


def test_a_machine_that_comes_back_in_the_past_is_not() -> None:
    assert "back by about 1 day" in doubt(BEFORE, later(MINUTE, -timedelta(days=1), boot="boot-2"))


@pytest.mark.parametrize(
    ("off", "said"),
    [
        (timedelta(minutes=9), ""),
        (timedelta(days=2), "the clock of host-1 is about 2 days ahead of that of the ledger's server"),
        (timedelta(hours=-3), "the clock of host-1 is about 3 hours behind that of the ledger's server"),
    ],
)
def test_a_clock_that_is_off_the_servers_is_not_believed(off: timedelta, said: str) -> None:
    assert apart(BEFORE, NOW - off).partition(", at ")[0] == said


def test_where_there_is_no_server_nothing_is_off_it() -> None:
    assert apart(BEFORE, None) == ""
