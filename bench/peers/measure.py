"""One run of a program that sends mail, seen from outside: its time, its processes, and what the mail server saw.

Linux only: it reads /proc, and the mail server (sink.c) waits with epoll.
"""

import ctypes
import os
import re
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bench.peers.ready import compiled

SAMPLE_EVERY = 0.2
"""Seconds between two looks at the memory of the process tree. Each holds up every process of it for a moment, so a
sender with several processes loses a twentieth of its rate to twenty looks a second."""
SINK_ANSWERS = 10
"""Seconds in which the sink must listen, and in which it must end."""
STARTING = 120
"""Seconds that a program may take for starting and ending, on top of those for its messages."""
SLOWEST = 50
"""Messages a second: whoever takes longer is stopped."""
PR_SET_CHILD_SUBREAPER = 36
"""Of linux/prctl.h."""
REPLIES = 6
"""That a sender without pipelining may wait for, for one message."""
SENDING = b"SENDING\n"
PRINTS = 100_000
"""So many bytes at most are looked through for it."""
TOLD = re.compile(r"^(SEND_S|CPU_S)=([\d.]+)\s*$", re.MULTILINE)

Sender = Callable[[int, Path], Sequence[str]]
"""The command that sends to this port and may write into this empty folder."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run came to. Seconds, MB (10^6 bytes), and messages as the mail server counted them."""

    label: str
    people: int
    whole_s: float
    """From start to end of the process."""
    whole_cpu_s: float
    """Of the process and all its children that were waited for, start-up included."""
    send_s: float | None
    """Of sending alone, as the program told (SEND_S=…)."""
    send_cpu_s: float | None
    """The same for CPU (CPU_S=…)."""
    memory_mb: float
    """The most that the process tree held at once; pages shared by several processes count once."""
    send_memory_mb: float | None
    """The same from when it began to send, as the program told (SENDING)."""
    unique: int
    duplicates: int
    message_bytes: float
    problem: str
    """Why it did not end well, which may name paths of this machine; empty if it did."""

    @property
    def missing(self) -> int:
        return self.people - self.unique

    @property
    def seconds(self) -> float:
        """Of sending; of the whole run where the program does not tell."""
        return self.whole_s if self.send_s is None else self.send_s

    @property
    def rate(self) -> float:
        return self.people / self.seconds

    @property
    def cpu_us(self) -> float | None:
        """A person, without start-up; None where the program does not tell."""
        return None if self.send_cpu_s is None else self.send_cpu_s / self.people * 1e6

    @property
    def whole_cpu_us(self) -> float:
        return self.whole_cpu_s / self.people * 1e6

    @property
    def exact(self) -> bool:
        """Whether it ended well and everybody was reached once: the figures of any other run mean nothing."""
        return not (self.problem or self.duplicates or self.missing)


@dataclass(slots=True)
class Group:
    """A process that leads a group of its own; how it ended, and what it used, is known afterwards."""

    pid: int
    code: int = 0
    cpu_s: float = 0.0


@dataclass(slots=True)
class Watched:
    """What was seen of a process tree from its start to its end."""

    whole_s: float = 0.0
    cpu_s: float = 0.0
    memory: int = 0
    sending_memory: int = 0
    code: int = 0
    problem: str = ""
    printed: str = ""


