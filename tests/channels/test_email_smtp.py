"""Email: the contract, what each reply of the relay means, and what happens when the line breaks."""

import asyncio
import base64
import email
import email.policy
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from dkim import verify as dkim_verify

from amends.domain.base.errors import ChannelMisconfigured, ChannelUnavailable, StaleClaim
from amends.domain.channel.identifiers import bounce_address
from amends.domain.channel.message import Receipt, ReceiptCause, Status
from amends.sandbox.mail import CREDENTIALS, AfterDot, MailServer
from channels import email_smtp
from channels.email_smtp import EmailSmtp
from channels.smtp.dkim import Signer
from tests.channels.contract import Arrival, Bell, PersonalChannelContract, Rig, a_message, changed, deliver

SETTINGS = {
    "host": "127.0.0.1",
    "security": "none",
    "sender": "care@bank.test",
    "bounce_domain": "bounces.bank.test",
    "command_timeout": "2",
    "final_timeout": "1",
}


def settings_for(port: int, **changes: str) -> dict[str, str]:
    return {**SETTINGS, "port": str(port), **changes}


ENDED_BY = {"a dot": {}, "a last chunk": {"EHLO": "250-scripted\r\n250-PIPELINING\r\n250 CHUNKING"}}
"""What a relay offers, by what ends a message then."""
CHUNKING = ENDED_BY["a last chunk"]
ends = pytest.mark.parametrize("end", ENDED_BY)


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def arrivals(mail: MailServer) -> list[Arrival]:
    return [as_arrival(arrived.recipients, arrived.content) for arrived in mail.arrived]


def as_arrival(recipients: tuple[str, ...], content: bytes) -> Arrival:
    parsed = email.message_from_bytes(content, policy=email.policy.default)
    text = parsed.get_body(("plain",)).get_content().strip()
    return Arrival(parsed["Message-ID"], text.replace("\r\n", "\n"), recipients, tuple(parsed.keys()))


class TestContract(PersonalChannelContract):
    @pytest.fixture
    def rig(self, mail: MailServer) -> Rig:
        return Rig(
            connect=email_smtp.connect,
            settings=settings_for(mail.port),
            required=("host", "sender", "bounce_domain"),
            nowhere=settings_for(closed_port()),
            arrivals=lambda: arrivals(mail),
            message=a_message(),
            refused=a_message(key="refused", to="bounce@example.test"),
            numbered=lambda message, number: changed(
                message, key=f"key-{number}", to=f"person{number % 3}@example.test", text=f"Only for {number}."
            ),
            secrets=("rehearsal",),
        )

    @pytest.fixture
    async def channel(self, rig: Rig) -> AsyncIterator[EmailSmtp]:
        channel = rig.connect(rig.settings)
        yield channel
        await channel.close()


class TestContractWithoutPipelining(TestContract):
    @pytest.fixture
    def mail(self, tmp_path: Path) -> Any:
        with MailServer(tmp_path / "mail", pipelining=False) as server:
            yield server


class TestContractWithoutChunks(TestContract):
    @pytest.fixture
    def mail(self, tmp_path: Path) -> Any:
        with MailServer(tmp_path / "mail", chunking=False) as server:
            yield server


async def delivered(port: int, bell: Bell | None = None, **changes: Any) -> Receipt:
    channel = email_smtp.connect(settings_for(port))
    try:
        return await deliver(channel, a_message(**changes), bell or Bell())
    finally:
        await channel.close()


