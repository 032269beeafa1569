"""Whether a team can give the approvals that a playbook asks for."""

from collections.abc import Iterable, Iterator, Sequence

from amends.domain.approval import Approvals, listed, may_approve
from amends.domain.assessment import Severity
from amends.domain.objection import Objection
from amends.domain.playbook import Playbook
from amends.domain.team import Member


def nobody_could_approve(
    playbook: Playbook, members: Iterable[Member], authors: tuple[str, ...] = ()
) -> tuple[Objection, ...]:
    """The steps whose notices could never leave, because the team has too few who may approve, or not the role.

    Whoever handed in the incident file or the list of people is an author of its notices and approves none of them.
    """
    everybody = tuple(members)
    return tuple(
        Objection(step=step, key="approvals", why=why, advice=ADD, severity=severity)
        for step, severity, asked in _asked(playbook)
        for why in too_few(asked, everybody, authors)
    )


def too_few(asked: Approvals, members: Sequence[Member], authors: tuple[str, ...]) -> tuple[str, ...]:
    """Why this team cannot give these approvals of what these authors wrote; empty when it can."""
    able = [member for member in members if may_approve(member, authors) is None]
    barred = [one.name for one in members if one.name in authors and may_approve(one) is None]
    besides = f" besides {listed(barred)}, who handed in the incident file or the list of people" if barred else ""
    return tuple(_missing(asked, able, besides))


def _asked(playbook: Playbook) -> Iterator[tuple[str, Severity | None, Approvals]]:
    sending = {step.id: step for step in playbook.steps if step.channels}
    yield from ((step.id, None, step.approvals) for step in sending.values())
    for severity, changes in playbook.by_severity.items():
        for step_id, change in changes.items():
            if change.approvals and (step_id in sending or change.channels):
                yield step_id, severity, change.approvals


def _missing(asked: Approvals, able: Sequence[Member], besides: str) -> Iterator[str]:
    if len(able) < asked.needed:
        have = f"only {len(able)}" if able else "nobody"
        wanted = "1 person who approves" if asked.needed == 1 else f"{asked.needed} people who approve"
        yield f"it needs {wanted}, but {have} in the team may{besides}"
    roles = {member.role for member in able}
    if missing := [role for role in asked.roles if role not in roles]:
        yield f"{listed(missing)} must be among those who approve, but nobody in the team is{besides}"


ADD = "`amends team add NAME --role ROLE` adds somebody"
