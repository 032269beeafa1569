"""The channel of a rehearsal, of every kind: a provider that exists only in this process, in the rehearsal's own time.

A real installation cannot use this channel: it has no world, so `connect` fails before anything is sent.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from amends.domain.base.errors import ChannelDown, ChannelMisconfigured, StaleClaim
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Message, MessagesInFlight, Receipt, ReceiptCause, Status
from amends.domain.rehearse.injects import Script
from channels.base.settings import ProviderSettings


@dataclass
class Arrivals:
    """The number and times of one notice's messages on one channel."""

    arrived: int = 0
    refused: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None


@dataclass
class World:
    """The place where the messages of one rehearsal arrive; holds personal data only while a message passes through."""

    script: Script
    """The script that says which providers are down when, and which addresses refuse messages."""
    clock: Callable[[], datetime]
    heard: Callable[[Message, datetime], None] = lambda _message, _now: None
    """A callback for each message that arrived."""
    posts: dict[tuple[str, ChannelKind], Arrivals] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)
    """Count of arrivals by the message's key."""

    @property
    def twice(self) -> int:
        """Return the number of messages that arrived more than once."""
        return sum(count > 1 for count in self.seen.values())

    def refuse(self, message: Message) -> Receipt | None:
        """Return the receipt when the provider refuses the address, or None."""
        if message.to and self.script.refuses(message.kind, message.to):
            self._post(message).refused += 1
            return Receipt(message.key, Status.REJECTED, "550 5.1.1 no such user", cause=ReceiptCause.BAD_ADDRESS)
        return None

    def take(self, message: Message) -> Receipt:
        """Record that the message has arrived, and return its receipt."""
        post, now = self._post(message), self.clock()
        post.arrived += 1
        post.first_at, post.last_at = post.first_at or now, now
        self.seen[message.key] += 1
        self.heard(message, now)
        return Receipt(message.key, Status.SENT, provider_id=message.key)

    def _post(self, message: Message) -> Arrivals:
        return self.posts.setdefault((message.notice, message.kind), Arrivals())


_worlds: dict[str, World] = {}


@contextmanager
def existing(name: str, world: World) -> Iterator[World]:
    """Let channels of this process find the world by this name inside the with block."""
    _worlds[name] = world
    try:
        yield world
    finally:
        del _worlds[name]


def connect(settings: Mapping[str, str]) -> "Simulated":
    """Return a channel with the settings kind (email, sms, social or website) and world, which must exist here."""
    chosen = ProviderSettings("simulated", settings, required=("kind", "world"), optional={})
    kind, world = chosen.choice("kind", ChannelKind), _worlds.get(settings["world"])
    if world is None:
        raise ChannelMisconfigured("channel simulated: it is for rehearsals only; name a real provider, or outbox")
    return Simulated(kind, world)


class Simulated:
    """A channel that takes messages in memory, unless its provider is down."""

    at_once = 1
    """One connection is enough: it has all messages in flight together."""

    def __init__(self, kind: ChannelKind, world: World) -> None:
        self.kind = kind
        self._world = world

    async def carry(self, in_flight: MessagesInFlight) -> None:
        """Take all messages that are there together, so that one group commit writes their marks, which is fast."""
        while message := await in_flight.next():
            self._require()
            handful = _Handful(self._world, in_flight)
            handful.add(message)
            while following := in_flight.next_at_once():
                handful.add(following)
            await handful.ended()

    async def close(self) -> None:
        """Do nothing: no connection is open."""

    def _require(self) -> None:
        if self._world.script.down_until(self.kind, self._world.clock()):
            raise ChannelDown(f"the simulated provider of {self.kind} is down")


class _Handful:
    """The messages whose last calls were made together."""

    def __init__(self, world: World, in_flight: MessagesInFlight) -> None:
        self._world, self._in_flight = world, in_flight
        self._open = 0
        self._failure: Exception | None = None
        self._ended = asyncio.Event()

    def add(self, message: Message) -> None:
        """Refuse the message, or make its last call."""
        if refused := self._world.refuse(message):
            self._in_flight.answer(refused)
            return
        self._open += 1
        self._in_flight.last_call(message.key, partial(self._called, message))

    async def ended(self) -> None:
        """Wait for the answers to all last calls. Raises an error of a last call that concerns all messages."""
        while self._open:
            self._ended.clear()
            await self._ended.wait()
        if self._failure:
            raise self._failure

    def _called(self, message: Message, error: Exception | None) -> None:
        self._open -= 1
        if error is None:
            self._in_flight.answer(self._world.take(message))
        elif not isinstance(error, StaleClaim):
            self._failure = error
        if not self._open:
            self._ended.set()
