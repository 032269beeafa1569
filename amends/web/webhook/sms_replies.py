"""Takes in what people write back to our text messages: a wish is obeyed, everything else is a question."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from amends.content.people.columns import UnfitCell, is_national, phone
from amends.domain.channel.channel import INCOMING, ChannelKind
from amends.domain.feedback.keywords import Wish, wish_of
from amends.domain.feedback.question import NewQuestion, QuestionKind, QuestionSource
from amends.domain.feedback.sms_reply import Incoming, IncomingRules
from amends.ledger import Ledger
from amends.ledger.feedback.questions import LONGEST_QUESTION
from amends.ledger.feedback.sms_replies import Texted
from amends.settings import Settings
from amends.web.http.forms import clean
from amends.web.http.limits import RETRY_SECONDS
from amends.web.http.middleware import LEDGER_TROUBLE, log_quietly
from amends.web.portal.cache import RecentCases
from amends.web.webhook.authenticate import Refused, WebhookGate, of_channel

log = logging.getLogger("amends.web")

BY_SMS = "SMS"
"""How somebody opted out, for the audit."""
NO_WORDS = "(no words; perhaps a picture)"
LONGEST_NUMBER = 40


def add_incoming(
    app: FastAPI, settings: Settings, ledger: Ledger, recent: RecentCases, clock: Callable[[], datetime],
    turns: asyncio.Semaphore,
) -> None:  # fmt: skip
    """Take in texts, where a gateway hands on any that can be believed."""
    rules = of_channel(settings, ChannelKind.SMS, "incoming_texts")
    if not isinstance(rules, IncomingRules):
        return
    gate = WebhookGate(rules, settings.trusted_proxies, clock)
    desk = TextDesk(ledger, recent, rules.country)

    @app.api_route(INCOMING[ChannelKind.SMS], methods=list(rules.scheme.methods))
    async def receive(request: Request) -> Response:
        """The answer has no words: some gateways would send them to whoever wrote."""
        try:
            texts = await gate.let_in(request)
            async with turns:
                await run_in_threadpool(desk.take, texts, clock())
        except Refused as refused:
            return Response(status_code=refused.status, headers=refused.headers)
        return Response()


class TextDesk:
    """Hears every text once, however often it is handed on."""

    def __init__(self, ledger: Ledger, recent: RecentCases, country: str) -> None:
        """The country is the one whose numbers are spelled without its code, or empty."""
        self._ledger, self._recent, self._country = ledger, recent, country

    def take(self, texts: Sequence[Incoming], now: datetime) -> None:
        """Return when the ledger has them. Raises Refused when they cannot be read, or not be kept now."""
        if not texts:
            log.warning(
                "sms: what people write back cannot be read; do the fields have other names? (docs/channels.md)"
            )
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY)
        try:
            for text in texts:
                self._hear(text, now)
        except LEDGER_TROUBLE as error:
            log_quietly(error)
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, RETRY_SECONDS) from None

    def _hear(self, handed: Incoming, now: datetime) -> None:
        text = replace(handed, sender=clean(handed.sender), text=clean(handed.text))
        if self._ledger.sms_replies.is_recorded(once := self._once(text)):
            return
        number = international(text.sender, self._country)
        whose = self._ledger.sms_replies.texted(number) if number else ()
        if (wish := wish_of(text.text)) and whose:
            self._obey(wish, whose, now)
        else:
            self._ask(text, whose, once, now)
        self._ledger.sms_replies.record(once, now)

    def _once(self, text: Incoming) -> str:
        """A name of this text: with its words, because some gateways count from 1 again, and keyed, because of them."""
        return self._ledger.store.keys.index("", "incoming", f"{text.name}\0{text.sender}\0{text.text}").hex()

    def _obey(self, wish: Wish, whose: Sequence[Texted], now: datetime) -> None:
        """In every incident, because the text names none."""
        verb = {Wish.STOP: self._ledger.opt_outs.add, Wish.START: self._ledger.opt_outs.end}[wish]
        for one in whose:
            verb(one.incident, one.person, BY_SMS, now)

    def _ask(self, text: Incoming, whose: Sequence[Texted], once: str, now: datetime) -> None:
        """It is about what they were told last."""
        incident = whose[0].incident if whose else self._ledger.sms_replies.texted_last()
        if not incident:
            log.warning(
                "sms: somebody wrote, and nobody was ever to get an SMS; is the number used for other things too?"
            )
            return
        known = self._recent.read(incident, now)
        person = asker([one for one in whose if one.incident == incident])
        asked = NewQuestion(
            text=_words(text, known_person=person is not None),
            person=person,
            kind=QuestionKind.QUESTION,
            source=QuestionSource.SMS,
            locale=whose[0].locale if whose else known.case.incident.default_locale,
            once=once,
            reply_within=known.reply_within,
            owner=known.questions_owner,
            at=now,
        )
        self._ledger.questions.ask(incident, asked, now)


def international(spelled: str, country: str) -> str:
    """The number as the audience has it, however the gateway spells it; empty when it is none.

    Without + or 00 it is one of the country, if there is one, else an international one that lacks its plus.
    """
    ways = ((spelled, country), (f"+{spelled}", "")) if is_national(spelled) else ((spelled, ""),)
    for number, home in ways:
        with suppress(UnfitCell):
            return phone(number, home)
    return ""


def asker(whose: Sequence[Texted]) -> int | None:
    """On whose page the answer stands: theirs, or that of who reads for several; None when it may be one of several."""
    people, readers = {one.person for one in whose}, {one.reader for one in whose}
    if len(people) == 1:
        return people.pop()
    return readers.pop() if len(readers) == 1 else None


def _words(text: Incoming, *, known_person: bool) -> str:
    """What they wrote, and where an answer reaches them when nobody knows who they are."""
    said = text.text or NO_WORDS
    whole = said if known_person else f"{text.sender[:LONGEST_NUMBER]}: {said}"
    return whole[:LONGEST_QUESTION]
