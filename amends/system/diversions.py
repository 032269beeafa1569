"""Diversions: places at which a path leads elsewhere by a symbolic link, or could be led elsewhere by somebody."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = 0


class Diversion(NamedTuple):
    """One place at which a path leads elsewhere, or could be led elsewhere."""

    place: Path
    target: Path | None
    """The end of a symbolic link, or None for a folder that others can write."""
    anyone: bool = False
    """True when every user of this machine can write the folder, False when only some can."""


def diversions(path: Path, base: Path | None = None) -> Iterator[Diversion]:
    """Yield the links on a path, and the folders above the path and above each link's target that others can write.

    A link that root put above `base`, by default the path itself, is none: the machine was set up so. A sticky folder,
    as /tmp is, counts only where its entry on the path belongs to somebody else.
    """
    whole = (*reversed(path.parents), path)
    for place, entry in zip(whole, (*whole[1:], None), strict=True):
        try:
            found = place.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return
        if stat.S_ISLNK(found.st_mode):
            target = Path(os.path.realpath(place))
            if found.st_uid != ROOT or place.is_relative_to(base or path):
                yield Diversion(place, target)
            if not target.is_symlink():  # a link to itself
                yield from diversions(target)
        elif stat.S_ISDIR(found.st_mode) and not _is_kept(found, entry):
            yield Diversion(place, None, anyone=bool(found.st_mode & stat.S_IWOTH))


def _is_kept(folder: os.stat_result, entry: Path | None) -> bool:
    """Return True when nobody else can put something in the place of this entry, or into the folder without one."""
    if folder.st_mode & stat.S_ISVTX and entry is not None and (not entry.exists() or _is_ours(entry.lstat())):
        return True
    by_group = folder.st_mode & stat.S_IWGRP and folder.st_gid not in (ROOT, os.getegid())
    return not (folder.st_mode & stat.S_IWOTH or by_group) and _is_ours(folder)


def _is_ours(entry: os.stat_result) -> bool:
    return entry.st_uid in (ROOT, os.geteuid())
