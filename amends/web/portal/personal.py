"""The personal page, with everything that concerns its person, and the forms that the person sends."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from amends.delivery.alerts import alert_of_danger
from amends.delivery.dossier import as_sent
from amends.delivery.send.postpone import zones
from amends.domain.base.errors import DataDamaged, KeyMissing, NotAllowed, NotInLedger
from amends.domain.case.intake import new_question
from amends.domain.draft.writer import Links
from amends.domain.feedback.clean import clean
from amends.domain.feedback.hour import HourState, QuestionHour
from amends.domain.feedback.question import Question, QuestionKind, QuestionSource
from amends.domain.people.person import damaged
from amends.domain.playbook.survey import LONGEST_COMMENT, SCORES
from amends.ledger import Ledger, once_for
from amends.ledger.feedback.questions import LONGEST_QUESTION
from amends.rehearsal_clock import RehearsalClock
from amends.web.http.forms import Fields, FormTokens, TokenVerdict, from_our_page
from amends.web.http.limits import RETRY_SECONDS, PostLimits, sender_address
from amends.web.http.middleware import LEDGER_TROUBLE, log_quietly
from amends.web.portal.cache import RecentCases
from amends.web.portal.conversation import conversations
from amends.web.portal.hours import times
from amends.web.portal.notices import NoticePages
from amends.web.portal.own_forms import OWN_FIELDS, Mistake, OwnForms
from amends.web.portal.pages import PortalPages
from amends.web.portal.visit import Visit

FORM_FIELDS = ("form", "kind", "text", "survey", "question", "why", "hour", *OWN_FIELDS)
ANSWER = "answer-"
"""The beginning of the name of a field that answers a question of a survey."""
HONEYPOT = "homepage"
"""A field that no person sees, so that a form with this field filled in comes from a machine."""
USED = "form_used"
"""The word to a person whose form was sent before with another text. A new token comes with it."""
ON_PAGE = "personal page"
"""The way of opting out, as the audit names it."""


class PageForm(StrEnum):
    """A form that a person can send from the personal page."""

    ASK = "ask"
    SURVEY = "survey"
    OBJECT = "objection"
    """Says that an answer did not satisfy the person, which reopens the question."""
    STOP = "stop"
    """Ends the optional messages to the person."""
    AGAIN = "again"
    """Resumes the optional messages to the person."""
    WRONG = "wrong"
    """Says that the message is for somebody else."""
    ADDRESS = "address"
    """Says that an address is outdated."""
    PREFER = "prefer"
    """Stores language and channel for optional messages."""
    TICK = "tick"
    """Says that a step is done, or is not done after all."""
    DATA = "data"
    """Asks for a copy of the person's data."""
    REMIND = "remind"
    """Asks to be reminded of a question hour."""
    HOUR = "hour"
    """Asks a question beforehand, for a question hour."""

    @property
    def is_button(self) -> bool:
        """Return True for a form without a field to fill in, which may be sent at once."""
        return self in BUTTONS


BUTTONS = (PageForm.STOP, PageForm.AGAIN, PageForm.PREFER, PageForm.TICK, PageForm.DATA, PageForm.REMIND)


@dataclass(frozen=True, slots=True)
class Fault:
    """The reason why a form is not accepted: a word of the portal, with the form and the field that it is about."""

    form: PageForm
    word: str
    field: str = ""
    status: int = HTTPStatus.UNPROCESSABLE_ENTITY
    wait: int = 0
    """The seconds until the form may be sent again."""


