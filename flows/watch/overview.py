"""The page *now* in the Prefect UI: over all incidents what is overdue, what waits for whom, and what comes next."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from prefect.context import FlowRunContext

from amends.domain.base.text import counted, minute
from amends.domain.case.views.timeline import TimelineView
from amends.domain.timeline.overview import NEXT_DAYS, Overview, OverviewLine, overview
from flows.run.artifacts import NOW, Page, address, or_a_warning, to_incident, write

CALM = "Nothing waits for anybody."
STAYS = f"This page is always at [{address(NOW)}]({address(NOW)}); every sweep writes it anew.\n"


async def show_now(cases: Iterable[TimelineView], troubles: Sequence[str], now: datetime) -> None:
    """Write the page in place, so that it has one version at one address; outside a flow run do nothing."""
    if FlowRunContext.get() is not None:
        with or_a_warning(NOW):
            await write(NOW, Page(now_page(overview(cases, now), troubles), STAYS), in_place=True)


def now_page(shown: Overview, troubles: Sequence[str] = ()) -> str:
    """Return the page: the number of overdue tasks first, then each with the command that settles it."""
    sections = {
        "Could not be looked at": [f"- {trouble}" for trouble in troubles],
        "Overdue": [_task(line) for line in shown.overdue],
        "Waits for people": [_task(line) for line in shown.waiting],
        f"Comes in the next {NEXT_DAYS.days} days": [_event(line) for line in shown.coming],
    }
    lines = (f"\n\n## {title}\n" + "\n".join(listed) for title, listed in sections.items() if listed)
    return f"{_first_line(shown, troubles)}{''.join(lines)}\n"


def _first_line(shown: Overview, troubles: Sequence[str]) -> str:
    """Return the line that lists of pages show: what is overdue, before anything else."""
    late = f"**{counted(len(shown.overdue), 'thing is', 'things are')} overdue.** " if shown.overdue else ""
    waits = f"{counted(len(shown.waiting), 'thing waits', 'things wait')} for people. " if shown.waiting else ""
    calm = "" if late or waits or troubles else f"{CALM} "
    going = ", ".join(to_incident(incident) for incident in shown.incidents) or "no incident is open"
    zone = f" Times are those of {shown.zones[0]}." if len(shown.zones) == 1 else ""
    return f"{late}{waits}{calm}As of {minute(shown.at)}: {going}.{zone}"


def _task(line: OverviewLine) -> str:
    return f"- **{line.when}** · {to_incident(line.incident)} · {line.whom}: {line.what}; `{line.do}`"


def _event(line: OverviewLine) -> str:
    return f"- {line.when} · {to_incident(line.incident)} · {line.what}; `{line.do}`"
