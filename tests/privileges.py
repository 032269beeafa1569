"""Another user's rights, for what a file's mode forbids: root is forbidden nothing."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65_534


@contextmanager
def given_to_nobody(folder: Path) -> Iterator[Path]:
    """A copy that belongs to another user, where that user can get to it."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / "given"
        shutil.copytree(folder, copy)
        copy.parent.chmod(0o755)
        if os.geteuid() == 0:
            for path in (copy, *copy.rglob("*")):
                os.chown(path, NOBODY, NOBODY)
        yield copy


@contextmanager
def of_nobody() -> Iterator[None]:
    """Without root's rights. What is done inside must have been done before, so that no module is loaded there."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
