"""Replies in the ledger: each answer on its way to the person who asked, claimed, marked and recorded.

A reply leaves once: `sending` is committed before anything irrevocable, `in_doubt` before the final dot. After a crash
the first waits again, the second is uncertain, and only a person sends it once more.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hmac import compare_digest

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from amends.domain.base.errors import KeyMissing, NotAllowed, NotInLedger
from amends.domain.base.text import minute
from amends.domain.case.case import Embargo, IncidentState
from amends.domain.channel.channel import Receipt, Status
from amends.domain.feedback.answer import (
    NOT_HEARD,
    AnswerKind,
    ReplyChannel,
    ReplyLine,
    ReplyState,
    best_locale,
    next_try,
)
from amends.domain.feedback.question import Sender
from amends.ledger.feedback.answering import (
    address_place,
    addresses,
    correction_of,
    key_index,
    reply_key,
    sender_of,
    texts_of,
)
from amends.ledger.feedback.question_rows import opened, question_place, question_row
from amends.ledger.incident.incidents import note_alert
from amends.ledger.people.opt_outs import reader_of
from amends.ledger.people.people import opened_person
from amends.ledger.store.encryption import Seal
from amends.ledger.store.session import Store, Write, incident_row
from amends.ledger.store.tables import AnswerRow, IncidentRow, LoggedMessageRow, PersonRow, QuestionRow, ReplyRow

LEASE = timedelta(minutes=15)
"""The time after which a worker that has not recorded a reply counts as dead; longer than a relay's final reply."""
IN_HAND = (ReplyState.SENDING, ReplyState.IN_DOUBT)
AGAIN = (ReplyState.UNCERTAIN, ReplyState.FAILED, ReplyState.BOUNCED)
"""The states of replies that a person may send once more."""
TAKES_RECEIPT = (ReplyState.SENDING, ReplyState.IN_DOUBT, ReplyState.UNCERTAIN)
"""The states in which a receipt counts; a worker that counted as dead may still bring one."""
MAY_BE_POSTED = (ReplyState.WAITING, ReplyState.SENDING, ReplyState.IN_DOUBT, ReplyState.UNCERTAIN)
"""The states of public replies of which a member can say that they stand."""
LEADS_TO = {
    ReplyState.DELIVERED: (ReplyState.SENT, ReplyState.UNCERTAIN),
    ReplyState.BOUNCED: (ReplyState.SENT, ReplyState.UNCERTAIN),
}
"""The states from which a report of a mail server or a gateway leads to each state."""
NO_NUMBER = 0
"""The number of a message in the bounce token of a reply; messages of notices have numbers from 1 on."""


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
class ReplyClaim:
    """A claim on a reply, which this worker alone may send; see Claim for the messages of notices."""

    incident: str
    answer: int
    question: int
    channel: ReplyChannel
    tries: int
    """The number of claims, this one included; the fencing token."""
    key: str
    bounce: str
    to: ReplyReader
    content: ReplyContent


@dataclass(frozen=True, slots=True)
class ByHand:
    """An answer that a member brings, by telephone or in private. Holds personal data: never log or print it."""

    answer: int
    question: int
    state: ReplyState
    detail: str
    to: ReplyReader
    content: ReplyContent


