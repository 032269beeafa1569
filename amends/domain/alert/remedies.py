"""Alerts about persons who wait for their own result of a commitment: to its owner, then the leads and executives."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from amends.domain.alert.replies import LATER, ReplyStage, hearers
from amends.domain.base.text import counted, day, minute
from amends.domain.case.views.closing import ClosingView
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.incident.commitment import Commitment
from amends.domain.team.member import Member


def remedy_alerts(case: ClosingView, team: Iterable[Member], now: datetime) -> dict[str, tuple[Alert, ...]]:
    """Return, by member, each alert about open results that the member is to hear, whether or not it was sent before.

    The owner hears when the commitment is due, once a day; the leads a day later and the executives two days after
    that, once for each date that people were given.
    """
    members, owed = [member for member in team if member.active], case.remedies_owed
    found: dict[str, list[Alert]] = {}
    for commitment in (one for one in case.commitments if one.id in owed):
        for stage, alert in _alerts(case.incident.id, commitment, owed[commitment.id], now):
            for name in hearers(stage, commitment.owner, members):
                found.setdefault(name, []).append(alert)
    return {name: tuple(alerts) for name, alerts in found.items()}


def _alerts(incident: str, commitment: Commitment, owed: int, now: datetime) -> Iterator[tuple[ReplyStage, Alert]]:
    due_at = commitment.new_due_at or commitment.due_at
    what = (
        f"{counted(owed, 'person waits', 'people wait')} for their own result of {commitment.id}, owner "
        f"{commitment.owner}, due {minute(due_at)}: amends remedies list {incident} {commitment.id} --open"
    )
    for stage, after in LATER.items():
        if due_at + after < now:
            window = f"{stage} {day(now if stage is ReplyStage.OVERDUE else due_at)}"
            yield stage, Alert(AlertId(AlertKind.RESULTS_OWED, commitment.id, window), what, due_at + after)
