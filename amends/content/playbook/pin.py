"""The playbook as it is pinned for a case: merged, checked, with its public holidays."""

from collections.abc import Iterable
from pathlib import Path

from amends.content.playbook.checks import check_team
from amends.content.playbook.days_off import with_days_off
from amends.content.playbook.playbook import Opened, open_playbook, refuse
from amends.domain.base.errors import Finding
from amends.domain.case.outline import Outline
from amends.domain.case.views.draft import DraftView
from amends.domain.team.member import Member


def open_for(name_or_path: str | Path, case: Outline) -> Opened:
    """Return the playbook and its words as they would run for this case. Raises ContentError when they do not fit."""
    opened = open_playbook(name_or_path)
    refuse(opened.findings())
    return _with_days_off(opened, case)


def ready_to_start(name_or_path: str | Path, case: DraftView, team: Iterable[Member]) -> Opened:
    """Return the playbook and its words, ready to start for this case.

    Raises ContentError when playbook and words do not fit, or when the team cannot give the approvals that the playbook
    asks for.
    """
    opened = open_playbook(name_or_path)
    refuse((*opened.findings(), *impossible_approvals(opened, case, team)))
    return _with_days_off(opened, case)


def impossible_approvals(opened: Opened, case: DraftView, team: Iterable[Member]) -> tuple[Finding, ...]:
    """Return a finding for each approval that the playbook asks for and that nobody in the team could give."""
    return check_team(opened.playbook, team, case.authors, opened.document, blocks=True)


def _with_days_off(opened: Opened, case: Outline) -> Opened:
    return opened._replace(playbook=with_days_off(opened.playbook, case.incident, case.opened_at))
