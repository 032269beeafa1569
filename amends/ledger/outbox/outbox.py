"""The outbox of the ledger: each outgoing message is claimed, marked before it may leave, recorded, and recovered.

A message leaves once: `sending` is committed with its claim, `in_doubt` before anything irrevocable. After a crash the
first waits again, the second is uncertain, and only a person sends it once more; an alert is sent again by itself.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement
from sqlmodel import col, func, or_, select

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.case.states import Embargo, IncidentState
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, ReceiptCause
from amends.domain.channel.outgoing import (
    IN_HAND,
    LEASE,
    TAKES_RECEIPT,
    OutgoingKind,
    OutgoingName,
    OutgoingState,
    outcome,
)
from amends.ledger.outbox.effects import BY_HAND, note_doubt, note_outcomes
from amends.ledger.store.encryption import Keys
from amends.ledger.store.session import Store, Transaction, incident_row
from amends.ledger.tables.declared import place
from amends.ledger.tables.deliver import LoggedMessageRow
from amends.ledger.tables.feedback import OutgoingRow
from amends.ledger.tables.incident import IncidentRow

NO_NUMBER = 0
"""The number in the bounce token of an outgoing message; messages of notices have numbers from 1 on."""
PAGE = 20
"""The most messages that a worker claims at once."""
STOPPED = "the sender stopped before an answer came"


class OutgoingClaim(NamedTuple):
    """A claim on an outgoing message, which this worker alone may send as long as the lease runs."""

    name: OutgoingName
    channel: str
    lease: int
    """The number of claims, this one included; the fencing token."""
    tries: int
    """The number of attempts that were answered, this one included."""
    key: str
    bounce: str
    """The token that names the message in its bounce address; empty for a message to a member."""

    @property
    def id(self) -> str:
        """Return what identifies the claim among those of a group commit."""
        return self.key


class RecoveredMessages(NamedTuple):
    """The messages of workers that have died."""

    waiting: int
    uncertain: int


class OutgoingMessages:
    """The outgoing messages of all incidents but those of notices."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def due(self, incident: str, kind: OutgoingKind, now: datetime) -> Mapping[ChannelKind, int]:
        """Count the messages that are due, by channel; also those on which a worker has died. Reads little.

        What a member brings or has posted is due on none.
        """
        lost = col(OutgoingRow.state).in_(IN_HAND) & (col(OutgoingRow.leased_until) <= now)
        by, here = col(OutgoingRow.channel), (*_of(incident, kind), or_(_waits(now), lost))
        with self._store.read() as session:
            counts = dict(session.exec(select(by, func.count()).where(*here).group_by(by)).all())
        return {channel: counts[channel.value] for channel in ChannelKind if channel.value in counts}

    def unsent(self, names: Collection[OutgoingName]) -> frozenset[OutgoingName]:
        """Return those of these messages of one incident and kind that no worker has, and that did not leave."""
        if not names:
            return frozenset()
        incident, kind, *_ = next(iter(names))
        busy = (*_of(incident, kind), OutgoingRow.state != OutgoingState.WAITING)
        query = select(OutgoingRow.subject, OutgoingRow.window, OutgoingRow.reader).where(*busy)
        with self._store.read() as session:
            return frozenset(names) - {OutgoingName(incident, kind, *rest) for rest in session.exec(query)}

    def why_shut(self, incident: str, now: datetime) -> str:
        """Return why no message to a person of this incident may leave now, a pause or an embargo; "" when it may."""
        with self._store.read() as session:
            return why_shut_now(incident_row(session, incident), now)

    def claim(
        self, incident: str, kind: OutgoingKind, channel: str, now: datetime, most: int = PAGE
    ) -> tuple[OutgoingClaim, ...]:
        """Claim the next due messages of a kind on this channel; return none when none is due.

        Raises NotAllowed while the incident is paused or under an embargo, and LedgerRestored.
        """
        query = (
            select(OutgoingRow)
            .where(*_of(incident, kind), OutgoingRow.channel == channel, _waits(now))
            .order_by(col(OutgoingRow.next_try_at), col(OutgoingRow.at))
            .limit(most)
            .with_for_update(skip_locked=True)
        )
        with self._store.write() as write:
            self._store.refuse_if_restored(write.session)
            require_open(write, incident, now)
            rows = write.session.exec(query).all()
            return tuple(claim for row in rows if (claim := self.take(write, row, now)))

    def claim_named(self, messages: Mapping[OutgoingName, str], now: datetime) -> tuple[OutgoingClaim, ...]:
        """Claim those of these messages to members that no worker has and that did not leave, and store new ones.

        The messages are of one incident; each comes with its words for alerts and the audit chain.
        """
        if not messages:
            return ()
        with self._store.write() as write:
            write.incident(next(iter(messages)).incident)
            rows = [
                _row(write, name) or put(write, self._store.keys, name, now, words=words)
                for name, words in messages.items()
            ]
            waiting = [row for row in rows if row.state == OutgoingState.WAITING]
            return tuple(claim for row in waiting if (claim := self.take(write, row, now)))

    def take(self, write: Transaction, row: OutgoingRow, now: datetime) -> OutgoingClaim | None:
        """Return the claim on this message in the caller's transaction; None when it has left by a relay's log."""
        name = name_of(row)
        key = key_of(self._store.keys, name)
        if logged := write.session.get(LoggedMessageRow, key):
            state = OutgoingState.UNCERTAIN if logged.unclear else OutgoingState.SENT
            settle(row, state, now, "named in the relay's log")
            return None
        row.state, row.lease, row.leased_until, row.at = OutgoingState.SENDING.value, row.lease + 1, now + LEASE, now
        bounce = "" if name.kind.traits.to_team else self._store.keys.bounce_token(NO_NUMBER, key)
        return OutgoingClaim(name, row.channel, row.lease, row.tries + 1, key, bounce)

    def record(
        self, marks: Sequence[OutgoingClaim], answers: Sequence[tuple[OutgoingClaim, Receipt]], now: datetime
    ) -> frozenset[str]:
        """Commit marks and answers of one incident at once, and return the keys of the messages that may leave now.

        A marked message may have left. A message must not leave when another worker has it, it was withdrawn, or the
        incident is paused or under an embargo. An answer for an older claim changes nothing.
        """
        incident = next((claim.name.incident for claim in (*marks, *(claim for claim, _ in answers))), "")
        if not incident:
            return frozenset()
        with self._store.write() as write:
            shut = bool(why_shut_now(write.incident(incident), now))
            _answer(write, answers, now)
            return frozenset(claim.key for claim in marks if _mark(write, claim, shut=shut, now=now))

    def postpone(self, claims: Iterable[OutgoingClaim], until: datetime, why: str, now: datetime) -> None:
        """Let claimed messages that were not tried wait until this time; their claims count as no tries."""
        with self._store.write() as write:
            for claim in claims:
                row = locked(write, claim.name)
                if row.lease == claim.lease and row.state == OutgoingState.SENDING:
                    settle(row, OutgoingState.WAITING, now, why)
                    row.next_try_at = until

    def recover(self, incident: str, now: datetime) -> RecoveredMessages:
        """Recover the messages of workers that have died: what may have left is uncertain, all else waits again."""
        lost = (
            OutgoingRow.incident == incident,
            col(OutgoingRow.state).in_(IN_HAND),
            col(OutgoingRow.leased_until) <= now,
        )
        with self._store.read() as session:
            if session.exec(select(OutgoingRow.state).where(*lost).limit(1)).first() is None:
                return RecoveredMessages(0, 0)
        with self._store.write() as write:
            write.incident(incident)
            rows = write.session.exec(select(OutgoingRow).where(*lost).with_for_update()).all()
            doubtful = [
                row for row in rows if row.state == OutgoingState.IN_DOUBT and not name_of(row).kind.traits.repeats
            ]
            for row in rows:
                if row in doubtful:
                    note_doubt(write, row, now)
                    settle(row, OutgoingState.UNCERTAIN, now, STOPPED, ReceiptCause.BROKEN_OFF)
                else:
                    settle(row, OutgoingState.WAITING, now, "")
                    row.next_try_at = now
            recovered = RecoveredMessages(len(rows) - len(doubtful), len(doubtful))
            write.note(now, incident, "messages recovered", **recovered._asdict())
            return recovered


