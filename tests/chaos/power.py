"""A disk that loses its power: what surely is on it at any moment of a traced send, and what may be besides.

Sure is what was written to a file before an fsync of that file began that has ended, and a name that was given before
such an fsync of its folder. Of all else some may be there and some may not, page by page, as a cache writes it back.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.chaos.strace import Call

PAGE = 4096
NOT_KEPT = ("-shm", ".reserve", ".lock")
"""Files that say nothing: SQLite makes its index anew when the machine was started anew."""


class Change(NamedTuple):
    """Something was written into a file, or it was cut off there."""

    at: int
    written: bytes | None


@dataclass
class File:
    """A file by what was done to it, whatever it is called."""

    sure: bytearray = field(default_factory=bytearray)
    loose: list[Change] = field(default_factory=list)
    """What was done since it was last on the disk."""
    changes: int = 0
    length: int = 0

    def change(self, at: int, written: bytes | None) -> None:
        """It is so for everybody, until the power is cut."""
        self.loose.append(Change(at, written))
        self.changes += 1
        self.length = at if written is None else max(self.length, at + len(written))

    def sync(self, changes: int) -> None:
        """The first so many of all changes are on the disk."""
        done = max(changes - (self.changes - len(self.loose)), 0)
        for change in self.loose[:done]:
            _apply(self.sure, change)
        del self.loose[:done]

    def after_cut(self, chance: random.Random) -> bytes:
        """Each page as it was at some moment since the last sync."""
        content, until = bytearray(self.sure), dict[int, int]()
        for number, change in enumerate(self.loose):
            for piece in _by_page(change):
                if number < until.setdefault(piece.at // PAGE, chance.randint(0, len(self.loose))):
                    _apply(content, piece)
        return bytes(content)


def _apply(content: bytearray, change: Change) -> None:
    if change.written is None:
        del content[change.at :]
    content.extend(bytes(max(change.at - len(content), 0)))
    if change.written:
        content[change.at : change.at + len(change.written)] = change.written


def _by_page(change: Change) -> Iterator[Change]:
    if change.written is None:
        yield change
        return
    start, end = change.at, change.at + len(change.written)
    while start < end:
        stop = min((start // PAGE + 1) * PAGE, end)
        yield Change(start, change.written[start - change.at : stop - change.at])
        start = stop


Names = dict[str, File | None]
"""What stands in the folder, by its path within it; None for a folder."""


class Renaming(NamedTuple):
    """A name that came, went, or became another one."""

    old: str
    new: str
    what: File | None

    def apply(self, names: Names) -> None:
        """Make it so, also for what is in a folder."""
        if self.old:
            within = [path for path in names if path.startswith(f"{self.old}/")]
            moved = {self.new + path.removeprefix(self.old): names.pop(path) for path in within}
            names.pop(self.old, None)
            names.update(moved if self.new else {})
        if self.new:
            names[self.new] = self.what

    @property
    def folder(self) -> str:
        """Whose sync makes it sure."""
        return str(Path(self.new or self.old).parent)


class Disk:
    """All under a folder, in which nothing but these folders stood when the trace began."""

    def __init__(self, root: Path, *folders: str) -> None:
        self.now: Names = dict.fromkeys((".", *folders))
        """As everybody sees it, until the power is cut."""
        self.sure = dict(self.now)
        self.loose: list[Renaming] = []
        self._root = root
        self._syncing: dict[int, Callable[[], None]] = {}
        """What is sure when the sync of a process has ended."""

    def see(self, call: Call) -> None:
        """One more call of the trace."""
        if call.name in ("fsync", "fdatasync"):
            self._sync(call)
        elif call.result is not None and call.result >= 0:
            change = CHANGES.get(call.name)
            assert change or not self._within(call.place), f"what {call.name} does to a disk is not known here"
            if change:
                change(self, call)

    def cut(self, folder: Path, chance: random.Random | None = None) -> None:
        """Put into this folder what is there after a power cut now: some of what is not sure by chance, else nothing."""
        names = dict(self.sure)
        for renaming in self.loose[: chance.randint(0, len(self.loose)) if chance else 0]:
            renaming.apply(names)
        for path, file in sorted(names.items()):
            place = folder / path
            if not place.parent.is_dir() or path.endswith(NOT_KEPT):
                continue  # whose folder has no name is lost
            if file is None:
                place.mkdir(exist_ok=True)
            else:
                place.write_bytes(file.after_cut(chance) if chance else file.sure)

    def _sync(self, call: Call) -> None:
        """Sure is what was done before it began, and when it has ended."""
        path = self._within(call.place)
        if not call.began:
            done = self._syncing.pop(call.process, None)
            if done and call.result == 0:
                done()
        elif file := self.now.get(path):
            self._syncing[call.process] = partial(file.sync, file.changes)
        elif path in self.now:
            self._syncing[call.process] = partial(self._sync_names, path, tuple(self.loose))

    def _sync_names(self, folder: str, renamings: tuple[Renaming, ...]) -> None:
        for renaming in renamings:
            if renaming.folder == folder and any(renaming is loose for loose in self.loose):
                renaming.apply(self.sure)
                self.loose = [loose for loose in self.loose if loose is not renaming]

    def _within(self, path: str) -> str:
        """Empty for what is elsewhere, or has no name any more."""
        return str(Path(path).relative_to(self._root)) if Path(path).is_relative_to(self._root) else ""

    def _rename(self, old: str, new: str, what: File | None) -> None:
        renaming = Renaming(old, new, what)
        renaming.apply(self.now)
        self.loose.append(renaming)

    def opened(self, call: Call) -> None:
        """Perhaps made, perhaps emptied."""
        path = self._within(call.place)
        if path and "O_CREAT" in call.given and path not in self.now:
            self._rename("", path, File())
        if "O_TRUNC" in call.given and (file := self.now.get(path)):
            file.change(0, None)

    def written(self, call: Call) -> None:
        """At its end; whoever writes elsewhere says where."""
        if file := self.now.get(self._within(call.place)):
            at = call.numbers[-1] if call.name == "pwrite64" else file.length
            file.change(at, call.strings[0][: call.result])

    def cut_off(self, call: Call) -> None:
        """Or made longer."""
        if file := self.now.get(self._within(call.place)):
            length = call.numbers[-1]
            file.change(*((length, None) if length <= file.length else (file.length, bytes(length - file.length))))

    def renamed(self, call: Call) -> None:
        """A file or a folder, perhaps in another's place."""
        old, new = (self._within(name.decode()) for name in call.strings)
        if old and new:
            self._rename(old, new, self.now[old])

    def removed(self, call: Call) -> None:
        """A name; who has the file open still writes to it."""
        if path := self._within(call.strings[0].decode()):
            self._rename(path, "", None)

    def made(self, call: Call) -> None:
        """A folder."""
        if path := self._within(call.strings[0].decode()):
            self._rename("", path, None)


CHANGES: dict[str, Callable[[Disk, Call], None]] = {
    "openat": Disk.opened,
    "open": Disk.opened,
    "write": Disk.written,
    "pwrite64": Disk.written,
    "ftruncate": Disk.cut_off,
    "rename": Disk.renamed,
    "renameat": Disk.renamed,
    "renameat2": Disk.renamed,
    "unlink": Disk.removed,
    "unlinkat": Disk.removed,
    "mkdir": Disk.made,
    "mkdirat": Disk.made,
}
