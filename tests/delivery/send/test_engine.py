"""The engine against a real ledger and real servers: who gets what, in which order, and what trouble does."""

import asyncio
import errno
import os
import socket
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from amends.delivery.channels import Channels, Pace, connected
from amends.delivery.send.engine import Tally, deliver
from amends.delivery.send.queue import FIRST_LANES
from amends.domain.base.errors import (
    ApprovalMissing,
    ChannelMisconfigured,
    ChannelUnavailable,
    NotAllowed,
    TablesDiffer,
)
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import LastCall, Message, Receipt, Status
from amends.domain.deliver.pace import Bucket
from amends.domain.notice.notice import DeliveryState, PersonState, Reader
from amends.domain.people.person import Flag, Person
from amends.ledger import Ledger
from amends.ledger.store import database
from amends.ledger.store.leases import LEASE
from amends.ledger.store.schema import schema
from amends.ledger.tables.deliver import DeliveryRow
from amends.sandbox.mail import AfterDot, MailServer
from channels.base.one_by_one import OneByOne
from tests.builders import NOW, a_member, a_person, a_variant, an_incident
from tests.delivery.sending import (
    APPROVERS,
    INCIDENT,
    LINKS,
    NOTICE,
    PassedClock,
    Rig,
    a_ledger,
    approved,
    approved_again,
    bodies,
    letters,
    sqlite_url,
)

EMAIL_FIRST = (ChannelKind.WEBSITE, ChannelKind.EMAIL)
"""By email, and by SMS only when that fails."""
MINUTES = timedelta(minutes=10)


def people(count: int) -> list[Person]:
    return [a_person(number=number) for number in range(1, count + 1)]


def addresses(count: int) -> list[str]:
    return sorted(person.email for person in people(count))


class TickingClock(PassedClock):
    """Every look at it is a millisecond later."""

    def __call__(self) -> datetime:
        self.forward(timedelta(milliseconds=1))
        return self.now


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)


def meanwhile(condition: Callable[[], bool], act: Callable[[], None]) -> threading.Thread:
    """Do this in another thread as soon as the condition holds."""

    def watch() -> None:
        wait_until(condition)
        act()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def closed_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


# Everything goes well.


def test_the_page_is_there_first_and_the_public_hears_last(rig: Rig) -> None:
    approved(rig.ledger, people(3))
    rig.clock = TickingClock()
    rig.run()
    times: dict[ChannelKind, list[datetime]] = {kind: [] for kind in ChannelKind}
    for line in rig.ledger.statistics.lines(INCIDENT, NOTICE):
        times[line.channel].append(line.updated_at)
    to_persons = times[ChannelKind.EMAIL] + times[ChannelKind.SMS]
    assert max(times[ChannelKind.WEBSITE]) < min(to_persons)
    assert max(to_persons) < min(times[ChannelKind.SOCIAL])


def test_when_everything_was_taken_the_notice_is_finished(rig: Rig) -> None:
    approved(rig.ledger, people(3))
    tally = rig.run()
    assert tally.finished
    assert tally.people == {PersonState.SENT: 3}


def test_what_the_run_counts_is_what_the_world_got(rig: Rig) -> None:
    approved(rig.ledger, people(20))
    tally = rig.run()
    assert rig.mailed() == addresses(20)
    assert rig.texted() == sorted(person.phone for person in people(20))
    pages, posts = 2, 2
    assert tally.answers == {Status.DELIVERED: pages, Status.SENT: 20 + 20 + posts}


def test_the_audit_says_how_many_were_answered_and_how(rig: Rig) -> None:
    approved(rig.ledger, people(20))
    tally = rig.run()
    answered = Counter[str]()
    for entry in rig.ledger.audit.entries(INCIDENT):
        if entry.act == "answered":
            answered.update(entry.detail["states"])
    assert answered == {status.value: count for status, count in tally.answers.items()}


def test_a_second_run_sends_nothing(rig: Rig) -> None:
    approved(rig.ledger, people(3))
    rig.run()
    tally = rig.run()
    assert tally.finished
    assert tally.answers == {}
    assert rig.mailed() == addresses(3)


