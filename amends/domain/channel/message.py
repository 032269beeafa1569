"""Messages, their receipts, and the protocol by which a channel carries them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from html import escape
from typing import NamedTuple, Protocol, Self, runtime_checkable

from amends.domain.channel.channel import ChannelKind

Pieces = tuple[str, ...]
"""A text in pieces: every second piece is the name of a slot, for which each person has a value."""


class PageVersion(NamedTuple):
    """One version of a notice's public page: the notice, and the date that this version of the page bears."""

    notice: str
    dated: datetime


@dataclass(frozen=True, slots=True, eq=False)
class VariantForm:
    """The part that all messages of a variant share, made once. A channel may cache what it derives from a form."""

    kind: ChannelKind
    locale: str
    text: Pieces
    """Plain text: the whole body on email, SMS and social; a summary on the website."""
    subject: Pieces = ("",)
    html: Pieces = ("",)
    """The body of the HTML part, or of the page: markup between <body> and </body>, made from escaped text."""
    link: str = ""
    """The URL of the notice page, for channels that show a link apart."""
    incident: str = ""
    """The incident's id: a folder name on the website."""
    notice: str = ""
    """The notice's id, such as first-notice or update-2."""
    sender: str = ""
    """The organisation's name in this locale."""
    signature: str = ""
    """The registered SMS signature, where one is needed."""
    published_at: datetime | None = None
    """The date of the notice, in UTC."""
    first_published_at: datetime | None = None
    """The date of the notice's first version, on a page that is published again; in UTC."""
    corrects: tuple[PageVersion, ...] = ()
    """Pages of other notices that say something wrong, of which this page says what is right."""
    zone: str = "UTC"
    """The organisation's time zone, in which a page shows times."""

    @property
    def slots(self) -> frozenset[str]:
        """Return the names of all slots in the form."""
        return frozenset((*self.subject[1::2], *self.text[1::2], *self.html[1::2]))


@dataclass(frozen=True, slots=True)
class Message:
    """A notice rendered for one person on one channel, or for the public on a broadcast channel.

    Holds personal data: never log or print it. A channel sends a message as it is and adds nothing that a person would
    read.
    """

    form: VariantForm
    key: str
    """Opaque, the same at every try of the same message: for Message-ID, idempotency keys and markers."""
    to: str = field(default="", repr=False)
    """One address: an addr-spec, an E.164 number, or empty on a broadcast channel."""
    to_name: str = field(default="", repr=False)
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The person's value for each slot of the form, unescaped: whoever inserts a value escapes it for its place."""
    bounce: str = ""
    """The token that names the message in its bounce address; nobody else can make such a token."""
    unsubscribe: str = field(default="", repr=False)
    """The URL at which one POST ends the optional messages (RFC 8058); empty on a message that people must get."""
    in_reply_to: str = field(default="", repr=False)
    """The Message-ID of the mail that this message answers; empty when it answers none."""
    references: tuple[str, ...] = field(default=(), repr=False)
    """The Message-IDs of the thread in which the message stands, the oldest first."""

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
        """Return the markup with the person's values escaped."""
        return fill(self.form.html, {slot: as_markup(value) for slot, value in self.values.items()})


class Passage(str):
    """A person's value that has paragraphs of its own, made of the product's words and never of personal data."""

    __slots__ = ("markup",)

    markup: str
    """The same passage as HTML, made from escaped text."""

    def __new__(cls, text: str, markup: str) -> Self:
        made = super().__new__(cls, text)
        made.markup = markup
        return made


def as_markup(value: str) -> str:
    """Return a person's value as HTML: the markup of a passage, else the value escaped."""
    return value.markup if isinstance(value, Passage) else escape(value)


def fill(pieces: Pieces, values: Mapping[str, str]) -> str:
    """Return the fixed pieces with the person's values between them. Raises KeyError for a slot without a value."""
    return "".join(values[piece] if place % 2 else piece for place, piece in enumerate(pieces))


class Status(StrEnum):
    """A channel's verdict on one message."""

    SENT = "sent"
    """The provider took the message over."""
    DELIVERED = "delivered"
    """The message is where the person reads it."""
    REJECTED = "rejected"
    """The address will never take the message."""
    DEFERRED = "deferred"
    """The message was not taken now and has not left; the engine tries again later."""
    UNCERTAIN = "uncertain"
    """The message may or may not have left; only a person may send it again."""


