"""An SMS channel through a gateway that takes one HTTP request per message: JSON, a form, a query, or Twilio's form."""

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from urllib.parse import quote

import httpx2

from amends.domain.base.errors import ChannelMisconfigured, ChannelUnavailable
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Flaw, LastCall, Message, Receipt, ReceiptCause, Status
from amends.domain.channel.sms import Encoding, segments
from amends.domain.feedback.sms_reply import IncomingRules
from amends.domain.receipt.webhook import (
    TWILIO_MESSAGE,
    ProviderReceipt,
    ReportRules,
    ReportShape,
    last_word,
    nested,
    plain_value,
)
from channels.base.one_by_one import OneByOne
from channels.base.settings import ProviderSettings
from channels.web_api import receipts, sms_replies
from channels.web_api.client import NetworkReach
from channels.web_api.provider import HttpAnswer, Provider, accepted, open_provider, writable

E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
HEADER = re.compile(r"[A-Za-z0-9-]{1,100}", re.ASCII)
"""The name of a header."""
LARGEST_CODE = 999_999
"""The largest number that is taken for an error code: a longer one could be a phone number."""
ONE_PHRASE = rb'(?:\\.|[^\\"{}&<>]){0,100}'
"""Text within one value of JSON, XML or a form: many refusals for another cause repeat the key in another value."""
USED = rb"(?:used|reuse|already|same|mismatch|different|conflict|duplicat|in.progress)"
KEY_USED = re.compile(rb"idempoten%b%b|%b%bidempoten" % (ONE_PHRASE, USED, USED, ONE_PHRASE), re.IGNORECASE | re.DOTALL)
"""Phrases of gateways for an Idempotency-Key that came before."""
CHINESE_NO_CREDIT = "余额不足"
NO_CREDIT = re.compile(
    rb"(?:insufficient|not enough|out of)[ _-](?:account[ _-])?(?:credit|balance|funds)"
    rb"|(?:credit|balance|funds) (?:is|are) (?:too low|insufficient|not enough)|%b|%b"
    % (CHINESE_NO_CREDIT.encode(), re.escape(CHINESE_NO_CREDIT.encode("unicode_escape"))),
    re.IGNORECASE,
)
"""Phrases of gateways for an empty account; not all of them use the code 402."""
READ_FOR_WORDS = 10_000
"""Bytes of a refusal that are searched for phrases; the cause stands at the beginning."""
TWILIO_BAD_NUMBER = frozenset({21211, 21265, 21266, 21268, 21610, 21614, 21635})
"""Codes for: no number, a short code, our own number, a premium number, unsubscribed, not mobile, a landline."""
TWILIO_BAD_SENDER = frozenset({21212, 21603, 21606, 21659, 21660, 21661})
"""Codes for a `from_` that is not a number of this account which may send SMS."""

GAVE_UP = (Status.REJECTED, Status.DEFERRED)
"""Reported states of a message that will not arrive, whatever the cause; the gateway is not asked about it again."""
PROOFS = ("login", "scheme", "token_header", "token_field")
"""Settings that say how the token is shown; without any of them the token is a bearer token."""
PLAIN_REQUIRED = ("shape", "url", "to_field", "text_field", "token")
FILLED_IN = ("to_field", "text_field", "key_field", "callback_field", "unicode_field")
"""Settings that name a field which is filled in for each message."""
OURS = (*FILLED_IN, "token_field")
"""Settings that name a field which is filled in by us."""
USUAL = {"idempotent": "false", "timeout": "60", "network": NetworkReach.PUBLIC.value}
PLAIN_OPTIONAL = {
    **USUAL,
    **dict.fromkeys((*PROOFS, "id_field", "status_url", "more_fields", "unicode_fields", "unicode_field"), ""),
    **receipts.PLAIN_OPTIONAL,
    **sms_replies.PLAIN_OPTIONAL,
}


class Shape(StrEnum):
    """The shape of the requests that a gateway takes."""

    JSON = "json"
    FORM = "form"
    QUERY = "query"
    """GET with all fields in the query, as Kannel takes it."""
    TWILIO = "twilio"


