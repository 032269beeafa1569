"""Verbs about what is reported of messages later: bounces, complaints, receipts. Only true reports change anything."""

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
from amends.domain.channel.channel import Cause, ChannelKind, Status
from amends.domain.notice.notice import DeliveryState
from amends.domain.receipt.codes import OURS
from amends.domain.receipt.dsn import MailReport, ReportKind
from amends.domain.receipt.webhook import ProviderReceipt
from amends.ledger.deliver.cascade import call_after_the_end, pass_on, released_last
from amends.ledger.incident.incidents import note_alert
from amends.ledger.notice.notices import Notices
from amends.ledger.people.opt_outs import opted_out
from amends.ledger.store.bulk import among, listed, statement
from amends.ledger.store.leases import lock, recall
from amends.ledger.store.session import Store, Write
from amends.ledger.store.tables import DUE, TROUBLED, DeliveryRow, IncidentRow, LeaseRow, MarkRow, RestoredNoticeRow

Told = MailReport | ProviderReceipt
"""What somebody says became of a message: a mail server, the person's own provider, or an SMS gateway."""


class Effect(StrEnum):
    """What came of a report; the first five are the state that the message got."""

    DELIVERED = "delivered"
    SENT = "sent"
    COMPLAINED = "complained"
    UNCERTAIN = "uncertain"
    BOUNCED = "bounced"
    UNCHANGED = "unchanged"
    """True, but the ledger knows as much already, or the message is to leave once more."""
    HARMLESS = "harmless"
    """Of a message of ours, and nothing is settled by it: it is delayed, or a machine answered."""
    UNCLEAR = "unclear"
    """Of a message of ours, and no machine's report: perhaps a person wrote."""
    CONTRADICTED = "contradicted"
    """Its token names one message and its Message-ID another."""
    FOREIGN = "foreign"
    """It names no message of ours, or its token is forged."""

    @property
    def understood(self) -> bool:
        """Nobody needs to look at the report itself."""
        return self not in (self.UNCLEAR, self.CONTRADICTED, self.FOREIGN)


@dataclass(frozen=True, slots=True)
class Reported:
    """What came of some reports, in numbers and places only."""

    each: tuple[Effect, ...]
    """Of every report, in their order."""
    handed_over: int = 0
    """How many people are written to on another channel now."""
    waiting: frozenset[tuple[str, str]] = frozenset()
    """Incident and notice of those messages."""

    @property
    def counts(self) -> dict[Effect, int]:
        """How many reports had which effect."""
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
    # The gateway gave up. It is not asked again: one that knows our key would say `sent` and send nothing.
    Status.DEFERRED: DeliveryState.BOUNCED,
    Status.UNCERTAIN: DeliveryState.UNCERTAIN,
}
SENT, UNCERTAIN, DELIVERED = DeliveryState.SENT, DeliveryState.UNCERTAIN, DeliveryState.DELIVERED
TO_LEAVE_AGAIN = (DeliveryState.WAITING, DeliveryState.DEFERRED, DeliveryState.PARKED)
"""It was tried before, and is to be tried once more, if need be by a person's word."""
BEFORE = {
    SENT: (UNCERTAIN,),
    UNCERTAIN: (SENT,),
    DELIVERED: (SENT, UNCERTAIN, *TO_LEAVE_AGAIN),
    # Not after delivered: whose mailbox took it was told, and what comes back later is of a copy that it passed on.
    DeliveryState.BOUNCED: (SENT, UNCERTAIN),
    # Not after bounced: the next channel has taken over, and the sums of what may leave count on it.
    DeliveryState.COMPLAINED: (SENT, UNCERTAIN, DELIVERED, *TO_LEAVE_AGAIN),
}
"""From which states a report leads to this one; and from claimed, once the message may have left."""
HAS_IT = (DELIVERED, DeliveryState.COMPLAINED)
"""The person has the message, so it need not leave once more."""

