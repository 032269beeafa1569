"""Which process holds a lease: on the same machine its end is known at once, and not only when the lease runs out."""

import os
from pathlib import Path

PROC = Path("/proc")
UNKNOWN = ""
"""Where nothing tells processes apart for sure; then only time does."""


def this_process() -> str:
    """This process, named as no other ever was or will be: boot, process namespace, number, and when it was started."""
    try:
        return f"{_machine()} {os.getpid()} {_started(os.getpid())}"
    except OSError:
        return UNKNOWN


def has_ended(holder: str) -> bool:
    """Whether that process surely is no more. Of one on another machine or in another container nothing is known."""
    named, _, started = holder.rpartition(" ")
    place, _, number = named.rpartition(" ")
    try:
        if not holder or place != _machine():
            return False
    except OSError:
        return False
    try:
        return _started(int(number)) != started
    except (FileNotFoundError, ProcessLookupError):
        return True


def _machine() -> str:
    boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {(PROC / 'self/ns/pid').readlink()}"


def _started(number: int) -> str:
    """When it was started, in ticks since the boot; `ended` when only its exit is waited for. See proc_pid_stat(5)."""
    told = (PROC / str(number) / "stat").read_text(encoding="ascii", errors="replace")
    state, *fields = told.rpartition(")")[2].split()
    return "ended" if state in "ZX" else fields[18]
