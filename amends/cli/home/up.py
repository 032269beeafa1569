"""`amends up`: Prefect server, deployments, runner and portal, as long as it runs in the foreground."""

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

from amends.cli.terminal.prefect import POOL
from amends.domain.base.errors import AmendsError
from amends.domain.base.text import minute
from amends.rehearsal_clock import rehearsal_clock
from amends.settings import Settings, open_ledger, prefect_environment
from amends.system.processes import ENDING, Stopped, deaf, give_way, stopped_by_signals, undisturbed

START_SECONDS = 180
RESTART_SECONDS = 2
STOP_SECONDS = 15
PORT_SECONDS = 10
"""A part that was killed and yields to a send may need so long to die, and has its port until then."""
TRIES = 5
SERVER, RUNNER = "Prefect server", "runner"
LOCK = "up.lock"
RUN = b"PREFECT__FLOW_RUN_ID="
"""What Prefect's runner says to each process that carries out a run."""
HOME = b"AMENDS_HOME="
PR_SET_PDEATHSIG = 1
"""See prctl(2)."""
NICER = 10
"""What Prefect's server yields, as the portal does: where cores are short a send goes first."""


def up(ctx: typer.Context) -> None:
    """Start Prefect, its runner and the portal; Ctrl-C stops them.

    Other ports than 4200 (Prefect) and 8400 (portal) stand in amends.toml: prefect_port, portal_port.
    """
    run(ctx.obj.settings)


