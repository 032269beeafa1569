"""The rows of questions, as all classes about feedback read them."""

from sqlmodel import Session

from amends.domain.base.errors import KeyMissing, NotInLedger
from amends.ledger.store.encryption import Seal
from amends.ledger.tables.declared import place
from amends.ledger.tables.feedback import QuestionRow


def question_row(session: Session, incident: str, question: int, *, locked: bool = False) -> QuestionRow:
    """Return the question's row; `locked` until the transaction ends. Raises NotInLedger."""
    row = session.get(QuestionRow, (incident, question), with_for_update=locked or None)
    if row is None:
        raise NotInLedger(f"incident {incident} has no question {question}; `amends questions list {incident}`")
    return row


def question_place(incident: str, question: int, column: str) -> str:
    return place("question", column, incident, question)


def opened(seal: Seal, sealed: bytes | None, place: str) -> str | None:
    """Return the sealed text, or None when it was altered or moved, so that all other texts can still be read."""
    try:
        return seal.open(sealed, place) if sealed else ""
    except KeyMissing:
        return None
