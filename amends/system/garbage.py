"""The garbage collector of a process that starts."""

import gc

NEW_OBJECTS = 50_000
"""Objects made before the first garbage collection: nearly all from a start stay, and collecting took a tenth of it."""


def collect_rarely() -> None:
    """Collect garbage after NEW_OBJECTS new objects, in place of Python's 700, until the process ends."""
    gc.set_threshold(NEW_OBJECTS)
