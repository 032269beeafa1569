"""A long list is read by a process of its own, and nobody can tell: the same people, the same report, the same end."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest

from amends.content.people import read_ahead
from amends.content.people.audience import AudienceFile, AudienceReport
from amends.content.people.read_ahead import AudienceReadAhead
from amends.domain.base.errors import ContentError
from amends.domain.people.person import Person
from tests.content.conftest import Transaction

WIDE = "id,name,email,phone,locale,country,region,postal_address,timezone,data,segment,guardian_of,flags"
ROWS = tuple(
    f'C{n},王 Ada {n},ada{n % 900}@mail.example,+4930555{n:05},en,DE,,"{n} Road\nTown",Europe/Berlin,contact|health,'
    f"patients,{f'C{n - 1}' if n % 7 == 0 else ''},{'minor|protected' if n % 5 == 0 else ''}"
    for n in range(2, 3_000)
)
BAD = "C1,Ada,ada@mail.example,,en,Germany,,,,,,,"


@pytest.fixture(autouse=True)
def every_file_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_ahead, "LONG", 0)


@pytest.fixture
def another_thread() -> Iterator[None]:
    """With one, this process may not be forked."""
    over = threading.Event()
    threading.Thread(target=over.wait).start()
    yield
    over.set()


def outcome(audience: AudienceFile) -> tuple[list[Person], str, AudienceReport]:
    people, why = list[Person](), ""
    try:
        people.extend(audience.rows())
    except ContentError as error:
        why = f"{error.findings}"
    return people, why, audience.report


@pytest.mark.parametrize("rows", [ROWS, (*ROWS, BAD), (ROWS[0], BAD), ("ragged",), ('"',), ()])
def test_people_report_and_errors_are_the_same(audience: Transaction, rows: tuple[str, ...]) -> None:
    path = audience(*rows, header=WIDE)
    assert outcome(AudienceReadAhead(path)) == outcome(AudienceFile(path))


def test_a_file_that_is_not_there_is_refused_alike(tmp_path: Path) -> None:
    assert outcome(AudienceReadAhead(tmp_path / "none.csv")) == outcome(AudienceFile(tmp_path / "none.csv"))


@pytest.mark.usefixtures("another_thread")
def test_beside_other_threads_it_is_the_same(audience: Transaction) -> None:
    path = audience(*ROWS, header=WIDE)
    assert outcome(AudienceReadAhead(path)) == outcome(AudienceFile(path))


def test_a_short_file_needs_no_process(audience: Transaction, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_ahead, "LONG", 1_000_000)
    people = AudienceReadAhead(audience(*ROWS, header=WIDE)).rows()
    assert next(people) and not active_children()


def test_whoever_stops_listening_leaves_no_process_behind(audience: Transaction) -> None:
    people = AudienceReadAhead(audience(*ROWS, header=WIDE)).rows()
    assert next(people) and active_children()
    people.close()  # type: ignore[attr-defined]
    assert not active_children()


def test_when_the_reader_is_killed_the_list_is_refused(audience: Transaction) -> None:
    people = AudienceReadAhead(audience(*ROWS, header=WIDE)).rows()
    next(people)
    (reader,) = active_children()
    os.kill(reader.pid or 0, signal.SIGKILL)
    with pytest.raises(ContentError, match="ended from outside"):
        list(people)


def test_what_is_wrong_with_us_is_not_hidden(audience: Transaction) -> None:
    nonsense: Any = 5
    with pytest.raises(TypeError):
        list(AudienceReadAhead(audience(*ROWS, header=WIDE), encoding=nonsense).rows())


LISTENER = """
import sys, time
from multiprocessing import active_children
from pathlib import Path
from amends.content.people import read_ahead
read_ahead.LONG = 0
people = read_ahead.AudienceReadAhead(Path(sys.argv[1])).rows()
next(people)
print(active_children()[0].pid, flush=True)
time.sleep(60)
"""


@contextmanager
def listening(path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    call = [sys.executable, "-c", LISTENER, str(path)]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as listener:
        try:
            yield listener, int(listener.stdout.readline() if listener.stdout else 0)
        finally:
            listener.kill()


def test_the_reader_ends_when_the_one_who_listened_was_killed(audience: Transaction) -> None:
    with listening(audience(*ROWS, header=WIDE)) as (listener, reader):
        listener.kill()
        listener.wait()
        latest = time.monotonic() + 10
        while is_running(reader) and time.monotonic() < latest:
            time.sleep(0.02)
        assert not is_running(reader)


def is_running(process: int) -> bool:
    """Not ended; one whom nobody has buried counts as ended."""
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"