PAGE = 2_000
MESSAGE = ("id", "incident", "notice", "person", "channel", "address_index", "state", "provider_id")
SMS_NAMED = f"""
SELECT {", ".join(MESSAGE)} FROM delivery WHERE channel = 'sms' AND provider_id <> '' AND provider_id = :name
"""
"""Spelled as its index is, or the index is not used."""
SMS_TO_LOOK_AT = f"""
SELECT {", ".join(MESSAGE)}
FROM (SELECT DISTINCT incident AS of_incident, notice AS of_notice FROM release) AS released CROSS JOIN delivery
WHERE incident = of_incident AND notice = of_notice AND state IN ('uncertain', 'parked') AND {TROUBLED}
AND channel = 'sms'
"""
"""CROSS JOIN, because SQLite then begins with the few releases, and an index leads on."""
SMS_TO_LEAVE_AGAIN = f"""
SELECT {", ".join(MESSAGE)} FROM delivery WHERE state IN {DUE} AND channel = 'sms' AND (attempts > 0 OR doubtful)
"""
"""Of a message that was parked the tries are counted afresh, but the doubt is kept."""
SMS_LEAVING = f"SELECT {', '.join(MESSAGE)} FROM delivery WHERE state = 'claimed' AND channel = 'sms' AND "


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A stored message, as far as reports are about it."""

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
    """A true report, and the state that it wants its message to be in."""

    place: int
    """Which one of the reports."""
    message: StoredMessage
    state: DeliveryState
    before: tuple[DeliveryState, ...]
    """In which states the message may be."""
    detail: str
    ours: bool = False
    """The reason lies with us: the sender, the text, the account."""
    provider_id: str = ""


@dataclass(frozen=True, slots=True)
class ReceiptsTaken:
    """What one transaction did with its reports."""

    changed: tuple[ReceiptNews, ...] = ()
    handed_over: int = 0
    missed: tuple[ReceiptNews, ...] = ()
    """Their messages are being changed by somebody else right now, or were claimed just now."""


class Receipts:
    """Believes a report only as far as it proves to know the message; takes it in once, however often it comes."""

    def __init__(self, store: Store, notices: Notices) -> None:
        self._store = store
        self._notices = notices

    def take(self, reports: Iterable[Told], now: datetime) -> Reported:
        """Take in what mail servers, providers and gateways say; what is not true changes nothing.

        A receipt of a gateway must have been checked for its signature. A message that came back hands over to the
        next channel of the cascade, and its notice is being sent again. Safe to repeat. Raises LedgerRestored: an older
        copy does not know what had left, and would take what came back for news of nothing.
        """
        everything = tuple(reports)
        with self._store.read() as session:
            self._store.refuse_if_restored(session)
            anew = self._stored_anew(session, [told.token for told in everything if isinstance(told, MailReport)])
            looked = [self._look(session, place, told, anew) for place, told in enumerate(everything)]
        each = [one if isinstance(one, Effect) else Effect.UNCHANGED for one in looked]
        handed_over = 0
        waiting: set[tuple[str, str]] = set()
        for (incident, notice), news in _by_notice(looked).items():
            for taken in self._take_in_all(incident, notice, news, now):
                for one in taken.changed:
                    each[one.place] = Effect(one.state)
                handed_over += taken.handed_over
                waiting |= {(incident, notice)} if taken.handed_over else set()
        return Reported(tuple(each), handed_over, frozenset(waiting))

    def _look(
        self, session: Session, place: int, told: Told, anew: Mapping[str, StoredMessage]
    ) -> ReceiptNews | Effect:
        """What this report is the news of, or why it is none."""
        message = (
            self._by_token(session, told, anew) if isinstance(told, MailReport) else self._by_gateway(session, told)
        )
        if isinstance(message, Effect):
            return message
        state = KINDS[told.kind] if isinstance(told, MailReport) else RECEIPTS[told.status]
        if isinstance(state, Effect):
            return state
        # What changes nothing is not worth a transaction; but whoever complains is heard in any case.
        news = _news(place, message, state, told)
        changes = message.state in (*news.before, DeliveryState.CLAIMED) or state is DeliveryState.COMPLAINED
        return news if changes else Effect.UNCHANGED

    def _by_token(
        self, session: Session, report: MailReport, anew: Mapping[str, StoredMessage]
    ) -> StoredMessage | Effect:
        message = self._named_by(session, report.token) or anew.get(report.token)
        if message is None:
            return Effect.FOREIGN
        agrees = _agrees(report.message_id, self._key(message), message.provider_id)
        return message if agrees else Effect.CONTRADICTED

    def _named_by(self, session: Session, token: str) -> StoredMessage | None:
        number, start = self._store.keys.bounced(token) or (0, "")
        message = _numbered(session, number)
        is_email = message is not None and message.channel == ChannelKind.EMAIL
        return message if message and is_email and compare_digest(self._key(message)[:16], start) else None

    def _stored_anew(self, session: Session, tokens: Iterable[str]) -> Mapping[str, StoredMessage]:
        """By token, what has another number since a backup was restored: the half of its key in the token tells."""
        if not (restored := session.exec(select(RestoredNoticeRow.incident, RestoredNoticeRow.notice)).all()):
            return {}
        opened = ((token, self._store.keys.bounced(token)) for token in tokens if not self._named_by(session, token))
        by_start = {found[1]: token for token, found in opened if found}
        emails = (message for pair in restored for message in _emails(session, *pair)) if by_start else ()
        starts = ((self._key(message)[:16], message) for message in emails)
        return {by_start[start]: message for start, message in starts if start in by_start}

    def _by_gateway(self, session: Session, receipt: ProviderReceipt) -> StoredMessage | Effect:
        """By the gateway's own name for it, and by our key where the receipt bears it: then both must fit."""
        found = _named(session, receipt.provider_id) if receipt.provider_id else []
        if receipt.key:
            found = self._with_key(found, receipt.key) or self._with_key(_open_sms(session), receipt.key)
            found = found or self._with_key(_messages(session.execute(text(SMS_TO_LEAVE_AGAIN))), receipt.key)
        return found[0] if len(found) == 1 else Effect.FOREIGN

    def _with_key(self, messages: Iterable[StoredMessage], key: str) -> list[StoredMessage]:
        return [message for message in messages if compare_digest(self._key(message), key)]

    def _key(self, message: StoredMessage) -> str:
        return self._store.keys.message_key(
            message.incident, message.notice, message.person, message.channel, message.address_index
        )

    def _take_in_all(
        self, incident: str, notice: str, news: Sequence[ReceiptNews], now: datetime
    ) -> Iterator[ReceiptsTaken]:
        """All at once, and those that somebody else is changing afterwards one by one: so nobody waits in a circle.

        What is about an incident whose data was destroyed is news of nobody.
        """
        with suppress(DataDestroyed):
            taken = self._take_in(incident, notice, news, now, skip_locked=True)
            yield taken
            for one in taken.missed:
                yield self._take_in(incident, notice, (one,), now, skip_locked=False)

    def _take_in(
        self, incident: str, notice: str, news: Sequence[ReceiptNews], now: datetime, *, skip_locked: bool
    ) -> ReceiptsTaken:
        """One transaction, with one entry in the audit chain if anything changed."""
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