def test_the_progress_grows_up_to_all_messages(rig: Rig) -> None:
    approved(rig.ledger, people(510), channels=EMAIL_FIRST)
    seen: list[tuple[int, int]] = []
    rig.run(lambda tally: seen.append((sum(tally.answers.values()), tally.messages)))
    pages = posts = 2
    assert seen == sorted(seen)
    assert seen[-1] == (pages + 510 + posts, 514)


def test_a_child_is_told_through_a_guardian_of_another_language(rig: Rig) -> None:
    """A child is written to through the guardian, even when the two read different languages."""
    child = a_person(number=1, name="Bo Child", locale="zh-CN", flags=frozenset({Flag.MINOR}))
    guardian = a_person(number=2, guardian_of=child.ref, data=())
    guardian_reads = (a_variant(locale="zh-CN", reader=Reader.GUARDIAN), *(_self_variants()))
    approved(rig.ledger, [child, guardian], channels=EMAIL_FIRST, variants=guardian_reads)
    rig.run()
    assert rig.mailed() == [guardian.email]


def _self_variants() -> list[object]:
    channels = (ChannelKind.WEBSITE, ChannelKind.EMAIL)
    return [a_variant(locale=locale, channel=channel) for locale in ("en", "zh-CN") for channel in channels]


# Somebody cannot be reached.


def test_a_bounced_address_hands_over_to_sms(rig: Rig) -> None:
    approved(rig.ledger, [a_person(number=1), a_person(number=2, email="bounce@mail.example")], channels=EMAIL_FIRST)
    tally = rig.run()
    assert tally.finished
    assert rig.mailed() == ["kim1@mail.example"]
    assert rig.texted() == [a_person(number=2).phone]
    assert tally.people == {PersonState.SENT: 2}


def test_a_notice_finishes_when_no_channel_reaches_a_person(rig: Rig) -> None:
    """A person whom no channel reaches is unreachable, and the notice is finished."""
    approved(rig.ledger, [a_person(email="bounce@mail.example", phone="+49305550404")], channels=EMAIL_FIRST)
    tally = rig.run()
    assert tally.finished
    assert tally.people == {PersonState.UNREACHABLE: 1}


def test_a_greylisted_message_goes_out_in_a_later_run(rig: Rig) -> None:
    approved(rig.ledger, [a_person(email="grey@mail.example")], channels=EMAIL_FIRST)
    assert not rig.run().finished
    assert rig.run().answers == {}
    rig.clock.forward(MINUTES)
    assert rig.run().finished
    assert rig.mailed() == ["grey@mail.example"]


def test_a_fault_with_one_person_does_not_stop_the_others(rig: Rig) -> None:
    approved(rig.ledger, people(4), channels=EMAIL_FIRST)
    rig.ledger.notices.release(INCIDENT, NOTICE, NOW)
    with rig.ledger.store.write() as write:
        write.change(update(DeliveryRow).where(col(DeliveryRow.person) == 2).values(variant="en/nobody"))
    tally = rig.run()
    assert rig.mailed() == ["kim1@mail.example", "kim3@mail.example", "kim4@mail.example"]
    assert rig.states()[2] == "deferred"
    assert not tally.finished


# The channel is in trouble.


def test_a_relay_that_is_down_is_named_and_nothing_is_lost(rig: Rig) -> None:
    approved(rig.ledger, people(100), channels=EMAIL_FIRST)
    port = rig.settings[ChannelKind.EMAIL]["port"]
    rig.settings[ChannelKind.EMAIL]["port"] = closed_port()
    tally = rig.run()
    assert "cannot be reached" in tally.trouble[ChannelKind.EMAIL]
    assert tally.people == {PersonState.WAITING: 100}
    rig.settings[ChannelKind.EMAIL]["port"] = port
    rig.clock.forward(timedelta(minutes=1))
    assert rig.run().finished
    assert rig.mailed() == addresses(100)


def test_the_public_hears_nothing_while_people_cannot_be_written_to(rig: Rig) -> None:
    """The public hears nothing while the people concerned cannot be written to."""
    approved(rig.ledger, people(3))
    rig.settings[ChannelKind.EMAIL]["port"] = closed_port()
    rig.run()
    assert rig.posts() == []


