"""Acts of a team before it closes a case: carry promises over, and pass over the rest with the word of two people."""

from datetime import datetime

from amends.domain.closing.criteria import as_unmet, unmet
from amends.domain.closing.missing import date_of
from amends.domain.incident.commitment import CommitmentState
from amends.domain.playbook.closing import NEVER_OVERRIDDEN, Criterion
from amends.domain.team.member import Member
from amends.ledger import Ledger


def carry_over(ledger: Ledger, incident: str, by: str, now: datetime) -> list[str]:
    """Carry over each open commitment with its own owner and date, and return their ids; late ones stay as they are."""
    opened = [commitment for commitment in ledger.commitments.all(incident) if commitment.state is CommitmentState.OPEN]
    to_come = [one for one in opened if date_of(one) > now]
    for one in to_come:
        ledger.closing.carry_over(incident, one.id, one.owner, date_of(one), by, now)
    return [one.id for one in to_come]


def pass_over(ledger: Ledger, incident: str, members: tuple[Member, Member], reason: str, now: datetime) -> list[str]:
    """Pass over what is missing now with the word of two members; return the criteria that were passed over."""
    found = unmet(ledger.views.closing(incident, now), now)
    criteria = [one for one in Criterion if one not in NEVER_OVERRIDDEN and any(it.criterion is one for it in found)]
    for criterion in criteria:
        for member in members:
            ledger.closing.override(incident, as_unmet(criterion, found), member, reason, now)
    return [criterion.value for criterion in criteria]