def _news(place: int, message: StoredMessage, state: DeliveryState, told: Told) -> ReceiptNews:
    if isinstance(told, MailReport):
        return ReceiptNews(place, message, state, _before(state, told), told.detail, told.status.startswith(OURS))
    ours = told.status is Status.DEFERRED
    return ReceiptNews(place, message, state, _before(state, told), told.detail, ours, told.provider_id)


def _before(state: DeliveryState, told: Told) -> tuple[DeliveryState, ...]:
    """From which states this report leads to that one."""
    if isinstance(told, MailReport):
        came_back = state is DeliveryState.BOUNCED and told.by_provider
        return (*BEFORE[state], DELIVERED) if came_back else BEFORE[state]
    if state is DeliveryState.BOUNCED and told.key:
        # Also what somebody has sent again, to the same address, as its key says: the gateway would say `sent` to that.
        return (*BEFORE[state], *TO_LEAVE_AGAIN)
    # Put off because the answer was lost: the gateway has it, knows our key, and would say `sent` to the next try.
    return (*BEFORE[state], DeliveryState.DEFERRED)


def _by_notice(looked: Iterable[ReceiptNews | Effect]) -> Mapping[tuple[str, str], list[ReceiptNews]]:
    grouped: dict[tuple[str, str], list[ReceiptNews]] = {}
    for one in looked:
        if isinstance(one, ReceiptNews):
            grouped.setdefault((one.message.incident, one.message.notice), []).append(one)
    return grouped


