"""The name of each person's own result, for the message that tells or corrects it."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlmodel import Session, col, or_, select

from amends.domain.base.audience import ToldWrongly, audience_of
from amends.domain.entitlement.remedy import corrected_by
from amends.ledger.tables.commitment import RemedyRow, ResultCorrectionRow
from amends.ledger.tables.notice import NoticeRow


class ToldResult(NamedTuple):
    """The names of the results that a message tells."""

    word: str
    was: str = ""
    """The result that an earlier message told wrongly; empty unless the message corrects it."""


NOTHING_TOLD = ToldResult("")
Told = tuple[str, int]
"""A commitment, and the number of a correction of its results; 0 for the notice that the commitment is kept."""
Found = Mapping[tuple[Told, int], ToldResult]
"""The results of persons by what tells them."""


def words_of(
    session: Session, incident: str, messages: Collection[tuple[str, int]]
) -> dict[tuple[str, int], ToldResult]:
    """Return the names of the person's results, by notice and person, for messages that tell a result.

    What a message told stays as it was when the result is put right later, so that a message can be put together again.
    """
    told = _told_by(session, incident, {notice for notice, _ in messages})
    if not told:
        return {}
    commitments, people = {name for name, _ in told.values()}, {person for _, person in messages}
    found = {
        **_at_present(session, incident, commitments, people),
        **_corrected(session, incident, commitments, people),
    }
    known = ((message, found.get((told.get(message[0], ("", 0)), message[1]), NOTHING_TOLD)) for message in messages)
    return {one: result for one, result in known if result.word}


def _at_present(session: Session, incident: str, commitments: Collection[str], people: Collection[int]) -> Found:
    """Return the present results, as the notices tell them that the commitments are kept."""
    query = select(RemedyRow.commitment, RemedyRow.person, RemedyRow.word).where(
        RemedyRow.incident == incident,
        col(RemedyRow.commitment).in_(commitments),
        col(RemedyRow.person).between(min(people), max(people)),
    )
    return {((commitment, 0), person): ToldResult(word) for commitment, person, word in session.exec(query)}


def _corrected(session: Session, incident: str, commitments: Collection[str], people: Collection[int]) -> Found:
    """Return the results that corrections tell, and those that the notices had told before their first correction."""
    row = ResultCorrectionRow
    query = select(row).where(
        row.incident == incident,
        col(row.commitment).in_(commitments),
        col(row.person).between(min(people), max(people)),
    )
    found: dict[tuple[Told, int], ToldResult] = {}
    for one in session.exec(query.order_by(col(row.number))):
        found.setdefault(((one.commitment, 0), one.person), ToldResult(one.was))
        found[(one.commitment, one.number), one.person] = ToldResult(one.word, one.was)
    return found


def _told_by(session: Session, incident: str, notices: Collection[str]) -> dict[str, Told]:
    """Return the commitment, and the correction of its results, that each of these notices is about, if it is."""
    about, audience = col(NoticeRow.draft)["about"].as_string(), col(NoticeRow.draft)["audience"].as_string()
    query = select(NoticeRow.notice, about, audience).where(
        NoticeRow.incident == incident,
        col(NoticeRow.notice).in_(notices),
        or_(about != "", audience.startswith(ToldWrongly.word)),
    )
    found = session.exec(query.distinct()).all()
    return {notice: (name, 0) if name else corrected_by(audience_of(readers)) for notice, name, readers in found}
