"""The webhook for replies to our SMS: a wish to stop or start is carried out, any other text becomes a question."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from amends.content.people.columns import UnfitCell, is_national, phone
from amends.delivery.alerts import alert_of_danger
from amends.domain.case.intake import new_question
from amends.domain.channel.channel import ChannelKind
from amends.domain.feedback.clean import clean
from amends.domain.feedback.keywords import Wish, wish_of
from amends.domain.feedback.question import QuestionSource, Sender
from amends.domain.feedback.sms_reply import Incoming, IncomingRules
from amends.ledger import Ledger
from amends.ledger.feedback.questions import LONGEST_QUESTION
from amends.ledger.feedback.sms_replies import Texted
from amends.rehearsal_clock import RehearsalClock
from amends.settings import Settings
from amends.web.http.limits import RETRY_SECONDS
from amends.web.http.middleware import LEDGER_TROUBLE, log_quietly
from amends.web.portal.cache import RecentCases
from amends.web.webhook.authenticate import Refused, WebhookGate, of_channel

log = logging.getLogger("amends.web")

BY_SMS = "SMS"
"""The way of opting out, as the audit names it."""
NO_WORDS = "(no words; perhaps a picture)"
LONGEST_NUMBER = 40


def add_incoming(
    app: FastAPI,
    settings: Settings,
    ledger: Ledger,
    recent: RecentCases,
    clock: Callable[[], datetime],
    write_slots: asyncio.Semaphore,
) -> None:
    """Accept what people write back on each channel whose provider forwards replies that can be authenticated."""
    for kind in ChannelKind:
        rules = of_channel(settings, kind, "incoming_texts") if kind.incoming else None
        if isinstance(rules, IncomingRules):
            gate = WebhookGate(rules, settings.trusted_proxies, clock)
            desk = TextDesk(ledger, recent, rules.country, rehearsal=isinstance(clock, RehearsalClock))
            methods = list(rules.scheme.methods)
            app.add_api_route(kind.incoming, _receiver(gate, desk, clock, write_slots), methods=methods)


def _receiver(
    gate: WebhookGate[Incoming], desk: "TextDesk", clock: Callable[[], datetime], write_slots: asyncio.Semaphore
) -> Callable[[Request], Awaitable[Response]]:
    """Return the answerer of one provider's requests."""

    async def receive(request: Request) -> Response:
        """Return an answer without text, because some gateways would send the text to the person who wrote."""
        try:
            texts = await gate.let_in(request)
            async with write_slots:
                await run_in_threadpool(desk.take, texts, clock())
        except Refused as refused:
            return Response(status_code=refused.status, headers=refused.headers)
        return Response()

    return receive


class TextDesk:
    """The recorder of SMS replies. Each reply counts once, however often the gateway forwards it."""

    def __init__(self, ledger: Ledger, recent: RecentCases, country: str, *, rehearsal: bool = False) -> None:
        """Take the country whose numbers the gateway spells without its code, or ""."""
        self._rehearsal = rehearsal
        self._ledger, self._recent, self._country = ledger, recent, country

    def take(self, texts: Sequence[Incoming], now: datetime) -> None:
        """Record replies, and return once the ledger has them. Raises Refused when they cannot be read or recorded."""
        if not texts:
            log.warning(
                "sms: what people write back cannot be read; do the fields have other names? (docs/channels.md)"
            )
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY)
        try:
            for text in texts:
                self._record(text, now)
        except LEDGER_TROUBLE as error:
            log_quietly(error)
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, RETRY_SECONDS) from None

    def _record(self, received: Incoming, now: datetime) -> None:
        text = replace(received, sender=clean(received.sender), text=clean(received.text))
        if self._ledger.sms_replies.is_recorded(once := self._idempotency_key(text)):
            return
        number = international(text.sender, self._country)
        whose = self._ledger.sms_replies.texted(number) if number else ()
        if (wish := wish_of(text.text)) and whose:
            self._carry_out(wish, whose, now)
        else:
            self._ask(text, whose, once, now)
        self._ledger.sms_replies.record(once, now)

    def _idempotency_key(self, text: Incoming) -> str:
        """Return the idempotency key of a reply, a keyed hash.

        The key includes the reply's words, because some gateways restart their numbers at 1; it is keyed, because it
        includes them.
        """
        return self._ledger.store.keys.index("", "incoming", f"{text.name}\0{text.sender}\0{text.text}").hex()

    def _carry_out(self, wish: Wish, whose: Sequence[Texted], now: datetime) -> None:
        """Stop or resume optional messages in every incident of the sender, because the text names none."""
        verb = {Wish.STOP: self._ledger.opt_outs.add, Wish.START: self._ledger.opt_outs.end}[wish]
        for one in whose:
            verb(one.incident, one.person, BY_SMS, now)

    def _ask(self, text: Incoming, whose: Sequence[Texted], once: str, now: datetime) -> None:
        """Record the text as a question about the incident of the last SMS to the sender, or to anybody."""
        incident = whose[0].incident if whose else self._ledger.sms_replies.texted_last()
        if not incident:
            log.warning(
                "sms: somebody wrote, and nobody was ever to get an SMS; is the number used for other things too?"
            )
            return
        known = self._recent.read(incident, now)
        person = asker([one for one in whose if one.incident == incident])
        number = international(text.sender, self._country)
        asked = new_question(
            known.case.playbook,
            _words(text, known_person=person is not None),
            person=person,
            source=QuestionSource.SMS,
            locale=whose[0].locale if whose else known.case.incident.default_locale,
            once=once,
            at=now,
            own=(text.sender, number),
            sender=Sender(address=number) if number else None,
        )
        self._ledger.questions.ask(incident, asked, now)
        alert_of_danger(self._ledger, incident, asked, now, rehearsal=self._rehearsal)


def international(spelled: str, country: str) -> str:
    """Return the number as E.164, however the gateway spells it, or "" when it is not a phone number.

    Without + or 00 it is read as a number of the country, and if that fails as an international number without its
    plus.
    """
    ways = ((spelled, country), (f"+{spelled}", "")) if is_national(spelled) else ((spelled, ""),)
    for number, home in ways:
        with suppress(UnfitCell):
            return phone(number, home)
    return ""


def asker(whose: Sequence[Texted]) -> int | None:
    """Return the number of the person on whose page the answer stands, or None when several people are possible.

    When several people have the phone number but one reader, their guardian, the answer stands on the reader's page.
    """
    people, readers = {one.person for one in whose}, {one.reader for one in whose}
    if len(people) == 1:
        return people.pop()
    return readers.pop() if len(readers) == 1 else None


def _words(text: Incoming, *, known_person: bool) -> str:
    """Return the text of a reply, with the phone number of a sender who is no known person, for the answer."""
    said = text.text or NO_WORDS
    whole = said if known_person else f"{text.sender[:LONGEST_NUMBER]}: {said}"
    return whole[:LONGEST_QUESTION]