def run(settings: Settings) -> None:
    """Run all of it until Ctrl-C; a part that dies is started again.

    Raises AmendsError when it runs already, a port is taken or the ledger cannot be opened; nothing is started then.
    """
    with alone(settings.home):
        for port in (settings.prefect_port, settings.portal_port):
            _require_free(port)  # first: what runs here already may be an older Amends, at work in this ledger
        open_ledger(settings).dispose()
        os.umask(0o077)  # Prefect would make its database readable by everybody
        with suppress(Stopped), stopped_by_signals(), Parts(prefect_environment(settings)) as parts:
            _start(settings, parts)


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """No other `amends up` is at work in this home until the end of the block. Raises AmendsError when one is.

    Of two that start at once each would take the other's server for its own, and start its parts again for ever.
    """
    (home / LOCK).touch(mode=0o600)
    with (home / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AmendsError(f"`amends up` runs for {home} already; nothing was started") from None
        yield


def _start(settings: Settings, parts: "Parts") -> None:
    """Start all parts, and those that die again, until a signal comes."""
    environment = prefect_environment(settings)
    serve = prefect("server", "start", "--host", "127.0.0.1", "--port", settings.prefect_port)
    parts.start(SERVER, serve, nicer=NICER)
    parts.wait_for(SERVER, settings.prefect_port)
    deploy(environment)
    end_pauses(environment)
    parts.start(RUNNER, prefect("worker", "start", "--pool", POOL, "--type", "process", "--name", "amends"))
    parts.start("portal", [sys.executable, "-m", "amends.web"])
    parts.wait_for("portal", settings.portal_port)
    _say_where(settings)
    look_at_ledger(parts)

    def restarted(ended: Sequence[str]) -> None:
        parts.wait_for(SERVER, settings.prefect_port)
        if SERVER in ended:
            parts.start_aside([sys.executable, "-m", __name__])
        else:
            look_at_ledger(parts)

    parts.watch(restarted)


def prefect(*arguments: object) -> list[str]:
    """A call of Prefect's command line, with this Python."""
    return [sys.executable, "-m", "prefect", *map(str, arguments)]


SWEEP = prefect("deployment", "run", "sweep/sweep")


def deploy(environment: Mapping[str, str]) -> None:
    """Make the work pool and apply prefect.yaml. Raises AmendsError with Prefect's own words."""
    _call(environment, prefect("work-pool", "create", POOL, "--type", "process", "--overwrite"))
    _call(environment, prefect("--no-prompt", "deploy", "--all", "--prefect-file", deployments_file()))


def end_pauses(environment: Mapping[str, str]) -> None:
    """Prefect keeps what somebody has paused there for ever, and says it nowhere. Raises AmendsError."""
    _call(environment, [sys.executable, "-m", "amends.cli.terminal.prefect"])


def _call(environment: Mapping[str, str], call: Sequence[str]) -> None:
    done = subprocess.run(call, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise AmendsError(f"Prefect refused `{' '.join(call[2:])}`:\n{done.stdout}{done.stderr}")


def look_at_ledger(parts: "Parts") -> None:
    """Have a sweep run at once, instead of within minutes: whatever was cut off goes on. Does not wait for it."""
    parts.start_aside(SWEEP)


def deploy_again() -> None:
    """What Prefect's server has forgotten when it lost its database; then a sweep, which sets up the runs."""
    for tries_left in reversed(range(TRIES)):
        try:
            deploy(os.environ)
            break
        except AmendsError as error:
            if not tries_left:
                sys.exit(str(error))
            time.sleep(RESTART_SECONDS)
    subprocess.run(SWEEP, stdin=subprocess.DEVNULL, check=False)


def deployments_file() -> Path:
    """prefect.yaml: at the top of the source tree, or inside the installed package."""
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
    """Tell whoever looks. A terminal that is gone, or a pipe that nobody reads any more, stops nothing."""
    with suppress(OSError):
        print(what, flush=True)  # noqa: T201 - this is what the command is for


class Parts:
    """Child processes that live and end together."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._again: dict[str, Callable[[], None]] = {}
        """How each part is started again."""
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._aside: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with deaf():  # Ctrl-C again would leave some of them running; all of them end within STOP_SECONDS
            self.stop()

    def start(self, name: str, call: Sequence[str], *, quiet: bool = False, nicer: int = 0) -> None:
        """Start a part, which yields processor time to others by so much; from now on it is watched.

        It leads a session of its own: what is typed at the terminal reaches us alone, who end the parts in order.
        """
        self._again[name] = partial(self.start, name, call, quiet=quiet, nicer=nicer)
        words = subprocess.DEVNULL if quiet else None
        with undisturbed():
            self._running[name] = self._open(call, our_part(leads=True, nicer=nicer), stdout=words, stderr=words)

    def start_aside(self, call: Sequence[str]) -> None:
        """Start what ends by itself, and with the parts at the latest: without them it could wait for ever."""
        self._aside = [process for process in self._aside if process.poll() is None]
        with undisturbed():
            self._aside.append(self._open(call, our_part(), stdout=subprocess.DEVNULL))

    def _open(
        self, call: Sequence[str], begin: Callable[[], None], *, stdout: int | None, stderr: int | None = None
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            call,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            preexec_fn=begin,  # noqa: PLW1509 - there is no other thread here that could hold a lock
        )

    def wait_for(self, name: str, port: int) -> None:
        """Wait until it answers. Raises AmendsError when it ends or takes too long."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self._running[name].poll() is not None:
                raise AmendsError(f"{name} ended at once; its words stand above")
            if answers(port):
                return
            time.sleep(0.2)
        raise AmendsError(f"{name} did not answer on port {port} within {START_SECONDS} s")

    def watch(self, restarted: Callable[[Sequence[str]], None]) -> None:
        """Start again what dies, and do what must be done after these were, until a signal comes.

        What cannot be started again is tried again, and takes no other with it: customers read the portal.
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
        """End all parts, the last started first; what does not listen is killed."""
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
    """Ask all runs of this home to end, which lets what they send come to its answer, and kill their runner.

    Asked itself, it kills them; and it does not know those of a runner that was killed, also before this `amends up`.
    """
    if runner and (children := Path(f"/proc/{runner.pid}/task/{runner.pid}/children")).exists():
        runner.send_signal(signal.SIGSTOP)  # it begins no other run
        _ask_to_end({*map(int, children.read_text().split()), *runs_in(home)})
        runner.kill()
    else:
        _ask_to_end(runs_in(home))


def _ask_to_end(processes: Iterable[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)


def runs_in(home: str) -> list[int]:
    """The processes that carry out runs there, each without those that help it. Only Linux tells."""
    parents: dict[int, int] = {}
    ours = os.path.realpath(home)
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is somebody else's
            told = (process / "environ").read_bytes().split(b"\0")
            homes = [os.path.realpath(os.fsdecode(word[len(HOME) :])) for word in told if word.startswith(HOME)]
            if ours in homes and any(word.startswith(RUN) for word in told):
                parents[int(process.name)] = int((process / "stat").read_text().rpartition(") ")[2].split()[1])
    return [run for run, parent in parents.items() if parent not in parents]


def our_part(*, leads: bool = False, nicer: int = 0) -> Callable[[], None]:
    """What is started so hears our signals, which it does not while it is being started.

    Linux kills it when we end, also when we are killed: it would keep its port from the next.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def begin() -> None:
        if libc:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if leads:
            os.setsid()
        if nicer:
            give_way(nicer)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)

    return begin


def free_port() -> int:
    """A port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":  # beside `amends up`, which must not wait for a server that may die again
    with suppress(Stopped), stopped_by_signals():  # what it has called ends with it
        deploy_again()
