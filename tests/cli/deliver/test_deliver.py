"""Who sends from a terminal hears why nothing leaves."""

from datetime import UTC, datetime
from multiprocessing import Pipe

from amends.cli.deliver.deliver import KeptBack, Waits, _goes_on
from amends.cli.terminal.desk import Desk
from amends.delivery.send.engine import Tally
from amends.delivery.send.workers import _ProgressPipe
from amends.domain.channel.channel import ChannelKind
from tests.cli.conftest import INCIDENT, NOTICE, Office

GONE = Tally(trouble={"ledger": "the ledger cannot be written: the server is gone"})


def test_an_unwritable_ledger_and_its_return_are_said_once_each() -> None:
    """While the ledger cannot be written, the terminal says so once and not for each try; when the ledger can be
    written again, the terminal says that once too.
    """
    said: list[str] = []
    waits = Waits(said.append)
    for tally in (Tally(), GONE, GONE, Tally(), Tally()):
        waits(tally)
    assert said == [
        "nothing leaves: the ledger cannot be written: the server is gone; it is tried again each second",
        "the ledger can be written again",
    ]


def test_commits_kept_back_and_their_end_are_said_once_each() -> None:
    """While the ledger's server keeps commits back, the terminal says so once; when the server goes on, the terminal
    says that once too.
    """
    said: list[str] = []
    kept = KeptBack(said.append)
    for commits in (0, 1, 2, 0, 0):
        kept(commits)
    first, second = said
    assert first.startswith("nothing leaves: the ledger's server has kept back 1 commit: its synchronous standby")
    assert second == "the ledger's server keeps nothing back any more: it goes on"


def test_a_second_send_hears_first_and_last_of_the_one_under_way(ready: Office) -> None:
    """When another send of the incident is under way, a second send says at its start that both share the rest, and at
    its end that some messages are in the hands of the other send.
    """
    ledger, now = ready.ledger(), datetime.now(UTC)
    ledger.notices.release(INCIDENT, NOTICE, now)
    assert len(ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.EMAIL], 1, now)) == 1
    said = ready.amends("deliver", INCIDENT, NOTICE).stderr
    ledger.dispose()
    assert "another send of this incident is under way: it and this one share what is left" in said
    assert "some are in the hands of another send, which goes on with them" in said


def test_a_sending_process_tells_trouble_at_once_progress_rarely() -> None:
    """A process of a send tells its parent about a trouble, and about the trouble's end, at once, and about its
    progress only now and then.
    """
    ours, theirs = Pipe()
    told = _ProgressPipe(theirs)
    for tally in (Tally(messages=1), Tally(messages=2), GONE, GONE, Tally()):
        told(tally)
    theirs.close()
    heard = []
    while ours.poll():
        try:
            heard.append(ours.recv())
        except EOFError:
            break
    assert [(tally.messages, bool(tally.trouble)) for tally in heard] == [(1, False), (0, True), (0, False)]


def test_how_a_send_goes_on_depends_on_whether_it_was_stopped(office: Office) -> None:
    desk = Desk(office.home)
    assert f"`amends deliver {INCIDENT} {NOTICE}` again" in _goes_on(desk, INCIDENT, NOTICE)
    desk.ledger.incidents.pause(INCIDENT, "lena", datetime.now(UTC))
    assert f"`amends incident resume {INCIDENT} --as NAME` goes on" in _goes_on(desk, INCIDENT, NOTICE)
    desk.close()
