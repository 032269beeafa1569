"""Who has approved exactly this, and whether that is enough for it to leave."""

from collections.abc import Iterable
from enum import StrEnum

from amends.domain.team import Member, TeamRole
from amends.domain.value import Moment, Value


class Decision(StrEnum):
    """An approver's word."""

    APPROVE = "approve"
    REJECT = "reject"


class Approval(Value):
    """One member's word on one binding."""

    member: str
    role: TeamRole
    decision: Decision
    binding: str
    at: Moment
    note: str = ""


class Standing(Value):
    """How a draft stands with its approvers."""

    approved_by: tuple[str, ...] = ()
    rejected_by: str | None = None
    still_needed: int


def may_approve(member: Member, author: str) -> str | None:
    """Why this member may not decide on the author's notice, or None."""
    if not member.active:
        return f"{member.name} is not in the team any more"
    if not member.role.may_approve:
        return f"{member.name} is {member.role}; that role may not release notices"
    if member.name == author:
        return f"{member.name} wrote this notice; others must approve it"
    return None


def standing(
    binding: str, needed: int, author: str, approvals: Iterable[Approval], members: Iterable[Member]
) -> Standing:
    """Counts the words on exactly this binding, by different members who may approve now; a rejection wins."""
    allowed = {member.name for member in members if may_approve(member, author) is None}
    words = [word for word in approvals if word.binding == binding and word.member in allowed]
    approved = tuple(dict.fromkeys(word.member for word in words if word.decision is Decision.APPROVE))
    rejected = next((word.member for word in words if word.decision is Decision.REJECT), None)
    return Standing(approved_by=approved, rejected_by=rejected, still_needed=max(needed - len(approved), 0))
