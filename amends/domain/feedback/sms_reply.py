"""Texts with which people reply to our text messages, and the proof that the gateway handed a text on."""

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
    same_secret,
    signed_as_agreed,
    signed_by_twilio,
    text_value,
)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A text message that somebody sent us. Holds personal data: never log or print it."""

    sender: str = field(repr=False)
    """The sender's number, as the gateway spells it."""
    text: str = field(repr=False)
    """The text, or empty when the message was only a picture."""
    name: str
    """The gateway's id of the message, the same when the gateway hands the message on again."""


@dataclass(frozen=True, slots=True)
class IncomingShape:
    """The format in which a gateway hands texts on. A name with dots leads into nested objects and lists."""

    sender_field: str
    text_field: str
    id_field: str
    hex_field: str = ""
    """The field that holds the same text as hexadecimal digits of UTF-16, or empty."""
    hex_when: tuple[tuple[str, str], ...] = ()
    """Fields with the values that they have when the text must be read from `hex_field`."""

    def read(self, payload: Mapping[str, object]) -> Incoming | None:
        """Return the text message in a payload, or None when its sender or its id is missing."""
        sender, name = text_value(payload, self.sender_field).strip(), plain_value(payload, self.id_field)
        return Incoming(sender, self._text(payload), name) if sender and name else None

    def _text(self, payload: Mapping[str, object]) -> str:
        if self.hex_field and all(text_value(payload, name) == value for name, value in self.hex_when):
            with suppress(ValueError):
                return bytes.fromhex(text_value(payload, self.hex_field)).decode("utf-16-be", "replace")
        return text_value(payload, self.text_field)


TWILIO_INCOMING = IncomingShape("From", "Body", "MessageSid")


@dataclass(frozen=True, slots=True)
class IncomingRules:
    """The settings for reading the texts that one gateway hands on."""

    shape: IncomingShape
    scheme: Scheme
    secret: str = field(repr=False)
    url: str = ""
    """The URL to which the gateway hands texts on, exactly as given to Twilio, which signs the URL."""
    country: str = ""
    """The country whose numbers the gateway spells without the country code; empty when there is none."""
    largest: int = LARGEST_REPORT
    """The most bytes in one body."""

    def read(self, report: WebhookReport, now: datetime) -> tuple[Incoming, ...]:
        """Return the texts in a report, without those that cannot be read.

        Raises NotAllowed when the report is not the gateway's.
        """
        each = (self.shape.read(payload) for payload in self._payloads(report, now))
        return tuple(found for found in each if found)

    def _payloads(self, report: WebhookReport, now: datetime) -> Sequence[Mapping[str, object]]:
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
        if not self.secret or not same_secret(self.secret, asked.pop("proof", "")):
            raise NotAllowed("what came in did not come to the address that the gateway was told")
        return [payload | asked for payload in objects_of(report.body) or [dict(pairs_of(report.body))]]
