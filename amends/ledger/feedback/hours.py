"""Question hours in the ledger: announce them, take sign-ups, remind once, and publish approved answers."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session, col, func, select

from amends.domain.base.errors import AlreadyInLedger, NotAllowed, NotInLedger
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.outgoing import OutgoingKind, OutgoingName, OutgoingState
from amends.domain.feedback.hour import HourAnswer, HourReminder, QuestionHour
from amends.domain.people.person import Person
from amends.domain.team.member import Member
from amends.domain.team.vote import VoteRule, why_not_vote
from amends.ledger.outbox.outbox import put
from amends.ledger.people.opt_outs import reader_of
from amends.ledger.people.people import opened_person, person_row
from amends.ledger.store.session import Store, incident_row, must_approve
from amends.ledger.tables.feedback import HourQuestionRow, HourSignUpRow, OutgoingRow, QuestionHourRow

MAIL = next(kind.value for kind in ChannelKind if kind.mail)
"""The channel on which reminders leave."""
REMINDED = (OutgoingState.SENT, OutgoingState.DELIVERED)
IN_DOUBT = (OutgoingState.IN_DOUBT, OutgoingState.UNCERTAIN)


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
                    incident=incident,
                    id=hour.id,
                    title=title,
                    where=where,
                    begins_at=begins,
                    minutes=minutes,
                    announced_at=now,
                    announced_by=by,
                    answers=[],
                )
            )
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
            begins = _row(write.session, incident, hour).begins_at
            if begins <= now:
                raise NotAllowed(f"{hour} has begun")
            person_row(write.session, incident, person)
            if write.session.get(HourSignUpRow, (incident, hour, person)) is not None:
                return False
            write.session.add(HourSignUpRow(incident=incident, hour=hour, person=person, at=now))
            for which in HourReminder:
                if due := which.due(begins, now):
                    name = OutgoingName(incident, OutgoingKind.HOUR_REMINDER, hour, which.value, str(person))
                    sent = {"channel": MAIL, "next_try_at": due[0], "useless_at": due[1]}
                    put(write, self._store.keys, name, now, person=person, **sent)
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
        signed = select(func.count()).where(HourSignUpRow.incident == incident, HourSignUpRow.hour == hour)
        ours = (
            col(OutgoingRow.incident) == incident,
            col(OutgoingRow.kind) == OutgoingKind.HOUR_REMINDER,
            col(OutgoingRow.subject) == hour,
        )
        with self._store.read() as session:
            states = session.exec(select(OutgoingRow.reader, OutgoingRow.state).where(*ours)).all()
            signed_up = session.exec(signed.select_from(HourSignUpRow)).one()
            asked = select(HourQuestionRow.question).where(
                HourQuestionRow.incident == incident, HourQuestionRow.hour == hour
            )
            questions = tuple(session.exec(asked.order_by(col(HourQuestionRow.question))))
        reminded = {reader for reader, state in states if state in REMINDED}
        doubtful = {reader for reader, state in states if state in IN_DOUBT}
        return HourCounts(signed_up, len(reminded), len(doubtful), questions)

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
            row.answers, row.answers_by, row.approved_by = [answer.model_dump() for answer in answers], by, ""
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
            wrote = {row.answers_by: f"{row.answers_by} wrote the answers: another member must approve them"}
            if refusal := why_not_vote(by, VoteRule(barred=wrote)):
                raise NotAllowed(refusal)
            row.approved_by, row.published_at = by.name, now
            write.note(now, incident, "question hour published", hour, actor=by.name, answers=len(row.answers))

    def to_remind(self, name: OutgoingName) -> tuple[QuestionHour, Person]:
        """Return the hour of a reminder, and the person who reads it, or the guardian of a child.

        Raises NotInLedger when the person does not want to be reminded any more, and KeyMissing.
        """
        with self._store.read() as session:
            person = int(name.reader)
            if session.get(HourSignUpRow, (name.incident, name.subject, person)) is None:
                raise NotInLedger(f"person {person} did not ask to be reminded of {name.subject}")
            reader = reader_of(session, name.incident, person)
            hour = _hour(_row(session, name.incident, name.subject))
            return hour, opened_person(name.incident, reader, self._store.seal(session, name.incident))


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
    return row.as_value(QuestionHour, answers=row.answers or ())
