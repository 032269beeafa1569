"""The files for a print shop: lists as CSV and XLSX, and pages as PDF where typst is installed.

The files hold names, addresses and personal links: only the owner can read them, and each appears whole or not at all.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any, Self, cast

from amends.cli.deliver.deliveries import SHEET_HOLDS, inert
from amends.cli.terminal.files import Utf8, whole
from amends.delivery.compose import CELL_HOLDS
from amends.delivery.markdown import Block, plain_text
from amends.domain.base.errors import AmendsError

CHINESE_FONTS = (
    "Noto Sans CJK SC",
    "Noto Serif CJK SC",
    "Source Han Sans SC",
    "Source Han Serif SC",
    "Microsoft YaHei",
    "PingFang SC",
    "SimSun",
)
CHINESE = re.compile("[\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af\uff00-\uffef]")
HEAD = ("name", "postal address", "locale", "subject", "text", "personal page", "reference")
LETTERS_PER_PDF = 500
"""Letters in one PDF: neither a print shop's program nor our memory should hold a hundred thousand pages at once."""
WIDTHS = (24, 40, 8, 40, 80, 40, 12)
TEMPLATE = Path(__file__).with_name("letter.typ")
FONTS = ("Liberation Sans", "DejaVu Sans", "Libertinus Serif")


@dataclass(frozen=True, slots=True)
class PaperLetter:
    """One complete letter. Holds personal data: never log or print a letter."""

    name: str = field(repr=False)
    address: str = field(repr=False)
    locale: str
    subject: str = field(repr=False)
    blocks: tuple[Block, ...] = field(repr=False)
    link: str = field(repr=False)
    reference: str
    sender: str
    """Name and address of the organisation, on one line."""
    date: str
    """The letter's date in words."""

    @property
    def row(self) -> tuple[str, ...]:
        """Return the cells of the letter in the order of HEAD."""
        address, text = "\n".join(self.address.splitlines()), plain_text(self.blocks)
        return (self.name, address, self.locale, self.subject, text, self.link, self.reference)


def private_folder(folder: Path) -> None:
    """Make the folder, for its owner alone. Raises AmendsError when the folder exists and is open to others."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        raise AmendsError(f"others can look into {folder}; name a new folder, or `chmod 700` this one")


def require_typst(text: str) -> None:
    """Check that the text can be typeset. Raises AmendsError without typst, or without a font for Chinese text."""
    try:
        import typst
    except ImportError:
        raise AmendsError(
            "letters as PDF need typst: `pip install 'amends[letters]'` where Amends is installed; or leave --pdf out"
        ) from None
    if CHINESE.search(text) and not set(CHINESE_FONTS) & set(typst.Fonts().families()):
        raise AmendsError(
            f"no font here has Chinese characters: install {CHINESE_FONTS[0]} (on Debian fonts-noto-cjk), "
            "or leave --pdf out"
        )


def write_letters(
    folder: Path, batch: int, letters: Iterable[PaperLetter], made_at: datetime, *, pdf: bool
) -> tuple[list[Path], int]:
    """Write a batch into the folder in place of its earlier files; return the paths and the number of letters.

    Earlier PDF files of the batch that are not written anew are deleted, as they may hold a former address. The same
    letters make the same files. Raises AmendsError for a letter that does not fit.
    """
    lists = [folder / f"letters-{batch}.csv", folder / f"letters-{batch}.xlsx"]
    pages: list[Path] = []
    written = 0
    with ExitStack() as files:
        table = files.enter_context(whole(lists[0]))
        sheet = files.enter_context(_TextSheet(files.enter_context(whole(lists[1])), folder, made_at))
        rows = csv.writer(cast("Any", Utf8(table, marked=True)), lineterminator="\r\n")
        rows.writerow(HEAD)
        for number, part in enumerate(_parts(letters), 1):
            written += len(part)
            for letter in part:
                rows.writerow([_inert_everywhere(cell) for cell in letter.row])
                sheet.add(letter)
            if pdf:
                pages.append(folder / f"letters-{batch}-{number:03}.pdf")
                with whole(pages[-1]) as file:
                    file.write(pdf_of(part, made_at))
    for earlier in set(folder.glob(f"letters-{batch}-*.pdf")).difference(pages):
        earlier.unlink()
    return [*lists, *pages], written


def _parts(letters: Iterable[PaperLetter]) -> Iterator[list[PaperLetter]]:
    rest = iter(letters)
    while part := list(islice(rest, LETTERS_PER_PDF)):
        yield part


def _inert_everywhere(cell: str) -> str:
    """Return the cell made inert, also after each semicolon, where a spreadsheet that writes 1,5 begins a new cell."""
    return ";".join(map(inert, cell.split(";")))


class _TextSheet:
    """A workbook in which every cell is text, whatever it begins with; as many sheets as the letters need."""

    def __init__(self, file: IO[bytes], folder: Path, made_at: datetime) -> None:
        from xlsxwriter import Workbook

        as_text = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
        # The workbook's temporary files hold personal data too, so they stay in the private folder.
        self._workbook = Workbook(file, {**as_text, "constant_memory": True, "tmpdir": str(folder)})
        self._workbook.set_properties({"created": made_at.replace(tzinfo=None)})
        self._begin_sheet()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._workbook.close()

    def add(self, letter: PaperLetter) -> None:
        """Write one more row. Raises AmendsError when a cell cannot hold the letter's text."""
        if any(len(cell) > CELL_HOLDS for cell in letter.row):
            raise AmendsError(
                f"letter {letter.reference} is too long for a spreadsheet ({CELL_HOLDS} characters a cell)"
            )
        if self._row == SHEET_HOLDS:
            self._begin_sheet()
        self._write(letter.row)

    def _begin_sheet(self) -> None:
        before = len(self._workbook.worksheets())
        self._sheet = self._workbook.add_worksheet(f"letters {before + 1}" if before else "letters")
        self._row = 0
        for column, width in enumerate(WIDTHS):
            self._sheet.set_column(column, column, width)
        self._write(HEAD)

    def _write(self, cells: Sequence[str]) -> None:
        for column, cell in enumerate(cells):
            self._sheet.write_string(self._row, column, cell)
        self._row += 1


def pdf_of(letters: Sequence[PaperLetter], made_at: datetime) -> bytes:
    """Return the letters as one PDF, each from a page of its own on, with the address behind the envelope's window.

    Raises AmendsError as `require_typst` does.
    """
    import typst

    values = json.dumps(
        {"title": "Letters", "fonts": _fonts(), "letters": [_values(letter) for letter in letters]}, ensure_ascii=False
    )
    require_typst(values)
    made: bytes = typst.compile(TEMPLATE, sys_inputs={"letters": values}, timestamp=int(made_at.timestamp()))
    return made


def _fonts() -> list[str]:
    """Return which of our fonts are installed, in the order in which a character is looked up."""
    import typst

    installed = set(typst.Fonts().families())
    return [name for name in (*FONTS, *CHINESE_FONTS) if name in installed]


def _values(letter: PaperLetter) -> dict[str, Any]:
    language, *more = letter.locale.split("-")
    region = next((part for part in more if len(part) == 2), None)
    return {
        "lang": language,
        "region": region,
        "address": [letter.name, *filter(None, (line.strip() for line in letter.address.splitlines()))],
        "subject": letter.subject,
        "reference": letter.reference,
        "sender": letter.sender,
        "date": letter.date,
        "blocks": [
            {
                "kind": block.kind,
                "marker": block.marker,
                "depth": block.depth,
                "runs": [{"text": run.text, "style": run.style} for run in block.runs],
            }
            for block in letter.blocks
        ],
    }