def test_a_relay_that_is_down_does_not_keep_sms_from_going_out(rig: Rig) -> None:
    approved(rig.ledger, people(3))
    rig.settings[ChannelKind.EMAIL]["port"] = closed_port()
    rig.run()
    assert len(rig.texted()) == 3


def test_a_message_that_breaks_each_connection_is_given_up_in_time(rig: Rig) -> None:
    """A message at which the relay always hangs up is given up after some days and handed over.

    All other messages are sent in the first run.
    """
    approved(rig.ledger, people(30), channels=EMAIL_FIRST)
    first = asyncio.run(_send_through(rig, HangsUpAt("kim7@mail.example")))
    assert first.people == {PersonState.SENT: 29, PersonState.WAITING: 1}
    for _ in range(5):
        rig.clock.forward(timedelta(days=1))
        asyncio.run(_send_through(rig, HangsUpAt("kim7@mail.example")))
    assert rig.states()[7] == "failed"
    assert rig.texted() == [a_person(number=7).phone]


def test_a_dying_relay_leaves_people_told_once_or_uncertain(rig: Rig, tmp_path: Path) -> None:
    """When the relay dies in the middle of a send, everybody is told once or is uncertain. Only a few are uncertain."""
    approved(rig.ledger, people(150), channels=EMAIL_FIRST)
    doomed, fresh_port = MailServer(tmp_path / "doomed"), rig.settings[ChannelKind.EMAIL]["port"]
    doomed.delay = 0.01
    with ExitStack() as life:
        life.enter_context(doomed)
        rig.settings[ChannelKind.EMAIL]["port"] = str(doomed.port)
        dies = meanwhile(lambda: len(doomed.arrived) > 40, life.close)
        first = rig.run()
        dies.join()
    rig.settings[ChannelKind.EMAIL]["port"] = fresh_port
    rig.clock.forward(MINUTES)
    second = rig.run()
    arrived = Counter(rig.mailed()) + Counter(replace(rig, mail=doomed).mailed())
    unsure = {f"kim{person}@mail.example" for person, state in rig.states().items() if state == "uncertain"}
    assert ChannelKind.EMAIL in first.trouble
    assert second.finished
    assert set(arrived) | unsure == set(addresses(150))
    assert max(arrived.values()) == 1
    assert len(unsure) <= 8


@pytest.mark.parametrize("ending", [AfterDot.KEEP_AND_DROP, AfterDot.LOSE_AND_DROP])
def test_a_message_with_a_lost_answer_is_never_sent_again(rig: Rig, ending: AfterDot) -> None:
    """A message whose answer was lost after its final dot is uncertain, and no later run sends it again."""
    approved(rig.ledger, people(2), channels=EMAIL_FIRST)
    rig.mail.after_dot = ending
    rig.run()
    before = rig.mailed()
    rig.mail.after_dot = AfterDot.ACCEPT
    rig.clock.forward(timedelta(days=1))
    tally = rig.run()
    assert tally.people == {PersonState.UNCERTAIN: 2}
    assert rig.mailed() == before


def test_an_uncertain_message_goes_out_again_when_a_person_says_so(rig: Rig) -> None:
    approved(rig.ledger, people(2), channels=EMAIL_FIRST)
    rig.mail.after_dot = AfterDot.LOSE_AND_DROP
    rig.run()
    rig.mail.after_dot = AfterDot.ACCEPT
    rig.ledger.decisions.send_again(INCIDENT, NOTICE, 2, a_member(), rig.clock())
    rig.run()
    assert rig.mailed() == ["kim2@mail.example"]


def test_a_relay_without_answers_is_stopped_before_many_are_in_doubt(rig: Rig) -> None:
    """A relay that leaves every answer open is stopped before many messages are uncertain."""
    approved(rig.ledger, people(100), channels=EMAIL_FIRST)
    rig.mail.after_dot = AfterDot.KEEP_AND_DROP
    tally = rig.run()
    assert "in a row" in tally.trouble[ChannelKind.EMAIL]
    assert tally.people[PersonState.UNCERTAIN] <= 20


