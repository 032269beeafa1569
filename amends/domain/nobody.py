"""Whether a notice has anybody to tell: a segment may be misspelled, or a corrected list has nobody in it any more."""

from collections.abc import Sequence

from amends.domain.case import Case
from amends.domain.drafting import Wanted
from amends.domain.notice import NoticeStage, NoticeStatus, PersonState
from amends.domain.playbook import Step
from amends.domain.value import EVERYONE


def has_nobody(case: Case, audience: str) -> bool:
    """Whether there is a list of people, and nobody of it is in this audience."""
    return bool(case.audience.people) and audience not in (EVERYONE, *case.audience.by_segment)


def nobody_is_left(case: Case, step: Step, wanted: Wanted, notice: NoticeStatus) -> bool:
    """Whether it was let go, and a corrected list has nobody for whom another version would be.

    So it ends without one that people would have to approve; whoever a later list brings gets one then.
    """
    let_go = notice.stage is NoticeStage.SENDING and not notice.pending
    return let_go and all(kind.personal for kind in step.channels) and has_nobody(case, wanted.audience)


def count_as_told(case: Case, audience: str, notices: Sequence[NoticeStatus]) -> bool:
    """Whether people count as told by these, also those whom a corrected list has taken out of their segment since."""
    tried = any(state is not PersonState.HELD for notice in notices for state in notice.people)
    somebody = tried or not has_nobody(case, audience)
    return bool(notices) and somebody and all(notice.has_gone for notice in notices)