@ends
@pytest.mark.parametrize(
    ("verb", "reply", "status", "cause", "detail"),
    [
        ("MAIL", "451 4.7.1 slow down", Status.DEFERRED, ReceiptCause.NONE, "451 4.7.1"),
        ("RCPT", "550 5.1.1 <ada@example.test> unknown", Status.REJECTED, ReceiptCause.BAD_ADDRESS, "550 5.1.1"),
        ("RCPT", "550 unknown user", Status.REJECTED, ReceiptCause.BAD_ADDRESS, "550"),
        ("RCPT", "551 5.1.6 moved", Status.REJECTED, ReceiptCause.BAD_ADDRESS, "551 5.1.6"),
        ("RCPT", "553 5.1.3 bad syntax", Status.REJECTED, ReceiptCause.BAD_ADDRESS, "553 5.1.3"),
        ("RCPT", "501 5.1.3 bad syntax", Status.REJECTED, ReceiptCause.BAD_ADDRESS, "501 5.1.3"),
        ("RCPT", "556 5.1.10 null MX", Status.REJECTED, ReceiptCause.BAD_ADDRESS, "556 5.1.10"),
        ("RCPT", "551 moved", Status.REJECTED, ReceiptCause.BAD_ADDRESS, "551"),
        ("RCPT", "553 bad syntax", Status.REJECTED, ReceiptCause.BAD_ADDRESS, "553"),
        ("RCPT", "501 bad syntax", Status.REJECTED, ReceiptCause.BAD_ADDRESS, "501"),
        ("RCPT", "556 null MX", Status.REJECTED, ReceiptCause.BAD_ADDRESS, "556"),
        ("RCPT", "550 5.2.1 disabled", Status.REJECTED, ReceiptCause.BAD_ADDRESS, "550 5.2.1"),
        ("RCPT", "451 4.7.1 greylisted", Status.DEFERRED, ReceiptCause.NONE, "451 4.7.1"),
        ("RCPT", "452 4.2.2 full", Status.DEFERRED, ReceiptCause.NONE, "452 4.2.2"),
        ("RCPT", "552 5.2.2 full", Status.DEFERRED, ReceiptCause.NONE, "552 5.2.2"),
        ("RCPT", "552 over quota", Status.DEFERRED, ReceiptCause.NONE, "552"),
        ("RCPT", "552 5.2.3 too long for this mailbox", Status.REJECTED, ReceiptCause.NONE, "552 5.2.3"),
        ("RCPT", "552 5.3.4 too long for us", Status.REJECTED, ReceiptCause.CONTENT, "552 5.3.4"),
        ("RCPT", "550 5.7.1 blocked", Status.DEFERRED, ReceiptCause.POLICY, "550 5.7.1"),
        ("RCPT", "554 blocked", Status.DEFERRED, ReceiptCause.POLICY, "554"),
        ("RCPT", "550 5.1.7 sender's syntax", Status.DEFERRED, ReceiptCause.POLICY, "550 5.1.7"),
        ("RCPT", "550 5.1.8 sender's domain not found", Status.DEFERRED, ReceiptCause.POLICY, "550 5.1.8"),
        ("RCPT", "550 5.4.5 sending quota exceeded", Status.DEFERRED, ReceiptCause.POLICY, "550 5.4.5"),
        ("DATA", "451 4.3.0 not now", Status.DEFERRED, ReceiptCause.NONE, "451 4.3.0"),
        ("DATA", "550 5.7.1 blocked", Status.DEFERRED, ReceiptCause.POLICY, "550 5.7.1"),
        ("DATA", "552 5.2.2 full", Status.DEFERRED, ReceiptCause.NONE, "552 5.2.2"),
        ("DATA", "552 over quota", Status.DEFERRED, ReceiptCause.NONE, "552"),
        ("DATA", "552 5.2.3 too long for this mailbox", Status.REJECTED, ReceiptCause.NONE, "552 5.2.3"),
        ("DATA", "552 5.3.4 too long for us", Status.REJECTED, ReceiptCause.CONTENT, "552 5.3.4"),
        ("DATA", "554 5.6.0 bad content", Status.REJECTED, ReceiptCause.CONTENT, "554 5.6.0"),
        ("DOT", "250 2.0.0 Ok", Status.SENT, ReceiptCause.NONE, "250 2.0.0"),
        ("DOT", "451 4.3.0 not now", Status.DEFERRED, ReceiptCause.NONE, "451 4.3.0"),
        ("DOT", "421 4.3.2 shutting down", Status.DEFERRED, ReceiptCause.NONE, "421 4.3.2"),
        ("DOT", "552 5.2.2 full", Status.DEFERRED, ReceiptCause.NONE, "552 5.2.2"),
        ("DOT", "552 over quota", Status.DEFERRED, ReceiptCause.NONE, "552"),
        ("DOT", "552 5.2.3 too long for this mailbox", Status.REJECTED, ReceiptCause.NONE, "552 5.2.3"),
        ("DOT", "552 5.3.4 too long for us", Status.REJECTED, ReceiptCause.CONTENT, "552 5.3.4"),
        ("DOT", "554 5.6.0 bad content", Status.REJECTED, ReceiptCause.CONTENT, "554 5.6.0"),
        ("DOT", "550 5.7.1 looks like spam", Status.DEFERRED, ReceiptCause.POLICY, "550 5.7.1"),
        ("DOT", "550 5.1.8 bad outbound sender", Status.DEFERRED, ReceiptCause.POLICY, "550 5.1.8"),
        ("DOT", "550 5.1.90 your daily limit", Status.DEFERRED, ReceiptCause.POLICY, "550 5.1.90"),
        ("DOT", "550 5.4.5 daily sending limit", Status.DEFERRED, ReceiptCause.POLICY, "550 5.4.5"),
        ("DOT", "550 5.4.6 mail rate exceeded", Status.DEFERRED, ReceiptCause.POLICY, "550 5.4.6"),
        ("DOT", "550 5.1.1 unknown", Status.REJECTED, ReceiptCause.BAD_ADDRESS, "550 5.1.1"),
        ("DOT", "354 what", Status.UNCERTAIN, ReceiptCause.NONE, "354"),
        ("DOT", "this is no reply", Status.UNCERTAIN, ReceiptCause.NONE, "not an SMTP reply"),
        ("DOT", "", Status.UNCERTAIN, ReceiptCause.NONE, "connection lost"),
    ],
)
async def test_a_reply_means(
    scripted: Callable[..., Any], end: str, verb: str, reply: str, status: Status, cause: ReceiptCause, detail: str
) -> None:
    relay = await scripted({**ENDED_BY[end], "BDAT" if (end, verb) == ("a last chunk", "DATA") else verb: reply})
    receipt = await delivered(relay.port)
    assert (receipt.status, receipt.cause, receipt.detail) == (status, cause, detail)


@pytest.mark.parametrize("reply", ["554 no", "550 no", "554 5.3.0 no", "550 5.4.1 no"])
async def test_a_refused_chunk_means_what_a_refused_dot_does(scripted: Callable[..., Any], reply: str) -> None:
    relay = await scripted({**CHUNKING, "BDAT": reply})
    by_chunk = await delivered(relay.port)
    by_dot = await delivered((await scripted({"DOT": reply})).port)
    assert (by_chunk, by_chunk.cause) == (by_dot, ReceiptCause.CONTENT)


async def test_a_relay_that_does_not_want_the_data_has_not_seen_the_content(scripted: Callable[..., Any]) -> None:
    relay, bell = await scripted({"DATA": "554 no"}), Bell()
    receipt = await delivered(relay.port, bell)
    assert (receipt.status, receipt.cause, bell.rung) == (Status.DEFERRED, ReceiptCause.POLICY, 0)


async def test_one_reply_to_recipient_and_chunk_is_about_the_recipient(scripted: Callable[..., Any]) -> None:
    """A relay that answers recipient and chunk with the same words speaks of the recipient: the cause is read from the
    reply to RCPT.
    """
    relay = await scripted({**CHUNKING, "RCPT": "554 blocked", "BDAT": "554 blocked"})
    assert (await delivered(relay.port)).cause is ReceiptCause.POLICY


