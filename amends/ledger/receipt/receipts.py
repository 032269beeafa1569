"""Reports about sent messages: take in bounces, complaints and receipts. Only true reports change anything."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hmac import compare_digest
from typing import Any

from sqlalchemy import text
from sqlmodel import Session, col, select

from amends.domain.base.errors import DataDestroyed
from amends.domain.base.value import LARGEST_NUMBER
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import ReceiptCause, Status
from amends.domain.channel.outgoing import OutgoingName, OutgoingState
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.notice.notice import DeliveryState
from amends.domain.receipt.codes import OURS
from amends.domain.receipt.dsn import MailReport, ReportKind
from amends.domain.receipt.webhook import ProviderReceipt
from amends.ledger.deliver.cascade import call_after_the_end, pass_on, released_last
from amends.ledger.incident.incidents import note_alert
from amends.ledger.notice.notices import Notices
from amends.ledger.outbox.reports import OutgoingReports
from amends.ledger.people.opt_outs import opted_out
from amends.ledger.store.bulk import among, listed, statement
from amends.ledger.store.leases import lock, recall
from amends.ledger.store.session import Store, Transaction
from amends.ledger.tables.deliver import DUE, MAIL, TRACKED, TROUBLED, DeliveryRow, LeaseRow, MarkRow
from amends.ledger.tables.incident import IncidentRow
from amends.ledger.tables.notice import RestoredNoticeRow

Report = MailReport | ProviderReceipt
"""A report about a message by a mail server, by the person's own provider, or by an SMS gateway."""


class Effect(StrEnum):
    """The effect of a report; the first five are the new state of the message."""

    DELIVERED = "delivered"
    SENT = "sent"
    COMPLAINED = "complained"
    UNCERTAIN = "uncertain"
    BOUNCED = "bounced"
    UNCHANGED = "unchanged"
    """The report is true, but the ledger knows as much already, or the message is to leave once more."""
    HARMLESS = "harmless"
    """The report about our message settles nothing: the message is delayed, or a machine answered."""
    OPTED_OUT = "opted_out"
    """A person replied with a word such as stop, and gets no optional messages any more."""
    OPTED_IN = "opted_in"
    """A person replied with a word such as start, and gets optional messages again."""
    ASKED = "asked"
    """A person replied, and the reply stands among the questions."""
    UNCLEAR = "unclear"
    """The report about our message is no machine's: perhaps a person wrote."""
    CONTRADICTED = "contradicted"
    """The report's token names one message and its Message-ID another."""
    FOREIGN = "foreign"
    """The report names no message of ours, or its token is forged."""

    @property
    def understood(self) -> bool:
        """Return True when no person needs to look at the report itself."""
        return self not in (self.UNCLEAR, self.CONTRADICTED, self.FOREIGN)


@dataclass(frozen=True, slots=True)
class Reported:
    """The effects of some reports, without personal data."""

    each: tuple[Effect, ...]
    """The effect of each report, in the order of the reports."""
    handed_over: int = 0
    """The number of people who now get a message on the next channel."""
    waiting: frozenset[tuple[str, str]] = frozenset()
    """The incident and the notice of each of these new messages."""

    @property
    def counts(self) -> dict[Effect, int]:
        """Count the reports by effect."""
        counted = Counter(self.each)
        return {effect: counted[effect] for effect in Effect if counted[effect]}


