"""The one way out by HTTP: when the last call rings, what is believed, where it never connects."""

import asyncio
import gzip
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.domain.base.errors import ChannelMisconfigured, ChannelUnavailable, StaleClaim
from amends.domain.channel.message import LastCall, Receipt, ReceiptCause, Status
from channels.web_api import client
from channels.web_api import provider as provider_module
from channels.web_api.client import GuardedTransport, NetworkReach
from channels.web_api.provider import (
    LONGEST_WAIT,
    HttpAnswer,
    Provider,
    accepted,
    open_provider,
    read_back,
    retry_after,
)
from tests.channels.contract import Bell
from tests.channels.scripted_http import HANG_UP, reply, scripted_http

TAKEN = reply(200, {"id": "a-1"})
NOWHERE = "http://127.0.0.1:1"
NO_RECORD = b"\x17\x03\x03\x00\x20" + b"?" * 32
"""Has the head of a TLS record, and nobody can open it."""


async def nothing() -> None:
    """A last call that lets everything pass."""


async def posted(
    url: str,
    last_call: LastCall = nothing,
    *,
    seconds: float = 5,
    reach: NetworkReach = NetworkReach.PUBLIC,
    repeatable: bool = False,
) -> HttpAnswer | Receipt:
    provider = open_provider(url, seconds, reach=reach, repeatable=repeatable)
    try:
        return await post_through(provider, url, last_call)
    finally:
        await provider.close()


async def post_through(provider: Provider, url: str, last_call: LastCall = nothing) -> HttpAnswer | Receipt:
    return await provider.submit(provider.client.build_request("POST", f"{url}/", json={"a": 1}), "k", last_call)


# When the last call rings.


async def test_the_last_call_rings_when_connected_with_nothing_written() -> None:
    """The last call rings when the connection stands and before any byte of the request is written."""
    async with scripted_http({"POST /": TAKEN}) as server:
        seen: list[tuple[int, int]] = []

        async def last_call() -> None:
            await asyncio.sleep(0.05)
            seen.append((server.connections, len(server.heard)))

        await posted(server.url, last_call)
    assert seen == [(1, 0)]


async def test_the_last_call_rings_again_on_a_connection_that_is_used_again() -> None:
    async with scripted_http({"POST /": TAKEN}) as server:
        provider, bell = open_provider(server.url, 5), Bell()
        for _ in range(2):
            await post_through(provider, server.url, bell)
        await provider.close()
    assert (bell.rung, server.connections) == (2, 1)


async def test_a_failed_connection_rings_no_call_and_is_the_channels() -> None:
    """A connection that fails rings no last call, and is a trouble of the channel."""
    bell = Bell()
    with pytest.raises(ChannelUnavailable, match=r"127\.0\.0\.1:1 cannot be reached"):
        await posted(NOWHERE, bell)
    assert bell.rung == 0


async def test_a_server_whose_certificate_nobody_vouches_for_gets_nothing(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    bell = Bell()
    async with scripted_http({"POST /": TAKEN}, tls=context) as server:
        with pytest.raises(ChannelUnavailable, match="cannot be reached"):
            await posted(server.url, bell)
    assert (bell.rung, server.heard) == (0, [])


async def test_a_server_that_never_finishes_the_handshake_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_module, "CONNECT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        began, bell = monotonic(), Bell()
        with pytest.raises(ChannelUnavailable, match="cannot be reached"):
            await posted(f"https://127.0.0.1:{mute.getsockname()[1]}", bell)
    assert bell.rung == 0
    assert monotonic() - began < 8


async def test_a_stale_claim_lets_no_byte_out() -> None:
    async with scripted_http({"POST /": TAKEN}) as server:
        with pytest.raises(StaleClaim):
            await posted(server.url, Bell(stale=True))
        await asyncio.sleep(0.05)
        assert (server.connections, server.heard) == (1, [])


async def test_ledger_trouble_in_the_last_call_is_not_the_providers() -> None:
    """An error of the ledger in the last call is passed on as it is, and is not taken for a trouble of the provider."""

    async def last_call() -> None:
        raise TimeoutError("the ledger is locked")

    async with scripted_http({"POST /": TAKEN}) as server:
        with pytest.raises(TimeoutError, match="the ledger is locked"):
            await posted(server.url, last_call)


async def test_the_time_that_the_ledger_takes_is_not_the_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_module, "CONNECT_SECONDS", 1.5)
    async with scripted_http({"POST /": TAKEN}) as server:
        answer = await posted(server.url, lambda: asyncio.sleep(2), seconds=1.5)
    assert isinstance(answer, HttpAnswer)


