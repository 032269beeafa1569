"""Questions, complaints and suggestions in the ledger: store, answer, read and count them."""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import false
from sqlmodel import Session, col, func, select

from amends.domain.base.errors import NotAllowed
from amends.domain.feedback.answer import AnswerKind
from amends.domain.feedback.question import NewQuestion, Question, QuestionCounts, Sender
from amends.domain.feedback.queue.topics import shipped_topic
from amends.ledger.feedback.answering import answer_texts, give_answer
from amends.ledger.feedback.leaks import Leaks, Written, note_leak
from amends.ledger.feedback.question_rows import opened, question_place, question_row
from amends.ledger.feedback.queue.groups import QuestionGroups
from amends.ledger.store.encryption import Seal
from amends.ledger.store.session import ENGINE, Store, Transaction
from amends.ledger.tables.feedback import QuestionRow

LONGEST_QUESTION = 4_000
"""The largest number of characters in one question."""


class Questions:
    """The questions of people with their answers."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._leaks = Leaks(store)
        self._groups = QuestionGroups(store)

    def ask(self, incident: str, asked: NewQuestion, now: datetime, by: str = "") -> int:
        """Store a question, unless it is stored already, and return its id; the audit names `by`, who brought it in.

        A question that holds the contact data of other people of the list is also an alert. Raises NotAllowed for an
        empty or overlong text.
        """
        return self.ask_all(incident, (asked,), now, by)[0]

    def ask_all(self, incident: str, asked: Sequence[NewQuestion], now: datetime, by: str = "") -> tuple[int, ...]:
        """Store questions in one transaction, each unless it is stored, and return their ids. Raises as `ask`."""
        # Before the transaction, because other writers wait for it.
        wordings = [_wording(one) for one in asked]
        topics = [one.topic or shipped_topic(wording) for one, wording in zip(asked, wordings, strict=True)]
        alike = [self._groups.find(incident, _wording(one), one.urgency) for one in asked]
        texts = [Written(one.whole or one.text.strip(), one.person, one.own) for one in asked]
        others = self._leaks.others_in_all(incident, texts)
        with self._store.write() as write:
            write.incident(incident)
            known = _known(write.session, incident, [one.once for one in asked])
            number = _next_number(write.session, incident)
            seal = self._store.seal(write.session, incident)
            for one, topic, leaked, like in zip(asked, topics, others, alike, strict=True):
                if one.once not in known:
                    write.session.add(_new_row(seal, incident, number, one, topic))
                    write.session.flush()
                    self._groups.join(write, incident, number, like, now)
                    _note(write, incident, number, one, leaked, now, by)
                    known[one.once] = number
                    number += 1
            return tuple(known[one.once] for one in asked)

    def answer(self, incident: str, question: int, text: str, by: str, now: datetime) -> None:
        """Store the answer to one question, and the reply that brings it to the person who asked.

        A given answer is never changed; a correction replaces it. Raises NotAllowed, NotInLedger.
        """
        with self._store.write() as write:
            row = question_row(write.session, incident, question, locked=True)
            give_answer(write, self._store, incident, AnswerKind.GIVEN, (question,), {row.locale: text}, by, now)

    def file_under(self, incident: str, question: int, topic: str, by: str, now: datetime) -> None:
        """Move a question to another topic. Raises NotInLedger."""
        with self._store.write() as write:
            row = question_row(write.session, incident, question, locked=True)
            row.topic = topic
            write.note(now, incident, "question topic", f"question {question}", actor=by, topic=topic)

    def all(self, incident: str, *, person: int | None = None, open_only: bool = False) -> tuple[Question, ...]:
        """Return the questions, the earliest reply due first; a text that was altered or moved is empty.

        Raises NotInLedger, KeyMissing.
        """
        query = select(QuestionRow).where(QuestionRow.incident == incident).order_by(col(QuestionRow.reply_due_at))
        if person is not None:
            query = query.where(QuestionRow.person == person)
        if open_only:
            query = query.where(col(QuestionRow.answered_at).is_(None))
        with self._store.read() as session:
            seal = self._store.seal(session, incident)
            rows = session.exec(query).all()
            answers = answer_texts(session, seal, incident, rows)
            return tuple(_question(row, seal, answers.get(row.id, "")) for row in rows)

    def get(self, incident: str, question: int) -> Question:
        """Return one question, without decrypting any other. Raises NotInLedger, KeyMissing."""
        with self._store.read() as session:
            row, seal = question_row(session, incident, question), self._store.seal(session, incident)
            return _question(row, seal, answer_texts(session, seal, incident, [row]).get(row.id, ""))

    def sender(self, incident: str, question: int) -> Sender | None:
        """Return the sender of a question, or None when it came by the page or the telephone.

        Raises NotInLedger, KeyMissing.
        """
        with self._store.read() as session:
            row, seal = question_row(session, incident, question), self._store.seal(session, incident)
            sealed = opened(seal, row.sealed_sender, question_place(incident, question, "sender"))
            return Sender.model_validate_json(sealed) if sealed else None


def _wording(asked: NewQuestion) -> str:
    """Return the words of a question. Raises NotAllowed when they are empty or too long."""
    wording = asked.text.strip()
    if not wording or len(wording) > LONGEST_QUESTION:
        raise NotAllowed(f"a question has 1 to {LONGEST_QUESTION} characters")
    return wording


def _note(
    write: Transaction, incident: str, number: int, asked: NewQuestion, others: int, now: datetime, by: str
) -> None:
    """Record in the audit chain that a question came, with an alert when it holds data of other people."""
    write.note(
        now,
        incident,
        "asked",
        f"question {number}",
        actor=by or ENGINE,
        source=asked.source,
        kind=asked.kind,
        by_person=asked.person,
    )
    if others:
        note_leak(write, incident, number, others, now)


def _new_row(seal: Seal, incident: str, number: int, asked: NewQuestion, topic: str) -> QuestionRow:
    sender = asked.sender.model_dump_json() if asked.sender else ""
    return QuestionRow(
        incident=incident,
        id=number,
        once=asked.once,
        person=asked.person,
        kind=asked.kind.value,
        source=asked.source.value,
        locale=asked.locale,
        sealed_text=seal.close(_wording(asked), question_place(incident, number, "text")),
        sealed_sender=seal.close(sender, question_place(incident, number, "sender")) if sender else None,
        topic=topic,
        urgency=asked.urgency or "",
        asked_at=asked.at,
        reply_due_at=asked.at + asked.reply_within,
        owner=asked.owner,
        answered_by="",
    )


def _known(session: Session, incident: str, once: Sequence[str]) -> dict[str, int]:
    """Return the questions that are stored already, by their idempotency keys."""
    query = select(QuestionRow.once, QuestionRow.id).where(QuestionRow.incident == incident)
    return dict(session.exec(query.where(col(QuestionRow.once).in_(once))).all())


def _next_number(session: Session, incident: str) -> int:
    last = session.exec(select(func.max(QuestionRow.id)).where(QuestionRow.incident == incident)).one()
    return (last or 0) + 1


def once_for(*parts: object) -> str:
    """Return an idempotency key from the parts that identify something which must be stored only once."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


