"""Alerts about commitments: to the owner, the deputy, the leads and then the executives, each once for each stage."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from amends.domain.base.text import day
from amends.domain.case.outline import Outline
from amends.domain.commitment.outlook import left_to_do, over_budget, risks
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.incident.commitment import Commitment, CommitmentState
from amends.domain.notice.notice import digest
from amends.domain.team.member import Member, TeamRole

LONG_LATE = timedelta(days=3)
"""The time after the date from which on the executives hear of a commitment that is late."""


class CommitmentStage(StrEnum):
    """A stage of the alerts about one commitment."""

    COMING = "coming"
    """The date is near: the owner hears."""
    NEARER = "nearer"
    """Half of the time since then is gone: the deputy hears."""
    STEP = "step"
    """A step was due: the member who does the step hears."""
    AT_RISK = "at risk"
    """By its steps it may be late: the owner and the leads hear."""
    LATE = "late"
    """The date has passed: the owner, the deputy and the leads hear."""
    LONG_LATE = "long late"
    """Three days after the date the executives hear."""
    REVIEW = "review"
    """Reported as kept: the leads hear, apart from the member who reported it."""
    REFUSED = "refused"
    """The evidence was not accepted: the owner hears, and the member who gave it."""
    OVERSPENT = "overspent"
    """More is spent than the budget: the owner and the leads hear."""


class StageReached(NamedTuple):
    """A stage that a commitment has reached, with the occasion that makes it another one than before."""

    stage: CommitmentStage
    occasion: str
    at: datetime
    what: str
    owner: str
    """The member who hears at the stages of an owner."""


def commitment_alerts(case: Outline, team: Iterable[Member], now: datetime) -> dict[str, tuple[Alert, ...]]:
    """Return, by member, each alert about a commitment that the member is to hear, whether or not it was sent before.

    Empty once the incident's personal data was destroyed, and before a playbook says when to remind.
    """
    if case.destroyed_at or case.playbook is None:
        return {}
    members = [one for one in team if one.active]
    found: dict[str, list[Alert]] = {}
    for commitment in case.commitments:
        for reached in stages(commitment, now, case.playbook.remind_before):
            alert = _alert(case.incident.id, commitment, reached)
            for name in hearers(reached, commitment, members):
                found.setdefault(name, []).append(alert)
    return {name: tuple(alerts) for name, alerts in found.items()}


def stages(commitment: Commitment, now: datetime, before: timedelta) -> Iterator[StageReached]:
    """Yield the stages that the commitment is in; of those that go by its date, only the latest."""
    if over_budget(commitment):
        what = f"{commitment.spent} of {commitment.budget} are spent on {commitment.id}"
        yield StageReached(CommitmentStage.OVERSPENT, str(commitment.spent), now, what, commitment.owner)
    if commitment.state is not CommitmentState.OPEN:
        return
    if commitment.waits_for_review and commitment.reported_at:
        what = (
            f"{commitment.reported_by} reported that {commitment.id} is kept: another member must look at the evidence"
        )
        yield StageReached(CommitmentStage.REVIEW, day(commitment.reported_at), commitment.reported_at, what, "")
    elif commitment.refusal:
        what = f"the evidence for {commitment.id} was not accepted"
        yield StageReached(CommitmentStage.REFUSED, digest(commitment.refusal)[:16], now, what, commitment.owner)
    yield from _by_date(commitment, now, before)
    if not commitment.waits_for_review:
        yield from _by_steps(commitment, now, before)


def _by_date(commitment: Commitment, now: datetime, before: timedelta) -> Iterator[StageReached]:
    due = commitment.new_due_at or commitment.due_at
    if due < now:
        late = f"{commitment.id} of {commitment.owner} was due on {day(due)}"
        yield StageReached(CommitmentStage.LATE, day(due), due, late, commitment.owner)
        if due + LONG_LATE < now:
            yield StageReached(CommitmentStage.LONG_LATE, day(due), due + LONG_LATE, late, commitment.owner)
    elif due - before <= now and not commitment.waits_for_review:
        what = f"{commitment.id} of {commitment.owner} is due on {day(due)}"
        yield StageReached(CommitmentStage.COMING, day(due), due - before, what, commitment.owner)
        if due - before / 2 <= now:
            yield StageReached(CommitmentStage.NEARER, day(due), due - before / 2, what, commitment.owner)


def _by_steps(commitment: Commitment, now: datetime, before: timedelta) -> Iterator[StageReached]:
    """Yield the steps that were due, and that the commitment may be late because of its steps."""
    for number, step in left_to_do(commitment):
        if step.due_at <= now:
            what = f"step {number} of {commitment.id} was due on {day(step.due_at)}"
            occasion, owner = f"{number} {day(step.due_at)}", step.owner or commitment.owner
            yield StageReached(CommitmentStage.STEP, occasion, step.due_at, what, owner)
    if commitment.steps and (why := risks(commitment, now, before)):
        due = commitment.new_due_at or commitment.due_at
        what = f"{commitment.id} of {commitment.owner}, due on {day(due)}, is at risk: {'; '.join(why)}"
        yield StageReached(CommitmentStage.AT_RISK, day(due), now, what, commitment.owner)


def hearers(reached: StageReached, commitment: Commitment, members: Sequence[Member]) -> tuple[str, ...]:
    """Return the members who hear of a stage and can be reached; the leads where nobody else can.

    The leads hear of a late commitment, and of a near date where neither owner nor deputy can be reached, by the alert
    that the follow-up records, which stays on the timeline.
    """
    here = {member.name for member in members if member.can_be_reached}
    reach = WithinReach(
        owner=tuple({reached.owner} & here),
        deputy=tuple({commitment.deputy} & here),
        reporter=tuple({commitment.reported_by} & here),
        leads=tuple(member.name for member in members if member.hears_alerts),
        executives=tuple(
            member.name for member in members if member.name in here and member.role is TeamRole.EXECUTIVE
        ),
        others=_others(members, commitment.reported_by),
    )
    return tuple(dict.fromkeys(HEARERS[reached.stage](reach)))


class WithinReach(NamedTuple):
    """The members who can be reached about one commitment, by their part in it; empty where nobody can."""

    owner: tuple[str, ...]
    deputy: tuple[str, ...]
    reporter: tuple[str, ...]
    leads: tuple[str, ...]
    executives: tuple[str, ...]
    others: tuple[str, ...]
    """The members who may look at the evidence that another one gave."""


HEARERS: Mapping[CommitmentStage, Callable[[WithinReach], tuple[str, ...]]] = {
    CommitmentStage.COMING: lambda to: to.owner or to.deputy,
    CommitmentStage.NEARER: lambda to: to.deputy,
    CommitmentStage.STEP: lambda to: to.owner or to.deputy or to.leads,
    CommitmentStage.AT_RISK: lambda to: (*to.owner, *to.leads),
    CommitmentStage.LATE: lambda to: (*to.owner, *to.deputy),
    CommitmentStage.LONG_LATE: lambda to: to.executives or to.leads,
    CommitmentStage.REVIEW: lambda to: tuple(lead for lead in to.leads if lead in to.others) or to.others,
    CommitmentStage.REFUSED: lambda to: (*to.owner, *to.reporter) or to.leads,
    CommitmentStage.OVERSPENT: lambda to: (*to.owner, *to.leads),
}
"""The members who hear at each stage."""


def _others(members: Iterable[Member], reporter: str) -> tuple[str, ...]:
    may = (member for member in members if member.can_be_reached and member.role is not TeamRole.AUDITOR)
    return tuple(one.name for one in may if one.name != reporter)


def _alert(incident: str, commitment: Commitment, reached: StageReached) -> Alert:
    at_stage = id_at(commitment.id, reached.stage, reached.occasion)
    return Alert(at_stage, f"{reached.what}: `amends commitments show {incident} {commitment.id}`", reached.at)


def id_at(commitment: str, stage: CommitmentStage, occasion: str) -> AlertId:
    """Return the identity of the alert about a commitment at a stage that it has reached on this occasion."""
    return AlertId(AlertKind.COMMITMENT, commitment, f"{stage} {occasion}")
