"""Taking in of mails: reports settle messages, wishes are obeyed, words become questions. Nothing is ever answered."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from amends.delivery.inbox.child_parser import read_in_child
from amends.delivery.inbox.places import FoundMail
from amends.delivery.inbox.quarantine import Quarantine
from amends.delivery.inbox.replies import BY_MAIL, NO_WORDS, carry_out
from amends.domain.base.errors import DataDestroyed
from amends.domain.case.intake import new_question
from amends.domain.case.outline import Outline
from amends.domain.feedback.clean import clean
from amends.domain.feedback.guessed_locale import guessed_locale
from amends.domain.feedback.keywords import LONGEST_WISH, Wish, wish_of
from amends.domain.feedback.question import NewQuestion, QuestionSource, Sender
from amends.domain.receipt.dsn import ReportKind
from amends.domain.receipt.incoming import IncomingMail, MailOutcome, Unreadable
from amends.domain.receipt.reply import MailReply
from amends.ledger import Ledger
from amends.ledger.feedback.questions import LONGEST_QUESTION
from amends.ledger.receipt.inbox import TakenMail
from amends.ledger.receipt.receipts import Effect
from amends.ledger.receipt.replied import Readers, RepliedTo

BATCH = 100
"""Mails that are taken in together."""
BATCH_BYTES = 24 * 1024 * 1024
NOBODY = RepliedTo("", 0, "", by_reader=False)
WISHES = {Wish.STOP: MailOutcome.STOP, Wish.START: MailOutcome.START}
NOT_UNDERSTOOD = "it is a mail server's, about a message of ours, and nobody understands it"
NO_INCIDENT = "it is about no message of ours, and no incident was named for such mails"


@dataclass(frozen=True, slots=True)
class MailLine:
    """The outcome of one mail for the team, without personal data."""

    outcome: MailOutcome
    incident: str = ""
    question: int | None = None
    person: int = 0
    notice: str = ""
    files: int = 0
    left_out: int = 0
    """The number of attachments that were not set aside."""
    kept: str = ""
    """The name of the file in the folder of kept mails."""
    why: str = ""
    """The reason why the mail was kept aside or left."""
    once: str = field(default="", repr=False)
    """The idempotency key of the words that were obeyed, or empty."""


@dataclass
class Intake:
    """The sum of what came of all mails."""

    lines: list[MailLine] = field(default_factory=list)
    outcomes: Counter[MailOutcome] = field(default_factory=Counter)
    handed_over: int = 0
    waiting: set[tuple[str, str]] = field(default_factory=set)

    def add(self, lines: Iterable[MailLine]) -> None:
        """Count these outcomes."""
        for line in lines:
            self.lines.append(line)
            self.outcomes[line.outcome] += 1


@dataclass(frozen=True, slots=True)
class _Question:
    """A mail that becomes a question, before it has a number."""

    incident: str
    asked: NewQuestion
    to: RepliedTo
    mail: IncomingMail


class MailTaker:
    """The taking in of mails into one ledger; safe to repeat, and to kill at any moment."""

    def __init__(self, ledger: Ledger, home: Path, incident: str = "", own: Iterable[str] = ()) -> None:
        """Take mails of strangers for questions of this incident; `own` has the addresses from which we write."""
        self._ledger = ledger
        self._aside = Quarantine(home, ledger)
        self._incident = incident
        self._own = frozenset(address.lower() for address in own)
        self._outlines: dict[str, Outline] = {}
        self._readers: Readers = {}
        """The people with the addresses from which the mails of this batch come."""

    def take(self, mails: Sequence[FoundMail], now: datetime, total: Intake) -> tuple[MailOutcome, ...]:
        """Take in one batch of mails and return their outcomes, in their order, once the ledger has all of them."""
        self._outlines.clear()
        keys = [self._ledger.inbox.key(mail.raw) for mail in mails]
        known = set(self._ledger.inbox.known(keys))
        new: dict[str, FoundMail] = {}
        for key, mail in zip(keys, mails, strict=True):
            if key not in known:
                new.setdefault(key, mail)
        lines = self._take_new(new, now, total)
        each = [lines.pop(key, MailLine(MailOutcome.REPEATED)) for key in keys]
        total.add(each)
        return tuple(line.outcome for line in each)

    def _take_new(self, new: dict[str, FoundMail], now: datetime, total: Intake) -> dict[str, MailLine]:
        read = dict(zip(new, read_in_child(tuple(new.values())), strict=True))
        effects = self._settle_reports(read, now, total)
        replies = [one.reply for one in read.values() if isinstance(one, IncomingMail) and one.reply]
        seen = set(self._ledger.sms_replies.recorded([self._ledger.replied.once(reply) for reply in replies]))
        self._readers = self._ledger.replied.readers(
            {reply.sender for reply in replies if reply.sender and reply.answered}
        )
        found = {key: self._judge(one, effects.get(key), seen, now) for key, one in read.items()}
        numbers = self._ask({key: one for key, one in found.items() if isinstance(one, _Question)}, now)
        lines, taken = {}, []
        for key, one in found.items():
            line, record = self._settled(key, new[key], one, numbers.get(key))
            lines[key] = line
            taken += [record] if record else []
        if taken:
            self._ledger.inbox.record(taken, now)
        return lines

    def _settle_reports(
        self, read: dict[str, IncomingMail | Unreadable], now: datetime, total: Intake
    ) -> dict[str, Effect]:
        reports = {key: one.report for key, one in read.items() if isinstance(one, IncomingMail)}
        reported = self._ledger.receipts.take(reports.values(), now)
        total.handed_over += reported.handed_over
        total.waiting |= reported.waiting
        return dict(zip(reports, reported.each, strict=True))

    def _judge(
        self, mail: IncomingMail | Unreadable, effect: Effect | None, seen: set[str], now: datetime
    ) -> MailLine | _Question:
        """Return the outcome of a mail, or the question that it becomes. Carries out a wish."""
        if isinstance(mail, Unreadable):
            return MailLine(MailOutcome.KEPT, why=mail.why)
        if mail.reply is None or effect not in (Effect.UNCLEAR, Effect.FOREIGN, Effect.CONTRADICTED):
            return _of_a_machine(mail, effect)
        if mail.reply.sender in self._own:
            return MailLine(MailOutcome.AUTOMATIC)
        once = self._ledger.replied.once(mail.reply)
        if once in seen:
            return MailLine(MailOutcome.REPEATED)
        seen.add(once)
        return self._of_a_person(mail, mail.reply, once, now)

    def _of_a_person(self, mail: IncomingMail, reply: MailReply, once: str, now: datetime) -> MailLine | _Question:
        to = self._writer(mail, reply)
        wish = wish_of(reply.words) if to.person and len(reply.words) <= LONGEST_WISH else None
        if wish:
            carry_out(self._ledger, wish)(to.incident, to.person, BY_MAIL, now)
            return MailLine(WISHES[wish], to.incident, person=to.person, notice=to.notice, once=once)
        incident = to.incident or self._incident
        if not incident or (outline := self._outline(incident)) is None:
            return MailLine(MailOutcome.KEPT, why=NO_INCIDENT)
        return _Question(incident, _asked(mail, reply, to, once, outline, now), to, mail)

    def _writer(self, mail: IncomingMail, reply: MailReply) -> RepliedTo:
        """Return the person who wrote, or NOBODY.

        A mail must both know something of a message of ours and come from the address of the message's reader. Any
        other mail is a stranger's, whatever it says.
        """
        with suppress(DataDestroyed):
            to = self._ledger.replied.message(mail.report, reply, self._readers)
            if to and to.by_reader:
                return to
            found = self._ledger.replied.to_answer(reply) or self._ledger.replied.by_link(mail.links, reply.sender)
            return found or NOBODY
        return NOBODY

    def _outline(self, incident: str) -> Outline | None:
        """Return what must be known about an incident, read once for each batch; None when its data is destroyed."""
        if incident not in self._outlines:
            line = next((one for one in self._ledger.incidents.all() if one.id == incident), None)
            if line is None or line.destroyed_at:
                return None
            self._outlines[incident] = self._ledger.cases.outline(incident)
        return self._outlines[incident]

    def _ask(self, questions: dict[str, _Question], now: datetime) -> dict[str, int]:
        """Store the questions, in one transaction for each incident, and return their numbers."""
        numbers: dict[str, int] = {}
        for incident in sorted({question.incident for question in questions.values()}):
            keys = [key for key, one in questions.items() if one.incident == incident]
            asked = self._ledger.questions.ask_all(incident, [questions[key].asked for key in keys], now)
            numbers |= dict(zip(keys, asked, strict=True))
        return numbers

    def _settled(
        self, key: str, mail: FoundMail, one: MailLine | _Question, number: int | None
    ) -> tuple[MailLine, TakenMail | None]:
        """Return the line of a mail with its record; no record of a mail that could not be kept aside."""
        if isinstance(one, _Question):
            files = self._aside.set_aside(one.incident, key, one.mail.attached)
            left_out = one.mail.attached.left_out + len(one.mail.attached.files) - len(files)
            record = TakenMail(key, MailOutcome.QUESTION, one.incident, number, one.to.notice, one.asked.once, files)
            line = MailLine(
                MailOutcome.QUESTION, one.incident, number, one.to.person, one.to.notice, len(files), left_out
            )
            return line, record
        if one.outcome is MailOutcome.KEPT:
            kept = self._aside.keep(key, mail.raw)
            if kept is None:
                return MailLine(MailOutcome.LEFT, why="the folder of kept mails has no room"), None
            return replace(one, kept=kept.name), TakenMail(key, one.outcome)
        return one, TakenMail(key, one.outcome, one.incident, notice=one.notice, reply_once=one.once)


def in_batches(mails: Iterable[FoundMail]) -> Iterator[list[FoundMail]]:
    """Yield the mails in batches of bounded number and size."""
    batch: list[FoundMail] = []
    size = 0
    for mail in mails:
        if batch and (len(batch) == BATCH or size + len(mail.raw) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(mail)
        size += len(mail.raw)
    if batch:
        yield batch


def _of_a_machine(mail: IncomingMail, effect: Effect | None) -> MailLine:
    if effect in (Effect.UNCLEAR, Effect.CONTRADICTED):
        return MailLine(MailOutcome.KEPT, why=NOT_UNDERSTOOD)
    automatic = effect is Effect.FOREIGN or mail.report.kind is ReportKind.AUTO_REPLY
    return MailLine(MailOutcome.AUTOMATIC if automatic else MailOutcome.BOUNCE)


def _asked(
    mail: IncomingMail, reply: MailReply, to: RepliedTo, once: str, known: Outline, now: datetime
) -> NewQuestion:
    words = clean(reply.words)[:LONGEST_QUESTION].strip() or NO_WORDS
    incident = known.incident
    offered = (*incident.texts, *incident.organisation.name)
    return new_question(
        known.playbook,
        words,
        person=to.person or None,
        source=QuestionSource.MAILBOX,
        locale=to.locale or guessed_locale(words, offered, incident.default_locale),
        once=once,
        at=now,
        whole=reply.whole,
        own=(reply.sender,),
        sender=_sender(mail, reply),
    )


def _sender(mail: IncomingMail, reply: MailReply) -> Sender | None:
    if not (reply.sender and reply.sender.isprintable()):
        return None
    return Sender(address=reply.sender, message_id=mail.message_id, references=mail.references, subject=mail.subject)