REQUIRED = {
    Shape.JSON: PLAIN_REQUIRED,
    Shape.FORM: PLAIN_REQUIRED,
    Shape.QUERY: PLAIN_REQUIRED,
    Shape.TWILIO: ("shape", "url", "account", "token", "from_"),
}
OPTIONAL = {
    Shape.JSON: PLAIN_OPTIONAL,
    Shape.FORM: PLAIN_OPTIONAL,
    Shape.QUERY: PLAIN_OPTIONAL,
    Shape.TWILIO: {**USUAL, **receipts.TWILIO_OPTIONAL, **sms_replies.TWILIO_OPTIONAL},
}


def connect(settings: Mapping[str, str]) -> "SmsHttp":
    """Return an SMS channel with the settings of REQUIRED and OPTIONAL for its shape.

    For all shapes: idempotent is true when the gateway honours an Idempotency-Key, which Twilio does not; network is
    private for a gateway inside the organisation.

    For all but twilio: id_field is the name of the id in the answer; key_field takes a reference of ours, which the
    gateway returns in its reports. more_fields stand in every request, written as in a query: from=Example.
    unicode_fields stand in requests whose text does not fit GSM 7-bit: coding=2&charset=UTF-8; unicode_field takes such
    a text as hexadecimal digits of UTF-16 in place of text_field. The token is a bearer token, or is shown with a login
    (Basic), another scheme (App), in a token_header (X-Api-Key), or as a token_field.

    Delivery reports: see channels/web_api/receipts.py; status_url/ID answers about one message, or status_url/KEY where
    there is no id_field. Incoming texts: see channels/web_api/sms_replies.py.
    """
    given = settings.get("shape", "")
    shape = Shape(given) if given in tuple(Shape) else Shape.JSON
    chosen = ProviderSettings("sms_http", settings, required=REQUIRED[shape], optional=OPTIONAL[shape])
    chosen.choice("shape", Shape)
    gateway = _twilio(chosen) if shape is Shape.TWILIO else _plain(chosen, shape)
    if chosen.flag("idempotent") and shape is Shape.TWILIO:
        raise chosen.wrong("idempotent", "must be false: Twilio sends the same message again, whatever its key")
    provider = open_provider(
        gateway.url,
        chosen.number("timeout", most=600),
        repeatable=chosen.flag("idempotent"),
        reach=chosen.choice("network", NetworkReach),
    )
    return SmsHttp(gateway, provider)


