"""Whether a team can give the approvals that a playbook asks for."""

from collections.abc import Iterable, Iterator, Sequence

from amends.domain.approval import Approvals, listed, may_approve
from amends.domain.assessment import Severity
from amends.domain.objection import Objection
from amends.domain.playbook import Playbook
from amends.domain.team import Member


def nobody_could_approve(playbook: Playbook, members: Iterable[Member], author: str = "") -> tuple[Objection, ...]:
    """The steps whose notices could never leave, because the team has too few who may approve, or not the role.

    Whoever wrote the incident file is the author of its notices and approves none of them.
    """
    everybody = tuple(members)
    able = [member for member in everybody if may_approve(member, author) is None]
    barred = next((one.name for one in everybody if one.name == author and may_approve(one, "") is None), "")
    return tuple(
        Objection(step=step, key="approvals", why=why, advice=advice, severity=severity)
        for step, severity, asked in _asked(playbook)
        for why, advice in _missing(asked, able, barred)
    )


def _asked(playbook: Playbook) -> Iterator[tuple[str, Severity | None, Approvals]]:
    sending = {step.id: step for step in playbook.steps if step.channels}
    yield from ((step.id, None, step.approvals) for step in sending.values())
    for severity, changes in playbook.by_severity.items():
        for step_id, change in changes.items():
            if change.approvals and (step_id in sending or change.channels):
                yield step_id, severity, change.approvals


def _missing(asked: Approvals, able: Sequence[Member], barred: str) -> Iterator[tuple[str, str]]:
    besides = f" besides {barred}, who wrote the incident file" if barred else ""
    if len(able) < asked.needed:
        have = f"only {len(able)}" if able else "nobody"
        wanted = "1 person who approves" if asked.needed == 1 else f"{asked.needed} people who approve"
        yield f"it needs {wanted}, but {have} in the team may{besides}", ADD
    roles = {member.role for member in able}
    if missing := [role for role in asked.roles if role not in roles]:
        yield f"{listed(missing)} must be among those who approve, but nobody in the team is{besides}", ADD


ADD = "`amends team add NAME --role ROLE` adds somebody"