class Replies:
    """The replies to the people who asked something."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def due(self, incident: str, now: datetime) -> frozenset[ReplyChannel]:
        """Return the channels on which a reply is due; also those on which a worker has died. Reads little."""
        waits = (col(ReplyRow.state) == ReplyState.WAITING) & (col(ReplyRow.next_try_at) <= now)
        left = col(ReplyRow.state).in_(IN_HAND) & (col(ReplyRow.claimed_until) <= now)
        query = select(ReplyRow.channel).where(ReplyRow.incident == incident, waits | left).distinct()
        with self._store.read() as session:
            found = frozenset(map(ReplyChannel, session.exec(query)))
        return frozenset(channel for channel in found if channel.kind)

    def why_shut(self, incident: str, now: datetime) -> str:
        """Return why no reply of this incident may leave now: a pause or an embargo; empty when they may."""
        with self._store.read() as session:
            return why_shut_now(incident_row(session, incident), now)

    def claim(self, incident: str, channels: Collection[ReplyChannel], now: datetime) -> ReplyClaim | None:
        """Claim the next due reply on these channels, or return None when none is due.

        Raises NotAllowed while the incident is paused or under an embargo, and LedgerRestored.
        """
        while True:
            with self._store.write() as write:
                self._store.refuse_if_restored(write.session)
                _require_open(write, incident, now)
                row = _next_due(write.session, incident, channels, now)
                if row is None:
                    return None
                if claim := self._claimed(write, row, now):
                    return claim

    def claim_post(self, incident: str, question: int, by: str, now: datetime, *, again: bool = False) -> ReplyClaim:
        """Claim the public reply with the newest answer to this question, as a member decided.

        Raises NotAllowed without an approved answer; for one that stands or may stand, the latter without `again`;
        and while the incident is paused or under an embargo. Raises NotInLedger, LedgerRestored.
        """
        with self._store.write() as write:
            self._store.refuse_if_restored(write.session)
            _require_open(write, incident, now)
            row = _newest_post(write, incident, question)
            _refuse_to_post(write.session, row, again=again)
            claim = self._claimed(write, row, now)
            if claim is None:
                raise NotAllowed(f"the answer to question {question} or its account cannot be read")
            write.note(now, incident, "public answer handed over", _name(row), actor=by)
            return claim

    def _claimed(self, write: Write, row: ReplyRow, now: datetime) -> ReplyClaim | None:
        """Return the claim on this reply; None when it cannot be read, or has left by a relay's log."""
        key = reply_key(self._store.keys, row.incident, row.answer, row.question)
        if logged := write.session.get(LoggedMessageRow, key):
            _settle(row, ReplyState.UNCERTAIN if logged.unclear else ReplyState.SENT, now, "named in the relay's log")
            return None
        content, to = self._opened(write.session, row)
        if not (content.text and to.address):
            _fail(write, row, "the answer or the address cannot be read", now)
            return None
        row.state, row.tries, row.claimed_until, row.at = ReplyState.SENDING.value, row.tries + 1, now + LEASE, now
        return ReplyClaim(
            incident=row.incident,
            answer=row.answer,
            question=row.question,
            channel=ReplyChannel(row.channel),
            tries=row.tries,
            key=key,
            bounce=self._store.keys.bounce_token(NO_NUMBER, key),
            to=to,
            content=content,
        )

    def leave(self, claim: ReplyClaim, now: datetime) -> bool:
        """Commit the mark that the reply may have left, and return True; False when it must not leave."""
        with self._store.write() as write:
            row = _locked(write, claim)
            try:
                _require_open(write, claim.incident, now)
            except NotAllowed:
                return False
            if row.tries != claim.tries or row.state != ReplyState.SENDING:
                return False
            row.state, row.at = ReplyState.IN_DOUBT.value, now
            return True

    def record(self, claim: ReplyClaim, receipt: Receipt, now: datetime) -> ReplyState:
        """Record the channel's receipt, and return the new state; a receipt for an older claim changes nothing.

        A reply that fails for good is an alert, and somebody calls the person.
        """
        with self._store.write() as write:
            row = _locked(write, claim)
            if row.tries != claim.tries or row.state not in TAKES_RECEIPT:
                return ReplyState(row.state)
            row.provider_id = receipt.provider_id or row.provider_id
            refused = receipt.status in (Status.DEFERRED, Status.REJECTED)
            if refused and row.channel == ReplyChannel.PUBLIC:  # only a member has it posted
                _settle(row, ReplyState.WAITING, now, receipt.detail)
            elif receipt.status is Status.DEFERRED and (wait := next_try(row.tries, receipt.retry_after)):
                _settle(row, ReplyState.WAITING, now, receipt.detail)
                row.next_try_at = now + wait
            elif refused:
                _fail(write, row, receipt.detail, now)
            elif receipt.status is Status.UNCERTAIN:
                _doubt(write, row, receipt.detail, now)
            else:
                state = ReplyState.DELIVERED if receipt.status is Status.DELIVERED else ReplyState.SENT
                _settle(row, state, now, receipt.detail)
            write.note(now, claim.incident, "reply", _name(row), state=row.state, channel=row.channel)
            return ReplyState(row.state)

    def postpone(self, claim: ReplyClaim, until: datetime, why: str, now: datetime) -> None:
        """Let a claimed reply that was not tried wait until this time; the claim counts as no try."""
        with self._store.write() as write:
            row = _locked(write, claim)
            if row.tries == claim.tries and row.state == ReplyState.SENDING:
                _settle(row, ReplyState.WAITING, now, why)
                row.next_try_at = until

    def recover(self, incident: str, now: datetime) -> tuple[int, int]:
        """Recover the replies of workers that have died; return how many wait again, and how many are uncertain."""
        lost = (ReplyRow.incident == incident, col(ReplyRow.state).in_(IN_HAND), col(ReplyRow.claimed_until) <= now)
        with self._store.read() as session:
            if session.exec(select(ReplyRow.question).where(*lost).limit(1)).first() is None:
                return 0, 0
        with self._store.write() as write:
            write.incident(incident)
            rows = write.session.exec(select(ReplyRow).where(*lost).with_for_update()).all()
            doubtful = [row for row in rows if row.state == ReplyState.IN_DOUBT]
            for row in rows:
                if row in doubtful:
                    _doubt(write, row, "the sender stopped before an answer came", now)
                else:
                    _settle(row, ReplyState.WAITING, now, "")
                    row.next_try_at = now
            waiting = len(rows) - len(doubtful)
            write.note(now, incident, "replies recovered", waiting=waiting, uncertain=len(doubtful))
            return waiting, len(doubtful)

    def again(self, incident: str, answer: int, question: int, by: str, now: datetime) -> None:
        """Let a reply be sent once more, as a person decided; the same person may hear it twice. Raises NotAllowed."""
        with self._store.write() as write:
            row = _found(write, incident, answer, question)
            if row.state not in AGAIN or ReplyChannel(row.channel).kind is None:
                raise NotAllowed(f"the reply to question {question} by {row.channel} is {row.state}")
            _settle(row, ReplyState.WAITING, now, "")
            row.next_try_at = now
            write.note(now, incident, "reply again", _name(row), actor=by)

    def called(self, incident: str, question: int, by: str, now: datetime) -> int:
        """Record that a member told the person the newest answer by telephone; return the answer. Raises NotAllowed."""
        with self._store.write() as write:
            write.incident(incident)
            rows = write.session.exec(_of_question(incident, question).with_for_update()).all()
            row = next((one for one in rows if _is_call(one)), None)
            if row is None:
                raise NotAllowed(f"no answer to question {question} waits for this")
            row.channel = ReplyChannel.CALL.value
            _settle(row, ReplyState.DELIVERED, now, f"by {by}")
            write.note(now, incident, "reply call", _name(row), actor=by)
            return row.answer

    def posted(self, incident: str, question: int, url: str, by: str, now: datetime) -> int:
        """Record where the newest answer stands in public; return the answer. A second address changes nothing.

        Raises NotAllowed without an approved answer.
        """
        with self._store.write() as write:
            row = _newest_post(write, incident, question)
            if row.state in MAY_BE_POSTED:
                row.provider_id = url
                _settle(row, ReplyState.SENT, now, f"by {by}")
                write.note(now, incident, "reply public", _name(row), actor=by, url=url)
            return row.answer

    def all(self, incident: str, *, question: int | None = None) -> tuple[ReplyLine, ...]:
        """Return the state of each reply, without personal data, the newest answer first."""
        query = select(ReplyRow).where(ReplyRow.incident == incident)
        if question is not None:
            query = query.where(ReplyRow.question == question)
        with self._store.read() as session:
            rows = session.exec(query.order_by(col(ReplyRow.answer).desc(), col(ReplyRow.question)))
            return tuple(map(_as_value, rows))

    def calls(self, incident: str) -> tuple[ByHand, ...]:
        """Return the answers that somebody must bring: to callers, to private posts, and where another way failed."""
        query = (
            select(ReplyRow).where(ReplyRow.incident == incident).order_by(col(ReplyRow.answer), col(ReplyRow.question))
        )
        states = [ReplyState.WAITING, *NOT_HEARD]
        with self._store.read() as session:
            rows = session.exec(query.where(col(ReplyRow.state).in_(states))).all()
            return tuple(self._as_by_hand(session, row) for row in rows if _is_call(row))

    def _as_by_hand(self, session: Session, row: ReplyRow) -> ByHand:
        content, to = self._opened(session, row)
        phone = to.address if row.channel == ReplyChannel.CALL else self._phone(session, row)
        to = ReplyReader(phone, to.name, to.link, to.country, to.timezone)
        return ByHand(row.answer, row.question, ReplyState(row.state), row.detail, to, content)

    def _phone(self, session: Session, row: ReplyRow) -> str:
        asked = question_row(session, row.incident, row.question)
        if asked.person is None:
            return ""
        return addresses(session, self._store.seal(session, row.incident), row.incident, asked.person)[1]

    def _opened(self, session: Session, row: ReplyRow) -> tuple[ReplyContent, ReplyReader]:
        """Return the content and the addressee of a reply; what was altered or moved is empty."""
        seal = self._store.seal(session, row.incident)
        asked = question_row(session, row.incident, row.question)
        answer = session.get_one(AnswerRow, (row.incident, row.answer))
        place = address_place(row.incident, row.answer, row.question)
        address = opened(seal, row.sealed_address, place) or ""
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

    # Reports of mail servers and gateways.

    def named(self, token: str) -> tuple[str, int, int] | None:
        """Return incident, answer and question of the reply that a bounce token names; None for any other token."""
        number, start = self._store.keys.bounced(token) or (-1, "")
        return self._by_half(start) if number == NO_NUMBER else None

    def agrees(self, name: tuple[str, int, int], message_id: str) -> bool:
        """Return True when the Message-ID is absent, the reply's own, or a relay's with the relay's id in it."""
        local = message_id.strip("<>").rpartition("@")[0].lower()
        if not message_id or compare_digest(local.encode(), reply_key(self._store.keys, *name).encode()):
            return True
        with self._store.read() as session:
            row = session.get(ReplyRow, name)
            return row is not None and row.provider_id != "" and row.provider_id.lower() in message_id.lower()

    def answered(self, keys: Iterable[str]) -> tuple[str, int, int] | None:
        """Return incident, answer and question of the first reply whose Message-ID has one of these keys, or None."""
        for key in keys:
            found = self._by_half(key[:16])
            if found and compare_digest(reply_key(self._store.keys, *found), key):
                return found
        return None

    def by_gateway(self, provider_id: str, key: str) -> tuple[str, int, int] | None:
        """Return incident, answer and question of the SMS with this name or key, or None."""
        if key:
            return self.answered((key,))
        query = select(ReplyRow).where(ReplyRow.channel == ReplyChannel.SMS, ReplyRow.provider_id == provider_id)
        with self._store.read() as session:
            rows: Sequence[ReplyRow] = session.exec(query.limit(2)).all() if provider_id else ()
            return (rows[0].incident, rows[0].answer, rows[0].question) if len(rows) == 1 else None

    def reported(self, name: tuple[str, int, int], state: ReplyState, detail: str, now: datetime) -> bool:
        """Record what a report says of a reply, and return True; False when that changes nothing."""
        with self._store.write() as write:
            row = _found(write, *name)
            if row.state not in LEADS_TO.get(state, ()):
                return False
            _settle(row, state, now, detail)
            write.note(now, row.incident, "reply", _name(row), state=row.state, channel=row.channel)
            if state is ReplyState.BOUNCED:
                _alert_failed(write, row, now)
            return True

    def _by_half(self, half: str) -> tuple[str, int, int] | None:
        with self._store.read() as session:
            query = select(ReplyRow).where(ReplyRow.key_index == key_index(self._store.keys, half))
            row = session.exec(query).first()
            return (row.incident, row.answer, row.question) if row else None


