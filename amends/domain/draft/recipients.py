"""The recipients of a notice: reasons why there are none, such as a misspelled segment or a corrected list."""

from collections.abc import Sequence

from amends.domain.base.audience import Audience, Everyone, Segment
from amends.domain.base.errors import Refusal
from amends.domain.case.outline import Outline
from amends.domain.draft.writer import Wanted
from amends.domain.notice.notice import NoticeStatus, PersonState
from amends.domain.playbook.playbook import Step


def why_no_recipients(case: Outline, audience: Audience) -> Refusal | None:
    """Return why nobody is in this audience, or None when somebody is, and before there is a list of people."""
    counts = case.audience
    match audience:
        case Everyone() if counts.gone and not counts.people:
            return Refusal("nobody is in the list any more")
        case Segment() if (counts.people or counts.gone) and audience not in counts.by_segment:
            return Refusal(f"the list has no segment {audience}")
    return None  # people of other audiences are found when the notice is drafted


def why_nobody_may_claim(case: Outline) -> Refusal | None:
    """Return why nobody in the list may claim compensation by the playbook, or None, also when it pays none."""
    claims = case.playbook.claims if case.playbook else None
    why = why_no_recipients(case, claims.audience) if claims else None
    return Refusal(f"claims.audience: nobody may claim compensation: {why}") if why else None


def why_no_recipients_left(case: Outline, step: Step, wanted: Wanted, notice: NoticeStatus) -> Refusal | None:
    """Return why a new version of the notice would reach nobody since a corrected list, or None when it would.

    The notice then ends without a version that people would have to approve; people whom a later list brings get one
    when that list comes. A draft that was for nobody from the first stays, because its audience may be misspelled. A
    draft for the public stays too.
    """
    if notice.audience != wanted.audience or _people_wait(notice):
        return None
    if notice.releases:
        return Refusal("nobody in the list waits for it")
    lost = notice.meant_for and all(kind.personal for kind in step.channels)
    return why_no_recipients(case, wanted.audience) if lost else None


def _people_wait(notice: NoticeStatus) -> bool:
    """Return True when a message of the notice is still to leave, a letter to be printed or a decision to be made."""
    return bool(notice.pending or notice.parked or notice.not_told or notice.people.get(PersonState.WAITING))


def count_as_told(case: Outline, audience: Audience, notices: Sequence[NoticeStatus]) -> bool:
    """Return True when the people of the audience count as told by these notices.

    People whom a corrected list has taken out of their segment since then count too.
    """
    tried = any(state is not PersonState.HELD for notice in notices for state in notice.people)
    had_recipients = tried or not why_no_recipients(case, audience)
    return bool(notices) and had_recipients and all(notice.has_gone for notice in notices)
