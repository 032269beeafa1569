"""One channel of a run against a real relay: who is written to, how many at once, how fast, and when it stops."""

import asyncio
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from copy import copy
from datetime import timedelta
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from amends.delivery.channels import Pace, connected
from amends.delivery.send.engine import Tally, deliver
from amends.delivery.send.queue import FIRST_LANES, SLOW_ASIDE
from amends.domain.base.errors import ChannelUnavailable, LedgerUnavailable, NotAllowed
from amends.domain.case.states import IncidentState
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Channel, MessagesInFlight, Status
from amends.domain.deliver.limits import FEWEST_FIRST, canary_size
from amends.domain.deliver.pace import BLOCKS, PER_DOMAIN, STOP_AFTER, WINDOW, Breaker, Bucket
from amends.domain.people.person import Person
from amends.domain.playbook.playbook import QuietHours
from amends.ledger import Ledger
from amends.ledger.store.leases import LEASE, recall
from amends.ledger.tables.deliver import DeliveryRow, LeaseRow
from amends.sandbox.mail import MailServer, _hang_up
from amends.sandbox.web import WebServices
from tests.builders import NOW, a_person, a_variant
from tests.delivery.sending import INCIDENT, LINKS, NOTICE, Rig, approved, channel_settings, personal_variants

CHANNELS = (ChannelKind.WEBSITE, ChannelKind.EMAIL)
CONNECTIONS = 24


