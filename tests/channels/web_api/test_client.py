"""Where the one way out by HTTP never connects, and which of a host's addresses it takes."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import httpx2
import pytest

from amends.domain.base.errors import ChannelUnavailable
from channels import sms_http, social_bluesky, social_mastodon
from channels.web_api import client
from channels.web_api.client import GuardedTransport, NetworkReach, may_stand_at
from channels.web_api.provider import HttpAnswer, open_provider
from tests.channels.contract import a_message
from tests.channels.scripted_http import ScriptedHttp, scripted_http
from tests.channels.web_api.test_provider import TAKEN, nothing, post_through, posted


@pytest.mark.parametrize(
    ("address", "host", "reach", "allowed"),
    [
        ("93.184.216.34", "sms.example.test", NetworkReach.PUBLIC, True),
        ("2606:2800:220:1::1", "sms.example.test", NetworkReach.PUBLIC, True),
        ("10.0.0.1", "sms.example.test", NetworkReach.PUBLIC, False),
        ("10.0.0.1", "sms.example.test", NetworkReach.PRIVATE, True),
        ("192.168.1.1", "192.168.1.1", NetworkReach.PUBLIC, False),
        ("fd00::1", "sms.example.test", NetworkReach.PRIVATE, True),
        ("93.184.216.34", "sms.example.test", NetworkReach.PRIVATE, True),
        ("127.0.0.1", "sms.example.test", NetworkReach.PUBLIC, False),
        ("127.0.0.1", "sms.example.test", NetworkReach.PRIVATE, False),
        ("::1", "sms.example.test", NetworkReach.PRIVATE, False),
        ("::ffff:127.0.0.1", "sms.example.test", NetworkReach.PRIVATE, False),
        ("::ffff:10.0.0.1", "sms.example.test", NetworkReach.PUBLIC, False),
        ("::ffff:10.0.0.1", "sms.example.test", NetworkReach.PRIVATE, True),
        ("::ffff:93.184.216.34", "sms.example.test", NetworkReach.PUBLIC, True),
        ("::ffff:169.254.169.254", "sms.example.test", NetworkReach.PRIVATE, False),
        ("100.64.0.1", "sms.example.test", NetworkReach.PUBLIC, False),
        ("100.64.0.1", "sms.example.test", NetworkReach.PRIVATE, True),  # RFC 6598: in clouds and overlay networks
        ("224.0.1.1", "sms.example.test", NetworkReach.PRIVATE, False),
        ("255.255.255.255", "sms.example.test", NetworkReach.PRIVATE, False),
        ("ff02::1", "sms.example.test", NetworkReach.PRIVATE, False),
        ("169.254.169.254", "sms.example.test", NetworkReach.PUBLIC, False),
        ("169.254.169.254", "sms.example.test", NetworkReach.PRIVATE, False),
        ("fe80::1%eth0", "sms.example.test", NetworkReach.PRIVATE, False),
        ("0.0.0.0", "sms.example.test", NetworkReach.PRIVATE, False),
        ("224.0.1.1", "sms.example.test", NetworkReach.PUBLIC, False),
        ("127.0.0.1", "localhost", NetworkReach.PUBLIC, True),
        ("::1", "localhost", NetworkReach.PUBLIC, True),
        ("93.184.216.34", "localhost", NetworkReach.PUBLIC, False),
    ],
)
def test_a_provider_stands_out_in_the_world_or_where_the_settings_say(
    address: str, host: str, reach: NetworkReach, allowed: bool
) -> None:
    assert may_stand_at(address, host, reach) is allowed


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "[::ffff:127.0.0.1]", "0.0.0.0"])
@pytest.mark.parametrize("reach", NetworkReach)
async def test_this_machine_under_another_spelling_is_not_connected_to(host: str, reach: NetworkReach) -> None:
    async with scripted_http({"POST /": TAKEN}) as server:
        with pytest.raises(ChannelUnavailable, match="cannot be reached"):
            await posted(f"http://{host}:{server.port}", reach=reach)
    assert server.connections == 0


@pytest.mark.parametrize(
    ("host", "reach", "said"),
    [
        ("10.0.0.1", NetworkReach.PUBLIC, 'no public address; network = "private" allows'),
        ("169.254.169.254", NetworkReach.PRIVATE, "no address that is public or in your own network"),
    ],
)
async def test_a_provider_that_may_not_stand_there_says_what_allows_it(
    host: str, reach: NetworkReach, said: str
) -> None:
    with pytest.raises(ChannelUnavailable, match=said):
        await posted(f"https://{host}", reach=reach)


NOWHERE = "https://169.254.169.254"
LOGINS = (
    (sms_http, {"shape": "json", "to_field": "to", "text_field": "text", "token": "t"}),
    (sms_http, {"shape": "twilio", "account": "AC1", "token": "t", "from_": "+15550100"}),
    (social_mastodon, {"token": "t"}),
    (social_bluesky, {"identifier": "bank.test", "password": "p"}),
)


@pytest.mark.parametrize(
    ("network", "said"),
    [({}, "no public address"), ({"network": "private"}, "no address that is public or in your own network")],
    ids=str,
)
@pytest.mark.parametrize(("provider", "login"), LOGINS)
async def test_every_channel_hands_on_what_its_settings_say_of_the_network(
    provider: ModuleType, login: dict[str, str], network: dict[str, str], said: str
) -> None:
    channel = provider.connect({"url": NOWHERE, **login, **network})
    with pytest.raises(ChannelUnavailable, match=said):
        await channel.deliver(a_message(to="+4915112345678"), nothing)
    await channel.close()


async def test_a_name_that_is_none_is_the_channels_trouble() -> None:
    with pytest.raises(ChannelUnavailable, match="cannot be reached"):
        await posted(f"https://{'a' * 70}.invalid")


async def posted_to_addresses(
    server: ScriptedHttp, addresses: tuple[str, ...], tls: ssl.SSLContext, messages: int = 1
) -> list[str]:
    """Posts to localhost, which a name server of ours knows; gives what the name server was asked."""
    asked: list[str] = []

    async def lookup(host: str, port: int) -> tuple[str, ...]:
        asked.append(host)
        return addresses

    transport = GuardedTransport(httpx2.AsyncHTTPTransport(verify=tls), NetworkReach.PUBLIC, lookup)
    url = f"https://localhost:{server.port}"
    provider = open_provider(url, 5, client=httpx2.AsyncClient(transport=transport, trust_env=False))
    answers = [await post_through(provider, url) for _ in range(messages)]
    await provider.close()
    assert all(isinstance(answer, HttpAnswer) for answer in answers)
    return asked


async def test_a_name_is_looked_up_once_and_the_certificate_must_match(certificate: Path) -> None:
    """The host's name is looked up once for several messages, the connection goes to the looked-up address, and
    certificate and Host header are those of the name.
    """
    named: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.sni_callback = lambda _socket, name, _context: named.append(name)
    trusting = ssl.create_default_context(cafile=certificate)
    async with scripted_http({"POST /": TAKEN}, tls=context) as server:
        asked = await posted_to_addresses(server, ("127.0.0.1",), trusting, messages=3)
    assert (asked, named) == (["localhost"], ["localhost"])
    assert server.heard[0].headers["host"] == f"localhost:{server.port}"


@contextmanager
def swallowed(port: int) -> Iterator[str]:
    """An address of this machine where nobody ever answers, as behind a route that leads nowhere."""
    with socket.create_server(("127.0.0.9", port), backlog=0) as full:
        clients = [socket.socket() for _ in range(4)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        yield "127.0.0.9"
        for client in clients:
            client.close()


async def test_an_address_where_nobody_answers_leaves_time_for_the_next_one(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "CONNECT_SECONDS", 2.0)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=certificate)
    async with scripted_http({"POST /": TAKEN}, tls=context) as server:
        with swallowed(server.port) as nowhere:
            await posted_to_addresses(server, (nowhere, "127.0.0.1"), trusting, messages=2)
    assert len(server.heard) == 2


async def test_when_the_first_address_is_down_the_next_one_is_tried(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=certificate)
    async with scripted_http({"POST /": TAKEN}, tls=context) as server:
        asked = await posted_to_addresses(server, ("127.0.0.9", "127.0.0.1"), trusting, messages=2)
    assert len(server.heard) == 2
    assert len(asked) == 1  # and the one that is down is left alone for a while


async def test_a_name_is_looked_up_again_after_a_while(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "KEEP_ADDRESS_SECONDS", 0.0)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=certificate)
    async with scripted_http({"POST /": TAKEN}, tls=context) as server:
        assert await posted_to_addresses(server, ("127.0.0.1",), trusting, messages=2) == ["localhost"] * 2
