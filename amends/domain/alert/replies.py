"""Alerts about a reply that is overdue or a person in danger: to the owner, then to the leads, then to executives."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

from amends.domain.base.text import counted, day, minute
from amends.domain.feedback.question import Urgency
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.team.member import Member, TeamRole

MOST_SINGLY = 20
"""The most questions of one stage that are told one by one; of more, their number is told once a day."""


class OpenReply(NamedTuple):
    """A question without an answer whose reply is overdue, or whose writer may be in danger."""

    question: int
    owner: str
    urgency: Urgency | None
    asked_at: datetime
    due_at: datetime


class ReplyStage(StrEnum):
    """A stage of the alerts about one question."""

    DANGER = "danger"
    """Somebody may be in danger: the owner and the leads hear at once."""
    OVERDUE = "overdue"
    """The reply was due: the owner hears."""
    DAY_LATE = "day late"
    """A day later the leads hear."""
    THREE_DAYS_LATE = "three days late"
    """Two days after that the executives hear."""


LATER = {
    ReplyStage.OVERDUE: timedelta(),
    ReplyStage.DAY_LATE: timedelta(hours=24),
    ReplyStage.THREE_DAYS_LATE: timedelta(hours=72),
}
"""The time after the due time at which each stage begins."""


def reply_alerts(
    incident: str, waiting: Sequence[OpenReply], team: Iterable[Member], now: datetime
) -> dict[str, tuple[Alert, ...]]:
    """Return, by member, each alert about a reply that the member is to hear, whether or not it was sent before."""
    members = [member for member in team if member.active]
    found: dict[str, list[Alert]] = {}
    for stage in ReplyStage:
        reached = sorted((one for one in waiting if _has_reached(one, stage, now)), key=lambda one: one.owner)
        for owner, theirs in groupby(reached, lambda one: one.owner):
            alerts = list(_alerts(incident, stage, owner, list(theirs), now))
            for name in hearers(stage, owner, members):
                found.setdefault(name, []).extend(alerts)
    return {name: tuple(alerts) for name, alerts in found.items()}


def hearers(stage: ReplyStage, owner: str, members: Sequence[Member]) -> tuple[str, ...]:
    """Return the members who hear of a stage and can be reached; the leads where nobody else can."""
    role = {ReplyStage.DAY_LATE: TeamRole.LEAD, ReplyStage.THREE_DAYS_LATE: TeamRole.EXECUTIVE}.get(stage)
    meant = [
        member.name
        for member in members
        if member.can_be_reached and (member.role is role if role else member.name == owner)
    ]
    leads = [member.name for member in members if member.hears_alerts]
    return tuple(dict.fromkeys([*meant, *leads] if stage is ReplyStage.DANGER or not meant else meant))


def _has_reached(one: OpenReply, stage: ReplyStage, now: datetime) -> bool:
    if stage is ReplyStage.DANGER:
        return one.urgency is Urgency.SAFETY
    return one.due_at + LATER[stage] < now


def _alerts(
    incident: str, stage: ReplyStage, owner: str, waiting: Sequence[OpenReply], now: datetime
) -> Iterator[Alert]:
    if stage is not ReplyStage.DANGER and len(waiting) > MOST_SINGLY:
        what = f"{counted(len(waiting), 'reply', 'replies')} of {owner}: {stage}"
        see = f"amends questions list {incident} --overdue"
        yield Alert(AlertId(AlertKind.REPLIES, owner, f"{stage} {day(now)}"), f"{what}: {see}", now)
        return
    for one in waiting:
        at_stage = AlertId(AlertKind.REPLY, str(one.question), stage)
        see = f"amends questions show {incident} {one.question}"
        if stage is ReplyStage.DANGER:
            what = f"question {one.question}, owner {owner}, may be from somebody in danger"
            yield Alert(at_stage, f"{what}: {see}", one.asked_at)
        else:
            what = f"the reply to question {one.question}, owner {owner}, was due {minute(one.due_at)}"
            yield Alert(at_stage, f"{what}: {see}", one.due_at + LATER[stage])
