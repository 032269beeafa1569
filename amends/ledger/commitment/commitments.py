"""Commitments in the ledger: add, keep, put off and drop them, and record which changes people were told."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import and_
from sqlmodel import Session, col, select

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.base.text import minute
from amends.domain.base.value import Texts
from amends.domain.incident.commitment import Chase, Commitment, CommitmentState
from amends.ledger.commitment.rows import columns_of, commitments_of
from amends.ledger.store.session import Store, incident_row
from amends.ledger.store.sums import changing
from amends.ledger.store.tables import KEY, CommitmentPersonRow, CommitmentRow, NoticeRow, ReleaseRow


class Commitments:
    """The commitments of the incidents, and their outcomes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self, incident: str) -> tuple[Commitment, ...]:
        """Return all commitments of the incident, the earliest due first. Raises NotInLedger."""
        with self._store.read() as session:
            incident_row(session, incident)
            return commitments_of(session, incident)

    def get(self, incident: str, commitment: str) -> Commitment:
        """Return one commitment of the incident. Raises NotInLedger."""
        given = {one.id: one for one in self.all(incident)}
        if commitment not in given:
            raise _not_given(incident, commitment)
        return given[commitment]

    def add(
        self, incident: str, added: Iterable[tuple[Commitment, Collection[int]]], by: str, now: datetime
    ) -> None:  # fmt: skip
        """Record commitments that nobody was told yet, all or none; the next notice that states each one makes it.

        Each comes with the numbers of the persons to whom it is made, empty unless it is for some persons only. Raises
        NotAllowed when an id is taken; NotInLedger.
        """
        with self._store.write() as write:
            write.incident(incident)
            for one, persons in added:
                if write.session.get(CommitmentRow, (incident, one.id)):
                    raise NotAllowed(f"incident {incident} has a commitment {one.id} already; choose another id")
                content = columns_of(one.model_copy(update={"added_at": now}))
                write.session.add(CommitmentRow(incident=incident, **content, changes=1, told=0, worded_by=by))
                write.session.flush()
                whose = {"incident": incident, "commitment": one.id}
                rows = [CommitmentPersonRow(**whose, person=person) for person in sorted(set(persons))]
                with changing(write.session, "commitment_person", (incident, one.id)):
                    write.session.add_all(rows)
                detail = {"audience": one.audience, "due": one.due_at.isoformat(), "persons": len(set(persons))}
                write.note(now, incident, "commitment added", one.id, actor=by, **detail)

    def keep(self, incident: str, commitment: str, evidence: Texts, by: str, now: datetime) -> None:
        """Record that a commitment is kept, with the evidence; its audience will be told.

        Until a notice about it is released, other evidence may replace this evidence. Raises NotAllowed without
        evidence, and for a commitment that has ended otherwise; NotInLedger.
        """
        if not any(text.strip() for text in evidence.values()):
            raise NotAllowed(f"{commitment} needs evidence: a document, a report, a ticket that shows it was kept")
        with self._store.write() as write:
            write.incident(incident)
            row = _row(write.session, incident, commitment)
            _settle(write.session, row, CommitmentState.KEPT, now, reworded=row.evidence != evidence)
            row.evidence, row.worded_by = evidence, by
            write.note(now, incident, "commitment kept", commitment, actor=by, evidence=evidence)

    def put_off(self, incident: str, commitment: str, until: datetime, reason: Texts, by: str, now: datetime) -> None:
        """Record that a commitment will be late, with a new date and a reason that its audience will be told.

        A commitment that nobody was told yet is made with the new date. Raises NotAllowed for a commitment that has
        ended, for a date that has passed or is no later than the promised one, and for the same date with the same
        reason again; NotInLedger.
        """
        if until <= now:
            raise NotAllowed(f"the new date of {commitment} has passed already")
        with self._store.write() as write:
            row = _open_row(write.session, incident, commitment)
            if until <= row.due_at:
                raise NotAllowed(f"{commitment} is promised for {minute(row.due_at)}, and that is no later")
            if (row.new_due_at, row.reason) == (until, reason):
                raise NotAllowed(f"{commitment} is put off to then already, for the same reason")
            if row.made_in:
                row.new_due_at, row.reason, row.worded_by = until, reason, by
            else:
                row.due_at = until
            row.reminded_at = row.escalated_at = row.next_word_at = None
            row.changes += 1
            write.note(now, incident, "commitment put off", commitment, actor=by, until=until.isoformat())

    def drop(self, incident: str, commitment: str, reason: Texts, by: str, now: datetime) -> None:
        """Record that a commitment will not be kept; its audience will be told the reason.

        Until a notice about it is released, another reason may replace this reason. Raises NotAllowed, NotInLedger.
        """
        with self._store.write() as write:
            write.incident(incident)
            row = _row(write.session, incident, commitment)
            _settle(write.session, row, CommitmentState.DROPPED, now, reworded=row.reason != reason)
            row.reason, row.worded_by = reason, by
            write.note(now, incident, "commitment dropped", commitment, actor=by)

    def foresee(self, incident: str, commitment: str, next_word_at: datetime, now: datetime) -> None:
        """Record that a commitment will be late, without a date yet: people will hear of it again by `next_word_at`.

        Nobody says so but the calendar; a notice is drafted, and it leaves only when people approve it. Raises
        NotAllowed for a commitment that has ended; NotInLedger.
        """
        with self._store.write() as write:
            row = _open_row(write.session, incident, commitment)
            row.next_word_at = next_word_at
            row.changes += 1
            write.note(now, incident, "commitment foreseen late", commitment, next_word=next_word_at.isoformat())

    def chased(self, incident: str, commitment: str, chase: Chase, now: datetime) -> None:
        """Record that the owner was reminded of a commitment, or that the lead was told that it is late."""
        with self._store.write() as write:
            row = _open_row(write.session, incident, commitment)
            if chase is Chase.REMIND:
                row.reminded_at = now
            else:
                row.escalated_at = now
            write.note(now, incident, f"commitment {chase}", commitment, owner=row.owner)


