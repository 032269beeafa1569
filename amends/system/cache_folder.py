"""The user's cache folder: what was made from files of Amends, kept between commands."""

import os
import stat
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile

MOST_FILES = 1_000
"""The number of files at which the folder is emptied: those of earlier versions of Amends are never asked for again."""


def kept(name: str) -> bytes | None:
    """Return what was kept under this name, or None when nothing is, or when the file is damaged or not our own."""
    with suppress(OSError, ValueError):
        if _is_ours(_folder()):
            digest, content = (_folder() / name).read_bytes().split(b"\n", 1)
            return content if digest == _digest(content) else None
    return None


def code_digest(folder: Path) -> str:
    """Return what tells the Python code of this folder from any other: what other code made is out of date."""
    digest = sha256()
    for file in sorted(folder.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def keep(name: str, content: bytes) -> None:
    """Keep the content under this name; where that is not possible, as in a read-only folder, do nothing."""
    with suppress(OSError):
        folder = _folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours(folder):
            return
        if len(files := [*folder.iterdir()]) >= MOST_FILES:
            _empty(files)
        with NamedTemporaryFile(dir=folder, delete=False) as file:
            file.write(_digest(content) + b"\n" + content)
        Path(file.name).replace(folder / name)


def _folder() -> Path:
    """Return the folder. Raises OSError for a user without a home."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "amends"
    except RuntimeError as error:
        raise OSError(str(error)) from error


def _is_ours(folder: Path) -> bool:
    """Return True when nobody but this user can write to the folder: others could change what notices say."""
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022


def _empty(files: list[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def _digest(content: bytes) -> bytes:
    return sha256(content).hexdigest().encode()
