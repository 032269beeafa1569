"""What a provider tells later of a message that it took over, and whether it was really the provider who told."""

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
from amends.domain.channel.channel import Status

FRESH = timedelta(minutes=5)
"""A signed report of another time than now is one that somebody kept and plays again."""
LARGEST_REPORT = 64_000
MOST_FIELDS = 100
PLAIN = re.compile(r"[!-~]{1,200}")
PLACE = re.compile(r"0|[1-9]\d{0,2}", re.ASCII)
"""Of one thing in a list, in a name with dots."""
CODE = re.compile(r"\d{1,6}|[A-Za-z][\w.-]{0,39}", re.ASCII)
"""An error code; nothing that could be an address."""


@dataclass(frozen=True, slots=True)
class ProviderReceipt:
    """The last word of a provider on one message."""

    provider_id: str
    status: Status
    """Delivered; rejected: it will not arrive there; deferred: it did not leave the network, which is not the
    person's fault; uncertain: a person has to look."""
    detail: str = ""
    key: str = ""
    """Our own key of the message, where the report bears it: it tells what became of one whose answer was lost."""


@dataclass(frozen=True, slots=True)
class ReportShape:
    """How a provider words its reports. A name with dots leads into objects and lists within: results.0.status."""

    id_field: str
    status_field: str
    outcomes: Mapping[str, Status]
    """The status words that are a last word, in small letters; every other word leaves things as they are."""
    code_field: str = ""
    key_field: str = ""
    codes: Mapping[str, Status] = field(default_factory=dict)
    """Error codes that say of a rejection that it is not about the person's number."""

    @property
    def name_field(self) -> str:
        """Where a report says which message it is about: by the provider's id, or by our key where it gives none."""
        return self.id_field or self.key_field


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
"""What twilio.com/docs/api/errors calls trouble of account, sender or text. 30003, 30005, 30006 are the number's."""
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
"""The same, as the message itself says it when it is asked for."""


def sms_receipt(shape: ReportShape, payload: Mapping[str, object]) -> ProviderReceipt | None:
    """What this report says; None when it is no last word, or names no message."""
    provider_id, key = plain_value(payload, shape.name_field), plain_value(payload, shape.key_field)
    found = last_word(shape, payload)
    return ProviderReceipt(provider_id, *found, key) if found and (provider_id or key) else None


def last_word(shape: ReportShape, payload: Mapping[str, object]) -> tuple[Status, str] | None:
    """What became of the message and the provider's words for it; None while that is open."""
    word = said(payload, shape.status_field).strip().casefold()
    status = shape.outcomes.get(word)
    if status is None:
        return None
    code = plain_value(payload, shape.code_field)
    if status is Status.REJECTED:
        status = shape.codes.get(code, status)
    return status, f"{word} {code}" if CODE.fullmatch(code) else word


def nested(fields: Mapping[str, str]) -> object:
    """What names with dots spell: objects, and lists where all that stands side by side is a place.

    {"to.0": "+49"} is {"to": ["+49"]}. Raises ValueError when a name leads into another's value.
    """
    tree: dict[str, object] = {}
    for name, value in fields.items():
        _put(tree, name.split("."), value)
    return _listed(tree)