class WatchedRelay(MailServer):
    """A relay that remembers when who was offered and how many were under way at once, and that can turn us away."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.offered: list[str] = []
        self.arrived_before: list[int] = []
        """How many messages had arrived when each of them was offered."""
        self.taken_at: list[float] = []
        self.turned_away: list[float] = []
        """When somebody came while it took nothing."""
        self.closed = False
        self.takes_nobody = False
        """As when an account was closed: each recipient is refused."""
        self.hangs_up = False
        """Whenever somebody is named to it."""
        self.hesitates = 0.0
        """Seconds until it says whether it takes somebody."""
        self.refusing_the_first: Callable[[], None] | None = None
        """Called before it refuses who was offered first."""
        self.most: defaultdict[str, int] = defaultdict(int)
        """How many messages to a domain were under way at once."""
        self._now: Counter[str] = Counter()

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, hostname: str, offers: list[str]
    ) -> list[str]:
        if self.closed:
            self.turned_away.append(time.monotonic())
            _hang_up(server)
        return await super().handle_EHLO(server, session, envelope, hostname, offers)

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        self.offered.append(address)
        self.arrived_before.append(len(self.arrived))
        await asyncio.sleep(self.hesitates)
        if self.hangs_up:
            _hang_up(server)
        if self.takes_nobody:
            return "550 Account closed"
        if self.refusing_the_first and address == self.offered[0]:
            self.refusing_the_first()
            return "550 5.1.1 No such user"
        return await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        domain = envelope.rcpt_tos[0].partition("@")[2]
        self.taken_at.append(time.monotonic())
        self._now[domain] += 1
        self.most[domain] = max(self.most[domain], self._now[domain])
        self.most["all"] = max(self.most["all"], self._now.total())
        try:
            return await super().handle_DATA(server, session, envelope)
        finally:
            self._now[domain] -= 1

    def offered_to(self, domain: str) -> int:
        return sum(address.endswith(f"@{domain}") for address in self.offered)


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[WatchedRelay]:
    with WatchedRelay(tmp_path / "mail") as server:
        yield server


@pytest.fixture
def rig(ledger: Ledger, relay: WatchedRelay, tmp_path: Path) -> Iterator[Rig]:
    with WebServices(tmp_path / "web") as web:
        settings = channel_settings(relay.port, web.url, tmp_path, connections=str(CONNECTIONS))
        yield Rig(ledger, relay, web, settings)


def run(rig: Rig, pace: Pace | None = None, told: Callable[[Tally], None] = lambda _: None) -> Tally:
    async def send() -> Tally:
        paces = {ChannelKind.EMAIL: pace or Pace(patience=0)}
        async with connected(rig.settings) as channels:
            return await deliver(rig.ledger, channels, INCIDENT, NOTICE, LINKS, rig.clock, told, paces)

    return asyncio.run(send())


def run_until_stopped(rig: Rig) -> dict[str, str]:
    """What stopped the notice in one of a few runs; what is written down at the same moment has no order."""
    for _ in range(7):
        if "guard" in (trouble := run(rig, told=lambda _: rig.clock.forward(timedelta(milliseconds=1))).trouble):
            return trouble
        rig.clock.forward(timedelta(seconds=1))
    return {}


def people(count: int, address: str, first: int = 1) -> list[Person]:
    """So many people with an address such as grey{}@mail.example."""
    return [a_person(number=number, email=address.format(number)) for number in range(first, first + count)]


def details(rig: Rig) -> Counter[str]:
    return Counter(line.reason for line in rig.ledger.statistics.lines(INCIDENT, NOTICE) if line.state == "deferred")


def reached(rig: Rig) -> int:
    return list(rig.states().values()).count("sent")


# Who goes first.


def test_a_few_go_first_and_alone_and_the_rest_follows_their_answers(rig: Rig, relay: WatchedRelay) -> None:
    approved(rig.ledger, people(200, "kim{}@mail.example"), channels=CHANNELS)
    relay.delay = 0.05
    run(rig)
    first = canary_size(200)
    assert relay.arrived_before[first] == first
    assert reached(rig) == 200


def test_when_the_first_few_are_refused_nobody_else_is_tried(rig: Rig, relay: WatchedRelay) -> None:
    approved(rig.ledger, people(200, "bounce{}@mail.example"), channels=CHANNELS, cascade=())
    tally = run(rig)
    assert "refused or left open" in tally.trouble[ChannelKind.EMAIL]
    assert len(relay.offered) == canary_size(200)


def test_as_many_go_first_where_a_rate_lets_go_one_after_the_other(rig: Rig, relay: WatchedRelay) -> None:
    approved(rig.ledger, people(200, "bounce{}@mail.example"), channels=CHANNELS, cascade=())
    tally = run(rig, Pace(Bucket(50, 1)))
    assert "refused or left open" in tally.trouble[ChannelKind.EMAIL]
    assert len(relay.offered) == canary_size(200)


def test_of_many_one_in_a_hundred_goes_first(rig: Rig, relay: WatchedRelay) -> None:
    approved(rig.ledger, people(650, "bounce{}@mail.example"), channels=CHANNELS, cascade=())
    run(rig)
    assert len(relay.offered) == canary_size(650) > canary_size(100)


def test_of_the_few_that_others_have_left_over_not_all_go_first(rig: Rig, relay: WatchedRelay) -> None:
    approved(rig.ledger, people(650, "bounce{}@mail.example"), channels=CHANNELS, cascade=())
    rig.ledger.notices.release(INCIDENT, NOTICE, rig.clock())
    rest = canary_size(650) - 1
    assert rig.ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.EMAIL], 650 - rest, rig.clock())
    run(rig)
    assert len(relay.offered) == canary_size(rest) < rest


def test_a_person_must_look_when_none_of_the_first_few_is_taken(rig: Rig, relay: WatchedRelay) -> None:
    """When none of the first few messages is taken, the incident is paused.

    A person must look and resume the incident before the next few are tried.
    """
    everybody = [*people(5, "bounce{}@mail.example"), *people(95, "kim{}@mail.example", 6)]
    approved(rig.ledger, everybody, channels=CHANNELS, cascade=())
    assert "email: 5 of the first 5" in run(rig).trouble["guard"]
    with pytest.raises(NotAllowed, match="paused"):
        run(rig)
    rig.ledger.incidents.resume(INCIDENT, "mei", rig.clock())
    run(rig)
    assert (len(relay.offered), reached(rig)) == (100, 95)


def test_a_channel_that_took_messages_before_goes_on_by_itself(rig: Rig, relay: WatchedRelay) -> None:
    """When a channel has taken messages before and takes none now, the channel stops, but the incident is not paused.

    The next run goes on by itself.
    """
    everybody = [*people(5, "kim{}@mail.example"), *people(12, "grey{}@mail.example", 6)]
    approved(rig.ledger, everybody, channels=CHANNELS, cascade=())
    run(rig)
    relay.takes_nobody = True
    rig.clock.forward(timedelta(minutes=10))
    again = run(rig).trouble
    assert "refused or left open" in again[ChannelKind.EMAIL]
    assert "guard" not in again
    assert rig.ledger.cases.read(INCIDENT).state is IncidentState.OPEN


def test_a_channel_that_takes_none_any_more_fails_only_a_few_in_all(rig: Rig, relay: WatchedRelay) -> None:
    """A channel that took messages and takes none any more fails a few once, and not in each run.

    Then the incident is paused; after a person has looked, the few are counted anew.
    """
    everybody = [*people(5, "kim{}@mail.example"), *people(95, "bounce{}@mail.example", 6)]
    approved(rig.ledger, everybody, channels=CHANNELS, cascade=())
    stopped = run_until_stopped(rig)
    assert "email: 5 of the first 5" in stopped["guard"]
    with pytest.raises(NotAllowed, match="paused"):
        run(rig)
    tried = len(relay.offered)
    rig.clock.forward(timedelta(minutes=1))
    rig.ledger.incidents.resume(INCIDENT, "mei", rig.clock())
    assert "guard" not in run(rig).trouble, "somebody has looked, so it is counted anew"
    assert tried < len(relay.offered) < 100


def test_a_page_taken_from_the_first_few_leaves_no_verdict(rig: Rig, relay: WatchedRelay) -> None:
    """When a page is taken away from the first few, as from a worker that stood still, the one refusal decides nothing.

    The refused message says nothing of the others, who go first again.
    """

    def recalled() -> None:
        with rig.ledger.store.write() as write:
            recall(write.session, INCIDENT)

    relay.refusing_the_first = recalled
    approved(rig.ledger, people(200, "kim{}@mail.example"), channels=CHANNELS, cascade=())
    tally = run(rig)
    assert (tally.trouble, rig.ledger.cases.read(INCIDENT).state) == ({}, IncidentState.OPEN)
    assert reached(rig) == 199


def test_nobody_seems_at_work_after_a_run_that_lost_a_page(rig: Rig, relay: WatchedRelay) -> None:
    """After a run of which a page was taken away, nobody seems to be at work on the incident."""

    def recalled() -> None:
        with rig.ledger.store.write() as write:
            recall(write.session, INCIDENT)

    relay.refusing_the_first = recalled
    approved(rig.ledger, people(100, "kim{}@mail.example"), channels=CHANNELS, cascade=())
    run(rig)
    assert not rig.ledger.deliveries.busy(INCIDENT, rig.clock())


def test_after_a_relays_absence_others_go_first_in_their_place(rig: Rig, relay: WatchedRelay) -> None:
    """When the relay was away for the first few messages, as many others go first in their place."""
    approved(rig.ledger, people(200, "kim{}@mail.example"), channels=CHANNELS, cascade=())
    relay.closed = relay.takes_nobody = True
    rig.settings[ChannelKind.EMAIL]["connections"] = "1"

    def told(_: Tally) -> None:
        relay.closed = relay.closed and not relay.turned_away

    run(rig, Pace(patience=20), told)
    assert len(relay.offered) == canary_size(200)


def test_one_refusal_of_all_that_others_had_left_over_stops_nobody(rig: Rig, relay: WatchedRelay) -> None:
    """A queue that finds one message, because another worker holds the rest, does not stop at the refusal of this one:
    when the other worker gives the rest back, more messages go first and alone.
    """
    approved(rig.ledger, people(200, "kim{}@mail.example"), channels=CHANNELS)
    rig.ledger.notices.release(INCIDENT, NOTICE, rig.clock())
    held = rig.ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.EMAIL], 199, rig.clock())
    relay.refusing_the_first = lambda: rig.ledger.deliveries.give_back(held, rig.clock())
    assert run(rig).trouble == {}
    assert reached(rig) == 199
    assert relay.arrived_before[FEWEST_FIRST] == FEWEST_FIRST - 1


def test_when_the_first_few_are_put_off_the_rest_is_tried(rig: Rig, relay: WatchedRelay) -> None:
    first = canary_size(40)
    everybody = [*people(first, "grey{}@slow.example"), *people(40 - first, "kim{}@mail.example", first + 1)]
    approved(rig.ledger, everybody, channels=CHANNELS)
    run(rig)
    assert reached(rig) == 40 - first


def test_a_listener_may_break_off_a_run_and_nobody_stays_in_hand(rig: Rig, relay: WatchedRelay) -> None:
    """The listener to a run's progress can break off the run, and no message stays in hand.

    Messages that wait for their turn in a domain are given back too.
    """
    approved(rig.ledger, people(3 * PER_DOMAIN, "kim{}@big.example"), channels=CHANNELS)
    relay.delay = 0.05

    def told(_: Tally) -> None:
        if len(relay.offered) > PER_DOMAIN:
            raise KeyError("no more of this")

    with pytest.raises(KeyError):
        run(rig, told=told)
    states = Counter(rig.states().values())
    assert 0 < states["sent"] < 3 * PER_DOMAIN
    assert states["waiting"] == 3 * PER_DOMAIN - states["sent"]


def test_a_person_only_offered_when_a_run_breaks_off_gets_nothing(rig: Rig, relay: WatchedRelay) -> None:
    """A person whose message the relay was only offered when the run is broken off gets nothing; the message waits."""
    approved(rig.ledger, people(3, "kim{}@mail.example"), channels=CHANNELS)
    relay.hesitates = 0.5

    def told(_: Tally) -> None:
        if relay.offered:
            raise KeyError("no more of this")

    with pytest.raises(KeyError):
        run(rig, told=told)
    assert Counter(rig.states().values()) == {"waiting": 3}
    assert not relay.arrived


class Forgetful:
    """Carries email as the real one does, but that it leaves once with a message in hand."""

    kind, at_once = ChannelKind.EMAIL, 1

    def __init__(self, real: Channel, error: Exception | None = None) -> None:
        self._real, self._has_forgotten, self._error = real, False, error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def carry(self, in_flight: MessagesInFlight) -> None:
        if self._has_forgotten:
            await self._real.carry(in_flight)
        elif await in_flight.next():
            self._has_forgotten = True
            if self._error:
                raise self._error


async def leaving_one(rig: Rig, error: Exception | None = None) -> None:
    """A run in which email leaves one message without an answer, be it for an error."""
    async with connected(rig.settings) as channels:
        email = channels[ChannelKind.EMAIL]
        forgetful = {**channels, ChannelKind.EMAIL: Forgetful(email, error)}
        await deliver(rig.ledger, forgetful, INCIDENT, NOTICE, LINKS, rig.clock)


def test_a_message_left_without_answer_or_mark_is_tried_again(rig: Rig) -> None:
    """A message that a channel leaves without an answer and without a mark is deferred and tried again."""
    approved(rig.ledger, people(3, "kim{}@mail.example"), channels=CHANNELS)
    asyncio.run(leaving_one(rig))
    assert Counter(rig.states().values()) == {"deferred": 1, "sent": 2}
    rig.clock.forward(timedelta(minutes=1))
    run(rig)
    assert sorted(rig.mailed()) == [f"kim{number}@mail.example" for number in (1, 2, 3)]


@pytest.mark.parametrize(
    ("error", "soon"), [(ChannelUnavailable("hung up"), True), (ValueError("a fault"), False)], ids=["trouble", "fault"]
)
def test_channel_trouble_is_tried_again_soon_our_own_fault_later(rig: Rig, error: Exception, *, soon: bool) -> None:
    """After trouble of a channel its message is tried again within a minute; after a fault of Amends, later."""
    approved(rig.ledger, people(3, "kim{}@mail.example"), channels=CHANNELS)
    asyncio.run(leaving_one(rig, error))
    rig.clock.forward(timedelta(minutes=1))
    run(rig)
    assert reached(rig) == (3 if soon else 2)


# How many at once.


def test_a_domain_gets_only_its_share_while_others_fill_the_rest(rig: Rig, relay: WatchedRelay) -> None:
    """A domain gets no more messages at once than its share, while other domains fill the rest."""
    domains = ["big", "big", "big", "small"]  # so that some always wait for their turn while others begin
    everybody = [a_person(number=n, email=f"kim{n}@{domains[n % 4]}.example") for n in range(1, 241)]
    approved(rig.ledger, everybody, channels=CHANNELS)
    relay.delay = 0.05
    run(rig)
    assert reached(rig) == 240
    assert relay.most["big.example"] <= PER_DOMAIN
    assert relay.most["small.example"] <= PER_DOMAIN
    assert relay.most["all"] > PER_DOMAIN


def test_a_run_starts_with_few_lanes_and_keeps_the_channels_limit(rig: Rig, relay: WatchedRelay) -> None:
    """A run starts with few lanes, opens more, and never has more than the channel allows."""
    rig.settings[ChannelKind.EMAIL]["connections"] = "6"
    approved(rig.ledger, people(100, "kim{}@mail.example"), channels=CHANNELS)
    relay.delay = 0.01
    run(rig)
    assert FIRST_LANES < relay.most["all"] <= 6


def test_a_waiting_turn_comes_once_though_people_ahead_fall_asleep(rig: Rig, relay: WatchedRelay) -> None:
    """People who wait for their turn in a domain get it once, also when quiet hours begin for the people before them.

    While it is the turn of the people in Shanghai it becomes night there, and not yet where the others live.
    """
    night = QuietHours.model_validate({"from": "21:00", "until": "08:00", "channels": ["email"]})
    asleep = [a_person(number=number, email=f"kim{number}@big.example", country="CN") for number in range(101, 151)]
    others = [*people(100, "kim@mail{}.example"), *people(40, "kim{}@big.example", 151)]
    approved(rig.ledger, [*others, *asleep], channels=CHANNELS, cascade=(), quiet_hours=night)
    rig.clock.now = (NOW + timedelta(days=1)).replace(hour=12, minute=0)
    relay.delay = 0.1

    def told(_: Tally) -> None:
        if relay.offered_to("big.example") >= PER_DOMAIN:
            rig.clock.now = rig.clock.now.replace(hour=14)

    run(rig, told=told)
    mailed = Counter(rig.mailed())
    assert set(mailed.values()) == {1}
    assert {person.email for person in others} <= mailed.keys()


# A domain in trouble.


def test_a_domain_that_blocks_us_is_left_alone_and_the_others_go_on(rig: Rig, relay: WatchedRelay) -> None:
    everybody = [*people(60, "kim{}@mail.example"), *people(100, "policy{}@blocks.example", 61)]
    approved(rig.ledger, everybody, channels=CHANNELS)
    run(rig)
    assert reached(rig) == 60
    assert BLOCKS <= relay.offered_to("blocks.example") <= WINDOW
    assert details(rig)["domain stopped"] == 100 - relay.offered_to("blocks.example")
    (alert,) = [entry.subject for entry in rig.ledger.audit.entries(INCIDENT) if entry.act == "alert"]
    assert alert.startswith("a recipient domain refuses our mail by its policy")
    assert "blocks.example" not in alert


def test_messages_waiting_in_a_stopped_domain_are_deferred_too(rig: Rig, relay: WatchedRelay) -> None:
    """Messages that wait for their turn in a domain that is stopped are deferred too.

    Many more wait for their turn than are under way when the domain is stopped.
    """
    everybody = [*people(20, "kim{}@mail.example"), *people(400, "policy{}@blocks.example", 21)]
    approved(rig.ledger, everybody, channels=CHANNELS)
    tally = run(rig)
    assert reached(rig) == 20
    assert tally.answers[Status.DEFERRED] == 400


def test_nobody_of_a_domain_that_blocks_us_is_given_up(rig: Rig, relay: WatchedRelay) -> None:
    everybody = [*people(60, "kim{}@mail.example"), *people(30, "policy{}@blocks.example", 61)]
    approved(rig.ledger, everybody, channels=CHANNELS)
    tally = run(rig)
    assert not tally.finished
    assert set(rig.states().values()) == {"sent", "deferred"}
    assert rig.texted() == []


def test_a_domain_that_asks_us_to_slow_down_holds_up_no_other(rig: Rig, relay: WatchedRelay) -> None:
    """A domain that asks to slow down holds up no other domain.

    Its own messages are deferred, and all others are sent.
    """
    slow = 3 * SLOW_ASIDE
    everybody = [
        *people(60, "kim{}@mail.example"),  # with these it goes well, so there are many lanes
        *people(slow, "grey{}@slow.example", 61),
        *people(60, "kim{}@mail.example", 61 + slow),
    ]
    approved(rig.ledger, everybody, channels=CHANNELS)
    run(rig)
    assert reached(rig) == 120
    put_off = details(rig)["domain slowed down"]
    assert put_off == slow - relay.offered_to("slow.example") > 0


# How fast.


def test_a_rate_is_kept_from_the_first_message_on(rig: Rig, relay: WatchedRelay) -> None:
    approved(rig.ledger, people(100, "kim{}@mail.example"), channels=CHANNELS)
    per_second, burst = 80, 4
    run(rig, Pace(Bucket(per_second, burst)))
    took = relay.taken_at[-1] - relay.taken_at[0]
    assert reached(rig) == 100
    assert took >= (100 - burst) / per_second * 0.95
    for place, at in enumerate(relay.taken_at):
        within = sum(at <= other < at + 0.5 for other in relay.taken_at[place:])
        assert within <= burst + 0.5 * per_second + CONNECTIONS  # lanes of a busy machine come late, and together


def another_sends(rig: Rig) -> None:
    """From now on another machine has the first email in hand."""
    with rig.ledger.store.write() as write:
        email = write.session.exec(select(DeliveryRow.id).where(DeliveryRow.channel == ChannelKind.EMAIL)).first() or 0
        until = rig.clock() + LEASE
        lease = LeaseRow(
            incident=INCIDENT, notice=NOTICE, facts=1, first=email, last=email, until=until, holder="another 1 1"
        )
        write.session.add(lease)


def in_step(bucket: Bucket) -> list[float]:
    """How long each of three waits that come long after everybody else."""
    return [bucket.wait(1, at=1e9) for _ in range(3)]


def test_a_rate_is_shared_with_whoever_sends_on_the_same_channel(rig: Rig, relay: WatchedRelay) -> None:
    approved(rig.ledger, people(10, "kim{}@mail.example"), channels=CHANNELS)
    rig.ledger.notices.release(INCIDENT, NOTICE, rig.clock())
    another_sends(rig)
    run(rig, Pace(bucket := Bucket(per_second=80, burst=2)))
    assert len(relay.taken_at) == 10
    assert in_step(bucket) == pytest.approx([0, 1 / 40, 2 / 40])


@pytest.mark.full
def test_and_with_whoever_begins_meanwhile(rig: Rig, relay: WatchedRelay) -> None:
    approved(rig.ledger, people(16, "kim{}@mail.example"), channels=CHANNELS)
    rig.settings[ChannelKind.EMAIL]["connections"] = "1"
    bucket, steps = Bucket(per_second=5, burst=1), list[float]()

    def told(_: Tally) -> None:
        if 11 <= len(relay.taken_at) < 15:  # in the middle of a page, so that none is claimed meanwhile
            if not steps:
                another_sends(rig)
            steps.append(in_step(copy(bucket))[1])

    run(rig, Pace(bucket), told)
    assert len(relay.taken_at) == 16
    assert (steps[0], steps[-1]) == pytest.approx((1 / 5, 2 / 5))


def test_an_sms_in_several_parts_counts_for_as_many_in_the_rate(rig: Rig) -> None:
    sms = a_variant(channel=ChannelKind.SMS, text="Betapai: your data was copied. " * 6)  # two parts
    texts = (
        *(
            personal_variant
            for personal_variant in personal_variants("en")
            if personal_variant.channel is not ChannelKind.SMS
        ),
        sms,
    )
    by_sms = (ChannelKind.WEBSITE, ChannelKind.SMS)
    approved(rig.ledger, people(3, "kim{}@mail.example"), channels=by_sms, cascade=(), variants=texts)
    looks = count()

    def told(_: Tally) -> None:
        if rig.texted() and next(looks) > 5:
            raise KeyError("no more of this")

    async def send() -> None:
        two_at_once = {ChannelKind.SMS: Pace(Bucket(1 / 3600, 2))}
        async with connected(rig.settings) as channels:
            await deliver(rig.ledger, channels, INCIDENT, NOTICE, LINKS, rig.clock, told, two_at_once)

    with pytest.raises(KeyError):
        asyncio.run(send())
    assert len(rig.texted()) == 1


def test_a_send_that_is_broken_off_waits_for_no_turn_of_the_rate(rig: Rig, relay: WatchedRelay) -> None:
    """A send that is broken off does not wait for the turns that the rate gives: unsent messages are given back."""
    approved(rig.ledger, people(3, "kim{}@mail.example"), channels=CHANNELS)
    one_an_hour = Pace(Bucket(1 / 3600, 1))

    def told(_: Tally) -> None:
        if relay.arrived:
            raise KeyError("no more of this")

    with pytest.raises(KeyError):
        run(rig, one_an_hour, told)
    assert Counter(rig.states().values()) == {"sent": 1, "waiting": 2}


@pytest.mark.parametrize(("locked", "left"), [(0.3, "waiting"), (60.0, "claimed")], ids=["for a moment", "for long"])
def test_unsent_messages_are_given_back_when_the_ledger_returns(
    rig: Rig, relay: WatchedRelay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locked: float, left: str
) -> None:
    """Messages of a broken-off run that were not sent are given back once the ledger can be written again.

    When the ledger stays locked for too long, the messages stay claimed.
    """
    approved(rig.ledger, people(3, "kim{}@mail.example"), channels=CHANNELS)
    one_an_hour, locks = Pace(Bucket(1 / 3600, 1)), [tmp_path / "ledger.sqlite3"]
    monkeypatch.setattr("amends.ledger.store.database.BUSY_SECONDS", 0.1)
    monkeypatch.setattr("amends.delivery.send.queue.RETRY_SECONDS", 0.05)
    monkeypatch.setattr("amends.delivery.send.queue.PATIENCE", 1.0)

    def told(_: Tally) -> None:
        if locks and "sent" in rig.states().values():
            other = sqlite3.connect(locks.pop(), isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            held.append(other)
            asyncio.get_running_loop().call_later(locked, other.close)
            raise KeyError("no more of this")

    held: list[sqlite3.Connection] = []
    with pytest.raises(KeyError):
        run(rig, one_an_hour, told)
    for other in held:
        other.close()
    assert Counter(rig.states().values()) == {"sent": 1, left: 2}


def test_nobody_is_offered_once_writing_the_ledger_is_given_up(
    rig: Rig, relay: WatchedRelay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once a run has given up writing the ledger, no further message is even offered to the relay.

    The ledger can be written again a moment later, but this run has lost count.
    """
    approved(rig.ledger, people(200, "kim{}@mail.example"), channels=CHANNELS)
    rig.settings[ChannelKind.EMAIL]["connections"] = "1"
    relay.hesitates = 0.005
    monkeypatch.setattr("amends.ledger.store.database.BUSY_SECONDS", 0.05)
    monkeypatch.setattr("amends.delivery.send.group_commit.RETRY_SECONDS", 0.05)
    monkeypatch.setattr("amends.delivery.send.group_commit.PATIENCE", 0.3)
    ledger, held = tmp_path / "ledger.sqlite3", list[sqlite3.Connection]()

    def told(tally: Tally) -> None:
        if tally.answers[Status.SENT] and not held:
            held.append(sqlite3.connect(ledger, isolation_level=None))
            held[0].execute("BEGIN IMMEDIATE")
            asyncio.get_running_loop().call_later(1, held[0].close)

    with pytest.raises(LedgerUnavailable):
        run(rig, told=told)
    assert len(relay.offered) < len(relay.arrived) + FIRST_LANES


