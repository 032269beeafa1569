"""Effects of the outcome of an outgoing message: its entry in the audit chain, and the alerts to the team."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from amends.domain.base.text import minute
from amends.domain.channel.outgoing import OutgoingKind, OutgoingState
from amends.domain.feedback.answer import ReplyChannel
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.ledger.incident.incidents import note_alert
from amends.ledger.store.session import Transaction
from amends.ledger.tables.feedback import OutgoingRow

BY_HAND = frozenset({ReplyChannel.PUBLIC.value})
"""The channels on which only a member has a message sent."""
NOT_ARRIVED = (OutgoingState.FAILED, OutgoingState.BOUNCED)


def note_outcomes(write: Transaction, rows: Sequence[OutgoingRow], now: datetime) -> None:
    """Note the new states of messages of one kind to one reader, and alert the team to what it must do."""
    effects = EFFECTS[OutgoingKind(rows[0].kind)]
    effects.note(write, rows, now)
    for row in rows:
        if row.state in NOT_ARRIVED:
            _alert(write, row, effects.failed(row, now), now)
        elif row.state == OutgoingState.UNCERTAIN:
            note_doubt(write, row, now)


def note_doubt(write: Transaction, row: OutgoingRow, now: datetime) -> None:
    """Alert the team to a message of which nobody knows whether it has left."""
    _alert(write, row, EFFECTS[OutgoingKind(row.kind)].doubtful(row, now), now)


def named(row: OutgoingRow) -> str:
    """Return the name of an answer to a question, in words."""
    return f"answer {row.subject} to question {row.reader}"


Calls = tuple[AlertKind, str]
"""The kind and the words of an alert that calls a person."""


def _alert(write: Transaction, row: OutgoingRow, calls: Calls | None, now: datetime) -> None:
    """Record an alert to this attempt at the message: an answer may be sent again, and a reminder is one of several."""
    if calls:
        kind, what = calls
        attempt = f"{row.window} {row.channel} {row.lease}".strip()
        note_alert(write, row.incident, Alert(AlertId(kind, f"{row.subject} {row.reader}", attempt), what, now))


def _nobody_alerted(_row: OutgoingRow, _now: datetime) -> None:
    return None


class Effects(NamedTuple):
    """The effects of the outcomes of messages of one kind."""

    note: Callable[[Transaction, Sequence[OutgoingRow], datetime], None]
    """Notes the new states of messages to one reader in the audit chain."""
    failed: Callable[[OutgoingRow, datetime], Calls | None] = _nobody_alerted
    """Returns the alert to a message that did not arrive, so that somebody calls the reader; None for none."""
    doubtful: Callable[[OutgoingRow, datetime], Calls | None] = _nobody_alerted
    """Returns the alert to a message of which nobody knows whether it has left; None for none."""


def _note_answers(write: Transaction, rows: Sequence[OutgoingRow], now: datetime) -> None:
    for row in rows:
        write.note(now, row.incident, "reply", named(row), state=row.state, channel=row.channel)


def _answer_failed(row: OutgoingRow, _now: datetime) -> Calls:
    what = f"{named(row)} did not arrive by {row.channel}; `amends questions calls {row.incident}` says whom to call"
    return AlertKind.ANSWER_NOT_ARRIVED, what


def _answer_doubtful(row: OutgoingRow, now: datetime) -> Calls:
    see = f"`amends {'mentions list' if row.channel in BY_HAND else 'questions replies'} {row.incident}`"
    return AlertKind.ANSWER_UNCERTAIN, f"nobody knows whether {named(row)} has left at {minute(now)}; {see}"


def _note_hour_reminders(write: Transaction, rows: Sequence[OutgoingRow], now: datetime) -> None:
    for row in rows:
        about = {"hour": row.subject, "which": row.window, "state": row.state}
        write.note(now, row.incident, "reminder of a question hour", f"person {row.reader}", **about)


def _note_approval_reminders(write: Transaction, rows: Sequence[OutgoingRow], now: datetime) -> None:
    for row in rows:
        act = "approver not reminded" if row.state in NOT_ARRIVED else "approver reminded"
        about = {"to": row.reader, "occasion": row.words} | ({"why": row.detail} if row.detail else {})
        write.note(now, row.incident, act, row.subject, **about)


def _approval_reminder_failed(row: OutgoingRow, _now: datetime) -> Calls:
    why = f"{row.subject} at {minute(row.at)} ({row.words}): {row.detail}"
    return AlertKind.REMINDER_NOT_ARRIVED, f"{row.reader} could not be reminded of {why}; call them"


def _approval_reminder_doubtful(row: OutgoingRow, _now: datetime) -> Calls:
    what = f"nobody knows whether {row.reader} was reminded of {row.subject} at {minute(row.at)}; call them"
    return AlertKind.REMINDER_UNCERTAIN, what


def _note_alerts(write: Transaction, rows: Sequence[OutgoingRow], now: datetime) -> None:
    """Note that a member was alerted, or, once, why not; a further alert would not reach the member either."""
    lead, waiting = rows[0].reader, [row for row in rows if row.state == OutgoingState.WAITING]
    if sent := len(rows) - len(waiting):
        write.note(now, rows[0].incident, "lead alerted", lead, alerts=sent)
    if any(row.tries == 1 for row in waiting):
        why = waiting[0].detail
        write.note(now, rows[0].incident, "lead not alerted", lead, alerts=len(waiting), why=why)


EFFECTS: Mapping[OutgoingKind, Effects] = {
    OutgoingKind.ANSWER: Effects(_note_answers, _answer_failed, _answer_doubtful),
    OutgoingKind.HOUR_REMINDER: Effects(_note_hour_reminders),
    OutgoingKind.APPROVAL_REMINDER: Effects(
        _note_approval_reminders, _approval_reminder_failed, _approval_reminder_doubtful
    ),
    OutgoingKind.ALERT: Effects(_note_alerts),
}
