"""Counts of outgoing messages by which a watchdog judges a channel."""

from collections import defaultdict
from collections.abc import Mapping

from sqlalchemy import ColumnElement, true
from sqlalchemy import select as sql
from sqlmodel import col, func, select

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.outgoing import OutgoingKind, OutgoingState
from amends.domain.deliver.limits import ChannelCounts
from amends.domain.deliver.pace import OUR_TROUBLE
from amends.ledger.store.session import Store, incident_row
from amends.ledger.tables.feedback import OutgoingRow

TAKEN_OVER = (OutgoingState.SENT, OutgoingState.DELIVERED, OutgoingState.BOUNCED)
"""The states of messages that a channel has taken over."""
TROUBLE = {OutgoingState.FAILED: "rejected", OutgoingState.BOUNCED: "bounced", OutgoingState.UNCERTAIN: "uncertain"}


class OutgoingStatistics:
    """The statistics of the outbox. They only read messages, and count none whose trouble is our own."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def answered(self, incident: str, kind: OutgoingKind) -> Mapping[ChannelKind, ChannelCounts]:
        """Count by channel the messages of a kind that were taken over, refused, left open, or came back.

        Trouble from before the incident was last resumed does not count, because a person has looked at it.
        """
        counts: defaultdict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        by = (col(OutgoingRow.channel), col(OutgoingRow.state))
        with self._store.read() as session:
            resumed = incident_row(session, incident).resumed_at
            news = true() if resumed is None else col(OutgoingRow.at) > resumed
            query = sql(*by, func.count(), func.count().filter(news)).where(*_of(incident, kind)).group_by(*by)
            for channel, state, messages, new in session.execute(query):
                counts[channel]["sent"] += messages if state in TAKEN_OVER else 0
                counts[channel][TROUBLE.get(state, "")] += new
        return {kind: _counts(counts[kind]) for kind in ChannelKind if kind in counts}

    def taken_nothing(self, incident: str, kind: OutgoingKind, channel: ChannelKind) -> int:
        """Count the messages of a kind that this channel refused or left open since it last took one over.

        Messages from before the incident was last resumed do not count.
        """
        on_it, changed = (*_of(incident, kind), col(OutgoingRow.channel) == channel), col(OutgoingRow.at)
        bad = col(OutgoingRow.state).in_((OutgoingState.FAILED, OutgoingState.UNCERTAIN))
        with self._store.read() as session:
            taken = select(func.max(changed)).where(*on_it, col(OutgoingRow.state).in_(TAKEN_OVER))
            since = [at for at in (session.exec(taken).one(), incident_row(session, incident).resumed_at) if at]
            return session.exec(select(func.count()).where(*on_it, bad, *(changed > at for at in since))).one()


def _of(incident: str, kind: OutgoingKind) -> tuple[ColumnElement[bool], ...]:
    ours = col(OutgoingRow.cause).not_in([cause.value for cause in OUR_TROUBLE])
    return col(OutgoingRow.incident) == incident, col(OutgoingRow.kind) == kind, ours


def _counts(numbers: Mapping[str, int]) -> ChannelCounts:
    return ChannelCounts(**{name: numbers[name] for name in ("sent", *TROUBLE.values())})
