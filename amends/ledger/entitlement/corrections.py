"""Corrections of results that a message told wrongly: whom a message told, and who is to hear what is right."""

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import and_
from sqlmodel import Session, col, func, or_, select

from amends.domain.base.errors import NotAllowed
from amends.domain.entitlement.remedy import ResultCorrection, correction_notice
from amends.domain.notice.notice import DeliveryState
from amends.ledger.entitlement.entitled import LEFT, messages_to
from amends.ledger.entitlement.told_results import ToldResult
from amends.ledger.store.session import Transaction
from amends.ledger.tables.commitment import CommitmentRow, ResultCorrectionRow
from amends.ledger.tables.deliver import DeliveryRow
from amends.ledger.tables.notice import KEY, NoticeRow, ReleaseRow

MAY_BE_READ = (*LEFT, DeliveryState.CLAIMED)
"""The states of messages whose words somebody may have read, or will read because they are on their way."""


def result_corrections(session: Session, incident: str) -> tuple[ResultCorrection, ...]:
    """Return the corrections of an incident, those of each commitment in their order."""
    row = ResultCorrectionRow
    which = (col(row.commitment), col(row.number), col(row.by))
    query = select(row.commitment, row.number, row.by, func.min(row.at)).where(row.incident == incident)
    found = session.exec(query.group_by(*which).order_by(*which)).all()
    return tuple(_correction(*key, list(rows)) for key, rows in groupby(found, key=lambda one: (one[0], one[1])))


def _correction(commitment: str, number: int, rows: Sequence[tuple[str, int, str, datetime]]) -> ResultCorrection:
    since, by = min(at for *_, at in rows), tuple(by for _, _, by, _ in rows)
    return ResultCorrection(commitment=commitment, number=number, since=since, by=by)


def told_a_result(session: Session, row: CommitmentRow, persons: Collection[int]) -> set[int]:
    """Return those of these persons to whom the notice that the commitment is kept told their result, or may have."""
    about, change = col(NoticeRow.draft)["about"].as_string(), col(NoticeRow.draft)["change"].as_integer()
    same = and_(*(col(getattr(NoticeRow, name)) == getattr(ReleaseRow, name) for name in KEY))
    here = (ReleaseRow.incident == row.incident, about == row.id, change == row.changes)
    notices = session.exec(select(ReleaseRow.notice).join(NoticeRow, same).where(*here).distinct()).all()
    return _may_have_read(session, row.incident, notices, persons) if notices else set()


def correct_told(
    write: Transaction, row: CommitmentRow, person: int, result: ToldResult, by: str, now: datetime
) -> str:
    """Store that a message told this person a wrong result, and return the id of the notice that will say so.

    A correction that the person has not read yet tells the new result in place of the one that it would have told; ""
    is returned when there is nothing left to correct. Raises NotAllowed when a notice that is drafted would tell a
    result as wrong and as right.
    """
    last = _last(write.session, row, person)
    unread = last and not _may_have_read(
        write.session, row.incident, [correction_notice(row.id, last.number)], [person]
    )
    if last and unread:
        return _correct_unread(write, row, last, result.word, by)
    number = _next_number(write.session, row)
    of_person: dict[str, Any] = {"incident": row.incident, "commitment": row.id, "number": number, "person": person}
    write.session.add(ResultCorrectionRow(**of_person, was=result.was, word=result.word, by=by, at=now))
    return correction_notice(row.id, number)


def _correct_unread(write: Transaction, row: CommitmentRow, last: ResultCorrectionRow, word: str, by: str) -> str:
    notice = correction_notice(row.id, last.number)
    if word != last.was:
        last.word, last.by = word, by
        return notice
    if _is_drafted(write.session, row, last.number):
        raise NotAllowed(f"{notice} is about to call {word} wrong: correct it once more when the person has read that")
    write.session.delete(last)
    return ""


def _may_have_read(session: Session, incident: str, notices: Sequence[str], persons: Collection[int]) -> set[int]:
    """Return those of these persons who may have read a message of these notices, or to whom one is on its way."""
    read = or_(col(DeliveryRow.state).in_(MAY_BE_READ), col(DeliveryRow.doubtful))
    return {person for person, *_ in messages_to(session, incident, notices, persons, read)}


def _last(session: Session, row: CommitmentRow, person: int) -> ResultCorrectionRow | None:
    one = ResultCorrectionRow
    mine = (one.incident == row.incident, one.commitment == row.id, one.person == person)
    return session.exec(select(one).where(*mine).order_by(col(one.number).desc()).limit(1)).first()


def _next_number(session: Session, row: CommitmentRow) -> int:
    """Return the number of the correction whose notice nobody has drafted yet, so that nobody has approved it."""
    one = ResultCorrectionRow
    mine = (one.incident == row.incident, one.commitment == row.id)
    number = session.exec(select(func.max(one.number)).where(*mine)).one() or 1
    return number + 1 if _is_drafted(session, row, number) else number


def _is_drafted(session: Session, row: CommitmentRow, number: int) -> bool:
    drafted = (NoticeRow.incident == row.incident, NoticeRow.notice == correction_notice(row.id, number))
    return session.exec(select(NoticeRow.version).where(*drafted).limit(1)).first() is not None
