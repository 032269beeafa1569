"""The processes of `amends up` live and end together."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from configparser import ConfigParser
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from amends.cli.home.up import Parts, _require_free, alone, free_port, runs_in
from amends.domain.base.errors import AmendsError
from amends.settings import prefect_environment, read_settings
from amends.system.processes import AUTOGROUP, Stopped, stopped_by_signals
from tests.cli.conftest import Office
from tests.e2e.installation import until
from tests.privileges import of_nobody

SLEEPS = [sys.executable, "-c", "import time; time.sleep(600)"]
ENDS = [sys.executable, "-c", ""]
SYSTEMD_TRIES, SYSTEMD_LIMIT_SECONDS = 5, 10
"""What starts more often within this time is given up: DefaultStartLimitBurst and DefaultStartLimitIntervalSec."""


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(autouse=True)
def portal_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a free port for the portal: an `amends up` of this machine may have the usual one."""
    monkeypatch.setenv("AMENDS_PORTAL_PORT", str(free_port()))


@pytest.fixture
def parts() -> Parts:
    return Parts(os.environ)


def test_what_was_started_aside_ends_with_the_parts_at_the_latest(parts: Parts) -> None:
    with parts:
        parts.start("part", SLEEPS)
        parts.start_aside(SLEEPS)
        started = [process.pid for process in (*parts._running.values(), *parts._aside)]
        assert all(map(runs, started))
    assert not any(map(runs, started))


def test_ctrl_c_during_a_start_ends_what_was_started(parts: Parts) -> None:
    """Ctrl-C while a part is being started is heard, and the part that was started is ended."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests themselves do not hear it
    pressed = [signal.SIGINT]
    os.register_at_fork(before=lambda: signal.raise_signal(pressed.pop()) if pressed else None)
    with pytest.raises(Stopped), stopped_by_signals(), parts:
        parts.start("part", SLEEPS)
    assert [process.poll() for process in parts._running.values()] == [-signal.SIGTERM]


def test_what_is_typed_at_the_terminal_reaches_no_part(parts: Parts) -> None:
    """The runner would kill its runs before we have asked them to end."""
    with parts:
        parts.start("part", SLEEPS)
        (part,) = (process.pid for process in parts._running.values())
        assert os.getsid(part) == part


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="the kernel shares the processor out without looking at sessions")
def test_a_part_that_yields_does_so_to_other_sessions_too(parts: Parts) -> None:
    """Otherwise a portal that is flooded takes from a send what it wants, however nice it is."""
    with parts:
        parts.start("part", SLEEPS, nicer=12)
        parts.start("other", SLEEPS)
        yields, other = (process.pid for process in parts._running.values())
        assert os.getpriority(os.PRIO_PROCESS, yields) == 12
        assert Path(f"/proc/{yields}/autogroup").read_text().split()[-1] == "12"
        assert Path(f"/proc/{other}/autogroup").read_text().split()[-1] == "0"


YIELDS = (
    "import os; from amends.system.processes import give_way; give_way(7); print(os.getpriority(os.PRIO_PROCESS, 0))"
)


def test_who_shares_a_session_yields_alone() -> None:
    """The session may be somebody's shell, with all that they work on."""
    before = AUTOGROUP.read_text() if AUTOGROUP.exists() else ""
    told = subprocess.run([sys.executable, "-c", YIELDS], capture_output=True, text=True, check=True)
    assert told.stdout == "7\n"
    assert (AUTOGROUP.read_text() if AUTOGROUP.exists() else "") == before


def test_what_was_started_to_yield_more_still_does() -> None:
    """Who is not root may not take that back, and no part would start."""
    more = max(15 - os.getpriority(os.PRIO_PROCESS, 0), 0)  # these tests may have been started to yield, too
    call = ["nice", "-n", str(more), sys.executable, "-c", YIELDS]
    told = subprocess.run(call, capture_output=True, text=True, check=True)
    assert int(told.stdout) >= 15