def _require_open(write: Write, incident: str, now: datetime) -> None:
    """Raise NotAllowed while the incident is paused or under an embargo."""
    if why := why_shut_now(write.incident(incident), now):
        raise NotAllowed(why)


def why_shut_now(row: IncidentRow, now: datetime) -> str:
    """Return why no message to a person of this incident may leave now, a pause or an embargo; empty when it may."""
    if row.state == IncidentState.PAUSED:
        return f"incident {row.id} is paused; `amends incident resume {row.id} --as NAME` lets it go on"
    if row.embargo_until and now < row.embargo_until:
        return Embargo(until=row.embargo_until, why=row.embargo_why).says(row.id)
    return ""


def _next_due(
    session: Session, incident: str, channels: Collection[ReplyChannel], now: datetime
) -> ReplyRow | None:  # fmt: skip
    query = (
        select(ReplyRow)
        .where(
            ReplyRow.incident == incident,
            ReplyRow.state == ReplyState.WAITING,
            col(ReplyRow.next_try_at) <= now,
            col(ReplyRow.channel).in_([channel.value for channel in channels]),
        )
        .order_by(col(ReplyRow.next_try_at), col(ReplyRow.answer), col(ReplyRow.question))
    )
    return session.exec(query.limit(1).with_for_update(skip_locked=True)).first()


