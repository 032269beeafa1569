"""The command `amends up`: runs Prefect's server, its deployments, the runner and the portal in the foreground."""

import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Self

import typer

from amends.cli.home.alarms import require_understood
from amends.cli.terminal.prefect import POOL
from amends.domain.base.errors import AmendsError
from amends.domain.base.text import minute
from amends.rehearsal_clock import rehearsal_clock
from amends.settings import Settings, open_ledger, prefect_environment
from amends.system.processes import (
    TERMINATION_SIGNALS,
    Stopped,
    give_way,
    signals_deferred,
    signals_ignored,
    stopped_by_signals,
)

LOCK = "up.lock"
SERVER, RUNNER = "Prefect server", "runner"
NICER = 10
"""The niceness of Prefect's server, which yields as the portal does: where cores are short, a send goes first."""
TRIES = 5
RESTART_SECONDS = 2
PORT_SECONDS = 10
"""Seconds to wait for a port: a killed part that yields to a send may need so long to die and to free its port."""
START_SECONDS = 180
STOP_SECONDS = 15
HOME = b"AMENDS_HOME="
RUN = b"PREFECT__FLOW_RUN_ID="
"""The variable that Prefect's runner sets for each process that carries out a run."""
PR_SET_PDEATHSIG = 1
"""See prctl(2)."""


def up(ctx: typer.Context) -> None:
    """Start Prefect, its runner and the portal; Ctrl-C stops them.

    Other ports than 4200 (Prefect) and 8400 (portal) stand in amends.toml: prefect_port, portal_port.
    """
    run(ctx.obj.settings)


def run(settings: Settings) -> None:
    """Run all parts until Ctrl-C; a part that dies is started again.

    Raises AmendsError, and starts nothing, when `amends up` runs already for this home, a port is taken, the ledger
    cannot be opened or the address for alarms is none.
    """
    with alone(settings.home):
        for port in (settings.prefect_port, settings.portal_port):
            _require_free(port)  # before the ledger is opened: an older Amends may be running and at work in it
        require_understood(settings)
        open_ledger(settings).dispose()
        os.umask(0o077)  # or Prefect makes its database readable by everybody
        with suppress(Stopped), stopped_by_signals(), Parts(prefect_environment(settings)) as parts:
            _start(settings, parts)


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Keep every other `amends up` out of this home during the block. Raises AmendsError when one is running.

    Of two that start at once, each would take the other's server for its own and restart its own parts for ever.
    """
    (home / LOCK).touch(mode=0o600)
    with (home / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AmendsError(f"`amends up` runs for {home} already; nothing was started") from None
        yield


def _start(settings: Settings, parts: "Parts") -> None:
    """Start all parts, and restart those that die, until a signal comes."""
    environment = prefect_environment(settings)
    parts.start(SERVER, prefect_server(settings.prefect_port), nicer=NICER)
    parts.wait_for(SERVER, settings.prefect_port)
    deploy(environment)
    set_alarms(environment)
    end_pauses(environment)
    parts.start(RUNNER, prefect("worker", "start", "--pool", POOL, "--type", "process", "--name", "amends"))
    parts.start("portal", [sys.executable, "-m", "amends.web"])
    parts.wait_for("portal", settings.portal_port)
    if settings.inbox:
        parts.start("inbox", [sys.executable, "-m", "amends.cli.receipt.inbox_watch"])
    _say_where(settings)
    start_sweep(parts)

    def restarted(ended: Sequence[str]) -> None:
        parts.wait_for(SERVER, settings.prefect_port)
        if SERVER in ended:
            parts.start_aside([sys.executable, "-m", __name__])
        else:
            start_sweep(parts)

    parts.watch(restarted)


def prefect(*arguments: object) -> list[str]:
    """Return the call of Prefect's command line with this Python."""
    return [sys.executable, "-m", "prefect", *map(str, arguments)]


def prefect_server(port: int) -> list[str]:
    """Return the call of Prefect's server on loopback, on this port."""
    server = "amends.cli.home.prefect_server"
    return [sys.executable, "-m", server, "server", "start", "--host", "127.0.0.1", "--port", str(port)]


SWEEP = prefect("deployment", "run", "sweep/sweep")