def put(write: Transaction, keys: Keys, name: OutgoingName, now: datetime, **values: object) -> OutgoingRow:
    """Store a message that waits, in the caller's transaction, and return its row; `values` are further columns."""
    half = None if name.kind.traits.to_team else key_index(keys, key_of(keys, name)[:16])
    first = {"state": OutgoingState.WAITING.value, "next_try_at": now, "at": now}
    row = OutgoingRow(**{**name._asdict(), "key_index": half, **first, **values})
    write.session.add(row)
    return row


def name_of(row: OutgoingRow) -> OutgoingName:
    """Return the name of a stored message."""
    return OutgoingName(row.incident, OutgoingKind(row.kind), row.subject, row.window, row.reader)


def key_of(keys: Keys, name: OutgoingName) -> str:
    """Return the key of a message; the id of a notice has no space, so no two keys are the same."""
    return keys.message_key(name.incident, f"{name.kind} {name.subject}", 0, f"{name.window} {name.reader}", b"")


def key_index(keys: Keys, half: str) -> bytes:
    """Return the index by which the first half of a message's key leads to the message."""
    return keys.index("", "outgoing", half)


def address_place(name: OutgoingName) -> str:
    """Return the place for which the address of a message is sealed."""
    return place("outgoing", "address", *name)


