"""The one protocol between the sending engine and a provider."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from html import escape
from typing import Protocol, runtime_checkable


class ChannelKind(StrEnum):
    """Ways to reach people. Email, letter and website carry the detail; SMS and social never stand alone."""

    EMAIL = "email"
    SMS = "sms"
    SOCIAL = "social"
    WEBSITE = "website"
    LETTER = "letter"

    @property
    def detailed(self) -> bool:
        """Carries everything a notice must say."""
        return self in (ChannelKind.EMAIL, ChannelKind.WEBSITE, ChannelKind.LETTER)

    @property
    def personal(self) -> bool:
        """Reaches one person at an address of theirs; the others speak to everybody."""
        return self in (ChannelKind.EMAIL, ChannelKind.SMS, ChannelKind.LETTER)

    @property
    def printed(self) -> bool:
        """Says what the email says, on paper: a person hands a list to a print shop, and no provider carries it."""
        return self is ChannelKind.LETTER


WITHOUT_PROVIDER = ("outbox", "simulated")
"""What `use` may name beside a provider; nothing of it leaves this machine."""

Pieces = tuple[str, ...]
"""A text in pieces: every second one is the name of a slot, for which each person has a value."""


@dataclass(frozen=True, slots=True, eq=False)
class VariantForm:
    """What is the same in all messages of a variant, made once. A channel may keep what it made of it."""

    kind: ChannelKind
    locale: str
    text: Pieces
    """Plain text: the whole body on email, SMS and social; a summary on the website."""
    subject: Pieces = ("",)
    html: Pieces = ("",)
    """The body of the HTML part, or of the page: markup between <body> and </body>, made from escaped text."""
    link: str = ""
    """The notice page, for channels that show a link apart."""
    incident: str = ""
    """The incident's id: a folder name on the website."""
    notice: str = ""
    """The notice's id, such as first-notice or update-2."""
    sender: str = ""
    """The organisation's name in this locale."""
    signature: str = ""
    """The registered SMS signature, where one is needed."""
    published_at: datetime | None = None
    """When the notice is dated, in UTC."""
    zone: str = "UTC"
    """Where the organisation is: a page tells that time."""

    @property
    def slots(self) -> frozenset[str]:
        """The names of all slots in it."""
        return frozenset((*self.subject[1::2], *self.text[1::2], *self.html[1::2]))


@dataclass(frozen=True, slots=True)
class Message:
    """A notice rendered for one person on one channel, or for the public on a broadcast channel.

    Holds personal data: never log or print it. A channel sends it as it is and adds nothing a person would read.
    """

    form: VariantForm
    key: str
    """Opaque, the same at every try of the same message: for Message-ID, idempotency keys and markers."""
    to: str = field(default="", repr=False)
    """One address: an addr-spec, an E.164 number, or empty on a broadcast channel."""
    to_name: str = field(default="", repr=False)
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The person's own value for each slot of the form, as it is: every place that it is put in encodes it."""
    bounce: str = ""
    """Names the message in the address that its bounces go to; nobody else can make one."""
    unsubscribe: str = field(default="", repr=False)
    """Where one POST ends the optional messages (RFC 8058); empty on what people must get."""

    @property
    def kind(self) -> ChannelKind:
        return self.form.kind

    @property
    def locale(self) -> str:
        return self.form.locale

    @property
    def link(self) -> str:
        return self.form.link

    @property
    def incident(self) -> str:
        return self.form.incident

    @property
    def notice(self) -> str:
        return self.form.notice

    @property
    def sender(self) -> str:
        return self.form.sender

    @property
    def signature(self) -> str:
        return self.form.signature

    @property
    def published_at(self) -> datetime | None:
        return self.form.published_at

    @property
    def subject(self) -> str:
        return fill(self.form.subject, self.values)

    @property
    def text(self) -> str:
        return fill(self.form.text, self.values)

    @property
    def html(self) -> str:
        """The markup with the values escaped."""
        return fill(self.form.html, {slot: escape(value) for slot, value in self.values.items()})


def fill(pieces: Pieces, values: Mapping[str, str]) -> str:
    """The fixed pieces and, between them, the person's values. Raises KeyError for a slot without a value."""
    return "".join(values[piece] if place % 2 else piece for place, piece in enumerate(pieces))