@pytest.mark.parametrize(
    "replies",
    [
        {"CONNECT": "554 5.3.2 go away"},
        {"CONNECT": "421 4.3.2 busy"},
        {"CONNECT": "250 2.0.0 hello"},
        {"CONNECT": "hello"},
        {"CONNECT": ""},
        {"EHLO": "502 5.5.1 what"},
        {"MAIL": "550 5.1.8 bad sender"},
        {"MAIL": "421 4.3.2 closing"},
        {"RCPT": ""},
        {"DATA": "250 2.0.0 what"},
        {**CHUNKING, "BDAT": "354 what"},
        {**CHUNKING, "BDAT": ""},
    ],
    ids=str,
)
async def test_trouble_of_the_relay_is_an_error_before_the_last_call(
    scripted: Callable[..., Any], replies: dict[str, str]
) -> None:
    relay, bell = await scripted(replies), Bell()
    with pytest.raises(ChannelUnavailable):
        await delivered(relay.port, bell)
    assert bell.rung == 0


@pytest.mark.parametrize("offers", [{}, {"EHLO": "250-scripted\r\n250 PIPELINING"}, CHUNKING], ids=str)
@pytest.mark.parametrize(
    ("reply", "status"), [("421 4.7.0 not for this one", Status.DEFERRED), ("550 5.1.1 unknown", Status.REJECTED)]
)
async def test_a_relay_that_hangs_up_over_a_recipient_has_answered(
    scripted: Callable[..., Any], offers: dict[str, str], reply: str, status: Status
) -> None:
    """When the relay answers a recipient and closes the connection, its answer is the receipt; else this one person's
    message would be tried for ever, as if the relay were down.
    """
    relay = await scripted({**offers, "RCPT": reply, "DATA": "", "BDAT": ""})
    receipt = await delivered(relay.port)
    assert (receipt.status, receipt.detail) == (status, reply[:9])


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
async def test_a_relay_that_wants_a_login_is_an_engineers_matter(scripted: Callable[..., Any], verb: str) -> None:
    relay = await scripted({verb: "530 5.7.0 Authentication required"})
    with pytest.raises(ChannelMisconfigured, match="530"):
        await delivered(relay.port)


async def test_a_relay_that_says_nothing_is_given_up_in_time(scripted: Callable[..., Any]) -> None:
    relay = await scripted({"EHLO": "250-still\r\n250-thinking"})
    channel = email_smtp.connect(settings_for(relay.port, command_timeout="1"))
    with pytest.raises(ChannelUnavailable, match="in time"):
        await deliver(channel, a_message(), Bell())


@pytest.mark.parametrize("said", [b"250-" + 20_000 * b"x", 200 * b"250-more\r\n"], ids=["line", "lines"])
async def test_a_greeting_without_an_end_is_not_listened_to(said: bytes) -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    with pytest.raises(ChannelUnavailable, match="not an SMTP reply"):
        await delivered(server.sockets[0].getsockname()[1])
    server.close()


async def test_a_relay_that_stops_reading_is_given_up_in_time() -> None:
    """A relay that stops reading in the middle of a message is given up after the command timeout: the message is
    deferred, and nothing is delivered.
    """

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in ("220 hi", "250-hi\r\n250 PIPELINING", "250 ok", "250 ok", "354 go"):
            writer.write(f"{reply}\r\n".encode())
            if reply[:3] != "354":
                await reader.readline()
        writer.transport.pause_reading()  # type: ignore[attr-defined]

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    channel = email_smtp.connect(settings_for(server.sockets[0].getsockname()[1], command_timeout="1"))
    async with asyncio.timeout(10):
        receipt = await deliver(channel, a_message(text="far too much for the buffers\n" * 400_000), Bell())
    server.close()
    assert (receipt.status, receipt.detail) == (Status.DEFERRED, "connection lost")


async def test_the_queue_id_is_kept(scripted: Callable[..., Any]) -> None:
    relay = await scripted()
    assert (await delivered(relay.port)).provider_id == "4F1C2AB"


@pytest.mark.parametrize(
    ("reply", "queue_id"),
    [
        ("250 2.0.0 Ok: queued as 4bXk2z1", "4bXk2z1"),
        ("250 OK id=1rT5kP-0003Cd-1X", "1rT5kP-0003Cd-1X"),
        ("250 Ok 0102018c9e-6f2a-000000", "0102018c9e-6f2a-000000"),
        ("250 OK queued", ""),
        ("250 2.0.0 Message for ada@example.test accepted", ""),
    ],
)
async def test_a_queue_id_is_read_where_there_is_one(scripted: Callable[..., Any], reply: str, queue_id: str) -> None:
    relay = await scripted({"DOT": reply})
    assert (await delivered(relay.port)).provider_id == queue_id


@ends
async def test_the_content_is_there_without_its_end_at_the_last_call(scripted: Callable[..., Any], end: str) -> None:
    """At the last call before sending, the relay has the content of the message and not yet its end, so nothing is
    delivered before the ledger has the commit mark.
    """
    relay = await scripted(ENDED_BY[end])
    seen: list[tuple[str, int]] = []

    async def last_call() -> None:
        await asyncio.sleep(0.05)
        seen.append((relay.heard[-1].split(" ")[0], len(relay.contents)))

    channel = email_smtp.connect(settings_for(relay.port))
    await deliver(channel, a_message(), last_call)
    await channel.close()
    assert seen == [("BDAT" if end == "a last chunk" else "DATA", 0)]
    assert len(relay.contents) == 1


@ends
async def test_a_stale_claim_ends_the_connection_without_an_end(scripted: Callable[..., Any], end: str) -> None:
    relay = await scripted(ENDED_BY[end])
    with pytest.raises(StaleClaim):
        await delivered(relay.port, Bell(stale=True))
    await asyncio.sleep(0.05)
    assert (relay.cut_short, relay.contents) == (1, [])


@ends
async def test_a_relay_that_hangs_up_during_the_mark_leaves_no_doubt(scripted: Callable[..., Any], end: str) -> None:
    """When the relay closes the connection while the commit mark is being written, the message has not left: it is
    deferred, to be tried at once, and is not uncertain.
    """
    relay = await scripted(ENDED_BY[end])

    async def last_call() -> None:
        relay.hang_up()
        await asyncio.sleep(0.05)

    receipt = await deliver(email_smtp.connect(settings_for(relay.port)), a_message(), last_call)
    assert (receipt.status, receipt.retry_after, relay.contents) == (Status.DEFERRED, 0, [])


