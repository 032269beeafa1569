"""Question hours in the ledger: announce them, take sign-ups, remind once, and publish approved answers."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session, col, func, select

from amends.domain.base.errors import AlreadyInLedger, NotAllowed, NotInLedger
from amends.domain.feedback.hour import HourAnswer, HourReminder, QuestionHour
from amends.domain.people.person import Person
from amends.domain.team.member import Member
from amends.ledger.feedback.replies import why_shut_now
from amends.ledger.people.opt_outs import reader_of
from amends.ledger.people.people import opened_person, person_row
from amends.ledger.store.session import Store, Write, incident_row, must_approve
from amends.ledger.store.tables import HourQuestionRow, HourSignUpRow, QuestionHourRow

WAITS, IN_DOUBT, SENT, FAILED = "", "in doubt", "sent", "failed"
"""The states of a reminder that was begun; a reminder in doubt may have left, and is not sent again."""


class DueReminder(NamedTuple):
    """A reminder that is due now, with the person to whom it goes. Holds personal data: never log or print it."""

    hour: QuestionHour
    person: int
    reader: Person
    """The person, or the guardian of a child."""
    which: HourReminder
    bounce: str
    key: str


class HourCounts(NamedTuple):
    """The numbers of a question hour."""

    signed_up: int
    reminded: int
    in_doubt: int
    questions: tuple[int, ...]
    """The questions that were asked beforehand, by number."""


class QuestionHours:
    """The question hours of all incidents."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def announce(self, incident: str, hour: QuestionHour, by: str, now: datetime) -> bool:
        """Store an hour and make its page public; return False when that was done before.

        Raises NotAllowed for an hour that has begun, AlreadyInLedger when the hour was announced otherwise.
        """
        with self._store.write() as write:
            write.incident(incident)
            if (row := write.session.get(QuestionHourRow, (incident, hour.id))) is not None:
                if (row.title, row.where, row.begins_at, row.minutes) == _essentials(hour):
                    return False
                raise AlreadyInLedger(
                    f"{hour.id} was announced otherwise, and people count on it: announce another one under another id"
                )
            if hour.begins_at <= now:
                raise NotAllowed(f"{hour.id} would have begun already")
            title, where, begins, minutes = _essentials(hour)
            write.session.add(
                QuestionHourRow(
                    incident=incident, id=hour.id, title=title, where=where, begins_at=begins, minutes=minutes,
                    announced_at=now, announced_by=by, answers=[],
                )
            )  # fmt: skip
            write.note(now, incident, "question hour announced", hour.id, actor=by, begins=begins.isoformat())
            return True

    def all(self, incident: str) -> tuple[QuestionHour, ...]:
        """Return the announced hours, the first one in front. Raises NotInLedger when there is no such incident."""
        with self._store.read() as session:
            incident_row(session, incident)
            query = select(QuestionHourRow).where(QuestionHourRow.incident == incident)
            return tuple(map(_hour, session.exec(query.order_by(col(QuestionHourRow.begins_at)))))

    def get(self, incident: str, hour: str) -> QuestionHour:
        """Return an announced hour. Raises NotInLedger."""
        with self._store.read() as session:
            return _hour(_row(session, incident, hour))

    def sign_up(self, incident: str, hour: str, person: int, now: datetime) -> bool:
        """Record that the person wants to be reminded, and return True when that is new.

        Raises NotInLedger, and NotAllowed once the hour has begun.
        """
        with self._store.write() as write:
            write.incident(incident)
            if _row(write.session, incident, hour).begins_at <= now:
                raise NotAllowed(f"{hour} has begun")
            person_row(write.session, incident, person)
            if write.session.get(HourSignUpRow, (incident, hour, person)) is not None:
                return False
            write.session.add(HourSignUpRow(incident=incident, hour=hour, person=person, at=now))
            write.note(now, incident, "wants a reminder", f"person {person}", hour=hour)
            return True

    def signed_up(self, incident: str, person: int) -> frozenset[str]:
        """Return the hours of which the person wants to be reminded."""
        with self._store.read() as session:
            mine = (HourSignUpRow.incident == incident, HourSignUpRow.person == person)
            return frozenset(session.exec(select(HourSignUpRow.hour).where(*mine)))

    def collect(self, incident: str, hour: str, question: int, now: datetime) -> None:
        """Record that a question was asked for this hour; a second call changes nothing. Raises NotInLedger."""
        with self._store.write() as write:
            write.incident(incident)
            _row(write.session, incident, hour)
            if write.session.get(HourQuestionRow, (incident, question)) is None:
                write.session.add(HourQuestionRow(incident=incident, question=question, hour=hour))
                write.note(now, incident, "asked for a question hour", f"question {question}", hour=hour)

    def counts(self, incident: str, hour: str) -> HourCounts:
        """Return the numbers of an hour."""
        mine = (HourSignUpRow.incident == incident, HourSignUpRow.hour == hour)
        states = (col(HourSignUpRow.day_before), col(HourSignUpRow.hour_before))
        with self._store.read() as session:
            signed, reminded, doubtful = session.exec(
                select(
                    func.count(),
                    func.count().filter((states[0] == SENT) | (states[1] == SENT)),
                    func.count().filter((states[0] == IN_DOUBT) | (states[1] == IN_DOUBT)),
                ).where(*mine)
            ).one()
            asked = select(HourQuestionRow.question).where(
                HourQuestionRow.incident == incident, HourQuestionRow.hour == hour
            )
            questions = tuple(session.exec(asked.order_by(col(HourQuestionRow.question))))
        return HourCounts(signed, reminded, doubtful, questions)

    def publish(self, incident: str, hour: str, answers: Sequence[HourAnswer], by: str, now: datetime) -> None:
        """Store the answers of an hour, which stand on its page once another member approves them.

        Answers that are not published yet are replaced. Raises NotAllowed before the hour has begun, and once answers
        are published.
        """
        with self._store.write() as write:
            write.incident(incident)
            row = _row(write.session, incident, hour)
            _refuse_published(row)
            if row.begins_at > now:
                raise NotAllowed(f"{hour} has not begun: answers are published afterwards")
            row.answers, row.answers_by, row.approved_by = [one.model_dump() for one in answers], by, ""
            write.note(now, incident, "question hour answered", hour, actor=by, answers=len(answers))

    def approve(self, incident: str, hour: str, by: Member, now: datetime) -> None:
        """Approve the answers of an hour as they stand, and publish them. Raises NotAllowed for their author."""
        must_approve(by, "approve the answers of a question hour")
        with self._store.write() as write:
            write.incident(incident)
            row = _row(write.session, incident, hour)
            _refuse_published(row)
            if not row.answers:
                raise NotAllowed(
                    f"{hour} has no answers: `amends sessions publish {incident} {hour} --file ANSWERS.yaml`"
                )
            if row.answers_by == by.name:
                raise NotAllowed(f"{by.name} wrote the answers: another member must approve them")
            row.approved_by, row.published_at = by.name, now
            write.note(now, incident, "question hour published", hour, actor=by.name, answers=len(row.answers))

    def due_reminders(self, incident: str, now: datetime) -> tuple[DueReminder, ...]:
        """Return the reminders that are due and were not begun. Raises NotInLedger, KeyMissing."""
        with self._store.read() as session:
            rows = session.exec(
                select(QuestionHourRow, HourSignUpRow)
                .join(
                    HourSignUpRow,
                    (col(HourSignUpRow.incident) == QuestionHourRow.incident)
                    & (col(HourSignUpRow.hour) == QuestionHourRow.id),
                )
                .where(QuestionHourRow.incident == incident, col(QuestionHourRow.begins_at) > now)
            ).all()
            due = [
                (row, signed, which)
                for row, signed in rows
                for which in HourReminder
                if not getattr(signed, which) and which.is_due(row.begins_at, signed.at, now)
            ]
            return tuple(self._due(session, incident, *one) for one in due)

    def _due(
        self, session: Session, incident: str, row: QuestionHourRow, signed: HourSignUpRow, which: HourReminder
    ) -> DueReminder:
        reader = reader_of(session, incident, signed.person)
        key = self._store.keys.message_key(incident, f"hour:{row.id}", signed.person, which.value, b"")
        person = opened_person(incident, reader, self._store.seal(session, incident))
        return DueReminder(_hour(row), signed.person, person, which, self._store.keys.bounce_token(0, key), key)

    def begin_reminder(self, incident: str, reminder: DueReminder, now: datetime) -> bool:
        """Record that the reminder is about to leave.

        Return False when it was begun before, perhaps elsewhere, and while the incident is paused or under an embargo.
        Raises LedgerRestored.
        """
        with self._store.write() as write:
            self._store.refuse_if_restored(write.session)
            row = self._signed(write, incident, reminder)
            if getattr(row, reminder.which) or why_shut_now(write.incident(incident), now):
                return False
            setattr(row, reminder.which, IN_DOUBT)
            self._note(write, incident, reminder, IN_DOUBT, now)
            return True

    def settle_reminder(self, incident: str, reminder: DueReminder, state: str, now: datetime) -> None:
        """Record what became of a reminder."""
        with self._store.write() as write:
            setattr(self._signed(write, incident, reminder), reminder.which, state)
            self._note(write, incident, reminder, state, now)

    @staticmethod
    def _signed(write: Write, incident: str, reminder: DueReminder) -> HourSignUpRow:
        write.incident(incident)
        row = write.session.get(HourSignUpRow, (incident, reminder.hour.id, reminder.person), with_for_update=True)
        if row is None:
            raise NotInLedger(f"person {reminder.person} did not ask to be reminded of {reminder.hour.id}")
        return row

    @staticmethod
    def _note(write: Write, incident: str, reminder: DueReminder, state: str, now: datetime) -> None:
        about = {"hour": reminder.hour.id, "which": reminder.which.value, "state": state}
        write.note(now, incident, "reminder of a question hour", f"person {reminder.person}", **about)


def _row(session: Session, incident: str, hour: str) -> QuestionHourRow:
    row = session.get(QuestionHourRow, (incident, hour))
    if row is None:
        raise NotInLedger(
            f"incident {incident} has announced no question hour {hour}; `amends sessions list {incident}`"
        )
    return row


def _refuse_published(row: QuestionHourRow) -> None:
    if row.published_at is not None:
        raise NotAllowed(f"the answers of {row.id} are published")


def _essentials(hour: QuestionHour) -> tuple[dict[str, str], dict[str, str], datetime, int]:
    return dict(hour.title), dict(hour.where), hour.begins_at, hour.minutes


def _hour(row: QuestionHourRow) -> QuestionHour:
    answers = tuple(map(HourAnswer.model_validate, row.answers)) if row.answers else ()
    return QuestionHour(
        id=row.id,
        title=row.title,
        where=row.where,
        begins_at=row.begins_at,
        minutes=row.minutes,
        announced_at=row.announced_at,
        announced_by=row.announced_by,
        answers=answers,
        answers_by=row.answers_by,
        approved_by=row.approved_by,
        published_at=row.published_at,
    )
