"""Reviews in the ledger: what the team noted, the lessons, and the figures of each review that has ended."""

from datetime import datetime

from sqlmodel import Session, col, func, select

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.review import Review, ReviewFigures, ReviewKind, ReviewNote, why_not_note
from amends.ledger.store.session import Store, incident_row
from amends.ledger.tables.commitment import CommitmentRow
from amends.ledger.tables.feedback import QuestionRow
from amends.ledger.tables.playbook import ReviewNoteRow, ReviewRow

Times = tuple[datetime, datetime, datetime | None]


class Reviews:
    """The reviews of all incidents."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def note(self, incident: str, kind: ReviewKind, text: str, by: str, now: datetime) -> ReviewNote:
        """Store a note of the team, and return it; the same note of the same kind again changes nothing.

        A note is taken at any time, after the closing too. Raises NotAllowed for a text that cannot be a note;
        NotInLedger.
        """
        if refusal := why_not_note(text):
            raise NotAllowed(refusal)
        with self._store.write() as write:
            write.incident(incident)
            known = _notes(write.session, incident)
            for row in known:
                if (row.kind, row.text) == (kind, text.strip()):
                    return _note(row)
            number = max((row.number for row in known), default=0) + 1
            row = ReviewNoteRow(incident=incident, number=number, kind=kind, text=text.strip(), by=by, at=now)
            write.session.add(row)
            write.note(now, incident, "review note", f"{kind} {number}", actor=by)
            return _note(row)

    def becomes(self, incident: str, number: int, commitment: str, by: str, now: datetime) -> None:
        """Record that a lesson became this commitment; a second call changes nothing.

        Raises NotAllowed for a note that is no lesson, or one that became another commitment; NotInLedger.
        """
        with self._store.write() as write:
            write.incident(incident)
            row = write.session.get(ReviewNoteRow, (incident, number), with_for_update=True)
            if row is None:
                raise NotInLedger(f"incident {incident} has no note {number}; `amends review show {incident}`")
            if write.session.get(CommitmentRow, (incident, commitment)) is None:
                raise NotInLedger(f"incident {incident} has no commitment {commitment}")
            if row.kind != ReviewKind.LESSON:
                raise NotAllowed(f"note {number} is no lesson: it says what went {row.kind}")
            if row.commitment == commitment:
                return
            if row.commitment:
                raise NotAllowed(f"lesson {number} became the commitment {row.commitment} already")
            row.commitment = commitment
            write.note(now, incident, "lesson promised", f"lesson {number}", actor=by, commitment=commitment)

    def end(self, incident: str, step: str, figures: ReviewFigures, by: str, now: datetime) -> Review:
        """Store the figures with which a review ends, and return the review; one that has ended stays as it is.

        Raises NotAllowed without a note of the team; NotInLedger.
        """
        with self._store.write() as write:
            write.incident(incident)
            if (row := write.session.get(ReviewRow, (incident, step))) is not None:
                return _review(row)
            last = write.session.exec(
                select(func.max(ReviewNoteRow.number)).where(ReviewNoteRow.incident == incident)
            ).one()
            if not last:
                raise NotAllowed(
                    "nobody has said what went well, badly or by luck: "
                    f"`amends review note {incident} well|badly|luck TEXT --as NAME`"
                )
            row = ReviewRow(
                incident=incident, step=step, figures=figures.model_dump(mode="json"), notes=last, by=by, at=now
            )
            write.session.add(row)
            write.note(now, incident, "review ended", step, actor=by, notes=last)
            return _review(row)

    def notes(self, incident: str) -> tuple[ReviewNote, ...]:
        """Return the notes of the team, the first one first. Raises NotInLedger."""
        with self._store.read() as session:
            incident_row(session, incident)
            return tuple(map(_note, _notes(session, incident)))

    def ended(self, incident: str) -> tuple[Review, ...]:
        """Return the reviews that have ended, the first one first. Raises NotInLedger."""
        with self._store.read() as session:
            incident_row(session, incident)
            query = select(ReviewRow).where(ReviewRow.incident == incident).order_by(col(ReviewRow.at))
            return tuple(map(_review, session.exec(query)))

    def reply_times(self, incident: str) -> tuple[Times, ...]:
        """Return for each question when it was asked, when the reply was due, and when it was answered, or None."""
        with self._store.read() as session:
            asked = (QuestionRow.asked_at, QuestionRow.reply_due_at, col(QuestionRow.answered_at))
            query = select(*asked).where(QuestionRow.incident == incident).order_by(col(QuestionRow.id))
            return tuple((at, due, answered) for at, due, answered in session.exec(query))


def _notes(session: Session, incident: str) -> list[ReviewNoteRow]:
    query = select(ReviewNoteRow).where(ReviewNoteRow.incident == incident).order_by(col(ReviewNoteRow.number))
    return list(session.exec(query))


def _note(row: ReviewNoteRow) -> ReviewNote:
    return row.as_value(ReviewNote)


def _review(row: ReviewRow) -> Review:
    figures = ReviewFigures.model_validate(row.figures)
    return Review(step=row.step, figures=figures, notes=row.notes, by=row.by, at=row.at)
