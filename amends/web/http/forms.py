"""Forms that work without cookies and scripts: each has a signed token, and is read within narrow limits."""

import asyncio
import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from amends.domain.base.url import same_site

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
TOKEN = re.compile(r"([0-9]{13})\.([\w-]{16})\.([\w-]{43})", re.ASCII)
"""The milliseconds since EPOCH, a nonce and a signature."""
VALID = timedelta(hours=24)
QUICKEST = timedelta(seconds=2)
"""The least time in which a person reads a page and fills in a form."""

MOST_FIELDS = 30

ONE_CLICK = re.compile(rb"\bList-Unsubscribe\b.{1,300}?\bOne-Click\b", re.IGNORECASE | re.DOTALL)
"""The field of RFC 8058, as it stands in either encoding of a form."""

LARGEST_BODY = 64 * 1024
BODY_SECONDS = 20


class TokenVerdict(StrEnum):
    """A verdict on the token of a form."""

    GOOD = "good"
    EARLY = "early"
    """Sent faster than a person can fill in a form. The same token is good a little later."""
    STALE = "stale"
    """Too old, not issued by this portal, or issued for another link or form."""


class FormTokens:
    """The signer and checker of the tokens of forms. Two tokens are never the same."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, link: str, form: str, now: datetime) -> str:
        """Return a new token for this form on the page of this link."""
        issued, nonce = f"{(now - EPOCH) // MILLISECOND:013}", secrets.token_urlsafe(12)
        return f"{issued}.{nonce}.{self._mac(link, form, issued, nonce)}"

    def check(self, token: str, link: str, form: str, now: datetime) -> TokenVerdict:
        """Return the verdict on a token, which is good when it was issued for this form and link at the right time."""
        parts = TOKEN.fullmatch(token)
        if not parts or not hmac.compare_digest(parts[3], self._mac(link, form, parts[1], parts[2])):
            return TokenVerdict.STALE
        age = now - (EPOCH + int(parts[1]) * MILLISECOND)
        if age >= VALID:
            return TokenVerdict.STALE
        return TokenVerdict.GOOD if age >= QUICKEST else TokenVerdict.EARLY

    def issued_by(self, token: str) -> datetime:
        """Return the end of the millisecond in which this token, found to be ours, was issued."""
        return EPOCH + (int(token.partition(".")[0]) + 1) * MILLISECOND

    def _mac(self, *parts: str) -> str:
        mac = hmac.digest(self._key, "\0".join(parts).encode(), "sha256")
        return urlsafe_b64encode(mac).decode().rstrip("=")


def from_our_page(request: Request, public_url: str) -> bool:
    """Return False when the browser says that the form stood on a page of another site.

    Our pages send no referrer, so browsers send "null" as their Origin.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin", "null")
    return origin == "null" or same_site(origin, public_url)


async def _read_fields(request: Request) -> dict[str, str]:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(415)
    body = await small_body(request)
    try:
        pairs = parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise HTTPException(400) from None
    return dict(reversed(pairs))


Fields = Annotated[dict[str, str], Depends(_read_fields)]
"""The fields of a form post, always read as UTF-8. Of a repeated field the first counts."""


async def _asks_in_one_click(request: Request) -> bool:
    return ONE_CLICK.search(await small_body(request)) is not None


OneClick = Annotated[bool, Depends(_asks_in_one_click)]
"""True for a POST with List-Unsubscribe=One-Click, in either of the encodings that RFC 8058 allows."""


async def small_body(request: Request, largest: int = LARGEST_BODY, seconds: int = BODY_SECONDS) -> bytes:
    """Return the body. Raises HTTPException 413 or 408 as soon as the body is known to be too large or too slow."""
    declared = request.headers.get("content-length", "0")
    if len(declared) > 9 or not declared.isdecimal() or int(declared) > largest:
        raise HTTPException(413)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > largest:
                    raise HTTPException(413)
    except TimeoutError:
        raise HTTPException(408) from None
    return bytes(body)