@ends
async def test_a_message_cancelled_before_its_end_never_gets_one(scripted: Callable[..., Any], end: str) -> None:
    relay = await scripted(ENDED_BY[end])
    waiting = asyncio.Event()

    async def never() -> None:
        waiting.set()
        await asyncio.sleep(60)

    channel = email_smtp.connect(settings_for(relay.port))
    task = asyncio.create_task(deliver(channel, a_message(), never))
    await waiting.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0.05)
    assert (relay.cut_short, relay.contents) == (1, [])


async def test_there_is_one_envelope_recipient_and_a_return_path_of_its_own(scripted: Callable[..., Any]) -> None:
    relay = await scripted()
    await delivered(relay.port)
    envelope = [line for line in relay.heard if line.startswith(("MAIL", "RCPT"))]
    sender = bounce_address(a_message().bounce, "bounces.bank.test")
    assert envelope == [f"MAIL FROM:<{sender}>", "RCPT TO:<ada@example.test>"]


async def test_bounces_are_asked_for_without_content_where_possible(scripted: Callable[..., Any]) -> None:
    """Where the relay offers DSN, bounces are asked for failures and delays, with headers only and without the content."""
    relay = await scripted({"EHLO": "250-scripted\r\n250 DSN"})
    await delivered(relay.port)
    assert "RET=HDRS" in relay.heard[1]
    assert relay.heard[2].endswith("NOTIFY=FAILURE,DELAY")


async def test_a_pipelining_relay_that_wants_content_for_nobody_gets_none(scripted: Callable[..., Any]) -> None:
    relay = await scripted({"EHLO": "250-scripted\r\n250 PIPELINING", "RCPT": "550 5.1.1 unknown"})
    receipt = await delivered(relay.port)
    await asyncio.sleep(0.05)
    assert (receipt.status, relay.contents) == (Status.REJECTED, [])


async def test_content_in_chunks_arrives_to_the_byte(scripted: Callable[..., Any]) -> None:
    by_dot, by_chunk = await scripted(), await scripted(CHUNKING)
    text = "a\n.\n..b\n" + ". " * 100
    for relay in (by_dot, by_chunk):
        await delivered(relay.port, text=text, html=f"<p>{text}</p>")
    assert by_dot.contents == by_chunk.contents
    assert f"BDAT {len(by_chunk.contents[0])}" in by_chunk.heard


async def test_a_chunk_for_nobody_is_void_and_the_connection_goes_on(scripted: Callable[..., Any]) -> None:
    relay = await scripted(CHUNKING)
    channel = email_smtp.connect(settings_for(relay.port))
    relay.replies["RCPT"] = "550 5.1.1 unknown"
    refused = await deliver(channel, a_message(key="first", text="Only for the first."), Bell())
    relay.replies["RCPT"] = "250 2.1.5 Ok"
    await deliver(channel, a_message(key="second", text="Only for the second."), Bell())
    await channel.close()
    (content,) = relay.contents
    assert (refused.status, relay.connections, b"second" in content, b"first" in content) == (
        (Status.REJECTED, 1, True, False)
    )


@pytest.mark.parametrize(
    ("offers", "chunking"),
    [("250-scripted\r\n250 CHUNKING", "true"), (CHUNKING["EHLO"], "false")],
    ids=["not ahead", "not wanted"],
)
async def test_chunks_go_only_to_whom_one_may_speak_ahead(
    scripted: Callable[..., Any], offers: str, chunking: str
) -> None:
    relay = await scripted({"EHLO": offers})
    channel = email_smtp.connect(settings_for(relay.port, chunking=chunking))
    receipt = await deliver(channel, a_message(), Bell())
    await channel.close()
    assert (receipt.status, "DATA" in relay.heard) == (Status.SENT, True)


async def test_a_relay_that_denies_the_chunks_it_offers_is_misconfigured(scripted: Callable[..., Any]) -> None:
    """A relay that offers CHUNKING and does not know BDAT is a matter for an engineer: the error names the setting
    chunking, no last call rings, and nothing is sent.
    """
    relay, bell = await scripted({**CHUNKING, "BDAT": "502 5.5.2 What?"}), Bell()
    with pytest.raises(ChannelMisconfigured, match="chunking to false"):
        await delivered(relay.port, bell)
    assert (bell.rung, relay.contents) == (0, [])


async def test_a_refused_chunk_without_recipients_is_nothing_against_chunks(scripted: Callable[..., Any]) -> None:
    """A relay that refuses a chunk after it refused the only recipient says nothing against chunks: the recipient is
    rejected and the channel goes on.
    """
    relay = await scripted({**CHUNKING, "RCPT": "550 5.1.1 unknown", "BDAT": "502 5.5.1 not now"})
    assert (await delivered(relay.port)).status is Status.REJECTED


LONG = "far too long\n" * 1000


class TwoErrands:
    """Two messages or more, the next of which goes at once; last calls are answered as soon as the loop turns."""

    def __init__(self, *messages: Any) -> None:
        self.left, self.called, self.answers = list(messages), [], []

    async def next(self) -> Any:
        return self.next_at_once()

    def next_at_once(self) -> Any:
        return self.left.pop(0) if self.left else None

    def last_call(self, key: str, then: Callable[[Exception | None], None]) -> None:
        self.called.append(key)
        asyncio.get_running_loop().call_soon(then, None)

    def answer(self, receipt: Receipt) -> None:
        self.answers.append((receipt.key, receipt.status))


def limited(offers: str, limit: str) -> dict[str, str]:
    return {"EHLO": f"250-scripted\r\n{offers}250 SIZE {limit}".rstrip()}


OFFERS = {"one by one": "", "ahead": "250-PIPELINING\r\n", "in chunks": "250-PIPELINING\r\n250-CHUNKING\r\n"}
offering = pytest.mark.parametrize("offers", OFFERS.values(), ids=OFFERS)


