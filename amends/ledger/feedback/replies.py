"""Replies in the ledger: what the outbox brings to each person who asked, and what a member brings by hand."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session, col, select

from amends.domain.base.errors import KeyMissing, NotAllowed, NotInLedger
from amends.domain.channel.outgoing import IN_HAND, LEASE, TAKES_RECEIPT, OutgoingName, OutgoingState
from amends.domain.feedback.answer import NOT_HEARD, AnswerKind, ReplyChannel, ReplyLine, best_locale
from amends.domain.feedback.question import Sender
from amends.ledger.feedback.answering import addresses, correction_of, replies_of, reply_name, sender_of, texts_of
from amends.ledger.feedback.question_rows import opened, question_place, question_row
from amends.ledger.outbox.effects import named
from amends.ledger.outbox.outbox import (
    OutgoingClaim,
    OutgoingMessages,
    address_place,
    locked,
    name_of,
    require_open,
    settle,
)
from amends.ledger.people.opt_outs import reader_of
from amends.ledger.people.people import opened_person
from amends.ledger.store.encryption import Seal
from amends.ledger.store.session import Store, Transaction
from amends.ledger.tables.feedback import AnswerRow, OutgoingRow, QuestionRow
from amends.ledger.tables.people import PersonRow

AGAIN = (OutgoingState.UNCERTAIN, OutgoingState.FAILED, OutgoingState.BOUNCED)
"""The states of replies that a person may send once more."""
MAY_BE_POSTED = (OutgoingState.WAITING, *TAKES_RECEIPT)
"""The states of public replies of which a member can say that they stand."""


@dataclass(frozen=True, slots=True)
class ReplyReader:
    """The person to whom a reply goes, and what only they may read. Holds personal data: never log or print it."""

    address: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    """The name in the list; empty for an address that is not the person's."""
    link: str = field(default="", repr=False)
    """The token of the personal link; empty for an address that is not the person's."""
    country: str = ""
    timezone: str = ""


@dataclass(frozen=True, slots=True)
class ReplyContent:
    """The content of a reply: the question, and the answer in the language of who asked. Never log or print it."""

    kind: AnswerKind
    locale: str
    """The locale of the answer."""
    text: str = field(repr=False)
    question: str = field(repr=False)
    asked_at: datetime
    answered_at: datetime
    wrong_at: datetime | None = None
    """The time of the wrong answer that the person may have heard, and that this one corrects."""
    sender: Sender | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ByHand:
    """An answer that a member brings, by telephone or in private. Holds personal data: never log or print it."""

    answer: int
    question: int
    state: OutgoingState
    detail: str
    to: ReplyReader
    content: ReplyContent