async def hung_up_on(monkeypatch: pytest.MonkeyPatch, *, gone: bool) -> tuple[HttpAnswer | Receipt, int, int]:
    """A message whose server hangs up, and is gone for good or not, while the ledger takes its time.

    Gives what became of it, how often the last call rang, and how many requests arrived.
    """
    monkeypatch.setattr(provider_module, "IDLE_SECONDS", 0.01)
    async with scripted_http({"POST /": TAKEN}) as server:

        async def hang_up() -> list[object]:
            if gone:
                server.stop()
            for writer in server.writers:
                writer.transport.abort()
            await asyncio.sleep(0.05)
            return []

        bell = Bell(hang_up)
        return await posted(server.url, bell), bell.rung, len(server.heard)


async def test_a_server_that_hung_up_in_the_last_call_is_connected_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the server closed the connection while the ledger was busy in the last call, the message goes over a new
    connection, once and with one last call.
    """
    answer, rung, heard = await hung_up_on(monkeypatch, gone=False)
    assert (answer.code, rung, heard) == (200, 1, 1)


async def test_nothing_has_left_if_the_server_went_away_in_the_last_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the server has gone away while the ledger was busy in the last call, nothing has left: the message is
    deferred as not sent, to be tried at once.
    """
    assert await hung_up_on(monkeypatch, gone=True) == (
        Receipt("k", Status.DEFERRED, retry_after=0.0, cause=ReceiptCause.NOT_SENT),
        1,
        0,
    )


# What an answer means.


@pytest.mark.parametrize("code", [302, 303, 408, 409, 500, 502, 504])
@pytest.mark.parametrize(
    ("repeatable", "status", "doubtful"), [(True, Status.DEFERRED, True), (False, Status.UNCERTAIN, False)]
)
async def test_an_answer_that_is_neither_yes_nor_no_leaves_us_in_doubt(
    code: int, repeatable: bool, status: Status, doubtful: bool
) -> None:
    async with scripted_http({"POST /": reply(code)}) as server:
        assert await posted(server.url, repeatable=repeatable) == Receipt("k", status, str(code), doubtful=doubtful)


async def test_the_try_after_a_doubtful_answer_waits_as_the_server_asks() -> None:
    """After a doubtful answer with a Retry-After, the next try of a repeatable message waits as long as the server
    asks.
    """
    async with scripted_http({"POST /": reply(503, Retry_After="7")}) as server:
        receipt = await posted(server.url, repeatable=True)
    assert receipt == Receipt("k", Status.DEFERRED, "503", retry_after=7.0, doubtful=True)


async def test_an_answer_that_breaks_off_leaves_us_in_doubt() -> None:
    async with scripted_http({"POST /": HANG_UP}) as server:
        assert await posted(server.url) == Receipt("k", Status.UNCERTAIN, "no answer")


async def test_a_slow_answer_is_waited_for_in_total_and_not_byte_by_byte() -> None:
    async with scripted_http({"POST /": TAKEN}, drip=0.2) as server:
        began = monotonic()
        receipt = await posted(server.url, seconds=1)
    assert receipt == Receipt("k", Status.UNCERTAIN, "no answer")
    assert monotonic() - began < 10


async def test_a_yes_stands_although_its_body_comes_too_slowly() -> None:
    async with scripted_http({"POST /": reply(200, b"", Content_Length="100000")}) as server:
        answer = await posted(server.url, seconds=1.5)
    assert (answer.code, answer.body) == (200, b"")


