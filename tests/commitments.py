"""Commitments in tests: kept as a team does it, by the word of two members."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from amends.ledger import Ledger

REVIEWER = "the reviewer"
"""The member who accepts the evidence that another one gave."""


def keep(
    ledger: Ledger, incident: str, commitment: str, evidence: Mapping[str, str], by: str, now: datetime, **more: Any
) -> None:
    """Report a commitment as kept, and accept the evidence as another member at the same time."""
    ledger.commitments.keep(incident, commitment, dict(evidence), by, now, **more)
    ledger.commitments.accept(incident, commitment, REVIEWER, now)
