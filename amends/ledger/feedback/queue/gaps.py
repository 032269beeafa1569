"""The questions that many people ask, counted for a case without reading a row of a question."""

from sqlalchemy import select
from sqlmodel import Session, col, func
from sqlmodel import select as select_rows

from amends.domain.feedback.queue.faq import FaqText
from amends.domain.feedback.queue.gaps import MOST, ManyAsked
from amends.ledger.feedback.queue.groups import QUESTION
from amends.ledger.tables.feedback import FaqRow, QuestionGroupRow


def many_asked(session: Session, incident: str, at_least: int) -> tuple[ManyAsked, ...]:
    """Return the groups with so many questions, the largest first."""
    number, answered = func.count(), func.count(QUESTION.c.answered_at)
    query = (
        select(QUESTION.c.together, number, answered)
        .where(QUESTION.c.incident == incident, QUESTION.c.together.is_not(None))
        .group_by(QUESTION.c.together)
        .having(number >= at_least)
        .order_by(number.desc(), QUESTION.c.together)
        .limit(MOST)
    )
    groups = session.connection().execute(query).all()
    topics, entries = _topics(session, incident, [group for group, *_ in groups]), _entries(session, incident)
    return tuple(
        ManyAsked(
            group=group,
            topic=topics.get(group, ""),
            questions=questions,
            answered=answers > 0,
            public=_texts(entries.get(group)),
            public_at=entries[group].approved_at if group in entries else None,
        )
        for group, questions, answers in groups
    )


def _topics(session: Session, incident: str, groups: list[int]) -> dict[int, str]:
    """Return the topic of the example of each of these groups."""
    group = QuestionGroupRow
    example = (QUESTION.c.incident == group.incident) & (QUESTION.c.id == group.example)
    query = select_rows(group.id, QUESTION.c.topic).join(QUESTION, example)
    here = (group.incident == incident, col(group.id).in_(groups))
    return {number: topic for number, topic in session.exec(query.where(*here))} if groups else {}  # noqa: C416


def _entries(session: Session, incident: str) -> dict[int, FaqRow]:
    """Return the public entry of each group."""
    here = (FaqRow.incident == incident, col(FaqRow.approved_at).is_not(None), col(FaqRow.withdrawn_at).is_(None))
    return {row.together: row for row in session.exec(select_rows(FaqRow).where(*here))}


def _texts(row: FaqRow | None) -> dict[str, FaqText]:
    return {locale: FaqText(**text) for locale, text in row.texts.items()} if row else {}