@pytest.mark.parametrize("code", [200, 400])
async def test_of_a_body_without_end_only_the_first_line_counts(code: int) -> None:
    async with scripted_http({"POST /": reply(code, b"{" * 3_000_000)}) as server:
        answer = await posted(server.url)
    assert (answer.code, answer.body) == (code, b"")


async def test_a_packed_body_is_not_unpacked() -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    async with scripted_http({"POST /": reply(200, bomb, Content_Encoding="gzip")}) as server:
        answer = await posted(server.url)
    assert (answer.code, answer.body, answer.object()) == (200, bomb, {})
    assert server.heard[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("alphabet", ["utf-8", "utf-8-sig", "latin-1"])
def test_an_id_is_read_whatever_alphabet_the_words_beside_it_are_in(alphabet: str) -> None:
    body = '{"id": "a-1", "message": "Envoyé"}'.encode(alphabet)
    assert accepted(HttpAnswer(200, {}, body), "k", "id").provider_id == "a-1"


@pytest.mark.parametrize("encoding", ["identity", "UTF-8"])
async def test_a_body_that_is_only_said_to_be_encoded_is_read(encoding: str) -> None:
    async with scripted_http({"POST /": reply(200, {"id": "a-1"}, Content_Encoding=encoding)}) as server:
        answer = await posted(server.url)
    assert answer.object() == {"id": "a-1"}


@pytest.mark.parametrize(
    "body", [b"[" * 200_000, b'{"id":' * 100_000, b"9" * 500_000, b"\xff\xfe", b"", b"NaN", b"[1]"]
)
async def test_a_body_that_is_no_object_of_json_has_no_fields(body: bytes) -> None:
    assert HttpAnswer(200, {}, body).object() == {}


@pytest.mark.parametrize(
    "name", ['{"x": 1}', '"a b"', '"a\\r\\nb"', '"\\u4f60"', '""', "1.5", "null", '"' + "a" * 201 + '"']
)
def test_an_id_that_could_not_be_asked_for_again_is_none(name: str) -> None:
    assert accepted(HttpAnswer(200, {}, f'{{"id": {name}}}'.encode()), "k", "id").status is Status.UNCERTAIN


@pytest.mark.parametrize("name", ["0", '"0"', '"000"', "-1", '"-1"'])
def test_a_number_that_stands_for_no_id_is_none(name: str) -> None:
    answer = HttpAnswer(200, {}, f'{{"id": {name}, "error": "no credit"}}'.encode())
    assert accepted(answer, "k", "id") == Receipt("k", Status.UNCERTAIN, "200 without an id")


@pytest.mark.parametrize("name", ["10", "1", "0-1", "a0", "-a", "-8123456789012345678"])
def test_a_number_that_begins_or_ends_like_none_is_an_id(name: str) -> None:
    assert accepted(HttpAnswer(200, {}, f'{{"id": "{name}"}}'.encode()), "k", "id").provider_id == name


def test_an_id_within_an_object_is_found() -> None:
    assert accepted(HttpAnswer(200, {}, b'{"message": {"id": 17}}'), "k", "message.id").provider_id == "17"


@pytest.mark.parametrize("code", [300, 301, 307, 308])
async def test_no_redirect_is_followed(code: int) -> None:
    async with scripted_http({"POST /": reply(code, Location="/elsewhere")}) as server:
        receipt = await posted(server.url)
    assert receipt == Receipt("k", Status.DEFERRED, f"refused {code}")
    assert server.lines == ["POST /"]


async def test_nothing_in_the_environment_leads_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, NOWHERE)
    async with scripted_http({"POST /": TAKEN}) as server:
        assert (await posted(server.url)).code == 200


