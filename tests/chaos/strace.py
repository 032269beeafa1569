"""What strace saw of a group of processes: each call when it began and when it ended, in the order in which it happened.

A process stands still at both until strace has written it down, so whatever one did after it saw what another did comes
after it here too.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CALLS = (
    "openat",
    "open",
    "creat",
    "mkdir",
    "mkdirat",
    "write",
    "pwrite64",
    "writev",
    "pwritev",
    "pwritev2",
    "ftruncate",
    "truncate",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "sendto",
    "sendmsg",
)
"""Whatever changes a file, its name or what is on the disk, and what goes out to others."""
STRACE = (
    *("strace", "-f", "--seccomp-bpf", "-yy", "-xx", "-s", "1000000", "-e", "signal=none"),
    *("-e", "trace=" + ",".join(f"?{call}" for call in CALLS)),
)
"""With the path of each file, and all that is written, in hexadecimal digits."""
LINE = re.compile(r"(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*?)( <unfinished \.\.\.>|\) += (-?\d+|\?).*)")
DESCRIPTOR = re.compile(r"\d+<((?:TCP|UNIX|TCPv6)\w*:\[.*?\]|[^>]*)>")
STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
DIGITS = re.compile(rb"(?:\\x[0-9a-f]{2})+")
NUMBER = re.compile(r", (\d+)(?=, |\)|$)")


@dataclass(frozen=True, slots=True)
class Call:
    """A system call that began, or ended."""

    process: int
    name: str
    given: str
    """Its arguments as strace spells them."""
    result: int | None
    """None when it has just begun."""
    place: str = ""
    """The path behind the descriptor that it was given, or that it gave; of a socket, both its ends."""

    @property
    def began(self) -> bool:
        """Whether nothing came of it yet."""
        return self.result is None

    @property
    def strings(self) -> tuple[bytes, ...]:
        """What was written, or the paths that were named."""
        return tuple(_bytes(text) for text in STRING.findall(self.given))

    @property
    def numbers(self) -> tuple[int, ...]:
        """Lengths and offsets."""
        return tuple(int(number) for number in NUMBER.findall(STRING.sub("", self.given)))


@cache
def may_trace() -> str:
    """Why no process can be watched here; empty when one can."""
    if not shutil.which("strace"):
        return "strace is not installed"
    tried = subprocess.run([*STRACE, "-o", "/dev/null", sys.executable, "-c", ""], check=False, capture_output=True)
    return "strace cannot watch a process here: it may not (ptrace), or it is too old" if tried.returncode else ""


def calls(trace: Path) -> Iterator[Call]:
    """Each call twice, when it began and when it ended."""
    under_way: dict[str, str] = {}
    with trace.open(encoding="ascii") as lines:
        for line in lines:
            if not (found := LINE.match(line)):
                continue  # a signal, an exit
            process, resumed, begun, given, end, result = found.groups()
            if begun:
                yield _call(process, begun, given, None)
            given = under_way.pop(process, "") + given
            if result is None:
                under_way[process] = given
            else:
                yield _call(process, begun or resumed, f"{given}{end}", int(result.replace("?", "-1")))


def _call(process: str, name: str, given: str, result: int | None) -> Call:
    place = DESCRIPTOR.match(given) or DESCRIPTOR.match(given.rpartition(" = ")[2])
    return Call(int(process), name, given, result, _bytes(place[1]).decode() if place else "")


def _bytes(text: str) -> bytes:
    """Digits as bytes; older ones of strace leave the paths as they are."""
    return DIGITS.sub(lambda run: bytes.fromhex(run[0].replace(b"\\x", b"").decode()), text.encode())
