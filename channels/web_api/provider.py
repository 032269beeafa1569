"""Sending through an HTTP provider: one request per message, and the receipt for its answer or a missing answer.

Every channel that uses HTTP does so through this module and channels/web_api/client.py, so that none omits a guard.
"""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from amends.domain.base.errors import ChannelDown, ChannelError, ChannelMisconfigured, ChannelUnavailable
from amends.domain.channel.message import LastCall, Receipt, ReceiptCause, Status
from amends.domain.receipt.webhook import json_of, plain_value
from channels.web_api.client import CONNECT_SECONDS, IDLE_SECONDS, NetworkReach, NotAllowedThere, open_client

ASK_SECONDS = 10.0
LARGEST_BODY = 1_000_000
LONGEST_WAIT = 3600.0
LOOK_AFTER = (0.0, 2.0)
"""Seconds before each look for a post whose answer was lost: some servers are slow to show a new post."""

BEFORE_WRITING = "http11.send_request_headers.started"
"""Trace event when the connection stands and no byte of the request has been written."""
IN_DOUBT = frozenset({302, 303, 408, 409})
"""Codes, besides 5xx, after which the message may have been accepted; a form may be accepted with a redirect."""
NO_ERROR = frozenset({"", "none", "null", "false", "no", "ok", "success", "[]", "{}"})
"""Values of an error field that mean no error; zeros mean that too."""
NO_SUCCESS = frozenset({"", "false", "no"})
"""Values of `success` that mean failure; zeros mean that too."""
FAILED = frozenset({"error", "err", "fail", "failed", "failure"})
"""Values of `status`, `result` or `type` that mean failure."""
PLAIN_FAILURE = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:err|fail)(?!\w*[\s:=]*0+\b)", re.IGNORECASE)
"""Beginning of a failure in plain text: "ERROR:102" or "ERR: 114, Cannot route message", but not "ERR: 000"."""
WEB_PAGE = re.compile(rb"<!doctype html|<html", re.IGNORECASE)
READ_FOR_A_PAGE = 500
"""Bytes searched for the beginning of a web page: a byte order mark, an XML declaration and comments may precede."""
NO_ID = re.compile(r"0*|-\d{1,4}")
"""Values of an id field when no message was accepted: empty, zeros, or a small negative number."""
ABOUT_THE_MESSAGE = frozenset({400, 422})
PATIENCE = {401: 1, 402: 1}
"""Refusals in a row that mean the whole account, by code; a 403 or 404 can be about one message."""
USUAL_PATIENCE = 3
PROBE_SECONDS = 60.0
"""Seconds between two messages that are sent to find out whether a refused account is accepted again."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The answer of a provider; the body is empty when too long or too slow, and not decoded when compressed."""

    code: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def ok(self) -> bool:
        return 200 <= self.code < 300

    def json(self) -> object:
        """Return the body as JSON, or None when it cannot be read as JSON."""
        return json_of(self.body)

    def object(self) -> dict[str, object]:
        """Return the body's JSON object, or an empty one when the body is anything else."""
        answer = self.json()
        return answer if isinstance(answer, dict) else {}


class Provider:
    """A service at one address that takes one message per request."""

    def __init__(
        self, client: httpx2.AsyncClient, name: str, seconds: float = ASK_SECONDS, *, repeatable: bool = False
    ) -> None:
        self.client = client
        self.name = name
        self.seconds = seconds
        self.repeatable = repeatable
        """True when the same message sent again has no second effect, so that a lost answer leaves no doubt."""
        self.standing = AccountStanding(name)

    async def submit(self, request: httpx2.Request, key: str, last_call: LastCall) -> HttpAnswer | Receipt:
        """Send the request, with the last call when the connection stands, just before the first byte of the request.

        Return the answer when it accepts or refuses this message, for the channel to read; all other trouble is a
        receipt. Raises ChannelUnavailable or ChannelMisconfigured while nothing has left.
        """
        self.standing.check()
        hook = _LastCallHook(last_call, self.seconds)
        request.extensions["trace"] = hook
        try:
            answer = await self._send(request, hook)
        except httpx2.HTTPError as error:
            if hook.writing:
                return self._in_doubt(key, "no answer")
            if hook.called:
                return Receipt(key, Status.DEFERRED, retry_after=0.0, cause=ReceiptCause.NOT_SENT)
            raise ChannelDown(f"{self.name} cannot be reached: {_why(error)}") from error
        return self._trouble(answer, key) or answer

    async def ask(self, request: httpx2.Request) -> HttpAnswer:
        """Send a request that changes nothing, and return the answer. Raises ChannelUnavailable without one."""
        try:
            return await _exchange(self.client, request, asyncio.timeout(ASK_SECONDS))
        except httpx2.HTTPError as error:
            raise ChannelUnavailable(f"{self.name} did not answer: {_why(error)}") from error

    async def close(self) -> None:
        """Close the connections."""
        await self.client.aclose()

    async def _send(self, request: httpx2.Request, hook: "_LastCallHook") -> HttpAnswer:
        """Send the request, over a new connection when the ledger took so long that the first may have been closed."""
        try:
            return await _exchange(self.client, request, hook.limit)
        except _StaleConnection:
            hook.limit = asyncio.timeout(CONNECT_SECONDS)
            return await _exchange(self.client, request, hook.limit)

    def _trouble(self, answer: HttpAnswer, key: str) -> Receipt | None:
        code = answer.code
        if code == httpx2.codes.TOO_MANY_REQUESTS:
            return Receipt(key, Status.DEFERRED, "429", retry_after=retry_after(answer))
        if code >= 500 or code in IN_DOUBT:
            return self._in_doubt(key, str(code), retry_after(answer))
        if not answer.ok and code not in ABOUT_THE_MESSAGE:
            return self.standing.refused(key, str(code), PATIENCE.get(code, USUAL_PATIENCE), _account_error(code))
        self.standing.taken()
        return None

    def _in_doubt(self, key: str, detail: str, wait: float | None = None) -> Receipt:
        if self.repeatable:
            return Receipt(key, Status.DEFERRED, detail, retry_after=wait, doubtful=True)
        return Receipt(key, Status.UNCERTAIN, detail)