async def test_a_certificate_is_not_trusted_by_the_environments_word(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate is not trusted because SSL_CERT_FILE in the environment vouches for it, and nothing is sent."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with scripted_http({"POST /": TAKEN}, tls=context) as server:
        with pytest.raises(ChannelUnavailable, match="cannot be reached"):
            await posted(server.url)
    assert server.heard == []


async def test_an_idle_connection_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that stood idle for too long is not used again, because the server may close it at any moment."""
    monkeypatch.setattr(client, "IDLE_SECONDS", 0.01)
    async with scripted_http({"POST /": TAKEN}) as server:
        provider = open_provider(server.url, 5)
        for _ in range(2):
            await post_through(provider, server.url)
            await asyncio.sleep(0.1)
        await provider.close()
    assert server.connections == 2


async def test_a_question_is_given_up_in_time_however_slow_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question to a provider is given up after its time, also when the answer keeps coming byte by byte."""
    monkeypatch.setattr(provider_module, "ASK_SECONDS", 0.2)
    async with scripted_http({"GET /": TAKEN}, drip=0.01) as server:
        provider = open_provider(server.url, 60)
        with pytest.raises(ChannelUnavailable, match="did not answer: ReadTimeout"):
            await provider.ask(provider.client.build_request("GET", server.url))
        await provider.close()


async def test_no_cookie_goes_from_one_message_to_the_next() -> None:
    async with scripted_http({"POST /": reply(200, {}, Set_Cookie="who=ada; Path=/")}) as server:
        provider = open_provider(server.url, 5)
        for _ in range(2):
            await post_through(provider, server.url)
        await provider.close()
    assert ["cookie" in heard.headers for heard in server.heard] == [False, False]


async def test_what_went_wrong_shows_no_key_and_no_text(certificate: Path) -> None:
    with pytest.raises(ChannelUnavailable) as error:
        await posted(f"{NOWHERE}/s3cret")
    assert "s3cret" not in str(error.value)


@asynccontextmanager
async def broken_tls(certificate: Path, said: bytes) -> AsyncIterator[tuple[Provider, str]]:
    """A provider, and its address, that says this over TLS and then sends what is no TLS."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()
        os.write(writer.get_extra_info("socket").fileno(), NO_RECORD)
        await left.wait()
        writer.close()

    left = asyncio.Event()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    transport = GuardedTransport(
        httpx2.AsyncHTTPTransport(verify=ssl.create_default_context(cafile=certificate)), NetworkReach.PUBLIC
    )
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    provider = open_provider(url, 5, client=httpx2.AsyncClient(transport=transport, trust_env=False))
    try:
        yield provider, url
    finally:
        left.set()
        await provider.close()
        server.close()


async def test_an_answer_that_cannot_be_decrypted_leaves_us_in_doubt(certificate: Path) -> None:
    async with broken_tls(certificate, b"") as (provider, url):
        assert await post_through(provider, url) == Receipt("k", Status.UNCERTAIN, "no answer")


async def test_a_yes_stands_although_its_body_cannot_be_decrypted(certificate: Path) -> None:
    async with broken_tls(certificate, reply(200, b"", Content_Length="9")) as (provider, url):
        answer = await post_through(provider, url)
    assert (answer.code, answer.body) == (200, b"")


async def test_an_answer_that_cannot_be_decrypted_is_channel_trouble(certificate: Path) -> None:
    """A question whose answer cannot be decrypted is a trouble of the channel."""
    async with broken_tls(certificate, b"") as (provider, url):
        with pytest.raises(ChannelUnavailable, match="did not answer"):
            await provider.ask(provider.client.build_request("GET", url))


def test_an_address_that_cannot_be_one_is_an_engineers_matter() -> None:
    with pytest.raises(ChannelMisconfigured, match="url"):
        open_provider("https://0177.0.0.1/", 5)


async def test_a_post_is_looked_for_again_when_the_first_look_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_module, "LOOK_AFTER", (0.0, 0.0))
    looks = iter([ChannelUnavailable("busy"), "post-1"])

    async def look() -> str:
        found = next(looks)
        if isinstance(found, ChannelUnavailable):
            raise found
        return found

    receipt = await read_back(Receipt("k", Status.UNCERTAIN, "no answer"), look)
    assert receipt == Receipt("k", Status.SENT, "no answer, read back", provider_id="post-1")


# How long to wait.


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "9" * 400}, LONGEST_WAIT),
        ({"Retry-After": "Tue, 24 Nov 2026 09:00:30 -0000"}, 30.0),
        ({"X-RateLimit-Reset": "2026-11-24T09:02:00.000Z"}, 120.0),
        ({"RateLimit-Reset": "1795510860"}, 60.0),
        ({"RateLimit-Reset": "20"}, 20.0),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, LONGEST_WAIT),
    ],
    ids=str,
)
def test_a_wait_is_read_as_each_provider_writes_it(headers: dict[str, str], seconds: float) -> None:
    assert retry_after(HttpAnswer(429, {"Date": "Tue, 24 Nov 2026 09:00:00 GMT", **headers})) == seconds


@given(st.text(), st.text())
def test_whatever_a_server_asks_we_wait_an_hour_at_most(wanted: str, date: str) -> None:
    wait = retry_after(HttpAnswer(429, {"Retry-After": wanted, "Date": date}))
    assert wait is None or 0 <= wait <= LONGEST_WAIT


# When the provider refuses our account.


async def refusals(replies: list[bytes], last_call: Callable[[], Awaitable[None]] = nothing) -> tuple[list[str], int]:
    """What became of one message after another, and how many of them reached the server."""
    ends: list[str] = []
    async with scripted_http({"POST /": replies}) as server:
        provider = open_provider(server.url, 5)
        for _ in replies:
            try:
                end = await post_through(provider, server.url, last_call)
            except (ChannelMisconfigured, ChannelUnavailable) as error:
                ends.append(type(error).__name__)
            else:
                ends.append(end.detail if isinstance(end, Receipt) else str(end.code))
        await provider.close()
    return ends, len(server.heard)


@pytest.mark.parametrize(("code", "error"), [(401, "ChannelMisconfigured"), (402, "ChannelUnavailable")])
async def test_after_a_refusal_of_our_account_nothing_more_leaves(code: int, error: str) -> None:
    assert await refusals([reply(code)] * 3) == ([f"refused {code}", error, error], 1)


@pytest.mark.parametrize(
    ("code", "error"), [(403, "ChannelUnavailable"), (404, "ChannelMisconfigured"), (405, "ChannelMisconfigured")]
)
async def test_what_may_be_about_one_message_is_believed_at_the_third_time(code: int, error: str) -> None:
    assert await refusals([reply(code)] * 4) == ([f"refused {code}"] * 3 + [error], 3)


@pytest.mark.parametrize("between", [reply(200, {}), reply(422)], ids=["taken", "bad number"])
async def test_refusals_between_messages_that_are_read_spare_the_account(between: bytes) -> None:
    """Refusals with 403 are not about our account when messages between them are taken or answered for their content:
    the channel goes on.
    """
    _, reached = await refusals([reply(403), reply(403), between, reply(403), reply(403), reply(403)])
    assert reached == 6


async def test_a_refused_account_is_tried_again_with_one_message_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_module, "PROBE_SECONDS", 2)
    async with scripted_http({"POST /": [reply(402), TAKEN]}) as server:
        provider = open_provider(server.url, 5)
        await post_through(provider, server.url)
        with pytest.raises(ChannelUnavailable, match="refuses our account: 402"):
            await post_through(provider, server.url)
        await asyncio.sleep(2.1)
        ends = [await post_through(provider, server.url) for _ in range(2)]
        await provider.close()
    assert [end.code for end in ends] == [200, 200]


async def test_while_one_message_finds_out_the_others_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_module, "PROBE_SECONDS", 1)
    async with scripted_http({"POST /": reply(402)}) as server:
        provider = open_provider(server.url, 5)
        await post_through(provider, server.url)
        await asyncio.sleep(1.1)
        ends = await asyncio.gather(*(post_through(provider, server.url) for _ in range(5)), return_exceptions=True)
        await provider.close()
    assert [isinstance(end, ChannelUnavailable) for end in ends].count(True) == 4
    assert len(server.heard) == 2
