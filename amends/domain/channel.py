"""The one protocol between the sending engine and a provider."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class ChannelKind(StrEnum):
    """Ways to reach people. Email and the website carry the detail; SMS and social never stand alone."""

    EMAIL = "email"
    SMS = "sms"
    SOCIAL = "social"
    WEBSITE = "website"

    @property
    def detailed(self) -> bool:
        """Carries everything a notice must say."""
        return self in (ChannelKind.EMAIL, ChannelKind.WEBSITE)

    @property
    def personal(self) -> bool:
        """Reaches one person at an address of theirs; the others speak to everybody."""
        return self in (ChannelKind.EMAIL, ChannelKind.SMS)


@dataclass(frozen=True, slots=True)
class Message:
    """A notice rendered for one person on one channel, or for the public on a broadcast channel.

    Holds personal data: never log or print it. A channel sends it as it is and adds nothing a person would read.
    """

    key: str
    """Opaque, the same at every try of the same message: for Message-ID, idempotency keys and markers."""
    kind: ChannelKind
    locale: str
    text: str = field(repr=False)
    """Plain text: the whole body on email, SMS and social; a summary on the website."""
    to: str = field(default="", repr=False)
    """One address: an addr-spec, an E.164 number, or empty on a broadcast channel."""
    to_name: str = field(default="", repr=False)
    subject: str = ""
    html: str = field(default="", repr=False)
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


class Channel(Protocol):
    """Sends one message at a time; many calls run side by side. One person's trouble is a receipt."""

    kind: ChannelKind

    async def deliver(self, message: Message, last_call: LastCall) -> Receipt:
        """Send it, calling last_call exactly once before the point of no return.

        Raises ChannelUnavailable or ChannelMisconfigured only while nothing has left, that is before last_call
        returned; after it, trouble is a receipt that says uncertain.
        """

    async def close(self) -> None:
        """Give back connections; a failure here is nobody's concern."""


Connect = Callable[[Mapping[str, str]], Channel]
"""Every module in channels/ has `connect(settings)`; it raises ChannelMisconfigured naming the setting."""
