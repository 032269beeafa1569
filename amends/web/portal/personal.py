"""The personal page, with everything that concerns its person, and the forms that the person sends."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from amends.delivery.dossier import as_sent
from amends.domain.base.errors import DataDamaged, KeyMissing, NotInLedger
from amends.domain.base.text import day
from amends.domain.draft.writer import Links
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.people.person import damaged
from amends.ledger import Ledger
from amends.rehearsal_clock import RehearsalClock
from amends.web.http.forms import Fields, FormTokens, TokenVerdict, from_our_page
from amends.web.http.limits import RETRY_SECONDS, PostLimits, sender_address
from amends.web.http.middleware import LEDGER_TROUBLE, log_quietly
from amends.web.portal.cache import RecentCases
from amends.web.portal.notices import NoticePages
from amends.web.portal.pages import PortalPages
from amends.web.portal.sections.ask import USED
from amends.web.portal.sections.page import FORMS, SECTIONS, typed_fields
from amends.web.portal.sections.section import EXPIRED, Mistake, PageView, PortalParts, SentForm
from amends.web.portal.visit import Visit

HONEYPOT = "homepage"
"""A field that no person sees, so that a form with this field filled in comes from a machine."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The reason why a form is not accepted."""

    form: str
    word: str
    field: str
    status: int
    wait: int