def add_claim_words(write: Transaction, store: Store, incident: str, asked: NewQuestion, now: datetime, by: str) -> int:
    """Store the words of a claim as a question that joins no group, and return its id. Raises NotAllowed."""
    number = _next_number(write.session, incident)
    write.session.add(_new_row(store.seal(write.session, incident), incident, number, asked, asked.topic))
    write.session.flush()
    _note(write, incident, number, asked, 0, now, by)
    return number


def open_leaks(session: Session, incident: str, numbers: Collection[int]) -> tuple[int, ...]:
    """Return, of the questions that hold data of other people, those without an answer."""
    waits = (QuestionRow.incident == incident, col(QuestionRow.id).in_(numbers), col(QuestionRow.answered_at).is_(None))
    return tuple(session.exec(select(QuestionRow.id).where(*waits).order_by(col(QuestionRow.id)))) if numbers else ()


def question_counts(session: Session, incident: str, now: datetime | None) -> QuestionCounts:
    """Return the questions in numbers; without `now`, none counts as overdue."""
    waits, due = col(QuestionRow.answered_at).is_(None), col(QuestionRow.reply_due_at)
    is_late = false() if now is None else waits & (due < now)
    topics = (
        select(QuestionRow.topic, func.count(), func.count().filter(waits), func.count().filter(is_late))
        .where(QuestionRow.incident == incident)
        .group_by(col(QuestionRow.topic))
        .order_by(func.count().desc(), col(QuestionRow.topic))
    )
    found = session.exec(topics).all()
    return QuestionCounts(
        asked=sum(asked for _, asked, _, _ in found),
        open=sum(waiting for _, _, waiting, _ in found),
        overdue=sum(late for *_, late in found),
        by_topic={topic: asked for topic, asked, _, _ in found},
        open_by_topic=dict(Counter({topic: waiting for topic, _, waiting, _ in found if waiting}).most_common()),
    )


def _question(row: QuestionRow, seal: Seal, answer: str) -> Question:
    return row.as_value(
        Question,
        text=opened(seal, row.sealed_text, question_place(row.incident, row.id, "text")) or "",
        urgency=row.urgency or None,
        answer=answer,
        objection=opened(seal, row.sealed_objection, question_place(row.incident, row.id, "objection")) or "",
    )