@offering
async def test_nothing_is_said_of_an_email_longer_than_the_relay_takes(
    scripted: Callable[..., Any], offers: str
) -> None:
    """An email longer than the relay's limit is not even begun: the error names the relay and its limit and says to
    shorten the notice, and no last call rings.
    """
    relay, bell = await scripted(limited(offers, "8000")), Bell()
    with pytest.raises(
        ChannelMisconfigured, match=r"127\.0\.0\.1:\d+ takes no message of more than 8000 bytes"
    ) as error:
        await delivered(relay.port, bell, text=LONG)
    assert ("shorten the notice" in str(error.value), bell.rung, len(relay.heard)) == (True, 0, 1)


@offering
async def test_a_message_in_flight_gets_its_answer_before_a_too_long_one(
    scripted: Callable[..., Any], offers: str
) -> None:
    """When the next message is too long for the relay, the message in flight still gets its receipt, and the long one
    is never begun.
    """
    relay = await scripted(limited(offers, "8000"))
    in_flight = TwoErrands(a_message(key="fits"), a_message(key="too long", text=LONG))
    with pytest.raises(ChannelMisconfigured, match="8000"):
        await email_smtp.connect(settings_for(relay.port)).carry(in_flight)
    assert (in_flight.answers, in_flight.called) == ([("fits", Status.SENT)], ["fits"])
    assert sum(line.startswith("MAIL") for line in relay.heard) == 1


async def test_the_limit_is_that_of_the_letter_to_the_byte(scripted: Callable[..., Any]) -> None:
    unlimited = await scripted()
    await delivered(unlimited.port)
    length = len(unlimited.contents[0])
    assert (await delivered((await scripted(limited("", str(length)))).port)).status is Status.SENT
    with pytest.raises(ChannelMisconfigured, match=f"this one has {length}"):
        await delivered((await scripted(limited("", str(length - 1)))).port)


@pytest.mark.parametrize("limit", ["0", "", "much", "²"])
async def test_a_relay_that_names_no_limit_gets_every_letter(scripted: Callable[..., Any], limit: str) -> None:
    relay = await scripted(limited("", limit))
    assert (await delivered(relay.port, text=LONG)).status is Status.SENT


@offering
@pytest.mark.parametrize("reply", ["354 what", "421 4.3.2 shutting down"])
async def test_after_an_answer_that_ends_the_connection_another_is_used(
    scripted: Callable[..., Any], offers: str, reply: str
) -> None:
    """After an answer that ends a connection, the next message goes over another connection."""
    relay = await scripted({**limited(offers, "0"), "DOT": reply})
    in_flight = TwoErrands(a_message(key="first"), a_message(key="second"))
    await email_smtp.connect(settings_for(relay.port)).carry(in_flight)
    assert (in_flight.called, relay.connections) == (["first", "second"], 2)


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "DOT"])
async def test_without_pipelining_nothing_is_said_before_the_answer(scripted: Callable[..., Any], verb: str) -> None:
    """To a relay that offers no pipelining nothing is said before its answer. Behind 421 nothing is said over the same
    connection, so a command that the relay hears there was said ahead.
    """
    relay = await scripted({verb: "421 4.3.2 shutting down"})
    in_flight = TwoErrands(a_message(key="first"), a_message(key="second"))
    with suppress(ChannelUnavailable):
        await email_smtp.connect(settings_for(relay.port)).carry(in_flight)
    connections = " ".join(line.split(" ")[0] for line in relay.heard).split("EHLO")[1:]
    assert {connection.split()[-1] for connection in connections} == {"DATA" if verb == "DOT" else verb}
    assert {connection.count("MAIL") for connection in connections} == {1}


class StaleFirst(TwoErrands):
    """The first message must not leave any more when its last call comes; no other goes at once behind it."""

    async def next(self) -> Any:
        return self.left.pop(0) if self.left else None

    def next_at_once(self) -> None:
        return None

    def last_call(self, key: str, then: Callable[[Exception | None], None]) -> None:
        self.called.append(key)
        asyncio.get_running_loop().call_soon(then, StaleClaim(key) if len(self.called) == 1 else None)


@offering
async def test_a_stale_message_does_not_leave_with_the_next_one(scripted: Callable[..., Any], offers: str) -> None:
    """A message that must not leave any more, because its last call refused it, is dropped with its connection and does
    not leave together with the next message.
    """
    relay = await scripted(limited(offers, "0"))
    in_flight = StaleFirst(a_message(key="stale", text="It is stale."), a_message(key="next"))
    await email_smtp.connect(settings_for(relay.port)).carry(in_flight)
    assert (in_flight.answers, relay.connections) == ([("next", Status.SENT)], 2)
    assert ["stale" in content.decode() for content in relay.contents] == [False]


async def test_one_connection_serves_many_messages(mail: MailServer) -> None:
    channel = email_smtp.connect(settings_for(mail.port))
    for number in range(5):
        await deliver(channel, a_message(key=f"k{number}"), Bell())
    await channel.close()
    assert mail.connections == 1


async def test_no_more_connections_are_opened_than_allowed(mail: MailServer) -> None:
    mail.delay = 0.02
    channel = email_smtp.connect(settings_for(mail.port, connections="2"))
    await asyncio.gather(*(deliver(channel, a_message(key=f"k{number}"), Bell()) for number in range(8)))
    await channel.close()
    assert mail.connections == 2


async def test_a_kept_connection_that_died_is_replaced_unnoticed(mail: MailServer) -> None:
    """When a kept connection has died, the next message goes over a new one and is sent."""
    channel = email_smtp.connect(settings_for(mail.port))
    await deliver(channel, a_message(key="first"), Bell())
    mail.hang_up()
    await asyncio.sleep(0.05)
    receipt = await deliver(channel, a_message(key="second"), Bell())
    await channel.close()
    assert (receipt.status, len(mail.arrived)) == (Status.SENT, 2)


