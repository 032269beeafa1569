"""Groups of questions that ask the same, in the ledger: found as a question comes in, listed, merged and split."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple, TypeVar

from sqlalchemy import delete, insert
from sqlalchemy import select as columns
from sqlmodel import Session, col, func, select

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.feedback.question import Urgency
from amends.domain.feedback.queue.groups import ALIKE, GroupLine, likeness, marks, shingles
from amends.ledger.feedback.answering import answer_texts
from amends.ledger.feedback.question_rows import opened, question_place, question_row
from amends.ledger.store.encryption import Seal
from amends.ledger.store.session import Store, Transaction
from amends.ledger.tables.feedback import QuestionGroupRow, QuestionLikenessRow, QuestionRow

QUESTION = QuestionRow.__table__
T = TypeVar("T")
MOST_COMPARED = 8
"""The most questions whose texts are compared with a new one; those with most marks in common."""
ALONE = frozenset({Urgency.SAFETY})
"""Urgencies whose questions are never joined with others: each gets an answer of its own."""


class Found(NamedTuple):
    """The marks of a new text, and the earlier question that asks the same, or None."""

    marks: tuple[int, ...]
    alike: int | None


class QuestionGroups:
    """The groups of each incident's questions."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def lines(self, incident: str, *, unanswered: bool = False) -> tuple[GroupLine, ...]:
        """Return the groups, the largest first, without words; with `unanswered` only those without any answer."""
        with self._store.read() as session:
            lines = group_lines(session, incident)
        return tuple(line for line in lines if not (unanswered and line.answered))

    def members(self, incident: str, group: int, *, open_only: bool = False) -> tuple[int, ...]:
        """Return the questions of a group. Raises NotInLedger."""
        with self._store.read() as session:
            group_row(session, incident, group)
            return _members(session, incident, group, open_only=open_only)

    def examples(self, incident: str, questions: Collection[int]) -> dict[int, str]:
        """Return the texts of these questions; a text that was altered or moved is empty. Raises KeyMissing."""
        query = select(QuestionRow).where(QuestionRow.incident == incident, col(QuestionRow.id).in_(questions))
        with self._store.read() as session:
            seal = self._store.seal(session, incident)
            return {row.id: _text(row, seal) for row in session.exec(query)}

    def suggestion(self, incident: str, question: int) -> tuple[int, str] | None:
        """Return the question of the same group that was answered last, with the answer; None without one.

        The answer is in the language of the question to be answered, where the answer has that language.
        """
        with self._store.read() as session:
            row = question_row(session, incident, question)
            answered = answered_in(session, incident, row.together) if row.together else None
            if answered is None or answered == question:
                return None
            other = question_row(session, incident, answered)
            asked_like = other.model_copy(update={"locale": row.locale})
            seal = self._store.seal(session, incident)
            for one in (asked_like, other):
                if text := answer_texts(session, seal, incident, [one]).get(answered):
                    return answered, text
        return None

    def merge(self, incident: str, groups: Collection[int], by: str, now: datetime) -> int:
        """Make one group of several, and return it: the first of them. Raises NotAllowed, NotInLedger."""
        first, *others = sorted(set(groups)) or [0]
        if not others:
            raise NotAllowed("name two groups at least")
        with self._store.write() as write:
            write.incident(incident)
            for group in (first, *others):
                group_row(write.session, incident, group)
            for group in others:
                for row in _rows(write.session, incident, group):
                    row.together = first
            write.note(now, incident, "groups merged", f"group {first}", actor=by, merged=others)
        return first

    def split(self, incident: str, questions: Collection[int], by: str, now: datetime) -> int | None:
        """Take these questions out of their group; several become a group of their own, which is returned.

        Raises NotAllowed for questions that are not in one group, NotInLedger.
        """
        with self._store.write() as write:
            write.incident(incident)
            rows = [question_row(write.session, incident, question, locked=True) for question in sorted(set(questions))]
            before = {row.together for row in rows}
            if not rows or len(before) != 1 or None in before:
                raise NotAllowed("name questions of one group")
            new = _new_group(write.session, incident, rows[0].id, now) if len(rows) > 1 else None
            for row in rows:
                row.together = new
            self._settle(write, incident, before.pop() or 0)
            self._mark(write.session, incident, rows[0])
            write.note(now, incident, "group split", f"questions {_said(rows)}", actor=by, group=new)
        return new

    def find(self, incident: str, text: str, urgency: Urgency | None) -> Found:
        """Return the marks of a new text, and the earlier question that asks the same.

        Few questions share a mark, and only the texts of those with most marks in common are opened.
        """
        if urgency in ALONE or not (wording := shingles(text)):
            return Found((), None)
        with self._store.read() as session:
            seal = self._store.seal(session, incident)
            own = marks(wording, seal.likeness)
            known = _with_marks(session, incident, own)
            rows = session.exec(
                select(QuestionRow).where(QuestionRow.incident == incident, col(QuestionRow.id).in_(known))
            )
            like = [(likeness(wording, shingles(_text(row, seal))), -row.id) for row in rows] if known else []
        best = max(like, default=(0.0, 0))
        return Found(own, -best[1] if best[0] >= ALIKE else None)

    def join(self, write: Transaction, incident: str, question: int, found: Found, now: datetime) -> None:
        """Put a new question into the group of the one that asks the same, in the caller's transaction.

        A question that is like no other gets its marks instead, so that later ones find it.
        """
        if found.alike is None:
            store_marks(write.session, incident, question, found.marks)
            return
        first = question_row(write.session, incident, found.alike, locked=True)
        if first.together is None:
            first.together = _new_group(write.session, incident, first.id, now)
        question_row(write.session, incident, question).together = first.together
        write.session.flush()

    def _settle(self, write: Transaction, incident: str, group: int) -> None:
        """End a group that has lost all questions but one, and give a group without its example another one."""
        write.session.flush()
        rows, row = _rows(write.session, incident, group), write.session.get_one(QuestionGroupRow, (incident, group))
        if len(rows) < 2:
            for one in rows:
                one.together = None
        elif row.example not in {one.id for one in rows}:
            row.example = rows[0].id
        if rows:
            self._mark(write.session, incident, rows[0])

    def _mark(self, session: Session, incident: str, row: QuestionRow) -> None:
        """Store the marks of a question that stands for others from now on."""
        here = (col(QuestionLikenessRow.incident) == incident, col(QuestionLikenessRow.question) == row.id)
        session.execute(delete(QuestionLikenessRow).where(*here))
        seal = self._store.seal(session, incident)
        store_marks(session, incident, row.id, marks(shingles(_text(row, seal)), seal.likeness))


