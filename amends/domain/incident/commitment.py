"""Promises made to people, and what has become of them."""

from datetime import datetime, timedelta
from enum import StrEnum

from amends.domain.base.value import EVERYONE, Moment, Slug, Span, Texts, Value


class CommitmentKind(StrEnum):
    """What was promised."""

    CREDIT_MONITORING = "credit_monitoring"
    COMPENSATION = "compensation"
    ACCOUNT_RECHECK = "account_recheck"
    SECURITY_FIX = "security_fix"
    AUDIT = "audit"
    TRAINING = "training"
    COMMUNITY_CONTRIBUTION = "community_contribution"
    OTHER = "other"


class PlannedCommitment(Value):
    """A promise as a playbook or an incident file words it, before it is given to anybody."""

    id: Slug
    kind: CommitmentKind
    promise: Texts
    """What is promised, as a full sentence per locale, in words that can be kept."""
    owner: str
    """The role or office that must keep it."""
    due: Span
    """How long after the people were told."""
    audience: str = EVERYONE
    """Who is promised this: everyone, or the name of a segment."""


class CommitmentState(StrEnum):
    """Open until it is kept, or dropped with an explanation."""

    OPEN = "open"
    KEPT = "kept"
    DROPPED = "dropped"


IS_LATE = "late"
"""How an open promise is told that was overdue or got another date."""
FATES = (*CommitmentState, IS_LATE)
"""All that people are told of promises."""


class Commitment(Value):
    """A promise that was given: it has an owner, a due date and, once kept, evidence."""

    id: Slug
    kind: CommitmentKind
    promise: Texts
    owner: str
    audience: str
    due_at: Moment
    state: CommitmentState = CommitmentState.OPEN
    made_in: str
    """The notice that promised it."""
    evidence: Texts = {}
    """What shows that it was kept, in words for those promised."""
    settled_at: Moment | None = None
    new_due_at: Moment | None = None
    """Set when the owner said that it will be late; the promised date stays beside it."""
    reason: Texts = {}
    """Why it is late or dropped, in words for those promised."""
    reminded_at: Moment | None = None
    escalated_at: Moment | None = None

    def overdue(self, now: datetime) -> bool:
        """The date that people were last given has passed, and it is not kept."""
        return self.state is CommitmentState.OPEN and (self.new_due_at or self.due_at) < now

    def before(self, *, first: bool) -> "Commitment":
        """As before its last change, as far as that is known: the first of them, or one after a delay.

        Another delay replaces the date of the one before, and only being kept leaves its reason as it was.
        """
        undone: dict[str, object] = {"state": CommitmentState.OPEN, "evidence": {}, "settled_at": None}
        if first or self.state is CommitmentState.OPEN:
            undone["new_due_at"] = None
        if first or self.state is not CommitmentState.KEPT:
            undone["reason"] = {}
        return self.model_copy(update=undone)


class Chase(StrEnum):
    """What the team must hear about a commitment."""

    REMIND = "remind"
    ESCALATE = "escalate"


def to_chase(commitments: tuple[Commitment, ...], now: datetime, before: timedelta) -> dict[str, Chase]:
    """The commitments whose owner must be reminded, or whose lateness goes to the lead, each only once."""
    chases: dict[str, Chase] = {}
    for commitment in commitments:
        if commitment.state is not CommitmentState.OPEN:
            continue
        if commitment.overdue(now):
            if commitment.escalated_at is None:
                chases[commitment.id] = Chase.ESCALATE
        elif commitment.reminded_at is None and (commitment.new_due_at or commitment.due_at) - before <= now:
            chases[commitment.id] = Chase.REMIND
    return chases


def planned_commitments(
    playbook: tuple[PlannedCommitment, ...], incident: tuple[PlannedCommitment, ...]
) -> tuple[PlannedCommitment, ...]:
    """The playbook's promises, replaced and extended by the incident's own."""
    merged = {promise.id: promise for promise in (*playbook, *incident)}
    return tuple(merged.values())


def commit(promise: PlannedCommitment, notified_at: datetime, notice: str) -> Commitment:
    """The commitment that begins when people read the promise."""
    return Commitment(
        id=promise.id,
        kind=promise.kind,
        promise=promise.promise,
        owner=promise.owner,
        audience=promise.audience,
        due_at=notified_at + promise.due,
        made_in=notice,
    )
