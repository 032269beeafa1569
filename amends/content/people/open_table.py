"""Opens a file of rows, whatever it is called."""

from pathlib import Path

from amends.content.file.codes import Code
from amends.content.people.csv_file import CsvFile
from amends.content.people.table import Table
from amends.content.people.xlsx_file import Workbook
from amends.domain.base.errors import ContentError, Finding

_ZIP, _OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


def open_table(path: Path, encoding: str | None, columns: frozenset[str]) -> Table:
    """The table in this file; its kind is told by how it begins. Raises ContentError when there is none.

    The columns that are hoped for decide which of comma, semicolon and tab parts the cells of a CSV file.
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
