"""The changes to a case while it was paused, for the person who resumes it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from amends.domain.base.text import minute
from amends.domain.case.case import Case
from amends.domain.case.states import IncidentState
from amends.domain.plan.plan import plan

CHANGES = {
    "amended": "the facts were amended; what is not sent is drafted and approved anew",
    "audience corrected": "the list of people was corrected",
    "playbook replaced": "the playbook was replaced",
    "resolved": "the lead said that nothing new is left to tell",
}
"""The acts of the audit chain that change what people would be told, each in words."""


class Act(Protocol):
    """One entry of the audit chain."""

    @property
    def at(self) -> datetime:
        """Return when the act happened."""

    @property
    def act(self) -> str:
        """Return the name of the act, such as "amended"."""


def changed_meanwhile(case: Case, acts: Sequence[Act], now: datetime) -> tuple[str, ...]:
    """Return what changed since the case was paused, in words; empty when the case is not paused.

    The changes are acts of people, times for the next news that have passed, and occurrences that would begin at once.
    """
    if case.state is not IncidentState.PAUSED:
        return ()
    paused_at = max((act.at for act in acts if act.act == IncidentState.PAUSED), default=case.opened_at)
    since = {act.act for act in acts if act.at > paused_at}
    named = (words for act, words in CHANGES.items() if act in since)
    return (*named, *_passed(case, paused_at, now), *_at_once(case, paused_at, now))


def _passed(case: Case, paused_at: datetime, now: datetime) -> Iterator[str]:
    for notice in case.notices:
        if notice.sent_at and notice.next_news_at and paused_at < notice.next_news_at <= now:
            yield f"{notice.id} said that news would come by {minute(notice.next_news_at)}; that has passed"


def _at_once(case: Case, paused_at: datetime, now: datetime) -> Iterator[str]:
    for occurrence in plan(case.resumed(), now).due:
        if paused_at < occurrence.due_at < now:
            yield f"{occurrence.step} {occurrence.number} came due on {minute(occurrence.due_at)} and begins at once"
