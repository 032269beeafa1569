"""A lease whose holder was killed is free at once for others on the same machine, and only for them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlmodel import select

from amends.domain.channel.channel import ChannelKind
from amends.ledger import Ledger
from amends.ledger.store import leases
from amends.ledger.store.leases import LEASE, UNKNOWN, Life, has_ended, life_of, this_process
from amends.ledger.tables.deliver import LeaseRow
from tests.builders import NOW, a_person
from tests.delivery.sending import INCIDENT, NOTICE, approved

SAY_WHO = "from amends.ledger.store.leases import this_process; print(this_process(), flush=True); input()"


@pytest.fixture
def other() -> Iterator[subprocess.Popen[str]]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", SAY_WHO], text=True, **pipes) as process:  # type: ignore[call-overload]
        yield process
        process.kill()


def named(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_a_process_that_is_there_is_alive(other: subprocess.Popen[str]) -> None:
    assert life_of(this_process()) is life_of(named(other)) is Life.ALIVE


def test_a_process_that_stands_still_is_alive(other: subprocess.Popen[str]) -> None:
    name = named(other)
    other.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, other.pid, os.WSTOPPED)
    assert life_of(name) is Life.ALIVE


def test_a_killed_process_has_ended_before_anybody_waited_for_it(other: subprocess.Popen[str]) -> None:
    """A process that was killed has ended, both before and after its parent waited for the process."""
    name = named(other)
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    assert life_of(name) is Life.ENDED
    other.wait()
    assert life_of(name) is Life.ENDED


def test_another_process_that_got_its_number_is_not_taken_for_it() -> None:
    machine, number, started = this_process().rsplit(" ", 2)
    assert life_of(f"{machine} {number} {int(started) - 1}") is Life.ENDED


@pytest.mark.parametrize("number", [os.getpid(), 999999999], ids=["ours", "nobodys"])
@pytest.mark.parametrize("place", ["another-boot pid:[4026531836]", "", "nonsense"])
def test_nothing_is_known_of_a_process_elsewhere_by_its_number(place: str, number: int) -> None:
    """Nothing is known of a process on another or an unknown machine, whatever process has its number on this one."""
    started = this_process().rpartition(" ")[2]
    assert life_of(f"{place} {number} {started}") is Life.UNKNOWN


def test_nothing_is_known_of_a_process_in_another_container() -> None:
    """Nothing is known of a process in another container of this machine, although the process number exists here."""
    boot, _, number, started = this_process().split(" ")
    assert life_of(f"{boot} pid:[1] {number} {started}") is Life.UNKNOWN


@pytest.mark.parametrize("hidden", [FileNotFoundError, PermissionError])
def test_of_a_process_that_the_system_hides_nothing_is_known(
    other: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch, hidden: type[OSError]
) -> None:
    """As /proc does of other users' processes when it is mounted with hidepid."""

    def refuse(_number: int) -> str:
        raise hidden

    name = named(other)
    monkeypatch.setattr(leases, "_started", refuse)
    assert life_of(name) is Life.UNKNOWN
    other.kill()
    other.wait()
    assert life_of(name) is Life.ENDED


def test_nothing_is_known_of_a_hidden_process_of_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known of a process that the system hides and that belongs to another user."""

    def refuse(*_: int) -> str:
        raise PermissionError

    name = this_process()
    monkeypatch.setattr(leases, "_started", refuse)
    monkeypatch.setattr(os, "kill", refuse)
    assert life_of(name) is Life.UNKNOWN


def test_of_a_process_without_a_name_nothing_is_known() -> None:
    assert life_of(UNKNOWN) is Life.UNKNOWN


def test_only_a_process_that_surely_is_gone_has_ended(other: subprocess.Popen[str]) -> None:
    """A process is said to have ended only when the process surely is gone: not a living and not an unknown one."""
    name = named(other)
    assert not has_ended(name)
    assert not has_ended(UNKNOWN)
    other.kill()
    other.wait()
    assert has_ended(name)


def test_what_a_killed_process_held_is_free_at_once(ledger: Ledger, other: subprocess.Popen[str]) -> None:
    approved(ledger, [a_person(number=number) for number in range(1, 5)])
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    by_email = [ChannelKind.EMAIL]
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, by_email, 4, NOW)
    ledger.deliveries.record(claims[:1], (), INCIDENT, NOTICE, NOW)
    with ledger.store.write() as write:
        write.session.exec(select(LeaseRow)).one().holder = named(other)
    assert (ledger.deliveries.recover(INCIDENT, NOTICE, NOW), ledger.deliveries.busy(INCIDENT, NOW)) == (0, True)
    other.kill()
    other.wait()
    assert not ledger.deliveries.busy(INCIDENT, NOW)
    assert ledger.deliveries.recover(INCIDENT, NOTICE, NOW) == 1
    assert len(ledger.deliveries.claim(INCIDENT, NOTICE, by_email, 4, NOW)) == 3


def test_senders_count_on_all_machines_but_not_when_killed(ledger: Ledger, other: subprocess.Popen[str]) -> None:
    """The senders on a channel are counted on all machines, without those that were killed or whose lease ran out."""
    approved(ledger, [a_person(number=number) for number in range(1, 6)])
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    for _ in range(4):
        ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.EMAIL], 1, NOW)
    with ledger.store.write() as write:
        of_the_killed, elsewhere, *_ = write.session.exec(select(LeaseRow)).all()
        of_the_killed.holder, elsewhere.holder = named(other), "another-machine 1 1"

    def senders(channel: ChannelKind = ChannelKind.EMAIL, at: datetime = NOW) -> int:
        return ledger.deliveries.senders(channel, at)

    assert (senders(), senders(ChannelKind.SMS), senders(at=NOW + 2 * LEASE)) == (3, 0, 0)
    other.kill()
    other.wait()
    assert senders() == 2, "this process with two pages, and the one elsewhere"
