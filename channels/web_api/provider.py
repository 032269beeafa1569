"""What the HTTP channels share: a provider that takes messages, and what an answer or its absence means.

Only here is the network spoken to by HTTP, through channels/web_api/client.py, so that no channel forgets a guard.
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
from amends.domain.channel.channel import LastCall, Receipt, Status
from amends.domain.deliver.cascade import MAY_HAVE_IT, NOT_SENT
from amends.domain.receipt.webhook import json_of, plain_value
from channels.web_api.client import CONNECT_SECONDS, IDLE_SECONDS, NetworkReach, NotAllowedThere, open_client

ASK_SECONDS = 10.0
LARGEST_BODY = 1_000_000
LONGEST_WAIT = 3600.0
LOOK_AFTER = (0.0, 2.0)
"""Seconds before each look for a post whose answer was lost: some servers are slow to show it."""

BEFORE_WRITING = "http11.send_request_headers.started"
"""The connection stands and not a byte of this request has been written."""
IN_DOUBT = frozenset({302, 303, 408, 409})
"""With 5xx: the message may have been taken. A redirect of this kind may come after a form was taken."""
NO_ERROR = frozenset({"", "none", "null", "false", "no", "ok", "success", "[]", "{}"})
"""What stands where an error would, when there is none; zeros say it too."""
NO_SUCCESS = frozenset({"", "false", "no"})
"""What `success` says of a failure; zeros say it too."""
FAILED = frozenset({"error", "err", "fail", "failed", "failure"})
"""What `status`, `result` or `type` says of a failure."""
NO_IN_WORDS = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:err|fail)(?!\w*[\s:=]*0+\b)", re.IGNORECASE)
"""How a failure begins that is told as bare text: ERROR:102, ERR: 114, Cannot route message."""
WEB_PAGE = re.compile(rb"<!doctype html|<html", re.IGNORECASE)
READ_FOR_A_PAGE = 500
"""Bytes in which a page says that it is one: a byte order mark, an XML head and comments may go before."""
NO_ID = re.compile(r"0*|-\d{1,4}")
"""What stands where an id would, when nothing was taken."""
ABOUT_THE_MESSAGE = frozenset({400, 422})
PATIENCE = {401: 1, 402: 1}
"""How many refusals in a row mean the whole account; a 403 or 404 can be about one message."""
USUAL_PATIENCE = 3
PROBE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back; the body is empty when it was too long or too slow, and as it came when it is packed."""

    code: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def ok(self) -> bool:
        return 200 <= self.code < 300

    def json(self) -> object:
        """The body as JSON, or None when it is none that can be read."""
        return json_of(self.body)

    def object(self) -> dict[str, object]:
        """The body's JSON object; empty when it is anything else."""
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
        """The same message sent again has no second effect there, so a lost answer leaves no doubt."""
        self.standing = AccountStanding(name)

    async def submit(self, request: httpx2.Request, key: str, last_call: LastCall) -> HttpAnswer | Receipt:
        """Send it; the last call comes when the connection stands, just before the first byte of the request.

        An answer is a yes, or a no to this very message, for the channel to read; all other trouble is a receipt.
        Raises ChannelUnavailable or ChannelMisconfigured while nothing has left.
        """
        self.standing.check()
        bell = _Bell(last_call, self.seconds)
        request.extensions["trace"] = bell
        try:
            answer = await self._carry(request, bell)
        except httpx2.HTTPError as error:
            if bell.writing:
                return self._in_doubt(key, "no answer")
            if bell.rung:
                return Receipt(key, Status.DEFERRED, NOT_SENT, retry_after=0.0)
            raise ChannelDown(f"{self.name} cannot be reached: {_why(error)}") from error
        return self._trouble(answer, key) or answer

    async def ask(self, request: httpx2.Request) -> HttpAnswer:
        """The answer to a question that changes nothing there. Raises ChannelUnavailable when none comes."""
        try:
            return await _exchange(self.client, request, asyncio.timeout(ASK_SECONDS))
        except httpx2.HTTPError as error:
            raise ChannelUnavailable(f"{self.name} did not answer: {_why(error)}") from error

    async def close(self) -> None:
        """Give back the connections."""
        await self.client.aclose()

    async def _carry(self, request: httpx2.Request, bell: "_Bell") -> HttpAnswer:
        """On a new connection when the ledger took so long that the server may have hung up meanwhile."""
        try:
            return await _exchange(self.client, request, bell.limit)
        except _TooOld:
            bell.limit = asyncio.timeout(CONNECT_SECONDS)
            return await _exchange(self.client, request, bell.limit)

    def _trouble(self, answer: HttpAnswer, key: str) -> Receipt | None:
        code = answer.code
        if code == httpx2.codes.TOO_MANY_REQUESTS:
            return Receipt(key, Status.DEFERRED, "429", retry_after=retry_after(answer))
        if code >= 500 or code in IN_DOUBT:
            return self._in_doubt(key, str(code), retry_after(answer))
        if not answer.ok and code not in ABOUT_THE_MESSAGE:
            return self.standing.refused(key, str(code), PATIENCE.get(code, USUAL_PATIENCE), _who_must_act(code))
        self.standing.taken()
        return None

    def _in_doubt(self, key: str, detail: str, wait: float | None = None) -> Receipt:
        if self.repeatable:
            return Receipt(key, Status.DEFERRED, f"{MAY_HAVE_IT}{detail}", retry_after=wait)
        return Receipt(key, Status.UNCERTAIN, detail)


