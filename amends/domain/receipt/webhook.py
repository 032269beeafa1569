"""Reports of a provider about messages that it took over earlier, and the proof that a report is the provider's."""

import hmac
import json
import re
from base64 import b64encode
from codecs import BOM_UTF8
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import parse_qsl, urlencode, urlsplit

from amends.domain.base.errors import NotAllowed
from amends.domain.channel.message import Status

FRESH = timedelta(minutes=5)
"""The largest distance of a signed report's time from now; a report beyond it is taken for a replay."""
LARGEST_REPORT = 64_000
MOST_FIELDS = 100
PLAIN = re.compile(r"[!-~]{1,200}")
INDEX = re.compile(r"0|[1-9]\d{0,2}", re.ASCII)
"""The index of an item in a list, in a name with dots."""
CODE = re.compile(r"\d{1,6}|[A-Za-z][\w.-]{0,39}", re.ASCII)
"""An error code; nothing that could be an address."""
TWILIO_CODES = {
    "30001": Status.DEFERRED,  # too many messages waiting at Twilio
    "30002": Status.DEFERRED,  # our account is suspended
    "30007": Status.DEFERRED,  # filtered for its text
    "30010": Status.DEFERRED,  # dearer than we allow
    "30022": Status.DEFERRED,  # over the rate of our US registration
    "30023": Status.DEFERRED,  # over the daily number of our US registration
    "30024": Status.DEFERRED,  # our number is not set up at the carrier
    "30032": Status.DEFERRED,  # our toll-free number is not verified
    "30034": Status.DEFERRED,  # our number is not registered
    "63038": Status.DEFERRED,  # over the daily number of our account
}
"""Errors of account, sender or text, by twilio.com/docs/api/errors; 30003, 30005 and 30006 are about the recipient."""


@dataclass(frozen=True, slots=True)
class ProviderReceipt:
    """The final report of a provider on one message."""

    provider_id: str
    status: Status
    """DELIVERED; REJECTED when the message will not arrive there; DEFERRED when it did not leave the network, which is
    not the fault of the number; UNCERTAIN when a person has to look."""
    detail: str = ""
    key: str = ""
    """Our own key of the message, if the report bears one: it identifies a message whose answer was lost."""


@dataclass(frozen=True, slots=True)
class ReportShape:
    """The format of a provider's reports. A name with dots leads into nested objects and lists: results.0.status."""

    id_field: str
    status_field: str
    outcomes: Mapping[str, Status]
    """The final status words, in lower case; every other word leaves the state of the message unchanged."""
    code_field: str = ""
    key_field: str = ""
    codes: Mapping[str, Status] = field(default_factory=dict)
    """Error codes of rejections that are not about the person's number."""

    @property
    def name_field(self) -> str:
        """Return the field that names the message, by the provider's id, or by our key when there is no such id."""
        return self.id_field or self.key_field


TWILIO = ReportShape(
    id_field="MessageSid",
    status_field="MessageStatus",
    outcomes={
        "delivered": Status.DELIVERED,
        "read": Status.DELIVERED,
        "undelivered": Status.REJECTED,
        "failed": Status.REJECTED,
        "canceled": Status.UNCERTAIN,
    },
    code_field="ErrorCode",
    key_field="key",
    codes=TWILIO_CODES,
)
TWILIO_MESSAGE = ReportShape("sid", "status", TWILIO.outcomes, "error_code", codes=TWILIO_CODES)
"""The format of a message that Twilio returns when asked for its status."""


def sms_receipt(shape: ReportShape, payload: Mapping[str, object]) -> ProviderReceipt | None:
    """Return the receipt in a report, or None when the report is not final or names no message."""
    provider_id, key = plain_value(payload, shape.name_field), plain_value(payload, shape.key_field)
    found = last_word(shape, payload)
    return ProviderReceipt(provider_id, *found, key) if found and (provider_id or key) else None


def last_word(shape: ReportShape, payload: Mapping[str, object]) -> tuple[Status, str] | None:
    """Return the final status of the message and the provider's words for it, or None while the outcome is open."""
    word = text_value(payload, shape.status_field).strip().casefold()
    status = shape.outcomes.get(word)
    if status is None:
        return None
    code = plain_value(payload, shape.code_field)
    if status is Status.REJECTED:
        status = shape.codes.get(code, status)
    return status, f"{word} {code}" if CODE.fullmatch(code) else word


