"""The work on commitments in the ledger: steps that are done, and money that is spent, once for each invoice."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlmodel import col, select

from amends.domain.base.errors import NotAllowed
from amends.domain.base.money import Money
from amends.domain.commitment.review import why_not_work
from amends.domain.commitment.spending import Spending, total, why_not_spend
from amends.domain.commitment.steps import added, done, moved
from amends.domain.incident.commitment import Commitment, CommitmentStep
from amends.ledger.commitment.rows import as_commitment, columns_of
from amends.ledger.commitment.told import locked_row
from amends.ledger.store.session import Store
from amends.ledger.tables.commitment import CommitmentSpendingRow


class CommitmentWork:
    """The steps towards the commitments, and what was spent on them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add_step(self, incident: str, commitment: str, step: CommitmentStep, by: str, now: datetime) -> int:
        """Add a step to an open commitment, and return its number. Raises NotAllowed, NotInLedger."""
        changed = self._change(
            incident, commitment, lambda one: added(one, step), "step added", by, now, due=step.due_at.isoformat()
        )
        return len(changed.steps)

    def step_done(self, incident: str, commitment: str, number: int, by: str, now: datetime) -> None:
        """Record that a step is done, counted from 1; a step that is done stays so. Raises NotAllowed, NotInLedger."""
        self._change(incident, commitment, lambda one: done(one, number, by, now), "step done", by, now, step=number)

    def move_step(self, incident: str, commitment: str, number: int, due_at: datetime, by: str, now: datetime) -> None:
        """Give a step that is not done another date. Raises NotAllowed, NotInLedger."""
        detail = {"step": number, "due": due_at.isoformat()}
        self._change(incident, commitment, lambda one: moved(one, number, due_at), "step moved", by, now, **detail)

    def _change(
        self,
        incident: str,
        commitment: str,
        change: Callable[[Commitment], Commitment],
        act: str,
        by: str,
        now: datetime,
        **detail: Any,
    ) -> Commitment:
        with self._store.write() as write:
            write.incident(incident)
            row = locked_row(write.session, incident, commitment)
            before = as_commitment(row)
            if refusal := why_not_work(before):
                raise NotAllowed(refusal)
            changed = change(before)
            row.steps = columns_of(changed)["steps"]
            write.note(now, incident, f"commitment {act}", commitment, actor=by, **detail)
            return changed

    def spend(self, incident: str, commitment: str, invoice: str, amount: Money, by: str, now: datetime) -> Money:
        """Record money that was spent on a commitment, and return the sum; the same invoice again changes nothing.

        A commitment that has ended takes late invoices too. Raises NotAllowed for another currency than that of its
        budget, and for a known invoice with another amount; NotInLedger.
        """
        with self._store.write() as write:
            write.incident(incident)
            row = locked_row(write.session, incident, commitment)
            known = write.session.get(CommitmentSpendingRow, (incident, commitment, invoice))
            if refusal := why_not_spend(as_commitment(row), invoice, amount, known.amount if known else ""):
                raise NotAllowed(refusal)
            if known is None:
                write.session.add(
                    CommitmentSpendingRow(
                        incident=incident, commitment=commitment, invoice=invoice, amount=str(amount), by=by, at=now
                    )
                )
                row.spent = str(total(as_commitment(row), amount))
                write.note(now, incident, "money spent", commitment, actor=by, amount=str(amount), spent=row.spent)
            return Money.parse(row.spent)

    def spendings(self, incident: str, commitment: str) -> tuple[Spending, ...]:
        """Return what was spent on a commitment, in order of time."""
        table = CommitmentSpendingRow
        query = select(table).where(table.incident == incident, table.commitment == commitment)
        with self._store.read() as session:
            rows = session.exec(query.order_by(col(table.at), col(table.invoice)))
            return tuple(row.as_value(Spending, amount=Money.parse(row.amount)) for row in rows)
