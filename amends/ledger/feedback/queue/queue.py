"""The queue of questions in the ledger: pages without words, a search through the words, and owners."""

import hmac
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, select
from sqlmodel import Session, func

from amends.domain.alert.replies import OpenReply
from amends.domain.base.errors import LedgerAltered
from amends.domain.feedback.question import Urgency
from amends.domain.feedback.queue.queue import QuestionLine, QueueFilter, QueuePage
from amends.ledger.feedback.answering import MOST_IDS, texts_place
from amends.ledger.feedback.question_rows import question_place, question_row
from amends.ledger.store.bulk import pages
from amends.ledger.store.encryption import Seal
from amends.ledger.store.sealing import ALTERED, Sealer, named
from amends.ledger.store.session import Store
from amends.ledger.tables.feedback import AnswerRow, QuestionRow

QUESTION = QuestionRow.__table__
ANSWER = AnswerRow.__table__
MOST_NAMED = 10_000
"""The most questions that one query names."""
BY_DUE_TIME = (QUESTION.c.reply_due_at, QUESTION.c.id)


class QuestionQueue:
    """The queue of each incident's questions."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def page(self, incident: str, wanted: QueueFilter, now: datetime, limit: int | None, skip: int = 0) -> QueuePage:
        """Return the questions that the filter lets through from `skip` on, the one due first in front.

        Only the questions of the page are decrypted, to say which cannot be read. Raises NotInLedger, KeyMissing.
        """
        chosen = _conditions(incident, wanted, now)
        # Numbers are sorted first and rows read after, because to sort whole rows takes ten times as long.
        here = select(QUESTION.c.id).where(*chosen).order_by(*BY_DUE_TIME).limit(limit).offset(skip).subquery()
        query = select(QUESTION).join(here, QUESTION.c.id == here.c.id).where(QUESTION.c.incident == incident)
        with self._store.read() as session:
            seal = self._store.seal(session, incident)
            lines = _lines(session, incident, seal, self._checked(session, query.order_by(*BY_DUE_TIME)))
            total = session.scalar(select(func.count()).select_from(QUESTION).where(*chosen)) or 0
            late = (*chosen, *_late(now))
            overdue = session.scalar(select(func.count()).select_from(QUESTION).where(*late)) or 0
            first = session.scalar(select(QUESTION.c.id).where(*late).order_by(*BY_DUE_TIME).limit(1))
        return QueuePage(lines=lines, total=total, overdue=overdue, first_overdue=first)

    def search(self, incident: str, words: Sequence[str], wanted: QueueFilter, now: datetime) -> tuple[int, ...]:
        """Return the questions that hold every word in their text or answer, the one due first in front.

        The words are given in small letters. No index of words is kept, because it would tell what people wrote: each
        text is decrypted anew, and forgotten. A text that cannot be read holds no word. Raises NotInLedger, KeyMissing.
        """
        columns = (QUESTION.c.id, QUESTION.c.sealed_text, QUESTION.c.answer_id)
        query = select(*columns).where(*_conditions(incident, wanted, now)).order_by(*BY_DUE_TIME)
        with self._store.read() as session:
            seal, holds = self._store.seal(session, incident), _matcher(words)
            answers = _answers(session, incident, seal)
            found = []
            for number, text, answer in session.connection().execute(query):
                plain = seal.peek(text, question_place(incident, number, "text"))
                if holds(plain if answer is None else plain + answers.get(answer, b"")):
                    found.append(number)
        return tuple(found)

    def lines(self, incident: str, numbers: Sequence[int]) -> tuple[QuestionLine, ...]:
        """Return these questions as lines, the one due first in front. Raises NotInLedger, KeyMissing."""
        found: list[QuestionLine] = []
        with self._store.read() as session:
            seal = self._store.seal(session, incident)
            for these in pages(numbers, MOST_NAMED):
                query = select(QUESTION).where(QUESTION.c.incident == incident, QUESTION.c.id.in_(these))
                found += _lines(session, incident, seal, self._checked(session, query))
        return tuple(sorted(found, key=lambda line: (line.reply_due_at, line.id)))

    def assign(self, incident: str, question: int, owner: str, by: str, now: datetime) -> None:
        """Give a question to another owner. Raises NotInLedger."""
        with self._store.write() as write:
            row = question_row(write.session, incident, question, locked=True)
            row.owner = owner
            write.note(now, incident, "question owner", f"question {question}", actor=by, owner=owner)

    def to_escalate(self, incident: str, now: datetime) -> tuple[OpenReply, ...]:
        """Return the questions without an answer that are overdue, or whose writer may be in danger, in their order."""
        urgent = (QUESTION.c.reply_due_at < now) | (QUESTION.c.urgency == Urgency.SAFETY)
        columns = (QUESTION.c.id, QUESTION.c.owner, QUESTION.c.urgency, QUESTION.c.asked_at, QUESTION.c.reply_due_at)
        query = select(*columns).where(QUESTION.c.incident == incident, QUESTION.c.answered_at.is_(None), urgent)
        with self._store.read() as session:
            rows = session.connection().execute(query.order_by(*BY_DUE_TIME))
            return tuple(OpenReply(one, by, Urgency(why) if why else None, at, due) for one, by, why, at, due in rows)

    def _checked(self, session: Session, query: Select[Any]) -> Iterator[RowMapping]:
        """Yield the rows, each with its seal checked, without making an object of each. Raises LedgerAltered."""
        for row in session.connection().execute(query).mappings():
            check_row(self._store.sealer, row)
            yield row


def check_row(sealer: Sealer, row: RowMapping) -> None:
    """Raise LedgerAltered for a question's row that is not what Amends has written in its place."""
    if not hmac.compare_digest(row["seal"] or b"", sealer.seal_of("question", row)):
        name = (row["incident"], str(row["id"]))
        raise LedgerAltered(f"{named('question', name)} was altered, moved or forged: {ALTERED}")


