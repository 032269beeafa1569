"""Sweep: make Prefect agree with the ledger again, whatever was lost, crashed, cancelled or late."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import NamedTuple

from prefect import State, flow
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from amends.content.notice import shipped_wording
from amends.delivery.alerts import (
    alert_leads,
    alert_of_commitments,
    alert_of_remedies,
    alert_of_replies,
    remind_approvers,
)
from amends.delivery.answers.send import send_replies
from amends.delivery.claims import terms_of
from amends.delivery.forget import DataPlaces, forget_again, forget_due
from amends.delivery.outbox.hours import remind
from amends.delivery.outbox.send import why_not_send
from amends.domain.alert.by_hand import work_by_hand
from amends.domain.base.errors import AmendsError
from amends.domain.base.text import counted
from amends.domain.case.states import IncidentState
from amends.domain.case.views.timeline import TimelineView
from amends.domain.closing.closing import is_over, late_answers
from amends.domain.draft.recipients import why_nobody_may_claim
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.incident.event_kind import DESTROYED
from amends.domain.plan.plan import plan
from amends.domain.timeline.overview import numbers, overdue_tasks
from amends.ledger import Ledger
from amends.rehearsal_clock import RehearsalClock
from flows.run.artifacts import says_otherwise, show_timeline, timeline_heads
from flows.run.choices import offer_choices
from flows.run.context import Context, opened
from flows.run.occurrence import bring_up_to_date
from flows.run.schedule import mirror, runs_by_incident
from flows.watch.alarms import raise_alarms
from flows.watch.overdue import sign
from flows.watch.overview import show_now

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
        chosen = [incident_id] if incident_id else [line.id for line in context.ledger.incidents.all()]
        pages = [chosen[start : start + PAGE] for start in range(0, len(chosen), PAGE)]
        swept = [await _look_after(context, page, asked_for=bool(incident_id)) for page in pages]
        cases = [case for one in swept for case in one.sound]
        troubles = [trouble for one in swept for trouble in one.troubles]
        with _collected(troubles, "now"):
            await _show_now(context, cases, troubles, only=incident_id)
        with _collected(troubles, "Prefect"):
            await offer_choices(context)
        if not incident_id:
            with _collected(troubles, "forgetting"):
                troubles += await asyncio.to_thread(_forget_again, context)
    if troubles:
        return Failed(message="; ".join(dict.fromkeys(troubles)))
    return Completed(message=f"{counted(len(chosen), 'incident')} looked after{_late(cases, context.clock())}")


class _Swept(NamedTuple):
    """The incidents swept that can be planned, and the troubles there were."""

    sound: Sequence[TimelineView]
    troubles: list[str]


async def _look_after(context: Context, incidents: Sequence[str], *, asked_for: bool = False) -> _Swept:
    """Sweep these incidents and collect what went wrong with each; trouble with one never stops the others.

    An incident that is over is swept only when asked for by name: it may have just ended, with runs still scheduled.
    """
    troubles: list[str] = []
    cases: list[TimelineView] = []
    over: list[TimelineView] = []
    for incident_id in incidents:
        with _collected(troubles, incident_id):
            case = await bring_up_to_date(context, incident_id)
            (cases if asked_for or not is_over(case, context.clock()) else over).append(case)
    now = context.clock()
    sound = [case for case in cases if _can_be_planned(case, now, troubles)]
    with _collected(troubles, "Prefect"):  # people are alerted even when Prefect is out of reach
        if context.mirrored:
            await _mirror_all(context, sound, troubles, asked_for=asked_for)
            await sign([*sound, *over], now)
            for case in sound:
                await raise_alarms(context.ledger, case, now)
    await _send_answers(context, [*cases, *over], troubles)
    await _forget_due(context, [*cases, *over], troubles)
    # Last, because sending an alert waits for a channel that may hang.
    await _alert_people(context, [*cases, *over], [case.incident.id for case in cases], troubles)
    return _Swept(sound, troubles)


async def _mirror_all(context: Context, cases: Sequence[TimelineView], troubles: list[str], *, asked_for: bool) -> None:
    """Make Prefect's runs and pages of these cases agree with the ledger."""
    if not cases:
        return
    now = context.clock()
    runs, heads = await runs_by_incident(cases, now), await timeline_heads(cases)
    for case in cases:
        with _collected(troubles, case.incident.id):
            touched = await mirror(context.ledger, case, now, context.ahead, runs.get(case.incident.id))
            if touched or asked_for or says_otherwise(case, now, heads.get(case.incident.id, "")):
                await show_timeline(case, now, in_place=True)


async def _send_answers(context: Context, cases: Sequence[TimelineView], troubles: list[str]) -> None:
    """Send the answers that are due, also of incidents that are over; a pause, an embargo or a doubt is no trouble.

    Claims are looked after first, so that their people hear at once how these stand.
    """
    for case in cases:
        incident = case.incident.id
        with _collected(troubles, incident):
            if case.playbook and case.playbook.claims:
                await asyncio.to_thread(_look_after_claims, context, case)
            sent = await send_replies(context.ledger, context.channels, context.links, incident, context.clock)
            troubles += [f"{incident}: answers wait ({channel}): {why}" for channel, why in sent.trouble.items()]