def told(session: Session, incident: str, commitment: str, change: int) -> None:
    """Record that the commitment's audience was told of this change. Raises NotInLedger."""
    row = _row(session, incident, commitment)
    row.told = max(row.told, change)


def untold_again(session: Session, incident: str, commitment: str, change: int) -> None:
    """Record that people who are back in the list were not told of this change. Raises NotInLedger."""
    row = _row(session, incident, commitment)
    row.told = min(row.told, change - 1)


def _row(session: Session, incident: str, commitment: str) -> CommitmentRow:
    row = session.get(CommitmentRow, (incident, commitment), with_for_update=True)
    if row is None:
        raise _not_given(incident, commitment)
    return row


def _not_given(incident: str, commitment: str) -> NotInLedger:
    return NotInLedger(f"incident {incident} has no commitment {commitment}; `amends commitments list {incident}`")


def _open_row(session: Session, incident: str, commitment: str) -> CommitmentRow:
    row = _row(session, incident, commitment)
    if row.state != CommitmentState.OPEN:
        raise NotAllowed(f"{commitment} is {row.state} already")
    return row


def _settle(session: Session, row: CommitmentRow, state: CommitmentState, now: datetime, *, reworded: bool) -> None:
    """End the commitment, or reword the same end as long as nobody may have read the first words. Raises NotAllowed.

    New words count as a change, so that a notice drafted with the first words is overtaken.
    """
    if row.state != CommitmentState.OPEN:
        if row.state != state or not reworded:
            raise NotAllowed(f"{row.id} is {row.state} already")
        if row.told >= row.changes or _may_be_read(session, row):
            raise NotAllowed(f"{row.id} is {row.state} already, and those promised were told so in the words of then")
    row.state, row.settled_at, row.next_word_at = state, row.settled_at or now, None
    row.changes += 1


def _may_be_read(session: Session, row: CommitmentRow) -> bool:
    """Return True when a notice about the commitment's latest change was released, so that people may have read it."""
    about, change = col(NoticeRow.draft)["about"].as_string(), col(NoticeRow.draft)["change"].as_integer()
    query = (
        select(ReleaseRow.notice)
        .join(NoticeRow, and_(*(col(getattr(NoticeRow, name)) == getattr(ReleaseRow, name) for name in KEY)))
        .where(ReleaseRow.incident == row.incident, about == row.id, change == row.changes)
    )
    return session.exec(query.limit(1)).first() is not None
