"""What a power cut must not take back from a folder."""

import errno
import os
from contextlib import suppress
from pathlib import Path


def keep_names(folder: Path) -> None:
    """Keep on the disk which names are in the folder. Raises OSError."""
    with suppress(PermissionError):  # one may write to it and not look into it
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno != errno.EINVAL:  # a file system that cannot be asked for it
                raise
        finally:
            os.close(descriptor)