KINDS: dict[ReportKind, DeliveryState | Effect] = {
    ReportKind.FAILED: DeliveryState.BOUNCED,
    ReportKind.GAVE_UP: DeliveryState.BOUNCED,
    ReportKind.DELIVERED: DeliveryState.DELIVERED,
    ReportKind.COMPLAINED: DeliveryState.COMPLAINED,
    ReportKind.DELAYED: Effect.HARMLESS,
    ReportKind.AUTO_REPLY: Effect.HARMLESS,
    ReportKind.UNKNOWN: Effect.UNCLEAR,
}
RECEIPTS: dict[Status, DeliveryState | Effect] = {
    Status.SENT: DeliveryState.SENT,
    Status.DELIVERED: DeliveryState.DELIVERED,
    Status.REJECTED: DeliveryState.BOUNCED,
    # The gateway gave up. The message is not sent there again: a gateway that knows our idempotency key would answer
    # `sent` and send nothing.
    Status.DEFERRED: DeliveryState.BOUNCED,
    Status.UNCERTAIN: DeliveryState.UNCERTAIN,
}
REPLIES = {DeliveryState.BOUNCED: OutgoingState.BOUNCED, DeliveryState.DELIVERED: OutgoingState.DELIVERED}
"""The state of a reply to a question for each reported state that counts for it."""
SENT, UNCERTAIN, DELIVERED = DeliveryState.SENT, DeliveryState.UNCERTAIN, DeliveryState.DELIVERED
TO_LEAVE_AGAIN = (DeliveryState.WAITING, DeliveryState.DEFERRED, DeliveryState.PARKED)
"""The states of a message that was tried before and is to be tried again, for PARKED by a person's decision."""
BEFORE = {
    SENT: (UNCERTAIN,),
    UNCERTAIN: (SENT,),
    DELIVERED: (SENT, UNCERTAIN, *TO_LEAVE_AGAIN),
    # Not after delivered: the mailbox took the message, and a later bounce is of a copy that the mailbox forwarded.
    DeliveryState.BOUNCED: (SENT, UNCERTAIN),
    # Not after bounced: the next channel has taken over, and the counts of messages that may leave rely on that.
    DeliveryState.COMPLAINED: (SENT, UNCERTAIN, DELIVERED, *TO_LEAVE_AGAIN),
}
"""The states from which a report leads to each state; a claimed message with a commit mark may change to each too."""
HAS_IT = (DELIVERED, DeliveryState.COMPLAINED)
"""The states of a message that the person has, so that it need not leave again."""

