"""Files that are there whole or not at all."""

import os
import tempfile
from pathlib import Path

from amends.folders import keep_names


def replace_file(path: Path, content: bytes, mode: int) -> None:
    """Put the content at this path, durably, with this mode; a reader sees the old file or the new one."""
    descriptor, part = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(part).replace(path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
    keep_names(path.parent)
