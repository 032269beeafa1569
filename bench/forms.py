"""How many forms that people send off in the Prefect UI are taken, beside a send and other writers.

    python bench/forms.py --forms 200 --people 5000 --rounds 3 [--every 0.5] [--writers 3] [--out docs/performance.md]

Each round has a home, `amends up` and a mail server in C of its own. While the first notice leaves, the form of
`respond` is sent off so many times, by the call that the browser makes, with its CSRF token and once each: a browser
does not try again. Other writers keep Prefect's database busy meanwhile: artifacts, logs, runs that are set up and
deleted. The runner begins two runs at a time at most, so that the machine bears it. Every answer that is not 2xx is
counted, and printed with its words. It needs Linux and a C compiler. When a form was refused, or somebody was not
reached once, the exit code is 1 and the page stays as it is.
"""

import argparse
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from uuid import uuid4

import httpx2

from amends.settings import prefect_environment, read_settings
from bench.peers.arrivals import Arrivals
from bench.peers.home import INCIDENT
from bench.peers.measure import no_strays, sink
from bench.peers.page import fill, machine, number, table
from bench.peers.ready import require_sink
from bench.peers.scene import Scene

HEAD = (
    "round",
    "forms",
    "refused",
    "median ms",
    "slowest ms",
    "other calls",
    "refused",
    "messages",
    "twice",
    "missing",
)
AT_ONCE = 2
"""Runs that the runner has under way at a time."""
PAUSE = 0.05
"""Seconds between two calls of a writer."""
LOOK = 1.0


@dataclass
class Answers:
    """The answers to the calls of one kind."""

    seconds: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    def take(self, ask: Callable[[], httpx2.Response]) -> None:
        """Count one call, which is not tried again."""
        begun = time.monotonic()
        try:
            said = ask()
            if not said.is_success:
                self.refused[f"{said.status_code} {said.text[:80]}"] += 1
        except httpx2.TransportError as error:
            self.refused[type(error).__name__] += 1
        self.seconds.append(time.monotonic() - begun)


@dataclass(frozen=True, slots=True)
class Round:
    """One send with forms beside it."""

    forms: Answers
    others: Answers
    people: int
    twice: int
    missing: int

    @property
    def exact(self) -> bool:
        return not (self.forms.refused or self.others.refused or self.twice or self.missing)


