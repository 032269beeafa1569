"""What is different from when a case was paused, for whoever lets it go on."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from amends.domain.base.text import minute
from amends.domain.case.case import Case, IncidentState
from amends.domain.plan.plan import plan

CHANGES = {
    "amended": "the facts were amended; what is not sent is drafted and approved anew",
    "audience corrected": "the list of people was corrected",
    "playbook replaced": "the playbook was replaced",
    "resolved": "the lead said that nothing new is left to tell",
}
"""Acts that change what people would be told, in words."""


class Act(Protocol):
    """One entry of the audit chain."""

    @property
    def at(self) -> datetime:
        """When it happened."""

    @property
    def act(self) -> str:
        """What was done."""


def changed_meanwhile(case: Case, acts: Sequence[Act], now: datetime) -> tuple[str, ...]:
    """What happened since the case was paused, what would begin at once, and which promised times have passed."""
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
    going = plan(case.resumed(), now)
    for turn in going.due:
        if paused_at < turn.due_at < now:
            yield f"{turn.step} {turn.number} came due on {minute(turn.due_at)} and begins at once"