class ReceiptCause(StrEnum):
    """The reason for the state of a message, where a decision depends on it; `reason` puts a cause into words."""

    NONE = ""
    """No decision depends on the reason, which stands in the detail alone."""

    # Reasons to put a message off before any provider is asked.
    POSTPONED = "postponed"
    """We keep the message back ourselves: for quiet hours, or until other people have been told."""
    NOT_SENT = "not_sent"
    """The connection ended before the message was begun."""
    DOMAIN_STOPPED = "domain_stopped"
    DOMAIN_SLOWED = "domain_slowed"

    # Outcomes of an attempt, or of all attempts.
    FAULT = "fault"
    """The message could not be composed, or the channel's code failed on it."""
    NO_CODE = "no_code"
    """The message promises the person a code of their own, and none is left."""
    CHANNEL_FAILED = "channel_failed"
    """The channel failed while it had the message, and may fail at each attempt."""
    POLICY = "policy"
    """A server blocks us, not the person."""
    CONTENT = "content"
    """The text was refused after it was handed over."""
    BAD_ADDRESS = "bad_address"
    """The address takes no message, now or later; in this incident nothing more is sent there."""
    GAVE_UP = "gave_up"
    """The channel was tried too long and too often."""
    GIVEN_UP = "given_up"
    """A member of the team ended the attempts to send a parked message."""

    # Reasons not to write to a person; the last nine are those of `Hold`.
    OPTED_OUT = "opted_out"
    COMPLAINT_OPEN = "complaint_open"
    """Optional messages pause until the person's complaint is settled."""
    OVERTAKEN = "overtaken"
    """The letter tells how a commitment stood, and another notice tells how it stands now."""
    CODE_REDEEMED = "code_redeemed"
    """The message reminds the person of a code that was redeemed before it left."""
    NO_ADDRESS = "no_address"
    ADDRESS_GONE = "address_gone"
    """The address is not the person's any more or takes no message, and another was tried already or is not known."""
    MINOR_WITHOUT_GUARDIAN = "minor_without_guardian"
    DECEASED = "deceased"
    PROTECTED = "protected"
    ONLY_GUARDIAN = "only_guardian"
    GONE = "gone"
    SHARED_MAILBOX = "shared_mailbox"
    """The one copy for the mailbox names the person."""
    WRONG_PERSON = "wrong_person"
    OUTDATED_ADDRESS = "outdated_address"
    ERASED = "erased"

    # Reasons to doubt whether a message has left, and findings in a relay's log.
    BROKEN_OFF = "broken_off"
    """The sender stopped before an answer came."""
    NOT_KNOWN = "not_known"
    """A backup was restored, and nobody knows whether the message has left."""
    IN_LOG = "in_log"
    """A backup was restored, and the relay's log says that the message has left."""
    ONLY_NAMED = "only_named"
    """A backup was restored, and the relay's log names the message without saying whether it was taken."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The channel's answer for one message. The detail is words for people, such as a reply, without any address."""

    key: str
    status: Status
    detail: str = ""
    provider_id: str = ""
    """The provider's own name for the message: queue id, post id, page path."""
    retry_after: float | None = None
    """Seconds to wait, when the provider said so."""
    cause: ReceiptCause = ReceiptCause.NONE
    doubtful: bool = False
    """True when the provider may have the message already. The message can be handed over again all the same, because
    the provider knows our idempotency key."""


LastCall = Callable[[], Awaitable[None]]
"""A callback that a channel awaits just before the step that cannot be undone: the final dot, the request body.

When the callback returns, the ledger holds the commit mark: the message may have left. The callback raises StaleClaim
when another worker holds the message now; the channel lets StaleClaim pass and sends nothing.
"""


Called = Callable[[Exception | None], None]
"""A callback for the outcome of a last call: None when the message may leave, else the error of a `LastCall`.

No connection is read while the ledger is written. So the callback runs only after LOOP_ITERATIONS of the event loop,
when the channel knows of every server that has hung up meanwhile.
"""
LOOP_ITERATIONS = 3
"""Iterations of the event loop that bring the end of a connection to the channel: wait, read, call back."""


class MessagesInFlight(Protocol):
    """The messages for one connection, which the engine hands out one after another."""

    async def next(self) -> Message | None:
        """Wait for the next message that may be sent; return None when the connection must end."""

    def next_at_once(self) -> Message | None:
        """Return the next message if one may be sent without waiting, else None."""

    def last_call(self, key: str, then: Called) -> None:
        """Make the last call for the message with this key. A plain call, no task: a million calls must cost little."""

    def answer(self, receipt: Receipt) -> None:
        """Record the receipt of a message. Every message gets one unless its last call was refused."""


class Channel(Protocol):
    """A way to people. Trouble with one person's message is a receipt; trouble with the channel is an error."""

    kind: ChannelKind
    at_once: int
    """The most connections that the channel may have at a time."""

    async def carry(self, in_flight: MessagesInFlight) -> None:
        """Send one message after another over one connection, until there are no more.

        Each message gets its last call exactly once before its point of no return: the final dot, the request body.
        Raises ChannelUnavailable or ChannelMisconfigured, which concern only messages whose last call was refused or
        not asked for yet; after a last call, trouble is a receipt with the status uncertain.
        """

    async def close(self) -> None:
        """Close all connections. Raises nothing."""


@runtime_checkable
class CostlyChannel(Channel, Protocol):
    """A channel on which one message can count for several."""

    def cost(self, message: Message) -> int:
        """Return the number by which the message counts in the channel's rate, such as its parts as an SMS."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """A reason why a channel would refuse a message, without personal data."""

    why: str
    of_address: bool = False
    """True when only the address is of no use, so that the person may still be reached on another channel."""


@runtime_checkable
class CheckingChannel(Channel, Protocol):
    """A channel that converts a message into a form of its own, which can fail."""

    def flaw(self, message: Message) -> Flaw | None:
        """Return why the channel would refuse the message, or None, by converting the message; no provider is asked."""


Connect = Callable[[Mapping[str, str]], Channel]
"""The `connect(settings)` of each module in channels/; it raises ChannelMisconfigured that names the setting."""
