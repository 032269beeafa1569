"""The web application: public notice pages, personal pages behind secret links, and webhooks."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Match
from starlette.staticfiles import StaticFiles

from amends.content.notice import shipped_wording
from amends.ledger import Ledger
from amends.rehearsal_clock import rehearsal_clock
from amends.settings import Settings, open_ledger, read_settings
from amends.system.processes import freeze_imports, give_way
from amends.web.http.connections import BACKLOG, guarded
from amends.web.http.forms import Fields
from amends.web.http.languages import best_locale
from amends.web.http.limits import WRITERS, PostLimits
from amends.web.http.middleware import Door, QuietErrors, SafeHeaders
from amends.web.http.uploads import Uploaded
from amends.web.portal.board import PromiseBoard
from amends.web.portal.cache import RecentCases
from amends.web.portal.faq import FaqPage
from amends.web.portal.hours import HourPages
from amends.web.portal.notices import INDEX, NoticePages, plain_file
from amends.web.portal.opt_out import OptOutPages, add_opt_outs
from amends.web.portal.pages import PortalPages
from amends.web.portal.personal import PersonalPages
from amends.web.portal.sections.page import FORMS
from amends.web.portal.visit import Link
from amends.web.webhook.receipts import add_receipts
from amends.web.webhook.sms_replies import add_incoming

READ = ["GET", "HEAD"]
"""The methods of pages. Mail scanners try a link with HEAD before a person opens it."""
STYLE = StaticFiles(directory=Path(__file__).parent / "static")
NICENESS = 19
"""The niceness of the portal's process. A flood of forms must not slow down a send, so a send gets the CPU first."""


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def create_app(settings: Settings, ledger: Ledger, clock: Callable[[], datetime] = utc_now) -> FastAPI:
    """Return the web application of this installation."""
    shipped = shipped_wording()
    limits, recent = PostLimits(), RecentCases(ledger, shipped)
    pages = PortalPages(settings.public_url, shipped, recent.contact_ways)
    notices = NoticePages(settings.site)
    personal = PersonalPages(
        ledger, pages, notices, recent, settings.public_url, settings.trusted_proxies, clock, limits, settings.home
    )
    app = FastAPI(title="Amends", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    _add_board(app, PromiseBoard(pages, notices, recent, clock))  # before the files, whose addresses are alike
    _add_faq(app, FaqPage(ledger, pages, notices, recent, clock))
    _add_public_pages(app, pages, notices, ledger)
    _add_hours(app, HourPages(ledger, pages, recent, clock))
    write_slots = asyncio.Semaphore(WRITERS)
    _add_personal_pages(app, personal, write_slots)
    add_opt_outs(app, OptOutPages(ledger, pages, settings.trusted_proxies, clock, write_slots))
    add_receipts(app, settings, ledger, clock)
    add_incoming(app, settings, ledger, recent, clock, write_slots)
    for refusal in (HTTPException, RequestValidationError):
        app.add_exception_handler(refusal, _error_page(pages))
    app.add_middleware(Door, forms="/p/", closed_for=limits.seconds_for_all, turned_away=pages.too_many)
    app.add_middleware(QuietErrors, apology=_apology(pages))
    app.add_middleware(SafeHeaders, https=settings.public_url.startswith("https:"))
    return app


def _add_public_pages(app: FastAPI, pages: PortalPages, notices: NoticePages, ledger: Ledger) -> None:
    @app.api_route("/healthz", methods=READ)
    def health() -> Response:
        """Return ok when the ledger answers and can be written."""
        ledger.people.whose_link("")
        ledger.store.check_writable()
        return PlainTextResponse("ok")

    @app.api_route("/static/style.css", methods=READ)
    def style(request: Request) -> Response:
        return plain_file(STYLE, request, "style.css")

    @app.api_route("/n/{incident}", methods=READ)
    @app.api_route("/n/{incident}/", methods=READ)
    def choose_language(request: Request, incident: str) -> Response:
        if not (offered := notices.locales(incident)):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        default = "en" if "en" in offered else offered[0]
        locale = best_locale(request.headers.get("accept-language", ""), offered, default)
        return _redirect(f"{pages.base}/n/{incident}/{locale}/")

    @app.api_route("/n/{incident}/{locale}", methods=READ)
    def notice_home(incident: str, locale: str) -> Response:
        if locale not in notices.locales(incident):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return _redirect(f"{pages.base}/n/{incident}/{locale}/")

    @app.api_route("/n/{incident}/{locale}/", methods=READ)
    @app.api_route("/n/{incident}/{locale}/{name}", methods=READ)
    def notice_file(request: Request, incident: str, locale: str, name: str = INDEX) -> Response:
        return notices.file(request, incident, locale, name)


def _add_board(app: FastAPI, board: PromiseBoard) -> None:
    @app.api_route("/n/{incident}/{locale}/promises", methods=READ)
    def promises(incident: str, locale: str) -> Response:
        return board.show(incident, locale)


def _add_hours(app: FastAPI, hours: HourPages) -> None:
    @app.api_route("/s/{incident}/{hour}", methods=READ)
    def question_hour(request: Request, incident: str, hour: str) -> Response:
        return hours.show(request, incident, hour)


def _add_faq(app: FastAPI, faq: FaqPage) -> None:
    @app.api_route("/n/{incident}/{locale}/questions", methods=READ)
    def questions(incident: str, locale: str) -> Response:
        return faq.show(incident, locale)


def _redirect(path: str) -> Response:
    return RedirectResponse(path, HTTPStatus.FOUND, {"Vary": "Accept-Language"})


def _add_personal_pages(app: FastAPI, personal: PersonalPages, write_slots: asyncio.Semaphore) -> None:
    @app.api_route("/p/{link}", methods=READ)
    @app.api_route("/p/{link}/", methods=READ)  # some people who type the link from a letter add a slash
    def show(request: Request, link: Link) -> Response:
        return personal.show(request, link)

    @app.api_route("/p/{link}/copy", methods=READ)
    def copy(request: Request, link: Link) -> Response:
        return personal.copy(request, link)

    @app.api_route("/p/{link}/notice/{notice}", methods=READ)
    def read(request: Request, link: Link, notice: str) -> Response:
        return personal.read(request, link, notice)

    for name, form in FORMS.items():
        add = _add_form_with_files if form.takes_files else _add_form
        add(app, personal, name, write_slots)


def _add_form(app: FastAPI, personal: PersonalPages, form: str, write_slots: asyncio.Semaphore) -> None:
    @app.post(f"/p/{{link}}/{form}")
    async def take(request: Request, link: Link, fields: Fields) -> Response:
        async with write_slots:
            return await run_in_threadpool(personal.take, request, link, form, fields)

    _add_way_back(app, personal, form)


def _add_form_with_files(app: FastAPI, personal: PersonalPages, form: str, write_slots: asyncio.Semaphore) -> None:
    @app.post(f"/p/{{link}}/{form}")
    async def take(request: Request, link: Link, sent: Uploaded) -> Response:
        async with write_slots:
            return await run_in_threadpool(personal.take, request, link, form, sent.fields, sent.files)

    _add_way_back(app, personal, form)


def _add_way_back(app: FastAPI, personal: PersonalPages, form: str) -> None:
    @app.api_route(f"/p/{{link}}/{form}", methods=READ)
    def back(request: Request, link: Link) -> Response:
        return personal.back(request, link, form)


def _error_page(pages: PortalPages) -> Callable[[Request, Exception], Response]:
    def explain(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException):
            back = _page_before(pages, request, error)
            headers = _allowed(request) if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED else error.headers
            return pages.explain(request, error.status_code, back=back, headers=headers)
        return pages.explain(request, HTTPStatus.NOT_FOUND)  # a parameter does not fit: no page has this address

    return explain


def _allowed(request: Request) -> dict[str, str]:
    """Return the header that names all methods of this path (RFC 9110, 15.5.6): several routes may share the path."""
    there = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    return {"Allow": ", ".join(sorted({method for one in there for method in one.methods}))}


def _page_before(pages: PortalPages, request: Request, error: HTTPException) -> str:
    """Return the path of the personal page from which a refused form was sent, or "" without such a page."""
    link = request.path_params.get("link", "")
    return f"{pages.base}/p/{link}" if link and error.status_code != HTTPStatus.NOT_FOUND else ""


def _apology(pages: PortalPages) -> Callable[[Request, int, str], Response]:
    def apologise(request: Request, status: int, error_id: str) -> Response:
        return pages.explain(request, status, error_id=error_id)

    return apologise


def main() -> None:
    """Serve the portal of AMENDS_HOME on loopback, behind a proxy that speaks TLS."""
    import uvicorn

    settings = read_settings()
    ledger = open_ledger(settings)
    give_way(NICENESS)
    freeze_imports()
    try:
        # No access log, because paths hold secret links. The portal reads the headers of proxies itself.
        uvicorn.run(
            create_app(settings, ledger, rehearsal_clock(settings) or utc_now),
            host="127.0.0.1",
            port=settings.portal_port,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            http=guarded(settings.connections, settings.trusted_proxies),
            backlog=BACKLOG,
        )
    finally:
        ledger.dispose()
