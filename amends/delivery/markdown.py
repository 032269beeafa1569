"""Markdown as HTML, and that HTML as blocks for a printed page and as plain text for emails and lists.

A person's values are escaped in the HTML, so nothing in a name or an address can become a heading or a link.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

from markdown_it import MarkdownIt

MARKDOWN = MarkdownIt("commonmark", {"html": False})
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
STYLES = {"strong": "strong", "em": "em"}
LISTS = ("ul", "ol")


@dataclass(frozen=True, slots=True)
class TextRun:
    """A piece of text in one style: "strong", "em", or "" for plain text."""

    text: str = field(repr=False)
    style: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, a paragraph or an entry of a list."""

    kind: str
    """heading, paragraph or entry."""
    runs: tuple[TextRun, ...]
    marker: str = ""
    """The mark before an entry: a bullet, or the entry's number with a dot."""
    depth: int = 0
    """The number of lists around the block."""

    @property
    def text(self) -> str:
        """Return the text without styles."""
        return "".join(run.text for run in self.runs).strip()


def to_html(markdown: str) -> str:
    """Return the Markdown as HTML; HTML within the Markdown stays text."""
    return str(MARKDOWN.render(markdown))


def blocks_of(markup: str) -> tuple[Block, ...]:
    """Return the blocks of HTML that `to_html` made; the target of each link is written out after the link's text."""
    reading = _MarkupPass()
    reading.feed(markup)
    reading.close()
    reading.end_block()
    return tuple(reading.blocks)


def plain_text(blocks: tuple[Block, ...]) -> str:
    """Return the blocks as text: an empty line between blocks, each entry of a list on a line of its own."""
    return "".join(_with_gaps(blocks)).strip()


def _with_gaps(blocks: tuple[Block, ...]) -> Iterator[str]:
    before = ""
    for block in blocks:
        in_list = block.kind == before == "entry"
        yield "\n" if in_list else "\n\n"
        yield f"{'  ' * max(block.depth - 1, 0)}{block.marker} {block.text}" if block.marker else block.text
        before = block.kind


class _MarkupPass(HTMLParser):
    """One pass over HTML that collects its blocks."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self._runs: list[TextRun] = []
        self._kind = "paragraph"
        self._styles: list[str] = []
        self._lists: list[int] = []
        """The lists that are open, each as the number of its next entry, or 0 for a list with bullets."""
        self._marker = ""
        self._links: list[tuple[str, int]] = []
        """The links that are open, each as its target and the number of runs before the link."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in LISTS:
            self.end_block()
            self._lists.append(int(dict(attrs).get("start") or 1) if tag == "ol" else 0)
        elif tag == "li":
            self.end_block()
            self._begin_entry()
        elif tag in ("p", *HEADINGS):
            self.end_block()
            self._kind = "heading" if tag in HEADINGS else "paragraph"
        elif tag == "br":
            self._add("\n")
        elif tag in STYLES:
            self._styles.append(STYLES[tag])
        elif tag == "a":
            self._links.append((dict(attrs).get("href") or "", len(self._runs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in LISTS:
            self.end_block()
            self._lists.pop()
        elif tag in ("p", "li", *HEADINGS):
            self.end_block()
        elif tag in STYLES:
            self._styles.pop()
        elif tag == "a":
            self._write_out(*self._links.pop())

    def handle_data(self, data: str) -> None:
        # A line break of the source is a space in the text; only a forced break begins a new line.
        after_break = bool(self._runs) and self._runs[-1].text == "\n"
        self._add((data.lstrip() if after_break else data).replace("\n", " "))

    def end_block(self) -> None:
        """Make a block of the text that was read since the last block; blank text makes none."""
        if any(run.text.strip() for run in self._runs):
            kind = "entry" if self._lists and self._kind == "paragraph" else self._kind
            self.blocks.append(Block(kind, tuple(self._runs), self._marker, len(self._lists)))
            self._marker = ""
        self._runs.clear()
        self._kind = "paragraph"

    def _begin_entry(self) -> None:
        number = self._lists[-1]
        self._marker = f"{number}." if number else "•"
        if number:
            self._lists[-1] += 1

    def _add(self, text: str) -> None:
        self._runs.append(TextRun(text, self._styles[-1] if self._styles else ""))

    def _write_out(self, link: str, before: int) -> None:
        words = "".join(run.text for run in self._runs[before:])
        shown = link.removeprefix("mailto:")
        if shown and shown not in words and not shown.startswith("tel:"):
            self._add(f" ({shown})")
