"""Erlang C agrees with published examples and with its sum of factorials, and the staff follows from it."""

from datetime import timedelta
from fractions import Fraction
from math import factorial

import pytest

from amends.domain.feedback.load.staffing import (
    HALF_HOUR,
    Need,
    TeamOnDuty,
    agents_needed,
    capacity,
    need,
    offered_load,
    probability_of_waiting,
    service_level,
)

SECONDS_20 = timedelta(seconds=20)
PUBLISHED = [
    # agents, calls in half an hour, handling, patience, probability of waiting, service level, mean wait in seconds
    # "The Erlang-C Formula", mitan.co.uk: 360 calls of 4 minutes, 55 agents, 15 seconds
    (55, 360, timedelta(minutes=4), timedelta(seconds=15), 0.239, 0.846, 8.2),
    # "Erlang C Formula - Made Simple With a Worked Example", callcentrehelper.com: 100 calls of 3 minutes
    (14, 100, timedelta(minutes=3), SECONDS_20, 0.174, 0.888, 7.8),
    (11, 100, timedelta(minutes=3), SECONDS_20, 0.682, 0.390, 122.8),
]


def by_factorials(agents: int, load: int) -> float:
    """Return Erlang C as textbooks print it, in exact fractions."""
    last = Fraction(load**agents, factorial(agents)) * Fraction(agents, agents - load)
    return float(last / (sum(Fraction(load**k, factorial(k)) for k in range(agents)) + last))


@pytest.mark.parametrize(("agents", "calls", "handling", "patience", "waits", "level", "mean"), PUBLISHED)
def test_published_examples_are_reproduced(
    agents: int, calls: int, handling: timedelta, patience: timedelta, waits: float, level: float, mean: float
) -> None:
    load = offered_load(calls, HALF_HOUR, handling)
    found = probability_of_waiting(agents, load)
    assert found == pytest.approx(waits, abs=0.0005)
    assert service_level(agents, load, handling, patience) == pytest.approx(level, abs=0.001)
    assert found * handling.total_seconds() / (agents - load) == pytest.approx(mean, abs=0.06)


@pytest.mark.parametrize(("agents", "load"), [(1, 0), (2, 1), (10, 9), (60, 50), (400, 380), (900, 899)])
def test_the_recursion_equals_the_sum_of_factorials(agents: int, load: int) -> None:
    assert probability_of_waiting(agents, load) == pytest.approx(by_factorials(agents, load), rel=1e-9)


def test_the_published_staff_is_found() -> None:
    load = offered_load(100, HALF_HOUR, timedelta(minutes=3))
    assert agents_needed(load, timedelta(minutes=3), 0.8, SECONDS_20) == 14


@pytest.mark.parametrize("load", [0.001, 0.4, 7.3, 99.99, 480, 2_000])
def test_one_agent_fewer_is_too_few(load: float) -> None:
    handling = timedelta(minutes=6)
    found = agents_needed(load, handling, 0.8, SECONDS_20)
    assert service_level(found, load, handling, SECONDS_20) >= 0.8
    assert service_level(found - 1, load, handling, SECONDS_20) < 0.8


def test_too_few_agents_never_catch_up() -> None:
    assert probability_of_waiting(10, 10) == 1
    assert service_level(10, 10, timedelta(minutes=3), SECONDS_20) == 0


def test_no_call_needs_nobody() -> None:
    assert need(0, 0.5, TeamOnDuty(agents=5)) == Need(people=0, phone=0)


def test_five_people_who_only_write_take_five_times_as_much() -> None:
    assert capacity(0, TeamOnDuty(agents=5, answers_a_day=60)) == 300


def test_whoever_waits_for_calls_writes_meanwhile() -> None:
    team = TeamOnDuty(agents=5)
    both, calls = need(100, 0.5, team), need(50, 1.0, team)
    assert both.phone == both.people == calls.phone


@pytest.mark.parametrize("phone", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("agents", [1, 5, 200, 10_000])
def test_a_team_takes_its_capacity_and_no_contact_more(phone: float, agents: int) -> None:
    team = TeamOnDuty(agents=agents)
    most = capacity(phone, team)
    assert need(most, phone, team).people <= agents
    assert need(most + 1, phone, team).people > agents
