"""Middleware around every response: safe headers, refusal of floods, and errors that reveal nothing."""

import logging
import secrets
import traceback
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import TimeoutError as NoConnection
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from amends.domain.base.errors import LedgerUnavailable

log = logging.getLogger("amends.web")

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Robots-Tag": "noindex, nofollow",
}
ONLY_HTTPS = {"Strict-Transport-Security": "max-age=31536000"}

LEDGER_TROUBLE = (LedgerUnavailable, NoConnection, OSError)
"""The errors of a ledger that is locked, has a full disk or a missing server, and may work again in a minute."""
FRAMES = 6
"""The number of stack frames that a log line names."""


class SafeHeaders:
    """A middleware that adds safe headers to every response, unless the response sets them itself."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._headers = HEADERS | (ONLY_HTTPS if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_safely)


class Door:
    """A middleware that refuses forms while too many come, before it reads them, because a flood must cost little."""

    def __init__(
        self, app: ASGIApp, *, forms: str, closed_for: Callable[[], int], turned_away: Callable[[str, int], Response]
    ) -> None:
        """Refuse paths that begin with `forms` while `closed_for` returns a number of seconds.

        `turned_away` builds the answer from the Accept-Language header and these seconds.
        """
        self._app = app
        self._forms, self._closed_for, self._turned_away = forms, closed_for, turned_away

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        form = scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith(self._forms)
        if form and (seconds := self._closed_for()):
            accepted = Headers(scope=scope).get("accept-language", "")
            await self._turned_away(accepted, seconds)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class QuietErrors:
    """A middleware that turns an error into a page with an id, under which the log names the place but no value."""

    def __init__(self, app: ASGIApp, *, apology: Callable[[Request, int, str], Response]) -> None:
        self._app = app
        self._apology = apology

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def send_tracked(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_tracked)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - the server's own log would show values
            error_id = log_quietly(error)
            if not begun:
                status = 503 if isinstance(error, LEDGER_TROUBLE) else 500
                await self._apology(Request(scope), status, error_id)(scope, receive, send)


def log_quietly(error: Exception) -> str:
    """Log the type and the place of an error, never its message, and return the id in the log line."""
    error_id = secrets.token_hex(4)
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    places = " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    log.error("error %s: %s at %s", error_id, type(error).__name__, places)
    return error_id
