"""What the people of a rehearsal work with, and who leads and approves there."""

from dataclasses import dataclass, field
from datetime import datetime

from amends.domain.rehearse.injects import Script
from amends.domain.rehearse.report import Happening, TeamTimes
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger

LEAD = Member(name="rehearsal-lead", role=TeamRole.LEAD)
APPROVERS = tuple(
    Member(name=f"rehearsal-{role}", role=role)
    for role in (TeamRole.LEGAL, TeamRole.COMMUNICATIONS, TeamRole.SECURITY, TeamRole.PRIVACY, TeamRole.EXECUTIVE)
)
"""In this order they are asked; those who are not needed are deputies."""


@dataclass
class Scene:
    """What the people of a rehearsal work with, and what they say that they did."""

    ledger: Ledger
    incident: str
    script: Script
    times: TeamTimes
    injected: list[Happening] = field(default_factory=list)
    team: list[Happening] = field(default_factory=list)
    troubles: list[Happening] = field(default_factory=list)
    amended_at: list[datetime] = field(default_factory=list)
    """When facts turned out to be wrong."""

    def trouble(self, now: datetime, what: str) -> None:
        """Something that did not go as it should."""
        self.troubles.append(Happening(at=now, what=what))

    def did(self, now: datetime, what: str) -> None:
        """Something that the team did."""
        self.team.append(Happening(at=now, what=what))

    def struck(self, now: datetime, what: str) -> None:
        """Something that an inject did."""
        self.injected.append(Happening(at=now, what=what))
