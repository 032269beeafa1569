"""One document in two of its forms: nothing in a cell becomes markup, a formula or a link."""

import re
import zipfile
from datetime import date
from io import BytesIO

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from python_calamine import CalamineWorkbook

from amends.cli.export.chart import drawn
from amends.cli.export.markdown import inline, markdown, sentence
from amends.cli.export.workbook import NAME_HOLDS, workbook
from amends.domain.export.document import ChartLine, ReportDocument, ReportSection, ReportTable, TimeChart, columns
from tests.builders import NOW

HOSTILE = ("=1+1", "+49 30 1", "-1", "@SUM(A1)", "\t=1", '=HYPERLINK("http://x.example")', "https://x.example", "007")


def a_document(*cells: str, title: str = "Cells") -> ReportDocument:
    table = ReportTable(
        title=title,
        columns=columns("Text", "Number", numbers=("Number",)),
        rows=tuple((cell, place) for place, cell in enumerate(cells)),
    )
    section = ReportSection(id="cells", title="All cells", sentences=("- no list",), tables=(table,))
    return ReportDocument(title="A title", written_at=NOW, opening=("Hello.",), sections=(section,))


def test_what_begins_like_a_formula_stays_text_in_a_workbook() -> None:
    file = workbook(a_document(*HOSTILE))
    rows = CalamineWorkbook.from_filelike(BytesIO(file)).get_sheet_by_name("Cells").to_python()
    assert [row[0] for row in rows[1:]] == list(HOSTILE)
    with zipfile.ZipFile(BytesIO(file)) as parts:
        sheets = [parts.read(name).decode() for name in parts.namelist() if name.startswith("xl/worksheets/")]
        assert not [sheet for sheet in sheets if "<f>" in sheet or "hyperlink" in sheet]


def test_numbers_stay_numbers_in_a_workbook() -> None:
    rows = CalamineWorkbook.from_filelike(BytesIO(workbook(a_document("a", "b")))).get_sheet_by_name("Cells")
    assert [row[1] for row in rows.to_python()[1:]] == [0, 1]


def test_sheets_with_the_same_title_get_names_of_their_own() -> None:
    long = "Reach: over [time] / with a long name that no sheet holds"
    once = a_document("a", title=long)
    twice = once.model_copy(update={"sections": once.sections * 2})
    names = CalamineWorkbook.from_filelike(BytesIO(workbook(twice))).sheet_names
    assert len({name.casefold() for name in names}) == 3
    assert max(map(len, names)) <= NAME_HOLDS


def test_the_same_document_is_the_same_workbook() -> None:
    assert workbook(a_document("a")) == workbook(a_document("a"))


def test_a_text_longer_than_a_cell_ends_visibly() -> None:
    rows = CalamineWorkbook.from_filelike(BytesIO(workbook(a_document("x" * 40_000)))).get_sheet_by_name("Cells")
    assert str(rows.to_python()[1][0]).endswith("x…")


@pytest.mark.parametrize(
    "text", ["<b>bold</b>", "a|b", "*star* _under_", "`code`", "[a](b)", "# head", "a\nb", "~~no~~"]
)
def test_no_text_becomes_markup_in_markdown(text: str) -> None:
    page = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown(a_document(text)))
    shown = " ".join(text.split()).replace("<", "&lt;").replace(">", "&gt;")
    assert f"<td>{shown}</td>" in page


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_any_text_stays_in_its_cell(text: str) -> None:
    page = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown(a_document(text, "next")))
    assert page.count("<td") == 4
    assert not re.search(r"<(?!/?(h[123]|p|table|thead|tbody|tr|t[hd])\b)", page)


SEEN = st.characters(exclude_categories=("Cc", "Cf", "Co", "Cs", "Cn"))


@settings(max_examples=100, deadline=None)
@given(st.text(SEEN, max_size=40), st.text(min_size=1, max_size=60))
@example("_x0041_", "History")
@example("=1", "\u202e'")
def test_any_text_is_read_again_from_a_workbook(text: str, title: str) -> None:
    book = CalamineWorkbook.from_filelike(BytesIO(workbook(a_document(text, "next", title=title))))
    (row, _) = book.get_sheet_by_index(1).to_python()[1:]
    assert row == [text, 0]


@pytest.mark.parametrize("text", ["- one", "+ one", "1. one", "=====", "> said", "12) one"])
def test_no_sentence_becomes_a_list_or_a_quotation(text: str) -> None:
    page = MarkdownIt("commonmark").render(f"Before.\n\n{sentence(text)}\n")
    assert page == f"<p>Before.</p>\n<p>{text.replace('>', '&gt;')}</p>\n"


def test_hidden_characters_are_shown_as_such() -> None:
    assert inline("a\u202eb") == "a�b"


def test_a_table_without_rows_says_none() -> None:
    assert "\n\nnone\n" in markdown(a_document())


def test_a_workbook_draws_each_chart_from_numbers_by_day() -> None:
    lines = (
        ChartLine(name="=one", points=((date(2026, 6, 1), 3), (date(2026, 6, 3), 10))),
        ChartLine(name="two", points=((date(2026, 6, 2), 4),)),
    )
    chart = TimeChart(title="People reached", until=date(2026, 6, 5), lines=lines)
    section = ReportSection(id="reach", title="Reach", charts=(chart,))
    file = workbook(ReportDocument(title="A title", written_at=NOW, opening=(), sections=(section,)))
    sheet = CalamineWorkbook.from_filelike(BytesIO(file)).get_sheet_by_name("Chart, People reached")
    assert sheet.to_python() == [
        ["Day", "=one", "two"],
        ["2026-06-01", 3, 0],
        ["2026-06-02", 3, 4],
        ["2026-06-03", 10, 4],
        ["2026-06-04", 10, 4],
        ["2026-06-05", 10, 4],
    ]
    with zipfile.ZipFile(BytesIO(file)) as parts:
        drawing = parts.read("xl/charts/chart1.xml").decode()
    assert "'Chart, People reached'!$B$2:$B$6" in drawing
    assert drawing.count("<c:ser>") == 2


def test_a_line_stays_level_until_its_next_day() -> None:
    chart = TimeChart(
        title="People",
        until=date(2026, 6, 5),
        lines=(ChartLine(name="first", points=((date(2026, 6, 1), 0), (date(2026, 6, 3), 10))),),
    )
    found = drawn(chart)
    assert found
    assert found.most == 10
    assert found.lines[0].points == "0.0,200.0 166.7,200.0 166.7,200.0 500.0,200.0 500.0,0.0 1000.0,0.0"


def test_a_chart_without_lines_is_not_drawn() -> None:
    assert drawn(TimeChart(title="People", until=date(2026, 6, 5), lines=())) is None
