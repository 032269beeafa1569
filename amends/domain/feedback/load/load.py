"""The contacts that notices bring: how many people contact us, how fast that fades, and which waves a team can take.

The curve is one share and one decay: of the people told, the share `rate` contacts us in all, and of the contacts that
are still to come, the part `keep` is left a day later. The sources of the defaults stand in docs/load.md.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from amends.domain.base.value import Value
from amends.domain.feedback.question import QuestionSource

DAY = timedelta(days=1)
ENOUGH_CONTACTS, ENOUGH_TIME = 20, timedelta(days=2)
"""The contacts, and the time since the first notice, from which on the case's own curve counts."""
CERTAIN = 1.645
"""Standard deviations of a normal distribution on either side of the mean that hold nine in ten values."""
DEFAULT_FACTOR = 3.0
"""The factor between the expected number and either end of its range, before the case has a curve of its own: from one
third to three times the default share are 1 to 9 people in a hundred, as far apart as the sources are."""
DEFAULT_SPREAD, DAYS_OF_DEFAULT = 0.09, 6
"""The variance of a day's contacts around the curve, in squares of the expected number, beyond that of chance: weekends
and news in the press move days by a third. It counts like so many days of the case."""
LEAST_SPREAD = 0.02
KEEPS = tuple(number / 100 for number in range(40, 98, 2))
"""The decays that are tried when the case's own curve is found."""
ROUNDS = 3
"""Rounds in which the share and the weights of the days, which depend on each other, are found."""
PRIOR_WIDTH = 0.6
"""The distance, in log odds, at which the decay of a case usually lies from the default: few days tell little of it."""
PAUSES = (1, 2, 3, 7)
"""The days between two waves that are tried."""
DEFAULT_PHONE = 0.5
"""The share of contacts that are calls before anybody contacted us: no source is known, so half."""


class ToldWave(NamedTuple):
    """A wave of a notice: people who are told at one time."""

    at: datetime
    people: int


class ContactDay(Value):
    """The contacts of one day in the organisation's time zone."""

    day: date
    by_source: dict[QuestionSource, int]

    @property
    def contacts(self) -> int:
        """Return the contacts by all ways."""
        return sum(self.by_source.values())


class CurveShape(Value):
    """A share and a decay, see Curve."""

    rate: float
    keep: float


class Curve(Value):
    """The share of the people told that contacts us, and the decay of their contacts."""

    rate: float = 0.03
    """Contacts in all for each person told."""
    keep: float = 0.75
    """Of the contacts still to come, the part that is left a day later."""
    spread: float = DEFAULT_SPREAD
    seen: int = 0
    """The contacts of the case on which the curve rests; 0 for the defaults."""
    faster: CurveShape | None = None
    """The curve that fades faster by one standard deviation of what the days leave open; None for the defaults."""
    slower: CurveShape | None = None

    @property
    def first_day(self) -> float:
        """Return the contacts in the first 24 hours for each person told."""
        return self.rate * (1 - self.keep)


class ForecastDay(Value):
    """One day: the people told, the contacts seen, and the contacts expected."""

    day: date
    told: int = 0
    seen: int | None = None
    """None for a day that is not over."""
    expected: float
    low: float
    high: float
    """Nine in ten days lie between `low` and `high`; by the defaults, the range of the sources."""


class WavePlan(Value):
    """Waves of one size with the same pause."""

    size: int
    pause: int
    """Days from the beginning of one wave to the beginning of the next."""
    waves: int

    @property
    def last_after(self) -> int:
        """Return the days from the first wave to the last."""
        return (self.waves - 1) * self.pause


def own_curve(waves: Sequence[ToldWave], seen: Iterable[ContactDay], zone: str, now: datetime) -> Curve | None:
    """Return the curve of the case, or None as long as it has too few contacts or days.

    Each day's contacts follow a negative binomial distribution. The decay is the mean of those tried, each as probable
    as it makes the days; the share follows from it. Today does not count, because it is not over.
    """
    if not waves or now - min(wave.at for wave in waves) < ENOUGH_TIME:
        return None
    days = _days(_day(min(wave.at for wave in waves), zone), _day(now, zone) - DAY)
    found = {one.day: one.contacts for one in seen}
    contacts = [found.get(day, 0) for day in days]
    if sum(contacts) < ENOUGH_CONTACTS:
        return None

    def potential(keep: float) -> list[float]:
        return _potential(waves, days, keep, zone)

    first = _curve(contacts, potential, DEFAULT_SPREAD)
    expected = [first.rate * one for one in potential(first.keep)]
    return _curve(contacts, potential, _spread(contacts, expected))


