"""The findings of a rehearsal: as a few screens of text, and as a standalone page."""

from collections.abc import Iterable, Iterator

from amends.cli.incident.report import COLOURS
from amends.cli.terminal.text import table
from amends.domain.base.text import length, minute
from amends.domain.channel.channel import ChannelKind
from amends.domain.notice.notice import PersonState
from amends.domain.rehearse.report import Happening, RehearsalReport, what_was_not_kept
from amends.domain.rehearse.text import NOTICE_HEAD, by_waiting_time, notice_row, sums

LINES = 15
"""Lines of a list on the terminal; --json and the page have all of them."""


def summary(found: RehearsalReport) -> str:
    """Return the report as text for the terminal."""
    return "\n".join(_lines(found))


def page(found: RehearsalReport) -> str:
    """Return the report as HTML for a browser, everything in one file."""
    from amends.cli.terminal.html import render

    return render(
        "rehearsal.html",
        found=found,
        not_kept=list(what_was_not_kept(found)),
        states=list(PersonState),
        kinds=[kind for kind in ChannelKind if not kind.printed],
        colours=COLOURS,
        arrived={notice.id: {channel.channel: channel for channel in notice.channels} for notice in found.notices},
        length=length,
        slow=by_waiting_time(found),
        sums=sums(found),
    )


def _lines(found: RehearsalReport) -> Iterator[str]:
    yield f"REHEARSAL of {found.playbook} for {found.incident}: nothing was sent, nobody was told"
    yield f"{found.people} people, {found.days} days from {minute(found.start)}; in the end the case is {found.state}"
    yield f"With: {found.injects}"
    yield ""
    yield table(NOTICE_HEAD, map(notice_row, found.notices))
    yield from _listed("What happened", found.injected)
    yield from _not_kept(found)
    yield ""
    yield from sums(found)
    yield from _listed("What did not go as it should", found.troubles)
    for fault in found.ledger_faults:
        yield f"WRONG: {fault}"
    if found.twice:
        yield f"WRONG: {found.twice} messages arrived twice"


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
