"""The people who work on an incident, and what each may do."""

from enum import StrEnum

from amends.domain.value import Value


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
