"""Approvals of a notice exactly as it stands: who may give them, how many are needed, and how long they count."""

from collections.abc import Collection, Container, Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from amends.domain.base.errors import Refusal
from amends.domain.base.text import listed, minute
from amends.domain.base.value import Moment, Span, Value
from amends.domain.team.member import Member, TeamRole
from amends.domain.team.vote import VoteRule, why_not_together, why_not_vote

EXPIRES_AFTER = Span(hours=24)
"""The time for which an approval counts unless the playbook says otherwise."""


class Decision(StrEnum):
    """An approver's decision."""

    APPROVE = "approve"
    REJECT = "reject"


class ApprovalRule(Value):
    """The number of people who must approve and the roles that must be among them; without roles, a bare number."""

    needed: int = Field(ge=1, le=9)
    """The number of different people who must approve, none of them an author."""
    roles: tuple[TeamRole, ...] = ()
    """Roles that must each be among the approvers: legal, security, communications, privacy, executive or lead."""

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
        # A rule without roles stays a bare number, so that rules stored before roles existed keep their hash.
        return write(self) if self.roles else self.needed

    def __str__(self) -> str:
        count = "1 approval" if self.needed == 1 else f"{self.needed} approvals"
        return f"{count}, with {listed(self.roles)} among them" if self.roles else count


class Approval(Value):
    """One member's decision on one binding: the hash of exactly what people would get."""

    member: str
    role: TeamRole
    decision: Decision
    binding: str
    at: Moment
    note: str = ""
    given_by: str = ""
    """The deputy who decided in the member's place; empty when the member decided."""

    @property
    def by(self) -> str:
        """Return the name of the person who really decided: the deputy, else the member."""
        return self.given_by or self.member


class WantedApprovals(NamedTuple):
    """The approvals that are wanted: of exactly this binding, by this rule, and by others than the authors."""

    binding: str
    rule: ApprovalRule
    authors: tuple[str, ...]


class Emergency(Value):
    """A release of a notice, by two members, with fewer approvals than the notice needs."""

    first: str
    second: str
    why: str
    binding: str
    given: int
    """The number of approvals that counted at that time."""
    needed: int
    at: Moment

    def __str__(self) -> str:
        who = f"released in an emergency by {self.first} and {self.second}"
        return f"{who}, with {self.given} of {self.needed} approvals: {self.why}"


class Standing(Value):
    """The state of a draft's approvals."""

    approved_by: tuple[str, ...] = ()
    deputies: dict[str, str] = {}
    """The deputies who approved, by the name of the member in whose place each did."""
    rejected_by: str | None = None
    still_needed: int
    """The least number of further people who must approve."""
    missing_roles: tuple[TeamRole, ...] = ()
    """Required roles of which nobody has approved yet."""
    expired: dict[str, Moment] = {}
    """Members whose approval has expired, each with the time of expiry."""
    counts_until: Moment | None = None
    """The time at which the first of the counting approvals expires."""
    emergency: Emergency | None = None
    """The release in an emergency that stands for the missing approvals."""

    @property
    def waits_for(self) -> str:
        """Return the missing approvals in words: 2 more approvals, with legal among them; else `none`."""
        if not self.still_needed:
            return "none"
        count = "1 more approval" if self.still_needed == 1 else f"{self.still_needed} more approvals"
        if not self.missing_roles:
            return count
        if len(self.missing_roles) == self.still_needed:
            return f"{count}, by {listed(self.missing_roles)}"
        return f"{count}, with {listed(self.missing_roles)} among them"


def why_not_approve(member: Member, authors: tuple[str, ...] = ()) -> Refusal | None:
    """Return why the member may not decide on the notice of these authors, or None when the member may."""
    return why_not_vote(member, _rule(authors))


def _rule(authors: tuple[str, ...]) -> VoteRule:
    """Return the rule of votes on a notice of these authors, and of its release in an emergency."""
    wrote = "{} wrote this notice: its facts or its list of people; others must approve it"
    return VoteRule(
        unfit="{name} is {role}; that role may not release notices",
        again="an emergency needs two people; {name} is one",
        barred={author: wrote.format(author) for author in authors},
    )


