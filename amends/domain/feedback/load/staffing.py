"""The staff that a number of contacts needs: Erlang C at the telephone, simple throughput in writing."""

import math
from datetime import timedelta

from pydantic import Field

from amends.domain.base.value import Value

HALF_HOUR = timedelta(minutes=30)
PEAK = 1.5
"""The calls of the busiest hour for each call of a mean hour: a rule of thumb, which no source on breaches confirms."""
OCCUPANCY = 0.85
"""The part of their time that people can spend on calls for a whole day; planners of call centres use 0.85 to 0.9."""
MOST_CONTACTS = 10_000_000
"""The most contacts a day that are reckoned with; more is a typing error."""


class TeamOnDuty(Value):
    """A team that takes the contacts of one day, and how fast its members are."""

    agents: int = Field(ge=1, le=10_000)
    """The people at work at the same time, at the telephone or in writing."""
    answers_a_day: int = Field(default=60, ge=1, le=10_000)
    """Written questions that one person answers in a day."""
    handling: timedelta = Field(default=timedelta(minutes=8), ge=timedelta(seconds=10), le=timedelta(hours=8))
    """The mean time of one call with the notes after it. Practice names 6 to 10 minutes."""
    hours: float = Field(default=8, gt=0, le=24)
    """The hours a day in which the telephone is answered."""
    level: float = Field(default=0.8, gt=0, lt=1)
    """The share of calls that is answered within `patience`."""
    patience: timedelta = Field(default=timedelta(seconds=20), ge=timedelta(0), le=timedelta(hours=1))


class Need(Value):
    """The people whom the contacts of one day need."""

    people: int
    """People in all; whoever waits for a call writes meanwhile."""
    phone: int
    """The people of these who are at the telephone in the busiest half hour."""


def offered_load(calls: float, period: timedelta, handling: timedelta) -> float:
    """Return the load in erlangs: the mean number of calls under way when nobody has to wait."""
    return calls * (handling / period)


def probability_of_waiting(agents: int, load: float) -> float:
    """Return the probability that a call has to wait, by Erlang C; 1 when the agents cannot keep up.

    C = B / (1 - (load / agents) (1 - B)). Erlang B comes from the recursion B(n) = load B(n-1) / (n + load B(n-1)),
    which needs no factorial and so stays exact for thousands of agents. Source: R. B. Cooper, Introduction to Queueing
    Theory, 2nd edition 1981, sections 3.3 and 3.4; A. K. Erlang 1917.
    """
    return 1.0 if agents <= load else _waits(agents, load, _blocked(agents, load))


def service_level(agents: int, load: float, handling: timedelta, patience: timedelta) -> float:
    """Return the share of calls answered within `patience`: 1 - C exp(-(agents - load) patience / handling)."""
    return 0.0 if agents <= load else _level(agents, load, _blocked(agents, load), patience / handling)


def agents_needed(load: float, handling: timedelta, level: float, patience: timedelta) -> int:
    """Return the fewest agents who answer the share `level` of the calls within `patience`."""
    agents, blocked = 0, 1.0
    while load > 0:
        agents += 1
        blocked = _one_more(agents, load, blocked)
        if agents > load and _level(agents, load, blocked, patience / handling) >= level:
            break
    return agents


def need(contacts: float, phone_share: float, team: TeamOnDuty) -> Need:
    """Return the people whom so many contacts a day need; `phone_share` of the contacts are calls."""
    load = _busiest_load(contacts * phone_share, team)
    phone = agents_needed(load, team.handling, team.level, team.patience)
    work = math.ceil(round(_days_of_work(contacts, phone_share, team), 6))
    return Need(people=max(phone, work), phone=phone)


def capacity(phone_share: float, team: TeamOnDuty) -> int:
    """Return the most contacts a day that the team takes."""
    fits, too_many = 0, MOST_CONTACTS
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if _takes(middle, phone_share, team):
            fits = middle
        else:
            too_many = middle
    return fits


def _takes(contacts: int, phone_share: float, team: TeamOnDuty) -> bool:
    # The work is looked at first, because Erlang C over millions of calls would take seconds.
    enough = round(_days_of_work(contacts, phone_share, team), 6) <= team.agents
    return enough and need(contacts, phone_share, team).people <= team.agents


def _busiest_load(calls: float, team: TeamOnDuty) -> float:
    """Return the load in the busiest half hour of a day with so many calls."""
    busiest = calls / team.hours * PEAK * (HALF_HOUR / timedelta(hours=1))
    return offered_load(busiest, HALF_HOUR, team.handling)


def _days_of_work(contacts: float, phone_share: float, team: TeamOnDuty) -> float:
    """Return the work of a day's contacts in days of one person."""
    calls = contacts * phone_share
    at_phone = calls * (team.handling / timedelta(hours=team.hours)) / OCCUPANCY
    return at_phone + (contacts - calls) / team.answers_a_day


def _blocked(agents: int, load: float) -> float:
    """Return Erlang B, the probability that all agents are busy when calls that find them busy are lost."""
    blocked = 1.0
    for number in range(1, agents + 1):
        blocked = _one_more(number, load, blocked)
    return blocked


def _one_more(agents: int, load: float, blocked: float) -> float:
    return load * blocked / (agents + load * blocked)


def _waits(agents: int, load: float, blocked: float) -> float:
    return blocked / (1 - load / agents * (1 - blocked))


def _level(agents: int, load: float, blocked: float, patience: float) -> float:
    """Return the service level; `patience` is counted in handling times."""
    return 1 - _waits(agents, load, blocked) * math.exp(-(agents - load) * patience)
