"""The power is cut in the middle of a send: whatever may have left is known on the disk, and nobody is told twice.

A killed process leaves behind all that it wrote, a machine without power only what it had waited for. So the calls of a
whole send are traced, and the disk is put together as it was, at the least or by chance, just before a message's end.
"""

import os
import pickle
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from amends.domain.channel.channel import ChannelKind
from amends.domain.notice.notice import DeliveryState
from amends.sandbox.mail import Arrived, Faults, MailServer, SmtpStage
from amends.sandbox.web import TakenMessage, WebServices
from tests.chaos.killing import CONNECTIONS, LEASE_AND_MORE, NOT_REACHED, REACHED, SEED, Chaos, check, somebody
from tests.chaos.power import Disk
from tests.chaos.powered import WORKERS
from tests.chaos.sender import Errand
from tests.chaos.strace import STRACE, Call, calls, may_trace
from tests.delivery.sending import INCIDENT, NOTICE, ChannelSettings, a_ledger, channel_settings, sqlite_url
from tests.desks import served

PEOPLE = int(os.environ.get("AMENDS_CHAOS_PEOPLE", "150"))
LOOKS = int(os.environ.get("AMENDS_CHAOS_KILLS", "8")) * 2
GOES_ON = 1
"""After so many cuts the send is gone on with to its end."""
TROUBLE = Faults({SmtpStage.RECIPIENT: 0.05, SmtpStage.DOT: 0.05, SmtpStage.ENDING: 0.03})
CLOSED = (*REACHED, *NOT_REACHED, DeliveryState.BOUNCED)
SPOKEN = re.compile(rb"RCPT TO:<(?P<to>[^>]*)>|(?P<end>BDAT 0 LAST\r\n|(?:^|\r\n)\.\r\n)|\"to\": ?\"(?P<sms>\+\d+)\"")

pytestmark = pytest.mark.skipif(bool(may_trace()), reason=may_trace() or "it can be traced")


@dataclass
class Wires:
    """What goes out over all connections."""

    said: dict[str, bytes] = field(default_factory=dict)
    """By connection, what is not ended."""

    def leaving(self, call: Call) -> list[str]:
        """Who may have a whole message when this call begins: addresses and numbers."""
        if not call.place.startswith("TCP") or call.result == -1:
            return []
        to, ended, rest, said = b"", [], 0, self.said.get(call.place, b"") + b"".join(call.strings)[: call.result]
        for found in SPOKEN.finditer(said):
            to = found["to"] or found["sms"] or to
            ended += [] if found["to"] else [to.decode()]
            rest = found.start() if found["to"] else found.end()
        if not call.began:
            self.said[call.place] = said[rest:]
        return ended if call.began else []


@dataclass
class Send:
    """A send that was traced to its end, and what the world saw of it."""

    folder: Path
    trace: Path
    people: int
    arrived: list[Arrived]
    taken: list[TakenMessage]
    gone_wrong: Counter[SmtpStage]

    def cuts(self) -> Iterator[tuple[Disk, list[str]]]:
        """The disk just before each end of a message, and who may have one then: the last of them has not yet."""
        disk, wires, left = Disk(self.folder, "site"), Wires(), list[str]()
        for call in calls(self.trace):
            disk.see(call)
            if leaving := wires.leaving(call):
                left += [who for who in leaving if who not in left]
                yield disk, list(left)

    @property
    def told(self) -> set[str]:
        """Whose message was taken."""
        mailed = {arrived.recipients[0] for arrived in self.arrived}
        return mailed | {taken.fields["to"] for taken in self.taken if taken.service == "sms"}


def sent(folder: Path, *, synchronous: str = "FULL", chunking: bool = True) -> Send:
    """Trace a send to its end."""
    home, trace = folder / "home", folder / "trace"
    home.mkdir()
    relay = MailServer(folder / "mail", faults=TROUBLE, seed=SEED, chunking=chunking)
    with relay as mail, WebServices(folder / "web") as web:
        settings = channel_settings(mail.port, web.url, home, connections=str(CONNECTIONS))
        (folder / "messages").write_bytes(pickle.dumps(errand_in(home, settings)))
        send = [sys.executable, "-m", "tests.chaos.powered", str(folder / "messages"), str(PEOPLE), synchronous]
        subprocess.run([*STRACE, "-o", str(trace), *send], check=True)
        return Send(home, trace, PEOPLE, mail.arrived, web.taken, mail.gone_wrong)


def errand_in(folder: Path, settings: ChannelSettings) -> Errand:
    """To send from the ledger in this folder."""
    return Errand(sqlite_url(folder), folder, settings, timedelta())