def why_not_deputy(
    absent: Member, deputy: Member, speaks_for: Collection[str], until: datetime, now: datetime
) -> Refusal | None:
    """Return why the absent member may not name this deputy, or None.

    `speaks_for` names the members whose deputy the absent member is: a deputy never names a deputy in turn.
    """
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
    """Return why the deputy may not decide for the absent member on the notice of these authors, or None."""
    if absent.deputy != deputy.name:
        return Refusal(
            f"{absent.name} has not given {deputy.name} their word; `amends team list` shows who stands in for whom"
        )
    if absent.deputy_at(now) != deputy.name:
        return Refusal(f"{deputy.name} could give the word of {absent.name} until {minute(absent.deputy_until)} only")
    return why_not_approve(absent, authors) or why_not_approve(deputy, authors)


def why_not_speak_twice(decisions: Iterable[Approval], speaker: str, member: str, notice: str) -> Refusal | None:
    """Return why the speaker may not decide as this member after these decisions, or None: nobody decides for two."""
    for decision in decisions:
        if decision.by == speaker and decision.member != member:
            said = f"the word of {decision.member}" if decision.given_by else "a word of their own"
            return Refusal(f"{speaker} has given {said} on {notice} already; nobody speaks for two")
        if decision.member == member and speaker not in {decision.by, member}:
            return Refusal(f"{member} has a word on {notice} already; only they can change it")
    return None


def why_not_release_in_emergency(
    first: Member, second: Member, authors: tuple[str, ...], stands: Standing, why: str
) -> Refusal | None:
    """Return why the two members may not release the notice of these authors in an emergency, or None."""
    if refusal := why_not_together(first, second, _rule(authors)):
        return refusal
    if not {first.role, second.role} & {TeamRole.LEAD, TeamRole.EXECUTIVE}:
        return Refusal(f"neither {first.name} nor {second.name} is a lead or an executive; one of the two must be")
    if stands.rejected_by:
        return Refusal(f"{stands.rejected_by} rejected it; then nobody can release it, in no emergency")
    if not stands.still_needed:
        return Refusal("it has all the approvals that it needs; it leaves without an emergency")
    return None if why.strip() else Refusal("say why with --why; it stands in the report for ever")


def standing(
    wanted: WantedApprovals,
    approvals: Iterable[Approval],
    members: Iterable[Member],
    now: datetime | None = None,
    expires_after: timedelta = EXPIRES_AFTER,
    emergency: Emergency | None = None,
) -> Standing:
    """Count the decisions on exactly this binding, by different people who may approve now; a rejection wins.

    With `now`, an approval and an emergency expire after `expires_after`; a rejection never expires. An emergency
    stands for the missing approvals, as long as both members who declared it may approve.
    """
    binding, asked, authors = wanted
    role_of = {member.name: member.role for member in members if why_not_approve(member, authors) is None}
    decided = [
        approval
        for approval in approvals
        if approval.binding == binding and {approval.member, approval.by} <= role_of.keys()
    ]
    approving = [one for one in decided if one.decision is Decision.APPROVE]
    expired = {
        one.member: one.at + expires_after for one in approving if now is not None and one.at + expires_after <= now
    }
    count = _one_each(one for one in approving if one.member not in expired)
    missing = tuple(role for role in asked.roles if role not in {role_of[one.member] for one in count})
    counting = emergency if emergency and _counts(emergency, binding, role_of, now, expires_after) else None
    return Standing(
        approved_by=tuple(one.member for one in count),
        deputies={one.member: one.given_by for one in count if one.given_by},
        rejected_by=next((one.member for one in decided if one.decision is Decision.REJECT), None),
        still_needed=0 if counting else max(asked.needed - len(count), len(missing)),
        missing_roles=() if counting else missing,
        expired=expired,
        counts_until=min((one.at + expires_after for one in count), default=None) if now is not None else None,
        emergency=counting,
    )


def _counts(
    emergency: Emergency, binding: str, approvers: Container[str], now: datetime | None, expires_after: timedelta
) -> bool:
    fresh = now is None or now < emergency.at + expires_after
    return fresh and emergency.binding == binding and emergency.first in approvers and emergency.second in approvers


def _one_each(approving: Iterable[Approval]) -> list[Approval]:
    """Return one approval of each member and one by each person, so that a deputy never counts twice."""
    spoken: set[str] = set()
    count: list[Approval] = []
    for approval in approving:
        if approval.member not in {other.member for other in count} and approval.by not in spoken:
            spoken.add(approval.by)
            count.append(approval)
    return count
