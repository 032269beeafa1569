"""Files that people asked for: readable by their owner alone, and never half written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import typer

from amends.domain.base.errors import NotAllowed
from amends.system.files import create_file, replacing


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file for its owner alone, which takes its name when all of it is on disk; until then the old file stays.

    A path that is no regular file, such as a pipe, is written to directly and stays what it is.
    Raises BadParameter for a folder, as an empty path is, and OSError with this path when the path cannot be written.
    """
    if path.is_dir():
        raise typer.BadParameter(f"{path} is a folder; name a file")
    place = path.resolve()  # so that a symbolic link stays one
    part = place.with_name(f".{place.name}.part")
    try:
        with path.open("wb") if path.exists() and not path.is_file() else replacing(place, part=part) as file:
            yield file
    except OSError as error:
        if error.filename not in (None, str(part)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None  # the caller does not know the name of the part


def write_new(path: Path, text: str) -> None:
    """Write a new file for its owner alone, whole or not at all. Raises NotAllowed when the path exists already.

    Raises OSError with this path when it cannot be written.
    """
    try:
        create_file(path, text.encode())
    except FileExistsError:
        raise NotAllowed(f"{path} is there already; nothing was changed") from None
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None  # the caller does not know the name of the part


class Utf8:
    """A binary file to which the csv module can write text; a mark at its beginning tells spreadsheets the encoding."""

    def __init__(self, file: IO[bytes], *, marked: bool = False) -> None:
        self._file = file
        if marked:
            file.write("\ufeff".encode())

    def write(self, text: str) -> int:
        """Write the text in UTF-8; return the number of bytes."""
        return self._file.write(text.encode())
