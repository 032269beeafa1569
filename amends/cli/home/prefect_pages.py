"""The pages of Prefect's UI: those of the older one alone, which call no address but their own.

Prefect's setting for the newer UI only decides which one comes first: a button leads to the other, and each page of the
newer one asks a tracking service for settings. The older one has pages with pictures from elsewhere.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import prefect
from prefect.server.api import server

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

NOWHERE = Path("/nonexistent")
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'; img-src 'self' data: blob:; font-src 'self' data:; "
    "style-src 'self' 'unsafe-inline'; worker-src 'self' data: blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)
"""The addresses that a page may call: its own. Styles and workers that the UI makes in the page count as its own. The
graph of a run compiles pieces of its own program while it is drawn, which the policy calls unsafe."""
HEADERS = ((b"content-security-policy", POLICY.encode()), (b"referrer-policy", b"no-referrer"))


class OwnAddressOnly:
    """An ASGI application whose every answer tells the browser to call no other address."""

    def __init__(self, app: "ASGIApp") -> None:
        self._app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer as the application does, with HEADERS."""

        async def send_with_policy(message: "Message") -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        await self._app(scope, receive, send_with_policy)


def keep_to_own_address() -> None:
    """Have the server that this process starts serve the older UI alone, with HEADERS in every answer."""
    patched: Any = server
    create = server.create_app
    prefect.__ui_v2_static_path__ = NOWHERE  # a UI without files is not served, and no button leads there
    patched.create_app = lambda **settings: OwnAddressOnly(create(**settings))
