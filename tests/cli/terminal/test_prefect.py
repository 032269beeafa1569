"""A command asks Prefect to look at its incident, and does not wait long for that."""

import socket

import pytest
from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_API_URL, temporary_settings

from amends.cli.terminal import prefect as asking
from amends.cli.terminal.desk import Desk
from tests.cli.conftest import INCIDENT, Office


@pytest.mark.timeout(120)
def test_a_prefect_server_that_is_stuck_keeps_nobody_waiting(empty: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes every call and answers none; what was decided is in the ledger by then."""
    monkeypatch.setattr(asking, "ASK_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as stuck:
        here = f"http://127.0.0.1:{stuck.getsockname()[1]}/api"
        monkeypatch.setenv("PREFECT_API_URL", here)
        with temporary_settings({PREFECT_API_URL: here, PREFECT_API_REQUEST_TIMEOUT: 600}):
            assert not asking.nudge(Desk(empty.home), INCIDENT)
