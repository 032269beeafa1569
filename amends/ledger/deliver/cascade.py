"""The cascade in the ledger: when a channel has failed a person for good, the next channel takes over."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlmodel import Session, col, func, select

from amends.domain.base.text import day
from amends.domain.case.states import IncidentState, OccurrenceState
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import ReceiptCause
from amends.domain.deliver.cascade import hold_within, next_channels
from amends.domain.deliver.lawful import lawful_for
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.law.addendum import Addenda
from amends.domain.notice.notice import DeliveryState, Draft, NoticeStage
from amends.domain.people.person import Hold
from amends.ledger.incident.incidents import note_alert
from amends.ledger.notice.bad_addresses import without_bad
from amends.ledger.notice.first_messages import FirstMessages, addresses, may_have_left
from amends.ledger.notice.notices import PUBLIC, notice_row
from amends.ledger.people.shared_mailboxes import in_copies_to
from amends.ledger.playbook.occurrences import occurrence_row
from amends.ledger.store.bulk import spelled
from amends.ledger.store.session import Transaction
from amends.ledger.store.sums import store_messages
from amends.ledger.tables.deliver import MAIL, DeliveryRow
from amends.ledger.tables.incident import IncidentRow
from amends.ledger.tables.notice import NoticeRow, ReleaseRow
from amends.ledger.tables.people import PersonRow

LOST = (DeliveryState.BOUNCED, DeliveryState.FAILED, DeliveryState.UNREACHABLE)
"""States of a message that reaches nobody."""


def released_last(session: Session, incident: str, notice: str) -> NoticeRow:
    """Return the row of the latest released version of the notice."""
    here = (ReleaseRow.incident == incident, ReleaseRow.notice == notice)
    version = session.exec(select(func.max(ReleaseRow.version)).where(*here)).one()
    return session.get_one(NoticeRow, (incident, notice, version))


def pass_on(session: Session, draft: Draft, version: int, gone: Sequence[DeliveryRow], now: datetime) -> int:
    """Store a message of this version on the next channel for each message that came back; return how many were stored.

    A notice that was over is reopened.
    """
    theirs = sorted(gone, key=lambda row: row.person)
    handed_over = sum(next_message(session, draft, version, row.person, row.variant, now) for row in theirs)
    latest = notice_row(session, draft.incident, draft.notice)
    if handed_over and latest:
        reopen(session, latest)
    return handed_over


def call_after_the_end(write: Transaction, case: IncidentRow, notice: str, now: datetime) -> None:
    """Alert a person to a message for the next channel in a closed case, at which nobody may look any more."""
    if case.state == IncidentState.CLOSED:
        which = f"{case.id} {notice}"
        go_on = f"`amends deliver {which}` writes to them elsewhere, `amends letters {which}` says whether letters wait"
        after_end = AlertId(AlertKind.BOUNCED_AFTER_END, notice, day(now))
        note_alert(write, case.id, Alert(after_end, f"{notice} came back after the end; {go_on}", now))


def next_message(session: Session, draft: Draft, version: int, person: int, name: str, now: datetime) -> bool:
    """Store a message about this person on the next channel, with the text of this name; return False without one.

    When an email failed that was the one copy for a mailbox, the others whom it names get messages of their own too.
    """
    handed_over = False
    for copy in _placeholders(session, draft, person):
        handed_over |= _next_message(session, draft, version, copy.person, copy.variant, now)
    return _next_message(session, draft, version, person, name, now) or handed_over


def _placeholders(session: Session, draft: Draft, reader: int) -> Sequence[DeliveryRow]:
    """Return the rows of the people whom a failed email to this reader names, marked as failed like the email."""
    here = (DeliveryRow.incident == draft.incident, DeliveryRow.notice == draft.notice)
    lost = col(DeliveryRow.state).in_([DeliveryState.BOUNCED, DeliveryState.FAILED])
    theirs = select(DeliveryRow).where(*here, col(DeliveryRow.channel).in_(MAIL))
    failed = session.exec(theirs.where(DeliveryRow.person == reader, lost)).first()
    if reader == PUBLIC or failed is None:
        return ()
    named = [number for _, number, *_ in in_copies_to(session, draft.incident, draft.notice, [reader])]
    held = theirs.where(col(DeliveryRow.person).in_(named), DeliveryRow.cause == ReceiptCause.SHARED_MAILBOX)
    rows = session.exec(held.order_by(col(DeliveryRow.person)).with_for_update()).all()
    for row in rows:
        row.state, row.cause, row.detail, row.updated_at = failed.state, failed.cause, failed.detail, failed.updated_at
    return rows


def _next_message(session: Session, draft: Draft, version: int, person: int, name: str, now: datetime) -> bool:
    """Store a message about this person on the next channel, with the text of this name; return False without one.

    A channel on which a corrected list gives the person another address counts as untried. An address that takes no
    message, as an earlier one of the incident found, is passed over. The person is locked, so
    that of two channels that fail at once the second sees the first one's message; to avoid deadlocks, callers go
    through several people in the order of their numbers. A message that may have left before a backup was restored is
    uncertain, and waits for a person.
    """
    if person == PUBLIC:
        return False
    about = _locked(session, draft.incident, person)
    if hold_within(draft, about.hold) not in ("", Hold.SHARED_MAILBOX):
        return False  # a corrected list has removed the person, or nobody may write to the person any more
    reader = _reader_of(session, about)
    known = without_bad(session, draft.incident, addresses(reader))
    lawful = lawful_for(draft, about.country, about.region, consented=reader.consents_to_email)
    channels = _taking_over(session, draft, person, known, lawful)
    connection = session.connection()
    writer = FirstMessages(draft, version, Addenda(), spelled(connection, now), may_have_left(session, draft))
    store_messages(session, [writer.row(person, channel, known[channel], name) for channel in channels])
    return bool(channels)


def _taking_over(
    session: Session, draft: Draft, person: int, known: Mapping[ChannelKind, bytes], lawful: frozenset[ChannelKind]
) -> tuple[ChannelKind, ...]:
    """Return the channels on which a message is to be stored for a person whom a channel has failed."""
    here = (DeliveryRow.incident == draft.incident, DeliveryRow.notice == draft.notice, DeliveryRow.person == person)
    messages = session.exec(select(DeliveryRow.channel, DeliveryRow.address_index, DeliveryRow.state).where(*here))
    rows = [(ChannelKind(word), address, DeliveryState(state)) for word, address, state in messages]
    there = {(channel, address) for channel, address, _ in rows}
    corrected = [channel for channel, _ in there if channel in known and (channel, known[channel]) not in there]
    tried = {channel for channel, _ in there}.difference(corrected)
    public = (channel for channel in draft.channels if not channel.personal)
    standing = {*public, *(channel for channel, _, state in rows if state not in LOST)}
    return next_channels(tried, standing, known.keys(), (*corrected, *draft.cascade), lawful)


def _locked(session: Session, incident: str, person: int) -> PersonRow:
    return session.get_one(PersonRow, (incident, person), with_for_update={"key_share": True})


def reachable_at(session: Session, incident: str, person: int) -> dict[ChannelKind, bytes]:
    """Return the addresses for messages about this person, which are the guardian's if there is a guardian."""
    return addresses(_reader_of(session, session.get_one(PersonRow, (incident, person))))


def _reader_of(session: Session, about: PersonRow) -> PersonRow:
    """Return the row of whoever reads messages about this person: the guardian, if there is one."""
    return session.get_one(PersonRow, (about.incident, about.guardian)) if about.guardian else about


AGAIN = {NoticeStage.SENT: NoticeStage.SENDING, NoticeStage.DROPPED: NoticeStage.DRAFTED}


def reopen(session: Session, row: NoticeRow) -> None:
    """Reopen a notice that was over, and its occurrence, because somebody waits for the notice again."""
    if row.stage in AGAIN:
        row.stage = AGAIN[NoticeStage(row.stage)]
    occurrence = occurrence_row(session, row.incident, row.draft["step"], row.draft["occurrence"])
    if occurrence and occurrence.state == OccurrenceState.DONE:
        occurrence.state, occurrence.done_at = OccurrenceState.WAITING, None