@pytest.fixture(scope="module", params=[True, False], ids=["chunks", "dots"])
def send(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Send:
    print(f"AMENDS_CHAOS_SEED={SEED}")  # noqa: T201 - pytest shows it when the test fails
    return sent(tmp_path_factory.mktemp("power"), chunking=request.param)


def unknown(send: Send, folder: Path, left: list[str]) -> set[str]:
    """Who may have a message of which the ledger in this folder knows nothing: it would go out again."""
    ledger = a_ledger(sqlite_url(folder), folder)
    ledger.deliveries.recover(INCIDENT, NOTICE, datetime.now(UTC) + LEASE_AND_MORE)
    lines = {(line.person, line.channel): line.state for line in ledger.statistics.lines(INCIDENT, NOTICE)}
    ledger.dispose()
    numbers = {}
    for number in range(1, send.people + 1):
        person = somebody(number)
        numbers |= {person.email: (number, ChannelKind.EMAIL), person.phone: (number, ChannelKind.SMS)}
    may_have_it = {who for who in left[:-1] if who in send.told} | {left[-1]}
    return {who for who in may_have_it if lines.get(numbers[who]) not in CLOSED}


def without_power(send: Send, folder: Path, looks: int, chance: random.Random) -> Iterator[tuple[Path, list[str]]]:
    """What is in the folder when the power comes back, after some of the cuts, and who may have a message then."""
    every = max(len(send.told) // looks, 1)
    first = chance.randrange(every)
    for number, (disk, left) in enumerate(send.cuts()):
        for name, how in {"least": None, "some": chance}.items() if number % every == first else ():
            place = folder / f"{number}-{name}"
            place.mkdir()
            disk.cut(place, how)
            yield place, left
            shutil.rmtree(place)


def test_what_may_have_left_is_on_the_disk_when_the_power_is_cut(send: Send, tmp_path: Path) -> None:
    """At each moment at which the power may be cut, the disk knows of every message that may have been sent."""
    for folder, left in without_power(send, tmp_path, LOOKS, random.Random(SEED)):
        assert unknown(send, folder, left) == set(), folder.name


def test_a_page_that_is_up_by_the_ledger_is_up_after_a_power_cut(send: Send, tmp_path: Path) -> None:
    """A page that the ledger calls delivered is whole on the disk when the power comes back, with the index and the
    list of notices.
    """
    for folder, _ in without_power(send, tmp_path, GOES_ON, random.Random(SEED)):
        ledger = a_ledger(sqlite_url(folder), folder)
        up = [line for line in ledger.statistics.lines(INCIDENT, NOTICE) if line.channel is ChannelKind.WEBSITE]
        ledger.dispose()
        assert [line.state for line in up] == [DeliveryState.DELIVERED] * 2
        for locale in ("en", "zh-CN"):
            pages = folder / "site" / INCIDENT / locale
            assert {path.name for path in pages.iterdir()} >= {f"{NOTICE}.html", "index.html", "notices.json"}
            assert all(path.read_bytes().rstrip().endswith((b">", b"}")) for path in pages.iterdir())


def test_a_send_resumed_after_a_power_cut_tells_nobody_twice(send: Send, tmp_path: Path) -> None:
    """A send that goes on after a power cut tells nobody twice and loses nobody."""
    for folder, left in without_power(send, tmp_path, GOES_ON, random.Random(SEED)):
        with MailServer(folder / "mail") as mail, WebServices(folder / "web") as web, served() as desks:
            mail.arrived += [arrived for arrived in send.arrived if arrived.recipients[0] in left]
            web.taken += [taken for taken in send.taken if taken.fields.get("to") in left]
            mail.gone_wrong += send.gone_wrong
            settings = channel_settings(mail.port, web.url, folder, connections=str(CONNECTIONS))
            people = {number: somebody(number) for number in range(1, send.people + 1)}
            ledger, messages = a_ledger(sqlite_url(folder), folder), errand_in(folder, settings)
            world = Chaos(ledger, messages, mail, web, people, desks, kills=WORKERS)
            world.finish()
            check(world)
            ledger.dispose()


def test_a_send_that_never_syncs_is_caught_by_the_same_look(tmp_path: Path) -> None:
    """With synchronous=OFF, so without waiting for the disk, the same look after a power cut finds people who would be
    told again: the other tests of this file can fail.
    """
    careless = sent(tmp_path, synchronous="OFF")
    for folder, left in without_power(careless, tmp_path, GOES_ON, random.Random(SEED)):
        assert folder.name.endswith("-some") or unknown(careless, folder, left)


def after(folder: Path, *command: str) -> Path:
    """What is left of a folder that this command filled, when the power is cut as soon as it has ended."""
    trace, left = folder.with_name("trace"), folder.with_name("left")
    folder.mkdir()
    left.mkdir()
    subprocess.run([*STRACE, "-o", str(trace), *command], check=True)
    disk = Disk(folder)
    for call in calls(trace):
        disk.see(call)
    disk.cut(left)
    return left


def test_a_home_that_was_made_is_whole_when_the_power_comes_back(tmp_path: Path) -> None:
    made, amends = tmp_path / "made", str(Path(sys.executable).with_name("amends"))
    left = after(made, amends, "init", str(made / "home"), "--public-url", "https://betapai.example")
    for name in ("amends.toml", "keys/master.key", "ledger.sqlite3"):
        assert (left / "home" / name).stat().st_size == (made / "home" / name).stat().st_size


DESTROYS = """
import os, sys
from pathlib import Path
from tests.ledger.forget.test_destruction import destroy, told, wrapped_key
from tests.delivery.sending import a_ledger, sqlite_url

home = Path(sys.argv[1])
ledger = a_ledger(sqlite_url(home), home).migrate()
told(ledger)
home.with_name("key").write_bytes(wrapped_key(ledger))
destroy(ledger)
os._exit(0)  # others have it open for weeks
"""


def test_a_key_that_was_destroyed_does_not_come_back_with_the_power(tmp_path: Path) -> None:
    left = after(tmp_path / "home", sys.executable, "-c", DESTROYS, str(tmp_path / "home"))
    key = (tmp_path / "key").read_bytes()
    assert len(key) > 32
    assert [file.name for file in left.glob("ledger*") if key in file.read_bytes()] == []
