"""Opening of a file of rows, whose kind is told by its content and not by its name."""

from pathlib import Path

from amends.content.file.codes import Code
from amends.content.people.csv_file import CsvFile
from amends.content.people.table import Table
from amends.content.people.xlsx_file import Workbook
from amends.domain.base.errors import ContentError, Finding

_ZIP, _OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


def open_table(path: Path, encoding: str | None, columns: frozenset[str]) -> Table:
    """Return the table in this file, whose first bytes tell its kind. Raises ContentError when there is no table.

    The expected columns decide whether comma, semicolon or tab is the delimiter of a CSV file.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise ContentError(Finding(str(path), Code.NO_TABLE, f"the file cannot be read: {error.strerror}")) from None
    if start == _OLD_EXCEL:
        what = "this is an old or a locked Excel file"
        raise ContentError(Finding(str(path), Code.NO_TABLE, what, "save it as .xlsx without a password, or as CSV"))
    return Workbook(path) if start == _ZIP else CsvFile(path, encoding, columns)
