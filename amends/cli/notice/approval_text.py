"""The state of a notice's approvals, in lines for people."""

from collections.abc import Iterator

from amends.domain.base.text import minute
from amends.domain.notice.notice import NoticeStage, NoticeStatus


def approval_lines(notice: NoticeStatus) -> Iterator[str]:
    """Yield what is missing, what expired, and what was done without the approvals that the notice needs."""
    stands = notice.standing
    if stands.emergency:
        yield f"{notice.id} was {stands.emergency}"
    if notice.stage is NoticeStage.REJECTED:
        yield f"{notice.id} was rejected by {stands.rejected_by}; nobody can approve it as it is"
    if notice.stage is NoticeStage.DRAFTED and notice.current:
        yield from _waiting(notice)
    if notice.stage is NoticeStage.APPROVED and stands.counts_until and not stands.emergency:
        yield f"{notice.id} is approved; if it has not left by {minute(stands.counts_until)}, that must be done anew"


def _waiting(notice: NoticeStatus) -> Iterator[str]:
    yield f"{notice.id} waits for {notice.standing.waits_for}"
    for member, at in notice.standing.expired.items():
        yield f"the approval of {member} counted until {minute(at)}; it must be given anew"
