"""A rotation of keys that is killed at each of its writes: `python killed_rotation.py FOLDER master|case TIME`.

Each process that rotates is forked, and kills itself with SIGKILL one write later than the one before, until one comes
to its end. After each kill the ledger is opened again and read whole. Prints how many were killed.
"""

import os
import signal
import sys
from datetime import datetime
from pathlib import Path

import pytest

from amends.delivery.forget import seal_files_in
from amends.domain.claim.claim import ClaimState
from amends.ledger import Keys, Ledger
from amends.system.key_file import KeyFile
from tests.ledger.forget.test_rotation import Killer
from tests.story import APPROVERS, INCIDENT

MOST_KILLS = 200


class Killed(Killer):
    """Kills this process as a power cut would."""

    def kill(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def open_ledger(folder: Path) -> Ledger:
    """Open the year's ledger with the key in its file, as any process of the home does."""
    file = KeyFile(folder / "keys" / "master.key")
    url = f"sqlite:///{folder / 'ledger.sqlite3'}"
    return Ledger(url, Keys.from_text(file.path.read_text(), file), folder / "audit-head")


def read_whole(folder: Path) -> int:
    """Open whatever the ledger keeps of its people, and return how many values that are; raises when one is lost."""
    ledger = open_ledger(folder).migrate()
    assert not ledger.audit.verify()
    people = ledger.people.get_many(INCIDENT, range(1, 2_000))
    codes = [ledger.codes.of_person(INCIDENT, number) for number in people]
    claims = ledger.claims.all(INCIDENT)
    contents = [ledger.evidence.all(INCIDENT, claim.id) for claim in claims]
    assert all(person.email for person in people.values())
    assert all(claim.text and (claim.account or claim.state is ClaimState.LAPSED) for claim in claims)
    ledger.dispose()
    return sum(map(len, (people, codes, claims, contents)))


def rotate(folder: Path, which: str, now: datetime) -> None:
    """Rotate the key of the case, or the master key."""
    ledger = open_ledger(folder).migrate()
    if which == "master":
        ledger.keys.master(APPROVERS[0], now)
    else:
        ledger.keys.case(INCIDENT, APPROVERS[0], now, seal_files_in(folder))
    ledger.dispose()


def rotated(folder: Path, which: str, now: datetime, at: int) -> int:
    """Rotate in a process that kills itself at this write, and return how it ended."""
    if (process := os.fork()) == 0:
        Killed(pytest.MonkeyPatch(), at)
        rotate(folder, which, now)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def main(folder: Path, which: str, now: datetime) -> int:
    """Rotate until it is done, and return how often it was killed before."""
    kept = read_whole(folder)
    for at in range(1, MOST_KILLS):
        ended = rotated(folder, which, now, at)
        assert ended in (0, -signal.SIGKILL)
        assert read_whole(folder) == kept
        if not ended:
            return at - 1
    raise AssertionError("it never ends")


if __name__ == "__main__":
    sys.stdout.write(str(main(Path(sys.argv[1]), sys.argv[2], datetime.fromisoformat(sys.argv[3]))))
