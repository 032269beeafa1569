"""Turns templates into responses, and says in every language what can be said without knowing who reads it."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from amends.domain.notice.wording import Phrases, Wording
from amends.web.http.languages import best_locale
from amends.web.http.limits import RETRY_SECONDS
from amends.web.portal.cache import ContactWays

SAID: dict[int, tuple[str, str]] = {
    HTTPStatus.FORBIDDEN: ("ask_title", "form_expired"),
    HTTPStatus.REQUEST_TIMEOUT: ("ask_title", "form_expired"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("ask_title", "too_long"),
    HTTPStatus.TOO_MANY_REQUESTS: ("too_many_title", "too_many_text"),
    HTTPStatus.INTERNAL_SERVER_ERROR: ("error_title", "error_text"),
    HTTPStatus.SERVICE_UNAVAILABLE: ("error_title", "error_text"),
}
"""The words of the portal, title and text, for each status; every other one is said like a link that does not work."""
BEFORE_A_NUMBER = re.compile(r"[^+\d]+")
NO_SIGN_OF_A_NUMBER = re.compile("[^+\\d\\s()./·\u2010-\u2015-]")
BAD_LINK = ("link_invalid_title", "link_invalid_text")


class PortalPages:
    """The templates, with what is the same on all pages."""

    def __init__(self, public_url: str, shipped: Wording, reach: Callable[[], ContactWays | None]) -> None:
        self.base = urlsplit(public_url).path
        """The path that every link of ours begins with; empty when the portal has a host of its own."""
        self._shipped, self._reach = shipped, reach
        self._turned_away = lru_cache(64)(self._turn_away)
        self._templates = Environment(
            loader=PackageLoader("amends.web.http"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals["base"] = self.base
        self._templates.filters["dialled"] = dialled

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
        reach: ContactWays | None = None,
        back: str = "",
        again: Mapping[str, str] | None = None,
        error_id: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        """What this status means, in all languages, the reader's own first, and how to reach us.

        `again` are the fields of a form that was not taken; a button sends them once more to where they came.
        """
        title, text = SAID.get(status, BAD_LINK)
        retry = {"Retry-After": str(RETRY_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
        return self.show(
            "told.html",
            status,
            retry | dict(headers or {}),
            title=title,
            text=text,
            voices=self._in_order(request),
            contacts=reach or self._reach(),
            back=back,
            again=again,
            error_id=error_id,
        )

    def too_many(self, accepted: str, seconds: int) -> HTMLResponse:
        """That too many forms come just now, for whoever accepts these languages (Accept-Language)."""
        return self._turned_away(accepted, seconds, self._reach())

    def _turn_away(self, accepted: str, seconds: int, reach: ContactWays | None) -> HTMLResponse:
        headers = [(b"accept-language", accepted.encode("latin-1"))]
        request = Request({"type": "http", "headers": headers, "query_string": b""})
        return self.tell(request, HTTPStatus.TOO_MANY_REQUESTS, reach=reach, headers={"Retry-After": str(seconds)})

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


def dialled(phone: str) -> str:
    """What a telephone is to dial for a number that is written for people; of several the first, and no extension."""
    begins = BEFORE_A_NUMBER.match(phone)
    number = NO_SIGN_OF_A_NUMBER.split(phone[begins.end() if begins else 0 :], 1)[0]
    if number.startswith("+"):
        return "+" + re.sub(r"\(0\)|\D", "", number)
    return re.sub(r"\D", "", number)
