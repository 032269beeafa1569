"""Granted claims of which no account is known: their people are reminded once; after the last day the claims lapse."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from amends.domain.base.money import Money
from amends.domain.claim.claim import BY_RULE, UNPAYABLE, ClaimState
from amends.domain.claim.rules import REMINDED_BEFORE
from amends.domain.claim.words import ClaimWords
from amends.ledger.claim.rows import questions_of
from amends.ledger.feedback.answering import tell_of_claims
from amends.ledger.store.session import Store, Write
from amends.ledger.store.tables import CompensationClaimRow, QuestionRow

PAGE = 500
"""The number of claims changed in one transaction, so that others write in between."""
A_DAY = timedelta(days=1)
"""The time after which the day of any moment is over, on whichever clock the person heard of that day."""
Change = Callable[[CompensationClaimRow, QuestionRow], str]
"""Changes the row of a claim, and returns the word to its person."""


class Lapses(NamedTuple):
    """The numbers of people who were reminded, and of claims that have lapsed."""

    reminded: int
    lapsed: int


class ClaimLapses:
    """The last days of granted claims that have no account."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def carry_out(self, incident: str, words: ClaimWords, now: datetime) -> Lapses:
        """Remind the people whose last day comes near, and end the claims whose last day is over. Safe to repeat.

        No claim lapses before its person was reminded: a reminder that comes late moves the last day. Raises
        DataDestroyed.
        """
        due, reminded = col(CompensationClaimRow.account_due_at), col(CompensationClaimRow.account_reminded_at)

        def remind(row: CompensationClaimRow, question: QuestionRow) -> str:
            row.account_due_at = max(row.account_due_at or now, now + REMINDED_BEFORE)
            row.account_reminded_at = now
            return words.reminder(question.locale, _granted(row), row.account_due_at)

        def lapse(row: CompensationClaimRow, question: QuestionRow) -> str:
            row.state, row.account_due_at = ClaimState.LAPSED.value, None
            return words.lapsed(question.locale, _granted(row))

        near, over = due <= now + REMINDED_BEFORE, due <= now - A_DAY
        return Lapses(
            self._change(incident, (reminded.is_(None), near), remind, "claim accounts asked for again", now),
            self._change(incident, (reminded.is_not(None), over), lapse, "claims lapsed", now),
        )

    def _change(
        self, incident: str, which: tuple[ColumnElement[bool], ...], change: Change, act: str, now: datetime
    ) -> int:
        """Change these claims page by page, tell their people, and return how many there were."""
        here = (CompensationClaimRow.incident == incident, col(CompensationClaimRow.state).in_(UNPAYABLE))
        query = select(CompensationClaimRow).where(*here, *which).order_by(col(CompensationClaimRow.id)).limit(PAGE)
        changed = 0
        while self._any(query):
            with self._store.write() as write:
                write.incident(incident)
                rows = write.session.exec(query.with_for_update()).all()
                if rows:  # no other process was faster
                    self._change_page(write, rows, change, act, now)
                changed += len(rows)
        return changed

    def _any(self, query: SelectOfScalar[CompensationClaimRow]) -> bool:
        with self._store.read() as session:
            return session.exec(query).first() is not None

    def _change_page(
        self, write: Write, rows: Sequence[CompensationClaimRow], change: Change, act: str, now: datetime
    ) -> None:
        incident = rows[0].incident
        questions = questions_of(write.session, incident, rows)
        news = [(questions[row.question], change(row, questions[row.question])) for row in rows]
        tell_of_claims(write, self._store, incident, news, BY_RULE, now)
        write.note(now, incident, act, claims=[row.id for row in rows])


def _granted(row: CompensationClaimRow) -> Money:
    return Money(row.granted or 0, row.currency)
