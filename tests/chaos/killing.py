"""Senders that are killed at random moments, the world they send to, and what must be true of it afterwards."""

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP
from urllib.parse import unquote

from amends.domain.notice.notice import DeliveryState
from amends.domain.people.person import Flag, Person
from amends.ledger import DeliveryLine, Ledger
from amends.sandbox.mail import FAULTS, Faults, MailServer, SmtpStage
from amends.sandbox.web import WebServices
from tests.builders import NOW, a_person
from tests.chaos.sender import UNFINISHED, Errand, run
from tests.delivery.sending import INCIDENT, NOTICE, a_ledger, bodies, channel_settings, letters
from tests.desks import Desks, served
from tests.message_kinds import KINDS, MessageKind, begin, member

SEED = int(os.environ.get("AMENDS_CHAOS_SEED", time.time_ns() % 1_000_000))
CONNECTIONS = 2
LEASE_AND_MORE = timedelta(minutes=16)
PROCESSES = get_context("forkserver")
"""Each sender is forked from a small process that has imported everything, so that it starts in milliseconds."""
PROCESSES.set_forkserver_preload(["tests.chaos.sender"])

REACHED = (DeliveryState.SENT, DeliveryState.DELIVERED)
NOT_REACHED = (DeliveryState.UNCERTAIN, DeliveryState.HELD, DeliveryState.UNREACHABLE, DeliveryState.FAILED)
"""The states in which messages of all kinds end; those of the outbox have the same words."""
LEAVES_OPEN = (SmtpStage.ENDING, SmtpStage.BODY)
"""After these the engine may not know: a line that breaks just before the end looks as if it broke after it."""


def somebody(number: int) -> Person:
    """Most can be reached; some bounce, some are greylisted, some are held, some have no address."""
    if number % 50 == 2:
        return a_person(number=number, flags=frozenset({Flag.DECEASED}))
    return a_person(number=number, email="", phone="") if number % 50 == 3 else with_mailbox(number)


def with_mailbox(number: int) -> Person:
    """Most can be reached; some bounce, some are greylisted."""
    if number % 15 == 0:
        return a_person(number=number, email=f"bounce{number}@mail.example")
    return a_person(number=number, email=f"grey{number}@mail.example") if number % 20 == 1 else a_person(number=number)


@dataclass
class Chaos:
    """Senders that come and go, and the world that sees what they send."""

    ledger: Ledger
    messages: Errand
    mail: MailServer
    web: WebServices
    people: dict[int, Person]
    desks: Desks
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))
    kills: int = 0
    """Senders that were killed or stopped while they may have had messages under way."""

    @property
    def kind(self) -> MessageKind:
        """The kind of the messages."""
        return KINDS[self.messages.kind]

    def start(self) -> BaseProcess:
        """A sender, its clock further ahead than that of any before it."""
        (sender,) = self.start_together(1)
        return sender

    def start_together(self, count: int) -> list[BaseProcess]:
        """So many senders with one clock, further ahead than that of any before them."""
        self.messages = replace(self.messages, ahead=self.messages.ahead + LEASE_AND_MORE)
        senders = [PROCESSES.Process(target=run, args=[self.messages], daemon=True) for _ in range(count)]
        for sender in senders:
            sender.start()
        return senders

    def kill(self, sender: BaseProcess) -> None:
        """At a random moment after its start or after its first message, unless it ends before."""
        if self.chance.random() < 0.7:
            self.wait_for_message(sender)
        sender.join(self.chance.uniform(0.01, 0.3))
        if sender.is_alive():
            sender.kill()
            self.kills += 1
        sender.join()
        assert sender.exitcode in (0, UNFINISHED, -SIGKILL)

    def kill_some(self, kills: int) -> None:
        """One sender after another, until so many are dead or nothing is left to be sent."""
        while self.kills < kills:
            sender = self.start()
            self.kill(sender)
            if sender.exitcode == 0:
                break

    def stop(self, sender: BaseProcess, between_writes: Callable[[], bool]) -> None:
        """Halt it in the middle of its work, but not while it holds up everybody else's."""
        self.wait_for_message(sender)
        self.kills += 1
        while sender.pid and sender.is_alive():
            os.kill(sender.pid, SIGSTOP)
            time.sleep(0.02)
            if between_writes():
                return
            os.kill(sender.pid, SIGCONT)
            time.sleep(0.005)

    def go_on(self, sender: BaseProcess) -> None:
        """Let a halted sender go on as if nothing had been, unless it came to its end before it could be halted."""
        if sender.pid and sender.is_alive():
            os.kill(sender.pid, SIGCONT)

    def wait_for_message(self, sender: BaseProcess) -> None:
        """Until the world gets one, or the sender ends."""
        before = self.arrived()
        while sender.is_alive() and self.arrived() == before:
            time.sleep(0.002)

    def arrived(self) -> int:
        """How many messages the world has got."""
        return len(self.mail.arrived) + len(self.web.taken) + len(self.desks.got)

    def finish(self) -> None:
        """Senders that nobody kills, until nothing is left to send."""
        self.mail.delay = self.desks.delay = 0
        for _ in range(40):
            sender = self.start()
            sender.join(60)
            assert sender.exitcode in (0, UNFINISHED)
            if sender.exitcode == 0:
                return
            self.messages = replace(self.messages, ahead=self.messages.ahead + timedelta(hours=1))
        raise AssertionError("they were never all sent")

    def alerts(self) -> list[str]:
        """What people were called for."""
        return [entry.subject for entry in self.ledger.audit.entries(INCIDENT) if entry.act == "alert"]

    def lines(self, *states: DeliveryState) -> list[DeliveryLine]:
        """The messages of the notice in these states."""
        return [line for line in self.ledger.statistics.lines(INCIDENT, NOTICE) if line.state in states]

    def readers(self, *states: DeliveryState) -> set[int]:
        """Those who have a message in one of these states."""
        return {number for number, state in self.kind.states(self.ledger) if state in states}

    def mailed(self) -> Counter[int]:
        """How many emails the relay took for each person."""
        numbers = {person.email: number for number, person in self.people.items()}
        return Counter(numbers[address] for arrived in self.mail.arrived for address in arrived.recipients)

    def texted(self) -> Counter[int]:
        """How many messages the gateway took for each person."""
        numbers = {person.phone: number for number, person in self.people.items()}
        return Counter(numbers[taken.fields["to"]] for taken in self.web.taken if taken.service == "sms")

    def got(self) -> Counter[int]:
        """How many messages arrived for each reader, wherever they read."""
        numbers = {member(number): number for number in self.people}
        return self.mailed() + self.texted() + Counter(numbers[name] for name, _ in self.desks.got)

    def texts(self) -> list[tuple[int, str]]:
        """All that each reader can read of each message, decoded, with the reader's number."""
        numbers = {person.email: number for number, person in self.people.items()}
        members = {member(number): number for number in self.people}
        return [
            *((numbers[address], in_full(letter)) for address, letter in letters(self.mail).items()),
            *((members[name], str(content)) for name, content in self.desks.got),
        ]


