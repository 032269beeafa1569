"""A rehearsal as one picture: what happened, what people were told, what was kept. A word explains each colour."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from amends.cli.assess.duty_picture import short, shown
from amends.domain.base.text import length
from amends.domain.rehearse.report import (
    Deadline,
    Happening,
    NamedTime,
    Noticed,
    RehearsalReport,
    RehearsedCommitment,
    RehearsedOutcome,
)

LEFT, RIGHT, AFTER = 250, 690, 702
"""Pixels, in a picture 900 wide, where the axis starts, where it ends and where the words after the axis start."""
MIDDLE = (LEFT + RIGHT) / 2
MOST_TICKS = 10
STEPS = (1, 2, 7, 14, 28, 56)
DAY = timedelta(days=1)
BESIDE = 88
"""Columns of text that fit beside a dot, to the right or, late in the picture, to the left."""
MOST = 30
"""Rows shown of one kind; the others are only counted."""
NAME, WORDS = 33, 27
"""Columns of text that fit before the axis, and after the axis."""


@dataclass(frozen=True)
class PictureRow:
    """One line of the picture: a bar of up to two parts, marks, and the meaning of both in words."""

    name: str
    words: str
    why: str
    waits: tuple[float, float] | None = None
    """The part of the bar in which a notice waited for approval, from left to right in pixels."""
    runs: tuple[float, float] | None = None
    """The part of the bar in which messages arrived, or a time was overdue."""
    late: bool = False
    dot: float | None = None
    beside: str = ""
    """The text beside the dot."""
    due: float | None = None
    done: float | None = None


@dataclass(frozen=True)
class RowGroup:
    """Rows of one kind under their title."""

    title: str
    rows: tuple[PictureRow, ...]
    more: int = 0


@dataclass(frozen=True)
class PictureTick:
    x: float
    name: str
    date: str


def picture(found: RehearsalReport) -> str:
    """Return the picture as standalone SVG, 900 pixels wide."""
    from amends.cli.terminal.html import render

    drawing = _Drawing(found)
    return render(
        "rehearsal.svg",
        groups=drawing.groups(),
        ticks=drawing.ticks(),
        found=found,
        left=LEFT,
        middle=MIDDLE,
        after=AFTER,
    )


class _Drawing:
    def __init__(self, found: RehearsalReport) -> None:
        self._found = found
        self._zone = ZoneInfo(found.timezone)

    def groups(self) -> list[RowGroup]:
        """Return the groups that have rows."""
        found = self._found
        within = [one for one in found.deadlines if one.due_at and one.due_at <= found.end]
        groups = (
            _group("What happened", map(self._happening, found.injected)),
            _group("What people were told", map(self._notice, found.notices)),
            _group("Times named for the next news", map(self._named, found.named_times)),
            _group("Legal deadlines with a date", map(self._deadline, within)),
            _group("Promises", map(self._commitment, found.commitments)),
        )
        return [group for group in groups if group.rows]

    def ticks(self) -> list[PictureTick]:
        """Return ticks for the days since the opening, as many as have room."""
        days = self._found.days
        step = next((step for step in STEPS if days / step <= MOST_TICKS), STEPS[-1])
        return [self._tick(number) for number in range(0, days + 1, step)]

    def _tick(self, number: int) -> PictureTick:
        at = self._found.start + number * DAY
        there = at.astimezone(self._zone)
        return PictureTick(self._x(at), f"day {number}", f"{there.day} {there:%b}")

    def _x(self, at: datetime) -> float:
        share = (at - self._found.start) / (self._found.end - self._found.start)
        return LEFT + min(max(share, 0), 1) * (RIGHT - LEFT)

    def _say(self, at: datetime | None) -> str:
        if at is None:
            return "never"
        there = at.astimezone(self._zone)
        return f"{there.day} {there:%b %H:%M}"

    def _happening(self, one: Happening) -> PictureRow:
        why = f"{self._say(one.at)}: {one.what}"
        return _row(self._say(one.at), "", why, dot=self._x(one.at), beside=short(one.what, BESIDE))

    def _notice(self, one: Noticed) -> PictureRow:
        approved, last = (
            one.approved_at or self._found.end,
            max((c.last_at for c in one.channels if c.last_at), default=None),
        )
        waited = length(one.waited) if one.waited else "not approved"
        arrived = sum(channel.arrived for channel in one.channels)
        why = f"{one.id}: drafted {self._say(one.drafted_at)}, approved {self._say(one.approved_at)} after {waited}"
        why += f", first arrived {self._say(one.first_at)}, last {self._say(last)}, {arrived} messages"
        return _row(
            one.id,
            f"{self._say(one.first_at)}, {arrived} messages"
            if one.first_at
            else f"waits since {self._say(one.drafted_at)}",
            why,
            waits=(self._x(one.drafted_at), self._x(approved)),
            runs=(self._x(one.first_at), self._x(last)) if one.first_at and last else None,
            dot=self._x(one.first_at) if one.first_at else None,
            late=one.first_at is None,
        )

    def _named(self, one: NamedTime) -> PictureRow:
        return self._timed(
            f"named in {one.notice}", one.named, one.came_at, one.outcome, f"then came {one.next_notice}"
        )

    def _deadline(self, one: Deadline) -> PictureRow:
        return self._timed(one.recipient, one.due_at, one.done_at, one.outcome, f"{one.law} ({one.duty})")

    def _commitment(self, one: RehearsedCommitment) -> PictureRow:
        put_off = f", put off to {self._say(one.new_due_at)}" if one.new_due_at else ""
        return self._timed(one.id, one.due_at, one.settled_at, one.outcome, f"{one.owner}{put_off}")

    def _timed(
        self, name: str, due: datetime | None, done: datetime | None, outcome: RehearsedOutcome, more: str
    ) -> PictureRow:
        late_until = done or self._found.end
        late = bool(due and outcome.bad)
        why = f"{name}: due {self._say(due)}, done {self._say(done)}, {outcome}; {more}"
        return _row(
            name,
            f"due {self._say(due)}, {outcome}",
            why,
            runs=(self._x(due), self._x(late_until)) if due and late and late_until > due else None,
            late=late,
            due=self._x(due) if due and due <= self._found.end else None,
            done=self._x(done) if done else None,
        )


def _group(title: str, rows: Iterable[PictureRow]) -> RowGroup:
    listed = tuple(rows)
    return RowGroup(title, listed[:MOST], max(len(listed) - MOST, 0))


def _row(name: str, words: str, why: str, **marks: object) -> PictureRow:
    return PictureRow(short(name, NAME), short(words, WORDS), shown(why), **marks)  # type: ignore[arg-type]
