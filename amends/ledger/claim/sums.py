"""The money of claims: what was granted so far, and the totals beside the budget."""

from datetime import datetime

from sqlalchemy import false
from sqlmodel import Session, col, func, select

from amends.domain.claim.claim import ClaimState, ClaimTotals
from amends.domain.claim.rules import ClaimRules, GrantedSoFar
from amends.ledger.tables.claim import CompensationClaimRow

GRANTED = (ClaimState.GRANTED, ClaimState.IN_PAYMENT, ClaimState.PAID, ClaimState.RETURNED)
"""The states of claims whose amount counts against caps and budget."""


def claim_totals(session: Session, incident: str, rules: ClaimRules | None, now: datetime | None) -> ClaimTotals:
    """Return the claims in numbers; the currency is that of the rules, else that of the claims.

    Without `now`, none counts as overdue.
    """
    here = CompensationClaimRow.incident == incident
    state, currency = col(CompensationClaimRow.state), col(CompensationClaimRow.currency)
    sums = (func.count(), func.sum(CompensationClaimRow.asked), func.sum(CompensationClaimRow.granted))
    rows = session.exec(select(currency, state, *sums).where(here).group_by(currency, state)).all()  # type: ignore[call-overload]
    money = rules.currency if rules else next((row[0] for row in rows), "")
    mine = {ClaimState(row[1]): [int(number or 0) for number in row[2:]] for row in rows if row[0] == money}
    late = (here, state == ClaimState.RECEIVED, col(CompensationClaimRow.due_at) < now if now else false())

    def granted(*states: ClaimState) -> int:
        return sum(mine[one][2] for one in states if one in mine)

    return ClaimTotals(
        currency=money,
        claims={str(one): mine[one][0] for one in ClaimState if one in mine},
        asked=sum(asked for _, asked, _ in mine.values()),
        granted=granted(*GRANTED),
        paid=granted(ClaimState.PAID),
        in_payment=granted(ClaimState.IN_PAYMENT),
        budget=rules.minor("budget") if rules else None,
        overdue=session.exec(select(func.count()).select_from(CompensationClaimRow).where(*late)).one(),
    )


def granted_so_far(session: Session, incident: str, person: int) -> GrantedSoFar:
    """Return what other claims were granted: those of the person, and all."""
    return GrantedSoFar(sums_by_person(session, incident, {person}).get(person, 0), granted_in_all(session, incident))


def granted_in_all(session: Session, incident: str) -> int:
    """Return the sum of all that was granted."""
    here = (CompensationClaimRow.incident == incident, col(CompensationClaimRow.state).in_(GRANTED))
    return int(session.exec(select(func.sum(CompensationClaimRow.granted)).where(*here)).one() or 0)


def sums_by_person(session: Session, incident: str, people: set[int]) -> dict[int, int]:
    """Return the sum that each of these people was granted, of those with any."""
    person = col(CompensationClaimRow.person)
    here = (CompensationClaimRow.incident == incident, col(CompensationClaimRow.state).in_(GRANTED))
    query = select(person, func.sum(CompensationClaimRow.granted)).where(*here, person.in_(people)).group_by(person)
    return {number: int(total or 0) for number, total in session.exec(query)}
