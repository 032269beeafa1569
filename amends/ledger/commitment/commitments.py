"""Commitments in the ledger: add, keep, review, put off, drop and break them, and let those that recur come again."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlmodel import Session, select

from amends.domain.base.errors import NotAllowed, Refusal
from amends.domain.base.value import Texts
from amends.domain.commitment.review import (
    why_not_break,
    why_not_drop,
    why_not_end_series,
    why_not_put_off,
    why_not_report,
    why_not_review,
    why_not_work,
)
from amends.domain.commitment.series import following
from amends.domain.incident.commitment import Chase, Commitment, CommitmentState
from amends.ledger.commitment.files import NewFile, store_files
from amends.ledger.commitment.rows import as_commitment, columns_of, commitments_of
from amends.ledger.commitment.told import locked_row, may_be_read, not_given, note_change
from amends.ledger.entitlement.remedies import refuse_owed
from amends.ledger.store.session import Store, Transaction, incident_row
from amends.ledger.store.sums import changing
from amends.ledger.tables.commitment import CommitmentPersonRow, CommitmentRow


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
            raise not_given(incident, commitment)
        return given[commitment]

    def add(self, incident: str, added: Iterable[tuple[Commitment, Collection[int]]], by: str, now: datetime) -> None:
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

    def keep(
        self,
        incident: str,
        commitment: str,
        evidence: Texts,
        by: str,
        now: datetime,
        *,
        link: str = "",
        files: Iterable[NewFile] = (),
    ) -> None:
        """Record that a member reports the commitment as kept; it stays open until another member reviews the evidence.

        Other evidence may replace the evidence, even after a review, until a notice about it is released: then it is
        reviewed anew. Raises NotAllowed without evidence, for a commitment that has ended otherwise, and while persons
        wait for their own result; NotInLedger.
        """
        with self._store.write() as write:
            write.incident(incident)
            row = locked_row(write.session, incident, commitment)
            _refuse(why_not_report(as_commitment(row), evidence))
            refuse_owed(write, row, now)
            if row.state == CommitmentState.KEPT:
                _reopen(write.session, row)
            row.evidence, row.evidence_link, row.refusal = evidence, link, ""
            row.reported_at, row.reported_by = row.reported_at or now, by
            seal = self._store.seal(write.session, incident)
            count = store_files(write.session, seal, row, files, by, now)
            write.note(
                now, incident, "commitment reported as kept", commitment, actor=by, evidence=evidence, files=count
            )

    def accept(self, incident: str, commitment: str, by: str, now: datetime) -> None:
        """Record that the commitment is kept, because another member than the one who reported it says so too.

        Its audience will be told. Raises NotAllowed when nobody has reported it, for the one who did, and while persons
        wait for their own result; NotInLedger.
        """
        with self._store.write() as write:
            write.incident(incident)
            row = locked_row(write.session, incident, commitment)
            _refuse(why_not_review(as_commitment(row), by))
            refuse_owed(write, row, now)
            row.state, row.settled_at, row.next_word_at = CommitmentState.KEPT, row.reported_at, None
            row.reviewed_at, row.reviewed_by, row.worded_by = now, by, row.reported_by
            note_change(write.session, row, now)
            write.note(now, incident, "commitment kept", commitment, actor=by, reported_by=row.reported_by)
            _renew(write, row, now)

    def refuse(self, incident: str, commitment: str, why: str, by: str, now: datetime) -> None:
        """Record why another member does not accept the evidence; the commitment is open as it was before the report.

        Files that came with the evidence stay. Raises NotAllowed as `accept`, and without a reason; NotInLedger.
        """
        with self._store.write() as write:
            write.incident(incident)
            row = locked_row(write.session, incident, commitment)
            _refuse(why_not_review(as_commitment(row), by))
            if not why.strip():
                raise NotAllowed(f"say why the evidence of {commitment} is not enough, so that its owner can do better")
            row.reported_at, row.evidence, row.evidence_link, row.refusal = None, {}, "", why.strip()
            write.note(now, incident, "evidence refused", commitment, actor=by, reported_by=row.reported_by)

    def put_off(self, incident: str, commitment: str, until: datetime, reason: Texts, by: str, now: datetime) -> None:
        """Record that a commitment will be late, with a new date and a reason that its audience will be told.

        A commitment that nobody was told yet is made with the new date. Raises NotAllowed for a commitment that has
        ended or waits for a review, for a date that has passed or is no later than the promised one, and for the same
        date with the same reason again; NotInLedger.
        """
        with self._store.write() as write:
            row = locked_row(write.session, incident, commitment)
            _refuse(why_not_put_off(as_commitment(row), until, reason, now))
            if row.made_in:
                row.new_due_at, row.reason, row.worded_by = until, reason, by
            else:
                row.due_at = until
            row.reminded_at = row.escalated_at = row.next_word_at = None
            note_change(write.session, row, now)
            write.note(now, incident, "commitment put off", commitment, actor=by, until=until.isoformat())
            _renew(write, row, now)

    def drop(
        self, incident: str, commitment: str, reason: Texts, by: str, now: datetime, *, series: bool = False
    ) -> None:
        """Record that a commitment is given up before its date; its audience will be told the reason.

        With `series`, no further occurrence follows. Until a notice about it is released, another reason may replace
        this reason. Raises NotAllowed, also once its date has passed; NotInLedger.
        """
        self._give_up(incident, commitment, CommitmentState.DROPPED, reason, by, now, series=series)

    def break_word(
        self, incident: str, commitment: str, reason: Texts, by: str, now: datetime, *, series: bool = False
    ) -> None:
        """Record that a commitment whose date has passed will not be kept; its audience will be told that, and why.

        With `series`, no further occurrence follows. Until a notice about it is released, another reason may replace
        this reason. Raises NotAllowed, also before its date; NotInLedger.
        """
        self._give_up(incident, commitment, CommitmentState.BROKEN, reason, by, now, series=series)

    def _give_up(
        self,
        incident: str,
        commitment: str,
        state: CommitmentState,
        reason: Texts,
        by: str,
        now: datetime,
        *,
        series: bool,
    ) -> None:
        why_not = why_not_break if state is CommitmentState.BROKEN else why_not_drop
        with self._store.write() as write:
            write.incident(incident)
            row = locked_row(write.session, incident, commitment)
            _refuse(why_not(as_commitment(row), reason, now))
            if row.state != CommitmentState.OPEN and may_be_read(write.session, row):
                raise NotAllowed(_words_are_read(row))
            if series:
                _end_series(write.session, row)
            row.state, row.settled_at, row.next_word_at = state, row.settled_at or now, None
            row.reason, row.worded_by = reason, by
            note_change(write.session, row, now)
            write.note(now, incident, f"commitment {state}", commitment, actor=by, series_ends=series)
            _renew(write, row, now)

    def hand_over(self, incident: str, commitment: str, owner: str, deputy: str, by: str, now: datetime) -> None:
        """Record who owns an open commitment from now on, and who is reminded after the owner; "" is nobody.

        Raises NotAllowed for a commitment that has ended; NotInLedger.
        """
        with self._store.write() as write:
            write.incident(incident)
            row = locked_row(write.session, incident, commitment)
            _refuse(why_not_work(as_commitment(row)))
            row.owner, row.deputy = owner, deputy
            write.note(now, incident, "commitment handed over", commitment, actor=by, owner=owner, deputy=deputy)

    def renew(self, incident: str, now: datetime) -> tuple[str, ...]:
        """Record the occurrences that follow those that have come due, and return their ids; none without a series.

        Raises NotInLedger.
        """
        with self._store.read() as session:
            given = commitments_of(session, incident)
        taken, groups = {one.id for one in given}, {one.series for one in given if one.series}
        mine = ([one for one in given if one.series == series] for series in sorted(groups))
        if not any(following(series, taken, now) for series in mine):
            return ()
        with self._store.write() as write:
            write.incident(incident)
            return tuple(name for series in sorted(groups) for name in _renew_series(write, incident, series, now))

    def foresee(self, incident: str, commitment: str, next_word_at: datetime, now: datetime) -> None:
        """Record that a commitment will be late, without a date yet: people will hear of it again by `next_word_at`.

        Nobody says so but the calendar; a notice is drafted, and it leaves only when people approve it. Raises
        NotAllowed for a commitment that has ended; NotInLedger.
        """
        with self._store.write() as write:
            row = _open_row(write.session, incident, commitment)
            row.next_word_at = next_word_at
            note_change(write.session, row, now)
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


def _refuse(refusal: Refusal | None) -> None:
    if refusal:
        raise NotAllowed(refusal)


def _open_row(session: Session, incident: str, commitment: str) -> CommitmentRow:
    row = locked_row(session, incident, commitment)
    if row.state != CommitmentState.OPEN:
        raise NotAllowed(f"{commitment} is {row.state} already")
    return row


def _reopen(session: Session, row: CommitmentRow) -> None:
    """Open a kept commitment again for other evidence, as long as nobody may have read the first words.

    That counts as a change, so that a notice drafted with the first words is overtaken. Who knew all that was before
    the commitment was kept has nothing to be told until the review. Raises NotAllowed.
    """
    if may_be_read(session, row):
        raise NotAllowed(_words_are_read(row))
    knew_all_before = row.told == row.changes - 1
    row.changes += 1
    if knew_all_before:
        row.told = row.changes
    row.state, row.settled_at, row.reviewed_at, row.reviewed_by = CommitmentState.OPEN, None, None, ""


def _words_are_read(row: CommitmentRow) -> str:
    return f"{row.id} is {row.state} already, and those promised were told so in the words of then"


def _end_series(session: Session, row: CommitmentRow) -> None:
    """Let nothing follow this occurrence. Raises NotAllowed for one that does not recur or is not the last."""
    mine = (CommitmentRow.incident == row.incident, CommitmentRow.series == row.series)
    last = max(session.exec(select(CommitmentRow.number).where(*mine)), default=row.number)
    _refuse(why_not_end_series(as_commitment(row), last))
    row.every = None


def _renew(write: Transaction, row: CommitmentRow, now: datetime) -> None:
    if row.series:
        _renew_series(write, row.incident, row.series, now)


def _renew_series(write: Transaction, incident: str, series: str, now: datetime) -> list[str]:
    """Store the occurrences that follow in the series at this time, and return their ids."""
    write.session.flush()
    given = commitments_of(write.session, incident)
    found = following([one for one in given if one.series == series], {one.id for one in given}, now)
    for one in found:
        again = 0 if one.made_in else 1  # an occurrence that nobody was told of is made as an added commitment is
        row = CommitmentRow(incident=incident, **columns_of(one), changes=again, told=0)
        write.session.add(row)
        due = one.due_at.isoformat()
        write.note(now, incident, "commitment comes again", one.id, series=series, number=one.number, due=due)
    return [one.id for one in found]