class Replies:
    """The replies to the people who asked something."""

    def __init__(self, store: Store, outbox: OutgoingMessages) -> None:
        self._store, self._outbox = store, outbox

    def claim_post(self, incident: str, question: int, by: str, now: datetime, *, again: bool = False) -> OutgoingClaim:
        """Claim the public reply with the newest answer to this question, as a member decided.

        Raises NotAllowed without an approved answer; for one that stands or may stand, the latter without `again`;
        and while the incident is paused or under an embargo. Raises NotInLedger, LedgerRestored.
        """
        with self._store.write() as write:
            self._store.refuse_if_restored(write.session)
            require_open(write, incident, now)
            row = _newest_post(write, incident, question)
            _refuse_to_post(write.session, row, again=again)
            content, to = self._opened(write.session, row)
            claim = self._outbox.take(write, row, now) if content.text and to.address else None
            if claim is None:
                raise NotAllowed(f"the answer to question {question} or its account cannot be read")
            write.note(now, incident, "public answer handed over", named(row), actor=by)
            return claim

    def again(self, incident: str, answer: int, question: int, by: str, now: datetime) -> None:
        """Let a reply be sent once more, as a person decided; the same person may hear it twice. Raises NotAllowed."""
        with self._store.write() as write:
            row = locked(write, reply_name(incident, answer, question))
            if row.state not in AGAIN or ReplyChannel(row.channel).kind is None:
                raise NotAllowed(f"the reply to question {question} by {row.channel} is {row.state}")
            settle(row, OutgoingState.WAITING, now, "")
            row.next_try_at = now
            write.note(now, incident, "reply again", named(row), actor=by)

    def called(self, incident: str, question: int, by: str, now: datetime) -> int:
        """Record that a member told the person the newest answer by telephone; return the answer. Raises NotAllowed."""
        with self._store.write() as write:
            write.incident(incident)
            row = next(filter(_is_call, _of_question(write.session, incident, question)), None)
            if row is None:
                raise NotAllowed(f"no answer to question {question} waits for this")
            row.channel = ReplyChannel.CALL.value
            settle(row, OutgoingState.DELIVERED, now, f"by {by}")
            write.note(now, incident, "reply call", named(row), actor=by)
            return int(row.subject)

    def posted(self, incident: str, question: int, url: str, by: str, now: datetime) -> int:
        """Record where the newest answer stands in public; return the answer. A second address changes nothing.

        Raises NotAllowed without an approved answer.
        """
        with self._store.write() as write:
            row = _newest_post(write, incident, question)
            if row.state in MAY_BE_POSTED:
                row.provider_id = url
                settle(row, OutgoingState.SENT, now, f"by {by}")
                write.note(now, incident, "reply public", named(row), actor=by, url=url)
            return int(row.subject)

    def all(self, incident: str, *, question: int | None = None) -> tuple[ReplyLine, ...]:
        """Return the state of each reply, without personal data, the newest answer first."""
        query = select(OutgoingRow).where(*replies_of(incident))
        if question is not None:
            query = query.where(OutgoingRow.reader == str(question))
        with self._store.read() as session:
            return tuple(map(_as_value, sorted(session.exec(query).all(), key=_newest_first)))

    def calls(self, incident: str) -> tuple[ByHand, ...]:
        """Return the answers that somebody must bring: to callers, to private posts, and where another way failed."""
        query = select(OutgoingRow).where(
            *replies_of(incident), col(OutgoingRow.state).in_([OutgoingState.WAITING, *NOT_HEARD])
        )
        with self._store.read() as session:
            rows = sorted(
                filter(_is_call, session.exec(query).all()), key=lambda row: (int(row.subject), int(row.reader))
            )
            return tuple(self._as_by_hand(session, row) for row in rows)

    def opened(self, name: OutgoingName) -> tuple[ReplyContent, ReplyReader]:
        """Return the content and the reader of a reply; what was altered or moved is empty. Raises DataDestroyed."""
        with self._store.read() as session:
            return self._opened(session, session.get_one(OutgoingRow, tuple(name)))

    def _as_by_hand(self, session: Session, row: OutgoingRow) -> ByHand:
        content, to = self._opened(session, row)
        phone = to.address if row.channel == ReplyChannel.CALL else self._phone(session, row)
        to = ReplyReader(phone, to.name, to.link, to.country, to.timezone)
        return ByHand(int(row.subject), int(row.reader), OutgoingState(row.state), row.detail, to, content)

    def _phone(self, session: Session, row: OutgoingRow) -> str:
        asked = question_row(session, row.incident, int(row.reader))
        if asked.person is None:
            return ""
        return addresses(session, self._store.seal(session, row.incident), row.incident, asked.person)[1]

    def _opened(self, session: Session, row: OutgoingRow) -> tuple[ReplyContent, ReplyReader]:
        """Return the content and the addressee of a reply; what was altered or moved is empty."""
        seal = self._store.seal(session, row.incident)
        asked = question_row(session, row.incident, int(row.reader))
        answer = session.get_one(AnswerRow, (row.incident, int(row.subject)))
        address = opened(seal, row.sealed_address, address_place(name_of(row))) or ""
        return _content(session, seal, asked, answer, row), self._addressee(session, seal, asked, address)

    def _addressee(self, session: Session, seal: Seal, asked: QuestionRow, address: str) -> ReplyReader:
        """Return who reads the reply: only an address of the person's own gets their name and their link."""
        if asked.person is None:
            return ReplyReader(address)
        about = session.get(PersonRow, (asked.incident, asked.person))
        try:
            reader = opened_person(asked.incident, reader_of(session, asked.incident, asked.person), seal)
        except (KeyMissing, NotInLedger):
            return ReplyReader(address)
        if about is None or address.lower() not in ("", reader.email.lower(), reader.phone):
            return ReplyReader(address, country=reader.country, timezone=reader.timezone)
        link = self._store.keys.link_token(asked.incident, asked.person, about.link_version)
        return ReplyReader(address, reader.name, link, reader.country, reader.timezone)


