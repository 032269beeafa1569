"""Drop-down lists in the forms: the incidents that are open now, and the playbooks.

Prefect makes a form from the deployment's schema, which is written when the deployment is applied. Incidents are opened
and closed at any time, so the sweep, and each form when it ends, brings the schemas up to date. A choice is an offer
and no wall: what the list does not have yet can be typed too, and the ledger decides.
"""

import asyncio
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName
from prefect.client.schemas.responses import DeploymentResponse

from amends.content.file.shipped import ADDENDA_FILE
from amends.content.playbook.library import shipped_playbooks
from amends.content.rehearse import shipped_injects
from amends.domain.case.states import IncidentState
from amends.ledger import Ledger
from flows.run.context import Context

FORMS = ("respond", "pause", "stop", "hold", "resume", "rehearse")
CHOSEN, TYPED = "from the list", "another"
"""The titles of the two ways to fill in a parameter."""
Choices = Mapping[str, Sequence[str]]
"""The values that each parameter may be chosen from, by the parameter's name."""


async def offer_choices(context: Context) -> None:
    """Write the present choices into the forms of Prefect, where they differ; outside of Prefect do nothing."""
    if not context.mirrored:
        return
    choices = await asyncio.to_thread(choices_now, context)
    async with get_client() as client:
        forms = DeploymentFilter(name=DeploymentFilterName(any_=list(FORMS)))
        for deployment in await client.read_deployments(deployment_filter=forms):
            await _offer(client, deployment, choices)


async def _offer(client: PrefectClient, deployment: DeploymentResponse, choices: Choices) -> None:
    present = deployment.parameter_openapi_schema or {}
    wanted = with_choices(present, choices)
    if wanted != present:
        await client.update_deployment(deployment.id, DeploymentUpdate(parameter_openapi_schema=wanted))


def choices_now(context: Context) -> Choices:
    """Return the choices by parameter."""
    own = sorted(context.own_playbooks.glob("*.yaml")) if context.own_playbooks else []
    return {
        "incident_id": open_incidents(context.ledger),
        "playbook": [*shipped_playbooks(), *(str(path) for path in own if path.name != ADDENDA_FILE)],
        "injects": [*shipped_injects()],
    }


def open_incidents(ledger: Ledger) -> list[str]:
    """Return the ids of the incidents that are open or paused, the newest first."""
    listed = ledger.incidents.all()
    return [line.id for line in listed if line.state is not IncidentState.CLOSED and not line.destroyed_at]


def with_choices(schema: Mapping[str, Any], choices: Choices) -> dict[str, Any]:
    """Return the schema with a title for each parameter, and a list of choices where there are any.

    A parameter that is one text takes any other text too, as a second way to fill the form; a list of texts takes only
    what is listed.
    """
    found = deepcopy(dict(schema))
    for name, asked in found.get("properties", {}).items():
        asked["title"] = name.removesuffix("_id").capitalize()
        if name in choices:
            _offer_in(asked, list(choices[name]))
    return found


def _offer_in(asked: dict[str, Any], listed: list[str]) -> None:
    text = {"type": "string"}
    if asked.get("type") == "array":
        asked["items"] = text | {"enum": listed}
        return
    for way in ("type", "anyOf"):
        asked.pop(way, None)
    ways = [{"title": CHOSEN, **text, "enum": listed}, {"title": TYPED, **text}]
    asked.update({"anyOf": ways} if listed else text)
