"""The ledger: the records of all incidents, people, notices, messages, commitments and questions."""

from amends.ledger.audit.audit import AuditEntry
from amends.ledger.deliver.claims import Claim
from amends.ledger.deliver.statistics import DeliveryLine
from amends.ledger.feedback.questions import once_for
from amends.ledger.incident.incidents import IncidentLine
from amends.ledger.ledger import Ledger
from amends.ledger.notice.notices import PUBLIC, Audience
from amends.ledger.store.encryption import Keys

__all__ = [
    "PUBLIC",
    "Audience",
    "AuditEntry",
    "Claim",
    "DeliveryLine",
    "IncidentLine",
    "Keys",
    "Ledger",
    "once_for",
]