def _conditions(incident: str, wanted: QueueFilter, now: datetime) -> tuple[ColumnElement[bool], ...]:
    equal = {
        "topic": wanted.topic,
        "urgency": wanted.urgency,
        "owner": wanted.owner,
        "locale": wanted.locale,
        "together": wanted.together,
        "kind": wanted.kind,
    }
    chosen = [QUESTION.c.incident == incident]
    chosen += [QUESTION.c[name] == value for name, value in equal.items() if value is not None]
    if wanted.open:
        chosen.append(QUESTION.c.answered_at.is_(None))
    return (*chosen, *(_late(now) if wanted.overdue else ()))


def _late(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (QUESTION.c.answered_at.is_(None), QUESTION.c.reply_due_at < now)


def _matcher(words: Sequence[str]) -> Any:
    """Return a function that says whether a text in UTF-8 holds every word in small letters.

    Bytes are compared when that cannot miss a capital: the capitals of ASCII are made small in bytes, and scripts
    without capitals have none. Other words, such as those with an umlaut, need the text itself.
    """
    if all(word.isascii() or word == word.upper() for word in words):
        spelled = [word.encode() for word in words]
        if len(spelled) == 1:
            (only,) = spelled
            return lambda plain: only in plain.lower()
        return lambda plain: all(word in small for small in (plain.lower(),) for word in spelled)
    return lambda plain: all(word in small for small in (plain.decode().casefold(),) for word in words)


def _answers(session: Session, incident: str, seal: Seal) -> dict[int, bytes]:
    """Return the texts of each answer, in all languages, as bytes after a line break."""
    query = select(ANSWER.c.id, ANSWER.c.sealed_texts).where(ANSWER.c.incident == incident)
    rows = session.connection().execute(query)
    return {number: b"\n" + seal.peek(texts, texts_place(incident, number)) for number, texts in rows}


def _lines(session: Session, incident: str, seal: Seal, rows: Iterable[RowMapping]) -> tuple[QuestionLine, ...]:
    """Return a line for each row; the answers are opened once each, to say which cannot be read."""
    found = list(rows)
    wanted = {row["answer_id"] for row in found if row["answer_id"] is not None}
    query = select(ANSWER.c.id, ANSWER.c.sealed_texts).where(ANSWER.c.incident == incident)
    if len(wanted) <= MOST_IDS:
        query = query.where(ANSWER.c.id.in_(wanted))
    answers = session.connection().execute(query) if wanted else ()
    sound = {number for number, texts in answers if seal.peek(texts, texts_place(incident, number))}
    return tuple(_line(row, seal, sound) for row in found)


def _line(row: RowMapping, seal: Seal, sound: Collection[int]) -> QuestionLine:
    readable = bool(seal.peek(row["sealed_text"], question_place(row["incident"], row["id"], "text")))
    return QuestionLine(
        id=row["id"],
        person=row["person"],
        kind=row["kind"],
        source=row["source"],
        locale=row["locale"],
        topic=row["topic"],
        urgency=Urgency(row["urgency"]) if row["urgency"] else None,
        together=row["together"],
        asked_at=row["asked_at"],
        reply_due_at=row["reply_due_at"],
        owner=row["owner"],
        answered_at=row["answered_at"],
        answered_by=row["answered_by"],
        readable=readable and (row["answered_at"] is None or row["answer_id"] in sound),
    )
