"""The rows of claims, as all classes about claims read them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar

from sqlmodel import Session, col, select

from amends.domain.base.errors import NotInLedger
from amends.domain.base.money import Money
from amends.domain.claim.account import Account
from amends.domain.claim.claim import (
    ClaimDecision,
    ClaimPayment,
    ClaimState,
    ClaimWay,
    CompensationClaim,
    PaymentState,
)
from amends.ledger.feedback.question_rows import opened, question_place
from amends.ledger.store.encryption import Seal
from amends.ledger.store.tables import ClaimDecisionRow, ClaimPaymentRow, CompensationClaimRow, QuestionRow

Row = TypeVar("Row", ClaimDecisionRow, ClaimPaymentRow)
CHUNK = 500
"""The most ids in one query."""


def claim_row(session: Session, incident: str, claim: int, *, locked: bool = False) -> CompensationClaimRow:
    """Return the claim's row; `locked` until the transaction ends. Raises NotInLedger."""
    row = session.get(CompensationClaimRow, (incident, claim), with_for_update=locked or None)
    if row is None:
        raise NotInLedger(f"incident {incident} has no claim {claim}; `amends claims list {incident}`")
    return row


def claim_place(incident: str, claim: int, column: str) -> str:
    return f"compensation_claim:{column}:{incident}:{claim}"


def reason_place(incident: str, claim: int, decision: int) -> str:
    return f"claim_decision:reason:{incident}:{claim}:{decision}"


def payment_place(incident: str, claim: int, attempt: int) -> str:
    return f"claim_payment:account:{incident}:{claim}:{attempt}"


def account_of(row: CompensationClaimRow, seal: Seal) -> Account | None:
    """Return the account that the person named last; None without one, and when it was altered or moved."""
    sealed = opened(seal, row.sealed_account, claim_place(row.incident, row.id, "account"))
    return Account.model_validate_json(sealed) if sealed else None


def as_values(session: Session, seal: Seal, rows: Sequence[CompensationClaimRow]) -> tuple[CompensationClaim, ...]:
    """Return the claims of these rows, with decisions and payments; texts that were altered or moved are empty."""
    if not rows:
        return ()
    incident, ids = rows[0].incident, [row.id for row in rows]
    decisions = _by_claim(_of(session, ClaimDecisionRow, incident, ids))
    payments = _by_claim(_of(session, ClaimPaymentRow, incident, ids))
    words = _words(session, seal, incident, {row.question for row in rows})
    return tuple(_claim(row, seal, words, decisions[row.id], payments[row.id]) for row in rows)


def questions_of(session: Session, incident: str, rows: Sequence[CompensationClaimRow]) -> dict[int, QuestionRow]:
    """Return the questions of these claims by number."""
    asked = (QuestionRow.incident == incident, col(QuestionRow.id).in_([row.question for row in rows]))
    return {row.id: row for row in session.exec(select(QuestionRow).where(*asked))}


def decisions_of(rows: Iterable[ClaimDecisionRow], seal: Seal) -> tuple[ClaimDecision, ...]:
    """Return the decisions of these rows, the first one first."""
    return tuple(
        ClaimDecision(
            by=row.by,
            round=row.round,
            granted=row.granted,
            reason=opened(seal, row.sealed_reason, reason_place(row.incident, row.claim, row.id)) or "",
            without_evidence=row.without_evidence,
            at=row.at,
        )
        for row in sorted(rows, key=lambda row: row.id)
    )


def _claim(
    row: CompensationClaimRow,
    seal: Seal,
    words: dict[int, str],
    decisions: Sequence[ClaimDecisionRow],
    payments: Sequence[ClaimPaymentRow],
) -> CompensationClaim:
    granted = None if row.granted is None else Money(row.granted, row.currency)
    return CompensationClaim(
        id=row.id,
        person=row.person,
        question=row.question,
        locale=row.locale,
        source=ClaimWay(row.source),
        entered_by=row.entered_by,
        asked=Money(row.asked, row.currency),
        text=words.get(row.question, ""),
        state=ClaimState(row.state),
        round=row.round,
        granted=granted,
        decisions=decisions_of(decisions, seal),
        at=row.at,
        due_at=row.due_at,
        decided_at=row.decided_at,
        account_due_at=row.account_due_at,
        account_reminded_at=row.account_reminded_at,
        objected_at=row.objected_at,
        objection=opened(seal, row.sealed_objection, claim_place(row.incident, row.id, "objection")) or "",
        account=account_of(row, seal),
        files=row.files,
        payments=tuple(map(_payment, sorted(payments, key=lambda one: one.attempt))),
    )


def _payment(row: ClaimPaymentRow) -> ClaimPayment:
    return ClaimPayment(
        attempt=row.attempt,
        file=row.file,
        end_to_end=row.end_to_end,
        minor=row.minor,
        state=PaymentState(row.state),
        at=row.at,
        reason=row.reason,
    )


def _of(session: Session, table: type[Row], incident: str, ids: Sequence[int]) -> list[Row]:
    found: list[Row] = []
    for start in range(0, len(ids), CHUNK):
        page = ids[start : start + CHUNK]
        found += session.exec(select(table).where(table.incident == incident, col(table.claim).in_(page))).all()
    return found


def _by_claim(rows: Iterable[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.claim].append(row)
    return found


def _words(session: Session, seal: Seal, incident: str, questions: Collection[int]) -> dict[int, str]:
    ids, found = sorted(questions), {}
    for start in range(0, len(ids), CHUNK):
        asked = (QuestionRow.incident == incident, col(QuestionRow.id).in_(ids[start : start + CHUNK]))
        for row in session.exec(select(QuestionRow).where(*asked)):
            found[row.id] = opened(seal, row.sealed_text, question_place(incident, row.id, "text")) or ""
    return found
