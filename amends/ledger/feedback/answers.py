"""Answers in the ledger: give, approve and correct them, close a question with a reason, and reopen one."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.channel.outgoing import OutgoingState
from amends.domain.feedback.answer import LONGEST_REASON, Answer, AnswerKind, AnswerStatus, HeardAnswer, ReplyChannel
from amends.domain.feedback.question import QuestionKind
from amends.domain.team.member import Member, TeamRole
from amends.domain.team.vote import VoteRule, why_not_vote
from amends.ledger.feedback.answering import (
    any_public,
    correction_of,
    give_answer,
    hand_out,
    replies_of,
    text_in,
    texts_of,
    withdraw_unsent,
)
from amends.ledger.feedback.question_rows import opened, question_place, question_row
from amends.ledger.store.encryption import Seal
from amends.ledger.store.session import Store, Transaction, must_approve
from amends.ledger.tables.feedback import AnswerRow, OutgoingRow, QuestionRow

LONGEST_OBJECTION = 4_000
"""The largest number of characters of all that a person says about one question's answers."""


class GivenAnswers:
    """The answers to the questions of people; each decision is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def give(self, incident: str, questions: Collection[int], texts: Mapping[str, str], by: str, now: datetime) -> int:
        """Store one answer to one or many questions, with a text for each locale, and return its id.

        An answer to more than HANDFUL questions waits for `approve`. Raises NotAllowed, NotInLedger.
        """
        with self._store.write() as write:
            return give_answer(write, self._store, incident, AnswerKind.GIVEN, questions, texts, by, now).id

    def close(self, incident: str, question: int, reason: str, by: str, now: datetime) -> int:
        """Close a question without an answer, for a reason that the person hears; return the id of the answer."""
        with self._store.write() as write:
            texts = {question_row(write.session, incident, question, locked=True).locale: reason}
            return give_answer(write, self._store, incident, AnswerKind.CLOSED, (question,), texts, by, now).id

    def correct(self, incident: str, answer: int, texts: Mapping[str, str], by: str, now: datetime) -> int:
        """Replace a wrong answer, and return the id of the correction, which reaches all whom the answer concerned.

        Replies with the wrong answer that have not left are withdrawn at once. Whoever heard the wrong answer, or may
        have, hears that it was wrong. Raises NotAllowed for an answer that was not given or was corrected already.
        """
        with self._store.write() as write:
            return correct_answer(write, self._store, incident, answer, texts, by, now)

    def approve(self, incident: str, answer: int, by: Member, now: datetime) -> int:
        """Give an answer that waits, approved by another member than its writer; return how many questions it answers.

        Questions that were answered meanwhile are left out. Raises NotAllowed, also for a member whose role may not
        approve what is heard in public, and NotInLedger.
        """
        with self._store.write() as write:
            row = self._waiting(write, incident, answer)
            if any_public(write.session, self._store.seal(write.session, incident), row):
                must_approve(by, "approve a public answer")
            wrote = {row.by: f"{row.by} wrote answer {answer}; another member must approve it"}
            if refusal := why_not_vote(by, VoteRule(roles=tuple(TeamRole), barred=wrote)):
                raise NotAllowed(refusal)
            asked = [question_row(write.session, incident, number, locked=True) for number in row.questions]
            if row.kind != AnswerKind.CORRECTION:
                asked = [one for one in asked if one.answered_at is None]
            row.status, row.approved_by, row.approved_at = AnswerStatus.GIVEN.value, by.name, now
            row.questions = [one.id for one in asked]
            write.note(now, incident, "answer approved", f"answer {answer}", actor=by.name, questions=len(asked))
            hand_out(write, self._store, row, asked, now)
            return len(asked)

    def reject(self, incident: str, answer: int, why: str, by: str, now: datetime) -> None:
        """Reject an answer that waits; nobody hears it. Raises NotAllowed, NotInLedger."""
        if not why.strip() or len(why) > LONGEST_REASON:
            raise NotAllowed(f"say why in 1 to {LONGEST_REASON} characters")
        with self._store.write() as write:
            reject_answer(write, self._waiting(write, incident, answer), why.strip(), by, now)

    def reopen(
        self,
        incident: str,
        question: int,
        now: datetime,
        objection: str = "",
        within: timedelta | None = None,
        owner: str = "",
    ) -> bool:
        """Reopen an answered question as a complaint of the person, with what they say; return False if it is open.

        The reply is due `within` this time, else within the time that the question had. The `owner` of complaints is
        the owner of the question from then on. Raises NotAllowed for an
        overlong text, NotInLedger.
        """
        with self._store.write() as write:
            write.incident(incident)
            row = question_row(write.session, incident, question, locked=True)
            if row.answered_at is None and not objection.strip():
                return False
            reopened = row.answered_at is not None
            self._object(write.session, row, objection.strip())
            if reopened:
                span = within or row.reply_due_at - max(row.reopened_at or row.asked_at, row.asked_at)
                row.answered_at, row.answered_by, row.kind = None, "", QuestionKind.COMPLAINT.value
                row.reopened_at, row.reply_due_at, row.owner = now, now + span, owner or row.owner
            write.note(now, incident, "not satisfied", f"question {question}", by_person=row.person)
            return reopened

    def get(self, incident: str, answer: int) -> Answer:
        """Return one answer. Raises NotInLedger, KeyMissing."""
        with self._store.read() as session:
            return _as_value(_answer(session, incident, answer), self._store.seal(session, incident))

    def all(self, incident: str, *, waiting_only: bool = False) -> tuple[Answer, ...]:
        """Return the answers, the newest first. Raises NotInLedger, KeyMissing."""
        query = select(AnswerRow).where(AnswerRow.incident == incident).order_by(col(AnswerRow.id).desc())
        if waiting_only:
            query = query.where(AnswerRow.status == AnswerStatus.WAITING)
        with self._store.read() as session:
            seal = self._store.seal(session, incident)
            return tuple(_as_value(row, seal) for row in session.exec(query))

    def said(self, incident: str, person: int) -> dict[int, tuple[HeardAnswer, ...]]:
        """Return, by question of this person, the answers that were given to it, the first one first."""
        with self._store.read() as session:
            asked = select(QuestionRow).where(QuestionRow.incident == incident, QuestionRow.person == person)
            locales = {row.id: row.locale for row in session.exec(asked)}
            if not locales:
                return {}
            return self._said_to(session, incident, locales)

    def _said_to(
        self, session: Session, incident: str, locales: Mapping[int, str]
    ) -> dict[int, tuple[HeardAnswer, ...]]:
        theirs = (*replies_of(incident), col(OutgoingRow.reader).in_(list(map(str, locales))))
        replies = sorted(session.exec(select(OutgoingRow).where(*theirs)).all(), key=lambda reply: int(reply.subject))
        named = (AnswerRow.incident == incident, col(AnswerRow.id).in_({int(reply.subject) for reply in replies}))
        answers = {row.id: row for row in session.exec(select(AnswerRow).where(*named))}
        seal, corrected = self._store.seal(session, incident), {row.corrects for row in answers.values()}
        found: dict[int, tuple[HeardAnswer, ...]] = {}
        for reply in replies:
            row, question = answers[int(reply.subject)], int(reply.reader)
            said = HeardAnswer(
                kind=AnswerKind(row.kind),
                text=text_in(texts_of(row, seal), locales[question]),
                at=row.approved_at or row.at,
                corrected=row.id in corrected,
                apologises=reply.apologises,
                channel=ReplyChannel(reply.channel),
                state=OutgoingState(reply.state),
                told_at=reply.at,
            )
            found[question] = (*found.get(question, ()), said)
        return found

    def _waiting(self, write: Transaction, incident: str, answer: int) -> AnswerRow:
        """Lock the incident and return an answer that waits for approval. Raises NotAllowed, NotInLedger."""
        write.incident(incident)
        row = _answer(write.session, incident, answer)
        if row.status != AnswerStatus.WAITING:
            raise NotAllowed(f"answer {answer} is {row.status}; it does not wait for approval")
        return row

    def _object(self, session: Session, row: QuestionRow, objection: str) -> None:
        """Add what the person says to what they said before. Raises NotAllowed for an overlong text."""
        if not objection:
            return
        seal, place = self._store.seal(session, row.incident), question_place(row.incident, row.id, "objection")
        before = opened(seal, row.sealed_objection, place) or ""
        whole = f"{before}\n\n{objection}" if before and not before.endswith(objection) else before or objection
        if len(whole) > LONGEST_OBJECTION:
            raise NotAllowed(f"what somebody says about an answer has at most {LONGEST_OBJECTION} characters")
        row.sealed_objection = seal.close(whole, place)


def correct_answer(
    write: Transaction, store: Store, incident: str, answer: int, texts: Mapping[str, str], by: str, now: datetime
) -> int:
    """Replace a wrong answer in the caller's transaction; see `GivenAnswers.correct`."""
    write.incident(incident)
    wrong = _answer(write.session, incident, answer)
    if wrong.status != AnswerStatus.GIVEN:
        raise NotAllowed(f"answer {answer} was not given, so nobody heard it; reject it, and give another")
    if later := correction_of(write.session, incident, answer):
        raise NotAllowed(f"answer {answer} is corrected by answer {later} already; correct that one")
    withdraw_unsent(write.session, incident, answer, now)
    kind, whose = AnswerKind.CORRECTION, wrong.questions
    return give_answer(write, store, incident, kind, whose, texts, by, now, corrects=answer).id


