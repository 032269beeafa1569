"""The rows of claims, as all classes about claims read them."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlmodel import Session, col, select

from amends.domain.base.errors import NotInLedger
from amends.domain.base.money import Money
from amends.domain.claim.account import Account
from amends.domain.claim.claim import ClaimDecision, ClaimPayment, CompensationClaim
from amends.domain.team.vote import Subject, VoteKind
from amends.ledger.feedback.question_rows import opened, question_place
from amends.ledger.store.bulk import pages
from amends.ledger.store.encryption import Seal
from amends.ledger.tables.claim import ClaimPaymentRow, CompensationClaimRow
from amends.ledger.tables.declared import place
from amends.ledger.tables.feedback import QuestionRow
from amends.ledger.tables.team import VoteRow

CHUNK = 500
"""The most ids in one query."""


def claim_row(session: Session, incident: str, claim: int, *, locked: bool = False) -> CompensationClaimRow:
    """Return the claim's row; `locked` until the transaction ends. Raises NotInLedger."""
    row = session.get(CompensationClaimRow, (incident, claim), with_for_update=locked or None)
    if row is None:
        raise NotInLedger(f"incident {incident} has no claim {claim}; `amends claims list {incident}`")
    return row


def claim_place(incident: str, claim: int, column: str) -> str:
    return place("compensation_claim", column, incident, claim)


def payment_place(incident: str, claim: int, attempt: int) -> str:
    return place("claim_payment", "account", incident, claim, attempt)


def subject_of(row: CompensationClaimRow) -> Subject:
    """Return the subject of votes on a claim in its present round."""
    return Subject(row.incident, VoteKind.CLAIM, str(row.id), row.round)


def account_of(row: CompensationClaimRow, seal: Seal) -> Account | None:
    """Return the account that the person named last; None without one, and when it was altered or moved."""
    sealed = opened(seal, row.sealed_account, claim_place(row.incident, row.id, "account"))
    return Account.model_validate_json(sealed) if sealed else None


def reasons_of(row: CompensationClaimRow, seal: Seal) -> dict[str, str]:
    """Return the reasons for the person, by round and member; none when they were altered or moved."""
    sealed = opened(seal, row.sealed_reasons, claim_place(row.incident, row.id, "reasons"))
    return dict(json.loads(sealed)) if sealed else {}


def votes_of(session: Session, incident: str, claims: Iterable[int]) -> list[VoteRow]:
    """Return the votes on these claims, the earliest first."""
    here = (VoteRow.incident == incident, VoteRow.kind == VoteKind.CLAIM.value)
    votes = _in_chunks(session, map(str, claims), lambda ids: select(VoteRow).where(*here, col(VoteRow.about).in_(ids)))
    return sorted(votes, key=lambda vote: vote.id or 0)


def questions_of(session: Session, incident: str, rows: Iterable[CompensationClaimRow]) -> dict[int, QuestionRow]:
    """Return the questions of these claims by number."""
    here = QuestionRow.incident == incident
    ids = {row.question for row in rows}
    asked = _in_chunks(session, ids, lambda page: select(QuestionRow).where(here, col(QuestionRow.id).in_(page)))
    return {row.id: row for row in asked}


def as_values(session: Session, seal: Seal, rows: Sequence[CompensationClaimRow]) -> tuple[CompensationClaim, ...]:
    """Return the claims of these rows, with decisions and payments; texts that were altered or moved are empty."""
    if not rows:
        return ()
    incident, ids = rows[0].incident, [row.id for row in rows]
    here = ClaimPaymentRow.incident == incident
    votes, payments = defaultdict[int, list[VoteRow]](list), defaultdict[int, list[ClaimPaymentRow]](list)
    for vote in votes_of(session, incident, ids):
        votes[int(vote.about)].append(vote)
    for payment in _in_chunks(
        session, ids, lambda page: select(ClaimPaymentRow).where(here, col(ClaimPaymentRow.claim).in_(page))
    ):
        payments[payment.claim].append(payment)
    questions = questions_of(session, incident, rows)
    return tuple(_claim(row, seal, questions[row.question], votes[row.id], payments[row.id]) for row in rows)


def _claim(
    row: CompensationClaimRow,
    seal: Seal,
    question: QuestionRow,
    votes: Sequence[VoteRow],
    payments: Sequence[ClaimPaymentRow],
) -> CompensationClaim:
    reasons = reasons_of(row, seal)
    return row.as_value(
        CompensationClaim,
        asked=Money(row.asked, row.currency),
        text=opened(seal, question.sealed_text, question_place(row.incident, question.id, "text")) or "",
        granted=None if row.granted is None else Money(row.granted, row.currency),
        decisions=tuple(_decision(vote, reasons) for vote in votes),
        objection=opened(seal, row.sealed_objection, claim_place(row.incident, row.id, "objection")) or "",
        account=account_of(row, seal),
        payments=tuple(
            payment.as_value(ClaimPayment) for payment in sorted(payments, key=lambda payment: payment.attempt)
        ),
    )


def _decision(vote: VoteRow, reasons: dict[str, str]) -> ClaimDecision:
    return ClaimDecision(
        by=vote.member,
        round=vote.version,
        granted=vote.detail["granted"],
        reason=reasons.get(f"{vote.version} {vote.member}", ""),
        without_evidence=vote.reason,
        at=vote.at,
    )


def _in_chunks(session: Session, ids: Iterable[Any], query: Callable[[list[Any]], Any]) -> list[Any]:
    """Return the rows of a query for each chunk of ids."""
    return [row for page in pages(sorted(ids), CHUNK) for row in session.exec(query(page))]
