"""The people who work on an incident, and what each may do."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from amends.domain.base.value import Moment, Value


class TeamRole(StrEnum):
    """What a member of the team is there for."""

    LEAD = "lead"
    LEGAL = "legal"
    COMMUNICATIONS = "communications"
    SECURITY = "security"
    PRIVACY = "privacy"
    EXECUTIVE = "executive"
    RESPONDER = "responder"
    AUDITOR = "auditor"

    @property
    def may_approve(self) -> bool:
        """Responders answer questions and auditors read; neither releases a notice."""
        return self not in (TeamRole.RESPONDER, TeamRole.AUDITOR)


class Member(Value):
    """One person of the team. The token is known only to them."""

    name: str
    role: TeamRole
    active: bool = True
    deputy: str = ""
    """Who may give their word for them, or empty."""
    deputy_until: Moment | None = None
    can_be_reached: bool = False
    """There is an address to remind them at."""

    @property
    def hears_alerts(self) -> bool:
        """What must be looked at comes to them."""
        return self.active and self.role is TeamRole.LEAD and self.can_be_reached

    def deputy_at(self, now: datetime) -> str:
        """Who may give their word at this time, or empty."""
        return self.deputy if self.deputy_until and now < self.deputy_until else ""


def nobody_alerted(members: Iterable[Member]) -> str:
    """That what goes wrong at night waits until somebody looks; empty when it comes to a lead."""
    if any(member.hears_alerts for member in members):
        return ""
    return "no lead hears of an alert before somebody looks at `amends timeline`: `amends team contact NAME --as NAME`"