def reject_answer(write: Transaction, row: AnswerRow, why: str, by: str, now: datetime) -> None:
    """Reject an answer that waits in the caller's transaction; nobody hears it."""
    row.status, row.approved_by, row.approved_at = AnswerStatus.REJECTED.value, by, now
    if row.corrects is not None:
        _send_after_all(write.session, row.incident, row.corrects, now)
    write.session.flush()
    write.note(now, row.incident, "answer rejected", f"answer {row.id}", actor=by, why=why)


def _answer(session: Session, incident: str, answer: int) -> AnswerRow:
    row = session.get(AnswerRow, (incident, answer))
    if row is None:
        raise NotInLedger(f"incident {incident} has no answer {answer}; `amends questions answers {incident}`")
    return row


def _send_after_all(session: Session, incident: str, answer: int, now: datetime) -> None:
    """Let the replies wait again that a rejected correction had withdrawn."""
    here = (OutgoingRow.subject == str(answer), OutgoingRow.state == OutgoingState.WITHDRAWN)
    rows: Iterable[OutgoingRow] = session.exec(select(OutgoingRow).where(*replies_of(incident), *here)).all()
    for row in rows:
        row.state, row.next_try_at, row.at = OutgoingState.WAITING.value, now, now


def _as_value(row: AnswerRow, seal: Seal) -> Answer:
    return row.as_value(Answer, texts=texts_of(row, seal))
