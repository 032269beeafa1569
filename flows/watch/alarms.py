"""Raising alarms: events in Prefect, to which the automations of `amends up` and those of the team react."""

import asyncio
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from prefect.client.orchestration import PrefectClient, get_client
from prefect.events.schemas.events import Event, Resource

from amends.domain.alert.alarms import Alarm, AlarmKind, alarms, text
from amends.domain.case.views.timeline import TimelineView
from amends.ledger import Ledger

RESOURCE = "amends.incident."
"""The beginning of the id of an incident in Prefect's events."""


async def raise_alarms(ledger: Ledger, case: TimelineView, now: datetime) -> None:
    """Tell Prefect of each alarm that is due, and record it; an alarm that Prefect has not taken is raised again.

    The event's id follows from its alarms, so that Prefect drops a copy by another sweep at the same time.
    """
    due = alarms(case, now)
    if not due:
        return
    async with get_client() as client:
        for kind in AlarmKind:
            if same := tuple(alarm for alarm in due if alarm.kind is kind):
                await _post(client, case.incident.id, kind, same)
                keys = [alarm.key for alarm in same]
                await asyncio.to_thread(ledger.alerts.note_alarms, case.incident.id, keys, now)


async def _post(client: PrefectClient, incident: str, kind: AlarmKind, same: tuple[Alarm, ...]) -> None:
    """Hand the event over and wait for the answer; `emit_event` would return before anybody has taken the event."""
    resource = Resource({"prefect.resource.id": f"{RESOURCE}{incident}", "prefect.resource.name": incident})
    name = f"{incident} {kind} {' '.join(alarm.key for alarm in same)}"
    payload = {"what": text(incident, same), "count": len(same)}
    event = Event(id=uuid5(NAMESPACE_URL, name), event=kind, resource=resource, payload=payload)
    await client.request("POST", "/events", json=[event.model_dump(mode="json")])