SLOW_TO_END = """
import os, signal, sys, time
from pathlib import Path
pressed_again = lambda: os.kill(os.getppid(), signal.SIGINT)
signal.signal(signal.SIGTERM, lambda *_: (pressed_again(), time.sleep(1), sys.exit()))
Path(sys.argv[1]).touch()
time.sleep(600)
"""


def test_a_second_ctrl_c_leaves_no_part_running(parts: Parts, tmp_path: Path) -> None:
    """A second Ctrl-C while the parts are ending, as impatient people press it, leaves no part running."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests themselves do not hear it
    ready = tmp_path / "ready"
    done = threading.Event()
    threading.Thread(target=done.wait, daemon=True).start()  # a thread could take the signal although we do not
    with suppress(Stopped), stopped_by_signals(), parts:
        parts.start("part", [sys.executable, "-c", SLOW_TO_END, str(ready)])
        until(ready.exists, 30, "the part runs")
        raise Stopped(signal.SIGINT)
    done.set()
    assert [process.poll() for process in parts._running.values()] == [0]


def test_a_run_is_found_by_whichever_name_of_its_home(tmp_path: Path) -> None:
    """It may have been started by the real one, and a later `amends up` know a link to it, or the other way round."""
    (real := tmp_path / "real").mkdir()
    (link := tmp_path / "link").symlink_to(real)
    run = {**os.environ, "AMENDS_HOME": str(link), "PREFECT__FLOW_RUN_ID": "1"}
    with Parts(run) as parts:
        parts.start("run", SLEEPS)
        (started,) = (process.pid for process in parts._running.values())
        assert [runs_in(str(home)) for home in (real, link, tmp_path)] == [[started], [started], []]


STARTS = """
import os, sys, time
from amends.cli.home.up import Parts
with Parts(os.environ) as parts:
    parts.start("part", [sys.executable, "-c", "import time; time.sleep(600)"])
    parts.start_aside([sys.executable, "-c", "import time; time.sleep(600)"])
    print(parts._running["part"].pid, parts._aside[0].pid, flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="no other system ends a process with the one that started it")
