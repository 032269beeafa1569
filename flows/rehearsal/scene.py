"""The scene of a rehearsal: what its people work with and record, and the members who lead and approve."""

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
"""Members who approve, in the order in which they are asked; members who are not needed are deputies."""


@dataclass
class Scene:
    """The ledger and script of a rehearsal, with the record of what happened in it."""

    ledger: Ledger
    incident: str
    script: Script
    times: TeamTimes
    injected: list[Happening] = field(default_factory=list)
    team: list[Happening] = field(default_factory=list)
    troubles: list[Happening] = field(default_factory=list)
    amended_at: list[datetime] = field(default_factory=list)
    """Times at which facts turned out to be wrong."""

    def record_trouble(self, now: datetime, what: str) -> None:
        """Record something that did not go as it should."""
        self.troubles.append(Happening(at=now, what=what))

    def record_act(self, now: datetime, what: str) -> None:
        """Record something that the team did."""
        self.team.append(Happening(at=now, what=what))

    def record_inject(self, now: datetime, what: str) -> None:
        """Record something that an inject did."""
        self.injected.append(Happening(at=now, what=what))