def _of_question(session: Session, incident: str, question: int) -> list[OutgoingRow]:
    """Return the replies to a question, the one with the newest answer first, locked."""
    query = select(OutgoingRow).where(*replies_of(incident), OutgoingRow.reader == str(question)).with_for_update()
    return sorted(session.exec(query).all(), key=_newest_first)


def _newest_first(row: OutgoingRow) -> tuple[int, int]:
    return -int(row.subject), int(row.reader)


def _is_call(row: OutgoingRow) -> bool:
    """Return True when a member must bring this reply."""
    return row.state in NOT_HEARD or (row.channel == ReplyChannel.CALL and row.state == OutgoingState.WAITING)


def _newest_post(write: Transaction, incident: str, question: int) -> OutgoingRow:
    """Lock the incident and return the public reply with the newest answer to this question. Raises NotAllowed."""
    write.incident(incident)
    for row in _of_question(write.session, incident, question):
        if row.channel == ReplyChannel.PUBLIC and row.state != OutgoingState.WITHDRAWN:
            return row
    do = f"another member must approve one: `amends mentions approve {incident} {question} --as NAME`"
    raise NotAllowed(f"question {question} has no approved answer to be posted; {do}")


def _refuse_to_post(session: Session, row: OutgoingRow, *, again: bool) -> None:
    """Raise NotAllowed for a reply that stands, may stand, is being posted, or is wrong."""
    if later := correction_of(session, row.incident, int(row.subject)):
        raise NotAllowed(f"answer {row.subject} is wrong, and its correction, answer {later}, waits for approval")
    if again and row.state in IN_HAND:
        raise NotAllowed(f"the answer to question {row.reader} is being posted; look again in {LEASE}")
    if row.state != OutgoingState.WAITING and not (again and row.state == OutgoingState.UNCERTAIN):
        raise NotAllowed(
            f"the answer to question {row.reader} was posted, or may have been: look at the account, then "
            f"`amends mentions posted {row.incident} {row.reader} --url URL --as NAME`, or post it `--again`"
        )


def _content(session: Session, seal: Seal, asked: QuestionRow, answer: AnswerRow, row: OutgoingRow) -> ReplyContent:
    texts = texts_of(answer, seal)
    locale = best_locale(texts, asked.locale) or asked.locale
    wrong = session.get(AnswerRow, (row.incident, answer.corrects)) if row.apologises and answer.corrects else None
    return ReplyContent(
        kind=AnswerKind(answer.kind),
        locale=locale,
        text=texts.get(locale, ""),
        question=opened(seal, asked.sealed_text, question_place(asked.incident, asked.id, "text")) or "",
        asked_at=asked.asked_at,
        answered_at=answer.approved_at or answer.at,
        wrong_at=(wrong.approved_at or wrong.at) if wrong else None,
        sender=sender_of(asked, seal),
    )


def _as_value(row: OutgoingRow) -> ReplyLine:
    return ReplyLine(
        answer=int(row.subject),
        question=int(row.reader),
        channel=ReplyChannel(row.channel),
        state=OutgoingState(row.state),
        apologises=row.apologises,
        tries=row.tries,
        next_try_at=row.next_try_at,
        detail=row.detail,
        url=row.provider_id if row.channel == ReplyChannel.PUBLIC else "",
        at=row.at,
    )
