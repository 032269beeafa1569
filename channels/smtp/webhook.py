"""Events that a mail provider sends by webhook about our messages, once their signature was verified.

A provider that forwards mail under an envelope address of its own gets the bounces itself, so none come to our address.
The provider returns the message's token with each event: the token that stands in our address for bounces.
"""

import base64
import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from amends.domain.base.errors import NotAllowed
from amends.domain.receipt.codes import Codes, codes_in, spares_the_address, words_of
from amends.domain.receipt.dsn import MailReport, ReportKind
from amends.domain.receipt.webhook import WebhookReport, json_of, plain_value, signed_as_agreed
from channels.base.settings import ProviderSettings

OPTIONAL = {"events": "", "events_key": ""}
NAME = "amends"
"""Name under which the provider receives the token of a message and returns it."""

Fields = Mapping[str, object]


class MailProvider(StrEnum):
    """The sender of the events about our mail."""

    MAILGUN = "mailgun"
    SENDGRID = "sendgrid"
    PLAIN = "plain"
    """Any sender that signs as our SMS gateways do: a small script between us and another provider."""


ECHOED = {
    MailProvider.MAILGUN: ("X-Mailgun-Variables", f'{{"{NAME}": "%s"}}'),
    MailProvider.SENDGRID: ("X-SMTPAPI", f'{{"unique_args": {{"{NAME}": "%s"}}}}'),
}
"""The header that takes the token of a message to the provider, and the format of its value."""


@dataclass(frozen=True, slots=True)
class MailEvents:
    """The provider of webhook events, with the key that verifies them."""

    provider: MailProvider
    key: str = field(repr=False)
    largest: int = 1 << 20
    """Most bytes of one body; SendGrid batches up to 768 kB."""

    def read(self, report: WebhookReport, now: datetime) -> tuple[MailReport, ...]:
        """Return the reports of these events; an event that settles nothing, such as an opened mail, is left out.

        Raises NotAllowed for a missing or wrong signature.
        """
        content = json_of(report.body)
        if not SIGNED[self.provider](self.key, report, content, now):
            raise NotAllowed("the report is not signed by the provider")
        events = content if isinstance(content, list) else [content]
        read = (READERS[self.provider](event) for event in events if isinstance(event, dict))
        return tuple(found for found in read if found)


def mail_events(chosen: ProviderSettings) -> MailEvents | None:
    """Return the provider of events that these settings name, or None without one. Raises ChannelMisconfigured."""
    if not chosen.text("events"):
        if chosen.text("events_key"):
            raise chosen.wrong("events", f"must say whose key events_key is: {', '.join(MailProvider)}")
        return None
    provider, key = chosen.choice("events", MailProvider), chosen.secret("events_key")
    if not key:
        raise chosen.wrong("events_key", "is missing: without it anybody could tell us anything")
    if provider is MailProvider.SENDGRID:
        try:
            _public_key(key)
        except ValueError:
            raise chosen.wrong("events_key", "must be the verification key that SendGrid shows") from None
    return MailEvents(provider, key)


# Signatures


def _signed_by_mailgun(key: str, _: WebhookReport, content: object, __: datetime) -> bool:
    """Verify the HMAC-SHA256 of time and token by the webhook signing key; Mailgun does not sign the event itself.

    The age does not count: Mailgun repeats an event that was not taken for eight hours, and a repeat changes nothing.
    """
    signature = content.get("signature") if isinstance(content, dict) else None
    if not isinstance(signature, dict):
        return False
    signed = plain_value(signature, "timestamp") + plain_value(signature, "token")
    expected = hmac.digest(key.encode(), signed.encode(), "sha256").hex()
    return hmac.compare_digest(expected, plain_value(signature, "signature"))


