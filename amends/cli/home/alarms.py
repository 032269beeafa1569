"""The alarms of `amends up`: automations of Prefect that write to the team's own channel."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from amends.cli.terminal.prefect import POOL
from amends.delivery.alerts import is_understood
from amends.domain.alert.alarms import AlarmKind
from amends.domain.base.errors import AmendsError
from amends.domain.notice.notice import digest
from amends.settings import Settings, read_settings

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.events.schemas.automations import Automation

BLOCK = "amends-alarms"
"""The block in Prefect that holds the address of the team's channel."""
TAG = "amends:"
"""The tag of an automation that `amends up` made, followed by a hash of it as it was made."""
MADE_BY = "Posts to alarm_url of amends.toml; made by amends up."
QUIET = timedelta(hours=1)
"""The time in which the same occurrence, or the sweep, raises one alarm however often its run fails."""
GONE = timedelta(minutes=2)
"""The time for which no runner may take runs: one that is started anew is back within seconds."""
RUN_FAILED = """{{ flow_run.name }} failed or crashed: {{ flow_run|ui_url }}
Amends tries it again, and holds its step after the fourth failure.\
{% if flow_run.parameters.incident_id %}
amends timeline {{ flow_run.parameters.incident_id }}\
{% endif %}"""
RUNNER_GONE = """No runner takes runs from the work pool {{ work_pool.name }}: nothing begins, nothing is sent.
amends doctor"""


def require_understood(settings: Settings) -> None:
    """Raise AmendsError when `alarm_url` is set and is no address that Apprise understands; never show the address."""
    if settings.alarm_url and not is_understood(settings.alarm_url):
        raise AmendsError(
            f"{settings.home / 'amends.toml'}: alarm_url: this is no address that Apprise understands, "
            "such as slack://TOKEN-A/TOKEN-B/TOKEN-C/#CHANNEL; correct it, or take it out to do without alarms"
        )


async def set_up(settings: Settings) -> None:
    """Make the automations that are missing; without `alarm_url` delete those that were made here.

    An automation that exists is left alone, whatever somebody has changed in it, until another version of Amends makes
    it otherwise; one that is switched off stays off.
    """
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        made = {one.name: one for one in await client.read_automations()}
        if not settings.alarm_url:
            await _take_away(client, [made[name] for name, *_ in _alarms() if name in made])
            return
        for wanted in _automations(await _channel(settings.alarm_url)):
            found = made.get(wanted.name)
            if found is None:
                await client.create_automation(wanted)
            elif _tag_of(found.tags) not in ("", *wanted.tags):
                wanted.enabled = found.enabled
                await client.update_automation(found.id, wanted)


async def _take_away(client: "PrefectClient", made: Sequence["Automation"]) -> None:
    """Delete the automations that were made here, and the block with the address."""
    from prefect.blocks.notifications import SlackWebhook

    for one in made:
        await client.delete_automation(one.id)
    with suppress(ValueError):  # there is no such block
        await SlackWebhook.adelete(BLOCK)


def _tag_of(tags: Sequence[str]) -> str:
    """Return the tag that says how the automation was made, or an empty text for one that is not of Amends."""
    return next((tag for tag in tags if tag.startswith(TAG)), "")


async def _channel(address: str) -> UUID:
    """Return the id of the block with the address. The block for Slack takes every address that Apprise understands."""
    from prefect.blocks.notifications import SlackWebhook
    from pydantic import SecretStr

    return await SlackWebhook(url=SecretStr(address)).asave(BLOCK, overwrite=True)


def _automations(block: UUID) -> list[Any]:
    """Return the automations, each with a tag that tells its version."""
    from prefect.events.actions import SendNotification
    from prefect.events.schemas.automations import AutomationCore

    automations = []
    for name, trigger, subject, body in _alarms():
        action = SendNotification(block_document_id=block, subject=subject, body=body)
        made = AutomationCore(name=name, description=MADE_BY, trigger=trigger, actions=[action])
        made.tags = [f"{TAG}{digest(_in_order(made.model_dump(mode='json', exclude={'trigger': {'id'}})))[:12]}"]
        automations.append(made)
    return automations


def _in_order(value: Any) -> Any:
    """Return the JSON value with its lists in order: those of a trigger were sets, whose order differs each time."""
    if isinstance(value, dict):
        return {key: _in_order(inner) for key, inner in value.items()}
    return sorted(map(_in_order, value), key=str) if isinstance(value, list) else value


def _alarms() -> list[tuple[str, Any, str, str]]:
    """Return name, trigger, subject and body of each alarm."""
    from prefect.events.schemas.automations import EventTrigger, Posture

    failed = EventTrigger(
        expect={"prefect.flow-run.Failed", "prefect.flow-run.Crashed"},
        match={"prefect.resource.id": "prefect.flow-run.*"},
        match_related={"prefect.resource.role": "tag", "prefect.resource.id": "prefect.tag.amends"},
        for_each={"prefect.resource.name"},
        posture=Posture.Reactive,
        threshold=1,
        within=QUIET,
    )
    gone = EventTrigger(
        after={"prefect.work-pool.not-ready"},
        expect={"prefect.work-pool.ready"},
        match={"prefect.resource.id": "prefect.work-pool.*", "prefect.resource.name": POOL},
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=GONE,
    )
    incident, what = "{{ event.resource.name }}", "{{ event.payload.what }}"
    return [
        ("Alarm: a run failed", failed, "Failed: {{ flow_run.name }}", RUN_FAILED),
        ("Alarm: a duty is near", _on(AlarmKind.DUTY), f"Legal deadline: {incident}", what),
        ("Alarm: nobody approves", _on(AlarmKind.APPROVAL), f"Not approved: {incident}", what),
        ("Alarm: no runner", gone, "No runner", RUNNER_GONE),
    ]


def _on(kind: AlarmKind) -> Any:
    """Return the trigger on each event of this kind."""
    from prefect.events.schemas.automations import EventTrigger, Posture

    return EventTrigger(expect={kind.value}, posture=Posture.Reactive, threshold=1, within=timedelta())


if __name__ == "__main__":  # run in a process of its own, whose environment says which Prefect
    asyncio.run(set_up(read_settings()))
