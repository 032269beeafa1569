"""The duties of an incident as one picture: who must be told by when, what is done, what is late.

The axis of time is logarithmic, so that the first 72 hours have room beside deadlines that are months away. A word
beside each colour says the same as the colour.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log1p
from zoneinfo import ZoneInfo

from amends.domain.assess.text import kind
from amends.domain.base.text import in_time, length, printable, width
from amends.domain.law.duty import Duty, DutyStanding

LEFT, RIGHT, AFTER = 300, 676, 710
"""Pixels, in a picture 900 wide, where the axis starts, where it ends and where the words after the axis start."""
PAST_SHARE = 0.15
"""Share of the axis for times before the first clock start that is on record."""
LETTER, DATE = 8, 42
"""Pixels that one letter in the name of a tick takes, and pixels that the date under the name takes."""
MOST_ROWS = 25
NAME, LAW, WORDS = 37, 40, 27
"""Columns of text that fit: the name before the axis, the law in smaller type under the name, words after the axis."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NEAR = timedelta(days=400)
"""A duty that is due later than this is drawn at the end of the axis, with an arrow."""
BEND = timedelta(hours=12)
TICKS = {
    72 * HOUR: "72 h",
    24 * HOUR: "24 h",
    30 * DAY: "30 days",
    7 * DAY: "1 week",
    365 * DAY: "1 year",
    60 * DAY: "60 days",
    90 * DAY: "90 days",
    timedelta(0): "start",
    48 * HOUR: "48 h",
    14 * DAY: "2 weeks",
    180 * DAY: "180 days",
    12 * HOUR: "12 h",
    6 * HOUR: "6 h",
}
"""Named times after the start. Where not all have room the first entries are kept, which many laws name."""


@dataclass(frozen=True)
class Axis:
    """The axis of time, which gives each moment its place in pixels."""

    first: datetime
    """The earliest moment shown, as a rule the first start of a clock, recorded or assumed."""
    anchor: datetime
    """The first start on record; from this moment on the hours have room."""
    last: datetime

    def x(self, at: datetime) -> float:
        """Return the place of a moment in pixels; a moment outside the axis is drawn at its edge."""
        if at <= self.first:
            return LEFT
        if at < self.anchor:
            return LEFT + (at - self.first) / (self.anchor - self.first) * (self._zero - LEFT)
        share = _bent(at - self.anchor) / _bent(self.last - self.anchor)
        return self._zero + min(share, 1) * (RIGHT - self._zero)

    @property
    def _zero(self) -> float:
        return LEFT + (PAST_SHARE * (RIGHT - LEFT) if self.first < self.anchor else 0)


@dataclass(frozen=True)
class DutyTick:
    """A named place on the axis."""

    x: float
    name: str
    date: str

    @property
    def reach(self) -> float:
        """Return how many pixels the tick's words take to either side."""
        return max(LETTER * len(self.name), DATE) / 2 + 3

    def clear_of(self, others: "Sequence[DutyTick]") -> bool:
        """Return True when the tick's words overlap with no other tick's words and with no words after the axis."""
        apart = all(abs(self.x - other.x) >= self.reach + other.reach for other in others)
        return apart and self.x + self.reach <= AFTER


@dataclass(frozen=True)
class DutyBar:
    """One line of the picture: duties to the same kind of recipient, due at the same time."""

    name: str
    law: str
    due: str
    """The due time in words."""
    stands: str
    """The state in words, shortened."""
    why: str
    """Name, law, due time, state and doubts, unshortened."""
    start_x: float
    end_x: float
    """The end of the bar: the due time; without one, the time when the duty was done, or now."""
    done_x: float | None
    late_x: float | None
    """The end of the late part of the bar; None when nothing is late."""
    assumed: bool
    late: bool
    lawyer: bool
    dated: bool
    far: bool
    """True when the due time lies after the end of the axis."""