@dataclass(frozen=True, slots=True)
class Gateway:
    """The interface of one provider: how it takes an SMS and reports on it."""

    url: str
    to_field: str
    text_field: str
    id_field: str
    proof: Mapping[str, str] = field(repr=False)
    """Headers that authenticate us."""
    style: Shape
    """The shape of the requests."""
    shape: ReportShape
    """The shape of the answers to questions about a message."""
    reports: ReportRules | None
    """Rules to read the gateway's delivery reports; None when it sends none that can be verified."""
    incoming: IncomingRules | None = None
    """Rules to read incoming texts; None when the gateway hands on none that can be verified."""
    fixed: dict[str, str] = field(default_factory=dict, repr=False)
    """Fields that stand in every request."""
    fixed_unicode: dict[str, str] = field(default_factory=dict, repr=False)
    """Fields that stand in every request whose text does not fit GSM 7-bit."""
    unicode_field: str = ""
    """Field for a text outside GSM 7-bit in hexadecimal digits of UTF-16; empty when text_field takes every text."""
    key_field: str = ""
    """Field for our key, which the gateway returns in its reports; empty when it has none."""
    callback_field: str = ""
    """Field for the address of reports on this message; empty when the gateway has none."""
    known_by_key: bool = False
    """True when reports name a message by our key and not by an id of the gateway."""
    status_url: str = ""
    """Address that answers about one message, with {id} in the place of its id; empty when there is none."""
    status_setting: str = "status_url"
    """The setting from which status_url is made."""
    bad_number_codes: frozenset[int] | None = None
    """Error codes that are about the number; None when every refusal of the content is."""
    bad_sender_codes: frozenset[int] = frozenset()
    """Error codes that are about our settings."""

    def request(self, client: httpx2.AsyncClient, message: Message) -> httpx2.Request:
        """Return the request that sends one message."""
        fields = {**self.fixed, self.to_field: message.to, **self._text(message.text), **self._report_ids(message.key)}
        headers = {**self.proof, "Idempotency-Key": message.key}
        match self.style:
            case Shape.JSON:
                return client.build_request("POST", self.url, json=nested(fields), headers=headers)
            case Shape.QUERY:
                return client.build_request("GET", self.url, params=fields, headers=headers)
            case Shape.FORM | Shape.TWILIO:
                return client.build_request("POST", self.url, data=fields, headers=headers)

    def question(self, client: httpx2.AsyncClient, provider_id: str) -> httpx2.Request:
        """Return the request that asks what became of a message."""
        url = self.status_url.replace("{id}", quote(provider_id, safe=""))
        return client.build_request("GET", url, headers=dict(self.proof))

    def taken(self, answer: HttpAnswer, key: str) -> Receipt:
        """Return the receipt for a 2xx answer, which is rejected when the answer has the gateway's word for a failure.

        A number is not taken for such a word, because it may be a code of another kind.
        """
        receipt = accepted(answer, key, *filter(None, (self.id_field,)))
        if self.known_by_key:
            receipt = replace(receipt, provider_id=key)
        final, word = last_word(self.shape, answer.object()) or (None, "")
        if receipt.status is Status.SENT and final in GAVE_UP and not word[0].isdecimal():
            return replace(receipt, status=Status.REJECTED, detail=f"{answer.code} {word}")
        return receipt

    def _text(self, text: str) -> dict[str, str]:
        """Return the field of the text, with the fields that a text outside GSM 7-bit needs."""
        if segments(text).encoding is Encoding.GSM7:
            return {self.text_field: text}
        if self.unicode_field:
            return {**self.fixed_unicode, self.unicode_field: text.encode("utf-16-be").hex()}
        return {**self.fixed_unicode, self.text_field: text}

    def _report_ids(self, key: str) -> dict[str, str]:
        """Return the fields by which a report can name the message, even when the answer was lost."""
        ids = {self.key_field: key} if self.key_field else {}
        if self.callback_field and self.reports:
            ids[self.callback_field] = self.reports.address(key)
        return ids


