"""What a process hears that is started from a terminal or by systemd, however the tests themselves were started.

For `preexec_fn`: nohup has the loss of the terminal ignored, and shells have Ctrl-C ignored by what runs behind them.
"""

import signal

from amends.system.processes import TERMINATION_SIGNALS


def hears_all() -> None:
    """As in a terminal."""
    for number in TERMINATION_SIGNALS:
        signal.signal(number, signal.SIG_DFL)


def outlives_the_terminal() -> None:
    """As with nohup."""
    hears_all()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
