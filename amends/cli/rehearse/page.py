"""The findings of a rehearsal: as a few screens of text, and as a standalone page."""

from collections import Counter
from collections.abc import Iterable, Iterator

from amends.cli.incident.report import COLOURS
from amends.cli.terminal.text import table
from amends.domain.base.text import counted, counts, length, minute
from amends.domain.channel.channel import ChannelKind
from amends.domain.notice.notice import PersonState
from amends.domain.rehearse.report import Happening, Noticed, RehearsalReport, RehearsedOutcome, what_was_not_kept

LINES = 15
"""Lines of a list on the terminal; --json and the page have all of them."""


def summary(found: RehearsalReport) -> str:
    """Return the report as text for the terminal."""
    return "\n".join(_lines(found))


def page(found: RehearsalReport) -> str:
    """Return the report as HTML for a browser, everything in one file."""
    from amends.cli.rehearse.picture import picture
    from amends.cli.terminal.html import render

    return render(
        "rehearsal.html",
        found=found,
        picture=picture(found),
        not_kept=list(what_was_not_kept(found)),
        states=list(PersonState),
        kinds=[kind for kind in ChannelKind if not kind.printed],
        colours=COLOURS,
        arrived={notice.id: {one.channel: one for one in notice.channels} for notice in found.notices},
        length=length,
        slow=_by_waiting_time(found),
        sums=_sums(found),
    )


def _lines(found: RehearsalReport) -> Iterator[str]:
    yield f"REHEARSAL of {found.playbook} for {found.incident}: nothing was sent, nobody was told"
    yield f"{found.people} people, {found.days} days from {minute(found.start)}; in the end the case is {found.state}"
    yield f"With: {found.injects}"
    yield ""
    yield table(("notice", "drafted", "approved after", "first arrived", "on", "people"), map(_row, found.notices))
    yield from _listed("What happened", found.injected)
    yield from _not_kept(found)
    yield ""
    yield from _sums(found)
    yield from _listed("What did not go as it should", found.troubles)
    for fault in found.ledger_faults:
        yield f"WRONG: {fault}"
    if found.twice:
        yield f"WRONG: {found.twice} messages arrived twice"


def _row(notice: Noticed) -> tuple[object, ...]:
    on = ", ".join(f"{one.arrived} {one.channel}" for one in notice.channels if one.arrived)
    waited = length(notice.waited) if notice.waited else "waits"
    return notice.id, notice.drafted_at, waited, notice.first_at, on, counts(notice.people)


def _listed(title: str, happenings: Iterable[Happening]) -> Iterator[str]:
    listed = list(happenings)
    if not listed:
        return
    yield ""
    yield f"{title}:"
    yield from (f"  {minute(one.at)}  {one.what}" for one in listed[:LINES])
    if more := len(listed) - LINES:
        yield from [f"  … and {more} more"] if more > 0 else []


def _not_kept(found: RehearsalReport) -> Iterator[str]:
    lines = list(what_was_not_kept(found))
    yield ""
    yield f"Not kept ({len(lines)}):" if lines else "Every time was kept."
    yield from (f"  {line}" for line in lines)


def _sums(found: RehearsalReport) -> list[str]:
    """Return the sums: one line for each kind of thing that had a time, and the longest waits."""
    asked = found.questions
    answered = f"{asked.answered} answered ({asked.late} late), {asked.open} open ({asked.overdue} overdue)"
    lines = [
        f"legal deadlines     {_outcomes(one.outcome for one in found.deadlines)}",
        f"next news named     {_outcomes(one.outcome for one in found.named_times)}",
        f"promises            {_outcomes(one.outcome for one in found.commitments)}",
        f"questions           {asked.asked} asked ({counted(asked.complaints, 'complaint')}), {answered}",
        f"messages            {found.messages} arrived, {found.twice} twice",
    ]
    if found.silences:
        longest = found.silences[0]
        lines.append(f"longest silence     {length(longest.length)}, from {longest.after} to {longest.before}")
    if slow := _by_waiting_time(found):
        waited = length(slow[0].waited) if slow[0].waited else "to the end"
        lines.append(f"longest approval    {waited}, for {slow[0].id}")
    return lines


def _outcomes(outcomes: Iterable[RehearsedOutcome]) -> str:
    return counts(Counter(outcomes))


def _by_waiting_time(found: RehearsalReport) -> list[Noticed]:
    """Return the notices by how long they waited for approval: those that still wait, then the longest wait first."""
    never = [notice for notice in found.notices if notice.waited is None]
    waited = [notice for notice in found.notices if notice.waited is not None]
    return [*never, *sorted(waited, key=lambda notice: notice.waited or found.end - found.start, reverse=True)]
