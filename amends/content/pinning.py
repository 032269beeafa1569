"""A playbook as it is pinned for a case: whole, checked, with its public holidays."""

from collections.abc import Iterable
from pathlib import Path

from amends.content.days_off import with_days_off
from amends.content.playbook_checks import check_team
from amends.content.playbooks import load_playbook, open_playbook
from amends.domain.case import Case
from amends.domain.errors import ContentError, Finding
from amends.domain.playbook import Playbook
from amends.domain.team import Member
from amends.domain.wording import Wording


def load_for(name_or_path: str | Path, case: Case) -> tuple[Playbook, Wording]:
    """The playbook with its words as it would run for this case. Raises ContentError when they do not fit."""
    playbook, wording = load_playbook(name_or_path)
    return with_days_off(playbook, case.incident, case.opened_at), wording


def ready_to_start(name_or_path: str | Path, case: Case, team: Iterable[Member]) -> tuple[Playbook, Wording]:
    """The same, to be started. Raises ContentError also when the team could not give the approvals it asks for."""
    opened = open_playbook(name_or_path)
    found = (
        *opened.findings(),
        *check_team(opened.playbook, team, case.author, opened.document, blocks=True),
    )
    if blocking := [finding for finding in found if finding.blocks]:
        raise ContentError(*blocking)
    return with_days_off(opened.playbook, case.incident, case.opened_at), opened.wording


def beyond_the_team(
    name_or_path: str | Path, case: Case, team: Iterable[Member], *, blocks: bool
) -> tuple[Finding, ...]:
    """The approvals this playbook asks for in this case that nobody in the team could give. Raises ContentError."""
    opened = open_playbook(name_or_path)
    return check_team(opened.playbook, team, case.author, opened.document, blocks=blocks)
