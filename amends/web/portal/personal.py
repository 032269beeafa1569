"""The personal page, with everything that concerns its person, and the forms that the person sends."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from amends.domain.base.errors import DataDamaged, KeyMissing, NotInLedger
from amends.domain.feedback.clean import clean
from amends.domain.feedback.question import SURVEY, NewQuestion, Question, QuestionKind, QuestionSource
from amends.domain.people.person import damaged
from amends.ledger import Ledger, once_for
from amends.ledger.feedback.questions import LONGEST_QUESTION
from amends.web.http.forms import Fields, FormTokens, TokenVerdict, from_our_page
from amends.web.http.limits import RETRY_SECONDS, PostLimits, sender_address
from amends.web.http.middleware import LEDGER_TROUBLE, log_quietly
from amends.web.portal.cache import RecentCases
from amends.web.portal.notices import NoticePages
from amends.web.portal.pages import PortalPages
from amends.web.portal.visit import Visit

FORM_FIELDS = ("form", "kind", "text", *SURVEY, "comment")
HONEYPOT = "homepage"
"""A field that no person sees, so that a form with this field filled in comes from a machine."""
USED = "form_used"
"""The word to a person whose form was sent before with another text. A new token comes with it."""
SCORES = ("1", "2", "3", "4", "5")
ON_PAGE = "personal page"
"""The way of opting out, as the audit names it."""


class PageForm(StrEnum):
    """A form that a person can send from the personal page."""

    ASK = "ask"
    SURVEY = "survey"
    STOP = "stop"
    """Ends the optional messages to the person."""
    AGAIN = "again"
    """Resumes the optional messages to the person."""

    @property
    def is_button(self) -> bool:
        """Return True for a form without a field to fill in, which may be sent at once."""
        return self in (PageForm.STOP, PageForm.AGAIN)


@dataclass(frozen=True, slots=True)
class Fault:
    """The reason why a form is not accepted: a word of the portal, with the form and the field that it is about."""

    form: PageForm
    word: str
    field: str = ""
    status: int = HTTPStatus.UNPROCESSABLE_ENTITY
    wait: int = 0
    """The seconds until the form may be sent again."""


class PersonalPages:
    """The personal pages and their forms.

    Showing a page changes nothing, except that the team is alerted once when the data of the page's person is damaged.
    """

    def __init__(
        self, ledger: Ledger, pages: PortalPages, notices: NoticePages, recent: RecentCases,
        public_url: str, trusted_proxies: int, clock: Callable[[], datetime], limits: PostLimits,
    ) -> None:  # fmt: skip
        self._ledger, self._pages, self._notices, self._recent = ledger, pages, notices, recent
        self._public_url, self._trusted_proxies, self._clock = public_url, trusted_proxies, clock
        self._tokens = FormTokens(ledger.store.keys.form_key)
        self._limits = limits

    def show(self, request: Request, link: str) -> Response:
        """Return the page of this link. Raises HTTPException 404."""
        return self._page(self._visit(request, link), sent=request.query_params.get("sent", ""))

    def back(self, request: Request, link: str, form: PageForm) -> Response:
        """Redirect a form's own address, opened like a page, to the form. Raises HTTPException 404."""
        return RedirectResponse(self._address(self._visit(request, link), form), HTTPStatus.SEE_OTHER)

    def take(self, request: Request, link: str, form: PageForm, fields: Fields) -> Response:
        """Record a form and redirect to the page; a form that is not recorded is returned, as it was filled in.

        Raises HTTPException 403 or 404.
        """
        seconds = self._limits.seconds_to_wait(self._sender(request), link)
        if not from_our_page(request, self._public_url):
            raise HTTPException(HTTPStatus.FORBIDDEN)
        try:
            return self._take(self._visit(request, link), form, fields, seconds)
        except LEDGER_TROUBLE as error:  # without the ledger there is no page on which to show the form
            return self._give_back(request, fields, log_quietly(error))

    def _take(self, visit: Visit, form: PageForm, fields: Fields, seconds: int) -> Response:
        if fault := self._refusal(visit, form, fields, seconds) or self._record(visit, form, fields):
            return self._page(visit, fault=fault, fields=fields)
        return RedirectResponse(self._address(visit, form, sent=form), HTTPStatus.SEE_OTHER)

    def _give_back(self, request: Request, fields: Fields, error_id: str) -> Response:
        sent = {name: fields[name] for name in FORM_FIELDS if name in fields}
        return self._pages.explain(request, HTTPStatus.SERVICE_UNAVAILABLE, again=sent, error_id=error_id)

    def _sender(self, request: Request) -> str:
        return sender_address(request.client.host if request.client else "", request.headers, self._trusted_proxies)

    def _visit(self, request: Request, link: str) -> Visit:
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
        except DataDamaged:  # the link is right, so the person gets the page about an error of ours, with our contacts
            self._ledger.incidents.alert(incident, damaged(number), now)
            raise
        except (NotInLedger, KeyMissing):  # the incident's data was destroyed, so the page is gone
            raise HTTPException(HTTPStatus.NOT_FOUND) from None
        wanted = request.query_params.get("lang", "")
        chosen = wanted if wanted in known.locales else ""
        return Visit(
            link,
            incident,
            person,
            left,
            got,
            promised,
            known,
            known.voice(chosen or person.locale, person.country),
            chosen,
            now,
        )

    def _refusal(self, visit: Visit, form: PageForm, fields: Mapping[str, str], seconds: int) -> Fault | None:
        if seconds:
            return Fault(form, "too_many_text", status=HTTPStatus.TOO_MANY_REQUESTS, wait=seconds)
        verdict = self._tokens.check(fields.get("form", ""), visit.link, form, visit.now)
        if verdict is TokenVerdict.STALE:
            return Fault(form, "form_expired")
        too_quick = verdict is TokenVerdict.EARLY and not form.is_button
        if too_quick or fields.get(HONEYPOT):
            return Fault(form, "sent_too_soon")
        return None

    def _record(self, visit: Visit, form: PageForm, fields: Mapping[str, str]) -> Fault | None:
        record = {
            PageForm.ASK: self._record_question,
            PageForm.SURVEY: self._record_survey,
            PageForm.STOP: self._stop,
            PageForm.AGAIN: self._resume,
        }
        try:
            return record[form](visit, fields)
        except LEDGER_TROUBLE as error:
            log_quietly(error)
            return Fault(form, "error_text", status=HTTPStatus.SERVICE_UNAVAILABLE, wait=RETRY_SECONDS)

    def _record_question(self, visit: Visit, fields: Mapping[str, str]) -> Fault | None:
        text, kind = clean(fields.get("text", "")), _kind(fields.get("kind", ""))
        if not text or len(text) > LONGEST_QUESTION:
            return Fault(PageForm.ASK, "too_long" if text else "empty_text", "text")
        if self._is_open(visit, kind, text):
            return None
        asked = NewQuestion(
            text=text,
            person=visit.person.number,
            kind=kind,
            source=QuestionSource.PORTAL,
            locale=visit.voice.phrases.locale,
            once=once_for(fields["form"]),
            reply_within=visit.known.case.reply_within,
            owner=visit.known.case.questions_owner,
            at=visit.now,
        )
        stored = self._ledger.questions.get(
            visit.incident, self._ledger.questions.ask(visit.incident, asked, visit.now)
        )
        return None if (stored.kind, stored.text) == (kind, text) else Fault(PageForm.ASK, USED, "text")

    def _is_open(self, visit: Visit, kind: QuestionKind, text: str) -> bool:
        """Return True when the person's same question is still open: after Back a form may have another token."""
        theirs = self._ledger.questions.all(visit.incident, person=visit.person.number, open_only=True)
        return any((one.kind, one.text) == (kind, text) for one in theirs)

    def _record_survey(self, visit: Visit, fields: Mapping[str, str]) -> Fault | None:
        scores = {measure: int(fields[measure]) for measure in SURVEY if fields.get(measure) in SCORES}
        comment = clean(fields.get("comment", ""))
        if not scores:
            return Fault(PageForm.SURVEY, "survey_empty", SURVEY[0])
        if len(comment) > LONGEST_QUESTION:
            return Fault(PageForm.SURVEY, "too_long", "comment")
        whose, since = (visit.incident, visit.person.number), self._tokens.issued_by(fields["form"])
        stored = self._ledger.questions.answer_survey(*whose, scores, comment, visit.now, since)
        return None if stored else Fault(PageForm.SURVEY, USED)

    def _stop(self, visit: Visit, _: Mapping[str, str]) -> None:
        self._ledger.opt_outs.add(visit.incident, visit.person.number, ON_PAGE, visit.now)

    def _resume(self, visit: Visit, _: Mapping[str, str]) -> None:
        self._ledger.opt_outs.end(visit.incident, visit.person.number, ON_PAGE, visit.now)

    def _page(
        self, visit: Visit, *, sent: str = "", fault: Fault | None = None, fields: Mapping[str, str] | None = None
    ) -> Response:
        questions = self._ledger.questions.all(visit.incident, person=visit.person.number)
        typed = fields or {}
        return self._pages.show(
            "personal.html",
            fault.status if fault else HTTPStatus.OK,
            {"Retry-After": str(fault.wait)} if fault and fault.wait else None,
            visit=visit,
            voice=visit.voice,
            words=visit.voice.words,
            organisation=visit.known.case.incident.organisation,
            languages={locale: phrases.language for locale, phrases in visit.known.wording.phrases.items()},
            notice_page=self._notices.path(visit.incident, "index", visit.voice.phrases.locale),
            told=self._told_notices(visit),
            questions=sorted(questions, key=lambda question: question.asked_at, reverse=True),
            reply_due=_last_due(questions, visit.now) if sent == PageForm.ASK else None,
            survey_answered=self._ledger.questions.has_answered_survey(visit.incident, visit.person.number),
            opted_out=self._ledger.opt_outs.has(visit.incident, visit.person.number),
            resumed=sent == PageForm.AGAIN,
            survey=SURVEY,
            scores=SCORES,
            kinds=tuple(QuestionKind),
            trap=HONEYPOT,
            fault=fault,
            typed=typed,
            tokens={form.value: self._token(visit, form, fault, typed) for form in PageForm},
        )

    def _token(self, visit: Visit, form: PageForm, fault: Fault | None, typed: Mapping[str, str]) -> str:
        """Return a refused form's token while valid and unused, so that it counts once when sent again, else a new."""
        sent = typed.get("form", "") if fault and fault.form is form and fault.word != USED else ""
        if self._tokens.check(sent, visit.link, form, visit.now) is not TokenVerdict.STALE:
            return sent
        return self._tokens.issue(visit.link, form, visit.now)

    def _told_notices(self, visit: Visit) -> list[tuple[str, datetime, str | None]]:
        """Return the subject, the date and the page, if any, of each notice to this person."""
        locale = visit.voice.phrases.locale
        return [
            (visit.voice.text(told.subjects), told.dated, self._notices.path(visit.incident, told.notice, locale))
            for told in visit.told
        ]

    def _address(self, visit: Visit, form: str = "", sent: str = "") -> str:
        """Return the path of this visit's page, or of a form on the page."""
        query = "&".join(f"{name}={value}" for name, value in (("lang", visit.chosen), ("sent", sent)) if value)
        return f"{self._pages.base}/p/{visit.link}{query and '?' + query}{form and '#' + form}"


def _kind(word: str) -> QuestionKind:
    return QuestionKind(word) if word in tuple(QuestionKind) else QuestionKind.QUESTION


def _last_due(questions: tuple[Question, ...], now: datetime) -> datetime | None:
    """Return the time by which the last question is to be answered, or None when it is answered or overdue."""
    last = max(questions, key=lambda question: question.id, default=None)
    return last.reply_due_at if last and last.answered_at is None and not last.overdue(now) else None
