"""Every route of the portal is documented, and a refused method names those that are not."""

import pytest
from fastapi import FastAPI
from starlette.responses import Response
from starlette.testclient import TestClient

from amends.domain.channel.channel import ChannelKind
from amends.ledger import Ledger
from amends.settings import Settings
from amends.web.app import create_app
from tests.web.portal_api import undocumented
from tests.web.scene import TWILIO_ACCOUNT


@pytest.fixture
def portal(settings: Settings, opened: Ledger) -> FastAPI:
    """The portal with its webhooks for SMS."""
    return create_app(settings.model_copy(update={"channels": {ChannelKind.SMS: TWILIO_ACCOUNT}}), opened)


def test_every_route_is_documented(portal: FastAPI) -> None:
    assert undocumented(portal) == []


def test_a_route_without_documentation_is_named(portal: FastAPI) -> None:
    @portal.get("/new/{thing}")
    def new(thing: str) -> Response:
        return Response(thing)

    assert undocumented(portal) == ["GET /new/{thing}: say in PATHS of tests/web/portal_api.py what it answers"]


@pytest.mark.parametrize(("path", "allowed"), [("/p/x/ask", "GET, HEAD, POST"), ("/u/x", "GET, HEAD, POST")])
def test_a_refused_method_names_all_that_the_path_has(portal: FastAPI, path: str, allowed: str) -> None:
    answer = TestClient(portal).delete(path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
