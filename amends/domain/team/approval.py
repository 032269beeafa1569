"""Who has approved exactly this, whether that is enough for it to leave, and how long it counts."""

from collections.abc import Collection, Container, Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from amends.domain.base.errors import Refusal
from amends.domain.base.text import listed, minute
from amends.domain.base.value import Moment, Span, Value
from amends.domain.team.member import Member, TeamRole

EXPIRES_AFTER = Span(hours=24)
"""How long an approval counts where the playbook does not say otherwise."""


class Decision(StrEnum):
    """An approver's word."""

    APPROVE = "approve"
    REJECT = "reject"


class ApprovalRule(Value):
    """How many different people must approve, and which roles must be among them; written as a bare number without."""

    needed: int = Field(ge=1, le=9)
    """How many different people must approve, none of them an author."""
    roles: tuple[TeamRole, ...] = ()
    """Each of these must be among them: legal, security, communications, privacy, executive or lead."""

    @model_validator(mode="before")
    @classmethod
    def _bare_number(cls, value: Any) -> Any:
        if isinstance(value, dict | ApprovalRule):
            return value
        if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, str) and value.isdecimal())):
            raise ValueError("write how many must approve, as in 2, or {needed: 2, roles: [legal, security]}")
        return {"needed": value}

    @model_validator(mode="after")
    def _can_be_met(self) -> "ApprovalRule":
        if barred := [role for role in self.roles if not role.may_approve]:
            raise ValueError(f"{barred[0]} may not approve; leave it out of roles")
        if len(set(self.roles)) != len(self.roles):
            raise ValueError("a role stands twice in roles; name each once")
        if len(self.roles) > self.needed:
            raise ValueError(f"{len(self.roles)} roles are {len(self.roles)} people, so needed cannot be {self.needed}")
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, write: SerializerFunctionWrapHandler) -> Any:
        # What was stored and bound before there were roles must read, and hash, the same for ever.
        return write(self) if self.roles else self.needed

    def __str__(self) -> str:
        count = "1 approval" if self.needed == 1 else f"{self.needed} approvals"
        return f"{count}, with {listed(self.roles)} among them" if self.roles else count


class Approval(Value):
    """One member's word on one binding."""

    member: str
    role: TeamRole
    decision: Decision
    binding: str
    at: Moment
    note: str = ""
    given_by: str = ""
    """The deputy who gave it in the member's place; empty when they did so themselves."""

    @property
    def spoken_by(self) -> str:
        """Whoever really looked and said so."""
        return self.given_by or self.member


class Emergency(Value):
    """Two members let a notice leave with fewer approvals than it needs."""

    first: str
    second: str
    why: str
    binding: str
    given: int
    """How many had approved it by then."""
    needed: int
    at: Moment

    def __str__(self) -> str:
        who = f"released in an emergency by {self.first} and {self.second}"
        return f"{who}, with {self.given} of {self.needed} approvals: {self.why}"


class Standing(Value):
    """How a draft stands with its approvers."""

    approved_by: tuple[str, ...] = ()
    deputies: dict[str, str] = {}
    """Of those, whose word somebody else gave for them, and who did."""
    rejected_by: str | None = None
    still_needed: int
    """How many more people must approve, at the least."""
    missing_roles: tuple[TeamRole, ...] = ()
    """Roles of which nobody has approved yet."""
    expired: dict[str, Moment] = {}
    """Whose approval counts no more because it was given too long ago, and since when."""
    counts_until: Moment | None = None
    """When the first of the approvals that count runs out."""
    emergency: Emergency | None = None
    """Who let it leave all the same."""

    @property
    def waits_for(self) -> str:
        """What is missing, in words: 2 more approvals, with legal among them; `none` when nothing is."""
        if not self.still_needed:
            return "none"
        count = "1 more approval" if self.still_needed == 1 else f"{self.still_needed} more approvals"
        if not self.missing_roles:
            return count
        if len(self.missing_roles) == self.still_needed:
            return f"{count}, by {listed(self.missing_roles)}"
        return f"{count}, with {listed(self.missing_roles)} among them"


def why_not_approve(member: Member, authors: tuple[str, ...] = ()) -> Refusal | None:
    """Why this member may not decide on the notice of these authors, or None."""
    if not member.active:
        return Refusal(f"{member.name} is not in the team any more")
    if not member.role.may_approve:
        return Refusal(f"{member.name} is {member.role}; that role may not release notices")
    if member.name in authors:
        return Refusal(f"{member.name} wrote this notice: its facts or its list of people; others must approve it")
    return None


