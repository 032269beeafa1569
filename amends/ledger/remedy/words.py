"""The name of each person's own result, for the message that tells it."""

from collections.abc import Collection

from sqlmodel import Session, col, select

from amends.ledger.store.tables import NoticeRow, RemedyRow


def words_of(session: Session, incident: str, messages: Collection[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """Return the name of the person's result, by notice and person, for messages that tell a result.

    A result does not change any more once a notice about it was released, so that a message can be put together again.
    """
    about = _commitments_told(session, incident, {notice for notice, _ in messages})
    if not about:
        return {}
    people = {person for _, person in messages}
    query = select(RemedyRow.commitment, RemedyRow.person, RemedyRow.word).where(
        RemedyRow.incident == incident, col(RemedyRow.commitment).in_(set(about.values())),
        col(RemedyRow.person).between(min(people), max(people)),
    )  # fmt: skip
    found = {(commitment, person): word for commitment, person, word in session.exec(query)}
    known = ((one, found.get((about.get(one[0], ""), one[1]), "")) for one in messages)
    return {one: word for one, word in known if word}


def _commitments_told(session: Session, incident: str, notices: Collection[str]) -> dict[str, str]:
    """Return the commitment that each of these notices is about, as far as a notice is about one."""
    about = col(NoticeRow.draft)["about"].as_string()
    query = select(NoticeRow.notice, about).where(
        NoticeRow.incident == incident, col(NoticeRow.notice).in_(notices), about != ""
    )
    return dict(session.exec(query.distinct()).all())