class PersonalPages:
    """The personal pages and their forms.

    Showing a page changes nothing, except that the team is alerted once when the data of the page's person is damaged.
    """

    def __init__(
        self,
        ledger: Ledger,
        pages: PortalPages,
        notices: NoticePages,
        recent: RecentCases,
        public_url: str,
        trusted_proxies: int,
        clock: Callable[[], datetime],
        limits: PostLimits,
        home: Path,
    ) -> None:
        self._ledger, self._pages, self._notices, self._recent = ledger, pages, notices, recent
        self._public_url, self._trusted_proxies, self._clock = public_url, trusted_proxies, clock
        self._tokens = FormTokens(ledger.store.keys.form_key)
        self._limits = limits
        portal = PortalParts(ledger, notices, home, rehearsal=isinstance(clock, RehearsalClock))
        self._sections = {section: section(portal) for section in SECTIONS}
        self._recorders = {name: self._sections[section] for section in SECTIONS for name in section.forms}

    def show(self, request: Request, link: str) -> Response:
        """Return the page of this link. Raises HTTPException 404."""
        with self._ledger.store.one_view():
            return self._page(self._visit(request, link), sent=request.query_params.get("sent", ""))

    def back(self, request: Request, link: str, form: str) -> Response:
        """Redirect a form's own address, opened like a page, to the form. Raises HTTPException 404."""
        return RedirectResponse(self._address(self._visit(request, link), form), HTTPStatus.SEE_OTHER)

    def read(self, request: Request, link: str, notice: str) -> Response:
        """Return the page with a notice as it was sent to the person. Raises HTTPException 404."""
        visit = self._visit(request, link)
        if notice not in visit.got:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        got = self._ledger.sent.of_notice(visit.incident, visit.person.number, notice, visit.now)
        return self._pages.show(
            "sent.html",
            visit=visit,
            voice=visit.voice,
            words=visit.voice.words,
            organisation=visit.known.case.incident.organisation,
            messages=as_sent(got, Links(self._public_url), link),
            back=self._address(visit),
            public=self._notices.path(visit.incident, notice, visit.voice.phrases.locale),
        )

    def copy(self, request: Request, link: str) -> Response:
        """Return the copy of the person's data while it is offered. Raises HTTPException 404."""
        visit = self._visit(request, link)
        if file := self._ledger.requests.offered(visit.incident, visit.person.number, visit.now):
            return HTMLResponse(file, headers={"Content-Disposition": 'attachment; filename="my-data.html"'})
        raise HTTPException(HTTPStatus.NOT_FOUND)

    def take(self, request: Request, link: str, form: str, fields: Fields, files: Sequence[bytes] = ()) -> Response:
        """Record a form and redirect to the page; a form that is not recorded is returned, as it was filled in.

        Raises HTTPException 403 or 404.
        """
        seconds = self._limits.seconds_to_wait(self._sender(request), link)
        if not from_our_page(request, self._public_url):
            raise HTTPException(HTTPStatus.FORBIDDEN)
        if seconds:  # a flood reads nothing from the ledger
            held = {"Retry-After": str(seconds)}
            return self._pages.explain(
                request, HTTPStatus.TOO_MANY_REQUESTS, again=typed_fields(fields.items()), headers=held
            )
        try:
            return self._take(self._visit(request, link), form, SentForm(fields, files, self._sender(request)))
        except LEDGER_TROUBLE as error:  # without the ledger there is no page on which to show the form
            return self._give_back(request, fields, log_quietly(error))

    def _take(self, visit: Visit, form: str, sent: SentForm) -> Response:
        if mistake := self._refusal(visit, form, sent) or self._record(visit, form, sent):
            with self._ledger.store.one_view():
                return self._page(visit, fault=Fault(form, *mistake), typed=sent.fields)
        return RedirectResponse(self._address(visit, form, sent=form), HTTPStatus.SEE_OTHER)

    def _give_back(self, request: Request, fields: Fields, error_id: str) -> Response:
        return self._pages.explain(
            request, HTTPStatus.SERVICE_UNAVAILABLE, again=typed_fields(fields.items()), error_id=error_id
        )

    def _sender(self, request: Request) -> str:
        return sender_address(request.client.host if request.client else "", request.headers, self._trusted_proxies)

    def _visit(self, request: Request, link: str) -> Visit:
        with self._ledger.store.one_view():
            return self._visited(request, link)

    def _visited(self, request: Request, link: str) -> Visit:
        now, whose = self._clock(), self._ledger.people.whose_link(link)
        if whose is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        incident, number = whose
        try:
            known, person = self._recent.read(incident, now), self._ledger.people.get(incident, number)
            left, got = (
                self._ledger.visits.left_the_list(incident, number),
                self._ledger.visits.versions_got(incident, number),
            )
            promised = self._ledger.visits.commitments_told(incident, number)
            alone = any(
                commitment.per_person for commitment in known.commitments
            )  # nothing is read where no result is anybody's own
            remedies = self._ledger.remedies.of_person(incident, number) if alone else {}
        except DataDamaged:  # the link is right, so the person gets the page about an error of ours, with our contacts
            damage = AlertId(AlertKind.PERSON_DAMAGED, str(number), day(now))
            self._ledger.alerts.record(incident, Alert(damage, damaged(number), now))
            raise
        except (NotInLedger, KeyMissing):  # the incident's data was destroyed, so the page is gone
            raise HTTPException(HTTPStatus.NOT_FOUND) from None
        ends = self._ledger.visits.link_ends(incident, number, known.case.links_expire_after)
        if ends and ends <= now:  # the page of any link that does not work says how to get a new one
            raise HTTPException(HTTPStatus.NOT_FOUND)
        wanted = request.query_params.get("lang", "")
        chosen = wanted if wanted in known.locales else ""
        wish = self._ledger.choices.preference(incident, number).locale
        return Visit(
            link,
            incident,
            person,
            left,
            got,
            promised,
            known,
            known.voice(chosen or wish or person.locale, person.country),
            chosen,
            now,
            remedies,
        )

    def _refusal(self, visit: Visit, form: str, sent: SentForm) -> Mistake | None:
        verdict = self._tokens.check(sent.fields.get("form", ""), visit.link, form, visit.now)
        if verdict is TokenVerdict.STALE:
            return Mistake(EXPIRED)
        too_quick = verdict is TokenVerdict.EARLY and not FORMS[form].is_button
        return Mistake("sent_too_soon") if too_quick or sent.fields.get(HONEYPOT) else None

    def _record(self, visit: Visit, form: str, sent: SentForm) -> Mistake | None:
        try:
            return FORMS[form].record(self._recorders[form], visit, sent)
        except LEDGER_TROUBLE as error:
            log_quietly(error)
            return Mistake("error_text", status=HTTPStatus.SERVICE_UNAVAILABLE, wait=RETRY_SECONDS)

    def _page(
        self, visit: Visit, *, sent: str = "", fault: Fault | None = None, typed: Mapping[str, str] | None = None
    ) -> Response:
        view, typed = PageView(visit, self._ledger, sent), typed or {}
        values = {name: value for section in self._sections.values() for name, value in section.shown(view).items()}
        return self._pages.show(
            "personal.html",
            fault.status if fault else HTTPStatus.OK,
            {"Retry-After": str(fault.wait)} if fault and fault.wait else None,
            sections=[f"personal/{section.template}" for section in SECTIONS],
            visit=visit,
            voice=visit.voice,
            words=visit.voice.words,
            organisation=visit.known.case.incident.organisation,
            languages={locale: phrases.language for locale, phrases in visit.known.wording.phrases.items()},
            notice_page=self._notices.path(visit.incident, "index", visit.voice.phrases.locale),
            page=f"{self._pages.base}/p/{visit.link}",
            query=f"?lang={visit.chosen}" if visit.chosen else "",
            trap=HONEYPOT,
            fault=fault,
            typed=typed,
            tokens={form: self._token(visit, form, fault, typed) for form in FORMS},
            **values,
        )

    def _token(self, visit: Visit, form: str, fault: Fault | None, typed: Mapping[str, str]) -> str:
        """Return a refused form's token while valid and unused, so that it counts once when sent again, else a new."""
        sent = typed.get("form", "") if fault and fault.form == form and fault.word != USED else ""
        if self._tokens.check(sent, visit.link, form, visit.now) is not TokenVerdict.STALE:
            return sent
        return self._tokens.issue(visit.link, form, visit.now)

    def _address(self, visit: Visit, form: str = "", sent: str = "") -> str:
        """Return the path of this visit's page, or of a form on the page."""
        query = "&".join(f"{name}={value}" for name, value in (("lang", visit.chosen), ("sent", sent)) if value)
        return f"{self._pages.base}/p/{visit.link}{query and '?' + query}{form and '#' + form}"