def test_a_dead_sms_gateway_is_stopped_before_everybody_is_tried(rig: Rig) -> None:
    """An SMS gateway that is down is stopped before everybody's message was tried."""
    approved(rig.ledger, people(200), channels=(ChannelKind.WEBSITE, ChannelKind.SMS))
    rig.settings[ChannelKind.SMS]["url"] = f"http://127.0.0.1:{closed_port()}/sms"
    tally = rig.run()
    assert "cannot be reached" in tally.trouble[ChannelKind.SMS]
    assert tally.answers[Status.DEFERRED] < 20


def test_a_relay_that_refuses_everybody_is_stopped_early(rig: Rig) -> None:
    """A relay that refuses everybody is stopped before all messages are handed over to the next channel."""
    refused = [person._replace(email=f"content{person.number}@mail.example") for person in people(200)]
    approved(rig.ledger, refused, channels=EMAIL_FIRST)
    tally = rig.run()
    assert "in a row" in tally.trouble[ChannelKind.EMAIL]
    assert len(rig.texted()) <= 50


# The page leads the way.


def test_without_a_folder_for_the_page_no_link_to_it_goes_out(rig: Rig) -> None:
    approved(rig.ledger, people(3))
    rig.settings[ChannelKind.WEBSITE]["folder"] = "/nowhere/at/all"
    tally = rig.run()
    assert ChannelKind.WEBSITE in tally.trouble
    assert rig.mailed() + rig.texted() + rig.posts() == []


def test_while_the_page_waits_for_its_next_try_no_link_to_it_goes_out(rig: Rig, tmp_path: Path) -> None:
    approved(rig.ledger, people(3))
    site = Path(rig.settings[ChannelKind.WEBSITE]["folder"])
    (site / INCIDENT).write_text("a file where the folder should be")
    tallies = [rig.run(), rig.run()]
    assert [ChannelKind.WEBSITE in tally.trouble for tally in tallies] == [True, True]
    assert rig.mailed() + rig.texted() + rig.posts() == []


def test_a_page_left_in_doubt_by_a_crash_is_written_again(rig: Rig) -> None:
    """A web page that a crash left in doubt is written again, because writing it twice changes nothing."""
    approved(rig.ledger, people(2), channels=EMAIL_FIRST)
    rig.ledger.notices.release(INCIDENT, NOTICE, NOW)
    rig.ledger.deliveries.record(
        rig.ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.WEBSITE], 10, NOW), (), INCIDENT, NOTICE, NOW
    )
    rig.clock.forward(MINUTES)
    tally = rig.run()
    assert tally.finished
    assert rig.mailed() == addresses(2)


# Nothing leaves that should not.


def test_without_approval_nothing_leaves(rig: Rig) -> None:
    approved(rig.ledger, people(2))
    rig.ledger.team.remove(APPROVERS[0].name, "lena", NOW)
    with pytest.raises(ApprovalMissing):
        rig.run()
    assert rig.mailed() == []


def test_a_channel_without_settings_is_named_before_anything_leaves(rig: Rig) -> None:
    approved(rig.ledger, people(2))
    del rig.settings[ChannelKind.SMS]
    with pytest.raises(ChannelMisconfigured, match=r"channels\.sms"):
        rig.run()
    assert rig.mailed() == []
    assert not (Path(rig.settings[ChannelKind.WEBSITE]["folder"]) / INCIDENT).exists()


def test_a_pause_stops_a_run_at_the_next_message(rig: Rig) -> None:
    approved(rig.ledger, people(200), channels=EMAIL_FIRST)
    rig.mail.delay = 0.02
    pause = meanwhile(lambda: len(rig.mail.arrived) > 5, lambda: rig.ledger.incidents.pause(INCIDENT, "lena", NOW))
    with pytest.raises(NotAllowed, match="paused"):
        rig.run()
    pause.join()
    assert len(rig.mail.arrived) < 60
    rig.ledger.incidents.resume(INCIDENT, "lena", NOW)
    rig.mail.delay = 0
    assert rig.run().finished
    assert rig.mailed() == addresses(200)


