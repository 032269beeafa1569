"""A playbook as it is pinned for a case: whole, checked, with its public holidays."""

from collections.abc import Iterable
from pathlib import Path

from amends.content.playbook.checks import check_team
from amends.content.playbook.days_off import with_days_off
from amends.content.playbook.playbook import Opened, open_playbook, refuse
from amends.domain.base.errors import Finding
from amends.domain.case.case import Case
from amends.domain.team.member import Member


def open_for(name_or_path: str | Path, case: Case) -> Opened:
    """The playbook with its words as it would run for this case. Raises ContentError when they do not fit."""
    opened = open_playbook(name_or_path)
    refuse(opened.findings())
    return _for(opened, case)


def ready_to_start(name_or_path: str | Path, case: Case, team: Iterable[Member]) -> Opened:
    """The same, to be started. Raises ContentError also when the team could not give the approvals it asks for."""
    opened = open_playbook(name_or_path)
    refuse((*opened.findings(), *beyond_the_team(opened, case, team)))
    return _for(opened, case)


def beyond_the_team(opened: Opened, case: Case, team: Iterable[Member]) -> tuple[Finding, ...]:
    """The approvals that this playbook asks for in this case and that nobody in the team could give."""
    return check_team(opened.playbook, team, case.authors, opened.document, blocks=True)


def _for(opened: Opened, case: Case) -> Opened:
    return opened._replace(playbook=with_days_off(opened.playbook, case.incident, case.opened_at))
