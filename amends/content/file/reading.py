"""The reading of one file: its limits, the place of each value, and the findings so far."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from amends.content.file.codes import Code
from amends.domain.base.errors import ContentError, Finding

MOST_BYTES = 256 * 1024
MOST_LEVELS = 20

Trail = tuple[str | int, ...]
"""The keys and indexes that lead from the top of a document to a value."""


class Place(NamedTuple):
    """A line and a column of a file, both counted from 1."""

    line: int
    column: int


def read_text(path: Path) -> str:
    """Return the text of a small file. Raises ContentError when the file is absent, empty, too big or not UTF-8."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ContentError(Finding(str(path), Code.UNREADABLE, f"the file cannot be read: {error.strerror}")) from None
    if len(content) > MOST_BYTES:
        raise ContentError(Finding(str(path), Code.NOT_ALLOWED, "the file is larger than 256 kB"))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode()
        where = f"{path}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
        raise ContentError(Finding(where, Code.UNREADABLE, "this is not UTF-8", "save the file as UTF-8")) from None
    if not text.strip():
        raise ContentError(Finding(str(path), Code.UNREADABLE, "the file is empty"))
    return text


@dataclass
class Reading:
    """The state of reading one file: the places of keys and values, and the findings so far."""

    file: str
    text: str
    keys: dict[Trail, Place] = field(default_factory=dict)
    values: dict[Trail, Place] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def read(self) -> Any:
        """Return the content of the file, and collect errors in `findings`.

        Raises ContentError at an error behind which nothing can be read.
        """
        raise NotImplementedError

    def add(self, place: Place, code: Code, what: str, advice: str = "") -> None:
        self.findings.append(Finding(f"{self.file}:{place.line}:{place.column}", code, what, advice))

    def stop(self, place: Place, code: Code, what: str, advice: str = "") -> NoReturn:
        self.add(place, code, what, advice)
        raise ContentError(*self.findings)

    def enter(self, place: Place, trail: Trail) -> None:
        if len(trail) > MOST_LEVELS:
            self.stop(place, Code.NOT_ALLOWED, f"it is nested more than {MOST_LEVELS} levels deep")
        self.values[trail] = place

    def enter_key(self, place: Place, trail: Trail) -> None:
        if trail in self.keys:
            first = self.keys[trail]
            self.add(place, Code.DUPLICATE_KEY, f"{trail[-1]!r} stands here again, first in line {first.line}")
        self.keys.setdefault(trail, place)