def deploy(environment: Mapping[str, str]) -> None:
    """Make the work pool and apply prefect.yaml. Raises AmendsError with Prefect's own words."""
    _call(environment, prefect("work-pool", "create", POOL, "--type", "process", "--overwrite"))
    _call(environment, prefect("--no-prompt", "deploy", "--all", "--prefect-file", deployments_file()))


def set_alarms(environment: Mapping[str, str]) -> None:
    """Make the automations that write to the team's channel, where it has named one. Raises AmendsError."""
    _call(environment, [sys.executable, "-m", "amends.cli.home.alarms"])


def end_pauses(environment: Mapping[str, str]) -> None:
    """Resume everything paused in Prefect, which keeps a pause for ever and shows it nowhere. Raises AmendsError."""
    _call(environment, [sys.executable, "-m", "amends.cli.terminal.prefect"])


def _call(environment: Mapping[str, str], call: Sequence[str]) -> None:
    done = subprocess.run(call, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise AmendsError(f"Prefect refused `{' '.join(call[2:])}`:\n{done.stdout}{done.stderr}")


def start_sweep(parts: "Parts") -> None:
    """Start a sweep now instead of within minutes, so that interrupted work goes on. Does not wait for the sweep."""
    parts.start_aside(SWEEP)


def deploy_again() -> None:
    """Deploy again what Prefect's server lost with its database; then run a sweep, which sets up the runs."""
    for tries_left in reversed(range(TRIES)):
        try:
            deploy(os.environ)
            set_alarms(os.environ)
            break
        except AmendsError as error:
            if not tries_left:
                sys.exit(str(error))
            time.sleep(RESTART_SECONDS)
    subprocess.run(SWEEP, stdin=subprocess.DEVNULL, check=False)


def deployments_file() -> Path:
    """Return the path of prefect.yaml: at the top of the source tree, or inside the installed package."""
    top = Path(__file__).parents[3]
    return next(path for path in (top / "prefect.yaml", top / "flows" / "prefect.yaml") if path.exists())


def _require_free(port: int) -> None:
    latest = time.monotonic() + PORT_SECONDS
    while not _is_free(port):
        if time.monotonic() > latest:
            raise AmendsError(
                f"port {port} is taken, by another `amends up` perhaps; "
                "stop what uses it, or set another in amends.toml (portal_port, prefect_port)"
            )
        time.sleep(0.1)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise AmendsError(
                f"port {port} is for root alone on this machine; set another in amends.toml (portal_port, prefect_port)"
            ) from None
        except OSError:
            return False
        return True


def _say_where(settings: Settings) -> None:
    auth = settings.home / "keys" / "prefect-auth"
    say(
        f"\nPrefect UI  http://127.0.0.1:{settings.prefect_port}  (it asks for the text in {auth})"
        f"\nPortal      http://127.0.0.1:{settings.portal_port}/n/INCIDENT  (once a notice is up)"
        f"\nNext        amends --home {quote(str(settings.home))} incident list"
        "\nCtrl-C stops all of it.\n"
    )
    if clock := rehearsal_clock(settings):
        say(f"THIS IS A REHEARSAL: it is {minute(clock())} here.\n")


def say(what: object) -> None:
    """Print the text. A terminal that is gone, or a pipe that nobody reads any more, stops nothing."""
    with suppress(OSError):
        print(what, flush=True)  # noqa: T201 - this is what the command is for


class Parts:
    """Child processes that run and end together."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._again: dict[str, Callable[[], None]] = {}
        """The function that starts a part again, by the part's name."""
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._aside: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with signals_ignored():  # a second Ctrl-C would leave some parts running; all end within STOP_SECONDS
            self.stop()

    def start(self, name: str, call: Sequence[str], *, quiet: bool = False, nicer: int = 0) -> None:
        """Start a part with this niceness, and watch the part from now on.

        The part leads a session of its own, so that Ctrl-C at the terminal reaches only this process, which ends the
        parts in order.
        """
        self._again[name] = partial(self.start, name, call, quiet=quiet, nicer=nicer)
        words = subprocess.DEVNULL if quiet else None
        with signals_deferred():
            self._running[name] = self._open(call, child_setup(leads=True, nicer=nicer), stdout=words, stderr=words)

    def start_aside(self, call: Sequence[str]) -> None:
        """Start a process that ends by itself, at the latest with the parts: without them it could wait for ever."""
        self._aside = [process for process in self._aside if process.poll() is None]
        with signals_deferred():
            self._aside.append(self._open(call, child_setup(), stdout=subprocess.DEVNULL))

    def _open(
        self, call: Sequence[str], begin: Callable[[], None], *, stdout: int | None, stderr: int | None = None
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            call,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            preexec_fn=begin,  # noqa: PLW1509 - no other thread here could hold a lock
        )

    def wait_for(self, name: str, port: int) -> None:
        """Wait until the part answers on the port. Raises AmendsError when the part ends or takes too long."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self._running[name].poll() is not None:
                raise AmendsError(f"{name} ended at once; its words stand above")
            if answers(port):
                return
            time.sleep(0.2)
        raise AmendsError(f"{name} did not answer on port {port} within {START_SECONDS} s")

    def watch(self, restarted: Callable[[Sequence[str]], None]) -> None:
        """Restart the parts that die and then call `restarted` with their names, until a signal comes.

        A restart that fails is tried again and ends no other part, because customers read the portal.
        """
        owed: list[str] = []
        while True:
            time.sleep(RESTART_SECONDS)
            dead = [name for name, process in self._running.items() if process.poll() is not None]
            for name in dead:
                say(f"{name} ended; starting it again")
                self._again[name]()
            owed += dead
            if owed:
                try:
                    restarted(owed)
                    owed = []
                except AmendsError as error:
                    say(error)

    def stop(self) -> None:
        """End all parts, the last one started first; kill those that do not end in time."""
        end_runs(self._running.get(RUNNER), self._environment.get("AMENDS_HOME", ""))
        processes = [*self._aside, *reversed(self._running.values())]
        for process in processes:
            if process.poll() is None:
                process.terminate()
        until = time.monotonic() + STOP_SECONDS
        for process in processes:
            try:
                process.wait(max(until - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def end_runs(runner: subprocess.Popen[bytes] | None, home: str) -> None:
    """Ask all runs of this home to end, so that messages in flight get their answers, and kill their runner.

    A runner that is asked to end kills its runs. And it does not know the runs of an earlier runner that was killed,
    possibly before this `amends up`.
    """
    if runner and (children := Path(f"/proc/{runner.pid}/task/{runner.pid}/children")).exists():
        runner.send_signal(signal.SIGSTOP)  # so that the runner begins no other run
        _ask_to_end({*map(int, children.read_text().split()), *runs_in(home)})
        runner.kill()
    else:
        _ask_to_end(runs_in(home))


def _ask_to_end(processes: Iterable[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)


def runs_in(home: str) -> list[int]:
    """Return the processes that carry out runs of this home, without their child processes; none but on Linux."""
    parents: dict[int, int] = {}
    ours = os.path.realpath(home)
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # the process has ended, or belongs to another user
            variables = (process / "environ").read_bytes().split(b"\0")
            homes = [os.path.realpath(os.fsdecode(word[len(HOME) :])) for word in variables if word.startswith(HOME)]
            if ours in homes and any(word.startswith(RUN) for word in variables):
                parents[int(process.name)] = int((process / "stat").read_text().rpartition(") ")[2].split()[1])
    return [run for run, parent in parents.items() if parent not in parents]


def child_setup(*, leads: bool = False, nicer: int = 0) -> Callable[[], None]:
    """Return the function to call in a child process before its program begins.

    The child hears the signals that are blocked while it is started. Linux kills the child when this process ends,
    also when this process is killed: the child would keep its port from the next `amends up`.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def begin() -> None:
        if libc:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if leads:
            os.setsid()
        if nicer:
            give_way(nicer)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, TERMINATION_SIGNALS)

    return begin


def free_port() -> int:
    """Return a port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Return True when something listens on this port of the machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":  # beside `amends up`, which must not wait here: the server may die again
    with suppress(Stopped), stopped_by_signals():  # a signal ends the called process too
        deploy_again()