async def test_a_kept_connection_that_says_421_is_replaced_in_one_call(scripted: Callable[..., Any]) -> None:
    """When a kept connection says 421, the message goes over a new connection, with a single last call."""
    relay, bell = await scripted(), Bell()
    channel = email_smtp.connect(settings_for(relay.port))
    await deliver(channel, a_message(key="first"), Bell())
    relay._writers[0].write(b"421 4.4.2 idle too long\r\n")
    await asyncio.sleep(0.02)
    receipt = await deliver(channel, a_message(key="second"), bell)
    await channel.close()
    assert (receipt.status, bell.rung, relay.connections) == (Status.SENT, 1, 2)


async def test_an_unasked_reply_is_never_taken_for_a_later_answer(scripted: Callable[..., Any]) -> None:
    """A reply that nobody asked for, on a kept connection, is never taken for the answer to a later message."""
    relay = await scripted(CHUNKING)
    channel = email_smtp.connect(settings_for(relay.port))
    await deliver(channel, a_message(key="first"), Bell())
    relay._writers[0].write(b"250 2.0.0 Ok\r\n")
    await asyncio.sleep(0.02)
    relay.replies["DOT"] = "550 5.1.1 unknown"
    receipt = await deliver(channel, a_message(key="second"), Bell())
    await channel.close()
    assert (receipt.status, relay.connections) == (Status.REJECTED, 2)


@ends
async def test_a_yes_before_the_end_of_a_message_is_no_yes_to_the_message(
    scripted: Callable[..., Any], end: str
) -> None:
    early = "\r\n250 2.0.0 Ok: queued as 4F1C2AB"
    relay = await scripted({**ENDED_BY[end], "DOT": "550 5.1.1 unknown"})
    relay.replies |= {verb: relay.replies[verb] + early for verb in ("DATA", "BDAT")}
    receipt = await delivered(relay.port)
    assert (receipt.status, receipt.detail) == (Status.DEFERRED, "answered what nobody asked")
    assert relay.contents == []


@ends
async def test_a_reply_that_says_no_and_yes_is_neither(scripted: Callable[..., Any], end: str) -> None:
    relay = await scripted({**ENDED_BY[end], "DOT": "550-5.7.1 not this one\r\n250 2.0.0 Ok"})
    assert (await delivered(relay.port)).status is Status.UNCERTAIN


@offering
async def test_a_farewell_behind_the_answer_takes_nothing_from_it(scripted: Callable[..., Any], offers: str) -> None:
    """A relay that shuts down says so to whoever is connected (RFC 5321, 3.8), and closes."""
    relay = await scripted({**limited(offers, "0"), "DOT": "250 2.0.0 Ok\r\n421 4.3.2 shutting down"})
    in_flight = TwoErrands(a_message(key="first"), a_message(key="second"))
    await email_smtp.connect(settings_for(relay.port)).carry(in_flight)
    assert in_flight.answers == [("first", Status.SENT), ("second", Status.SENT)]
    assert (len(relay.contents), relay.connections) == (2, 2)


ENOUGH = "452 4.5.3 Too many recipients: Too many messages sent"


@offering
async def test_a_relay_that_limits_messages_per_connection_gets_the_rest(
    scripted: Callable[..., Any], offers: str
) -> None:
    """When the relay takes no more messages over one connection, the rest go over further connections: each gets one
    last call and is sent.
    """
    relay = await scripted({**limited(offers, "0"), "ENOUGH": ENOUGH})
    relay.most_over_one = 2
    in_flight = TwoErrands(*(a_message(key=f"number {number}") for number in range(5)))
    await email_smtp.connect(settings_for(relay.port)).carry(in_flight)
    assert in_flight.answers == [(f"number {number}", Status.SENT) for number in range(5)]
    assert (in_flight.called, relay.connections) == ([key for key, _ in in_flight.answers], 3)


async def test_a_kept_connection_that_takes_no_more_puts_nobody_off(scripted: Callable[..., Any]) -> None:
    """When a kept connection takes no more messages, the next message goes over a fresh connection and is sent, and is
    not deferred.
    """
    relay = await scripted({"ENOUGH": ENOUGH})
    relay.most_over_one = 1
    channel = email_smtp.connect(settings_for(relay.port))
    receipts = [await deliver(channel, a_message(key=key), Bell()) for key in ("first", "second")]
    await channel.close()
    assert ([receipt.status for receipt in receipts], relay.connections) == ([Status.SENT, Status.SENT], 2)


@pytest.mark.parametrize(("reply", "connections"), [(ENOUGH, 3), ("452 4.3.1 out of space", 1)])
async def test_a_sender_put_off_otherwise_or_on_a_fresh_connection_waits(
    scripted: Callable[..., Any], reply: str, connections: int
) -> None:
    """A message waits when the relay puts the sender off for another reason than the connection's limit, or does so
    over a fresh connection too.
    """
    relay = await scripted()
    channel = email_smtp.connect(settings_for(relay.port))
    await deliver(channel, a_message(key="first"), Bell())
    relay.replies["MAIL"] = reply
    put_off = [await deliver(channel, a_message(key=key), Bell()) for key in ("second", "third")]
    await channel.close()
    assert {(receipt.status, receipt.detail) for receipt in put_off} == {(Status.DEFERRED, reply[:9])}
    assert relay.connections == connections


@pytest.mark.parametrize(("after_dot", "taken"), [(AfterDot.KEEP_AND_DROP, 1), (AfterDot.LOSE_AND_DROP, 0)])
async def test_a_line_that_breaks_after_the_dot_leaves_us_in_doubt(
    mail: MailServer, after_dot: AfterDot, taken: int
) -> None:
    mail.after_dot = after_dot
    receipt = await delivered(mail.port)
    assert (receipt.status, len(mail.arrived)) == (Status.UNCERTAIN, taken)


async def test_a_reply_that_takes_too_long_leaves_us_in_doubt(mail: MailServer) -> None:
    mail.delay = 5
    receipt = await delivered(mail.port)
    assert (receipt.status, receipt.detail) == (Status.UNCERTAIN, "no reply in time")