class AccountStanding:
    """The standing of our account with a provider; while refused, one message a minute is sent as a probe."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._in_a_row = 0
        self._error: type[ChannelError] | None = None
        self._why = ""
        self._ask_again_at = 0.0

    def check(self) -> None:
        """Raise the error while the account is refused, except once a minute, when one message may leave as a probe."""
        if self._error is None:
            return
        now = asyncio.get_running_loop().time()
        if now < self._ask_again_at:
            raise self._error(f"{self._name} refuses our account: {self._why}")
        self._ask_again_at = now + PROBE_SECONDS

    def taken(self) -> None:
        """Record that the provider accepts our messages."""
        self._in_a_row, self._error = 0, None

    def refused(self, key: str, why: str, patience: int, error: type[ChannelError]) -> Receipt:
        """Return the receipt for a refusal of our account; after `patience` refusals in a row all messages wait."""
        self._in_a_row += 1
        if self._in_a_row >= patience:
            self._error, self._why = error, why
            self._ask_again_at = asyncio.get_running_loop().time() + PROBE_SECONDS
        return Receipt(key, Status.DEFERRED, f"refused {why}")


def open_provider(
    url: str,
    seconds: float,
    *,
    repeatable: bool = False,
    reach: NetworkReach = NetworkReach.PUBLIC,
    client: httpx2.AsyncClient | None = None,
) -> Provider:
    """Return the provider at this address, which connects when used; an answer may take `seconds` after the last call.

    Raises ChannelMisconfigured when the URL is not valid.
    """
    try:
        name = httpx2.URL(url).netloc.decode()
    except httpx2.InvalidURL as error:
        raise ChannelMisconfigured("url is not an address") from error
    return Provider(client or open_client(seconds, reach), name, seconds, repeatable=repeatable)


def accepted(answer: HttpAnswer, key: str, *id_fields: str) -> Receipt:
    """Return the receipt for a 2xx answer: sent, with the first of these fields that is there as the provider's id.

    The message is in doubt when the answer has none of these fields, and, where no field was asked for, when the body
    contradicts the code.
    """
    fields = answer.object()
    given = (plain_value(fields, name) for name in id_fields)
    provider_id = next((found for found in given if not NO_ID.fullmatch(found)), "")
    if id_fields and not provider_id:
        return Receipt(key, Status.UNCERTAIN, f"{answer.code} without an id")
    if not id_fields and (doubt := _contradiction(answer)):
        return Receipt(key, Status.UNCERTAIN, f"{answer.code} with {doubt}")
    return Receipt(key, Status.SENT, str(answer.code), provider_id=provider_id)


async def read_back(doubt: Receipt, look: Callable[[], Awaitable[str]]) -> Receipt:
    """Return a sent receipt when a post whose answer was lost can be seen, else the doubt; nothing is posted again.

    `look` returns the post's id, or an empty string.
    """
    for pause in LOOK_AFTER:
        await asyncio.sleep(pause)
        try:
            found = await look()
        except ChannelError:
            continue
        if found:
            return Receipt(doubt.key, Status.SENT, f"{doubt.detail}, read back", provider_id=found)
    return doubt


def writable(text: str) -> bool:
    """Return True when the text can be encoded in UTF-8."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def retry_after(answer: HttpAnswer) -> float | None:
    """Return the seconds to wait, an hour at most, from a number or a date by the server's clock; None without either.

    Mastodon and Bluesky say in a RateLimit-Reset header what others say in Retry-After (RFC 9110).
    """
    names = ("Retry-After", "X-RateLimit-Reset", "RateLimit-Reset")
    wanted = next((answer.headers[name] for name in names if name in answer.headers), "")
    if not (wanted.isascii() and wanted.isdecimal()):
        return _until(_date(wanted), answer)
    seconds = float(wanted[:20])
    return (
        _until(datetime.fromtimestamp(min(seconds, 4e9), UTC), answer) if seconds > 1e9 else min(seconds, LONGEST_WAIT)
    )


