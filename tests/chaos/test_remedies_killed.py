"""A process that is killed while it takes in results has stored all of them or none, and the same again completes it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from amends.domain.channel.channel import ChannelKind
from amends.domain.entitlement.remedy import RemedyOutcome, RemedyState
from amends.ledger import Ledger
from tests.builders import NOW
from tests.delivery.sending import INCIDENT, a_ledger
from tests.ledger.entitlement.remedy_scene import LOCKS, REPLACED, SOUND, promised, tell, told_results

__all__ = ["ledger_url"]
from tests.ledger.conftest import ledger_url

PEOPLE, FEW, KILLS = 3_000, 40, 6
SETTLE = """
import sys
from pathlib import Path
from amends.domain.channel.channel import ChannelKind
from amends.domain.entitlement.remedy import RemedyOutcome, RemedyState
from tests.builders import NOW
from tests.delivery.sending import INCIDENT, a_ledger
from tests.ledger.entitlement.remedy_scene import LOCKS

url, folder, word, people = sys.argv[1:]
outcome = RemedyOutcome(RemedyState.DONE, word)
ledger = a_ledger(url, Path(folder))
print("begins", flush=True)
ledger.remedies.settle(INCIDENT, LOCKS, dict.fromkeys(range(1, int(people) + 1), outcome), "lena", NOW)
print("done", flush=True)
"""


def begun(url: str, folder: Path, word: str) -> "subprocess.Popen[str]":
    """A process that takes in this result for everybody, and has just begun."""
    return running(SETTLE, url, folder, word, PEOPLE)


def running(program: str, url: str, folder: Path, *more: object) -> "subprocess.Popen[str]":
    """A process of this program that has just begun."""
    words = [sys.executable, "-c", program, url, str(folder), *map(str, more)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "begins\n"
    return process


def results(ledger: Ledger) -> set[RemedyOutcome]:
    return {remedy.outcome for remedy in ledger.remedies.all(INCIDENT, LOCKS)}


@pytest.fixture
def told(ledger_url: str, tmp_path: Path) -> Ledger:
    ledger = a_ledger(ledger_url, tmp_path).migrate()
    promised(ledger, people=PEOPLE)
    ledger.remedies.enrol(INCIDENT, NOW)
    return ledger


def test_an_import_that_is_killed_stores_all_or_nothing(told: Ledger, ledger_url: str, tmp_path: Path) -> None:
    whole = begun(ledger_url, tmp_path, SOUND.word)
    started = time.monotonic()
    assert whole.wait() == 0
    took, stood = time.monotonic() - started, SOUND
    assert results(told) == {SOUND}
    for kill in range(KILLS):
        wanted = REPLACED if stood == SOUND else SOUND
        process = begun(ledger_url, tmp_path, wanted.word)
        time.sleep(took * (kill + 0.5) / KILLS)
        process.send_signal(signal.SIGKILL)
        process.wait()
        (stands,) = results(told)
        assert stands in (stood, wanted)
        assert (told.audit.verify(), told.audit.disagreements()) == ((), ())
        stood = stands
    everybody = dict.fromkeys(range(1, PEOPLE + 1), REPLACED)
    said = told.remedies.settle(INCIDENT, LOCKS, everybody, "lena", NOW)
    assert said.changed + said.same == PEOPLE
    assert results(told) == {RemedyOutcome(RemedyState.DONE, "replaced")}
    told.dispose()


CORRECT = """
import sys
from pathlib import Path
from amends.domain.entitlement.remedy import RightOutcome
from tests.builders import NOW
from tests.delivery.sending import INCIDENT, a_ledger
from tests.ledger.entitlement.remedy_scene import LOCKS, REPLACED

url, folder, people = sys.argv[1:]
ledger = a_ledger(url, Path(folder))
print("begins", flush=True)
for person in range(1, int(people) + 1):
    ledger.remedies.correct(INCIDENT, LOCKS, person, RightOutcome(REPLACED, "mixed up"), "lena", NOW)
"""


def test_killed_corrections_are_each_told_once(ledger_url: str, tmp_path: Path) -> None:
    """However often the process is killed on its way, each person has one correction, and one message of it waits."""
    ledger = a_ledger(ledger_url, tmp_path).migrate()
    told_results(ledger, people=FEW)
    for kill in range(KILLS):
        process = running(CORRECT, ledger_url, tmp_path, FEW)
        time.sleep(0.05 * (kill + 1))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (ledger.audit.verify(), ledger.audit.disagreements()) == ((), ())
    assert running(CORRECT, ledger_url, tmp_path, FEW).wait() == 0
    (one,) = ledger.cases.read(INCIDENT, NOW).result_corrections
    tell(ledger, one.notice, FEW, one.audience)
    lines = ledger.statistics.lines(INCIDENT, one.notice)
    told = [line.person for line in lines if line.channel == ChannelKind.EMAIL and line.person]
    assert sorted(told) == list(range(1, FEW + 1))
    ledger.dispose()