def duty_picture(duties: Sequence[Duty], filed: Mapping[str, datetime], now: datetime, zone: str) -> str:
    """Return the picture as standalone SVG, 900 pixels wide; `filed` holds by duty id when a duty was first done.

    Duties without a date come first, then the most pressing. Of more than 25 rows, the done and the less pressing ones
    are only counted. Times are local times of the zone.
    """
    from amends.cli.terminal.html import render

    shown, others = _most_pressing(_grouped(duties, filed), filed)
    axis = _axis([duty for group in shown for duty in group], filed, now)
    rows = [_row(group, filed.get(group[0].id), axis, now, zone) for group in shown]
    return render(
        "duty_picture.svg",
        rows=rows,
        after=AFTER,
        ticks=_ticks(axis, zone),
        now_x=axis.x(now),
        now_words=_when(now, now, zone),
        zone=zone,
        more=_more(others),
        late=sum(row.late for row in rows),
    )


# Lines


def _grouped(duties: Sequence[Duty], filed: Mapping[str, datetime]) -> list[list[Duty]]:
    groups: defaultdict[tuple[object, ...], list[Duty]] = defaultdict(list)
    for duty in sorted(duties, key=lambda duty: (not duty.standing.owed, duty.pressure, duty.recipient)):
        state = duty.waits, duty.standing, bool(duty.assumed), filed.get(duty.id)
        groups[duty.recipient, duty.due_at, *state].append(duty)
    return list(groups.values())


def _most_pressing(
    groups: list[list[Duty]], filed: Mapping[str, datetime]
) -> tuple[list[list[Duty]], list[list[Duty]]]:
    """Return the groups that have room, in their order, and the other groups; open groups go before done ones."""
    places = sorted(range(len(groups)), key=lambda place: (groups[place][0].id in filed, place))
    return [groups[n] for n in sorted(places[:MOST_ROWS])], [groups[n] for n in places[MOST_ROWS:]]


def _row(group: list[Duty], done: datetime | None, axis: Axis, now: datetime, zone: str) -> DutyBar:
    duty = group[0]
    end = duty.due_at or done or now
    start = min([*(one.starts_at for one in group if one.starts_at), end])
    until = done or now
    late = bool(duty.due_at and duty.due_at < until and not _nothing_is_late(duty, done))
    name, law = _name(group), _law(group)
    due = _due(duty, done, now, zone)
    stands = _stands(duty, done, now, zone)
    return DutyBar(
        name=short(name, NAME),
        law=short(law, LAW),
        due=due,
        stands=short(stands, WORDS),
        why=shown(f"{name}: {law}; due {due}; {stands}{_doubts(group)}"),
        start_x=axis.x(start),
        end_x=axis.x(end),
        done_x=axis.x(done) if done else None,
        late_x=axis.x(until) if late else None,
        assumed=bool(duty.assumed),
        late=late,
        lawyer=any(one.lawyer_needed for one in group),
        dated=duty.due_at is not None,
        far=end > axis.last,
    )


def _nothing_is_late(duty: Duty, done: datetime | None) -> bool:
    """Return True for a duty that is not done, and waits for a step of our own or does not apply for sure."""
    return done is None and (duty.waits or duty.standing is not DutyStanding.APPLIES)


def _name(group: list[Duty]) -> str:
    names = dict.fromkeys(duty.recipient_name for duty in group)
    if len(names) == 1:
        return group[0].recipient_name
    places = dict.fromkeys(place for duty in group for place in duty.places)
    return f"{len(names)} × {kind(group)}: {', '.join(places)}"


def _law(group: list[Duty]) -> str:
    laws = list(dict.fromkeys(f"{duty.law}, {duty.citation}" for duty in group))
    return laws[0] if len(laws) == 1 else f"{len(laws)} laws: {'; '.join(laws)}"


def _due(duty: Duty, done: datetime | None, now: datetime, zone: str) -> str:
    if duty.waits and done is None:
        return "its clock has not started"
    return _when(duty.due_at, now, zone) if duty.due_at else "at once"


