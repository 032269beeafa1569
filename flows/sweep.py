"""Sweep: make Prefect agree with the ledger again, whatever was lost, crashed, cancelled or late."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial

from prefect import State, flow
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from amends.delivery.alerts import alert_leads, remind_approvers
from amends.domain.alert.by_hand import work_by_hand
from amends.domain.base.errors import AmendsError
from amends.domain.base.text import counted
from amends.domain.case.case import Case
from amends.domain.plan.closing import is_over, late_answers
from amends.domain.plan.plan import plan
from amends.ledger import Ledger
from amends.rehearsal_clock import RehearsalClock
from flows.run.artifacts import show_timeline
from flows.run.choices import offer_choices
from flows.run.context import Context, opened
from flows.run.occurrence import bring_up_to_date
from flows.run.schedule import mirror, runs_by_incident

PAGE = 50
"""Incidents whose runs are looked up in Prefect together."""


def _name() -> str:
    """Return the name of the current run."""
    return f"look after {flow_run.parameters['incident_id'] or 'all incidents'}"


@flow(name="sweep", flow_run_name=_name)
async def sweep(incident_id: str = "") -> State[None]:
    """Set up the runs that the ledger says are due or come next.

    Args:
        incident_id: Only this incident; empty for all that are not over.
    """
    with opened() as context:
        if incident_id:
            troubles = await _look_after(context, [incident_id], asked_for=True)
        else:
            chosen = [line.id for line in context.ledger.incidents.all()]
            pages = [chosen[start : start + PAGE] for start in range(0, len(chosen), PAGE)]
            troubles = [trouble for page in pages for trouble in await _look_after(context, page)]
        with _collected(troubles, "the forms in Prefect"):
            await offer_choices(context)
    if troubles:
        return Failed(message="; ".join(troubles))
    return Completed(message=f"{counted(1 if incident_id else len(chosen), 'incident')} looked after")


async def _look_after(context: Context, incidents: Sequence[str], *, asked_for: bool = False) -> list[str]:
    """Sweep these incidents and return what went wrong with each; trouble with one never stops the others.

    An incident that is over is swept only when asked for by name: it may have just ended, with runs still scheduled.
    """
    troubles: list[str] = []
    known: list[Case] = []
    cases: list[Case] = []
    for incident_id in incidents:
        with _collected(troubles, incident_id):
            case = await bring_up_to_date(context, incident_id)
            known.append(case)
            if asked_for or not is_over(case, context.clock()):
                cases.append(case)
    now = context.clock()
    plannable = [case for case in cases if _can_be_planned(case, now, troubles)]
    with _collected(troubles, "Prefect"):  # people are alerted even when Prefect is out of reach
        runs = await runs_by_incident(plannable, now) if context.mirrored and plannable else {}
        for case in plannable:
            with _collected(troubles, case.incident.id):
                touched = context.mirrored and await mirror(
                    context.ledger, case, now, context.ahead, runs.get(case.incident.id)
                )
                if touched or asked_for:
                    await show_timeline(case, now)
    # Last, because sending an alert waits for a channel that may hang.
    await _alert_people(context, known, [case.incident.id for case in cases], troubles)
    return troubles


async def _alert_people(context: Context, known: Sequence[Case], going: Sequence[str], troubles: list[str]) -> None:
    """Send alerts to the leads, and remind approvers and the lead of what is late in incidents that are not over.

    A doubt that holds back all incidents is sent once, with the first incident that is not over.
    """
    rehearsal = isinstance(context.clock, RehearsalClock)
    for case in known:
        with _collected(troubles, case.incident.id):
            ledger, now, doubts = context.ledger, context.clock(), [case.incident.id] == list(going[:1])
            await asyncio.to_thread(partial(alert_leads, ledger, case, now, doubts=doubts, rehearsal=rehearsal))
            if case.incident.id in going and not case.clock_doubt:
                await asyncio.to_thread(_remind_people, ledger, case, now)


def _remind_people(ledger: Ledger, case: Case, now: datetime) -> None:
    """Remind members whose approval is missing, and alert the lead to late answers and to work that no machine does."""
    remind_approvers(ledger, case, now)
    for work in work_by_hand(case, now):
        ledger.incidents.alert(case.incident.id, work, now)
    if late := late_answers(case, now):
        ledger.incidents.alert(case.incident.id, late, now)


def _can_be_planned(case: Case, now: datetime, troubles: list[str]) -> bool:
    """Return True when the case can be planned, so that its runs can be looked up with those of the other incidents."""
    with _collected(troubles, case.incident.id):
        plan(case, now)
        return True
    return False


@contextmanager
def _collected(troubles: list[str], where: str) -> Iterator[None]:
    """Add an error to the troubles; of an unexpected error only its type, because its text may quote personal data."""
    try:
        yield
    except AmendsError as error:
        troubles.append(f"{where}: {error}")
    except Exception as error:  # noqa: BLE001
        troubles.append(f"{where}: {type(error).__name__}")
