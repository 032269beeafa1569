"""Alerts about persons who wait for their own result of a commitment: to its owner, then the leads and executives."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from amends.domain.alert.leads import LeadAlert
from amends.domain.alert.replies import LATER, ReplyStage, hearers
from amends.domain.base.text import counted, minute
from amends.domain.case.case import Case
from amends.domain.incident.commitment import Commitment
from amends.domain.team.member import Member


def remedy_alerts(case: Case, team: Iterable[Member], now: datetime) -> dict[str, tuple[LeadAlert, ...]]:
    """Return, by member, each alert about open results that the member is to hear, whether or not it was sent before.

    The owner hears when the commitment is due, once a day; the leads a day later and the executives two days after
    that, once for each date that people were given.
    """
    members, owed = [member for member in team if member.active], case.remedies_owed
    found: dict[str, list[LeadAlert]] = {}
    for commitment in (one for one in case.commitments if one.id in owed):
        for stage, alert in _alerts(case.incident.id, commitment, owed[commitment.id], now):
            for name in hearers(stage, commitment.owner, members):
                found.setdefault(name, []).append(alert)
    return {name: tuple(alerts) for name, alerts in found.items()}


def _alerts(incident: str, commitment: Commitment, owed: int, now: datetime) -> Iterator[tuple[ReplyStage, LeadAlert]]:
    due_at = commitment.new_due_at or commitment.due_at
    what = (
        f"{counted(owed, 'person waits', 'people wait')} for their own result of {commitment.id}, owner "
        f"{commitment.owner}, due {minute(due_at)}: amends remedies list {incident} {commitment.id} --open"
    )
    for stage, after in LATER.items():
        if due_at + after < now:
            day = now if stage is ReplyStage.OVERDUE else due_at
            yield stage, LeadAlert(f"remedies {commitment.id} {stage} {day:%Y-%m-%d}", what, due_at + after)