def _stands(duty: Duty, done: datetime | None, now: datetime, zone: str) -> str:
    if done:
        return f"done, {in_time(duty.due_at - done)}" if duty.due_at else f"done {_when(done, now, zone)}"
    if not duty.standing.owed:
        return "recommended" if duty.standing is DutyStanding.RECOMMENDED else "exemption claimed"
    if duty.waits:
        return "waits for a step of ours"
    doubt = "may apply" if duty.standing is DutyStanding.MAY_APPLY else ""
    return ", ".join(filter(None, (_left(duty, now), doubt))) or "to be done"


def _left(duty: Duty, now: datetime) -> str:
    if duty.due_at is None:
        return ""
    return f"{_rounded(now - duty.due_at)} late" if duty.due_at < now else f"in {_rounded(duty.due_at - now)}"


def _rounded(span: timedelta) -> str:
    """Return the span in words, without minutes beyond 6 hours and without hours beyond 14 days."""
    smallest = DAY if span > 14 * DAY else HOUR if span > 6 * HOUR else timedelta(minutes=1)
    return length(span - span % smallest)


def _doubts(group: list[Duty]) -> str:
    doubts = dict.fromkeys(filter(None, (*(d.assumed for d in group), *(r for d in group for r in d.lawyer_needed))))
    return "".join(f"; {doubt}" for doubt in doubts)


def _more(groups: list[list[Duty]]) -> str:
    duties = sum(map(len, groups))
    return f"Not shown, because done or less pressing: rows {len(groups)}, duties {duties}." if groups else ""


# The axis


def _axis(duties: Sequence[Duty], filed: Mapping[str, datetime], now: datetime) -> Axis:
    starts = [(duty.starts_at, bool(duty.assumed)) for duty in duties if duty.starts_at]
    dues = [duty.due_at for duty in duties if duty.due_at]
    done = [filed[duty.id] for duty in duties if duty.id in filed]
    first = min([now, *(at for at, _ in starts), *dues, *done])
    anchor = min((at for at, assumed in starts if at <= now and not assumed), default=first)
    near = [due for due in dues if due <= now + NEAR]
    return Axis(first, anchor, max([now, anchor + 72 * HOUR, *near, *done]))


def _bent(span: timedelta) -> float:
    return log1p(span / BEND)


def _ticks(axis: Axis, zone: str) -> list[DutyTick]:
    """Return as many ticks as have room, from left to right; the first entries of TICKS are kept first."""
    kept = [_tick(axis, axis.first, "earlier", zone)] if axis.first < axis.anchor else []
    for after, name in TICKS.items():
        at = axis.anchor + after
        tick = _tick(axis, at, name, zone)
        if at <= axis.last and tick.clear_of(kept):
            kept.append(tick)
    return sorted(kept, key=lambda tick: tick.x)


def _tick(axis: Axis, at: datetime, name: str, zone: str) -> DutyTick:
    there = at.astimezone(ZoneInfo(zone))
    return DutyTick(axis.x(at), name, f"{there.day} {there:%b}")


# Words


def _when(at: datetime, now: datetime, zone: str) -> str:
    """Return the local time as people say it: Thu 26 Nov 11:00, and in another year 1 Mar 2027 23:59."""
    there, here = at.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone))
    day = f"{there:%a} {there.day} {there:%b}" if there.year == here.year else f"{there.day} {there:%b %Y}"
    return f"{day} {there:%H:%M}"


def short(text: str, columns: int) -> str:
    """Return as much of the text as fits into so many columns; Chinese characters take two."""
    text = shown(text)
    if width(text) <= columns:
        return text
    while width(text) >= columns:
        text = text[:-1]
    return f"{text.rstrip(' ,;:')}…"


def shown(text: str) -> str:
    """Return the text on one line, without characters that XML cannot hold."""
    return " ".join(printable(text).replace("\ufffe", "").replace("\uffff", "").split())