def in_full(letter: EmailMessage) -> str:
    """The headers and the parts of an email."""
    parts = "\n".join((*map(str, letter.values()), bodies(letter)))
    return parts + unquote(parts)


@contextmanager
def chaos(
    ledger_url: str,
    folder: Path,
    people: int,
    kind: str = "notice",
    *,
    faults: Faults = FAULTS["clean"],
    connections: int = CONNECTIONS,
    person: Callable[[int], Person] = somebody,
    chunking: bool = True,
) -> Iterator[Chaos]:
    """Messages of this kind to so many readers, and a relay with these faults."""
    ledger = a_ledger(ledger_url, folder).migrate()
    audience = {number: person(number) for number in range(1, people + 1)}
    print(f"AMENDS_CHAOS_SEED={SEED}")  # noqa: T201 - pytest shows it when the test fails
    relay = MailServer(folder / "mail", faults=faults, seed=SEED, chunking=chunking)
    with relay as mail, WebServices(folder / "web") as web, served() as desks:
        leads = {number: desks.address(member(number)) for number in audience if KINDS[kind].to_team}
        begin(ledger, audience.values(), leads, NOW)
        KINDS[kind].prepare(ledger, audience.keys(), datetime.now(UTC))
        settings = channel_settings(mail.port, web.url, folder, connections=str(connections))
        yield Chaos(ledger, Errand(ledger_url, folder, settings, timedelta(), kind), mail, web, audience, desks)
    ledger.dispose()


def check(world: Chaos, connections: int = CONNECTIONS) -> None:
    """What must be true after any number of kills, by what the world saw."""
    got, explained = world.got(), world.readers(*NOT_REACHED)
    assert max(got.values(), default=0) <= 1 + world.kills * world.kind.repeats, "somebody got a message twice"
    assert max(Counter(posts(world)).values(), default=0) <= 1, "a post was made twice"
    assert world.people.keys() - got.keys() - explained == set(), "somebody was lost"
    assert world.readers(*REACHED) <= got.keys(), "somebody counts as reached who was not"
    assert world.readers(*set(DeliveryState) - {*REACHED, *NOT_REACHED}) == set(), "something has not come to an end"
    assert world.ledger.audit.verify() == ()
    check_doubts(world, connections)


def posts(world: Chaos) -> list[str]:
    """What was said to the public."""
    return [taken.fields["status"] for taken in world.web.taken if taken.service == "mastodon"]


def check_doubts(world: Chaos, connections: int) -> None:
    """At most one message for each connection of a killed sender, and what the relay itself left open."""
    uncertain, left_open = (
        len(world.readers(DeliveryState.UNCERTAIN)),
        sum(map(world.mail.gone_wrong.__getitem__, LEAVES_OPEN)),
    )
    print(  # noqa: T201
        f"{world.kills} kills, relay {dict(world.mail.gone_wrong)}, {uncertain} uncertain, arrived {world.arrived()}"
    )
    at_once = len(world.people) if world.kind.to_team else connections
    assert uncertain <= world.kills * at_once + left_open
