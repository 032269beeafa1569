"""A Prefect server of a test module's own, with a deployment of each phase."""

import asyncio
from collections.abc import Iterator

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.testing.utilities import prefect_test_harness

from amends.domain.playbook.playbook import Phase


async def deploy_phases() -> None:
    async with get_client() as client:
        for phase in Phase:
            flow_id = await client.create_flow_from_name(phase.value)
            await client.create_deployment(flow_id, name=phase.value, parameter_openapi_schema={})


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=90), temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        asyncio.run(deploy_phases())
        yield
