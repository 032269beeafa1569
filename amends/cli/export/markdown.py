"""A document as Markdown: headings, sentences, tables in pipes. Charts are left out, because tables say the same."""

import re
from collections.abc import Iterator

from amends.domain.base.text import printable, say
from amends.domain.export.document import Cell, ReportDocument, ReportSection, ReportTable, TableColumn

ACTIVE = re.compile(r"([\\`*_\[\]<>|#~])")
"""Characters that Markdown or HTML in it could read as markup.

    | text        | written       |
    | a_b         | a\\_b         |
    | <b>         | \\<b\\>       |
"""
STARTS_A_BLOCK = re.compile(r"^(\s*)([-+=]|\d{1,9}[.)])")
"""The beginning of a line that would be a list, a rule or a heading."""


def markdown(document: ReportDocument) -> str:
    """Return the document as Markdown (CommonMark, with the tables of GitHub Flavored Markdown)."""
    return "\n\n".join(_blocks(document)) + "\n"


def _blocks(document: ReportDocument) -> Iterator[str]:
    yield f"# {inline(document.title)}"
    yield from map(sentence, document.opening)
    for section in document.sections:
        yield from _section(section)


def _section(section: ReportSection) -> Iterator[str]:
    yield f"## {inline(section.title)}"
    yield from map(sentence, section.sentences)
    for table in section.tables:
        if table.title != section.title:
            yield f"### {inline(table.title)}"
        yield _table(table)


def _table(table: ReportTable) -> str:
    if not table.rows:
        return "none"
    heads = (inline(column.title) for column in table.columns)
    rules = ("--:" if column.is_number else "---" for column in table.columns)
    rows = ((_cell(cell, column) for cell, column in zip(row, table.columns, strict=True)) for row in table.rows)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rules, *rows))


def _cell(cell: Cell, column: TableColumn) -> str:
    return f"**{inline(say(cell))}**" if column.is_total else inline(say(cell))


def inline(text: str) -> str:
    """Return the text on one line, with every character inert that could be markup."""
    return ACTIVE.sub(r"\\\1", " ".join(printable(text).split()))


def sentence(text: str) -> str:
    """Return the text as a paragraph of its own that begins no list and no rule."""
    return STARTS_A_BLOCK.sub(_inert, inline(text))


def _inert(found: re.Match[str]) -> str:
    return f"{found[1]}{found[2][:-1]}\\{found[2][-1]}"