def _put(tree: dict[str, object], way: Sequence[str], value: str) -> None:
    first, *rest = way
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
    if inner and all(PLACE.fullmatch(name) for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner


def plain_value(payload: Mapping[str, object], name: str) -> str:
    """The value of this field when it is a short word or number, else empty."""
    text = said(payload, name)
    return text if PLAIN.fullmatch(text) else ""


def said(payload: Mapping[str, object], name: str) -> str:
    """The value of this field when it is a text or a whole number, else empty."""
    found: object = payload
    for part in name.split("."):
        if isinstance(found, list):
            found = dict(enumerate(found)).get(int(part)) if PLACE.fullmatch(part) else None
        else:
            found = found.get(part) if isinstance(found, Mapping) else None
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


class Scheme(StrEnum):
    """How a provider proves that a report is its own."""

    TWILIO = "twilio"
    BODY = "body"
    ADDRESS = "address"
    """It comes to an address that only the provider was told."""

    @property
    def methods(self) -> tuple[str, ...]:
        """How the provider may come: a fetched address is enough where the address is the proof."""
        return ("GET", "POST") if self is Scheme.ADDRESS else ("POST",)


@dataclass(frozen=True, slots=True)
class ReportRules:
    """What is needed to read one provider's reports."""

    shape: ReportShape
    scheme: Scheme
    secret: str = field(repr=False)
    url: str = ""
    """Where it sends them, without a query, as the provider was told; Twilio signs it."""
    fills_in: str = ""
    """What else stands in the query, for the provider to fill in: status=%d."""
    largest: int = LARGEST_REPORT
    """Bytes of one body."""

    def address(self, key: str) -> str:
        """Where the provider is to report on the message with this key."""
        proof = {"proof": _proof(self.secret, key)} if self.scheme is Scheme.ADDRESS else {}
        return "&".join(filter(None, (f"{self.url}?{urlencode({'key': key} | proof)}", self.fills_in)))

    def read(self, report: "WebhookReport", now: datetime) -> tuple[ProviderReceipt, ...]:
        """What a report says; nothing when it is no last word. Raises as `read_reports` does."""
        return read_reports(self, report, now)


@dataclass(frozen=True, slots=True)
class WebhookReport:
    """A report as it came in."""

    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    """With small letters in their names."""
    query: str = field(default="", repr=False)
    """What stood behind the question mark, untouched."""


def read_reports(rules: ReportRules, report: WebhookReport, now: datetime) -> tuple[ProviderReceipt, ...]:
    """What a provider's report says, once it is known to be the provider's, of one message or a list of them.

    What is no last word is left out.

    Raises NotAllowed when it is not signed, wrongly signed, signed at another time, or too long to be one.
    """
    if len(report.body) > LARGEST_REPORT:
        raise NotAllowed("the report is too long")
    if rules.scheme is Scheme.TWILIO:
        return _read_twilio(rules, report)
    if rules.scheme is Scheme.ADDRESS:
        return _read_at_address(rules, report)
    if not signed_as_agreed(rules.secret, report, now):
        raise NotAllowed("the report is not signed by the provider")
    read = (sms_receipt(rules.shape, one) for one in objects_of(report.body))
    return tuple(found for found in read if found)


def twilio_signed(token: str, url: str, fields: Iterable[tuple[str, str]], signature: str) -> bool:
    """Whether Twilio signed this (X-Twilio-Signature): HMAC-SHA1 over the whole URL and the sorted fields.

    Twilio signs the URL with its usual port or without it, as it likes.
    """
    joined = "".join(name + value for name, value in sorted(set(fields)))
    expected = [_sha1(token, each + joined) for each in (url, _with_port(url), _without_port(url))]
    return bool(token) and any(same(each, signature) for each in expected)


def signed_as_agreed(secret: str, report: WebhookReport, now: datetime) -> bool:
    """Whether the body was signed with the secret that we and the sender agreed on, now: see `body_signed`."""
    signature, timestamp = report.headers.get("x-signature", ""), report.headers.get("x-timestamp", "")
    return body_signed(secret, report.body, signature, timestamp, now)


def body_signed(secret: str, body: bytes, signature: str, timestamp: str, now: datetime) -> bool:
    """Whether this body was signed with our secret, now.

    X-Timestamp holds Unix seconds; X-Signature is `sha256=` and the hexadecimal HMAC of timestamp, full stop and body.
    """
    if not secret or not re.fullmatch(r"[0-9]{1,12}", timestamp):
        return False
    fresh = abs(now.timestamp() - int(timestamp)) <= FRESH.total_seconds()
    expected = hmac.digest(secret.encode(), f"{timestamp}.".encode() + body, "sha256").hex()
    return same(f"sha256={expected}", signature) and fresh


def signed_by_twilio(token: str, url: str, report: WebhookReport) -> dict[str, str]:
    """The fields of a form that Twilio sent to this address of ours. Raises NotAllowed when it did not sign them."""
    fields, asked = pairs_of(report.body), pairs_of(report.query.encode())
    whole = f"{url}?{report.query}" if report.query else url
    if not twilio_signed(token, whole, fields, report.headers.get("x-twilio-signature", "")):
        raise NotAllowed("the report is not signed by the provider")
    return dict(asked) | dict(fields)


def _read_twilio(rules: ReportRules, report: WebhookReport) -> tuple[ProviderReceipt, ...]:
    found = sms_receipt(rules.shape, signed_by_twilio(rules.secret, rules.url, report))
    return (found,) if found else ()


def _read_at_address(rules: ReportRules, report: WebhookReport) -> tuple[ProviderReceipt, ...]:
    """The query names the message, and the proof is of that message only; body or query say what became of it."""
    asked = dict(pairs_of(report.query.encode()))
    key = asked.get("key", "")
    if not rules.secret or not same(_proof(rules.secret, key), asked.get("proof", "")):
        raise NotAllowed("the report did not come to an address of ours")
    told = json_of(report.body)
    fields = told if isinstance(told, dict) else dict(pairs_of(report.body))
    found = last_word(rules.shape, {**fields, **asked})
    return (ProviderReceipt(key, *found, key),) if found else ()


def pairs_of(query: bytes) -> list[tuple[str, str]]:
    """The fields of a form or a query. Raises NotAllowed when it is neither."""
    try:
        pairs = parse_qsl(
            query.decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_FIELDS, encoding="latin-1"
        )
    except ValueError as error:
        raise NotAllowed("the report cannot be read") from error
    return [(_text(name.encode("latin-1")), _text(value.encode("latin-1"))) for name, value in pairs]


def _proof(secret: str, key: str) -> str:
    """What shows that an address for reports on this message is ours."""
    return hmac.digest(secret.encode(), f"receipt {key}".encode(errors="replace"), "sha256").hex()[:32]


def objects_of(body: bytes) -> list[dict[str, object]]:
    """The JSON object that the body is, or those of its list; none when it is neither."""
    told = json_of(body)
    each = told if isinstance(told, list) else [told]
    return [one for one in each if isinstance(one, dict)]


def json_of(body: bytes) -> object:
    """What the body says, or None when it is no JSON."""
    try:
        return json.loads(_text(body.removeprefix(BOM_UTF8)))
    except (ValueError, RecursionError):
        return None


def _text(raw: bytes) -> str:
    """In UTF-8, else in GBK, as many gateways in China write; of any other alphabet ASCII is left."""
    for charset in ("utf-8", "gb18030"):
        with suppress(UnicodeDecodeError):
            return raw.decode(charset)
    return raw.decode(errors="replace")


def _sha1(token: str, text: str) -> str:
    return b64encode(hmac.digest(token.encode(), text.encode(errors="replace"), "sha1")).decode()


def same(expected: str, given: str) -> bool:
    """Whether a secret was given; it takes as long for every wrong one."""
    return hmac.compare_digest(expected.encode(), given.encode(errors="replace"))


def _with_port(url: str) -> str:
    parts = urlsplit(url)
    port = {"https": 443, "http": 80}.get(parts.scheme)
    return url if parts.port or not port else parts._replace(netloc=f"{parts.netloc}:{port}").geturl()


def _without_port(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition(":")[0]).geturl() if parts.port else url
