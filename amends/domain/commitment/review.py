"""The rules of what may become of a commitment, and by whom: reported, reviewed, put off, dropped, broken."""

from datetime import datetime

from amends.domain.base.errors import Refusal
from amends.domain.base.text import minute
from amends.domain.base.value import Texts
from amends.domain.incident.commitment import Commitment, CommitmentState


def why_not_report(commitment: Commitment, evidence: Texts) -> Refusal | None:
    """Return why nobody may report that the commitment is kept with this evidence, or None.

    Other evidence may replace evidence that was reported, even accepted; whether people have read it, the ledger knows.
    """
    name = commitment.id
    if not any(text.strip() for text in evidence.values()):
        return Refusal(f"{name} needs evidence: a document, a report, a ticket that shows it was kept")
    if commitment.state not in (CommitmentState.OPEN, CommitmentState.KEPT):
        return Refusal(f"{name} is {commitment.state} already")
    if commitment.evidence != evidence:
        return None
    if commitment.waits_for_review:
        return Refusal(f"{name} was reported with this evidence already, and waits for a review by another member")
    return Refusal(f"{name} is kept already") if commitment.state is CommitmentState.KEPT else None


def why_not_review(commitment: Commitment, by: str) -> Refusal | None:
    """Return why this member may not decide on the evidence of the commitment, or None."""
    if not commitment.waits_for_review:
        open_still = commitment.state is CommitmentState.OPEN
        said = "is open, and nobody has reported it as kept" if open_still else f"is {commitment.state} already"
        return Refusal(f"{commitment.id} {said}")
    if by == commitment.reported_by:
        return Refusal(f"{by} reported that {commitment.id} is kept, so another member must look at the evidence")
    return None


def why_not_put_off(commitment: Commitment, until: datetime, reason: Texts, now: datetime) -> Refusal | None:
    """Return why the commitment may not get this later date, or None."""
    if until <= now:
        return Refusal(f"the new date of {commitment.id} has passed already")
    if refusal := _why_not_change(commitment):
        return refusal
    if until <= commitment.due_at:
        return Refusal(f"{commitment.id} is promised for {minute(commitment.due_at)}, and that is no later")
    if (commitment.new_due_at, commitment.reason) == (until, reason):
        return Refusal(f"{commitment.id} is put off to then already, for the same reason")
    return None


def why_not_drop(commitment: Commitment, reason: Texts, now: datetime) -> Refusal | None:
    """Return why the commitment may not be given up for this reason, or None.

    One whose date has passed was not given up in time: it is broken, and people are told so.
    """
    if commitment.state is CommitmentState.DROPPED and commitment.reason != reason:
        return None
    if refusal := _why_not_change(commitment):
        return refusal
    if commitment.made_in and commitment.overdue(now):
        return Refusal(f"the date of {commitment.id} has passed, so it is broken: `amends commitments break`")
    return None


def why_not_break(commitment: Commitment, reason: Texts, now: datetime) -> Refusal | None:
    """Return why the commitment may not be called broken for this reason, or None."""
    if commitment.state is CommitmentState.BROKEN and commitment.reason != reason:
        return None
    if refusal := _why_not_change(commitment):
        return refusal
    if not commitment.overdue(now):
        due = minute(commitment.new_due_at or commitment.due_at)
        return Refusal(f"{commitment.id} is due by {due} only; to give it up, `amends commitments drop`")
    return None


def why_not_end_series(commitment: Commitment, last: int) -> Refusal | None:
    """Return why no further occurrence may be ruled out with this one, or None; `last` is the series' last number."""
    if commitment.every is None:
        return Refusal(f"{commitment.id} does not recur, or nothing follows it")
    if commitment.number < last:
        return Refusal(f"{commitment.id} is no longer the last of its series; end the series with the last one")
    return None


def why_not_work(commitment: Commitment) -> Refusal | None:
    """Return why nobody works on the steps of the commitment any more, or None."""
    return None if commitment.state is CommitmentState.OPEN else Refusal(f"{commitment.id} is {commitment.state}")


def _why_not_change(commitment: Commitment) -> Refusal | None:
    if commitment.state is not CommitmentState.OPEN:
        return Refusal(f"{commitment.id} is {commitment.state} already")
    if commitment.waits_for_review:
        why = f"{commitment.reported_by} reported that {commitment.id} is kept; decide on that first"
        return Refusal(f"{why}: `amends commitments review`")
    return None