def main() -> None:
    """Run all, print, write, and tell by the exit code whether every form was taken."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what was started ends with us
    options, described = _options(), machine()
    require_sink()
    rounds = [_round(options) for _ in range(options.rounds)]
    text = "\n\n".join((f"{described} `{_command(options)}`", _in_a_table(rounds)))
    print(f"\n{text}")
    if not all(round_.exact for round_ in rounds):
        sys.exit("a call was refused, or somebody was not reached once: nothing is written")
    if options.out:
        fill(options.out, "forms", text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--forms", type=int, default=200)
    parser.add_argument("--people", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--every", type=float, default=0.5, help="seconds between two forms")
    parser.add_argument("--writers", type=int, default=3)
    parser.add_argument("--delay", type=int, default=20, help="milliseconds until the mail server answers")
    parser.add_argument("--out", type=Path, help="the page whose table is replaced")
    return parser.parse_args()


def _command(options: argparse.Namespace) -> str:
    told = f"--forms {options.forms} --people {options.people} --rounds {options.rounds} --every {options.every:g}"
    return f"python bench/forms.py {told} --writers {options.writers} --delay {options.delay}"


def _round(options: argparse.Namespace) -> Round:
    with tempfile.TemporaryDirectory() as name, no_strays():
        log = Path(name) / "recipients"
        with sink(log, options.delay, timed=True) as (port, _):
            scene = Scene(Path(name), options.people, port, connections=4)
            with scene.up() as up:
                scene.draft(up)
                forms, others = _sent_off(scene, options, lambda: Arrivals(log).count())
                scene.wait(up, lambda: Arrivals(log).count() >= options.people, LOOK, "everybody is told")
        arrived = Arrivals(log).all()
    missing = options.people - len(set(arrived.recipients))
    done = Round(forms, others, options.people, arrived.twice, missing)
    for said, times in (*forms.refused.items(), *others.refused.items()):
        print(f"{times} times: {said}", file=sys.stderr)
    return done


def _sent_off(scene: Scene, options: argparse.Namespace, arrived: Callable[[], int]) -> tuple[Answers, Answers]:
    """Approve, and once the first message has arrived send the forms off, beside the writers."""
    forms, others = Answers(), Answers()
    with _prefect(scene) as api:
        _success(api.patch("/work_pools/amends", json={"concurrency_limit": AT_ONCE}))
        scene.approve()
        while not arrived():
            time.sleep(LOOK / 10)
        with _writers(scene, options.writers, others):
            for _ in range(options.forms):
                forms.take(lambda: _send_off(api, scene))
                time.sleep(options.every)
        print(f"{arrived()} of {options.people} had arrived when the last form was sent off", file=sys.stderr)
        _forget_what_waits(api)
    return forms, others


@contextmanager
def _prefect(scene: Scene) -> Iterator[httpx2.Client]:
    settings = read_settings(scene.home.folder)
    name, password = prefect_environment(settings)["PREFECT_API_AUTH_STRING"].split(":", 1)
    address = f"http://127.0.0.1:{settings.prefect_port}/api"
    with httpx2.Client(base_url=address, auth=(name, password), trust_env=False, timeout=90) as client:
        browser = str(uuid4())  # a token is good for one client, and the next one replaces it
        client.headers["Prefect-Csrf-Client"] = browser
        token = _success(client.get("/csrf-token", params={"client": browser})).json()["token"]
        client.headers["Prefect-Csrf-Token"] = token
        client.headers["X-Deployment"] = _deployment(client, "respond")
        yield client


def _deployment(client: httpx2.Client, name: str) -> str:
    return str(_success(client.get(f"/deployments/name/{name}/{name}")).json()["id"])


def _success(answer: httpx2.Response) -> httpx2.Response:
    return answer.raise_for_status()


def _send_off(api: httpx2.Client, scene: Scene) -> httpx2.Response:
    """Send the form of `respond` off, as the page of its deployment does."""
    state = {
        "type": "SCHEDULED",
        "message": "Run from the Prefect UI with custom parameters",
        "state_details": {"scheduled_time": datetime.now(UTC).isoformat()},
    }
    parameters = {"incident_id": INCIDENT, "playbook": str(scene.folder / "playbook.json")}
    create = f"/deployments/{api.headers['X-Deployment']}/create_flow_run"
    return api.post(create, json={"name": f"form-{uuid4().hex[:8]}", "parameters": parameters, "state": state})


@contextmanager
def _writers(scene: Scene, writers: int, answers: Answers) -> Iterator[None]:
    """Writers that keep Prefect's database busy until the block ends."""
    stopped = threading.Event()
    threads = [threading.Thread(target=_write, args=(scene, stopped, answers)) for _ in range(writers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


def _write(scene: Scene, stopped: threading.Event, answers: Answers) -> None:
    with _prefect(scene) as api:
        sweep = _deployment(api, "sweep")
        for turn in count():
            if stopped.is_set():
                return
            call = (_log, _artifact, partial(_set_up, deployment=sweep))[turn % 3]
            answers.take(partial(call, api))
            time.sleep(PAUSE)


def _log(api: httpx2.Client) -> httpx2.Response:
    line = {"name": "bench", "level": 20, "message": "busy", "timestamp": datetime.now(UTC).isoformat()}
    return api.post("/logs/", json=[line] * 10)


def _artifact(api: httpx2.Client) -> httpx2.Response:
    return api.post("/artifacts/", json={"key": "busy", "type": "markdown", "data": "busy"})


def _set_up(api: httpx2.Client, deployment: str) -> httpx2.Response:
    """Set up a run for next year, and delete it again."""
    later = (datetime.now(UTC) + timedelta(days=365)).isoformat()
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": later}}
    made = api.post(f"/deployments/{deployment}/create_flow_run", json={"state": state})
    return api.delete(f"/flow_runs/{made.json()['id']}") if made.is_success else made


def _forget_what_waits(api: httpx2.Client) -> None:
    """Delete the runs of forms that have not begun: the send is to end, and the machine to rest."""
    waiting = {"name": {"like_": "form-"}, "state": {"type": {"any_": ["SCHEDULED"]}}}
    while found := _success(api.post("/flow_runs/filter", json={"flow_runs": waiting, "limit": 200})).json():
        for run in found:
            api.delete(f"/flow_runs/{run['id']}")


def _in_a_table(rounds: list[Round]) -> str:
    rows = [
        (
            str(turn),
            str(len(one.forms.seconds)),
            str(one.forms.refused.total()),
            number(1000 * median(one.forms.seconds)),
            number(1000 * max(one.forms.seconds)),
            str(len(one.others.seconds)),
            str(one.others.refused.total()),
            str(one.people),
            str(one.twice),
            str(one.missing),
        )
        for turn, one in enumerate(rounds, 1)
    ]
    return table(HEAD, rows)


if __name__ == "__main__":
    main()