async def test_a_refused_content_leaves_the_connection_for_the_next_message(mail: MailServer) -> None:
    channel = email_smtp.connect(settings_for(mail.port))
    await deliver(channel, a_message(key="first", to="content@example.test"), Bell())
    await deliver(channel, a_message(key="second"), Bell())
    await channel.close()
    assert (mail.connections, len(mail.arrived)) == (1, 1)


async def test_we_take_leave_of_the_relay(scripted: Callable[..., Any]) -> None:
    relay = await scripted()
    await delivered(relay.port)
    assert relay.heard[-1] == "QUIT"


async def test_a_relay_that_is_gone_does_not_disturb_the_leave_taking(scripted: Callable[..., Any]) -> None:
    relay = await scripted({"QUIT": ""})
    assert (await delivered(relay.port)).status is Status.SENT


async def test_a_relay_without_plain_is_logged_into_step_by_step(scripted: Callable[..., Any]) -> None:
    username, password = (base64.b64encode(text.encode()).decode() for text in CREDENTIALS)
    steps = {"AUTH": "334 VXNlcm5hbWU6", username.upper(): "334 UGFzc3dvcmQ6", password.upper(): "235 2.7.0 Ok"}
    relay = await scripted({"EHLO": "250-scripted\r\n250 AUTH LOGIN", **steps})
    channel = email_smtp.connect(settings_for(relay.port, username=CREDENTIALS[0], password=CREDENTIALS[1]))
    receipt = await deliver(channel, a_message(), Bell())
    await channel.close()
    assert (receipt.status, relay.heard[1:4]) == (Status.SENT, ["AUTH LOGIN", username, password])


@pytest.mark.parametrize("reply", ["454 4.7.0 not now", "334 more"])
async def test_a_login_that_has_not_succeeded_lets_nothing_leave(scripted: Callable[..., Any], reply: str) -> None:
    relay = await scripted({"EHLO": "250-scripted\r\n250 AUTH PLAIN", "AUTH": reply})
    channel = email_smtp.connect(settings_for(relay.port, username="amends", password="rehearsal"))
    with pytest.raises(ChannelUnavailable, match=reply[:3]):
        await deliver(channel, a_message(), Bell())
    assert not [line for line in relay.heard if line.startswith("MAIL")]


async def test_a_line_that_begins_with_a_dot_is_not_the_end(mail: MailServer) -> None:
    text = "a\n.\n..b\n" + ". " * 100
    await delivered(mail.port, text=text, html=f"<p>{text}</p>")
    (arrival,) = arrivals(mail)
    assert arrival.text == text.strip()


async def test_a_greylisted_address_is_reached_the_second_time(mail: MailServer) -> None:
    first = await delivered(mail.port, to="grey@example.test")
    second = await delivered(mail.port, to="grey@example.test")
    assert (first.status, second.status) == (Status.DEFERRED, Status.SENT)


@pytest.mark.parametrize(
    ("to", "detail"),
    [
        ("a@x.test,b@x.test", "unsafe address"),
        ("Bob <b@x.test>", "unsafe address"),
        ("@relay.test:x@y.test", "unsafe address"),
        ("x%evil.test@y.test", "unsafe address"),
        ("x@[127.0.0.1]", "unsafe address"),
        ("x@y.test\r\nRCPT TO:<z@y.test>", "unsafe address"),
        ("x@y.test\r\nDATA", "unsafe address"),
        ("x@y.test\n", "unsafe address"),
        ("x@y.test> NOTIFY=NEVER", "unsafe address"),
        ("x@y.test,root", "unsafe address"),
        ("=?utf-8?q?a=40evil.test?=@y.test", "unsafe address"),
        ("a" * 65 + "@y.test", "unsafe address"),
        ("a" * 64 + "@" + "b." * 94 + "test", "unsafe address"),
        ("x@y..test", "unsafe address"),
        ("x@straße.test", "unsafe address"),
        ("x@ｅxample.test", "unsafe address"),
        ("not an address", "unsafe address"),
        ("", "unsafe address"),
        ("jörg@example.test", "needs SMTPUTF8"),
    ],
)
async def test_an_address_that_is_not_plain_is_refused_before_connecting(to: str, detail: str) -> None:
    """An address that is not a single plain one, or that needs SMTPUTF8, is rejected before any connection is opened."""
    receipt = await delivered(closed_port(), to=to)
    assert (receipt.status, receipt.detail) == (Status.REJECTED, detail)


async def test_a_domain_in_other_letters_goes_out_in_ascii(mail: MailServer) -> None:
    await delivered(mail.port, to="info@bücher.test")
    (arrived,) = mail.arrived
    assert arrived.recipients == ("info@xn--bcher-kva.test",)
    assert b"To: Ada Lovelace <info@xn--bcher-kva.test>\r\n" in arrived.content


async def test_a_message_without_a_date_is_refused(mail: MailServer) -> None:
    assert (await delivered(mail.port, published_at=None)).detail == "message has no date"


