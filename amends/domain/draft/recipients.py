"""Whether a notice has anybody to tell: a segment may be misspelled, or a corrected list has nobody in it any more."""

from collections.abc import Sequence

from amends.domain.base.errors import Refusal
from amends.domain.base.value import EVERYONE
from amends.domain.case.case import Case
from amends.domain.draft.draft import Wanted
from amends.domain.notice.notice import NoticeStatus, PersonState
from amends.domain.playbook.playbook import Step


def why_no_recipients(case: Case, audience: str) -> Refusal | None:
    """Why nobody is in this audience, in words; empty when somebody is, and before there is a list of people."""
    counts = case.audience
    if audience == EVERYONE:
        return Refusal("nobody is in the list any more") if counts.gone and not counts.people else None
    listed = counts.people or counts.gone
    return Refusal(f"the list has no segment {audience}") if listed and audience not in counts.by_segment else None


def why_no_recipients_left(case: Case, step: Step, wanted: Wanted, notice: NoticeStatus) -> Refusal | None:
    """Why another version of it would tell nobody since a corrected list, in words; empty when it would tell somebody.

    So it ends without one that people would have to approve; whoever a later list brings gets one then. A draft that
    was for nobody from the first stays, because its audience may be misspelled; so does one that the public reads.
    """
    if notice.audience != wanted.audience or _somebody_waits(notice):
        return None
    if notice.releases:
        return Refusal("nobody in the list waits for it")
    lost = notice.meant_for and all(kind.personal for kind in step.channels)
    return why_no_recipients(case, wanted.audience) if lost else None


def _somebody_waits(notice: NoticeStatus) -> bool:
    """Also for a person: a letter that is to be printed, or a message that somebody must decide on."""
    return bool(notice.pending or notice.parked or notice.not_told or notice.people.get(PersonState.WAITING))


def count_as_told(case: Case, audience: str, notices: Sequence[NoticeStatus]) -> bool:
    """Whether people count as told by these, also those whom a corrected list has taken out of their segment since."""
    tried = any(state is not PersonState.HELD for notice in notices for state in notice.people)
    somebody = tried or not why_no_recipients(case, audience)
    return bool(notices) and somebody and all(notice.has_gone for notice in notices)
