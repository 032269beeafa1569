"""Charts over time as lines to draw: the places of their points, their colours and the ends of their axes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from amends.domain.export.document import ChartLine, TimeChart

WIDTH, HEIGHT = 1000, 200
DAY = timedelta(days=1)
COLOURS = ("#1f6feb", "#1a7f4b", "#c93c37", "#9a6700", "#8250df", "#57606a", "#bf3989", "#0a7ea4")
DASHES = ("", "8 4", "2 4", "12 4 2 4")
"""The strokes of lines, so that they differ without their colours too."""


@dataclass(frozen=True)
class DrawnLine:
    """One line of a drawn chart."""

    name: str
    colour: str
    dash: str
    points: str
    """The points as SVG writes them."""
    last: int
    """The value at the end of the line."""


@dataclass(frozen=True)
class DrawnChart:
    """A chart as it is drawn."""

    title: str
    first: date
    """The day before the first number, with which the axis begins."""
    until: date
    most: int
    lines: tuple[DrawnLine, ...]


def drawn(chart: TimeChart) -> DrawnChart | None:
    """Return the chart with places for its points, or None when it has no line."""
    points = [point for line in chart.lines for point in line.points]
    if not points:
        return None
    first, most = min(day for day, _ in points) - DAY, max(1, *(value for _, value in points))
    days = (chart.until - first + DAY).days
    lines = (
        DrawnLine(
            name=line.name,
            colour=COLOURS[number % len(COLOURS)],
            dash=DASHES[number // len(COLOURS) % len(DASHES)] or DASHES[number % len(DASHES)],
            points=" ".join(_corners(line, first, days, most)),
            last=line.points[-1][1],
        )
        for number, line in enumerate(chart.lines)
    )
    return DrawnChart(chart.title, first, chart.until, most, tuple(lines))


def _corners(line: ChartLine, first: date, days: int, most: int) -> Iterator[str]:
    """Yield the corners of a line that begins at zero, is level on each day and ends with the last day."""
    level = float(HEIGHT)
    yield f"0.0,{level:.1f}"
    for day, value in line.points:
        x, y = WIDTH * (day - first).days / days, HEIGHT * (1 - max(value, 0) / most)
        yield f"{x:.1f},{level:.1f}"
        yield f"{x:.1f},{y:.1f}"
        level = y
    yield f"{WIDTH}.0,{level:.1f}"