def settle(
    row: OutgoingRow, state: OutgoingState, now: datetime, detail: str, cause: ReceiptCause = ReceiptCause.NONE
) -> None:
    """Give a message that no worker has any more its state."""
    row.state, row.at, row.detail, row.cause = state.value, now, detail, cause.value
    row.leased_until = row.next_try_at = None


def locked(write: Transaction, name: OutgoingName) -> OutgoingRow:
    """Lock the incident and return the message. Raises NotInLedger, DataDestroyed."""
    write.incident(name.incident)
    row = _row(write, name)
    if row is None:
        raise NotInLedger(f"incident {name.incident} has no {name.kind} {name.subject} to {name.reader}")
    return row


def require_open(write: Transaction, incident: str, now: datetime) -> None:
    """Raise NotAllowed while the incident is paused or under an embargo."""
    if why := why_shut_now(write.incident(incident), now):
        raise NotAllowed(why)


def why_shut_now(row: IncidentRow, now: datetime) -> str:
    """Return why no message to a person of this incident may leave now, a pause or an embargo; "" when it may."""
    if row.state == IncidentState.PAUSED:
        return f"incident {row.id} is paused; `amends incident resume {row.id} --as NAME` lets it go on"
    if row.embargo_until and now < row.embargo_until:
        return Embargo(until=row.embargo_until, why=row.embargo_why).says(row.id)
    return ""


def _row(write: Transaction, name: OutgoingName) -> OutgoingRow | None:
    return write.session.get(OutgoingRow, tuple(name), with_for_update=True)


def _of(incident: str, kind: OutgoingKind) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return col(OutgoingRow.incident) == incident, col(OutgoingRow.kind) == kind


def _waits(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a message is due, and not too late."""
    in_time = col(OutgoingRow.useless_at).is_(None) | (col(OutgoingRow.useless_at) > now)
    return (col(OutgoingRow.state) == OutgoingState.WAITING) & (col(OutgoingRow.next_try_at) <= now) & in_time


def _mark(write: Transaction, claim: OutgoingClaim, *, shut: bool, now: datetime) -> bool:
    row = locked(write, claim.name)
    if row.lease != claim.lease or row.state != OutgoingState.SENDING or (shut and not claim.name.kind.traits.to_team):
        return False
    row.state, row.at = OutgoingState.IN_DOUBT.value, now
    return True


def _answer(write: Transaction, answers: Sequence[tuple[OutgoingClaim, Receipt]], now: datetime) -> None:
    changed: dict[tuple[OutgoingKind, str], list[OutgoingRow]] = defaultdict(list)
    for claim, receipt in answers:
        row = locked(write, claim.name)
        if row.lease == claim.lease and row.state in TAKES_RECEIPT:
            _take_receipt(row, receipt, now)
            changed[claim.name.kind, claim.name.reader].append(row)
    for rows in changed.values():
        note_outcomes(write, rows, now)


def _take_receipt(row: OutgoingRow, receipt: Receipt, now: datetime) -> None:
    by_hand, row.tries = row.channel in BY_HAND, row.tries + 1
    state, wait = outcome(OutgoingKind(row.kind), receipt, row.tries, by_hand=by_hand)
    row.provider_id = receipt.provider_id or row.provider_id
    settle(row, state, now, receipt.detail, receipt.cause)
    if wait is not None:
        row.next_try_at = now + wait