def _locked(write: Write, claim: ReplyClaim) -> ReplyRow:
    return _found(write, claim.incident, claim.answer, claim.question)


def _found(write: Write, incident: str, answer: int, question: int) -> ReplyRow:
    """Lock the incident and return the reply. Raises NotInLedger, DataDestroyed."""
    write.incident(incident)
    row = write.session.get(ReplyRow, (incident, answer, question), with_for_update=True)
    if row is None:
        raise NotInLedger(f"answer {answer} has no reply to question {question}; `amends questions replies {incident}`")
    return row


def _of_question(incident: str, question: int) -> SelectOfScalar[ReplyRow]:
    here = (ReplyRow.incident == incident, ReplyRow.question == question)
    return select(ReplyRow).where(*here).order_by(col(ReplyRow.answer).desc())


def _is_call(row: ReplyRow) -> bool:
    """Return True when a member must bring this reply."""
    return row.state in NOT_HEARD or (row.channel == ReplyChannel.CALL and row.state == ReplyState.WAITING)


def _newest_post(write: Write, incident: str, question: int) -> ReplyRow:
    """Lock the incident and return the public reply with the newest answer to this question. Raises NotAllowed."""
    write.incident(incident)
    here = (ReplyRow.channel == ReplyChannel.PUBLIC, ReplyRow.state != ReplyState.WITHDRAWN)
    row = write.session.exec(_of_question(incident, question).where(*here).with_for_update()).first()
    if row is None:
        do = f"another member must approve one: `amends mentions approve {incident} {question} --as NAME`"
        raise NotAllowed(f"question {question} has no approved answer to be posted; {do}")
    return row