def test_amended_facts_stop_a_run_and_the_new_words_reach_the_rest(rig: Rig) -> None:
    """Amended facts stop a run at the next message.

    After a new approval, the new words reach only the people who were not told before.
    """
    approved(rig.ledger, people(200), channels=EMAIL_FIRST)
    rig.mail.delay = 0.02
    amended = an_incident(title="Two databases copied")
    amend = meanwhile(
        lambda: len(rig.mail.arrived) > 5, lambda: rig.ledger.incidents.amend(amended, "lena", NOW) and None
    )
    with pytest.raises(ApprovalMissing, match="changed"):
        rig.run()
    amend.join()
    assert len(rig.mail.arrived) < 60
    rig.mail.delay = 0
    approved_again(rig.ledger, channels=EMAIL_FIRST, dated=NOW + MINUTES)
    assert rig.run().finished
    assert rig.mailed() == addresses(200)


def test_who_cancels_a_run_leaves_no_message_in_doubt(rig: Rig) -> None:
    approved(rig.ledger, people(100), channels=EMAIL_FIRST)
    rig.mail.delay = 0.05

    async def cancelled() -> None:
        run = asyncio.create_task(rig.send())
        while len(rig.mail.arrived) < 5:
            await asyncio.sleep(0.005)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    asyncio.run(cancelled())
    assert set(rig.states().values()) == {"sent", "waiting"}
    assert len(rig.mail.arrived) < 60
    rig.mail.delay = 0
    assert rig.run().finished
    assert rig.mailed() == addresses(100)


async def cancelled_in_a_moment(run: "asyncio.Task[Tally]") -> None:
    run.cancel()
    with pytest.raises(asyncio.CancelledError):  # around the timeout: it cancels, too
        async with asyncio.timeout(20):
            await run


