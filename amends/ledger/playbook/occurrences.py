"""Occurrences of steps in the ledger: record their states, their revisions, and the reminders about them."""

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session, col, select

from amends.domain.base.text import minute
from amends.domain.case.states import OccurrenceKind, OccurrenceState
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.notice.notice import NoticeStage
from amends.ledger.incident.incidents import happened, note_alert
from amends.ledger.store.session import Store
from amends.ledger.tables.notice import NoticeRow
from amends.ledger.tables.playbook import OccurrenceRow


class Occurrences:
    """The occurrences of the steps of all incidents, with the state of each."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def mark(
        self,
        incident: str,
        step: str,
        number: int,
        due_at: datetime,
        state: OccurrenceState,
        now: datetime,
        note: str = "",
        after: Collection[str] = (),
    ) -> None:
        """Record the state of an occurrence; an occurrence that is done stays done.

        `after` names the notices on which the occurrence depends: nothing is recorded while one of these notices is not
        over, even if it was only reopened a moment ago. Each time an occurrence is held, an alert is recorded.
        """
        with self._store.write() as write:
            write.incident(incident)
            row = occurrence_row(write.session, incident, step, number)
            if row is not None and (row.state in (OccurrenceState.DONE, state)):
                return
            if after and not _are_over(write.session, incident, after):
                return
            row = row or _begun(write.session, incident, step, number, due_at)
            row.state, row.note = state, note
            if state is OccurrenceState.DONE:
                row.done_at = now
                happened(write.session, incident, step, now)
            if state is OccurrenceState.HELD:
                held = AlertId(AlertKind.STEP_HELD, f"{step} {number}", minute(now))
                what = f"{step} {number} is held since {minute(now)}: {note}"
                note_alert(write, incident, Alert(held, what, now))
            write.note(now, incident, f"step {state}", f"{step} {number}", note=note)

    def begin(self, incident: str, step: str, number: int, due_at: datetime, now: datetime) -> None:
        """Record that an occurrence waits; one that began before, or that a person has stopped, stays as it is."""
        with self._store.write() as write:
            write.incident(incident)
            row = occurrence_row(write.session, incident, step, number)
            if row is not None and row.state != OccurrenceState.PLANNED:
                return
            row = row or _begun(write.session, incident, step, number, due_at)
            row.state, row.note = OccurrenceState.WAITING, ""
            write.note(now, incident, f"step {OccurrenceState.WAITING}", f"{step} {number}", note="")

    def why_held(self, incident: str, step: str, number: int) -> str:
        """Return the note of a held occurrence; empty when the occurrence is not held."""
        with self._store.read() as session:
            row = occurrence_row(session, incident, step, number)
            return row.note if row is not None and row.state == OccurrenceState.HELD else ""

    def reopen(self, incident: str, step: str, number: int, now: datetime) -> None:
        """Record that an occurrence that was done waits again, because letters of its notice need a new version."""
        with self._store.write() as write:
            write.incident(incident)
            row = occurrence_row(write.session, incident, step, number)
            if row is None or row.state != OccurrenceState.DONE:
                return
            row.state, row.done_at = OccurrenceState.WAITING, None
            write.note(now, incident, "step reopened", f"{step} {number}", why="letters wait for a new version")

    def revise(
        self, incident: str, step: str, number: int, due_at: datetime, now: datetime, why: str, after: int | None = None
    ) -> int:
        """Record that the occurrence's run must be set up again, under a new key; return the new revision.

        Two processes that find this at the same time both pass the old revision as `after`, and get the same new one.
        """
        with self._store.write() as write:
            write.incident(incident)
            row = occurrence_row(write.session, incident, step, number)
            row = row or _begun(write.session, incident, step, number, due_at)
            if after is not None and row.revision > after:
                return row.revision
            row.revision += 1
            write.note(now, incident, "step again", f"{step} {number}", why=why, revision=row.revision)
            return row.revision

    def record_reminder(
        self, incident: str, kind: OccurrenceKind, step: str, number: int, due_at: datetime, now: datetime, note: str
    ) -> None:
        """Record a reminder that was given; the same reminder again changes nothing."""
        with self._store.write() as write:
            write.incident(incident)
            if occurrence_row(write.session, incident, step, number, kind):
                return
            row = _begun(write.session, incident, step, number, due_at, kind)
            row.state, row.note, row.done_at = OccurrenceState.DONE, note, now
            write.note(now, incident, "step done", f"{kind} {step} {number}", note=note)


def occurrence_row(
    session: Session, incident: str, step: str, number: int, kind: OccurrenceKind = OccurrenceKind.STEP
) -> OccurrenceRow | None:
    """Return the row of an occurrence or of a reminder, or None when none is recorded."""
    return session.get(OccurrenceRow, (incident, kind, step, number))


def _are_over(session: Session, incident: str, notices: Collection[str]) -> bool:
    """Return True when the latest version of each of these notices is over."""
    here = (NoticeRow.incident == incident, col(NoticeRow.notice).in_(notices))
    stages = session.exec(select(NoticeRow.notice, NoticeRow.stage).where(*here).order_by(col(NoticeRow.version)))
    return all(NoticeStage(stage).is_over for stage in dict(stages.all()).values())


def _begun(
    session: Session,
    incident: str,
    step: str,
    number: int,
    due_at: datetime,
    kind: OccurrenceKind = OccurrenceKind.STEP,
) -> OccurrenceRow:
    """Add the first row of an occurrence or of a reminder, and return the row."""
    row = OccurrenceRow(
        incident=incident,
        kind=kind,
        step=step,
        number=number,
        due_at=due_at,
        state=OccurrenceState.PLANNED,
        revision=0,
        note="",
    )
    session.add(row)
    return row