def _look_after_claims(context: Context, case: TimelineView) -> None:
    """Grant what the playbook's rules grant, remind of missing accounts, and end claims that never got one.

    That the list has nobody who may claim is an alert, as of a step that tells nobody. Nobody is reminded, and nothing
    ends, while no answer may leave: days on which nobody hears anything count for none.
    """
    now, ledger, incident = context.clock(), context.ledger, case.incident.id
    if why := why_nobody_may_claim(case):
        nobody = AlertId(AlertKind.NO_RECIPIENTS, "claims", case.pinned[:12])
        ledger.alerts.record(incident, Alert(nobody, str(why), now))
    terms = terms_of(case, ledger.playbooks.wording(incident), shipped_wording())
    if terms is None or DESTROYED in case.events:
        return
    ledger.claims.decide_by_rules(incident, terms, now)
    if not why_not_send(ledger, incident, now):
        ledger.claims.end_without_account(incident, terms.words, now)


async def _forget_due(context: Context, cases: Sequence[TimelineView], troubles: list[str]) -> None:
    """Forget what of closed incidents is due by their playbooks; nothing while the clock or the ledger is in doubt."""
    places = DataPlaces(context.channels, context.home)
    for case in cases:
        if case.state is IncidentState.CLOSED and not (case.clock_doubt or case.ledger_doubt or case.destroyed_at):
            with _collected(troubles, case.incident.id):
                await asyncio.to_thread(forget_due, context.ledger, places, case, context.clock())


def _forget_again(context: Context) -> tuple[str, ...]:
    """Forget again what a restored backup has brought back, and note what the file of tombstones lacks."""
    troubles = forget_again(context.ledger, DataPlaces(context.channels, context.home))
    context.ledger.forgettings.note()
    return troubles


async def _show_now(context: Context, cases: Sequence[TimelineView], troubles: Sequence[str], only: str) -> None:
    """Write the page *now*; after a look at one incident, with the others as the ledger has them.

    With very many incidents the page waits for the sweep that looks at all of them anyway.
    """
    now, shown = context.clock(), list(cases)
    if only:
        rest = [line.id for line in context.ledger.incidents.all() if line.id != only]
        if len(rest) > PAGE:
            return
        shown += [await asyncio.to_thread(context.ledger.views.timeline, one, now) for one in rest]
    await show_now([case for case in shown if not is_over(case, now)], troubles, now)


def _late(cases: Sequence[TimelineView], now: datetime) -> str:
    """Return what is overdue in each incident, in numbers, or an empty text."""
    late = {case.incident.id: tasks for case in cases if (tasks := overdue_tasks(case, now))}
    return "".join(f"; overdue: {numbers(tasks)} of {incident}" for incident, tasks in late.items())


async def _alert_people(
    context: Context, known: Sequence[TimelineView], going: Sequence[str], troubles: list[str]
) -> None:
    """Send alerts to the leads, and remind approvers and the lead of what is late in incidents that are not over.

    A doubt that holds back all incidents is sent once, with the first incident that is not over.
    """
    rehearsal = isinstance(context.clock, RehearsalClock)
    for case in known:
        with _collected(troubles, case.incident.id):
            ledger, now, doubts = context.ledger, context.clock(), [case.incident.id] == list(going[:1])
            await asyncio.to_thread(partial(alert_leads, ledger, case, now, doubts=doubts, rehearsal=rehearsal))
            await asyncio.to_thread(ledger.requests.clear, case.incident.id, now)
            if not case.clock_doubt:
                await asyncio.to_thread(partial(alert_of_replies, ledger, case, now, rehearsal=rehearsal))
                await asyncio.to_thread(partial(alert_of_remedies, ledger, case, now, rehearsal=rehearsal))
                await asyncio.to_thread(partial(alert_of_commitments, ledger, case, now, rehearsal=rehearsal))
            if case.incident.id in going and not case.clock_doubt:
                await asyncio.to_thread(_remind_people, ledger, case, now)
                troubles += await _remind_of_hours(context, case.incident.id)


async def _remind_of_hours(context: Context, incident: str) -> list[str]:
    """Send the reminders of question hours that are due, and return why others stay behind."""
    ledger, channels, links = context.ledger, context.channels, context.links
    sent = await remind(ledger, channels, links, incident, context.clock, shipped_wording)
    return [f"{incident}: reminders wait ({channel}): {why}" for channel, why in sent.trouble.items()]


def _remind_people(ledger: Ledger, case: TimelineView, now: datetime) -> None:
    """Remind members whose approval is missing, and alert the lead to late answers and to work that no machine does."""
    remind_approvers(ledger, case, now)
    for alert in (*work_by_hand(case, now), *late_answers(case, now)):
        ledger.alerts.record(case.incident.id, alert)


def _can_be_planned(case: TimelineView, now: datetime, troubles: list[str]) -> bool:
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
