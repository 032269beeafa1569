"""The command that starts a flow run in one process.

Prefect would start two processes, one after the other, and each imports all of Prefect. The first is for runs whose
files or packages must be fetched; a run of Amends needs neither: the code is installed, and AMENDS_HOME is absolute.
"""

import gc
import os
import runpy

NEW_OBJECTS = 50_000
"""Objects made before the first garbage collection: nearly all from a start stay, and collecting took a tenth of it."""


def main() -> None:
    """Run `python -m prefect.engine` in a session of its own, where a Ctrl-C meant for the runner does not arrive."""
    if os.getpgrp() != os.getpid():
        os.setsid()
    gc.set_threshold(NEW_OBJECTS)
    runpy.run_module("prefect.engine", run_name="__main__")


if __name__ == "__main__":
    main()