class Status(StrEnum):
    """What a channel says of one message."""

    SENT = "sent"
    """The provider took it over."""
    DELIVERED = "delivered"
    """It is where the person reads it."""
    REJECTED = "rejected"
    """This address will never take it."""
    DEFERRED = "deferred"
    """Not now; nothing has left; try again later."""
    UNCERTAIN = "uncertain"
    """It may or may not have left; only a person may send it again."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The channel's answer for one message. The detail is a code or a reply without any address in it."""

    key: str
    status: Status
    detail: str = ""
    provider_id: str = ""
    """The provider's own name for it: queue id, post id, page path."""
    retry_after: float | None = None
    """Seconds to wait, when the provider said so."""


LastCall = Callable[[], Awaitable[None]]
"""Awaited by the channel just before the step that cannot be taken back: the final dot, the request body.

When it returns, the ledger holds the mark that the message may have left. It raises StaleClaim when somebody else
holds the message now; the channel lets that pass through and sends nothing.
"""


Called = Callable[[Exception | None], None]
"""Hears how a last call went: with nothing when the message may leave, else with what `LastCall` would raise.

While the ledger was written nothing was read. So it hears of it only after TURNS of the event loop, when the channel
knows of everybody who hung up meanwhile.
"""
TURNS = 3
"""Until an end that the system knows of has come to the channel: wait, read, told."""


class MessagesInFlight(Protocol):
    """Messages for one connection, one after another, as the engine hands them out."""

    async def next(self) -> Message | None:
        """The next message, as soon as it may go; None when this connection is to end."""

    def next_at_once(self) -> Message | None:
        """The next message, if one may go without waiting."""

    def last_call(self, key: str, then: Called) -> None:
        """See LastCall; for the message with this key. A call and no task: a million of these must cost little."""

    def answer(self, receipt: Receipt) -> None:
        """What became of a message; every message that was handed out gets an answer, or was refused its last call."""


class Channel(Protocol):
    """A way to people. The trouble of one person is a receipt; the trouble of the channel is an error."""

    kind: ChannelKind
    at_once: int
    """How many connections the channel may have."""

    async def carry(self, in_flight: MessagesInFlight) -> None:
        """Send one message after another over one connection, until there are no more.

        Each message gets its last call exactly once before its point of no return: the final dot, the request body.
        Raises ChannelUnavailable or ChannelMisconfigured, which concern only messages that had their last call refused
        or not asked for yet; after a last call, trouble is a receipt that says uncertain.
        """

    async def close(self) -> None:
        """Close all connections. Raises nothing."""


@runtime_checkable
class CostlyChannel(Channel, Protocol):
    """A channel on which one message can count for several."""

    def cost(self, message: Message) -> int:
        """What the message counts for in the channel's rate, such as its parts as an SMS."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why a channel would refuse a message; without anything personal."""

    why: str
    of_address: bool = False
    """Only the address is of no use; the person may still be reached on another channel."""


@runtime_checkable
class CheckingChannel(Channel, Protocol):
    """A channel that makes something of its own of a message, which can go wrong."""

    def flaw(self, message: Message) -> Flaw | None:
        """Why it would refuse this message, found by making of it what would leave; nobody is asked."""


Connect = Callable[[Mapping[str, str]], Channel]
"""Every module in channels/ has `connect(settings)`; it raises ChannelMisconfigured naming the setting."""


RECEIPTS = {ChannelKind.SMS: "/receipts/sms", ChannelKind.EMAIL: "/receipts/email"}
"""What providers report of our messages."""
INCOMING = {ChannelKind.SMS: "/incoming/sms"}
"""What people write back."""


def is_kept_here(settings: Mapping[str, str]) -> bool:
    """Whether nothing of a channel with these settings leaves this machine."""
    return settings.get("use") in WITHOUT_PROVIDER


def kept_here(channels: Mapping[ChannelKind, Mapping[str, str]], wanted: Iterable[ChannelKind]) -> str:
    """By which of the wanted channels nobody is told, in words; empty where each has a provider."""
    kept = [kind for kind in wanted if is_kept_here(channels.get(kind, {}))]
    return f"NOBODY IS TOLD by {', '.join(kept)}: files on this machine, as amends.toml says" if kept else ""