class SmsHttp(OneByOne):
    """An SMS channel that sends each text as it stands."""

    kind = ChannelKind.SMS

    def __init__(self, gateway: Gateway, provider: Provider) -> None:
        self._gateway = gateway
        self._provider = provider
        self._knew: set[bool] = set()
        """True, False or both, as the gateway knew the messages about which it was asked."""

    @property
    def reports(self) -> ReportRules | None:
        """Return the rules to read the gateway's delivery reports; None when every report must be refused."""
        return self._gateway.reports

    @property
    def incoming_texts(self) -> IncomingRules | None:
        """Return the rules to read incoming texts; None when every one must be refused."""
        return self._gateway.incoming

    @property
    def can_be_asked(self) -> bool:
        """Return True when the gateway answers questions about one message."""
        return bool(self._gateway.status_url)

    @property
    def asked_in_vain(self) -> str:
        """Return which setting to check when the gateway knew none of the messages in question, else an empty string.

        The gateway may have forgotten one message; when it knows none, the address for questions is probably wrong.
        """
        if self._knew != {False}:
            return ""
        return f"channel sms_http: {self._gateway.status_setting} may be wrong: each question was answered with 404"

    @staticmethod
    def cost(message: Message) -> int:
        """Return the number of parts that the network carries and charges; a gateway's rate counts parts."""
        return segments(message.text).count

    @staticmethod
    def flaw(message: Message) -> Flaw | None:
        """Return why the message cannot be sent, or None."""
        if not E164.fullmatch(message.to):
            return Flaw("not an E.164 number", of_address=True)
        if message.signature and not message.text.startswith(f"【{message.signature}】"):
            return Flaw("signature missing")
        return None if writable(message.text) else Flaw("not Unicode text")

    async def deliver(self, message: Message, last_call: LastCall) -> Receipt:
        """Send the message; a refusal of our account is remembered, and raised before the next message has left."""
        if flaw := self.flaw(message):
            return Receipt(message.key, Status.REJECTED, flaw.why, cause=_cause(number_is_bad=flaw.of_address))
        request = self._gateway.request(self._provider.client, message)
        answer = await self._provider.submit(request, message.key, last_call)
        if isinstance(answer, Receipt):
            return answer
        if answer.ok:
            return self._gateway.taken(answer, message.key)
        return self._refusal(message.key, answer)

    async def poll(self, provider_id: str) -> ProviderReceipt | None:
        """Ask what became of a message; return None before its final state, or when the gateway cannot be asked.

        Raises ChannelUnavailable without an answer, ChannelMisconfigured when the gateway refuses our account.
        """
        if not self._gateway.status_url or not provider_id.strip("."):
            return None
        answer = await self._provider.ask(self._gateway.question(self._provider.client, provider_id))
        if answer.code in (401, 403):
            raise ChannelMisconfigured(f"{self._provider.name} refuses our account: {answer.code}")
        known = answer.code != httpx2.codes.NOT_FOUND
        if known and not answer.ok:
            raise ChannelUnavailable(f"{self._provider.name} answered a question about a message with {answer.code}")
        self._knew.add(known)
        return _last_word(self._gateway.shape, answer.object(), provider_id) if known else None

    async def close(self) -> None:
        await self._provider.close()

    def _key_was_used(self, answer: HttpAnswer) -> bool:
        """Return True for a refusal because the key came before; some gateways honour keys without being asked to."""
        if self._provider.repeatable:
            return b"idempoten" in answer.body.lower()
        return bool(KEY_USED.search(answer.body, 0, READ_FOR_WORDS))

    def _refusal(self, key: str, answer: HttpAnswer) -> Receipt:
        """Return the receipt for a refusal of one message."""
        code = _error_code(answer)
        detail = str(answer.code) if code is None else f"{answer.code} {code}"
        if self._key_was_used(answer):
            # The key came with another text, which may have left.
            return Receipt(key, Status.UNCERTAIN, f"{detail} key used before")
        if NO_CREDIT.search(answer.body, 0, READ_FOR_WORDS):
            return self._provider.standing.refused(key, f"{detail} no credit", 1, ChannelUnavailable)
        if code in self._gateway.bad_sender_codes:
            return self._provider.standing.refused(key, detail, 1, ChannelMisconfigured)
        if self._gateway.bad_number_codes is None or code in self._gateway.bad_number_codes:
            known = self._gateway.bad_number_codes is not None
            return Receipt(key, Status.REJECTED, detail, cause=_cause(number_is_bad=known))
        return Receipt(key, Status.DEFERRED, f"refused {detail}")


def _cause(*, number_is_bad: bool) -> ReceiptCause:
    """Return the cause of a refusal; a gateway that gives no codes may have refused the text and not the number."""
    return ReceiptCause.BAD_ADDRESS if number_is_bad else ReceiptCause.NONE


def _error_code(answer: HttpAnswer) -> int | None:
    """Return the provider's error code, or None without one or with one above LARGEST_CODE."""
    code = answer.object().get("code")
    return code if isinstance(code, int) and not isinstance(code, bool) and abs(code) <= LARGEST_CODE else None


def _last_word(shape: ReportShape, answer: dict[str, object], provider_id: str) -> ProviderReceipt | None:
    """Return the final state of this message, or None without one or when the answer is about another message."""
    found = last_word(shape, answer)
    if found is None or plain_value(answer, shape.name_field) not in ("", provider_id):
        return None
    return ProviderReceipt(provider_id, *found)


