"""Reading of relay logs, compressed or not, line by line, because a log can be larger than the memory."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator, Sequence
from io import BufferedReader
from pathlib import Path

from amends.domain.base.errors import ContentError, Finding
from amends.domain.receipt.relay_log import RelayLog, read_relay_logs

LONGEST_LINE = 64_000_000
Opened = BufferedReader | gzip.GzipFile | lzma.LZMAFile | bz2.BZ2File
PACKED: dict[bytes, Callable[[BufferedReader], Opened]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"\xfd7zXZ\0": lzma.LZMAFile,
    b"BZh": bz2.BZ2File,
}
"""The decompressors, by the first bytes of a file. A file's name does not count."""
UNREADABLE = {
    b"\x28\xb5\x2f\xfd": "unpack it first, with `zstd -d`",
    b"PK\x03\x04": "unpack it first",
    b"LPKSHHRH": "write it out first, with `journalctl -u postfix@- > FILE`",
}
"""The advice for a file of a kind that cannot be read here, by its first bytes."""
DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError)


def relay_log(paths: Sequence[Path]) -> RelayLog:
    """Read relay logs, given the older ones first. Raises ContentError for a log that cannot be read to its end."""
    return read_relay_logs(map(lines_of, paths))


def lines_of(path: Path) -> Iterator[bytes]:
    """Yield the decompressed lines of a log. Raises ContentError that names the file and the line."""
    number = 0
    try:
        with path.open("rb") as file, _unpacked(path, file) as text:
            while line := text.readline(LONGEST_LINE):
                number += 1
                if len(line) == LONGEST_LINE:
                    raise _finding(path, number, "this line is too long", "put each event on a line of its own")
                yield line
    except DAMAGED as error:
        what = f"it cannot be read any further: {error}"
        raise _finding(path, number + 1, what, "get a whole copy of it; nothing was changed") from error


def _unpacked(path: Path, file: BufferedReader) -> Opened:
    start = file.peek(8)
    for magic, advice in UNREADABLE.items():
        if start.startswith(magic):
            raise _finding(path, 1, "it is packed in a way that is not read here", advice)
    unpack = next((unpack for magic, unpack in PACKED.items() if start.startswith(magic)), None)
    return unpack(file) if unpack else file


def _finding(path: Path, line: int, what: str, advice: str) -> ContentError:
    return ContentError(Finding(f"{path}:{line}", "E205", what, advice))
