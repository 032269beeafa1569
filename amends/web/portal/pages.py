"""The portal's templates, and the pages for readers who are not known, in every language."""

import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
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

STATUS_WORDS: dict[int, tuple[str, str]] = {
    HTTPStatus.FORBIDDEN: ("ask_title", "form_expired"),
    HTTPStatus.REQUEST_TIMEOUT: ("ask_title", "form_expired"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("ask_title", "too_long"),
    HTTPStatus.TOO_MANY_REQUESTS: ("too_many_title", "too_many_text"),
    HTTPStatus.INTERNAL_SERVER_ERROR: ("error_title", "error_text"),
    HTTPStatus.SERVICE_UNAVAILABLE: ("error_title", "error_text"),
}
"""The portal's words for each status, title and text."""
BAD_LINK = ("link_invalid_title", "link_invalid_text")
"""The words for any other status, which is explained like a link that does not work."""
BEFORE_A_NUMBER = re.compile(r"[^+\d]+")
NO_SIGN_OF_A_NUMBER = re.compile("[^+\\d\\s()./·\u2010-\u2015-]")


class PortalPages:
    """The templates, with the values that all pages have in common."""

    def __init__(self, public_url: str, shipped: Wording, contact_ways: Callable[[], ContactWays | None]) -> None:
        self.base = urlsplit(public_url).path
        """The path with which every link of the portal begins; empty when the portal has a host of its own."""
        self._shipped, self._contact_ways = shipped, contact_ways
        self._refusals = lru_cache(64)(self._refuse)
        self._templates = _templates(self.base)

    def show(
        self, template: str, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None, **values: Any
    ) -> HTMLResponse:
        """Return a page from this template."""
        return HTMLResponse(self._templates.get_template(template).render(values), status, headers)

    def explain(
        self,
        request: Request,
        status: int,
        *,
        contacts: ContactWays | None = None,
        back: str = "",
        again: Mapping[str, str] | None = None,
        error_id: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        """Return a page that explains this status in all languages, the reader's own first, with our contacts.

        `again` are the fields of a form that was not accepted; a button sends them once more to the same address.
        """
        title, text = STATUS_WORDS.get(status, BAD_LINK)
        retry = {"Retry-After": str(RETRY_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
        return self.show(
            "told.html",
            status,
            retry | dict(headers or {}),
            title=title,
            text=text,
            voices=self._in_order(request),
            contacts=contacts or self._contact_ways(),
            back=back,
            again=again,
            error_id=error_id,
        )

    def too_many(self, accepted: str, seconds: int) -> HTMLResponse:
        """Return the page that refuses a form because too many come, in the accepted languages (Accept-Language)."""
        return self._refusals(accepted, seconds, self._contact_ways())

    def _refuse(self, accepted: str, seconds: int, contacts: ContactWays | None) -> HTMLResponse:
        headers = [(b"accept-language", accepted.encode("latin-1"))]
        request = Request({"type": "http", "headers": headers, "query_string": b""})
        retry = {"Retry-After": str(seconds)}
        return self.explain(request, HTTPStatus.TOO_MANY_REQUESTS, contacts=contacts, headers=retry)

    @property
    def languages(self) -> dict[str, str]:
        """Return the name of each language of the portal in this language itself, by locale."""
        return {locale: phrases.language for locale, phrases in self._shipped.phrases.items()}

    def phrases(self, request: Request) -> Phrases:
        """Return the shipped phrases in the chosen language, else in the language that the browser prefers."""
        chosen = self._shipped.phrases.get(request.query_params.get("lang", ""))
        return chosen or self._in_order(request)[0]

    def _in_order(self, request: Request) -> list[Phrases]:
        locales = tuple(self._shipped.phrases)
        first = best_locale(request.headers.get("accept-language", ""), locales, locales[0])
        return sorted(self._shipped.phrases.values(), key=lambda phrases: phrases.locale != first)


def dialled(phone: str) -> str:
    """Return the digits to dial for a phone number as people write it: the first of several, without an extension."""
    begins = BEFORE_A_NUMBER.match(phone)
    number = NO_SIGN_OF_A_NUMBER.split(phone[begins.end() if begins else 0 :], 1)[0]
    if number.startswith("+"):
        return "+" + re.sub(r"\(0\)|\D", "", number)
    return re.sub(r"\D", "", number)


@cache
def _templates(base: str) -> Environment:
    """Return the templates of pages whose links begin with this path, compiled once for all portals of a process."""
    templates = Environment(
        loader=PackageLoader("amends.web.http"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals["base"] = base
    templates.filters["dialled"] = dialled
    return templates