def group_lines(session: Session, incident: str) -> tuple[GroupLine, ...]:
    """Return the groups of an incident, the largest first."""
    asked, waits = QUESTION.c.asked_at, QUESTION.c.answered_at.is_(None)
    numbers = (func.count(), func.count().filter(waits), func.min(asked), func.max(asked))
    in_a_group = (QUESTION.c.incident == incident, QUESTION.c.together.is_not(None))
    counts = columns(QUESTION.c.together, *numbers).where(*in_a_group).group_by(QUESTION.c.together)
    groups = select(QuestionGroupRow.id, QuestionGroupRow.example).where(QuestionGroupRow.incident == incident)
    examples = _as_dict(session.exec(groups))
    topics = _topics(session, incident)
    answered = _answered_last(session, incident)
    lines = [
        GroupLine(
            id=group,
            topic=topics.get(examples[group], ""),
            questions=questions,
            open=waiting,
            first_at=first,
            last_at=last,
            example=examples[group],
            answered=answered.get(group),
        )
        for group, questions, waiting, first, last in session.connection().execute(counts)
        if group in examples
    ]
    return tuple(sorted(lines, key=lambda line: (-line.questions, line.id)))


def _as_dict(pairs: Iterable[tuple[int, T]]) -> dict[int, T]:
    return {one: other for one, other in pairs}  # noqa: C416 - a row of the database is no pair for dict()


