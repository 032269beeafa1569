"""The outlook on the contacts to come: for the people still to be told, for a team, and in plain words."""

from collections.abc import Iterator, Mapping

from amends.domain.base.text import counted
from amends.domain.base.value import Span, Value
from amends.domain.feedback.load.load import (
    DEFAULT_PHONE,
    ENOUGH_CONTACTS,
    Curve,
    ForecastDay,
    WavePlan,
    doubt_about,
    in_range,
    two_digits,
    wave_plan,
)
from amends.domain.feedback.load.staffing import Need, TeamOnDuty, capacity, need
from amends.domain.feedback.question import QuestionSource

WAYS = {
    QuestionSource.PORTAL: "page",
    QuestionSource.HOTLINE: "telephone",
    QuestionSource.MAILBOX: "mail",
    QuestionSource.SMS: "SMS",
}
"""The names of the ways by which people contact us; any other way is called by its own word."""
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


class Range(Value):
    """An expected number with the range in which the true one probably lies."""

    expected: float
    low: float
    high: float

    def says(self, what: str) -> str:
        """Return the numbers in words, with what is expected between them: 750 contacts in all (250 to 2,200)."""
        return f"{two_digits(self.expected):,} {what} ({two_digits(self.low):,} to {two_digits(self.high):,})"


class Outlook(Value):
    """The contacts to expect, the staff that they need, and the waves that a team can take."""

    people: int
    """The people still to be told."""
    curve: Curve
    phone_share: float
    """The share of contacts that are calls."""
    by_source: dict[QuestionSource, int] = {}
    """The contacts seen so far by the way by which they came."""
    first_day: Range
    """The contacts in the first 24 hours when all of `people` are told at once."""
    in_all: Range
    needs: Need
    """The staff for the first day when all are told at once."""
    tomorrow: Range | None = None
    """The contacts tomorrow of the people told already; None before anybody was told."""
    team: TeamOnDuty
    capacity: int | None = None
    """The contacts a day that the team takes; None when no team was named."""
    waves: WavePlan | None = None
    """The waves that the team can take; None without a team, without people, or when the team can take none."""
    days: tuple[ForecastDay, ...] = ()


def outlook(
    people: int,
    curve: Curve,
    phone: float | None,
    team: TeamOnDuty,
    *,
    named: bool,
    days: tuple[ForecastDay, ...] = (),
    seen: Mapping[QuestionSource, int] | None = None,
    tomorrow: ForecastDay | None = None,
) -> Outlook:
    """Return the outlook; a team that was not `named` only says how fast people work."""
    share = DEFAULT_PHONE if phone is None else phone
    first = people * curve.first_day
    takes = capacity(share, team) if named else None
    left = max(takes - (tomorrow.expected if tomorrow else 0), 0) if takes is not None else 0
    return Outlook(
        people=people,
        curve=curve,
        phone_share=share,
        by_source=dict(seen or {}),
        first_day=_range(curve, first, doubt_about(curve, lambda shape: shape.rate * (1 - shape.keep))),
        in_all=_range(curve, people * curve.rate, doubt_about(curve, lambda shape: shape.rate)),
        needs=need(first, share, team),
        tomorrow=Range(expected=tomorrow.expected, low=tomorrow.low, high=tomorrow.high) if tomorrow else None,
        team=team,
        capacity=takes,
        waves=wave_plan(people, curve, left) if people and named else None,
        days=days,
    )


def in_words(found: Outlook) -> str:
    """Return the outlook as sentences, the most needed first."""
    return "\n".join(_sentences(found))


def as_yaml(plan: WavePlan) -> str:
    """Return the key that puts the waves into a step of a playbook."""
    return f"waves: {{size: {plan.size}, pause: {Span(days=plan.pause)}}}"


def _sentences(found: Outlook) -> Iterator[str]:
    if found.tomorrow and found.tomorrow.expected < 1:
        yield "Expect hardly any contact tomorrow from the people told already."
    elif found.tomorrow:
        yield f"Expect about {found.tomorrow.says('contacts tomorrow')} from the people told already."
    if found.people:
        told = "one person is" if found.people == 1 else f"all {found.people:,} people are"
        first = found.first_day.says(f"contacts{' more' if found.tomorrow else ''} on the first day")
        yield f"Expect about {first} and {found.in_all.says('in all')} when {told} told at once."
        yield _staff(found)
    if found.capacity is not None:
        yield _team(found)
    yield _basis(found)
    if found.by_source:
        yield f"Contacts came by {_ways(found.by_source)}."


def _staff(found: Outlook) -> str:
    team, calls = found.team, found.first_day.expected * found.phone_share
    needs = f"The first day needs {counted(found.needs.people, 'person', 'people')}"
    if not found.needs.phone:
        return f"{needs}, {team.answers_a_day} answers a day each."
    call, write = two_digits(calls), two_digits(found.first_day.expected - calls)
    return (
        f"{needs} for about {call:,} calls and {write:,} written questions: {found.needs.phone:,} at the telephone in "
        f"the busiest half hour ({team.level:.0%} answered within {team.patience.total_seconds():.0f} s, "
        f"{team.handling.total_seconds() / 60:g} min a call), who write between calls ({team.answers_a_day} answers a "
        "day each)."
    )


def _team(found: Outlook) -> str:
    agents, contacts = found.team.agents, two_digits(found.capacity or 0)
    who = NUMBERS[agents] if agents < len(NUMBERS) else f"{agents:,}"
    takes = f"{who.capitalize()} {'person takes' if agents == 1 else 'people take'} about {contacts:,} contacts a day"
    if not found.people:
        return f"{takes}."
    if found.waves is None:
        return f"{takes}, too few for any wave now: more people are needed first."
    if found.waves.waves == 1:
        return f"{takes}: all can be told at once."
    between = "a day" if found.waves.pause == 1 else f"{found.waves.pause} days"
    return (
        f"{takes}: send in waves of {found.waves.size:,} with {between} between; "
        f"the last of {found.waves.waves:,} waves leaves {counted(found.waves.last_after, 'day')} after the first."
    )


def _basis(found: Outlook) -> str:
    curve = found.curve
    told = f"{curve.rate * 100:.2g} of 100 people told contact us"
    shape = f"{told}, {1 - curve.keep:.0%} of them in the first 24 hours"
    if curve.seen:
        return (
            f"This rests on {counted(curve.seen, 'contact')} of this case: {shape}. Nine in ten days lie in the range."
        )
    return (
        f"This rests on assumptions, not on this case: {shape}, {found.phone_share:.0%} by telephone. Other breaches "
        f"had a third of that or three times as much. After {ENOUGH_CONTACTS} contacts and two days, its own count."
    )


def _ways(by_source: Mapping[QuestionSource, int]) -> str:
    contacts = sum(by_source.values())
    most = sorted(by_source.items(), key=lambda one: -one[1])
    return ", ".join(f"{WAYS.get(source, source.value)} {count / contacts:.0%}" for source, count in most)


def _range(curve: Curve, expected: float, doubt: float) -> Range:
    low, high = in_range(curve, expected, doubt)
    return Range(expected=expected, low=low, high=high)
