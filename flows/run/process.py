"""Starts a flow run in one process. Prefect would start two, one after the other, and each imports all of Prefect.

The first of Prefect's is for runs whose files or packages must be fetched. Ours need neither: the code is installed,
and AMENDS_HOME is absolute.
"""

import gc
import os
import runpy

NEW_OBJECTS = 50_000
"""So many before the first look for garbage: nearly all that a start makes stays, and looking took a tenth of it."""


def main() -> None:
    """Do what `python -m prefect.engine` does, out of reach of a Ctrl-C that is meant for the runner."""
    if os.getpgrp() != os.getpid():
        os.setsid()
    gc.set_threshold(NEW_OBJECTS)
    runpy.run_module("prefect.engine", run_name="__main__")


if __name__ == "__main__":
    main()
