"""Files that people asked for: for their owner alone, and never half written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import typer

from amends.system.files import replacing

OPEN_ALREADY = (("/", "dev", "stdout"), ("/", "dev", "stderr"), ("/", "dev", "fd"))
"""Perhaps a file, but one that the shell has opened. In /dev/shm stand files like any other."""


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A file for its owner alone, which takes its name when all of it is on disk; until then the old one stays.

    What is no file, such as /dev/stdout, is written to as it is, and stays what it is.
    Raises BadParameter for a folder, which an empty path is too, and OSError with this path when it cannot be written.
    """
    if path.is_dir():
        raise typer.BadParameter(f"{path} is a folder; name a file")
    if path.parts[:3] in OPEN_ALREADY or path.parts[:2] == ("/", "proc"):
        with path.open("ab") as file:
            yield file
        return
    place = path.resolve()  # a link stays a link
    part = place.with_name(f".{place.name}.part")
    try:
        with path.open("wb") if path.exists() and not path.is_file() else replacing(place, part=part) as file:
            yield file
    except OSError as error:
        if error.filename not in (None, str(part)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None  # who gave the path knows nothing of the part


class Utf8:
    """Where the csv module writes text; a mark at the beginning tells spreadsheets that it is UTF-8."""

    def __init__(self, file: IO[bytes], *, marked: bool = False) -> None:
        self._file = file
        if marked:
            file.write("\ufeff".encode())

    def write(self, text: str) -> int:
        """Write it as bytes."""
        return self._file.write(text.encode())