PAGE = 2_000
MESSAGE = ("id", "incident", "notice", "person", "channel", "address_index", "state", "provider_id")
NAMED_BY_PROVIDER = f"""
SELECT {", ".join(MESSAGE)} FROM delivery WHERE {TRACKED} AND provider_id <> '' AND provider_id = :name
"""
"""The query is spelled as its index is; otherwise the index would not be used."""
TO_LOOK_AT = f"""
SELECT {", ".join(MESSAGE)}
FROM (SELECT DISTINCT incident AS of_incident, notice AS of_notice FROM release) AS released CROSS JOIN delivery
WHERE incident = of_incident AND notice = of_notice AND state IN ('uncertain', 'parked') AND {TROUBLED}
AND {TRACKED}
"""
"""CROSS JOIN makes SQLite begin with the few releases and use an index for their messages."""
TRIED_BEFORE = f"""
SELECT {", ".join(MESSAGE)} FROM delivery WHERE state IN {DUE} AND {TRACKED} AND (attempts > 0 OR doubtful)
"""
"""The query also asks for `doubtful`, because the attempts of a message that was parked begin again at 0."""
LEAVING = f"SELECT {', '.join(MESSAGE)} FROM delivery WHERE state = 'claimed' AND {TRACKED} AND "


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A stored message, with the columns that reports are compared with."""

    id: int
    incident: str
    notice: str
    person: int
    channel: str
    address_index: bytes
    state: str
    provider_id: str


@dataclass(frozen=True, slots=True)
class ReceiptNews:
    """A true report, with the new state of its message."""

    place: int
    """The position of the report among all reports."""
    message: StoredMessage
    state: DeliveryState
    before: tuple[DeliveryState, ...]
    """The states from which the message may change to the new state."""
    detail: str
    ours: bool = False
    """True when the reason lies with us: the sender, the text, the account."""
    cause: ReceiptCause = ReceiptCause.NONE
    provider_id: str = ""


@dataclass(frozen=True, slots=True)
class ReceiptsTaken:
    """The result of one transaction that takes in reports."""

    changed: tuple[ReceiptNews, ...] = ()
    handed_over: int = 0
    missed: tuple[ReceiptNews, ...] = ()
    """Reports whose messages another transaction has locked, or a worker has just claimed."""


class Receipts:
    """The reports of a ledger: a report counts only if it proves to know its message, and counts once if repeated."""

    def __init__(self, store: Store, notices: Notices, reports: OutgoingReports) -> None:
        self._store = store
        self._notices = notices
        self._reports = reports

    def take(self, reports: Iterable[Report], now: datetime) -> Reported:
        """Take in reports of mail servers, providers and gateways, and return their effects; false ones change nothing.

        The caller has checked the signature of a gateway's receipt. After a bounce the next channel of the cascade
        takes over, and the notice is being sent again. Safe to repeat. Raises LedgerRestored: an older copy does not
        know all messages that had left, and would take reports about them for foreign ones.
        """
        everything = tuple(reports)
        with self._store.read() as session:
            self._store.refuse_if_restored(session)
            anew = self._stored_anew(session, [one.token for one in everything if isinstance(one, MailReport)])
            looked = [self._look(session, place, report, anew) for place, report in enumerate(everything)]
        each = [one if isinstance(one, Effect) else Effect.UNCHANGED for one in looked]
        handed_over = 0
        waiting: set[tuple[str, str]] = set()
        for (incident, notice), news in _by_notice(looked).items():
            for taken in self._take_in_all(incident, notice, news, now):
                for one in taken.changed:
                    each[one.place] = Effect(one.state)
                handed_over += taken.handed_over
                waiting |= {(incident, notice)} if taken.handed_over else set()
        of_replies = (self._of_reply(report, effect, now) for report, effect in zip(everything, each, strict=True))
        return Reported(tuple(of_replies), handed_over, frozenset(waiting))

    def _of_reply(self, report: Report, effect: Effect, now: datetime) -> Effect:
        """Return the effect of a report about the reply to a question; any other report keeps its effect."""
        reply = self._reply(report) if effect is Effect.FOREIGN else None
        if reply is None:
            return effect
        state = KINDS[report.kind] if isinstance(report, MailReport) else RECEIPTS[report.status]
        if isinstance(state, Effect):
            return state
        with suppress(DataDestroyed):
            if state in REPLIES and self._reports.reported(reply, REPLIES[state], report.detail, now):
                return Effect(state)
        return Effect.UNCHANGED

    def _reply(self, report: Report) -> OutgoingName | None:
        """Return the reply that a report names, or None; a Message-ID that is not the reply's own contradicts it."""
        if isinstance(report, ProviderReceipt):
            return self._reports.by_gateway(report.provider_id, report.key)
        named = self._reports.named(report.token)
        return named if named and self._reports.agrees(named, report.message_id) else None

    def _look(
        self, session: Session, place: int, report: Report, anew: Mapping[str, StoredMessage]
    ) -> ReceiptNews | Effect:
        """Return the change that this report makes, or the effect of a report that changes nothing."""
        message = (
            self._by_token(session, report, anew)
            if isinstance(report, MailReport)
            else self._by_gateway(session, report)
        )
        if isinstance(message, Effect):
            return message
        state = KINDS[report.kind] if isinstance(report, MailReport) else RECEIPTS[report.status]
        if isinstance(state, Effect):
            return state
        # A report that changes nothing is not worth a transaction; but each complaint opts the person out.
        news = _news(place, message, state, report)
        changes = message.state in (*news.before, DeliveryState.CLAIMED) or state is DeliveryState.COMPLAINED
        return news if changes else Effect.UNCHANGED

    def named(self, report: MailReport) -> StoredMessage | None:
        """Return the message that the report's token names; None without a token of ours, or when the rest differs."""
        with self._store.read() as session:
            found = self._by_token(session, report, self._stored_anew(session, [report.token]))
            return found if isinstance(found, StoredMessage) else None

    def _by_token(
        self, session: Session, report: MailReport, anew: Mapping[str, StoredMessage]
    ) -> StoredMessage | Effect:
        message = self._named_by(session, report.token) or anew.get(report.token)
        if message is None:
            return Effect.FOREIGN
        agrees = _agrees(report.message_id, self.key(message), message.provider_id)
        return message if agrees else Effect.CONTRADICTED

    def _named_by(self, session: Session, token: str) -> StoredMessage | None:
        number, start = self._store.keys.bounced(token) or (0, "")
        message = _numbered(session, number)
        is_email = message is not None and ChannelKind(message.channel).mail
        return message if message and is_email and compare_digest(self.key(message)[:16], start) else None

    def _stored_anew(self, session: Session, tokens: Iterable[str]) -> Mapping[str, StoredMessage]:
        """Find, by token, messages with a new id since a backup was restored, by the half of their key in the token."""
        if not (restored := session.exec(select(RestoredNoticeRow.incident, RestoredNoticeRow.notice)).all()):
            return {}
        opened = ((token, self._store.keys.bounced(token)) for token in tokens if not self._named_by(session, token))
        by_start = {found[1]: token for token, found in opened if found}
        emails = (message for pair in restored for message in _emails(session, *pair)) if by_start else ()
        starts = ((self.key(message)[:16], message) for message in emails)
        return {by_start[start]: message for start, message in starts if start in by_start}

    def _by_gateway(self, session: Session, receipt: ProviderReceipt) -> StoredMessage | Effect:
        """Find the message by the gateway's name for it; when the receipt has our key, the key must fit too.

        A message whose answer was lost is found by the key alone.
        """
        found = _named(session, receipt.provider_id) if receipt.provider_id else []
        if receipt.key:
            found = self._with_key(found, receipt.key) or self._with_key(_open_sms(session), receipt.key)
            found = found or self._with_key(_messages(session.execute(text(TRIED_BEFORE))), receipt.key)
        return found[0] if len(found) == 1 else Effect.FOREIGN

    def _with_key(self, messages: Iterable[StoredMessage], key: str) -> list[StoredMessage]:
        return [message for message in messages if compare_digest(self.key(message), key)]

    def key(self, message: StoredMessage) -> str:
        """Return the key of a message, which stands in its Message-ID."""
        return self._store.keys.message_key(
            message.incident, message.notice, message.person, message.channel, message.address_index
        )

    def _take_in_all(
        self, incident: str, notice: str, news: Sequence[ReceiptNews], now: datetime
    ) -> Iterator[ReceiptsTaken]:
        """Take in the reports of one notice in one transaction, then those with locked messages one by one.

        A transaction that waits for a lock so holds no other message, which prevents deadlocks. Reports about an
        incident whose data was destroyed are dropped.
        """
        with suppress(DataDestroyed):
            taken = self._take_in(incident, notice, news, now, skip_locked=True)
            yield taken
            for one in taken.missed:
                yield self._take_in(incident, notice, (one,), now, skip_locked=False)

    def _take_in(
        self, incident: str, notice: str, news: Sequence[ReceiptNews], now: datetime, *, skip_locked: bool
    ) -> ReceiptsTaken:
        """Take in reports in one transaction, with one entry in the audit chain if anything changed."""
        with self._store.write() as write:
            case = write.incident(incident)
            leases = _locked_leases(write.session, incident, news)
            rows = _locked(write.session, news, leases, skip_locked=skip_locked)
            found = [one for one in news if one.message.id in rows]
            changed = tuple(one for one in found if _settled(write.session, rows[one.message.id], one, now))
            complained = sorted({one.message.person for one in found if one.state is DeliveryState.COMPLAINED})
            ended = sum(opted_out(write.session, incident, person, now) for person in complained)
            gone = [rows[one.message.id] for one in changed if one.state.gone_wrong]
            handed_over = self._pass_on(write.session, incident, notice, gone, now) if gone else 0
            _call(write, case, notice, changed, handed_over, now)
            if changed or ended:
                states = dict(Counter(one.state.value for one in changed))
                write.note(now, incident, "reported", notice, states=states, handed_over=handed_over, opted_out=ended)
            return ReceiptsTaken(changed, handed_over, tuple(one for one in news if one.message.id not in rows))

    def _pass_on(self, session: Session, incident: str, notice: str, gone: Sequence[DeliveryRow], now: datetime) -> int:
        version = released_last(session, incident, notice)
        return pass_on(session, self._notices.drafted(version), version.version, gone, now)


