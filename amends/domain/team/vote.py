"""Votes of the team: who may vote on a subject, how many different people must, and which votes count together."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeVar

from amends.domain.base.errors import Refusal
from amends.domain.base.value import Moment, Value
from amends.domain.team.member import Member, TeamRole

DECIDERS = tuple(role for role in TeamRole if role.may_approve)
"""The roles that may approve: what people are told, and who they are, is theirs."""
TWO = 2


class VoteKind(StrEnum):
    """A kind of subject whose votes are stored one by one."""

    NOTICE = "notice"
    """A version of a notice is approved or rejected."""
    EMERGENCY = "emergency"
    """A version of a notice is released with too few approvals."""
    CLOSING = "closing"
    """A closing criterion is passed over."""
    CLAIM = "claim"
    """A claim of compensation is decided on."""


class Subject(NamedTuple):
    """A subject of votes."""

    incident: str
    kind: VoteKind
    about: str
    """The notice, the closing criterion, or the claim."""
    version: int = 0
    """The version of the notice, or the round of decisions on the claim."""


class Voted(Protocol):
    """A vote of any room, of which only the person who gave it counts here."""

    @property
    def by(self) -> str:
        """Return the name of the person who really voted."""
        ...


AnyVote = TypeVar("AnyVote", bound=Voted)


class Vote(Value):
    """The vote of one member, with its reason."""

    by: str
    role: str
    """The member's role at that time."""
    reason: str
    at: Moment


class VoteRule(NamedTuple):
    """A subject's rule: who may vote, and in which words all others are refused."""

    unfit: str = "{name} cannot do this: it needs a role that may approve"
    """The refusal of a member of another role, with places for {name} and {role}."""
    again: str = "{name} cannot do this alone; two different people must want it"
    """The refusal of a member who has voted already, with a place for {name}."""
    roles: tuple[TeamRole, ...] = DECIDERS
    barred: Mapping[str, str] = {}
    """The members who may not vote whatever their role, such as authors, each with the refusal."""


def to_act(what: str, barred: Mapping[str, str] = {}) -> VoteRule:
    """Return the rule of an act for roles that may approve, such as `erase a person`."""
    return VoteRule(unfit=f"{{name}} may not {what}: it needs a role that may approve", barred=barred)


def why_not_vote(member: Member, rule: VoteRule, given: Iterable[Voted] = ()) -> Refusal | None:
    """Return why the member may not vote beside the votes given already, or None."""
    if not member.active:
        return Refusal(f"{member.name} is not in the team any more")
    if member.role not in rule.roles:
        return Refusal(rule.unfit.format(name=member.name, role=member.role))
    if member.name in rule.barred:
        return Refusal(rule.barred[member.name])
    again = any(vote.by == member.name for vote in given)
    return Refusal(rule.again.format(name=member.name)) if again else None


def why_not_together(first: Member, second: Member, rule: VoteRule) -> Refusal | None:
    """Return why the two members may not vote alike at once, or None: two different people, each of whom may."""
    if first.name == second.name:
        return Refusal(rule.again.format(name=first.name))
    return why_not_vote(first, rule) or why_not_vote(second, rule)


def agreeing(votes: Sequence[AnyVote], says: Callable[[AnyVote], object]) -> tuple[AnyVote, ...]:
    """Return the last votes in a row that say the same: a vote that says something else begins anew."""
    count = 0
    while count < len(votes) and says(votes[-1 - count]) == says(votes[-1]):
        count += 1
    return tuple(votes[len(votes) - count :])


def enough(votes: Iterable[Voted], needed: int = TWO) -> bool:
    """Return True when as many different people have voted as are needed."""
    return len({vote.by for vote in votes}) >= needed