# The channel is in trouble.


def test_greylisting_by_one_server_after_the_other_stops_nobody(rig: Rig) -> None:
    many = STOP_AFTER[Status.DEFERRED] + 10
    strangers = [a_person(number=number, email=f"grey@mail{number}.example") for number in range(1, many + 1)]
    approved(rig.ledger, [*strangers, *people(10, "kim{}@mail.example", many + 1)], channels=CHANNELS)
    assert run(rig).trouble == {}
    assert reached(rig) == 10


def test_a_relay_that_comes_back_is_found_by_one_message_at_a_time(
    rig: Rig, relay: WatchedRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relay that comes back is found by one message at a time, after growing waits, and the same run goes on."""
    monkeypatch.setattr("amends.delivery.send.queue.Breaker", partial(Breaker, first_wait=0.3))
    approved(rig.ledger, people(100, "kim{}@mail.example"), channels=CHANNELS)
    relay.closed = True
    tally = asyncio.run(_opens_after(rig, relay, probes=2))
    probes = relay.turned_away[-2:]
    lost = len(relay.turned_away)
    assert ChannelKind.EMAIL not in tally.trouble
    assert probes[0] - relay.turned_away[-3] >= 0.3
    assert probes[1] - probes[0] >= 0.6
    assert lost <= 5 + FIRST_LANES + 2
    assert reached(rig) == 100
    assert set(rig.states().values()) == {"sent"}


async def _opens_after(rig: Rig, relay: WatchedRelay, probes: int) -> Tally:
    """A run, and a relay that opens once it was tried in vain so often after the first failures."""

    async def open_again() -> None:
        while len(_alone(relay.turned_away)) < probes:
            await asyncio.sleep(0.01)
        relay.closed = False

    opens = asyncio.create_task(open_again())
    async with connected(rig.settings) as channels:
        paces = {ChannelKind.EMAIL: Pace(patience=20)}
        tally = await deliver(rig.ledger, channels, INCIDENT, NOTICE, LINKS, rig.clock, paces=paces)
    await opens
    return tally


def _alone(times: list[float]) -> list[float]:
    """Those that came long after the one before."""
    return [at for before, at in pairwise(times) if at - before > 0.25]


def test_an_absent_relay_is_named_although_nobody_is_left_to_try(rig: Rig, relay: WatchedRelay) -> None:
    """A relay that is away is named although nobody is left to be tried before patience is over; everybody waits."""
    approved(rig.ledger, people(2, "kim{}@mail.example"), channels=CHANNELS)
    relay.closed = True
    tally = run(rig, Pace(patience=30))
    assert ChannelKind.EMAIL in tally.trouble
    assert set(rig.states().values()) == {"waiting"}


def test_a_relay_that_hangs_up_on_everybody_is_left_alone(rig: Rig, relay: WatchedRelay) -> None:
    """It can be reached; but what is written down of those it was tried with is no answer of it."""
    approved(rig.ledger, people(100, "kim{}@mail.example"), channels=CHANNELS)
    relay.hangs_up = True
    tally = run(rig)
    assert ChannelKind.EMAIL in tally.trouble
    assert len(relay.offered) < 20
    assert set(rig.states().values()) <= {"waiting", "deferred"}


def test_an_absent_relay_stops_the_channel_when_patience_is_over(
    rig: Rig, relay: WatchedRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relay that stays away stops the channel when patience is over, and nobody is lost: everybody waits."""
    monkeypatch.setattr("amends.delivery.send.queue.Breaker", partial(Breaker, first_wait=0.2))
    approved(rig.ledger, people(50, "kim{}@mail.example"), channels=CHANNELS)
    relay.closed = True
    began = time.monotonic()
    tally = run(rig, Pace(patience=0.5))
    assert 0.5 <= time.monotonic() - began < 30
    assert ChannelKind.EMAIL in tally.trouble
    assert tally.answers[Status.SENT] == 0
    assert set(rig.states().values()) == {"waiting"}