class TestEncryption:
    @pytest.fixture
    def mail(self, tmp_path: Path, server_tls: ssl.SSLContext) -> Any:
        with MailServer(tmp_path / "mail", tls=server_tls, passwords=True) as server:
            yield server

    def settings(self, mail: MailServer, certificate: Path, **changes: str) -> dict[str, str]:
        username, password = CREDENTIALS
        given = {"host": "localhost", "security": "starttls", "ca_file": str(certificate)}
        return settings_for(mail.port, **given, username=username, password=password, **changes)

    async def test_a_message_goes_out_over_starttls_after_a_login(self, mail: MailServer, certificate: Path) -> None:
        channel = email_smtp.connect(self.settings(mail, certificate))
        receipts = [await deliver(channel, a_message(key=f"k{number}"), Bell()) for number in range(2)]
        await channel.close()
        assert [receipt.status for receipt in receipts] == [Status.SENT, Status.SENT]

    async def test_a_wrong_password_is_an_engineers_matter(self, mail: MailServer, certificate: Path) -> None:
        channel = email_smtp.connect({**self.settings(mail, certificate), "password": "guess"})
        with pytest.raises(ChannelMisconfigured, match="535"):
            await deliver(channel, a_message(), Bell())

    async def test_a_certificate_that_nobody_vouches_for_is_refused(self, mail: MailServer, certificate: Path) -> None:
        channel = email_smtp.connect({**self.settings(mail, certificate), "ca_file": ""})
        with pytest.raises(ChannelMisconfigured, match="certificate"):
            await deliver(channel, a_message(), Bell())
        assert mail.arrived == []

    async def test_a_relay_without_starttls_gets_nothing(self, scripted: Callable[..., Any]) -> None:
        relay = await scripted()
        channel = email_smtp.connect(settings_for(relay.port, security="starttls"))
        with pytest.raises(ChannelUnavailable, match="STARTTLS"):
            await deliver(channel, a_message(), Bell())
        assert not [line for line in relay.heard if line.startswith(("MAIL", "AUTH"))]

    async def test_a_message_goes_out_over_tls_from_the_first_byte(
        self, certificate: Path, server_tls: ssl.SSLContext, scripted: Callable[..., Any]
    ) -> None:
        plain = await scripted()
        server = await asyncio.start_server(plain._talk, "127.0.0.1", 0, ssl=server_tls)
        port = server.sockets[0].getsockname()[1]
        channel = email_smtp.connect(settings_for(port, host="localhost", security="tls", ca_file=str(certificate)))
        receipt = await deliver(channel, a_message(), Bell())
        await channel.close()
        server.close()
        assert receipt.status is Status.SENT

    async def test_a_relay_that_refuses_starttls_gets_nothing(self, scripted: Callable[..., Any]) -> None:
        relay = await scripted({"EHLO": "250-scripted\r\n250 STARTTLS", "STARTTLS": "454 4.7.0 not now"})
        channel = email_smtp.connect(settings_for(relay.port, security="starttls"))
        with pytest.raises(ChannelUnavailable, match="refused STARTTLS"):
            await deliver(channel, a_message(), Bell())
        assert not [line for line in relay.heard if line.startswith(("MAIL", "AUTH"))]

    @pytest.mark.parametrize("words", [b"250-injected\r\n250 AUTH PLAIN\r\n", b"250-injected\r\n", b"250-injec"])
    async def test_words_put_in_before_the_encryption_end_the_connection(self, certificate: Path, words: bytes) -> None:
        heard: list[bytes] = []

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 hi\r\n")
            await reader.readline()
            writer.write(b"250-hi\r\n250 STARTTLS\r\n")
            await reader.readline()
            writer.write(b"220 go\r\n" + words)
            heard.append(await reader.read())
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        channel = email_smtp.connect(
            settings_for(port, host="localhost", security="starttls", ca_file=str(certificate))
            | {"username": "amends", "password": "rehearsal"}
        )
        with pytest.raises(ChannelUnavailable, match="said more"):
            await deliver(channel, a_message(), Bell())
        await asyncio.sleep(0.05)
        server.close()
        assert heard == [b""]


@pytest.fixture
def dkim_key(tmp_path: Path) -> Path:
    key = Ed25519PrivateKey.generate()
    path = tmp_path / "dkim.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


async def test_with_a_key_every_message_arrives_signed(mail: MailServer, dkim_key: Path) -> None:
    dkim = {"dkim_key_file": str(dkim_key), "dkim_domain": "bank.test", "dkim_selector": "notices"}
    channel = email_smtp.connect(settings_for(mail.port, **dkim))
    await deliver(channel, a_message(), Bell())
    await channel.close()
    record = Signer.load(dkim_key, "bank.test", "notices").public_record().encode()
    (arrived,) = mail.arrived
    assert dkim_verify(arrived.content, dnsfunc=lambda name, timeout: record)


@pytest.mark.parametrize("domain", ["other.test", "ank.test", "mail.bank.test"])
def test_a_signature_that_does_not_fit_the_sender_is_refused(dkim_key: Path, domain: str) -> None:
    dkim = {"dkim_key_file": str(dkim_key), "dkim_domain": domain, "dkim_selector": "notices"}
    with pytest.raises(ChannelMisconfigured, match="dkim_domain"):
        email_smtp.connect({**SETTINGS, **dkim})


@pytest.mark.parametrize("sender", ["care@bank.test", "care@Bank.Test", "care@notices.bank.test"])
async def test_a_signature_fits_a_sender_of_its_domain_or_below_it(dkim_key: Path, sender: str) -> None:
    dkim = {"dkim_key_file": str(dkim_key), "dkim_domain": "bank.test", "dkim_selector": "notices"}
    channel = email_smtp.connect({**SETTINGS, **dkim, "sender": sender})
    assert channel.dns_record[0] == "notices._domainkey.bank.test"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"dkim_selector": "notices"}, "dkim_key_file"),
        ({"dkim_key_file": "/nowhere.pem", "dkim_domain": "bank.test", "dkim_selector": "notices"}, "dkim_key_file"),
        ({"security": "none", "host": "mail.example.test"}, "security"),
        ({"security": "maybe"}, "security"),
        ({"port": "0"}, "port"),
        ({"port": "smtp"}, "port"),
        ({"sender": "Care <care@bank.test>"}, "sender"),
        ({"bounce_domain": "bounces bank"}, "bounce_domain"),
        ({"reply_to": "nobody"}, "reply_to"),
        ({"username": "amends"}, "password"),
        ({"events": "postmark", "events_key": "k"}, "events must be one of mailgun, sendgrid, plain"),
        ({"events": "mailgun"}, "events_key is missing"),
        ({"events": "sendgrid", "events_key": "bm8ga2V5"}, "events_key must be the verification key"),
        ({"events_key": "k"}, "events must say whose key"),
        ({"ca_file": "/nowhere.pem"}, "ca_file"),
        ({"hots": "mail"}, "did you mean host"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_named(changes: dict[str, str], named: str) -> None:
    with pytest.raises(ChannelMisconfigured, match=named):
        email_smtp.connect({**SETTINGS, **changes})
