"""The members of the team that works on an incident, and what each may do."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from amends.domain.base.value import Moment, Value

FROM_PREFECT = "prefect"
"""The actor recorded for what a form in Prefect has done: a run there does not prove who began it, as a token does."""


class TeamRole(StrEnum):
    """A member's role in the team."""

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
        """Return True for a role that may release notices: responders answer questions, and auditors read."""
        return self not in (TeamRole.RESPONDER, TeamRole.AUDITOR)


class Member(Value):
    """A member of the team. Only the member knows the member's token."""

    name: str
    role: TeamRole
    active: bool = True
    deputy: str = ""
    """The member who may decide in this member's place, or empty."""
    deputy_until: Moment | None = None
    can_be_reached: bool = False
    """True when there is an address to which reminders and alerts go."""

    @property
    def hears_alerts(self) -> bool:
        """Return True when alerts are sent to the member: an active lead who can be reached."""
        return self.active and self.role is TeamRole.LEAD and self.can_be_reached

    def deputy_at(self, now: datetime) -> str:
        """Return the name of the deputy at this time, or an empty text when there is none."""
        return self.deputy if self.deputy_until and now < self.deputy_until else ""


def nobody_alerted(members: Iterable[Member]) -> str:
    """Return the warning that nobody is sent an alert, or an empty text when a lead is."""
    if any(member.hears_alerts for member in members):
        return ""
    return "no lead hears of an alert before somebody looks at `amends timeline`: `amends team contact NAME --as NAME`"
