"""One run of a program that sends mail, seen from outside: its time, its processes, and what the mail server saw.

Linux only: it reads /proc, and the mail server (sink.c) waits with epoll.
"""

import os
import re
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.peers.ready import compiled

SAMPLE_EVERY = 0.05
"""Seconds between two looks at the memory of the process tree."""
SINK_ANSWERS = 10
"""Seconds in which the sink must listen, and in which it must end."""
STARTING = 120
"""Seconds that a program may take for starting and ending, on top of those for its messages."""
SLOWEST = 50
"""Messages a second: whoever takes longer is stopped."""
REPLIES = 6
"""That a sender without pipelining may wait for, for one message."""
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
class _Process:
    """What was seen of a process tree from its start to its end."""

    whole_s: float = 0.0
    cpu_s: float = 0.0
    memory: int = 0
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
        with _sink(log, delay_ms) as (port, reports):
            process = _watched(sender(port, work), work, limit)
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
        unique=unique,
        duplicates=len(recipients) - unique,
        message_bytes=received / max(len(recipients), 1),
        problem=process.problem,
    )


def _number(told: dict[str, str], name: str) -> float | None:
    return float(told[name]) if name in told else None


@contextmanager
def _sink(log: Path, delay_ms: int) -> Iterator[tuple[int, list[str]]]:
    """Its port, and the line it reports at its end, which is there only afterwards."""
    command = [str(compiled("sink")), "-o", str(log), "-d", str(delay_ms)]
    reports: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as sink:
        try:
            yield _port(sink), reports
        finally:
            sink.terminate()
            try:
                reports.append(sink.communicate(timeout=SINK_ANSWERS)[1])
            except subprocess.TimeoutExpired:
                sink.kill()
                raise


def _port(sink: subprocess.Popen[str]) -> int:
    assert sink.stdout is not None
    if not select.select([sink.stdout], [], [], SINK_ANSWERS)[0]:
        raise SystemExit("the sink does not listen")
    return int(sink.stdout.readline().removeprefix("PORT="))


def _watched(command: Sequence[str], work: Path, limit: float) -> _Process:
    """Runs the command in a group of its own, of which nothing outlives it or the limit in seconds."""
    seen = _Process()
    with tempfile.TemporaryFile() as output:
        environment = {**os.environ, "TMPDIR": str(work)}
        began = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
        try:
            while not _ended(process.pid) and time.perf_counter() - began < limit:
                seen.memory = max(seen.memory, sum(map(_memory, _tree(process.pid))))
                time.sleep(SAMPLE_EVERY)
            seen.whole_s = time.perf_counter() - began
            timed_out = not _ended(process.pid)
        finally:
            # The first process is not waited for yet, so its number, which is its group's, is still its own.
            os.killpg(process.pid, signal.SIGKILL)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        seen.printed = output.read().decode(errors="replace")
    seen.cpu_s = used.ru_utime + used.ru_stime
    if timed_out:
        seen.problem = f"stopped after {limit:.0f} s"
    elif process.returncode:
        seen.problem = f"ended with {process.returncode}: {seen.printed[-1500:].strip()}"
    return seen


def _ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def _tree(pid: int) -> Iterator[int]:
    """The process and all below it."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            below = children.read_text().split()
        except OSError:
            continue  # it ended meanwhile
        for child in below:
            yield from _tree(int(child))


def _memory(pid: int) -> int:
    """In bytes: its own pages, and its share of those it has in common with others; 0 once it has ended."""
    try:
        told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    shares = (line.split()[1] for line in told.splitlines() if line.startswith("Pss:"))
    return int(next(shares, "0")) * 1024
