"""The findings of a rehearsal in words, for a terminal and for Prefect."""

from collections import Counter
from collections.abc import Iterable

from amends.domain.base.text import counted, counts, length
from amends.domain.rehearse.report import Noticed, RehearsalReport, RehearsedOutcome

NOTICE_HEAD = ("notice", "drafted", "approved after", "first arrived", "on", "people")


def notice_row(notice: Noticed) -> tuple[object, ...]:
    """Return the cells of a notice under NOTICE_HEAD."""
    on = ", ".join(f"{channel.arrived} {channel.channel}" for channel in notice.channels if channel.arrived)
    waited = length(notice.waited) if notice.waited else "waits"
    return notice.id, notice.drafted_at, waited, notice.first_at, on, counts(notice.people)


def sums(found: RehearsalReport) -> list[str]:
    """Return the sums: one line for each kind of thing that had a time, and the longest waits."""
    asked = found.questions
    answered = f"{asked.answered} answered ({asked.late} late), {asked.open} open ({asked.overdue} overdue)"
    lines = [
        f"legal deadlines     {_outcomes(deadline.outcome for deadline in found.deadlines)}",
        *([f"told lawfully       {found.told}"] if found.told else []),
        f"next news named     {_outcomes(named_time.outcome for named_time in found.named_times)}",
        f"promises            {_outcomes(commitment.outcome for commitment in found.commitments)}",
        f"questions           {asked.asked} asked ({counted(asked.complaints, 'complaint')}), {answered}",
        f"messages            {found.messages} arrived, {found.twice} twice",
    ]
    if found.silences:
        longest = found.silences[0]
        lines.append(f"longest silence     {length(longest.length)}, from {longest.after} to {longest.before}")
    if slow := by_waiting_time(found):
        waited = length(slow[0].waited) if slow[0].waited else "to the end"
        lines.append(f"longest approval    {waited}, for {slow[0].id}")
    return lines


def _outcomes(outcomes: Iterable[RehearsedOutcome]) -> str:
    return counts(Counter(outcomes))


def by_waiting_time(found: RehearsalReport) -> list[Noticed]:
    """Return the notices by how long they waited for approval: those that still wait, then the longest wait first."""
    never = [notice for notice in found.notices if notice.waited is None]
    waited = [notice for notice in found.notices if notice.waited is not None]
    return [*never, *sorted(waited, key=lambda notice: notice.waited or found.end - found.start, reverse=True)]
