"""What the HTTP channels share: one guarded client, and what an answer or its absence means.

Only here is the network spoken to by HTTP, so that no channel forgets a guard.
"""

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

import httpx2

from amends.domain.channel import LastCall, Receipt, Status

NOTHING_LEFT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
"""Trouble that comes before the first byte of a request."""
LONGEST_WAIT = 3600.0
LONGEST_ID = 200


def open_client(seconds: float) -> httpx2.AsyncClient:
    """A client that follows no redirect and takes no proxy or password from the environment; connects when used."""
    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(seconds, connect=10), follow_redirects=False, trust_env=False, headers={"Accept": "*/*"}
    )


@dataclass(frozen=True, slots=True)
class Provider:
    """A service that takes one message per request."""

    client: httpx2.AsyncClient
    repeatable: bool
    """The same message sent again has no second effect there, so a lost answer leaves no doubt."""

    async def submit(self, request: httpx2.Request, key: str, last_call: LastCall) -> httpx2.Response | Receipt:
        """Send it after the last call.

        A response is a yes, or a no to this very message, for the channel to read; all other trouble is a receipt.
        """
        await last_call()
        try:
            response = await self.client.send(request)
        except NOTHING_LEFT:
            return Receipt(key, Status.DEFERRED, "connect")
        except httpx2.HTTPError:
            return self._in_doubt(key, "no answer")
        return self._trouble(response, key) or response

    def _trouble(self, response: httpx2.Response, key: str) -> Receipt | None:
        code = response.status_code
        if code == httpx2.codes.TOO_MANY_REQUESTS:
            return Receipt(key, Status.DEFERRED, "429", retry_after=retry_after(response))
        if code >= 500:
            return self._in_doubt(key, str(code))
        if response.is_success or code in (400, 404, 422):
            return None
        return Receipt(key, Status.DEFERRED, f"refused {code}")

    def _in_doubt(self, key: str, detail: str) -> Receipt:
        return Receipt(key, Status.DEFERRED if self.repeatable else Status.UNCERTAIN, detail)


def accepted(response: httpx2.Response, key: str, *id_fields: str) -> Receipt:
    """The receipt for a yes: sent, with the first of these fields as the provider's id.

    A yes that bears none of them is none that we know, and leaves us in doubt.
    """
    answer = json_object(response)
    provider_id = next((str(answer[name]) for name in id_fields if answer.get(name)), "")
    if id_fields and not provider_id:
        return Receipt(key, Status.UNCERTAIN, f"{response.status_code} without an id")
    return Receipt(key, Status.SENT, str(response.status_code), provider_id=provider_id[:LONGEST_ID])


def json_object(response: httpx2.Response) -> dict[str, object]:
    """The answer's JSON object; empty when it is anything else."""
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def retry_after(response: httpx2.Response) -> float | None:
    """Seconds to wait, an hour at most, from a Retry-After in seconds or as a date by the server's own clock."""
    wanted = response.headers.get("Retry-After", "")
    if wanted.isascii() and wanted.isdecimal():
        return min(float(wanted), LONGEST_WAIT)
    until, now = _date(wanted), _date(response.headers.get("Date", ""))
    if until is None or now is None:
        return None
    return min(max((until - now).total_seconds(), 0.0), LONGEST_WAIT)


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone()
    except ValueError:
        return None