def _signed_by_sendgrid(key: str, report: WebhookReport, _: object, __: datetime) -> bool:
    """Verify ECDSA with SHA-256 over time and body by the public key; the age does not count, as with Mailgun."""
    timestamp = report.headers.get("x-twilio-email-event-webhook-timestamp", "")
    try:
        signature = base64.b64decode(report.headers.get("x-twilio-email-event-webhook-signature", ""), validate=True)
        _public_key(key).verify(signature, timestamp.encode("ascii") + report.body, ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def _signed_as_ours(key: str, report: WebhookReport, _: object, now: datetime) -> bool:
    return signed_as_agreed(key, report, now)


SIGNED: dict[MailProvider, Callable[[str, WebhookReport, object, datetime], bool]] = {
    MailProvider.MAILGUN: _signed_by_mailgun,
    MailProvider.SENDGRID: _signed_by_sendgrid,
    MailProvider.PLAIN: _signed_as_ours,
}


# Events


def _mailgun(event: Fields) -> MailReport | None:
    data = event.get("event-data")
    if not isinstance(data, dict):
        return None
    stated = (plain_value(data, f"delivery-status.{name}") for name in ("code", "enhanced-code", "bounce-code"))
    codes = codes_in(" ".join(filter(None, stated)))
    kinds = {
        "delivered": ReportKind.DELIVERED,
        "complained": ReportKind.COMPLAINED,
        "rejected": ReportKind.GAVE_UP,
        "failed": ReportKind.DELAYED
        if plain_value(data, "severity") == "temporary"
        else _failed(codes, _words(data.get("delivery-status"), ("message", "description"))),
    }
    message_id = plain_value(data, "message.headers.message-id")
    return _report(kinds, plain_value(data, "event"), data, f"user-variables.{NAME}", message_id, codes)


def _sendgrid(event: Fields) -> MailReport | None:
    reason = _words(event, ("reason", "response"))
    codes = codes_in(f"{plain_value(event, 'status')} {reason}")
    kinds = {
        "delivered": ReportKind.DELIVERED,
        "deferred": ReportKind.DELAYED,
        "spamreport": ReportKind.COMPLAINED,
        "dropped": ReportKind.GAVE_UP,
        "bounce": ReportKind.GAVE_UP if plain_value(event, "type") == "blocked" else _failed(codes, reason),
    }
    return _report(kinds, plain_value(event, "event"), event, NAME, plain_value(event, "smtp-id"), codes)


def _plain(event: Fields) -> MailReport | None:
    codes = codes_in(plain_value(event, "status"))
    kinds = {kind.value: kind for kind in ReportKind}
    return _report(kinds, plain_value(event, "event"), event, NAME, plain_value(event, "message_id"), codes)


READERS: dict[MailProvider, Callable[[Fields], MailReport | None]] = {
    MailProvider.MAILGUN: _mailgun,
    MailProvider.SENDGRID: _sendgrid,
    MailProvider.PLAIN: _plain,
}


def _report(
    kinds: Mapping[str, ReportKind], word: str, event: Fields, token: str, message_id: str, codes: Codes
) -> MailReport | None:
    kind = kinds.get(word)
    if kind is None:
        return None
    detail = "complaint" if kind is ReportKind.COMPLAINED else f"{word} {codes}".strip()
    named = f"<{message_id.strip('<>')}>" if message_id else ""
    return MailReport(kind, plain_value(event, token).lower(), named, codes.status, detail, by_provider=True)


def _failed(codes: Codes, words: str) -> ReportKind:
    return ReportKind.GAVE_UP if spares_the_address(codes, words) else ReportKind.FAILED


def _words(event: object, names: Iterable[str]) -> str:
    """Return the provider's explanation, read for the kind of failure and never kept: it may hold an address."""
    found = [event.get(name) for name in names] if isinstance(event, dict) else []
    return words_of(" ".join(text for text in found if isinstance(text, str)))


def _public_key(key: str) -> EllipticCurvePublicKey:
    """Load the public key. Raises ValueError when it is not an ECDSA key."""
    try:
        found = load_der_public_key(base64.b64decode(key, validate=True))
    except UnsupportedAlgorithm as error:
        raise ValueError from error
    if not isinstance(found, EllipticCurvePublicKey):
        raise ValueError  # noqa: TRY004 - the wrong value comes from a setting
    return found
