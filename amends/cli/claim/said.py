"""Claims of compensation in words and rows, for the terminal."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from amends.cli.terminal.desk import Desk
from amends.domain.base.money import Money
from amends.domain.base.text import minute
from amends.domain.base.value import to_utc
from amends.domain.claim.claim import ClaimDecision, CompensationClaim, Evidence

if TYPE_CHECKING:
    from amends.domain.claim.signals import Signal
    from amends.domain.claim.words import ClaimTerms

HEAD = ("claim", "due", "person", "state", "asked", "granted", "files", "decided by", "signals")
UNREADABLE = "(cannot be read: it was altered, moved, or sealed with another key)"


def terms_of_claims(desk: Desk, incident: str) -> "ClaimTerms":
    """Return the terms of claims. Raises NotAllowed when the playbook has none."""
    from amends.content.notice import shipped_wording
    from amends.delivery.claims import claim_terms

    return claim_terms(desk.ledger, incident, shipped_wording())


def row(claim: CompensationClaim, signals: Mapping[int, tuple["Signal", ...]]) -> tuple[object, ...]:
    """Return a claim as a row under HEAD, without personal data."""
    by = ", ".join(decision.by for decision in claim.decisions if decision.round == claim.round)
    said = ", ".join(signals.get(claim.id, ()))
    granted = claim.granted or ""
    return claim.id, claim.due_at, claim.person, claim.state, claim.asked, granted, claim.files, by, said


def values(claim: CompensationClaim, signals: tuple["Signal", ...]) -> dict[str, object]:
    """Return a claim as values for --json, without personal data."""
    hidden = {"text", "objection", "account", "asked", "granted", "decisions"}
    found = claim.model_dump(mode="json", exclude=hidden)
    decisions = [decision.model_dump(mode="json", exclude={"reason"}) for decision in claim.decisions]
    amounts = {"asked": str(claim.asked), "granted": str(claim.granted) if claim.granted else None}
    return found | amounts | {"decisions": decisions, "signals": signals, "account_known": claim.account is not None}


def in_words(
    claim: CompensationClaim, files: tuple[Evidence, ...], signals: tuple["Signal", ...], most: str
) -> list[str]:
    """Return all that whoever decides should know of a claim, in lines; personal data is among them."""
    by = f" by {claim.entered_by}" if claim.entered_by else ""
    lines = [
        f"claim {claim.id} of person {claim.person}, {claim.source}{by}, {claim.locale}, question {claim.question}",
        f"came {minute(claim.at)}, decision due {minute(claim.due_at)}",
        f"asks for {claim.asked}; {claim.state}{f', granted {claim.granted}' if claim.granted else ''}",
        *([f"the caps and the budget leave {most}"] if most else []),
        f"account: {_account(claim)}{_awaited(claim)}",
        "",
        claim.text or UNREADABLE,
    ]
    if claim.objected_at:
        lines += ["", f"objected {minute(claim.objected_at)}: {claim.objection or '(no words)'}"]
    lines += [f"evidence {file.id}: {file.kind}, {file.size} bytes" for file in files]
    lines += [
        f"decision by {decision.by}, {minute(decision.at)}: {_granted(claim, decision.granted)}"
        f"{_why(decision.reason)}{_unproven(decision)}"
        for decision in claim.decisions
    ]
    lines += [
        f"payment {payment.end_to_end} in file {payment.file}: {payment.state} {payment.reason}".rstrip()
        for payment in claim.payments
    ]
    if signals:
        lines += ["", f"signals, by which nobody decides: {', '.join(signals)}"]
    return lines


def _account(claim: CompensationClaim) -> str:
    to = claim.account
    if to is None:
        return "none yet"
    return f"{to.holder}, {to.iban or to.number}{f', {to.bic or to.bank}' if to.bic or to.bank else ''}"


def _awaited(claim: CompensationClaim) -> str:
    if claim.account_due_at is None:
        return ""
    reminded = f", reminded {minute(claim.account_reminded_at)}" if claim.account_reminded_at else ""
    another = "another" if claim.account else "one"
    return f"; {another} is awaited by {minute(claim.account_due_at)}, then the claim lapses{reminded}"


def _granted(claim: CompensationClaim, minor: int) -> str:
    if not minor:
        return "rejects"
    return f"grants {Money(minor, claim.asked.currency)}"


def _why(reason: str) -> str:
    return f" ({reason})" if reason else ""


def _unproven(decision: ClaimDecision) -> str:
    return f"; without evidence: {decision.without_evidence}" if decision.without_evidence else ""


def tell_now(desk: Desk, incident: str) -> None:
    """Send what people are to hear of their claims, as far as it may leave now."""
    from amends.cli.feedback.answers import send_now

    send_now(desk, incident)


def parsed_time(text: str, now: datetime) -> datetime:
    """Return the time at which a member says that something came. Raises ValueError."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a time needs its zone, as in 2026-12-01T09:30+01:00")
    if found > now:
        raise ValueError("it is in the future")
    return to_utc(found)
