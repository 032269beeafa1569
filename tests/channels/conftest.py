"""Real servers on loopback for the channels to talk to."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from amends.sandbox.mail import MailServer
from amends.sandbox.web import WebServices
from tests.certificates import self_signed
from tests.channels.scripted import ScriptedSmtp

pytest.register_assert_rewrite("tests.channels.contract")


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[MailServer]:
    with MailServer(tmp_path / "mail") as server:
        yield server


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebServices]:
    with WebServices(tmp_path / "web") as services:
        yield services


@pytest.fixture
async def scripted() -> AsyncIterator[Callable[..., Awaitable[ScriptedSmtp]]]:
    servers: list[ScriptedSmtp] = []

    async def start(replies: dict[str, str] | None = None) -> ScriptedSmtp:
        servers.append(await ScriptedSmtp.start(replies or {}))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost with its key, in one PEM file."""
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context
