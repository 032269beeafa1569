"""Questions, complaints, suggestions and the survey in the ledger: store, answer, read and count them."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import String, cast, false
from sqlmodel import Session, col, func, select

from amends.domain.base.errors import KeyMissing, NotAllowed, NotInLedger
from amends.domain.feedback.question import (
    SURVEY,
    Comment,
    NewQuestion,
    Question,
    QuestionCounts,
    QuestionKind,
    QuestionSource,
    SurveyCounts,
    theme_of,
)
from amends.ledger.feedback.leaks import Leaks, note_leak, note_leak_in_comment
from amends.ledger.store.encryption import Seal
from amends.ledger.store.session import Store
from amends.ledger.store.tables import QuestionRow, SurveyRow

LONGEST_QUESTION = 4_000
"""The largest number of characters in one question or comment."""


class Questions:
    """The questions of people with their answers, and the answers to the survey."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._leaks = Leaks(store)

    def ask(self, incident: str, asked: NewQuestion, now: datetime) -> int:
        """Store a question, unless it is stored already, and return its id.

        A question that holds the contact data of other people of the list is also an alert. Raises NotAllowed for an
        empty or overlong text.
        """
        wording = asked.text.strip()
        if not wording or len(wording) > LONGEST_QUESTION:
            raise NotAllowed(f"a question has 1 to {LONGEST_QUESTION} characters")
        theme = theme_of(wording)  # before the transaction, because other writers wait for it
        others = self._leaks.others_in(incident, asked.whole or wording, asked.person, asked.own)
        with self._store.write() as write:
            write.incident(incident)
            if (known := _known(write.session, incident, asked.once)) is not None:
                return known
            number = _next_number(write.session, incident)
            sealed = self._store.seal(write.session, incident).close(wording, _place(incident, number, "text"))
            _store(write.session, incident, number, asked, sealed, theme)
            write.note(
                now, incident, "asked", f"question {number}",
                source=asked.source, kind=asked.kind, by_person=asked.person,
            )  # fmt: skip
            if others:
                note_leak(write, incident, number, others, now)
            return number

    def answer(self, incident: str, question: int, text: str, by: str, now: datetime) -> None:
        """Store the answer to a question, which the person reads on their personal page.

        A given answer is never changed; another question adds to it. Raises NotAllowed, NotInLedger.
        """
        if not text.strip():
            raise NotAllowed("an answer needs words")
        with self._store.write() as write:
            row = _row(write.session, incident, question, locked=True)
            if row.answered_at is not None:
                raise NotAllowed(f"question {question} was answered already")
            seal = self._store.seal(write.session, incident)
            row.sealed_answer = seal.close(text.strip(), _place(incident, question, "answer"))
            row.answered_at, row.answered_by = now, by
            write.note(now, incident, "answered question", f"question {question}", actor=by)

    def file_under(self, incident: str, question: int, theme: str, by: str, now: datetime) -> None:
        """Move a question to another theme. Raises NotInLedger."""
        with self._store.write() as write:
            row = _row(write.session, incident, question, locked=True)
            row.theme = theme
            write.note(now, incident, "question theme", f"question {question}", actor=by, theme=theme)

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
            return tuple(_question(row, seal) for row in session.exec(query))

    def get(self, incident: str, question: int) -> Question:
        """Return one question, without decrypting any other. Raises NotInLedger, KeyMissing."""
        with self._store.read() as session:
            return _question(_row(session, incident, question), self._store.seal(session, incident))

    def answer_survey(
        self, incident: str, person: int, scores: dict[str, int], comment: str, now: datetime,
        since: datetime | None = None,
    ) -> bool:  # fmt: skip
        """Store a person's answers, which replace earlier answers; only a new comment replaces an earlier comment.

        Return False, and store nothing, when the person has given other answers since `since`, when the form was shown.
        Raises NotAllowed for scores that the survey does not ask for, and for an overlong comment.
        """
        if not scores or any(key not in SURVEY or not 1 <= score <= 5 for key, score in scores.items()):
            raise NotAllowed(f"the survey asks {', '.join(SURVEY)}, each from 1 to 5")
        if len(comment) > LONGEST_QUESTION:
            raise NotAllowed(f"a comment has at most {LONGEST_QUESTION} characters")
        others = self._leaks.others_in(incident, comment, person)
        with self._store.write() as write:
            write.incident(incident)
            seal, said = self._store.seal(write.session, incident), comment.strip()
            row = write.session.get(SurveyRow, (incident, person))
            if row is not None and since is not None and since < row.at <= now:
                return row.scores == scores and said in ("", _opened(seal, row.sealed_comment, _comment_place(row)))
            if row is None:
                row = SurveyRow(incident=incident, person=person, scores=scores, at=now)
                write.session.add(row)
            row.scores, row.at = scores, now
            if said:
                row.sealed_comment = seal.close(said, _comment_place(row))
            write.note(now, incident, "survey answered", f"person {person}")
            if others:
                note_leak_in_comment(write, incident, person, others, now)
            return True

    def comments(self, incident: str) -> tuple[Comment, ...]:
        """Return the comments on the survey, the latest first; a comment that was altered or moved is empty.

        Raises NotInLedger, KeyMissing.
        """
        query = select(SurveyRow).where(SurveyRow.incident == incident, col(SurveyRow.sealed_comment).is_not(None))
        with self._store.read() as session:
            seal = self._store.seal(session, incident)
            rows = session.exec(query.order_by(col(SurveyRow.at).desc(), col(SurveyRow.person)))
            given = [(row, _opened(seal, row.sealed_comment, _comment_place(row))) for row in rows]
        return tuple(Comment(person=row.person, text=said or "", at=row.at) for row, said in given)

    def comments_given(self, incident: str) -> int:
        """Return the number of comments that are not empty, without decrypting any."""
        given = col(SurveyRow.sealed_comment).is_not(None)
        with self._store.read() as session:
            query = select(func.count()).select_from(SurveyRow).where(SurveyRow.incident == incident, given)
            return session.exec(query).one()

    def has_answered_survey(self, incident: str, person: int) -> bool:
        """Return True when this person has answered the survey."""
        with self._store.read() as session:
            return session.get(SurveyRow, (incident, person)) is not None


