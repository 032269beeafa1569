"""The exit codes of the commands."""

from enum import IntEnum


class Exit(IntEnum):
    """The exit code of a command; scripts may rely on these numbers."""

    OK = 0
    ERROR = 1
    USAGE = 2
    FINDINGS = 3
    """Something handed in or looked at is not as it must be; every finding is listed."""
    WAITING = 4
    """Nothing is wrong, but people must approve first."""
    PARTLY = 5
    """Some messages are still to be sent, or a person must look at them."""