def _agrees(message_id: str, key: str, provider_id: str) -> bool:
    """Whether the report's Message-ID is this message's. Some relays put one of their own, with their id in it."""
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
    here = (DeliveryRow.incident == incident, DeliveryRow.notice == notice, DeliveryRow.channel == ChannelKind.EMAIL)
    return (
        StoredMessage(*row) for row in session.execute(select(*columns).where(*here).execution_options(yield_per=PAGE))
    )


def _named(session: Session, provider_id: str) -> list[StoredMessage]:
    """The SMS that a gateway calls so; several where two gateways use the same name."""
    return _messages(session.execute(text(SMS_NAMED), {"name": provider_id}))


def _open_sms(session: Session) -> list[StoredMessage]:
    """Those of which no answer is stored: what a person must look at, and what is leaving right now."""
    connection = session.connection()
    marks = session.exec(select(MarkRow.messages)).all()
    leaving = {"ids": listed(connection, [number for numbers in marks for number in numbers])}
    return [
        *_messages(session.execute(text(SMS_TO_LOOK_AT))),
        *_messages(session.execute(statement(SMS_LEAVING + among(connection, "id")), leaving)),
    ]


def _messages(rows: Iterable[Any]) -> list[StoredMessage]:
    return [StoredMessage(*row) for row in rows]


def _locked_leases(session: Session, incident: str, news: Sequence[ReceiptNews]) -> Collection[int | None]:
    """The leases of the incident, before any message of theirs is locked, where one of them may have to be recalled."""
    these = col(DeliveryRow.id).in_({one.message.id for one in news})
    in_hand = select(DeliveryRow.id).where(these, DeliveryRow.state == DeliveryState.CLAIMED).limit(1)
    complaint = any(one.state is DeliveryState.COMPLAINED for one in news)
    may_recall = complaint or session.exec(in_hand).first() is not None
    return lock(session, col(LeaseRow.incident) == incident) if may_recall else ()


def _locked(
    session: Session, news: Sequence[ReceiptNews], leases: Collection[int | None], *, skip_locked: bool
) -> dict[int, DeliveryRow]:
    """The messages of these, held until the transaction ends; at first without those that were claimed meanwhile."""
    numbers = sorted({one.message.id for one in news})
    query = select(DeliveryRow).where(col(DeliveryRow.id).in_(numbers)).order_by(col(DeliveryRow.id))
    rows = session.exec(query.with_for_update(skip_locked=skip_locked))
    in_hand = DeliveryState.CLAIMED
    return {row.id or 0: row for row in rows if not skip_locked or row.state != in_hand or row.lease in leases}


def _settled(session: Session, row: DeliveryRow, news: ReceiptNews, now: datetime) -> bool:
    """Whether the report changed the message."""
    left = row.state in news.before or (row.state == DeliveryState.CLAIMED and _may_have_left(session, row))
    if not left and row.state == DeliveryState.CLAIMED and row.lease and news.state in HAS_IT:
        recall(session, row.incident, [row.lease])  # it is in hand to be sent once more
        left = True
    if left:
        row.state, row.cause, row.detail, row.doubtful = news.state.value, Cause.NONE, news.detail, False
        row.updated_at, row.next_try_at = now, None
        row.provider_id = row.provider_id or news.provider_id
    return left


def _may_have_left(session: Session, row: DeliveryRow) -> bool:
    marks = session.exec(select(MarkRow.messages).where(MarkRow.lease == row.lease))
    return any(row.id in messages for messages in marks)


def _call(
    write: Write, case: IncidentRow, notice: str, changed: Sequence[ReceiptNews], handed_over: int, now: datetime
) -> None:
    """Call for a person where one is needed, once for the same trouble."""
    alerts = {
        f"{notice}: {one.message.channel} came back for a reason that lies with us: {one.detail}"
        for one in changed
        if one.ours
    }
    for alert in sorted(alerts):
        note_alert(write, case.id, alert, now)
    if handed_over:
        call_after_the_end(write, case, notice, now)