def _store(session: Session, incident: str, number: int, asked: NewQuestion, sealed: bytes, theme: str) -> None:
    row = QuestionRow(
        incident=incident,
        id=number,
        once=asked.once,
        person=asked.person,
        kind=asked.kind.value,
        source=asked.source.value,
        locale=asked.locale,
        sealed_text=sealed,
        theme=theme,
        asked_at=asked.at,
        reply_due_at=asked.at + asked.reply_within,
        owner=asked.owner,
        answered_by="",
    )
    session.add(row)
    session.flush()


def _row(session: Session, incident: str, question: int, *, locked: bool = False) -> QuestionRow:
    """Return the question's row; `locked` until the transaction ends. Raises NotInLedger."""
    row = session.get(QuestionRow, (incident, question), with_for_update=locked or None)
    if row is None:
        raise NotInLedger(f"incident {incident} has no question {question}; `amends questions list {incident}`")
    return row


def _known(session: Session, incident: str, once: str) -> int | None:
    query = select(QuestionRow.id).where(QuestionRow.incident == incident, QuestionRow.once == once)
    return session.exec(query).first()


def _next_number(session: Session, incident: str) -> int:
    last = session.exec(select(func.max(QuestionRow.id)).where(QuestionRow.incident == incident)).one()
    return (last or 0) + 1


def once_for(*parts: object) -> str:
    """Return an idempotency key from the parts that identify something which must be stored only once."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


def open_leaks(session: Session, incident: str, found: Iterable[str]) -> tuple[int, ...]:
    """Return, of the questions that hold data of other people, those without an answer.

    `found` has the names under which the leaks are recorded.
    """
    numbers = [int(name.removeprefix("question ")) for name in found]
    waits = (QuestionRow.incident == incident, col(QuestionRow.id).in_(numbers), col(QuestionRow.answered_at).is_(None))
    return tuple(session.exec(select(QuestionRow.id).where(*waits).order_by(col(QuestionRow.id)))) if numbers else ()


def question_counts(session: Session, incident: str, now: datetime | None) -> QuestionCounts:
    """Return the questions in numbers; without `now`, none counts as overdue."""
    waits, due = col(QuestionRow.answered_at).is_(None), col(QuestionRow.reply_due_at)
    is_late = false() if now is None else waits & (due < now)
    themes = (
        select(QuestionRow.theme, func.count(), func.count().filter(waits), func.count().filter(is_late))
        .where(QuestionRow.incident == incident)
        .group_by(col(QuestionRow.theme))
        .order_by(func.count().desc(), col(QuestionRow.theme))
    )
    found = session.exec(themes).all()
    return QuestionCounts(
        asked=sum(asked for _, asked, _, _ in found),
        open=sum(waiting for _, _, waiting, _ in found),
        overdue=sum(late for *_, late in found),
        by_theme={theme: asked for theme, asked, _, _ in found},
        open_by_theme=dict(Counter({theme: waiting for theme, _, waiting, _ in found if waiting}).most_common()),
    )


def survey_counts(session: Session, incident: str) -> SurveyCounts:
    """Return the survey in numbers.

    The database counts equal answers together, because few of many answers differ.
    """
    scores = cast(SurveyRow.scores, String)
    alike = select(scores, func.count()).where(SurveyRow.incident == incident).group_by(scores)
    given = [(json.loads(words), people) for words, people in session.exec(alike)]
    return SurveyCounts(
        answers=sum(people for _, people in given),
        means={measure: mean for measure in SURVEY if (mean := _mean(given, measure)) is not None},
    )


def _mean(given: Sequence[tuple[dict[str, int], int]], measure: str) -> float | None:
    """Return the mean score of a measure, or None without scores; `given` has each set of scores with its count."""
    answered = [(scores[measure], people) for scores, people in given if measure in scores]
    people = sum(count for _, count in answered)
    return round(sum(score * count for score, count in answered) / people, 2) if people else None


def _place(incident: str, question: int, column: str) -> str:
    return f"question:{column}:{incident}:{question}"


def _comment_place(row: SurveyRow) -> str:
    return f"survey_answer:comment:{row.incident}:{row.person}"


def _opened(seal: Seal, sealed: bytes | None, place: str) -> str | None:
    """Return the sealed text, or None when it was altered or moved, so that all other texts can still be read."""
    try:
        return seal.open(sealed, place) if sealed else ""
    except KeyMissing:
        return None


def _question(row: QuestionRow, seal: Seal) -> Question:
    return Question(
        id=row.id,
        person=row.person,
        kind=QuestionKind(row.kind),
        source=QuestionSource(row.source),
        locale=row.locale,
        text=_opened(seal, row.sealed_text, _place(row.incident, row.id, "text")) or "",
        theme=row.theme,
        asked_at=row.asked_at,
        reply_due_at=row.reply_due_at,
        owner=row.owner,
        answer=_opened(seal, row.sealed_answer, _place(row.incident, row.id, "answer")) or "",
        answered_at=row.answered_at,
        answered_by=row.answered_by,
    )