async def test_a_cancelled_run_does_not_wait_until_marks_can_be_kept(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is cancelled does not wait until marks can be kept again.

    Nothing was sent, and a later run tells everybody.
    """

    def read_only(*_: object) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    approved(rig.ledger, people(20), channels=EMAIL_FIRST)
    trouble: list[dict[str, str]] = []
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", read_only)
        run = asyncio.create_task(rig.send(lambda tally: trouble.append(dict(tally.trouble))))
        while not any("ledger" in now for now in trouble):
            await asyncio.sleep(0.005)
        await cancelled_in_a_moment(run)
    assert set(rig.states().values()) == {"waiting"}
    assert rig.mailed() == []
    assert (await rig.send()).finished
    assert rig.mailed() == addresses(20)


async def test_a_cancelled_run_does_not_wait_to_give_back_messages(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is cancelled does not wait for a locked ledger to take back unsent messages.

    A later run sends them once their lease ran out.
    """
    approved(rig.ledger, people(3), channels=EMAIL_FIRST)
    one_an_hour = {ChannelKind.EMAIL: Pace(Bucket(1 / 3600, 1))}

    async def send(paces: dict[ChannelKind, Pace]) -> Tally:
        async with connected(rig.settings) as channels:
            return await deliver(rig.ledger, channels, INCIDENT, NOTICE, LINKS, rig.clock, paces=paces)

    run = asyncio.create_task(send(one_an_hour))
    while "sent" not in rig.states().values():
        await asyncio.sleep(0.005)
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await cancelled_in_a_moment(run)
    assert Counter(rig.states().values()) == {"sent": 1, "claimed": 2}
    rig.clock.forward(2 * LEASE)
    assert (await send({})).finished
    assert rig.mailed() == addresses(3)


def test_answers_are_kept_although_a_new_version_was_drafted(rig: Rig) -> None:
    """Answers are kept even when the next version was drafted and approved while the messages were on their way."""
    approved(rig.ledger, people(40), channels=EMAIL_FIRST)
    rig.mail.delay = 0.1

    def amend() -> None:
        rig.ledger.incidents.amend(an_incident(title="Two databases copied"), "lena", NOW)
        approved_again(rig.ledger, channels=EMAIL_FIRST, dated=NOW + MINUTES)

    amends = meanwhile(lambda: len(rig.mail.arrived) > 5, amend)
    with pytest.raises(ApprovalMissing):
        rig.run()
    amends.join()
    assert Counter(rig.states().values())["sent"] == len(rig.mail.arrived)


async def test_old_words_are_not_sent_under_a_later_approval(rig: Rig) -> None:
    """Words that were approved before are not sent once a new version is approved and released: the run ends."""
    approved(rig.ledger, people(510), channels=EMAIL_FIRST)
    slow = Gated(after_the_call=True)
    behind = asyncio.create_task(_send_through(rig, slow))
    while len(slow.waiting) < FIRST_LANES:
        await asyncio.sleep(0.005)
    rig.ledger.incidents.amend(an_incident(title="Two databases copied"), "lena", NOW)
    approved_again(rig.ledger, channels=EMAIL_FIRST, dated=NOW + MINUTES)
    rig.ledger.notices.release(INCIDENT, NOTICE, rig.clock())
    slow.gate.set()
    with pytest.raises(ApprovalMissing, match="anew"):
        await behind
    assert len(slow.sent) == FIRST_LANES
    assert set(rig.states().values()) == {"sent", "waiting"}


# Several workers.


def test_two_engines_at_once_tell_nobody_twice(rig: Rig, tmp_path: Path) -> None:
    approved(rig.ledger, people(150), channels=(ChannelKind.EMAIL, ChannelKind.SMS))
    second = a_ledger(sqlite_url(tmp_path), tmp_path)
    failures: list[Exception] = []

    def run(own: Rig) -> None:
        try:
            own.run()
        except Exception as failure:  # noqa: BLE001
            failures.append(failure)

    engines = [threading.Thread(target=run, args=[own]) for own in (rig, replace(rig, ledger=second))]
    for engine in engines:
        engine.start()
    for engine in engines:
        engine.join()
    second.dispose()
    assert failures == []
    assert rig.mailed() == addresses(150)
    assert len(rig.texted()) == len(set(rig.texted())) == 150
    assert len(rig.posts()) == 2
    assert rig.run().finished


async def test_a_second_run_helps_and_leaves_the_public_to_the_last(rig: Rig) -> None:
    """A run that begins while another run is sending helps, and leaves the public to the run that finishes last."""
    approved(rig.ledger, people(510), channels=(*EMAIL_FIRST, ChannelKind.SOCIAL))
    slow = Gated()
    first = asyncio.create_task(_send_through(rig, slow))
    while len(slow.waiting) < FIRST_LANES:
        await asyncio.sleep(0.005)
    second = await rig.send()
    assert second.answers[Status.SENT] > 400
    assert rig.posts() == []
    slow.gate.set()
    assert (await first).finished


async def test_a_worker_whose_lease_ran_out_sends_nothing_taken_over(rig: Rig) -> None:
    """A worker whose lease ran out sends nothing after another run took over its messages."""
    approved(rig.ledger, people(3), channels=EMAIL_FIRST)
    slow = Gated()
    behind = asyncio.create_task(_send_through(rig, slow))
    while len(slow.waiting) < 3:
        await asyncio.sleep(0.005)
    rig.clock.forward(MINUTES)
    assert (await rig.send()).finished
    slow.gate.set()
    tally = await behind
    assert slow.sent == []
    assert tally.answers[Status.SENT] == 0
    assert rig.mailed() == addresses(3)


async def test_an_answer_after_the_lease_ran_out_settles_an_uncertain_one(rig: Rig) -> None:
    """An answer that comes after the lease ran out settles the message, which had become uncertain."""
    approved(rig.ledger, people(2), channels=EMAIL_FIRST)
    slow = Gated(after_the_call=True)
    behind = asyncio.create_task(_send_through(rig, slow))
    while len(slow.waiting) < 2:
        await asyncio.sleep(0.005)
    rig.clock.forward(MINUTES)
    assert (await rig.send()).people == {PersonState.UNCERTAIN: 2}
    slow.gate.set()
    assert (await behind).people == {PersonState.SENT: 2}
    assert rig.mailed() == []


# What people read.


def test_nobody_reads_anothers_name_or_link(rig: Rig) -> None:
    approved(rig.ledger, people(40), channels=EMAIL_FIRST)
    rig.run()
    tokens = {number: rig.ledger.people.link_of(INCIDENT, number) for number in range(1, 41)}
    for address, letter in letters(rig.mail).items():
        own = int(address.removeprefix("kim").partition("@")[0])
        read = f"{letter['To']} {bodies(letter)}"
        assert f"Dear Kim Example {own}," in read
        assert [number for number, token in tokens.items() if token in read] == [own]
        assert read.count("@mail.example") == 1


@dataclass
class Gated(OneByOne):
    """An email channel that waits at a gate, before the last call or after it."""

    after_the_call: bool = False
    kind: ChannelKind = ChannelKind.EMAIL
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    async def deliver(self, message: Message, last_call: LastCall) -> Receipt:
        if self.after_the_call:
            await last_call()
        self.waiting.append(message.key)
        await self.gate.wait()
        if not self.after_the_call:
            await last_call()
        self.sent.append(message.key)
        return Receipt(message.key, Status.SENT)

    async def close(self) -> None:
        """Nothing is held open."""


@dataclass
class HangsUpAt(OneByOne):
    """An email channel whose relay breaks off at one address, every time."""

    address: str
    kind: ChannelKind = ChannelKind.EMAIL

    async def deliver(self, message: Message, last_call: LastCall) -> Receipt:
        if message.to == self.address:
            raise ChannelUnavailable("connection lost")
        await last_call()
        return Receipt(message.key, Status.SENT)

    async def close(self) -> None:
        """Nothing is held open."""


async def _send_through(rig: Rig, email: Gated | HangsUpAt) -> Tally:
    async with connected(rig.settings) as channels:
        own: Channels = {**channels, ChannelKind.EMAIL: email}
        return await deliver(rig.ledger, own, INCIDENT, NOTICE, LINKS, rig.clock)


class FailsToLook(Ledger):
    """A ledger with a fault where the guard looks for the first time after something was sent."""

    sent = looked = False

    def __init__(self, *opened_with: Any) -> None:
        super().__init__(*opened_with)
        self._record, self._troubles = self.deliveries.record, self.statistics.troubles
        self.deliveries.record, self.statistics.troubles = self.record, self.troubles

    def record(self, leaving: Any, answers: Any, *about: Any) -> frozenset[int]:
        self.sent = self.sent or bool(answers)
        return self._record(leaving, answers, *about)

    def troubles(self, incident: str, notice: str) -> dict[DeliveryState, int]:
        if self.looked or not self.sent:
            return self._troubles(incident, notice)
        self.looked = True
        raise ZeroDivisionError


class ClaimedElsewhere(Ledger):
    """The page is in the hands of another machine, whose claim is not committed when this one looks first."""

    tries = 0

    def __init__(self, *opened_with: Any) -> None:
        super().__init__(*opened_with)
        self.deliveries.published, self.deliveries.at_work = self.published, self.at_work

    def published(self, incident: str, notice: str) -> bool:
        self.tries += 1
        return self.tries > 3

    def at_work(self, incident: str, notice: str, channels: Iterable[ChannelKind]) -> bool:
        return self.tries == 2


def test_a_page_that_another_machine_is_just_claiming_is_waited_for(tmp_path: Path, rig: Rig) -> None:
    approved(rig.ledger, people(3), channels=EMAIL_FIRST)
    ledger = ClaimedElsewhere(sqlite_url(tmp_path), rig.ledger.store.keys, tmp_path / "audit-head")
    assert replace(rig, ledger=ledger).run().trouble == {}
    assert rig.mailed() == addresses(3)


def test_nothing_goes_on_leaving_when_what_watches_it_broke_off(tmp_path: Path, rig: Rig) -> None:
    approved(rig.ledger, people(300), channels=(ChannelKind.EMAIL,))
    rig.mail.delay = 0.2
    ledger = FailsToLook(sqlite_url(tmp_path), rig.ledger.store.keys, tmp_path / "audit-head")
    tally = replace(rig, ledger=ledger).run()
    ledger.dispose()
    assert tally.trouble["guard"] == "what looks after the send broke off: ZeroDivisionError"
    assert 0 < len(rig.mailed()) < 300


def of_schema(folder: Path, revision: str) -> None:
    """As if another Amends had made the tables."""
    with closing(sqlite3.connect(folder / "ledger.sqlite3")) as file, file:
        file.execute("UPDATE amends_schema SET version_num = ?", (revision,))


def test_a_send_ends_when_another_amends_has_the_ledger(tmp_path: Path, rig: Rig) -> None:
    """A send ends when the ledger has another Amends' tables, and that one tells all others once."""
    approved(rig.ledger, people(30), channels=(ChannelKind.EMAIL,))
    with pytest.raises(TablesDiffer, match="written by another Amends"):
        rig.run(lambda _: of_schema(tmp_path, "9999") if rig.mailed() else None)
    assert 0 < len(rig.mailed()) < 30
    of_schema(tmp_path, schema())  # which that one knows
    rig.clock.forward(timedelta(minutes=5))
    assert rig.run().finished
    assert rig.mailed() == addresses(30)


def damage(folder: Path, person: int) -> None:
    """As a fault of the disk would do it."""
    with closing(sqlite3.connect(folder / "ledger.sqlite3")) as file, file:
        (sealed,) = file.execute("SELECT sealed FROM person WHERE number = ?", (person,)).fetchone()
        wrong = sealed[:-1] + bytes([sealed[-1] ^ 1])
        file.execute("UPDATE person SET sealed = ? WHERE number = ?", (wrong, person))


def test_one_whose_data_was_damaged_is_parked_and_the_others_are_told(tmp_path: Path, rig: Rig) -> None:
    approved(rig.ledger, people(20), channels=(ChannelKind.EMAIL,))
    damage(tmp_path, 7)
    tally = rig.run()
    assert (tally.trouble, tally.finished, tally.parked) == ({}, False, 1)
    assert Counter(rig.states().values()) == {"sent": 19, "parked": 1}
    assert rig.states()[7] == "parked"


@pytest.mark.parametrize("damaged", [2, 3], ids=["the child's", "the guardian's"])
def test_no_message_about_a_child_is_sent_when_data_was_damaged(tmp_path: Path, rig: Rig, damaged: int) -> None:
    """When the data of a child or of the guardian was damaged, the message about the child is parked.

    All other people are told.
    """
    child = a_person(number=2, flags=frozenset({Flag.MINOR}))
    parents = [a_person(number=1), child, a_person(number=3, guardian_of=child.ref, data=())]
    approved(rig.ledger, parents, channels=(ChannelKind.EMAIL,))
    damage(tmp_path, damaged)
    rig.run()
    assert rig.states()[1] == "sent"
    assert rig.states()[2] == "parked"


def test_an_opt_out_during_a_send_stops_only_that_persons_message(rig: Rig) -> None:
    """A person who opts out in the middle of an optional send gets nothing, and the same run tells all others."""
    approved(rig.ledger, people(300), channels=(ChannelKind.EMAIL,), cascade=(), optional=True)
    del rig.settings[ChannelKind.SMS]  # where there are two channels, each of them is looked at a second time
    rig.mail.delay = 0.02
    last = 300
    out = meanwhile(
        lambda: len(rig.mail.arrived) > 40, lambda: rig.ledger.opt_outs.add(INCIDENT, last, "test", rig.clock())
    )
    tally = rig.run()
    out.join()
    assert (tally.trouble, tally.finished) == ({}, True)
    assert rig.states()[last] == "held"
    assert Counter(rig.mailed()) == Counter(addresses(299))


def test_damaged_data_keeps_no_letter_and_no_approval_from_others(tmp_path: Path, rig: Rig) -> None:
    """A person whose data was damaged keeps no letter and no preview for the approval from the others.

    The person's own letter is parked.
    """
    on_paper = [a_person(number=n, email="", phone="", postal_address=f"Road {n}, Berlin") for n in range(1, 6)]
    by = (ChannelKind.EMAIL, ChannelKind.LETTER)
    draft = approved(rig.ledger, on_paper, channels=(ChannelKind.EMAIL,), cascade=by)
    damage(tmp_path, 3)
    found = list(rig.ledger.previews.first_claims(draft))
    assert [claim.readable for claim in found] == [True, True, False, True, True]
    rig.ledger.notices.release(INCIDENT, NOTICE, NOW)
    batch = rig.ledger.letters.take(INCIDENT, NOTICE, a_member(), NOW)
    assert batch is not None
    assert batch.letters == 4
    assert [claim.about.number for claim in rig.ledger.letters.of_batch(INCIDENT, NOTICE, 1) if claim.about] == [
        1,
        2,
        4,
        5,
    ]
    assert rig.states(ChannelKind.LETTER)[3] == "parked"
