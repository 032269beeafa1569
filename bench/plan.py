"""How long it takes to say what is due and what comes next, for a playbook of many steps.

    python bench/plan.py --steps 200

Nothing is read or written: the case is made up once, in the middle of its weeks, and planned again and again.
"""

import argparse
import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from amends.content.file.shipped import library
from amends.content.incident.incident import read_incident
from amends.content.playbook.playbook import load_playbook
from amends.domain.case.case import Case
from amends.domain.case.states import IncidentState, OccurrenceState, RecordedOccurrence
from amends.domain.people.person import AudienceCounts
from amends.domain.plan.plan import plan
from amends.domain.playbook.playbook import Playbook
from bench.peers.page import machine

OPENED = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
NOW = OPENED + timedelta(days=20)
KINDS: tuple[dict[str, Any], ...] = (
    {"phase": "update", "of": "notified", "every": "1d", "at": "09:00", "until": "resolved", "at_most": 60},
    {
        "phase": "collect_feedback",
        "of": "notified",
        "after": "2 business days",
        "every": "1 business day",
        "at_most": 90,
    },
    {"phase": "follow_up", "of": "notified", "every": "6h", "at_most": 400},
    {"phase": "collect_feedback", "on": "2026-12-24T09:00:00+08:00"},
)


def main() -> None:
    """Plan, and print how long it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    case = a_case(options.steps)
    seconds = [_timed(case) for _ in range(options.rounds)]
    planned = plan(case, NOW)
    begun, due, coming = len(case.occurrences), len(planned.due), len(planned.upcoming)
    print(machine())
    print(f"case  {options.steps} steps, {begun} occurrences recorded, {due} due, {coming} to come")
    print(f"plan  {_ms(statistics.median(seconds))} (median of {options.rounds}), {_ms(max(seconds))} at the most")


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


def _timed(case: Case) -> float:
    started = time.perf_counter()
    plan(case, NOW)
    return time.perf_counter() - started


def a_case(steps: int) -> Case:
    """A case that was told of twenty days ago, with half of the occurrences of its steps begun."""
    playbook = load_playbook("customer-data-theft")[0].model_dump(mode="json", by_alias=True)
    playbook["steps"] = [{"id": f"step-{number}", **KINDS[number % len(KINDS)]} for number in range(steps)]
    begun = tuple(
        RecordedOccurrence(step=f"step-{number}", number=turn, due_at=OPENED, state=OccurrenceState.DONE)
        for number in range(0, steps, 2)
        for turn in range(1, 11)
    )
    return Case(
        incident=read_incident(library() / "examples" / "stolen-terminals" / "incident.yaml"),
        version=1,
        state=IncidentState.OPEN,
        opened_at=OPENED,
        audience=AudienceCounts(),
        playbook=Playbook.model_validate(playbook),
        events={"opened": OPENED, "assessed": OPENED, "notified": OPENED},
        occurrences=begun,
    )


if __name__ == "__main__":
    main()
