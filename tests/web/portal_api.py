"""The portal's API as an OpenAPI document, made from the routes of the application: what each path answers.

The portal does not serve the document: nobody but a browser, a mail program and a gateway talks to it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from fastapi import FastAPI
from fastapi.routing import APIRoute

from amends.web.portal.personal import HONEYPOT
from amends.web.portal.sections.page import FIELDS as FORM_FIELDS
from amends.web.portal.sections.page import FORMS

HTML = "text/html; charset=utf-8"
FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data"
NOT_FOUND = {404: HTML}
"""Every path answers so: to a link, a token or a name that does not exist."""
TROUBLE = {503: HTML}
"""Every path that reads the ledger answers so while the ledger is locked, full or gone."""
REFUSALS = {400: HTML, 403: HTML, 408: HTML, 413: HTML, 415: HTML, 422: HTML, 429: HTML}
"""A form answers so when it is too large or slow, not of our page, expired, sent too soon, incomplete or too often."""
Statuses = Mapping[int, str]


class Documented(NamedTuple):
    """The answers of one path: the content type of each status, empty for an answer without a body."""

    statuses: Statuses
    query: tuple[str, ...] = ()
    body: tuple[str, ...] = ()
    """The content types of the body that a POST has."""


PAGE = Documented({200: HTML} | NOT_FOUND | TROUBLE, query=("lang", "sent"))
PLAIN = Documented({200: HTML} | NOT_FOUND)
LANGUAGE = Documented({302: ""} | NOT_FOUND)
SENT = Documented({303: ""} | NOT_FOUND | REFUSALS | TROUBLE, query=("lang",), body=(FORM,))
STOP = Documented({200: HTML} | NOT_FOUND | {408: HTML, 413: HTML} | TROUBLE, query=("lang",), body=(FORM, PARTS))
REPORT = Documented(dict.fromkeys((200, 403, 408, 413, 422, 429, 503), ""), body=("application/json", FORM))
FILES = "text/html; charset=utf-8, application/atom+xml; charset=utf-8, application/feed+json; charset=utf-8, text/css; charset=utf-8"

PATHS: dict[tuple[str, str], Documented] = {
    ("GET", "/healthz"): Documented({200: "text/plain; charset=utf-8", 503: HTML}),
    ("GET", "/static/style.css"): Documented({200: "text/css; charset=utf-8"}),
    ("GET", "/n/{incident}"): LANGUAGE,
    ("GET", "/n/{incident}/"): LANGUAGE,
    ("GET", "/n/{incident}/{locale}"): LANGUAGE,
    ("GET", "/n/{incident}/{locale}/"): PLAIN,
    ("GET", "/n/{incident}/{locale}/{name}"): Documented({200: FILES} | NOT_FOUND),
    ("GET", "/n/{incident}/{locale}/promises"): Documented({200: HTML} | NOT_FOUND | TROUBLE),
    ("GET", "/n/{incident}/{locale}/questions"): Documented({200: HTML} | NOT_FOUND | TROUBLE),
    ("GET", "/s/{incident}/{hour}"): Documented({200: HTML} | NOT_FOUND | TROUBLE, query=("lang", "country")),
    ("GET", "/p/{link}/copy"): Documented({200: HTML} | NOT_FOUND | TROUBLE),
    ("GET", "/p/{link}/notice/{notice}"): Documented({200: HTML} | NOT_FOUND | TROUBLE, query=("lang",)),
    ("GET", "/p/{link}"): PAGE,
    ("GET", "/p/{link}/"): PAGE,
    ("GET", "/u/{token}"): Documented(PAGE.statuses, query=("lang",)),
    ("GET", "/u/{token}/again"): Documented(PAGE.statuses, query=("lang",)),
    ("POST", "/u/{token}"): STOP,
    ("POST", "/u/{token}/again"): Documented(STOP.statuses | {429: HTML}, query=("lang",), body=(FORM,)),
    ("POST", "/receipts/sms"): REPORT,
    ("POST", "/receipts/email"): REPORT,
    ("POST", "/incoming/sms"): REPORT,
}
PATHS |= {
    ("GET", f"/p/{{link}}/{form}"): Documented({303: ""} | NOT_FOUND | TROUBLE, query=("lang",)) for form in FORMS
}
PATHS |= {("POST", f"/p/{{link}}/{form}"): SENT for form in FORMS}
PATHS["POST", "/p/{link}/claim"] = Documented(SENT.statuses, query=("lang",), body=(FORM, PARTS))
FIELDS = (*FORM_FIELDS, HONEYPOT, "answer-understood")
"""Fields of forms that are tried; a form ignores those that it does not have."""


def operations(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Yield the method and the path of each operation of the application."""
    for route in app.routes:
        if isinstance(route, APIRoute):
            yield from ((method, route.path) for method in sorted(route.methods))


def undocumented(app: FastAPI) -> list[str]:
    """Return a sentence for each operation that PATHS lacks."""
    lacking = [(method, path) for method, path in operations(app) if _documented(method, path) is None]
    return [f"{method} {path}: say in PATHS of tests/web/portal_api.py what it answers" for method, path in lacking]


def openapi(app: FastAPI, known: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return the document; `known` has values of path parameters and fields that exist, to try beside made-up ones."""
    paths: dict[str, dict[str, Any]] = {}
    for method, path in operations(app):
        if documented := _documented(method, path):
            paths.setdefault(path, {})[method.lower()] = _operation(method, path, documented, known)
    return {"openapi": "3.1.0", "info": {"title": "Amends", "version": "1"}, "paths": paths}


def _documented(method: str, path: str) -> Documented | None:
    return PATHS.get(("GET" if method == "HEAD" else method, path))


def _operation(method: str, path: str, documented: Documented, known: Mapping[str, list[str]]) -> dict[str, Any]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    form, values = path.rpartition("/")[2], _good if method == "POST" else _value
    found: dict[str, Any] = {
        "operationId": f"{method} {path}",
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": values(known.get(name))} for name in names),
            *({"name": name, "in": "query", "schema": {"type": "string"}} for name in documented.query),
        ],
        "responses": {
            str(status): _response(status, content, bodiless=method == "HEAD")
            for status, content in documented.statuses.items()
        },
    }
    if documented.body and method == "POST":
        fields = {name: _good(known.get(f"{form} {name}")) for name in FIELDS}
        found["requestBody"] = {"content": {kind: {"schema": _fields(fields)} for kind in documented.body}}
    return found


def _response(status: int, content: str, *, bodiless: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"description": f"status {status}"}
    headers = {302: ("Location",), 303: ("Location",), 429: ("Retry-After",)}.get(status, ())
    found["headers"] = {name: {"required": True, "schema": {"type": "string"}} for name in headers}
    if content:
        found["content"] = {kind: {"schema": _text_or_json(kind)} for kind in content.split(", ")}
    return found


def _text_or_json(content_type: str) -> dict[str, str]:
    return {"type": "object" if "json" in content_type else "string"}


def _value(known: Iterable[str] | None) -> dict[str, Any]:
    """Return the schema of a value: one that exists, or any other."""
    anything = {"type": "string", "minLength": 1, "maxLength": 300}
    return {"anyOf": [{"enum": list(known)}, anything]} if known else anything


def _good(known: Iterable[str] | None) -> dict[str, Any]:
    """Return the schema of a value that must exist to come further than the door; negative tests send others."""
    return {"enum": list(known)} if known else _value(None)


def _fields(values: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {"type": "object", "properties": values, "additionalProperties": {"type": "string"}}
