"""The command that starts a flow run in one process.

Prefect would start two processes, one after the other, and each imports all of Prefect. The first is for runs whose
files or packages must be fetched; a run of Amends needs neither: the code is installed, and AMENDS_HOME is absolute.
"""

import os
import runpy

from amends.system.garbage import collect_rarely


def main() -> None:
    """Run `python -m prefect.engine` in a session of its own, where a Ctrl-C meant for the runner does not arrive."""
    if os.getpgrp() != os.getpid():
        os.setsid()
    collect_rarely()
    runpy.run_module("prefect.engine", run_name="__main__")


if __name__ == "__main__":
    main()
