"""What people write back to our text messages, and whether it was really the gateway that handed it on."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from amends.domain.base.errors import NotAllowed
from amends.domain.receipt.webhook import (
    LARGEST_REPORT,
    Scheme,
    WebhookReport,
    objects_of,
    pairs_of,
    plain_value,
    said,
    same,
    signed_as_agreed,
    signed_by_twilio,
)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A text that somebody sent us. Holds personal data: never log or print it."""

    sender: str = field(repr=False)
    """Their number, as the gateway spells it."""
    text: str = field(repr=False)
    """Empty when it was only a picture."""
    name: str
    """What the gateway calls it; the same when it hands it on again."""


@dataclass(frozen=True, slots=True)
class IncomingShape:
    """How a gateway words it. A name with dots leads into objects and lists within."""

    sender_field: str
    text_field: str
    id_field: str
    hex_field: str = ""
    """Where the same text stands as hexadecimal digits of UTF-16."""
    hex_when: tuple[tuple[str, str], ...] = ()
    """Fields with the values that they have when it is to be read there."""

    def read(self, told: Mapping[str, object]) -> Incoming | None:
        """The text that is told of; None when nothing says whose it is, or which."""
        sender, name = said(told, self.sender_field).strip(), plain_value(told, self.id_field)
        return Incoming(sender, self._text(told), name) if sender and name else None

    def _text(self, told: Mapping[str, object]) -> str:
        if self.hex_field and all(said(told, name) == value for name, value in self.hex_when):
            with suppress(ValueError):
                return bytes.fromhex(said(told, self.hex_field)).decode("utf-16-be", "replace")
        return said(told, self.text_field)


TWILIO_INCOMING = IncomingShape("From", "Body", "MessageSid")


@dataclass(frozen=True, slots=True)
class IncomingRules:
    """What is needed to read what one gateway hands on."""

    shape: IncomingShape
    scheme: Scheme
    secret: str = field(repr=False)
    url: str = ""
    """Where it hands them on, as Twilio was told and signs it."""
    country: str = ""
    """Whose numbers it spells without the country's code; empty when it spells none so."""
    largest: int = LARGEST_REPORT
    """Bytes of one body."""

    def read(self, report: WebhookReport, now: datetime) -> tuple[Incoming, ...]:
        """The texts that are handed on, without those that cannot be read.

        Raises NotAllowed when it was not the gateway that did.
        """
        each = (self.shape.read(told) for told in self._told(report, now))
        return tuple(found for found in each if found)

    def _told(self, report: WebhookReport, now: datetime) -> Sequence[Mapping[str, object]]:
        match self.scheme:
            case Scheme.TWILIO:
                return [signed_by_twilio(self.secret, self.url, report)]
            case Scheme.ADDRESS:
                return self._at_address(report)
            case Scheme.BODY:
                if not signed_as_agreed(self.secret, report, now):
                    raise NotAllowed("what came in is not signed by the gateway")
                return objects_of(report.body)

    def _at_address(self, report: WebhookReport) -> Sequence[Mapping[str, object]]:
        asked = dict(pairs_of(report.query.encode()))
        if not self.secret or not same(self.secret, asked.pop("proof", "")):
            raise NotAllowed("what came in did not come to the address that the gateway was told")
        return [told | asked for told in objects_of(report.body) or [dict(pairs_of(report.body))]]
