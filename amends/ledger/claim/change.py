"""A change of claims: one transaction with the incident locked, so that caps and budget hold whoever else decides."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session, col, select

from amends.domain.claim.claim import BY_RULE, CompensationClaim
from amends.ledger.claim.rows import as_values, claim_row, questions_of
from amends.ledger.feedback.answering import tell_of_claims
from amends.ledger.store.encryption import Seal
from amends.ledger.store.session import ENGINE, Store, Transaction
from amends.ledger.tables.claim import CompensationClaimRow
from amends.ledger.tables.people import PersonRow

News = tuple[CompensationClaimRow, Callable[[str], str]]
"""A claim, and the maker of the word to its person in a locale."""


class ClaimChange(NamedTuple):
    """An open transaction on the claims of one incident, by one member, the person or the rules, at one time."""

    store: Store
    write: Transaction
    incident: str
    now: datetime
    by: str
    """The member, `rule`, or an empty text for the person."""

    @property
    def session(self) -> Session:
        """Return the session of the transaction."""
        return self.write.session

    @property
    def seal(self) -> Seal:
        """Return the seal of the incident."""
        return self.store.seal(self.session, self.incident)

    def row(self, claim: int) -> CompensationClaimRow:
        """Return the claim's row, locked. Raises NotInLedger."""
        return claim_row(self.session, self.incident, claim, locked=True)

    def value(self, row: CompensationClaimRow) -> CompensationClaim:
        """Return the claim as it stands now."""
        self.session.flush()
        return as_values(self.session, self.seal, (row,))[0]

    def tell(self, *news: News) -> None:
        """Store the words to the people of these claims, in the locale of each."""
        # As long as these rows are held, no query asks for one of them.
        people = _people(self.session, self.incident, {row.person for row, _ in news})
        questions = questions_of(self.session, self.incident, [row for row, _ in news])
        told = [(questions[row.question], word(questions[row.question].locale)) for row, word in news]
        tell_of_claims(self.write, self.store, self.incident, told, self.by, self.now)
        people.clear()

    def note(self, act: str, subject: str = "", **detail: object) -> None:
        """Record an act in the audit chain."""
        actor = ENGINE if self.by in ("", BY_RULE) else self.by
        self.write.note(self.now, self.incident, act, subject, actor=actor, **detail)


@contextmanager
def claim_change(store: Store, incident: str, now: datetime, by: str = "") -> Iterator[ClaimChange]:
    """Yield a change of the incident's claims, stored whole or not at all. Raises NotInLedger, DataDestroyed."""
    with store.write() as write:
        write.incident(incident)
        yield ClaimChange(store, write, incident, now, by)


def _people(session: Session, incident: str, wanted: set[int]) -> list[PersonRow]:
    """Return these people and their guardians."""
    here, rows = PersonRow.incident == incident, list[PersonRow]()
    while wanted:
        page = session.exec(select(PersonRow).where(here, col(PersonRow.number).in_(wanted))).all()
        rows += page
        wanted = {row.guardian for row in page if row.guardian} - {row.number for row in rows}
    return rows