def server_time(answer: HttpAnswer) -> datetime | None:
    """Return when the server answered, by its own clock, or None when it does not say."""
    return _date(answer.headers.get("Date", ""))


def _why(error: httpx2.HTTPError) -> str:
    """Return what the error says without any address: our own words, or only its type."""
    return str(error) if isinstance(error, NotAllowedThere) else type(error).__name__


def _contradiction(answer: HttpAnswer) -> str:
    """Return what in the body contradicts a 2xx code, in the terms that most services use, or an empty string."""
    if WEB_PAGE.search(answer.body, 0, READ_FOR_A_PAGE):
        return "a web page"
    return "an error" if PLAIN_FAILURE.match(answer.body) or _failed(answer.object()) else ""


def _failed(fields: Mapping[str, object]) -> bool:
    """Return True when the fields of an answer report a failure."""
    return (
        _comparable(fields.get("success", True)) in NO_SUCCESS
        or any(_comparable(fields.get(name)) not in NO_ERROR for name in ("error", "errors"))
        or any(_comparable(fields.get(name)) in FAILED for name in ("status", "result", "type"))
    )


def _comparable(value: object) -> str:
    """Return the value in the form that is compared: of an error object, its code."""
    inner = value.get("code", value) if isinstance(value, dict) else value
    return str(inner).casefold().strip(" 0")


def _until(date: datetime | None, answer: HttpAnswer) -> float | None:
    now = server_time(answer)
    if date is None or now is None:
        return None
    return min(max((date - now).total_seconds(), 0.0), LONGEST_WAIT)


def _date(text: str) -> datetime | None:
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            found = read(text)
        except (ValueError, OverflowError):
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None


class _StaleConnection(Exception):
    """A connection that was idle so long that the server may have closed it; nothing was written to it."""


class _LastCallHook:
    """A trace hook that makes the last call before anything is written; then the time for the answer begins to run."""

    def __init__(self, last_call: LastCall, seconds: float) -> None:
        self.called = False
        self.writing = False
        self.limit = asyncio.timeout(CONNECT_SECONDS)
        self._last_call = last_call
        self._seconds = seconds

    async def __call__(self, event: str, _: object) -> None:
        if event != BEFORE_WRITING or self.writing:
            return
        if not self.called:
            await self._call()
        self.writing = True
        self.limit.reschedule(asyncio.get_running_loop().time() + self._seconds)

    async def _call(self) -> None:
        now = asyncio.get_running_loop().time
        began = now()
        self.limit.reschedule(None)  # the ledger takes the time it needs
        await self._last_call()
        self.called = True
        if now() - began > IDLE_SECONDS:
            raise _StaleConnection


async def _exchange(client: httpx2.AsyncClient, request: httpx2.Request, limit: asyncio.Timeout) -> HttpAnswer:
    """Send one request and return its answer within the limit. Raises httpx2.HTTPError when there is no answer."""
    try:
        async with limit:
            response = await client.send(request, stream=True)
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise httpx2.ReadTimeout("too slow") from error
    except ssl.SSLError as error:  # a record that cannot be read, or a client certificate that is requested too late
        raise httpx2.ReadError("broken TLS") from error
    return HttpAnswer(response.status_code, response.headers, await _body(response, limit.when()))


async def _body(response: httpx2.Response, until: float | None) -> bytes:
    """Return the body, or nothing when it does not arrive whole: the status line is valid all the same."""
    body = bytearray()
    try:
        async with asyncio.timeout_at(until):
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > LARGEST_BODY:
                    return b""
    except (httpx2.HTTPError, ssl.SSLError, TimeoutError):
        return b""
    finally:
        await response.aclose()
    return bytes(body)


def _account_error(code: int) -> type[ChannelError]:
    """Return the error by who must act: an engineer on a wrong key or URL, the account's holder on other refusals."""
    return ChannelMisconfigured if code in (401, 404, 405) else ChannelUnavailable
