"""A document in no form yet: sections with sentences, tables and charts, which HTML, Markdown and a workbook render."""

from datetime import date

from amends.domain.base.value import Moment, Value

Cell = str | int | float


class TableColumn(Value):
    """A column of a table."""

    title: str
    is_number: bool = False
    is_total: bool = False
    """True for a column that adds up others."""


class ReportTable(Value):
    """A table; each row has a cell for each column."""

    title: str
    """The title of a sheet in a workbook; in a text, the heading says it already."""
    columns: tuple[TableColumn, ...]
    rows: tuple[tuple[Cell, ...], ...]


class ChartLine(Value):
    """A line of a chart: its value stays the same from each day to the next one given."""

    name: str
    points: tuple[tuple[date, int], ...]


class TimeChart(Value):
    """Numbers over the days of a case; a table beside the chart has every number."""

    title: str
    until: date
    """The last day of the chart."""
    lines: tuple[ChartLine, ...]


class ReportSection(Value):
    """A section with its sentences first, then charts, then tables."""

    id: str
    title: str
    sentences: tuple[str, ...] = ()
    charts: tuple[TimeChart, ...] = ()
    tables: tuple[ReportTable, ...] = ()


class ReportDocument(Value):
    """A whole document."""

    title: str
    written_at: Moment
    opening: tuple[str, ...]
    """The sentences before the first section."""
    sections: tuple[ReportSection, ...]


def columns(*titles: str, numbers: tuple[str, ...] = (), total: str = "") -> tuple[TableColumn, ...]:
    """Return the columns of these titles; those named in `numbers`, and the total, hold numbers."""
    return tuple(
        TableColumn(title=title, is_number=title in numbers or title == total, is_total=title == total)
        for title in titles
    )