def forecast(
    curve: Curve, waves: Sequence[ToldWave], seen: Iterable[ContactDay], zone: str, now: datetime, until: datetime
) -> tuple[ForecastDay, ...]:
    """Return every day from the first wave up to `until`, with what was seen on the days that are over."""
    if not waves:
        return ()
    days = _days(_day(min(wave.at for wave in waves), zone), _day(until, zone))
    found, told = {one.day: one.contacts for one in seen}, _told(waves, zone)
    shapes = (
        CurveShape(rate=curve.rate, keep=curve.keep),
        *((curve.faster, curve.slower) if curve.faster and curve.slower else ()),
    )
    expected = zip(*(_expected(shape, waves, days, zone) for shape in shapes), strict=True)
    today = _day(now, zone)
    return tuple(
        _forecast_day(
            curve,
            day,
            sum(people for people, _ in told.get(day, ())),
            means,
            found.get(day, 0) if day < today else None,
        )
        for day, means in zip(days, expected, strict=True)
    )


def in_range(curve: Curve, expected: float, doubt: float = 0) -> tuple[float, float]:
    """Return the range around an expected number of contacts that holds nine in ten days.

    By a curve of the case: chance (Poisson), days that differ (as in a negative binomial distribution), the number of
    contacts it rests on, and the `doubt` about its decay. By the defaults: a factor, because sources lie far apart.
    """
    if not curve.seen:
        factor = DEFAULT_FACTOR
    else:
        variance = 1 / max(expected, 0.5) + curve.spread + 1 / curve.seen + doubt**2
        factor = math.exp(CERTAIN * math.sqrt(variance))
    return expected / factor, expected * factor


def doubt_about(curve: Curve, number: Callable[[CurveShape], float]) -> float:
    """Return the standard deviation of the logarithm of a number that follows from the decay; 0 for the defaults."""
    return _doubt(number(curve.faster), number(curve.slower)) if curve.faster and curve.slower else 0.0


def phone_share(seen: Iterable[ContactDay]) -> float | None:
    """Return the share of contacts that were calls, or None before there are enough contacts."""
    counted = by_source(seen)
    contacts = sum(counted.values())
    return counted.get(QuestionSource.HOTLINE, 0) / contacts if contacts >= ENOUGH_CONTACTS else None


def by_source(seen: Iterable[ContactDay]) -> dict[QuestionSource, int]:
    """Return the contacts of all days by the way by which they came."""
    days = tuple(seen)
    sums = {source: sum(day.by_source.get(source, 0) for day in days) for source in QuestionSource}
    return {source: count for source, count in sums.items() if count}


def wave_plan(people: int, curve: Curve, contacts_a_day: float) -> WavePlan | None:
    """Return the waves that tell these people soonest, so that no day has more contacts than `contacts_a_day`.

    One wave when all can be told at once; None when the contacts of a wave of one person are too many.
    """
    if people * curve.first_day <= contacts_a_day:
        return WavePlan(size=people, pause=PAUSES[0], waves=1)
    plans = [plan for pause in PAUSES if (plan := _largest(people, curve, contacts_a_day, pause))]
    return min(plans, key=lambda plan: (plan.last_after, plan.waves), default=None)


def peak(people: int, curve: Curve, size: int, pause: int) -> float:
    """Return the most contacts in 24 hours: those after the last full wave, or after the rest that follows it."""
    full, rest = divmod(people, size)
    passed = curve.keep**pause
    after_full = size * curve.first_day * (1 - passed**full) / (1 - passed)
    return max(after_full, after_full * passed + rest * curve.first_day)


def two_digits(number: float) -> int:
    """Return the number with two digits that count: more would say more than is known."""
    return int(float(f"{number:.1e}")) if number >= 1 else round(number)


def _largest(people: int, curve: Curve, contacts_a_day: float, pause: int) -> WavePlan | None:
    fits, too_many = 0, people
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if peak(people, curve, middle, pause) <= contacts_a_day:
            fits = middle
        else:
            too_many = middle
    size = _rounded_down(fits)
    while size and peak(people, curve, size, pause) > contacts_a_day:  # a smaller size may leave a larger rest
        size = _rounded_down(size - 1)
    return WavePlan(size=size, pause=pause, waves=math.ceil(people / size)) if size else None


def _rounded_down(number: int) -> int:
    unit = int("1" + "0" * max(len(str(number)) - 2, 0))
    return number // unit * unit