class AccountStanding:
    """Whether the provider takes us at all. While it does not, nothing is sent but one message a minute to find out."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._in_a_row = 0
        self._error: type[ChannelError] | None = None
        self._why = ""
        self._ask_again_at = 0.0

    def check(self) -> None:
        """Raises what the last refusals meant, while nothing of the next message has left."""
        if self._error is None:
            return
        now = asyncio.get_running_loop().time()
        if now < self._ask_again_at:
            raise self._error(f"{self._name} refuses our account: {self._why}")
        self._ask_again_at = now + PROBE_SECONDS

    def taken(self) -> None:
        """It takes messages of ours."""
        self._in_a_row, self._error = 0, None

    def refused(self, key: str, why: str, patience: int, error: type[ChannelError]) -> Receipt:
        """It refused us, not the person: this message waits, and after so many in a row all the others do."""
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
    """The provider at this address; connects when used. After the last call an answer may take so many seconds.

    Raises ChannelMisconfigured when it cannot be an address.
    """
    try:
        name = httpx2.URL(url).netloc.decode()
    except httpx2.InvalidURL as error:
        raise ChannelMisconfigured("url is not an address") from error
    return Provider(client or open_client(seconds, reach), name, seconds, repeatable=repeatable)


def accepted(answer: HttpAnswer, key: str, *id_fields: str) -> Receipt:
    """The receipt for a yes: sent, with the first of these fields as the provider's id.

    A yes that bears none of them is none that we know, and leaves us in doubt. So does one whose body speaks against
    it, where there is no id to tell it by.
    """
    fields = answer.object()
    given = (plain_value(fields, name) for name in id_fields)
    provider_id = next((found for found in given if not NO_ID.fullmatch(found)), "")
    if id_fields and not provider_id:
        return Receipt(key, Status.UNCERTAIN, f"{answer.code} without an id")
    if not id_fields and (doubt := _against(answer)):
        return Receipt(key, Status.UNCERTAIN, f"{answer.code} with {doubt}")
    return Receipt(key, Status.SENT, str(answer.code), provider_id=provider_id)


async def read_back(doubt: Receipt, look: Callable[[], Awaitable[str]]) -> Receipt:
    """A public post whose answer was lost: sent when it can be seen there, else still in doubt; never posted again.

    `look` gives the post's id, or empty.
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
    """Whether this can be put into UTF-8 at all."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def retry_after(answer: HttpAnswer) -> float | None:
    """Seconds to wait, an hour at most, in seconds or as a date by the server's own clock.

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
    """When the server answered, by its own clock."""
    return _date(answer.headers.get("Date", ""))


def _why(error: httpx2.HTTPError) -> str:
    """What an error says without any address in it: our own words, or only its kind."""
    return str(error) if isinstance(error, NotAllowedThere) else type(error).__name__


def _against(answer: HttpAnswer) -> str:
    """What in the body speaks against a yes, in the words that most services have for it; or empty."""
    if WEB_PAGE.search(answer.body, 0, READ_FOR_A_PAGE):
        return "a web page"
    return "an error" if NO_IN_WORDS.match(answer.body) or _failed(answer.object()) else ""


def _failed(fields: Mapping[str, object]) -> bool:
    """Whether the fields of an answer say that something went wrong."""
    return (
        _word(fields.get("success", True)) in NO_SUCCESS
        or any(_word(fields.get(name)) not in NO_ERROR for name in ("error", "errors"))
        or any(_word(fields.get(name)) in FAILED for name in ("status", "result", "type"))
    )


def _word(value: object) -> str:
    """As it is compared: of an error with a code of its own, that code."""
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


class _TooOld(Exception):
    """The connection stood idle for long, and nothing was written to it."""


class _Bell:
    """Rings the last call before anything is written; then the time for the answer begins to run."""

    def __init__(self, last_call: LastCall, seconds: float) -> None:
        self.rung = False
        self.writing = False
        self.limit = asyncio.timeout(CONNECT_SECONDS)
        self._last_call = last_call
        self._seconds = seconds

    async def __call__(self, event: str, _: object) -> None:
        if event != BEFORE_WRITING or self.writing:
            return
        if not self.rung:
            await self._ring()
        self.writing = True
        self.limit.reschedule(asyncio.get_running_loop().time() + self._seconds)

    async def _ring(self) -> None:
        now = asyncio.get_running_loop().time
        began = now()
        self.limit.reschedule(None)  # the ledger takes the time it needs
        await self._last_call()
        self.rung = True
        if now() - began > IDLE_SECONDS:
            raise _TooOld


async def _exchange(client: httpx2.AsyncClient, request: httpx2.Request, limit: asyncio.Timeout) -> HttpAnswer:
    """One request and its answer within the limit. Raises httpx2.HTTPError when there is no answer."""
    try:
        async with limit:
            response = await client.send(request, stream=True)
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise httpx2.ReadTimeout("too slow") from error
    except ssl.SSLError as error:  # of a record that cannot be read, or a certificate that is wanted too late
        raise httpx2.ReadError("broken TLS") from error
    return HttpAnswer(response.status_code, response.headers, await _body(response, limit.when()))


async def _body(response: httpx2.Response, until: float | None) -> bytes:
    """The body, or nothing when it does not come whole: the answer's first line stands all the same."""
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


def _who_must_act(code: int) -> type[ChannelError]:
    """An engineer when our key or address is wrong; with no credit or a blocked account, whoever holds the account."""
    return ChannelMisconfigured if code in (401, 404, 405) else ChannelUnavailable
