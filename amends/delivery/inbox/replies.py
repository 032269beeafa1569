"""Replies by mail to our messages: a wish to stop or start is carried out, any other text becomes a question."""

from collections.abc import Callable
from datetime import datetime

from amends.domain.base.errors import DataDestroyed
from amends.domain.case.intake import new_question
from amends.domain.feedback.clean import clean
from amends.domain.feedback.keywords import LONGEST_WISH, Wish, wish_of
from amends.domain.feedback.question import QuestionSource, Sender
from amends.domain.receipt.codes import sounds_like_a_failure, words_of
from amends.domain.receipt.dsn import MailReport
from amends.domain.receipt.reply import MailReply, read_reply
from amends.ledger import Ledger
from amends.ledger.feedback.questions import LONGEST_QUESTION
from amends.ledger.receipt.receipts import Effect
from amends.ledger.receipt.replied import RepliedTo

BY_MAIL = "reply by mail"
"""The way of opting out, as the audit names it."""
NO_WORDS = "(no words that can be shown)"
MAYBE_REPLIES = (Effect.UNCLEAR, Effect.FOREIGN)
"""The effects of mails that are no reports about a message; a person may have written one of them."""


def take_reply(ledger: Ledger, raw: bytes, report: MailReport, effect: Effect, now: datetime) -> Effect:
    """Carry out or record a mail that a person wrote in reply to a message, and return its effect.

    A mail that is no such reply keeps its effect. Nothing is answered by mail, so a stranger does not learn who is in
    the list. Each reply counts once, however often it is read.
    """
    reply = read_reply(raw) if effect in MAYBE_REPLIES else None
    if reply is None or not reply.words:
        return effect
    try:
        to = ledger.replied.message(report, reply)
        return _taken(ledger, reply, to, now) if to and _is_of_a_person(reply, to) else effect
    except DataDestroyed:
        return effect


def _is_of_a_person(reply: MailReply, to: RepliedTo) -> bool:
    """Return False for words like a mail server's from another address than the person's."""
    return to.by_reader or not sounds_like_a_failure(words_of(reply.words))


def _taken(ledger: Ledger, reply: MailReply, to: RepliedTo, now: datetime) -> Effect:
    if ledger.sms_replies.is_recorded(once := ledger.replied.once(reply)):
        return Effect.UNCHANGED
    wish = wish_of(reply.words) if len(reply.words) <= LONGEST_WISH else None
    if wish:
        carry_out(ledger, wish)(to.incident, to.person, BY_MAIL, now)
    else:
        _ask(ledger, reply, to, once, now)
    ledger.sms_replies.record(once, now)
    return {Wish.STOP: Effect.OPTED_OUT, Wish.START: Effect.OPTED_IN, None: Effect.ASKED}[wish]


def carry_out(ledger: Ledger, wish: Wish) -> Callable[[str, int, str, datetime], bool]:
    """Return the act that carries out a wish."""
    return {Wish.STOP: ledger.opt_outs.add, Wish.START: ledger.opt_outs.end}[wish]


def _ask(ledger: Ledger, reply: MailReply, to: RepliedTo, once: str, now: datetime) -> None:
    known = ledger.cases.outline(to.incident)
    asked = new_question(
        known.playbook,
        clean(reply.words)[:LONGEST_QUESTION] or NO_WORDS,
        person=to.person,
        source=QuestionSource.MAILBOX,
        locale=to.locale,
        once=once,
        at=now,
        whole=reply.whole,
        own=(reply.sender,),
        sender=Sender(address=reply.sender, message_id=reply.name) if reply.sender else None,
    )
    ledger.questions.ask(to.incident, asked, now)
