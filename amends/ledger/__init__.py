"""The ledger: the records of all incidents, people, notices, messages, commitments and questions."""

from typing import TYPE_CHECKING

from amends.system.places import named

if TYPE_CHECKING:
    from amends.ledger.audit.audit import AuditEntry
    from amends.ledger.deliver.claims import Claim
    from amends.ledger.deliver.statistics import DeliveryLine
    from amends.ledger.feedback.questions import once_for
    from amends.ledger.incident.incidents import IncidentLine
    from amends.ledger.ledger import Ledger
    from amends.ledger.notice.notices import PUBLIC, ListedAudience
    from amends.ledger.store.encryption import Keys

__all__ = [
    "PUBLIC",
    "AuditEntry",
    "Claim",
    "DeliveryLine",
    "IncidentLine",
    "Keys",
    "Ledger",
    "ListedAudience",
    "once_for",
]
PLACES = {
    "PUBLIC": "notice.notices",
    "ListedAudience": "notice.notices",
    "AuditEntry": "audit.audit",
    "Claim": "deliver.claims",
    "DeliveryLine": "deliver.statistics",
    "IncidentLine": "incident.incidents",
    "Keys": "store.encryption",
    "Ledger": "ledger",
    "once_for": "feedback.questions",
}


def __getattr__(name: str) -> object:
    """Return the name from its module, imported when somebody asks for the name. Raises AttributeError."""
    if name not in PLACES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return named(f"{__name__}.{PLACES[name]}:{name}")
