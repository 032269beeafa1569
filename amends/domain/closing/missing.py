"""One thing that is missing before a case may close, and when a commitment counts as carried over."""

from datetime import datetime

from amends.domain.base.value import Value
from amends.domain.case.views.closing import ClosingView
from amends.domain.incident.commitment import Commitment
from amends.domain.playbook.closing import ClosingRules, Criterion

BY_ITSELF = "it ends by itself"


class Missing(Value):
    """One thing that is missing before the case may close."""

    criterion: Criterion
    about: str
    """The id of the notice, duty, commitment or survey, or a word for what is missing."""
    state: str = ""
    """The state in which it is missing, in numbers and times: in another state it is another thing."""
    what: str
    """The thing that is missing, in words; numbers and ids only."""
    owner: str
    """The member, office or role who ends it."""
    ends: str = BY_ITSELF
    """The command that ends it."""

    @property
    def key(self) -> str:
        """Return the key by which an override names what is missing."""
        return f"{self.about} {self.state}".strip()

    @property
    def in_words(self) -> str:
        """Return the line for the lead: what is missing, who ends it, and how."""
        return f"{self.criterion}: {self.what}; {self.owner}: {self.ends}"


def date_of(commitment: Commitment) -> datetime:
    """Return the date by which the commitment is due now."""
    return commitment.new_due_at or commitment.due_at


def is_carried_over(case: ClosingView, commitment: Commitment) -> bool:
    """Return True when the commitment was carried over for the date that it has now."""
    wanted = (commitment.id, date_of(commitment))
    return any((one.commitment, one.due_at) == wanted for one in case.carried_over)


def closing_rules(case: ClosingView) -> ClosingRules:
    """Return the closing rules of the case's playbook, or those of every case before a playbook runs."""
    return case.playbook.closing if case.playbook else ClosingRules()
