"""Pins in the ledger: the playbook and the wording with which each incident runs, by content hash."""

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam
from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from amends.domain.base.errors import NotAllowed, Refusal
from amends.domain.notice.notice import digest
from amends.domain.notice.wording import Wording
from amends.domain.playbook.playbook import Playbook
from amends.ledger.store.session import Transaction
from amends.ledger.tables.claim import CompensationClaimRow
from amends.ledger.tables.playbook import PinRow

LATEST_PIN = (
    select(PinRow)
    .where(PinRow.incident == bindparam("incident"))
    .order_by(col(PinRow.number).desc())
    .limit(1)
    .options(defer(PinRow.wording), defer(PinRow.playbook))  # type: ignore[arg-type]
)


def content_hash(playbook: Playbook, wording: Wording) -> str:
    """Return the hash that identifies exactly this content."""
    return digest(_spelled(playbook, wording))


def pin(write: Transaction, incident: str, playbook: Playbook, wording: Wording, now: datetime) -> str:
    """Put this content in force for the incident, and return its hash.

    Raises NotAllowed for claims in another currency than that in which claims were made.
    """
    if refusal := _why_not_currency(write.session, incident, playbook):
        raise NotAllowed(refusal)
    current, content = pin_row(write.session, incident), content_hash(playbook, wording)
    number, spelled = current.number + 1 if current else 1, _spelled(playbook, wording)
    write.session.add(PinRow(incident=incident, number=number, digest=content, at=now, **spelled))
    write.session.flush()
    return content


def _why_not_currency(session: Session, incident: str, playbook: Playbook) -> Refusal | None:
    """Return why this playbook could not settle the claims that were made, or None."""
    table = CompensationClaimRow
    made = session.exec(select(table.currency).where(table.incident == incident).limit(1)).first()
    if made and playbook.claims and playbook.claims.currency != made:
        return Refusal(f"claims of {incident} were made in {made}, so `claims: currency:` stays {made}")
    return None


def _spelled(playbook: Playbook, wording: Wording) -> dict[str, Any]:
    return {"playbook": playbook.model_dump(mode="json", by_alias=True), "wording": wording.model_dump(mode="json")}


def pin_row(session: Session, incident: str) -> PinRow | None:
    """Return the pin in force, or None when no playbook runs."""
    return session.exec(LATEST_PIN, params={"incident": incident}).first()