def _forecast_day(curve: Curve, day: date, told: int, means: Sequence[float], seen: int | None) -> ForecastDay:
    """Return the day; `means` has its contacts by the curve, then by the faster and the slower one if there are."""
    low, high = in_range(curve, means[0], _doubt(*means[1:]) if len(means) > 1 else 0.0)
    return ForecastDay(day=day, told=told, seen=seen, expected=means[0], low=low, high=high)


def _doubt(one: float, other: float) -> float:
    return abs(math.log(max(one, 1e-9) / max(other, 1e-9))) / 2


def _curve(contacts: Sequence[int], potential: Callable[[float], list[float]], spread: float) -> Curve:
    """Return the curve of these days, with those that are faster and slower by a standard deviation."""

    def shape(odds: float) -> CurveShape:
        keep = min(max(1 / (1 + math.exp(-odds)), KEEPS[0]), KEEPS[-1])
        return CurveShape(rate=_rate(contacts, potential(keep), spread), keep=keep)

    fits = [_fit(contacts, potential(keep), keep, spread) for keep in KEEPS]
    weights = [math.exp(fit - max(fits)) for fit in fits]
    mean = sum(weight * _odds(keep) for weight, keep in zip(weights, KEEPS, strict=True)) / sum(weights)
    squares = sum(weight * (_odds(keep) - mean) ** 2 for weight, keep in zip(weights, KEEPS, strict=True))
    away, best = math.sqrt(squares / sum(weights)), shape(mean)
    return Curve(
        rate=best.rate,
        keep=best.keep,
        spread=spread,
        seen=sum(contacts),
        faster=shape(mean - away),
        slower=shape(mean + away),
    )


def _odds(keep: float) -> float:
    """Return the logarithm of the odds, in which a decay can be any number."""
    return math.log(keep / (1 - keep))


def _rate(contacts: Sequence[int], potential: Sequence[float], spread: float) -> float:
    """Return the share that makes the days most probable; a large day says little more than a small one."""
    rate = sum(contacts) / max(sum(potential), 1e-9)
    for _ in range(ROUNDS):
        weights = [1 / (1 + spread * rate * one) for one in potential]
        told = sum(weight * one for weight, one in zip(weights, potential, strict=True))
        rate = sum(weight * one for weight, one in zip(weights, contacts, strict=True)) / max(told, 1e-9)
    return rate


def _fit(contacts: Sequence[int], potential: Sequence[float], keep: float, spread: float) -> float:
    """Return the logarithm of how probable the days make this decay, up to a constant (negative binomial)."""
    rate, size = _rate(contacts, potential, spread), 1 / spread
    away = (_odds(keep) - _odds(Curve().keep)) / PRIOR_WIDTH
    means = [max(rate * one, 1e-9) for one in potential]
    likely = (
        seen * math.log(mean / (size + mean)) - size * math.log1p(mean / size)
        for seen, mean in zip(contacts, means, strict=True)
    )
    return sum(likely) - away**2 / 2


def _spread(contacts: Sequence[int], expected: Sequence[float]) -> float:
    """Return the variance of the days beyond that of chance, in squares of the expected number, by moments.

    The two numbers of the curve were found from the same days, so that two days say nothing about it.
    """
    days = max(len(contacts) - 2, 0)
    beyond = sum((seen - mean) ** 2 - mean for seen, mean in zip(contacts, expected, strict=True))
    own = beyond / max(sum(mean**2 for mean in expected), 1e-9) * len(contacts) / max(days, 1)
    return max((own * days + DEFAULT_SPREAD * DAYS_OF_DEFAULT) / (days + DAYS_OF_DEFAULT), LEAST_SPREAD)


def _expected(shape: CurveShape, waves: Iterable[ToldWave], days: Sequence[date], zone: str) -> list[float]:
    return [shape.rate * one for one in _potential(waves, days, shape.keep, zone)]


def _potential(waves: Iterable[ToldWave], days: Sequence[date], keep: float, zone: str) -> list[float]:
    """Return, for each day, how many of the people told would contact us on it if all of them did once."""
    told, to_come, found = _told(waves, zone), 0.0, []
    for day in days:
        later = [(people, people * keep**left) for people, left in told.get(day, ())]
        found.append(to_come * (1 - keep) + sum(people - left for people, left in later))
        to_come = to_come * keep + sum(left for _, left in later)
    return found


def _told(waves: Iterable[ToldWave], zone: str) -> Mapping[date, list[tuple[int, float]]]:
    """Return the people told on each day, each wave with the part of the day that was left."""
    told: dict[date, list[tuple[int, float]]] = {}
    for wave in waves:
        local = wave.at.astimezone(ZoneInfo(zone))
        passed = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second) / DAY
        told.setdefault(local.date(), []).append((wave.people, 1 - passed))
    return told


def _day(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