def _news(place: int, message: StoredMessage, state: DeliveryState, report: Report) -> ReceiptNews:
    before = _before(state, report)
    if isinstance(report, MailReport):
        ours = report.status.startswith(OURS)
        bad = report.kind is ReportKind.FAILED and not ours
        cause = ReceiptCause.BAD_ADDRESS if bad else ReceiptCause.NONE
        return ReceiptNews(place, message, state, before, report.detail, ours, cause)
    ours = report.status is Status.DEFERRED
    return ReceiptNews(place, message, state, before, report.detail, ours, provider_id=report.provider_id)


def _before(state: DeliveryState, report: Report) -> tuple[DeliveryState, ...]:
    """Return the states from which this report leads to the given state."""
    if isinstance(report, MailReport):
        came_back = state is DeliveryState.BOUNCED and report.by_provider
        return (*BEFORE[state], DELIVERED) if came_back else BEFORE[state]
    if state is DeliveryState.BOUNCED and report.key:
        # Also a message that is to be sent again to the same address, as its key says: the gateway would answer `sent`.
        return (*BEFORE[state], *TO_LEAVE_AGAIN)
    # Deferred because the answer was lost: the gateway has the message, and would answer `sent` to the next attempt.
    return (*BEFORE[state], DeliveryState.DEFERRED)


def _by_notice(looked: Iterable[ReceiptNews | Effect]) -> Mapping[tuple[str, str], list[ReceiptNews]]:
    grouped: dict[tuple[str, str], list[ReceiptNews]] = {}
    for one in looked:
        if isinstance(one, ReceiptNews):
            grouped.setdefault((one.message.incident, one.message.notice), []).append(one)
    return grouped


def _agrees(message_id: str, key: str, provider_id: str) -> bool:
    """Return True when the Message-ID is absent, or is the message's own or a relay's with the relay's id in it."""
    local = message_id.strip("<>").rpartition("@")[0].lower()
    return not message_id or local == key or (provider_id != "" and provider_id.lower() in message_id.lower())


