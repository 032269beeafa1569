"""Verbs about the playbook in force, the turns of its steps, and assessments."""

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session, col, select

from amends.domain.base.text import minute
from amends.domain.case.case import OccurrenceKind, OccurrenceState
from amends.domain.notice.notice import NoticeStage
from amends.ledger.incident.incidents import happened, note_alert
from amends.ledger.store.session import Store
from amends.ledger.store.tables import NoticeRow, OccurrenceRow


class Occurrences:
    """Records where each occurrence of a step stands."""

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
        """Note where a step's turn stands; a turn that is done stays done.

        With the notices that it comes `after`, nothing is noted while one of them goes on, be it since just now.
        One that is held is an alert, each time.
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
                note_alert(write, incident, f"{step} {number} is held since {minute(now)}: {note}", now)
            write.note(now, incident, f"step {state}", f"{step} {number}", note=note)

    def revise(
        self, incident: str, step: str, number: int, due_at: datetime, now: datetime, why: str,
        after: int | None = None,
    ) -> int:  # fmt: skip
        """A turn's run must be set up again, under a new key; the turn's new revision.

        Two who look at the same time both say after which one, and get the same.
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
        """Record a reminder that was given; the second time nothing changes."""
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
    """Return what is recorded of an occurrence or of a reminder, or None."""
    return session.get(OccurrenceRow, (incident, kind, step, number))


def _are_over(session: Session, incident: str, notices: Collection[str]) -> bool:
    """Whether nothing is to be done for these any more; of each, its latest version tells."""
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
    """Add the row of an occurrence or of a reminder of which nothing was stored yet, and return the row."""
    row = OccurrenceRow(
        incident=incident, kind=kind, step=step, number=number, due_at=due_at,
        state=OccurrenceState.PLANNED, revision=0, note="",
    )  # fmt: skip
    session.add(row)
    return row
