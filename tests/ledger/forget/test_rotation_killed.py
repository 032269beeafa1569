"""A process that is killed with SIGKILL at any write of a rotation leaves a ledger that the next process reads whole."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from amends.ledger import Keys, Ledger
from amends.system.key_file import KeyFile
from tests.builders import NOW
from tests.delivery.sending import INCIDENT, a_ledger, sqlite_url
from tests.ledger.forget.forgetting import with_traces
from tests.ledger.forget.test_rotation import CONTACT, reads_everything, sound

ROTATE = """
import os, signal, sys
from pathlib import Path
import pytest
from amends.ledger import Keys, Ledger
from amends.ledger.forget import rotation
from amends.system.key_file import KeyFile
from tests.ledger.forget import test_rotation as told
from tests.delivery.sending import INCIDENT, sqlite_url
from tests.ledger.forget.forgetting import LATER, OMAR
folder, which, at = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
rotation.PAGE = rotation.PEOPLE = 2
told.Killer.kill = lambda _: os.kill(os.getpid(), signal.SIGKILL)
told.Killer(pytest.MonkeyPatch(), at)
file = KeyFile(folder / "master.key")
ledger = Ledger(sqlite_url(folder), Keys.from_text(file.path.read_text(), file), folder / "audit-head").migrate()
if which == "master":
    ledger.keys.master(OMAR, LATER)
else:
    ledger.keys.case(INCIDENT, OMAR, LATER, told.no_files)
"""


@pytest.mark.parametrize("which", ["master", "case"])
def test_a_sigkill_at_each_write_loses_nothing(which: str, tmp_path: Path) -> None:
    ledger = a_ledger(sqlite_url(tmp_path), tmp_path).migrate()
    with_traces(ledger)
    ledger.team.set_contact("omar", CONTACT, "omar", NOW)
    (tmp_path / "master.key").write_text(ledger.store.keys.text)
    ledger.dispose()
    kills = 0
    while rotated(tmp_path, which, kills + 1):
        kills += 1
    assert kills > 3


def rotated(folder: Path, which: str, at: int) -> int:
    """Rotate in a process that kills itself at this write, look at what it left, and return how it ended."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    call = [sys.executable, "-c", ROTATE, str(folder), which, str(at)]
    ended = subprocess.run(call, env=environment, check=False, capture_output=True)
    assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
    file = KeyFile(folder / "master.key")
    looked = Ledger(sqlite_url(folder), Keys.from_text(file.path.read_text(), file), folder / "audit-head").migrate()
    assert reads_everything(looked)
    assert sound(looked)
    assert ended.returncode or looked.keys.under_way() == ()
    assert looked.people.number_of(INCIDENT, "CANARY-1") == 1
    looked.dispose()
    return ended.returncode