def nested(fields: Mapping[str, str]) -> object:
    """Return the objects that names with dots spell; an object whose names are all indexes becomes a list.

    {"to.0": "+49"} becomes {"to": ["+49"]}. Raises ValueError when a name leads into the value of another name.
    """
    tree: dict[str, object] = {}
    for name, value in fields.items():
        _put(tree, name.split("."), value)
    return _listed(tree)


def _put(tree: dict[str, object], path: Sequence[str], value: str) -> None:
    first, *rest = path
    match tree.setdefault(first, {} if rest else value), rest:
        case dict() as inner, [_, *_]:
            _put(inner, rest, value)
        case str(), []:
            pass
        case _:
            raise ValueError(first)


def _listed(tree: object) -> object:
    if not isinstance(tree, dict):
        return tree
    inner = {name: _listed(value) for name, value in tree.items()}
    if inner and all(INDEX.fullmatch(name) for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner


def plain_value(payload: Mapping[str, object], name: str) -> str:
    """Return the value of the field when it is a short word or number, else an empty text."""
    text = text_value(payload, name)
    return text if PLAIN.fullmatch(text) else ""


def text_value(payload: Mapping[str, object], name: str) -> str:
    """Return the value of the field when it is a text or a whole number, else an empty text."""
    found: object = payload
    for part in name.split("."):
        if isinstance(found, list):
            found = dict(enumerate(found)).get(int(part)) if INDEX.fullmatch(part) else None
        else:
            found = found.get(part) if isinstance(found, Mapping) else None
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


class Scheme(StrEnum):
    """A way for a provider to prove that a report is its own."""

    TWILIO = "twilio"
    BODY = "body"
    ADDRESS = "address"
    """The report comes to a secret address that only the provider was given."""

    @property
    def methods(self) -> tuple[str, ...]:
        """Return the HTTP methods of reports; GET is enough where the address is the proof."""
        return ("GET", "POST") if self is Scheme.ADDRESS else ("POST",)


@dataclass(frozen=True, slots=True)
class ReportRules:
    """The settings for reading one provider's reports."""

    shape: ReportShape
    scheme: Scheme
    secret: str = field(repr=False)
    url: str = ""
    """The URL for reports, without a query, exactly as given to the provider, because Twilio signs the URL."""
    fills_in: str = ""
    """A further part of the query, for the provider to fill in: status=%d."""
    largest: int = LARGEST_REPORT
    """The most bytes in one body."""

    def address(self, key: str) -> str:
        """Return the URL for reports on the message with this key."""
        proof = {"proof": _proof(self.secret, key)} if self.scheme is Scheme.ADDRESS else {}
        return "&".join(filter(None, (f"{self.url}?{urlencode({'key': key} | proof)}", self.fills_in)))

    def read(self, report: "WebhookReport", now: datetime) -> tuple[ProviderReceipt, ...]:
        """Return the receipts in a report; none when the report is not final. Raises as `read_reports` does."""
        return read_reports(self, report, now)


@dataclass(frozen=True, slots=True)
class WebhookReport:
    """A report as it came in over HTTP."""

    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    """The headers, with names in lower case."""
    query: str = field(default="", repr=False)
    """The query string of the URL, as received."""


def read_reports(rules: ReportRules, report: WebhookReport, now: datetime) -> tuple[ProviderReceipt, ...]:
    """Return the receipts in a provider's report on one message or a list, after checking that the report is genuine.

    Reports that are not final are left out. Raises NotAllowed when the report is not signed, wrongly signed, signed at
    another time, or too long.
    """
    if len(report.body) > LARGEST_REPORT:
        raise NotAllowed("the report is too long")
    if rules.scheme is Scheme.TWILIO:
        return _read_twilio(rules, report)
    if rules.scheme is Scheme.ADDRESS:
        return _read_at_address(rules, report)
    if not signed_as_agreed(rules.secret, report, now):
        raise NotAllowed("the report is not signed by the provider")
    read = (sms_receipt(rules.shape, object_) for object_ in objects_of(report.body))
    return tuple(found for found in read if found)


def twilio_signed(token: str, url: str, fields: Iterable[tuple[str, str]], signature: str) -> bool:
    """Return True when Twilio signed this (X-Twilio-Signature): HMAC-SHA1 over the whole URL and the sorted fields.

    Twilio signs the URL sometimes with its default port and sometimes without.
    """
    joined = "".join(name + value for name, value in sorted(set(fields)))
    expected = [_sha1(token, each + joined) for each in (url, _with_port(url), _without_port(url))]
    return bool(token) and any(same_secret(each, signature) for each in expected)


def signed_as_agreed(secret: str, report: WebhookReport, now: datetime) -> bool:
    """Return True when the body was signed just now with the secret agreed with the sender, as `body_signed` checks."""
    signature, timestamp = report.headers.get("x-signature", ""), report.headers.get("x-timestamp", "")
    return body_signed(secret, report.body, signature, timestamp, now)


def body_signed(secret: str, body: bytes, signature: str, timestamp: str, now: datetime) -> bool:
    """Return True when the body was signed with the secret within FRESH of now.

    X-Timestamp holds Unix seconds; X-Signature is `sha256=` and the hexadecimal HMAC of timestamp, full stop and body.
    """
    if not secret or not re.fullmatch(r"[0-9]{1,12}", timestamp):
        return False
    fresh = abs(now.timestamp() - int(timestamp)) <= FRESH.total_seconds()
    expected = hmac.digest(secret.encode(), f"{timestamp}.".encode() + body, "sha256").hex()
    return same_secret(f"sha256={expected}", signature) and fresh


def signed_by_twilio(token: str, url: str, report: WebhookReport) -> dict[str, str]:
    """Return the fields of a form that Twilio sent to this URL. Raises NotAllowed when Twilio did not sign it."""
    fields, asked = pairs_of(report.body), pairs_of(report.query.encode())
    whole = f"{url}?{report.query}" if report.query else url
    if not twilio_signed(token, whole, fields, report.headers.get("x-twilio-signature", "")):
        raise NotAllowed("the report is not signed by the provider")
    return dict(asked) | dict(fields)


def _read_twilio(rules: ReportRules, report: WebhookReport) -> tuple[ProviderReceipt, ...]:
    found = sms_receipt(rules.shape, signed_by_twilio(rules.secret, rules.url, report))
    return (found,) if found else ()


def _read_at_address(rules: ReportRules, report: WebhookReport) -> tuple[ProviderReceipt, ...]:
    """Return the receipt in a report to a secret address.

    The query names the message, and the proof holds for that message only; the status is in the body or the query.
    """
    asked = dict(pairs_of(report.query.encode()))
    key = asked.get("key", "")
    if not rules.secret or not same_secret(_proof(rules.secret, key), asked.get("proof", "")):
        raise NotAllowed("the report did not come to an address of ours")
    content = json_of(report.body)
    fields = content if isinstance(content, dict) else dict(pairs_of(report.body))
    found = last_word(rules.shape, {**fields, **asked})
    return (ProviderReceipt(key, *found, key),) if found else ()


def pairs_of(query: bytes) -> list[tuple[str, str]]:
    """Return the fields of a form or a query. Raises NotAllowed when the text is neither."""
    try:
        pairs = parse_qsl(
            query.decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_FIELDS, encoding="latin-1"
        )
    except ValueError as error:
        raise NotAllowed("the report cannot be read") from error
    return [(_text(name.encode("latin-1")), _text(value.encode("latin-1"))) for name, value in pairs]


def _proof(secret: str, key: str) -> str:
    """Return the proof in a URL for reports on this message that the URL is ours."""
    return hmac.digest(secret.encode(), f"receipt {key}".encode(errors="replace"), "sha256").hex()[:32]


def objects_of(body: bytes) -> list[dict[str, object]]:
    """Return the JSON object in the body, or the objects in its list; none when the body is neither."""
    content = json_of(body)
    each = content if isinstance(content, list) else [content]
    return [one for one in each if isinstance(one, dict)]


def json_of(body: bytes) -> object:
    """Return the JSON value of the body, or None when the body is no JSON."""
    try:
        return json.loads(_text(body.removeprefix(BOM_UTF8)))
    except (ValueError, RecursionError):
        return None


def _text(raw: bytes) -> str:
    """Decode UTF-8, else GBK, as many gateways in China write; of any other encoding only ASCII survives."""
    for charset in ("utf-8", "gb18030"):
        with suppress(UnicodeDecodeError):
            return raw.decode(charset)
    return raw.decode(errors="replace")


def _sha1(token: str, text: str) -> str:
    return b64encode(hmac.digest(token.encode(), text.encode(errors="replace"), "sha1")).decode()


def same_secret(expected: str, given: str) -> bool:
    """Return True when the given secret is the expected one, in a time that does not depend on where they differ."""
    return hmac.compare_digest(expected.encode(), given.encode(errors="replace"))


def _with_port(url: str) -> str:
    parts = urlsplit(url)
    port = {"https": 443, "http": 80}.get(parts.scheme)
    return url if parts.port or not port else parts._replace(netloc=f"{parts.netloc}:{port}").geturl()


def _without_port(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition(":")[0]).geturl() if parts.port else url