def _plain(chosen: ProviderSettings, shape: Shape) -> Gateway:
    reported = receipts.plain_shape(chosen)
    if not reported.name_field and not chosen.text("callback_url"):
        _refuse_reports_without_id(chosen)
    fixed, fixed_unicode = _fields(chosen, "more_fields") | _token_field(chosen), _fields(chosen, "unicode_fields")
    if shape is Shape.JSON:
        _must_fit(chosen, (*fixed, *(fixed_unicode.keys() - fixed.keys()), *filter(None, map(chosen.text, FILLED_IN))))
    return Gateway(
        url=_url(chosen),
        to_field=chosen.text("to_field"),
        text_field=chosen.text("text_field"),
        id_field=chosen.text("id_field"),
        proof=_token_header(chosen),
        style=shape,
        shape=reported,
        reports=receipts.plain_rules(chosen, reported),
        incoming=sms_replies.plain_rules(chosen),
        key_field=chosen.text("key_field"),
        callback_field=chosen.text("callback_field"),
        known_by_key=bool(chosen.text("callback_field") or (chosen.text("key_field") and not chosen.text("id_field"))),
        fixed=fixed,
        fixed_unicode=fixed_unicode,
        unicode_field=chosen.text("unicode_field"),
        status_url=_status_url(chosen),
    )


def _url(chosen: ProviderSettings) -> str:
    """Return the URL with its final slash, if it has one: without the slash such a gateway only redirects."""
    return chosen.url("url") + ("/" if chosen.text("url").endswith("/") else "")


def _token_header(chosen: ProviderSettings) -> dict[str, str]:
    """Return the header that shows the token; empty when the token stands in a field."""
    token, ways = chosen.secret("token"), [name for name in PROOFS if chosen.text(name)]
    if len(ways) > 1:
        raise chosen.wrong(ways[1], f"cannot stand beside {ways[0]}: the token is shown in one way")
    if chosen.text("token_field"):
        return {}
    if name := chosen.text("token_header"):
        if not HEADER.fullmatch(name):
            raise chosen.wrong("token_header", "must be the name of a header")
        return {name: token}
    if login := chosen.secret("login"):
        return {"Authorization": _basic(login, token)}
    return {"Authorization": f"{chosen.secret('scheme') or 'Bearer'} {token}"}


def _token_field(chosen: ProviderSettings) -> dict[str, str]:
    name = chosen.text("token_field")
    if name and chosen.text("status_url"):
        raise chosen.wrong("status_url", "cannot stand beside token_field: a token in an address would be logged there")
    return {name: chosen.secret("token")} if name else {}


def _basic(login: str, token: str) -> str:
    return f"Basic {b64encode(f'{login}:{token}'.encode()).decode()}"


def _fields(chosen: ProviderSettings, setting: str) -> dict[str, str]:
    fields = chosen.query(setting)
    ours = fields.keys() & {chosen.text(name) for name in OURS}
    if ours:
        raise chosen.wrong(setting, f"must not have {min(ours)}, which is filled in by us")
    return fields


def _refuse_reports_without_id(chosen: ProviderSettings) -> None:
    for asked in ("status_url", "callback_secret"):
        if chosen.text(asked):
            raise chosen.wrong(asked, "needs id_field or key_field: without them nothing says which message is meant")


def _must_fit(chosen: ProviderSettings, fields: Iterable[str]) -> None:
    """Raise ChannelMisconfigured when one JSON object cannot have all these names."""
    try:
        nested(dict.fromkeys(fields, ""))
    except ValueError as error:
        raise chosen.wrong("to_field", f"and the other names of fields cannot stand together: {error}") from None


def _status_url(chosen: ProviderSettings) -> str:
    if not chosen.text("status_url"):
        return ""
    return f"{chosen.url('status_url')}/{{id}}"


def _twilio(chosen: ProviderSettings) -> Gateway:
    account = chosen.text("account")
    if not account.isalnum():
        raise chosen.wrong("account", "must be letters and digits")
    messages = f"{chosen.url('url')}/2010-04-01/Accounts/{account}/Messages"
    return Gateway(
        url=f"{messages}.json",
        to_field="To",
        text_field="Body",
        id_field="sid",
        proof={"Authorization": _basic(account, chosen.secret("token"))},
        style=Shape.TWILIO,
        shape=TWILIO_MESSAGE,
        reports=receipts.twilio_rules(chosen),
        incoming=sms_replies.twilio_rules(chosen),
        fixed={"From": chosen.text("from_")},
        callback_field="StatusCallback",
        status_url=f"{messages}/{{id}}.json",
        status_setting="url",
        bad_number_codes=TWILIO_BAD_NUMBER,
        bad_sender_codes=TWILIO_BAD_SENDER,
    )