@dataclass(frozen=True, slots=True)
class HourShown:
    """A question hour on a personal page."""

    hour: QuestionHour
    state: HourState
    signed_up: bool
    begins: str


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
        self._own = OwnForms(ledger)

    def show(self, request: Request, link: str) -> Response:
        """Return the page of this link. Raises HTTPException 404."""
        with self._ledger.store.one_view():
            return self._page(self._visit(request, link), sent=request.query_params.get("sent", ""))

    def back(self, request: Request, link: str, form: PageForm) -> Response:
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

    def take(self, request: Request, link: str, form: PageForm, fields: Fields) -> Response:
        """Record a form and redirect to the page; a form that is not recorded is returned, as it was filled in.

        Raises HTTPException 403 or 404.
        """
        seconds = self._limits.seconds_to_wait(self._sender(request), link)
        if not from_our_page(request, self._public_url):
            raise HTTPException(HTTPStatus.FORBIDDEN)
        if seconds:  # a flood reads nothing from the ledger
            held = {"Retry-After": str(seconds)}
            return self._pages.explain(request, HTTPStatus.TOO_MANY_REQUESTS, again=_sent(fields), headers=held)
        try:
            return self._take(self._visit(request, link), form, fields)
        except LEDGER_TROUBLE as error:  # without the ledger there is no page on which to show the form
            return self._give_back(request, fields, log_quietly(error))

    def _take(self, visit: Visit, form: PageForm, fields: Fields) -> Response:
        if fault := self._refusal(visit, form, fields) or self._record(visit, form, fields):
            with self._ledger.store.one_view():
                return self._page(visit, fault=fault, fields=fields)
        return RedirectResponse(self._address(visit, form, sent=form), HTTPStatus.SEE_OTHER)

    def _give_back(self, request: Request, fields: Fields, error_id: str) -> Response:
        return self._pages.explain(request, HTTPStatus.SERVICE_UNAVAILABLE, again=_sent(fields), error_id=error_id)

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
            alone = any(one.per_person for one in known.commitments)  # nothing is read where no result is anybody's own
            remedies = self._ledger.remedies.of_person(incident, number) if alone else {}
        except DataDamaged:  # the link is right, so the person gets the page about an error of ours, with our contacts
            self._ledger.incidents.alert(incident, damaged(number), now)
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

    def _refusal(self, visit: Visit, form: PageForm, fields: Mapping[str, str]) -> Fault | None:
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
            PageForm.OBJECT: self._record_objection,
            PageForm.STOP: self._stop,
            PageForm.AGAIN: self._resume,
            PageForm.WRONG: _as_fault(form, self._own.wrong_person),
            PageForm.ADDRESS: _as_fault(form, self._own.outdated_address),
            PageForm.PREFER: _as_fault(form, self._own.preference),
            PageForm.TICK: _as_fault(form, self._own.tick),
            PageForm.DATA: _as_fault(form, self._own.ask_for_data),
            PageForm.REMIND: self._sign_up,
            PageForm.HOUR: self._record_for_hour,
        }
        try:
            return record[form](visit, fields)
        except LEDGER_TROUBLE as error:
            log_quietly(error)
            return Fault(form, "error_text", status=HTTPStatus.SERVICE_UNAVAILABLE, wait=RETRY_SECONDS)

    def _record_question(
        self, visit: Visit, fields: Mapping[str, str], form: PageForm = PageForm.ASK, field: str = "text"
    ) -> Fault | None:
        text, kind = clean(fields.get("text", "")), _kind(fields.get("kind", ""))
        if not text or len(text) > LONGEST_QUESTION:
            return Fault(form, "too_long" if text else "empty_text", field)
        if self._is_open(visit, kind, text):
            return None
        asked = new_question(
            visit.known.case.playbook,
            text,
            person=visit.person.number,
            kind=kind,
            source=QuestionSource.PORTAL,
            locale=visit.voice.phrases.locale,
            once=once_for(fields["form"]),
            at=visit.now,
        )
        stored = self._ledger.questions.get(
            visit.incident, self._ledger.questions.ask(visit.incident, asked, visit.now)
        )
        rehearsal = isinstance(self._clock, RehearsalClock)
        alert_of_danger(self._ledger, visit.incident, asked, visit.now, rehearsal=rehearsal)
        if (stored.kind, stored.text) != (kind, text):
            return Fault(form, USED, field)
        if form is PageForm.HOUR:
            self._ledger.hours.collect(visit.incident, fields["hour"], stored.id, visit.now)
        return None

    def _record_for_hour(self, visit: Visit, fields: Mapping[str, str]) -> Fault | None:
        if not self._comes(visit, fields):
            return Fault(PageForm.HOUR, "form_expired")
        return self._record_question(visit, fields, PageForm.HOUR, "")

    def _sign_up(self, visit: Visit, fields: Mapping[str, str]) -> Fault | None:
        if not self._comes(visit, fields):
            return Fault(PageForm.REMIND, "form_expired")
        self._ledger.hours.sign_up(visit.incident, fields["hour"], visit.person.number, visit.now)
        return None

    def _comes(self, visit: Visit, fields: Mapping[str, str]) -> bool:
        """Return True when the form is about a question hour that has not begun."""
        hours = self._ledger.hours.all(visit.incident)
        return any(one.id == fields.get("hour") and one.begins_at > visit.now for one in hours)

    def _hours(self, visit: Visit) -> list[HourShown]:
        """Return the question hours, each with its state and with when it begins on the person's clocks."""
        if not (hours := self._ledger.hours.all(visit.incident)):
            return []
        signed, voice = self._ledger.hours.signed_up(visit.incident, visit.person.number), visit.voice
        theirs = zones(visit.person.timezone, visit.person.country)
        return [
            HourShown(one, one.state(visit.now), one.id in signed, times(one, voice, theirs)[0][1]) for one in hours
        ]

    def _is_open(self, visit: Visit, kind: QuestionKind, text: str) -> bool:
        """Return True when the person's same question is still open: after Back a form may have another token."""
        theirs = self._ledger.questions.all(visit.incident, person=visit.person.number, open_only=True)
        return any((one.kind, one.text) == (kind, text) for one in theirs)

    def _record_survey(self, visit: Visit, fields: Mapping[str, str]) -> Fault | None:
        survey, invitation = visit.survey, visit.invitation
        if survey is None or fields.get("survey") != invitation:
            return Fault(PageForm.SURVEY, "form_expired")
        if self._has_answered(visit):  # the first answers count, also when the form is sent twice
            return None
        answers = {name.removeprefix(ANSWER): clean(said) for name, said in fields.items() if name.startswith(ANSWER)}
        if question := survey.too_long(answers):
            return Fault(PageForm.SURVEY, "too_long", f"{ANSWER}{question}")
        if not (given := survey.given(answers)):
            return Fault(PageForm.SURVEY, "survey_empty", f"{ANSWER}{survey.questions[0].id}")
        self._ledger.surveys.answer(visit.incident, invitation, visit.person.number, survey, given, visit.now)
        return None

    def _has_answered(self, visit: Visit) -> bool:
        whose = (visit.incident, visit.invitation, visit.person.number)
        return visit.survey is not None and self._ledger.surveys.has_answered(*whose)

    def _record_objection(self, visit: Visit, fields: Mapping[str, str]) -> Fault | None:
        """Reopen the person's own question; one that is open already only gets the words."""
        number, why = fields.get("question", ""), clean(fields.get("why", ""))
        theirs = {str(one.id): one for one in self._ledger.questions.all(visit.incident, person=visit.person.number)}
        if (asked := theirs.get(number)) is None or asked.answer_id is None:
            return Fault(PageForm.OBJECT, "form_expired")
        within = visit.known.case.reply_within
        try:
            owner = visit.known.case.owner_of(QuestionKind.COMPLAINT)
            self._ledger.answers.reopen(visit.incident, asked.id, visit.now, why, within, owner)
        except NotAllowed:
            return Fault(PageForm.OBJECT, "too_long", f"why-{asked.id}")
        return None

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
            faq=self._ledger.faq.public(visit.incident),
            told=self._told_notices(visit),
            conversations=conversations(questions, self._ledger.answers.said(visit.incident, visit.person.number)),
            objection_due=_last_reopened(questions, visit.now) if sent == PageForm.OBJECT else None,
            reply_due=_last_due(questions, visit.now) if sent == PageForm.ASK else None,
            survey_answered=self._has_answered(visit),
            opted_out=self._ledger.opt_outs.has(visit.incident, visit.person.number),
            hour_reply_due=_last_due(questions, visit.now) if sent == PageForm.HOUR else None,
            resumed=sent == PageForm.AGAIN,
            survey=visit.survey,
            answer=ANSWER,
            saved=sent == PageForm.PREFER,
            hours=self._hours(visit),
            scores=SCORES,
            longest_comment=LONGEST_COMMENT,
            kinds=tuple(QuestionKind),
            trap=HONEYPOT,
            fault=fault,
            typed=typed,
            **self._own.shown(visit),
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
            (visit.voice.text(told.subjects), told.dated, self._place_of(visit, told.notice, locale))
            for told in visit.told
        ]

    def _place_of(self, visit: Visit, notice: str, locale: str) -> str | None:
        """Return the path at which the person reads a notice: as it was sent to them, else its public page, if any."""
        if notice in visit.got:
            return f"/p/{visit.link}/notice/{notice}" + (f"?lang={visit.chosen}" if visit.chosen else "")
        return self._notices.path(visit.incident, notice, locale)

    def _address(self, visit: Visit, form: str = "", sent: str = "") -> str:
        """Return the path of this visit's page, or of a form on the page."""
        query = "&".join(f"{name}={value}" for name, value in (("lang", visit.chosen), ("sent", sent)) if value)
        return f"{self._pages.base}/p/{visit.link}{query and '?' + query}{form and '#' + form}"