def _numbered(session: Session, number: int) -> StoredMessage | None:
    if not 0 < number <= LARGEST_NUMBER:
        return None
    columns = [col(getattr(DeliveryRow, name)) for name in MESSAGE]
    found = session.execute(select(*columns).where(col(DeliveryRow.id) == number)).first()
    return StoredMessage(*found) if found else None


def _emails(session: Session, incident: str, notice: str) -> Iterator[StoredMessage]:
    columns = [col(getattr(DeliveryRow, name)) for name in MESSAGE]
    here = (DeliveryRow.incident == incident, DeliveryRow.notice == notice, col(DeliveryRow.channel).in_(MAIL))
    return (
        StoredMessage(*row) for row in session.execute(select(*columns).where(*here).execution_options(yield_per=PAGE))
    )


def _named(session: Session, provider_id: str) -> list[StoredMessage]:
    """Return the SMS that a gateway gave this id; several when two gateways use the same id."""
    return _messages(session.execute(text(NAMED_BY_PROVIDER), {"name": provider_id}))


def _open_sms(session: Session) -> list[StoredMessage]:
    """Return the SMS without a stored answer: uncertain and parked ones, and claimed ones with a commit mark."""
    connection = session.connection()
    marks = session.exec(select(MarkRow.messages)).all()
    leaving = {"ids": listed(connection, [number for numbers in marks for number in numbers])}
    return [
        *_messages(session.execute(text(TO_LOOK_AT))),
        *_messages(session.execute(statement(LEAVING + among(connection, "id")), leaving)),
    ]


def _messages(rows: Iterable[Any]) -> list[StoredMessage]:
    return [StoredMessage(*row) for row in rows]


def _locked_leases(session: Session, incident: str, news: Sequence[ReceiptNews]) -> Collection[int | None]:
    """Lock and return the incident's leases if one of them may have to be recalled; before any message is locked."""
    these = col(DeliveryRow.id).in_({one.message.id for one in news})
    in_hand = select(DeliveryRow.id).where(these, DeliveryRow.state == DeliveryState.CLAIMED).limit(1)
    complaint = any(one.state is DeliveryState.COMPLAINED for one in news)
    may_recall = complaint or session.exec(in_hand).first() is not None
    return lock(session, col(LeaseRow.incident) == incident) if may_recall else ()


def _locked(
    session: Session, news: Sequence[ReceiptNews], leases: Collection[int | None], *, skip_locked: bool
) -> dict[int, DeliveryRow]:
    """Lock and return the messages of these reports by id.

    With `skip_locked`, messages that another transaction has locked, or that were claimed meanwhile, are left out.
    """
    numbers = sorted({one.message.id for one in news})
    query = select(DeliveryRow).where(col(DeliveryRow.id).in_(numbers)).order_by(col(DeliveryRow.id))
    rows = session.exec(query.with_for_update(skip_locked=skip_locked))
    in_hand = DeliveryState.CLAIMED
    return {row.id or 0: row for row in rows if not skip_locked or row.state != in_hand or row.lease in leases}


def _settled(session: Session, row: DeliveryRow, news: ReceiptNews, now: datetime) -> bool:
    """Change the message as the report says, and return True; False when the report changes nothing."""
    left = row.state in news.before or (row.state == DeliveryState.CLAIMED and _may_have_left(session, row))
    if not left and row.state == DeliveryState.CLAIMED and row.lease and news.state in HAS_IT:
        recall(session, row.incident, [row.lease])  # a worker is about to send the message once more
        left = True
    if left:
        row.state, row.cause, row.detail, row.doubtful = news.state.value, news.cause, news.detail, False
        row.updated_at, row.next_try_at = now, None
        row.provider_id = row.provider_id or news.provider_id
    return left


def _may_have_left(session: Session, row: DeliveryRow) -> bool:
    marks = session.exec(select(MarkRow.messages).where(MarkRow.lease == row.lease))
    return any(row.id in messages for messages in marks)


def _call(
    write: Transaction, case: IncidentRow, notice: str, changed: Sequence[ReceiptNews], handed_over: int, now: datetime
) -> None:
    """Alert a person to bounces that are our fault, once for each reason, and to a closed case that goes on."""
    for channel, reason in sorted({(one.message.channel, one.detail) for one in changed if one.ours}):
        what = f"{notice}: {channel} came back for a reason that lies with us: {reason}"
        ours = AlertId(AlertKind.BOUNCED_BY_OUR_FAULT, f"{notice} {channel}", reason)
        note_alert(write, case.id, Alert(ours, what, now))
    if handed_over:
        call_after_the_end(write, case, notice, now)