def _refuse_to_post(session: Session, row: ReplyRow, *, again: bool) -> None:
    """Raise NotAllowed for a reply that stands, may stand, is being posted, or is wrong."""
    if later := correction_of(session, row.incident, row.answer):
        raise NotAllowed(f"answer {row.answer} is wrong, and its correction, answer {later}, waits for approval")
    if again and row.state in IN_HAND:
        raise NotAllowed(f"the answer to question {row.question} is being posted; look again in {LEASE}")
    if row.state != ReplyState.WAITING and not (again and row.state == ReplyState.UNCERTAIN):
        raise NotAllowed(
            f"the answer to question {row.question} was posted, or may have been: look at the account, then "
            f"`amends mentions posted {row.incident} {row.question} --url URL --as NAME`, or post it `--again`"
        )


def _settle(row: ReplyRow, state: ReplyState, now: datetime, detail: str) -> None:
    row.state, row.at, row.detail = state.value, now, detail
    row.claimed_until = row.next_try_at = None


def _fail(write: Write, row: ReplyRow, why: str, now: datetime) -> None:
    _settle(row, ReplyState.FAILED, now, why)
    _alert_failed(write, row, now)


def _doubt(write: Write, row: ReplyRow, why: str, now: datetime) -> None:
    _settle(row, ReplyState.UNCERTAIN, now, why)
    see = f"`amends {'mentions list' if row.channel == ReplyChannel.PUBLIC else 'questions replies'} {row.incident}`"
    what = f"nobody knows whether {_name(row)} has left at {minute(now)}; {see}"
    note_alert(write, row.incident, what, now)


def _alert_failed(write: Write, row: ReplyRow, now: datetime) -> None:
    do = f"`amends questions calls {row.incident}` says whom to call"
    note_alert(write, row.incident, f"{_name(row)} did not arrive by {row.channel}; {do}", now)


def _name(row: ReplyRow) -> str:
    return f"answer {row.answer} to question {row.question}"


def _content(
    session: Session, seal: Seal, asked: QuestionRow, answer: AnswerRow, row: ReplyRow
) -> ReplyContent:  # fmt: skip
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


def _as_value(row: ReplyRow) -> ReplyLine:
    return ReplyLine(
        answer=row.answer,
        question=row.question,
        channel=ReplyChannel(row.channel),
        state=ReplyState(row.state),
        apologises=row.apologises,
        tries=row.tries,
        next_try_at=row.next_try_at,
        detail=row.detail,
        url=row.provider_id if row.channel == ReplyChannel.PUBLIC else "",
        at=row.at,
    )
