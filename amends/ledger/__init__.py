"""The ledger: what is true about every incident, person, notice, message, promise and question."""

from amends.ledger.audit import Entry
from amends.ledger.claims import Claim
from amends.ledger.feedback import once_for
from amends.ledger.incidents import IncidentLine
from amends.ledger.ledger import Ledger
from amends.ledger.notices import PUBLIC, Audience
from amends.ledger.sealing import Keys
from amends.ledger.standing import DeliveryLine

__all__ = [
    "PUBLIC",
    "Audience",
    "Claim",
    "DeliveryLine",
    "Entry",
    "IncidentLine",
    "Keys",
    "Ledger",
    "once_for",
]
