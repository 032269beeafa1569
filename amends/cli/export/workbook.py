"""A document as a workbook (XLSX): the sentences on the first sheet, then a sheet for each table and for each chart.

Every cell but a number is text, so that no spreadsheet runs a cell as a formula, whatever it begins with.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

from amends.domain.base.text import printable, say
from amends.domain.export.document import Cell, ReportDocument, ReportTable, TableColumn, TimeChart

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

OVERVIEW = "Overview"
AS_TEXT = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
CELL_HOLDS, NAME_HOLDS, SHEET_HOLDS = 32_767, 31, 1_048_576
"""The most characters of a cell and of a sheet's name, and the most rows of a sheet (Excel's specifications)."""
RESERVED = ("history",)
"""Names of sheets that Excel keeps for itself."""
NOT_IN_NAMES = re.compile(r"[\[\]:*?/\\']")
NARROWEST, WIDEST = 8, 60
"""The widths of columns, in characters."""


def workbook(document: ReportDocument) -> bytes:
    """Return the document as an XLSX file."""
    from xlsxwriter import Workbook

    file = BytesIO()
    with Workbook(file, AS_TEXT) as book:
        book.set_properties({"title": _text(document.title)[:255], "created": document.written_at.replace(tzinfo=None)})
        _write_overview(book, document)
        taken = {OVERVIEW.casefold(), *RESERVED}
        for section in document.sections:
            for table in section.tables:
                _write_table(book, _free_name(table.title, taken), table)
            for chart in section.charts:
                _write_chart(book, _free_name(f"Chart, {chart.title}", taken), chart)
    return file.getvalue()


def _write_overview(book: "Workbook", document: ReportDocument) -> None:
    bold = book.add_format({"bold": True})
    sheet = book.add_worksheet(OVERVIEW)
    sheet.set_column(0, 0, 120)
    sheet.write_string(0, 0, _text(document.title), bold)
    for row, (said, is_title) in enumerate(_said(document), 1):
        sheet.write_string(row, 0, _text(said), *([bold] if is_title else []))


def _said(document: ReportDocument) -> Iterator[tuple[str, bool]]:
    """Yield the sentences of the document, and before each section its title, marked as such."""
    yield from ((one, False) for one in document.opening)
    for section in document.sections:
        if section.sentences:
            yield section.title, True
            yield from ((sentence, False) for sentence in section.sentences)


def _write_table(book: "Workbook", name: str, table: ReportTable) -> "Worksheet":
    bold, sheet = book.add_format({"bold": True, "bottom": 1}), book.add_worksheet(name)
    for place, column in enumerate(table.columns):
        sheet.write_string(0, place, _text(column.title), bold)
        longest = max((len(say(row[place])) for row in table.rows), default=0)
        sheet.set_column(place, place, min(max(longest, len(column.title), NARROWEST), WIDEST))
    sheet.freeze_panes(1, 0)
    for number, row in enumerate(table.rows[: SHEET_HOLDS - 1], 1):
        _write_row(sheet, number, row)
    return sheet


def _write_row(sheet: "Worksheet", number: int, row: tuple[Cell, ...]) -> None:
    for place, cell in enumerate(row):
        write: Any = sheet.write_string if isinstance(cell, str) else sheet.write_number
        write(number, place, _text(cell) if isinstance(cell, str) else cell)


def _write_chart(book: "Workbook", name: str, chart: TimeChart) -> None:
    """Write the numbers of the chart by day, each line in a column, and the chart beside them."""
    heads = ("Day", *(line.name for line in chart.lines))
    rows = tuple(_by_day(chart))
    columns = tuple(TableColumn(title=head, is_number=place > 0) for place, head in enumerate(heads))
    sheet = _write_table(book, name, ReportTable(title=chart.title, columns=columns, rows=rows))
    drawing = book.add_chart({"type": "line"})
    drawing.set_title({"name": chart.title})
    for column in range(1, len(heads)):
        cells = {"categories": [name, 1, 0, len(rows), 0], "values": [name, 1, column, len(rows), column]}
        drawing.add_series({"name": [name, 0, column], **cells})
    sheet.insert_chart(1, len(heads) + 1, drawing)


def _by_day(chart: TimeChart) -> Iterator[tuple[Cell, ...]]:
    """Yield every day of the chart with the value of each line, which is zero before the first day of the line."""
    known = [dict(line.points) for line in chart.lines]
    so_far = [0] * len(known)
    first = min((day for line in known for day in line), default=chart.until)
    for day in (first + timedelta(days=number) for number in range((chart.until - first).days + 1)):
        so_far = [line.get(day, before) for line, before in zip(known, so_far, strict=True)]
        yield (day.isoformat(), *so_far)


def _text(said: str) -> str:
    """Return the text as a cell can hold it; a longer one ends in an ellipsis."""
    shown = printable(said)
    return shown if _units(shown) <= CELL_HOLDS else f"{_cut(shown, CELL_HOLDS - 1)}…"


def _units(text: str) -> int:
    """Return the length of the text as a workbook counts it: characters of later Unicode planes count twice."""
    return len(text.encode("utf-16-le")) // 2


def _cut(text: str, most: int) -> str:
    return text.encode("utf-16-le")[: 2 * most].decode("utf-16-le", "ignore")


def _free_name(title: str, taken: set[str]) -> str:
    """Return a name for a sheet that a workbook takes and that no other sheet has; note it as taken."""
    plain = NOT_IN_NAMES.sub(" ", printable(title)).strip() or "Table"
    names = (f"{_cut(plain, NAME_HOLDS - len(end))}{end}" for end in ("", *(f" {number}" for number in range(2, 1000))))
    name = next(name for name in names if name.casefold() not in taken)
    taken.add(name.casefold())
    return name