def _topics(session: Session, incident: str) -> dict[int, str]:
    """Return the topic of each question that stands for a group."""
    row, group = QuestionRow, QuestionGroupRow
    query = select(row.id, row.topic).join(
        group, (col(group.incident) == row.incident) & (col(group.example) == row.id)
    )
    return _as_dict(session.exec(query.where(row.incident == incident)))


def _answered_last(session: Session, incident: str) -> dict[int, int]:
    """Return, by group, the answered question with the newest answer."""
    row = QuestionRow
    query = (
        select(row.together, row.id)
        .where(row.incident == incident, col(row.together).is_not(None), col(row.answered_at).is_not(None))
        .order_by(col(row.answered_at), col(row.id))
    )
    return {group: question for group, question in session.exec(query) if group is not None}


def answered_in(session: Session, incident: str, group: int) -> int | None:
    """Return the question of the group that was answered last, or None."""
    row = QuestionRow
    query = select(row.id).where(row.incident == incident, row.together == group, col(row.answered_at).is_not(None))
    return session.exec(query.order_by(col(row.answered_at).desc(), col(row.id).desc())).first()


def _with_marks(session: Session, incident: str, own: Collection[int]) -> tuple[int, ...]:
    """Return the questions with most of these marks."""
    row = QuestionLikenessRow
    query = (
        select(row.question)
        .where(row.incident == incident, col(row.mark).in_(own))
        .group_by(col(row.question))
        .order_by(func.count().desc(), col(row.question))
        .limit(MOST_COMPARED)
    )
    return tuple(session.exec(query))


def store_marks(session: Session, incident: str, question: int, own: Collection[int]) -> None:
    """Store the marks of a question."""
    if own:
        rows = [{"incident": incident, "mark": mark, "question": question} for mark in sorted(set(own))]
        session.connection().execute(insert(QuestionLikenessRow), rows)


def _new_group(session: Session, incident: str, example: int, now: datetime) -> int:
    """Store a group and return its number; the row of a group that was merged stays, so that no number comes twice."""
    last = session.exec(select(func.max(QuestionGroupRow.id)).where(QuestionGroupRow.incident == incident)).one()
    number = (last or 0) + 1
    session.add(QuestionGroupRow(incident=incident, id=number, example=example, at=now))
    session.flush()
    return number


def group_row(session: Session, incident: str, group: int) -> QuestionGroupRow:
    """Return the row of a group that has questions. Raises NotInLedger."""
    row = session.get(QuestionGroupRow, (incident, group))
    if row is None or not _members(session, incident, group, open_only=False):
        raise NotInLedger(f"incident {incident} has no group {group}; `amends questions groups {incident}`")
    return row


def _rows(session: Session, incident: str, group: int) -> list[QuestionRow]:
    query = select(QuestionRow).where(QuestionRow.incident == incident, QuestionRow.together == group)
    return list(session.exec(query.order_by(col(QuestionRow.id)).with_for_update()))


def _members(session: Session, incident: str, group: int, *, open_only: bool) -> tuple[int, ...]:
    query = select(QuestionRow.id).where(QuestionRow.incident == incident, QuestionRow.together == group)
    if open_only:
        query = query.where(col(QuestionRow.answered_at).is_(None))
    return tuple(session.exec(query.order_by(col(QuestionRow.id))))


def _text(row: QuestionRow, seal: Seal) -> str:
    return opened(seal, row.sealed_text, question_place(row.incident, row.id, "text")) or ""


def _said(rows: Collection[QuestionRow]) -> str:
    return ", ".join(str(row.id) for row in rows)