def measured(label: str, people: int, sender: Sender, delay_ms: int = 0) -> Run:
    """Starts a sink of its own and the sender, waits for its end or its time-out, and counts what arrived."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = folder / "recipients"
        work = folder / "work"
        work.mkdir()
        limit = STARTING + people * (1 / SLOWEST + REPLIES * delay_ms / 1000)
        with sink(log, delay_ms) as (port, reports):
            process = watched(sender(port, work), work, limit)
        recipients = log.read_text(encoding="utf-8").splitlines()
        unique = len(set(recipients))
        told = dict(TOLD.findall(process.printed))
        received = int(reports[0].partition(" bytes=")[2].split()[0])
    return Run(
        label=label,
        people=people,
        whole_s=process.whole_s,
        whole_cpu_s=process.cpu_s,
        send_s=_number(told, "SEND_S"),
        send_cpu_s=_number(told, "CPU_S"),
        memory_mb=process.memory / 1e6,
        send_memory_mb=process.sending_memory / 1e6 or None,
        unique=unique,
        duplicates=len(recipients) - unique,
        message_bytes=received / max(len(recipients), 1),
        problem=process.problem,
    )


def _number(told: dict[str, str], name: str) -> float | None:
    return float(told[name]) if name in told else None


@contextmanager
def sink(log: Path, delay_ms: int = 0, *, timed: bool = False) -> Iterator[tuple[int, list[str]]]:
    """Its port, and the line it reports at its end, which is there only afterwards."""
    command = [str(compiled("sink")), "-o", str(log), "-d", str(delay_ms), *(["-t"] if timed else [])]
    reports: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            yield _port(server), reports
        finally:
            server.terminate()
            try:
                reports.append(server.communicate(timeout=SINK_ANSWERS)[1])
            except subprocess.TimeoutExpired:
                server.kill()
                raise


def _port(sink: subprocess.Popen[str]) -> int:
    assert sink.stdout is not None
    if not select.select([sink.stdout], [], [], SINK_ANSWERS)[0]:
        raise SystemExit("the sink does not listen")
    return int(sink.stdout.readline().removeprefix("PORT="))


def watched(command: Sequence[str], work: Path, limit: float, every: float = SAMPLE_EVERY) -> Watched:
    """Runs the command in a group of its own, of which nothing outlives it or the limit in seconds."""
    seen = Watched()
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        with group(command, work, output) as process:
            while not ended(process.pid) and time.perf_counter() - began < limit:
                held = memory(process.pid)
                seen.memory = max(seen.memory, held)
                if SENDING in os.pread(output.fileno(), PRINTS, 0):
                    seen.sending_memory = max(seen.sending_memory, held)
                time.sleep(every)
            seen.whole_s = time.perf_counter() - began
            timed_out = not ended(process.pid)
        output.seek(0)
        seen.printed = output.read().decode(errors="replace")
    seen.cpu_s, seen.code = process.cpu_s, process.code
    if timed_out:
        seen.problem = f"stopped after {limit:.0f} s"
    elif seen.code:
        seen.problem = f"ended with {seen.code}: {seen.printed[-1500:].strip()}"
    return seen


@contextmanager
def group(command: Sequence[str], work: Path, output: IO[bytes]) -> Iterator[Group]:
    """Starts the command; at the end of the block all of its group that still runs gets SIGKILL."""
    environment = {**os.environ, "TMPDIR": str(work)}
    process = subprocess.Popen(
        command, stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True
    )
    started = Group(process.pid)
    try:
        yield started
    finally:
        # The first process is not waited for yet, so its number, which is its group's, is still its own.
        os.killpg(process.pid, signal.SIGKILL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = started.code = os.waitstatus_to_exitcode(status)
        started.cpu_s = used.ru_utime + used.ru_stime


def ended(pid: int) -> bool:
    """Whether this child of ours has ended; it stays a zombie."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def memory(pid: int) -> int:
    """In bytes, of the process and all below it."""
    return sum(map(_memory, tree(pid)))


def cpu(pid: int) -> float:
    """Seconds that the process and all below it have used, with those that have ended and were waited for."""
    return sum(map(_cpu, tree(pid)))


@contextmanager
def no_strays() -> Iterator[None]:
    """Whatever was begun in the block, in whichever group, gets SIGKILL at its end if it still runs."""
    # Processes that lose their parent become our children, so that none is out of sight.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    before = set(tree(os.getpid()))
    try:
        yield
    finally:
        while strays := set(tree(os.getpid())) - before:
            for stray in strays:
                with suppress(ProcessLookupError):
                    os.kill(stray, signal.SIGKILL)
                with suppress(ChildProcessError):  # it is somebody else's child, until its parent has ended
                    os.waitpid(stray, 0)


def tree(pid: int) -> Iterator[int]:
    """The process and all below it."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            below = children.read_text().split()
        except OSError:
            continue  # it ended meanwhile
        for child in below:
            yield from tree(int(child))


def _memory(pid: int) -> int:
    """In bytes: its own pages, and its share of those it has in common with others; 0 once it has ended."""
    try:
        told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    shares = (line.split()[1] for line in told.splitlines() if line.startswith("Pss:"))
    return int(next(shares, "0")) * 1024


def _cpu(pid: int) -> float:
    """Of the process, and of its children that it waited for; 0 once it has gone itself."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    return sum(map(int, told.rpartition(")")[2].split()[11:15])) / os.sysconf("SC_CLK_TCK")
