"""The table of rows that readers of CSV and XLSX files have in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn, TypeAlias

from amends.content.file.codes import Code
from amends.domain.base.errors import ContentError, Finding

Row: TypeAlias = tuple[int, list[str]]
"""A row's number as a spreadsheet shows it, the header being 1, and its cells."""
CHUNK = 1 << 20
"""The number of bytes of a file that are read at a time."""


class Table(ABC):
    """A file of rows that can be read more than once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def rows(self) -> Iterator[Row]:
        """Yield every row from the first. Raises ContentError at the first damage."""

    def refuse(self, what: str, advice: str = "") -> NoReturn:
        """Raise ContentError, because the file cannot be used."""
        raise ContentError(Finding(str(self.path), Code.NO_TABLE, what, advice))
