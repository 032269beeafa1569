"""Roles: what each verb of Amends asks of the member who calls it, and why a member may not call it."""

from typing import NamedTuple

from amends.domain.base.errors import Refusal
from amends.domain.base.text import listed
from amends.domain.team.member import Member, TeamRole

LOOKS = "recorded as a look"
FORM = "also by a form in Prefect"
WHERE = "`amends team roles` has the table"


class VerbRule(NamedTuple):
    """A row of the table: the roles that may call a verb, how many people it takes, and whether it shows people."""

    roles: tuple[TeamRole, ...] = ()
    """The roles that may call the verb; none when no member is asked for."""
    people: int = 1
    """The number of different members who must want it, each with a token of their own."""
    looks: bool = False
    """True when the verb shows personal data or questions: the look is recorded in the audit chain."""
    form: bool = False
    """True when a form in Prefect may do so too, which nobody proves to have begun."""
    note: str = ""
    """A remark for the table in the docs."""

    @property
    def besides(self) -> str:
        """Return what the table says beside roles and people, in words."""
        return "; ".join(filter(None, (LOOKS if self.looks else "", FORM if self.form else "", self.note)))

    @property
    def is_open(self) -> bool:
        """Return True when no member is asked for: the verb shows numbers and ids, reads files, or sends by plan."""
        return not self.roles


def why_not(member: Member, verb: str, rule: VerbRule) -> Refusal | None:
    """Return why the member may not call the verb under this rule, or None; an open verb is everybody's."""
    if not member.active:
        return Refusal(f"{member.name} is not in the team any more")
    if rule.is_open or member.role in rule.roles:
        return None
    if member.role is TeamRole.AUDITOR and not rule.looks:
        return Refusal(f"{member.name} is an auditor; auditors read and change nothing ({WHERE})")
    return Refusal(f"{member.name} is {member.role}, and `amends {verb}` is for {listed(rule.roles)} ({WHERE})")


def why_not_by_form(verb: str, rule: VerbRule) -> Refusal | None:
    """Return why no form in Prefect may call the verb, or None: a run there does not prove who began it."""
    if rule.form:
        return None
    return Refusal(f"`amends {verb}` needs a member with a token, and a form in Prefect has none ({WHERE})")


def why_not_both(first: Member, second: Member, verb: str, rule: VerbRule) -> Refusal | None:
    """Return why the two members may not want the verb together, or None: two people, each of whom may call it."""
    if first.name == second.name:
        return Refusal(f"{first.name} cannot be the second person too; two different people must want this")
    return why_not(first, verb, rule) or why_not(second, verb, rule)