def test_parts_end_with_whoever_started_them_also_when_that_is_killed() -> None:
    """They would keep their ports from the next start, and nothing would start again what dies of them."""
    with subprocess.Popen([sys.executable, "-c", STARTS], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        pids = [int(pid) for pid in starter.stdout.readline().split()]
        assert len(pids) == 2
        assert all(map(runs, pids))
        starter.kill()
    until(lambda: not any(map(runs, pids)), 30, "no part is left")


def test_of_two_that_start_in_one_home_the_second_starts_nothing(empty: Office) -> None:
    with alone(empty.home):
        answer = empty.amends("up")
    assert (answer.exit_code, "runs for" in answer.stderr) == (1, True)
    assert not (empty.home / "prefect" / "prefect.db").exists()


def test_what_has_ended_aside_is_not_kept_in_mind(parts: Parts) -> None:
    with parts:
        for _ in range(3):
            parts.start_aside(ENDS)
            parts._aside[-1].wait(30)
        parts.start_aside(ENDS)
        assert len(parts._aside) == 1


def test_a_part_that_cannot_be_started_again_takes_no_other_with_it(parts: Parts) -> None:
    """Prefect's server does not start on a full disk; the customers' portal goes on, and it is tried again."""
    tried: list[str] = []

    def restarted(_ended: Sequence[str]) -> None:
        if tried:
            raise Stopped(signal.SIGTERM)
        tried.append("once")
        parts.start("server", ENDS)
        parts._running["server"].wait(30)
        parts.wait_for("server", free_port())

    with parts:
        parts.start("server", ENDS)
        parts.start("portal", SLEEPS)
        with pytest.raises(Stopped):
            parts.watch(restarted)
        assert runs(parts._running["portal"].pid)


def test_what_must_be_done_after_a_restart_is_owed_until_it_is_done(parts: Parts) -> None:
    told: list[list[str]] = []

    def restarted(ended: Sequence[str]) -> None:
        told.append(list(ended))
        if len(told) == 1:
            raise AmendsError("the server does not answer yet")
        raise Stopped(signal.SIGTERM)

    with parts:
        parts.start("server", ENDS)
        parts._again["server"] = lambda: parts.start("server", SLEEPS)
        with pytest.raises(Stopped):
            parts.watch(restarted)
    assert told == [["server"], ["server"]]


def test_a_part_is_started_again_although_nobody_can_be_told(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal that it was started from is closed, or the pipe that its words go to."""
    told: list[str] = []
    reading, writing = os.pipe()
    os.close(reading)

    def restarted(_ended: Sequence[str]) -> None:
        raise Stopped(signal.SIGTERM)

    with suppress(BrokenPipeError), parts, os.fdopen(writing, "w") as nobody_reads:
        monkeypatch.setattr(sys, "stdout", nobody_reads)
        parts.start("portal", ENDS)
        parts._running["portal"].wait(30)
        with pytest.raises(Stopped):
            parts.watch(restarted)
        monkeypatch.undo()
        told.append("started again")
    assert told


RUNS = """
import signal, subprocess, sys, time
from pathlib import Path
run = "import signal, sys, time; signal.signal(15, lambda *_: (time.sleep(1), open(sys.argv[1], 'w').write('answered'), "
run += "sys.exit())); print(flush=True); time.sleep(600)"
with subprocess.Popen([sys.executable, "-c", run, sys.argv[1]], stdout=subprocess.PIPE, process_group=0) as child:
    def kill(*_):
        child.kill()
        sys.exit()
    signal.signal(signal.SIGTERM, kill)
    child.stdout.readline()
    Path(sys.argv[2]).touch()
    child.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="no other system tells what a process has started")
def test_a_run_that_is_sending_when_all_of_it_ends_hears_its_answers(parts: Parts, tmp_path: Path) -> None:
    """Prefect's runner kills its runs when it is asked to end, and what they have under way would be uncertain."""
    answered, ready = tmp_path / "answered", tmp_path / "ready"
    with parts:
        parts.start("runner", [sys.executable, "-c", RUNS, str(answered), str(ready)])
        until(ready.exists, 30, "the run has begun")
    until(answered.exists, 30, "the run has its answers")


@pytest.mark.parametrize("runners", [0, 1])
@pytest.mark.skipif(sys.platform != "linux", reason="no other system tells what a process has been told")
def test_a_run_whose_runner_was_killed_ends_with_all_of_it_too(tmp_path: Path, runners: int) -> None:
    """Nobody is its parent any more, and it would go on sending although all of it was stopped."""

    def a_run(home: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(SLEEPS, env=os.environ | {"AMENDS_HOME": str(home), "PREFECT__FLOW_RUN_ID": "1"})

    with Parts({**os.environ, "AMENDS_HOME": str(tmp_path)}) as parts:
        for _ in range(runners):
            parts.start("runner", SLEEPS)
        left, elsewhere = a_run(tmp_path), a_run(tmp_path / "other")
    try:
        assert (left.wait(30), elsewhere.poll()) == (-signal.SIGTERM, None)
    finally:
        for run in (left, elsewhere):
            run.kill()
            run.wait()


class Healthy(BaseHTTPRequestHandler):
    """Answers Prefect's client as a server does that is well."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def prefect_port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Healthy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


ASKS = """
import asyncio
from prefect.client.orchestration import get_client

async def ask():
    async with get_client() as client:
        raise SystemExit(await client.api_healthcheck())

asyncio.run(ask())
"""


@pytest.mark.parametrize("spared", ["", "intranet.example", "*"])
def test_local_prefect_is_asked_without_the_companys_proxy(
    empty: Office, prefect_port: int, spared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prefect on this machine is asked directly also where the environment names a proxy, whatever NO_PROXY spares
    already.
    """
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")  # nobody listens there
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, spared)
    settings = read_settings(empty.home).model_copy(update={"prefect_port": prefect_port})
    asked = subprocess.run(
        [sys.executable, "-c", ASKS], env=prefect_environment(settings), capture_output=True, text=True, check=False
    )
    assert asked.returncode == 0, asked.stderr


def test_without_the_master_key_up_starts_nothing_and_names_it(office: Office) -> None:
    """When the master key is missing, amends up starts nothing, fails, and names the file of the key."""
    (office.home / "keys" / "master.key").unlink()
    answer = office.amends("up")
    assert answer.exit_code
    assert "master.key is not there" in answer.output
    assert not (office.home / "prefect" / "prefect.db").exists()


def test_a_port_that_is_taken_is_named_with_who_may_have_it(empty: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amends.cli.home.up.PORT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv("AMENDS_PREFECT_PORT", str(port))
        answer = empty.amends("up")
    assert (answer.exit_code, f"port {port} is taken, by another `amends up` perhaps" in answer.stderr) == (1, True)


def test_a_part_that_was_killed_a_moment_ago_may_have_its_port_still() -> None:
    """It yields to a send in dying, too."""
    with socket.create_server(("127.0.0.1", 0)) as dying:
        threading.Timer(0.5, dying.close).start()
        _require_free(dying.getsockname()[1])
        assert dying.fileno() == -1, "it has waited until that was closed"


def test_a_port_that_only_root_may_have_is_not_called_taken() -> None:
    port = 88  # nobody of ours listens there
    from_here_on = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if not from_here_on.exists() or int(from_here_on.read_text()) <= port:
        pytest.skip("here everybody may have every port")
    with of_nobody(), pytest.raises(AmendsError, match=f"port {port} is for root alone"):
        _require_free(port)


def test_help_says_how_to_have_other_ports(empty: Office) -> None:
    said = " ".join(empty.amends("up", "--help").output.split())
    assert "amends.toml: prefect_port, portal_port" in said


def test_the_ledger_stays_as_it_is_where_another_amends_is_up_already(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be an older one, which could not write to newer tables."""
    ledger = office.home / "ledger.sqlite3"
    with sqlite3.connect(ledger) as tables:
        tables.execute("UPDATE amends_schema SET version_num = '0022'")
        tables.execute("DROP TABLE sms_reply")
        tables.execute("DROP INDEX ix_delivery_sms_to")
    monkeypatch.setattr("amends.cli.home.up.PORT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setenv("AMENDS_PORTAL_PORT", str(other.getsockname()[1]))
        assert office.amends("up").exit_code == 1
    with sqlite3.connect(ledger) as tables:
        assert tables.execute("SELECT version_num FROM amends_schema").fetchall() == [("0022",)]


def test_what_sets_up_prefect_again_takes_what_it_has_called_with_it(tmp_path: Path) -> None:
    """Prefect's own command line waits long for a server that is gone."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        here = f"http://127.0.0.1:{silent.getsockname()[1]}/api"
        with Parts({**os.environ, "PREFECT_API_URL": here, "PREFECT_HOME": str(tmp_path)}) as parts:
            parts.start_aside([sys.executable, "-m", "amends.cli.home.up"])
            silent.settimeout(60)
            silent.accept()[0].close()
            children = Path(f"/proc/{parts._aside[0].pid}/task/{parts._aside[0].pid}/children")
            called = [int(pid) for pid in children.read_text().split()]
    assert called
    assert not any(map(runs, called))


# As a service


def the_unit() -> ConfigParser:
    """The one that docs/operations.md gives to systemd."""
    text = (Path(__file__).parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")
    unit = ConfigParser(interpolation=None)
    unit.read_string(text.partition("```ini\n")[2].partition("```")[0])
    return unit


def test_systemd_restarts_up_as_long_as_its_database_is_away(empty: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the database cannot be reached, amends up fails with exit code 1, and the systemd unit starts it again so
    slowly that systemd's limit of starts is never reached.
    """
    service = the_unit()["Service"]
    assert service["Restart"] == "on-failure"
    assert int(service["RestartSec"]) * SYSTEMD_TRIES > SYSTEMD_LIMIT_SECONDS
    monkeypatch.setenv("AMENDS_DATABASE_URL", f"postgresql+psycopg://amends@127.0.0.1:{free_port()}/amends")
    answer = empty.amends("up")
    assert answer.exit_code == 1
    assert "the ledger cannot be opened" in answer.stderr


def test_systemd_starts_it_after_a_database_of_the_same_machine() -> None:
    assert "postgresql.service" in the_unit()["Unit"]["After"].split()