def _as_fault(
    form: PageForm, record: Callable[[Visit, Mapping[str, str]], Mistake | None]
) -> Callable[[Visit, Mapping[str, str]], Fault | None]:
    def recorded(visit: Visit, fields: Mapping[str, str]) -> Fault | None:
        mistake = record(visit, fields)
        return Fault(form, mistake.word, mistake.field) if mistake else None

    return recorded


def _last_reopened(questions: tuple[Question, ...], now: datetime) -> datetime | None:
    """Return the time by which the question that was reopened last is to be answered, or None without one."""
    reopened = [one for one in questions if one.reopened_at and one.answered_at is None and not one.overdue(now)]
    last = max(reopened, key=lambda one: one.reopened_at or one.asked_at, default=None)
    return last.reply_due_at if last else None


def _sent(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the fields that a person has filled in, to be given back."""
    return {name: said for name, said in fields.items() if name in FORM_FIELDS or name.startswith(ANSWER)}


def _kind(word: str) -> QuestionKind:
    return QuestionKind(word) if word in tuple(QuestionKind) else QuestionKind.QUESTION


def _last_due(questions: tuple[Question, ...], now: datetime) -> datetime | None:
    """Return the time by which the last question is to be answered, or None when it is answered or overdue."""
    last = max(questions, key=lambda question: question.id, default=None)
    return last.reply_due_at if last and last.answered_at is None and not last.overdue(now) else None
