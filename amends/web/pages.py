"""Turns templates into responses, and says in every language what can be said without knowing who reads it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from amends.domain.incident import Contacts
from amends.domain.wording import Phrases, Wording
from amends.web.languages import best_locale

RETRY_SECONDS = 60
SAID: dict[int, tuple[str, str]] = {
    HTTPStatus.FORBIDDEN: ("ask_title", "form_expired"),
    HTTPStatus.REQUEST_TIMEOUT: ("ask_title", "form_expired"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("ask_title", "too_long"),
    HTTPStatus.TOO_MANY_REQUESTS: ("too_many_title", "too_many_text"),
    HTTPStatus.INTERNAL_SERVER_ERROR: ("error_title", "error_text"),
    HTTPStatus.SERVICE_UNAVAILABLE: ("error_title", "error_text"),
}
"""The words of the portal, title and text, for each status; every other one is said like a link that does not work."""
BAD_LINK = ("link_invalid_title", "link_invalid_text")


class Pages:
    """The templates, with what is the same on all pages."""

    def __init__(self, public_url: str, shipped: Wording) -> None:
        self.base = urlsplit(public_url).path
        """The path that every link of ours begins with; empty when the portal has a host of its own."""
        self._shipped = shipped
        self._templates = Environment(
            loader=PackageLoader("amends.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals["base"] = self.base

    def show(
        self, template: str, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None, **values: Any
    ) -> HTMLResponse:
        """A page from this template."""
        return HTMLResponse(self._templates.get_template(template).render(values), status, headers)

    def tell(
        self,
        request: Request,
        status: int,
        *,
        contacts: Contacts | None = None,
        back: str = "",
        error_id: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        """What this status means, in all languages, the reader's own first."""
        title, text = SAID.get(status, BAD_LINK)
        retry = {"Retry-After": str(RETRY_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
        return self.show(
            "told.html",
            status,
            retry | dict(headers or {}),
            title=title,
            text=text,
            voices=self._in_order(request),
            contacts=contacts,
            back=back,
            error_id=error_id,
        )

    def too_many(self, accepted: str, seconds: int) -> HTMLResponse:
        """That too many forms come just now, for whoever accepts these languages (Accept-Language)."""
        headers = [(b"accept-language", accepted.encode("latin-1"))]
        request = Request({"type": "http", "headers": headers, "query_string": b""})
        return self.tell(request, HTTPStatus.TOO_MANY_REQUESTS, headers={"Retry-After": str(seconds)})

    @property
    def languages(self) -> dict[str, str]:
        """What each language that we speak calls itself, by locale."""
        return {locale: phrases.language for locale, phrases in self._shipped.phrases.items()}

    def phrases(self, request: Request) -> Phrases:
        """Our words in the language that was chosen, else in the one that the browser likes best."""
        chosen = self._shipped.phrases.get(request.query_params.get("lang", ""))
        return chosen or self._in_order(request)[0]

    def _in_order(self, request: Request) -> list[Phrases]:
        locales = tuple(self._shipped.phrases)
        first = best_locale(request.headers.get("accept-language", ""), locales, locales[0])
        return sorted(self._shipped.phrases.values(), key=lambda phrases: phrases.locale != first)