def why_not_deputy(
    absent: Member, deputy: Member, speaks_for: Collection[str], until: datetime, now: datetime
) -> Refusal | None:
    """Why the absent member, who speaks for these, may not give this deputy their word, or None; never a chain."""
    if absent.name == deputy.name:
        return Refusal(f"{absent.name} speaks for themselves already")
    if refusal := why_not_approve(absent) or why_not_approve(deputy):
        return refusal
    if until <= now:
        return Refusal(f"{minute(until)} is over already")
    if theirs := deputy.deputy_at(now):
        return Refusal(f"{deputy.name} has given their own word to {theirs}; a word is given on to nobody")
    if speaks_for:
        return Refusal(f"{absent.name} stands in for {listed(speaks_for)}; a word is given on to nobody")
    return None


def why_not_speak_for(absent: Member, deputy: Member, authors: tuple[str, ...], now: datetime) -> Refusal | None:
    """Why this deputy may not give the absent member's word on the notice of these authors, or None."""
    if absent.deputy != deputy.name:
        return Refusal(
            f"{absent.name} has not given {deputy.name} their word; `amends team list` shows who stands in for whom"
        )
    if absent.deputy_at(now) != deputy.name:
        return Refusal(f"{deputy.name} could give the word of {absent.name} until {minute(absent.deputy_until)} only")
    return why_not_approve(absent, authors) or why_not_approve(deputy, authors)


def why_not_speak_twice(heard: Iterable[Approval], speaker: str, member: str, notice: str) -> Refusal | None:
    """Why this speaker may not give this member's word after what was heard, or None: nobody speaks for two."""
    for word in heard:
        if word.spoken_by == speaker and word.member != member:
            said = f"the word of {word.member}" if word.given_by else "a word of their own"
            return Refusal(f"{speaker} has given {said} on {notice} already; nobody speaks for two")
        if word.member == member and speaker not in {word.spoken_by, member}:
            return Refusal(f"{member} has a word on {notice} already; only they can change it")
    return None


def why_not_release_in_emergency(
    first: Member, second: Member, authors: tuple[str, ...], stands: Standing, why: str
) -> Refusal | None:
    """Why these two may not let the notice of these authors leave with fewer approvals than it needs, or None."""
    if refusal := why_not_approve(first, authors) or why_not_approve(second, authors):
        return refusal
    if first.name == second.name:
        return Refusal(f"an emergency needs two people; {first.name} is one")
    if not {first.role, second.role} & {TeamRole.LEAD, TeamRole.EXECUTIVE}:
        return Refusal(f"neither {first.name} nor {second.name} is a lead or an executive; one of the two must be")
    if stands.rejected_by:
        return Refusal(f"{stands.rejected_by} rejected it; then nobody can release it, in no emergency")
    if not stands.still_needed:
        return Refusal("it has all the approvals that it needs; it leaves without an emergency")
    return None if why.strip() else Refusal("say why with --why; it stands in the report for ever")


def standing(
    binding: str,
    asked: ApprovalRule,
    authors: tuple[str, ...],
    approvals: Iterable[Approval],
    members: Iterable[Member],
    now: datetime | None = None,
    expires_after: timedelta = EXPIRES_AFTER,
    emergency: Emergency | None = None,
) -> Standing:
    """Counts the words on exactly this binding, by different people who may approve now; a rejection wins.

    With a now, an approval that was given too long ago counts no more; a rejection has no end. An emergency stands for
    what is missing, as long as both who declared it may approve.
    """
    role_of = {member.name: member.role for member in members if why_not_approve(member, authors) is None}
    words = [w for w in approvals if w.binding == binding and w.member in role_of and w.spoken_by in role_of]
    approving = [word for word in words if word.decision is Decision.APPROVE]
    over = {w.member: w.at + expires_after for w in approving if now is not None and w.at + expires_after <= now}
    count = _one_each(word for word in approving if word.member not in over)
    missing = tuple(role for role in asked.roles if role not in {role_of[word.member] for word in count})
    urgent = emergency if emergency and _holds(emergency, binding, role_of, now, expires_after) else None
    return Standing(
        approved_by=tuple(word.member for word in count),
        deputies={word.member: word.given_by for word in count if word.given_by},
        rejected_by=next((word.member for word in words if word.decision is Decision.REJECT), None),
        still_needed=0 if urgent else max(asked.needed - len(count), len(missing)),
        missing_roles=() if urgent else missing,
        expired=over,
        counts_until=min((word.at + expires_after for word in count), default=None) if now is not None else None,
        emergency=urgent,
    )


def _holds(
    emergency: Emergency, binding: str, may: Container[str], now: datetime | None, expires_after: timedelta
) -> bool:
    fresh = now is None or now < emergency.at + expires_after
    return fresh and emergency.binding == binding and emergency.first in may and emergency.second in may


def _one_each(approving: Iterable[Approval]) -> list[Approval]:
    """One word of each member, and one from the mouth of each: nobody is two people, as a deputy neither."""
    heard: set[str] = set()
    count: list[Approval] = []
    for word in approving:
        if word.member not in {other.member for other in count} and word.spoken_by not in heard:
            heard.add(word.spoken_by)
            count.append(word)
    return count
