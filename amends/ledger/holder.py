"""Which process holds a lease: on the same machine its end is known at once, and not only when the lease runs out."""

import os
from enum import StrEnum
from pathlib import Path

PROC = Path("/proc")
UNKNOWN = ""
"""Where nothing tells processes apart for sure; then only time does."""


class Life(StrEnum):
    """What is known of a process."""

    ALIVE = "alive"
    """It is there, at work or halted."""
    ENDED = "ended"
    UNKNOWN = "unknown"
    """It has no name, is hidden from us, or is on another machine or in another container, where the same number is
    another process."""


def this_process() -> str:
    """This process, named as no other ever was or will be: boot, process namespace, number, and when it was started."""
    try:
        return f"{_machine()} {os.getpid()} {_started(os.getpid())}"
    except OSError:
        return UNKNOWN


def life_of(holder: str) -> Life:
    """Whether that process still is; two that have had the same number differ by when they were started."""
    named, _, started = holder.rpartition(" ")
    place, _, number = named.rpartition(" ")
    try:
        if not holder or place != _machine():
            return Life.UNKNOWN
    except OSError:
        return Life.UNKNOWN
    try:
        return Life.ALIVE if _started(int(number)) == started else Life.ENDED
    except OSError:
        return Life.UNKNOWN if _is_there(int(number)) else Life.ENDED


def has_ended(holder: str) -> bool:
    """Whether that process surely is no more."""
    return life_of(holder) is Life.ENDED


def _is_there(number: int) -> bool:
    """Also of a process of another user that /proc does not show (hidepid, ProtectProc=invisible)."""
    try:
        os.kill(number, 0)  # no signal is sent
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's
        return True
    return True


def _machine() -> str:
    boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {(PROC / 'self/ns/pid').readlink()}"


def _started(number: int) -> str:
    """When it was started, in ticks since the boot; `ended` when only its exit is waited for. See proc_pid_stat(5)."""
    told = (PROC / str(number) / "stat").read_text(encoding="ascii", errors="replace")
    state, *fields = told.rpartition(")")[2].split()
    return "ended" if state in "ZX" else fields[18]
