"""Several processes at one notice: everybody is told once, whoever of them is stopped or dies."""

import asyncio
import multiprocessing
import os
import signal
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from multiprocessing import Pipe
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.pool import QueuePool

from amends.delivery.send import workers
from amends.delivery.send.engine import Begun, Tally
from amends.delivery.send.workers import Part, Work, send
from amends.domain.base.errors import ApprovalMissing, ChannelMisconfigured, NotAllowed
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Status
from amends.domain.notice.notice import PersonState
from amends.ledger.store.leases import LEASE
from tests.builders import a_person
from tests.delivery.sending import APPROVERS, INCIDENT, LINKS, NOTICE, Rig, approved, approved_again, personal_variants

PROCESSES, PEOPLE = 2, 240
CONNECTIONS = 4
STOP_SECONDS = 1.0
EMAIL_ONLY = (ChannelKind.WEBSITE, ChannelKind.EMAIL)
WITHOUT_A_PAGE = tuple(
    personal_variant
    for personal_variant in personal_variants("en")
    if personal_variant.channel is not ChannelKind.WEBSITE
)
EVERYBODY = {f"kim{number}@mail.example": 1 for number in range(1, PEOPLE + 1)}


@pytest.fixture
def big(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """A notice to enough people for two processes."""
    monkeypatch.setattr(workers, "SHARE", PEOPLE // PROCESSES)
    rig.settings[ChannelKind.EMAIL]["connections"] = str(CONNECTIONS)
    approved(rig.ledger, [a_person(number=number) for number in range(1, PEOPLE + 1)], channels=EMAIL_ONLY)
    return rig


def work(rig: Rig) -> Work:
    return Work(rig.ledger, rig.settings, INCIDENT, NOTICE, LINKS)


def run(rig: Rig, progress: Callable[[Tally], None] = lambda _: None) -> Tally:
    return asyncio.run(send(work(rig), progress, PROCESSES))


async def until_sending(rig: Rig) -> None:
    async with asyncio.timeout(20):
        while len(rig.mail.arrived) < 20:
            await asyncio.sleep(0.005)


def test_two_processes_tell_everybody_once_and_the_public_last(big: Rig) -> None:
    seen: set[int] = set()
    tally = asyncio.run(send(work(big), lambda _: seen.update(_processes()), PROCESSES))
    assert seen  # a small send may be over before the last of them has begun
    assert Counter(big.mailed()) == EVERYBODY
    assert len(big.posts()) == 2
    assert (tally.finished, tally.people) == (True, {PersonState.SENT: PEOPLE})


def _processes() -> set[int]:
    return {child.pid for child in multiprocessing.active_children() if child.pid}


def test_what_the_processes_tell_adds_up(big: Rig) -> None:
    told: list[int] = []
    tally = run(big, lambda tally: told.append(tally.answers.total()))
    pages = posts = 2
    assert told == sorted(told)
    assert told[-1] == tally.messages == pages + PEOPLE + posts
    assert tally.answers == {Status.DELIVERED: pages, Status.SENT: PEOPLE + posts}


def test_the_processes_share_the_connections(big: Rig) -> None:
    big.mail.delay = 0.02
    run(big)
    assert big.mail.connections <= CONNECTIONS
    assert Counter(big.mailed()) == EVERYBODY


def test_the_processes_share_the_rate(big: Rig) -> None:
    big.settings[ChannelKind.EMAIL]["rate"] = "80/s"
    in_a_second = 0
    for _ in range(PROCESSES):
        bucket = workers._paces(big.settings, {ChannelKind.EMAIL: PROCESSES})[ChannelKind.EMAIL].bucket
        assert bucket
        in_a_second += sum(bucket.wait(1, at=0.0) < 1 for _ in range(200))
    burst = 80 // 10
    assert 80 <= in_a_second <= 80 + burst


@pytest.mark.parametrize(("connections", "processes"), [(1, 0), (3, 3)])
def test_there_are_no_more_processes_than_connections(
    big: Rig, monkeypatch: pytest.MonkeyPatch, connections: int, processes: int
) -> None:
    """With one connection, all of it is sent by the process that was started."""
    monkeypatch.setattr(workers, "SHARE", PEOPLE // 6)
    big.settings[ChannelKind.EMAIL]["connections"] = str(connections)
    seen: set[int] = set()
    assert asyncio.run(send(work(big), lambda _: seen.update(_processes()), 6)).finished
    assert len(seen) == processes
    assert big.mail.connections <= connections
    assert Counter(big.mailed()) == EVERYBODY


def test_a_channel_with_few_connections_is_left_to_some_processes(rig: Rig) -> None:
    """A channel with fewer connections than there are processes is left to some of the processes."""
    approved(rig.ledger, [a_person(number=1)], channels=(*EMAIL_ONLY, ChannelKind.SMS))
    rig.settings[ChannelKind.EMAIL]["connections"] = "1"
    draft = rig.ledger.notices.latest_draft(INCIDENT, NOTICE)
    shares = asyncio.run(workers._shares(rig.settings, draft, PROCESSES))
    assert shares == {ChannelKind.EMAIL: 1, ChannelKind.SMS: PROCESSES}
    used = [set(workers._channels_of(work(rig), shares, number)) for number in range(PROCESSES)]
    assert used == [{ChannelKind.EMAIL, ChannelKind.SMS}, {ChannelKind.SMS}]


def test_a_clock_that_is_moved_at_will_is_followed_by_one_process(big: Rig) -> None:
    """Another process would not see it move."""
    seen: set[int] = set()
    rehearsed = replace(work(big), clock=big.clock)
    assert asyncio.run(send(rehearsed, lambda _: seen.update(_processes()), PROCESSES)).finished
    assert seen == set()


def test_few_people_are_not_worth_a_second_process(rig: Rig) -> None:
    approved(rig.ledger, [a_person(number=number) for number in range(1, 6)], channels=EMAIL_ONLY)
    seen: set[int] = set()
    assert asyncio.run(send(work(rig), lambda _: seen.update(_processes()), PROCESSES)).finished
    assert seen == set()


def test_a_machine_that_only_writes_files_joins_no_send(rig: Rig, tmp_path: Path) -> None:
    """A machine that would only write files does not join a machine that sends.

    A machine that was just set up writes files: the ledger would count everybody as told for whom there is a file.
    """
    approved(rig.ledger, [a_person(number=number) for number in range(1, 6)], channels=EMAIL_ONLY)
    run(rig)
    outbox = {"use": "outbox", "kind": "email", "folder": str(tmp_path / "outbox")}
    with pytest.raises(ChannelMisconfigured, match="NOBODY IS TOLD by email: files on this machine"):
        run(replace(rig, settings={**rig.settings, ChannelKind.EMAIL: outbox}))


def test_it_may_write_files_where_the_notice_does_not_go(rig: Rig, tmp_path: Path) -> None:
    approved(rig.ledger, [a_person(number=1)], channels=EMAIL_ONLY, cascade=())
    rig.ledger.channels.note_used({ChannelKind.SMS})
    outbox = {"use": "outbox", "kind": "sms", "folder": str(tmp_path / "outbox")}
    assert run(replace(rig, settings={**rig.settings, ChannelKind.SMS: outbox})).finished


def test_a_machine_that_only_writes_files_may_write_more_of_them(rig: Rig, tmp_path: Path) -> None:
    approved(rig.ledger, [a_person(number=1)], channels=EMAIL_ONLY, cascade=())
    outbox = {"use": "outbox", "kind": "email", "folder": str(tmp_path / "outbox")}
    files = replace(rig, settings={**rig.settings, ChannelKind.EMAIL: outbox})
    assert [run(files).finished for _ in range(2)] == [True, True]


async def test_cancelling_a_send_ends_the_processes_and_leaves_no_doubt(big: Rig) -> None:
    """Cancelling a send ends its processes and leaves no message in doubt; a later send tells all others once."""
    big.mail.delay = 0.05
    sending = asyncio.create_task(send(work(big), cores=PROCESSES))
    await until_sending(big)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert multiprocessing.active_children() == []
    assert set(big.states().values()) == {"sent", "waiting"}
    assert Counter(big.states().values())["sent"] == len(big.mail.arrived) < PEOPLE
    big.mail.delay = 0
    assert (await send(work(big), cores=PROCESSES)).finished
    assert Counter(big.mailed()) == EVERYBODY


async def test_a_process_that_is_halted_does_not_hold_up_who_cancels_it(
    big: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "HALTED_SECONDS", 0.2)
    big.mail.delay = 0.05
    sending = asyncio.create_task(send(work(big), cores=PROCESSES))
    await until_sending(big)
    os.kill(_processes().pop(), signal.SIGSTOP)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):  # around the timeout: it cancels, too
        async with asyncio.timeout(5):
            await sending
    assert multiprocessing.active_children() == []
    big.mail.delay = 0
    assert (await send(work(big), cores=PROCESSES)).finished
    assert max(Counter(big.mailed()).values()) == 1
    assert Counter(big.states().values())["uncertain"] <= CONNECTIONS


async def test_a_process_that_never_ends_is_ended(big: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "ANSWERS_SECONDS", 0.2)
    big.settings[ChannelKind.EMAIL]["final_timeout"] = "3600"
    sending = asyncio.create_task(send(work(big), cores=PROCESSES))
    await until_sending(big)
    big.mail.delay = 3600
    await asyncio.sleep(STOP_SECONDS)  # now all of them wait for an answer
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(sending, 60)
    assert multiprocessing.active_children() == []


async def test_a_process_that_runs_has_time_for_its_answers(big: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "HALTED_SECONDS", 0.05)
    big.mail.delay = 0.5
    sending = asyncio.create_task(send(work(big), cores=PROCESSES))
    await until_sending(big)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert set(big.states().values()) == {"sent", "waiting"}


async def test_a_process_asked_to_stop_leaves_its_part_to_the_others(big: Rig) -> None:
    """A process that is asked to stop leaves its part to the others, and everybody is told once."""
    big.mail.delay = 0.02
    sending = asyncio.create_task(send(work(big), cores=PROCESSES))
    await until_sending(big)
    os.kill(_processes().pop(), signal.SIGTERM)
    assert (await sending).finished
    assert Counter(big.mailed()) == EVERYBODY


class Ended(BaseException):
    """As Prefect's TerminationSignal."""


@pytest.mark.parametrize("times", [1, 3])
def test_the_end_that_prefect_asks_for_comes_after_the_answers(big: Rig, times: int) -> None:
    """When Prefect asks a run to end, the run ends after the answers of all messages in flight.

    Prefect raises its error at any point of a run that is cancelled in the UI or ended by systemd. Asking again,
    because the end takes so long, brings it no sooner.
    """

    errors = iter([Ended()])

    def end(_number: int, _frame: object) -> None:
        for error in errors:  # only once, or a late signal would end this process
            raise error

    def ask_to_end() -> None:
        asyncio.run(until_sending(big))
        for _ in range(times):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
            time.sleep(0.05)

    big.mail.delay = 0.3
    before = signal.signal(signal.SIGTERM, end)
    try:
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(ask_to_end)
            with pytest.raises(Ended):
                asyncio.run(send(work(big), cores=1))
    finally:
        assert signal.signal(signal.SIGTERM, before) is end
    assert set(big.states().values()) == {"sent", "waiting"}
    assert Counter(big.states().values())["sent"] == len(big.mail.arrived)


def test_a_send_goes_on_in_another_thread_to_which_no_signal_comes(rig: Rig) -> None:
    approved(rig.ledger, [a_person(number=1)], channels=EMAIL_ONLY)
    with ThreadPoolExecutor(1) as elsewhere:
        assert elsewhere.submit(run, rig).result().finished


async def test_killed_processes_lose_nobody_and_their_messages_go_on(big: Rig) -> None:
    """Processes that are killed lose nobody and tell nobody twice.

    What the killed processes held goes on at once, and at most the messages in flight are uncertain.
    """
    big.mail.delay = 0.02
    sending = asyncio.create_task(send(work(big), cores=PROCESSES))
    await until_sending(big)
    for process in _processes():
        os.kill(process, signal.SIGKILL)
    tally = await sending
    assert tally.finished
    arrived, unsure = Counter(big.mailed()), [n for n, state in big.states().items() if state == "uncertain"]
    assert max(arrived.values()) == 1
    assert arrived.keys() | {f"kim{number}@mail.example" for number in unsure} == EVERYBODY.keys()
    assert tally.uncertain_after_crash == len(unsure) <= CONNECTIONS


async def test_a_process_killed_while_it_tells_its_progress_has_ended() -> None:
    """A process that was killed while it told its progress counts as ended."""
    ours, theirs = Pipe()
    whole = ForkingPickler.dumps(Tally())
    os.write(theirs.fileno(), struct.pack("!i", len(whole)) + whole[:20])
    theirs.close()
    assert await workers._next_tally(ours) is None


def test_a_process_tells_trouble_at_once_and_progress_now_and_then() -> None:
    """A process tells of trouble at once, and of its progress only now and then."""
    ours, theirs = Pipe()
    told, tally = workers._ProgressPipe(theirs), Tally()
    for answers in (1, 2):
        tally.answers[Status.SENT] = answers
        told(tally)
    tally.trouble["ledger"] = "it is locked"
    told(tally)
    theirs.close()
    assert [ours.recv() for _ in range(2)] == [
        Tally(answers=Counter({Status.SENT: 1})),
        Tally(answers=Counter({Status.SENT: 2}), trouble={"ledger": "it is locked"}),
    ]


def test_a_process_goes_on_although_nobody_hears_its_progress() -> None:
    """A process goes on to its answers although nobody hears its progress any more."""
    ours, theirs = Pipe()
    ours.close()
    workers._ProgressPipe(theirs)(Tally())
    with pytest.raises(BrokenPipeError):
        theirs.send(Tally())


@pytest.mark.parametrize("first", [signal.SIGSTOP, signal.SIGKILL], ids=["halted", "dead"])
async def test_a_process_killed_before_it_begins_leaves_its_part_to_others(
    big: Rig, monkeypatch: pytest.MonkeyPatch, first: signal.Signals
) -> None:
    """A process that is killed before it begins leaves its part to the others, and everybody is told once.

    The process is halted or dead first, so that it never hears that the send has begun.
    """
    begin = workers.begin

    def halt_one(*asked: Any) -> Begun:
        halted.append(_processes().pop())
        os.kill(halted[0], first)
        return begin(*asked)

    halted: list[int] = []
    monkeypatch.setattr(workers, "begin", halt_one)
    sending = asyncio.create_task(send(work(big), cores=PROCESSES))
    await until_sending(big)
    with suppress(ProcessLookupError):
        os.kill(halted[0], signal.SIGKILL)
    assert (await sending).finished
    assert Counter(big.mailed()) == EVERYBODY


async def test_when_the_first_process_is_killed_the_others_stop_soon(big: Rig) -> None:
    """When the process that was started first is killed, the processes that it started stop in a moment.

    A later send tells nobody twice.
    """
    big.mail.delay = 0.1
    first = multiprocessing.get_context("spawn").Process(target=_send, args=(work(big),))
    first.start()
    await until_sending(big)
    first.kill()
    first.join()
    arrived = -1
    while arrived != (arrived := len(big.mail.arrived)):  # a busy machine needs longer to end them
        await asyncio.sleep(STOP_SECONDS)
    assert arrived < PEOPLE
    big.mail.delay = 0
    assert (await send(work(big), cores=PROCESSES)).finished
    assert max(Counter(big.mailed()).values()) == 1
    assert Counter(big.states().values())["uncertain"] <= CONNECTIONS


def _send(work: Work) -> None:
    workers.SHARE = PEOPLE // PROCESSES
    asyncio.run(send(work, cores=PROCESSES))


def test_what_stops_one_process_is_raised(big: Rig) -> None:
    big.settings[ChannelKind.EMAIL]["final_timeout"] = "never"
    with pytest.raises(ChannelMisconfigured, match="final_timeout"):
        run(big)
    assert big.mailed() == []


def test_an_error_of_one_part_is_raised_and_no_other_replaces_it(big: Rig) -> None:
    """An error of one part of a send is raised, as when Prefect cannot begin its task.

    No other part takes its place, no process is left, and nobody is told twice.
    """

    async def each(number: int, part: Part) -> Tally:
        if number == 1:
            raise RuntimeError
        return await part()

    with pytest.raises(RuntimeError):
        asyncio.run(send(work(big), cores=PROCESSES, each=each))
    assert multiprocessing.active_children() == []
    assert max(Counter(big.mailed()).values()) == 1


async def test_a_pause_stops_all_processes_and_is_said_by_whoever_found_it(big: Rig) -> None:
    big.mail.delay = 0.05
    sending = asyncio.create_task(send(work(big), cores=PROCESSES))
    await until_sending(big)
    big.ledger.incidents.pause(INCIDENT, "mei", big.clock())
    with pytest.raises(NotAllowed, match="paused"):
        await sending
    assert multiprocessing.active_children() == []
    assert set(big.states().values()) == {"sent", "waiting"}
    big.ledger.incidents.resume(INCIDENT, "mei", big.clock())
    big.mail.delay = 0
    assert (await send(work(big), cores=PROCESSES)).finished
    assert Counter(big.mailed()) == EVERYBODY


def test_without_the_page_no_process_sends_a_link_to_it(big: Rig) -> None:
    big.settings[ChannelKind.WEBSITE]["folder"] = "/nowhere/at/all"
    tally = run(big)
    assert ChannelKind.WEBSITE in tally.trouble
    assert (tally.finished, tally.people) == (False, {PersonState.WAITING: PEOPLE})
    assert big.mailed() + big.posts() == []


def test_messages_to_decide_about_are_counted_despite_trouble(big: Rig) -> None:
    """Messages about which a person must decide are counted also where a channel is in trouble."""
    big.ledger.notices.release(INCIDENT, NOTICE, big.clock())
    with big.ledger.store.write() as write:
        write.session.connection().exec_driver_sql("UPDATE delivery SET state = 'parked' WHERE person = 1")
    big.settings[ChannelKind.WEBSITE]["folder"] = "/nowhere/at/all"
    tally = run(big)
    assert (set(tally.trouble), tally.parked) == ({ChannelKind.WEBSITE}, 1)


def test_no_process_sends_a_link_to_an_earlier_page_not_published(big: Rig) -> None:
    """Without the web page of an earlier version, no process sends a link to the page.

    The later version has no page of its own.
    """
    big.ledger.notices.release(INCIDENT, NOTICE, big.clock())
    approved_again(big.ledger, channels=(ChannelKind.EMAIL,), variants=WITHOUT_A_PAGE)
    big.settings[ChannelKind.WEBSITE]["folder"] = "/nowhere/at/all"
    tally = run(big)
    assert ChannelKind.WEBSITE in tally.trouble
    assert big.mailed() == []


def test_where_the_public_cannot_be_told_nobody_is(big: Rig) -> None:
    """A fault in the settings is found before anything leaves, also where no page comes first."""
    approved_again(big.ledger, channels=(ChannelKind.EMAIL, ChannelKind.SOCIAL), variants=WITHOUT_A_PAGE)
    big.settings[ChannelKind.SOCIAL]["url"] = "nowhere"
    with pytest.raises(ChannelMisconfigured, match="social"):
        run(big)
    assert big.mailed() == []


def test_no_connection_to_the_ledger_is_open_when_the_processes_begin(
    big: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fork would share it: two processes on one connection to PostgreSQL read each other's answers."""
    open_ones: list[int] = []
    kind = workers.process_kind
    monkeypatch.setattr(workers, "process_kind", lambda: open_ones.append(_open_connections(big)) or kind())
    assert run(big).finished
    assert open_ones == [0] * PROCESSES


def _open_connections(rig: Rig) -> int:
    pool = rig.ledger.store.engine.pool
    assert isinstance(pool, QueuePool)
    return pool.checkedin() + pool.checkedout()


def test_without_approval_nothing_leaves_and_no_process_is_left(big: Rig) -> None:
    big.ledger.team.remove(APPROVERS[0].name, "lena", big.clock())
    with pytest.raises(ApprovalMissing):
        run(big, lambda _: pytest.fail("nothing may happen"))
    assert big.mailed() == []
    assert multiprocessing.active_children() == []


def test_a_crash_before_a_send_counts_once_for_all_processes(big: Rig) -> None:
    """Messages that an earlier crash left uncertain are counted once, however many processes a send has."""
    before = workers.wall_clock() - 2 * LEASE
    big.ledger.notices.release(INCIDENT, NOTICE, before)
    claims = big.ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.EMAIL], 3, before)
    big.ledger.deliveries.record(claims, [], INCIDENT, NOTICE, before)
    tally = run(big)
    assert (tally.uncertain_after_crash, tally.answers[Status.SENT]) == (3, PEOPLE - 3 + 2)


def test_the_work_shows_no_secret_when_it_is_printed(big: Rig) -> None:
    assert "rehearsal" not in repr(work(big))
