"""SMS: the contract for each shape of gateway, and what each answer means."""

import asyncio
import hmac
import logging
from base64 import b64encode
from typing import Any
from urllib.parse import urlencode

import pytest

from amends.domain.base.errors import ChannelMisconfigured, ChannelUnavailable
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Message, Receipt, Status
from amends.domain.receipt.webhook import ProviderReceipt, Scheme, WebhookReport, read_reports
from amends.sandbox.web import HttpTrouble, WebServices
from channels import sms_http
from tests.channels.contract import PUBLISHED, Arrival, Bell, PersonalChannelContract, Rig, a_message
from tests.channels.scripted_http import HANG_UP, ScriptedHttp, reply, scripted_http

TO = {"json": "to", "form": "to", "query": "to", "twilio": "To"}
TEXT = {"json": "text", "form": "text", "query": "text", "twilio": "Body"}
CALLED_BACK = {"callback_url": "https://n.test/receipts", "callback_field": "dlr-url", "callback_secret": "ours"}
WRITTEN_BACK = {"incoming_from_field": "from", "incoming_text_field": "text", "incoming_id_field": "id"}
NOWHERE = "http://127.0.0.1:1"
TWILIO_POST = "POST /2010-04-01/Accounts/AC123/Messages.json"
TWILIO_GET = "GET /2010-04-01/Accounts/AC123/Messages/SM1.json"


def an_sms(**changes: Any) -> Message:
    ordinary = {"kind": ChannelKind.SMS, "to": "+4915112345678", "text": "Your data was copied: https://n.test/a"}
    return a_message(**{**ordinary, **changes})


def settings_for(shape: str, url: str, **changes: str) -> dict[str, str]:
    if shape == "twilio":
        return {"shape": shape, "url": url, "account": "AC123", "token": "s3cret", "from_": "+15550100", **changes}
    given = {"shape": shape, "url": f"{url}/sms", "to_field": "to", "text_field": "text", "id_field": "id"}
    return {**given, "token": "s3cret"} | changes


def arrivals(web: WebServices, shape: str) -> list[Arrival]:
    return [
        Arrival(
            mark=taken.headers["idempotency-key"],
            text=taken.fields[TEXT[shape]],
            to=(taken.fields[TO[shape]],),
            shape=tuple(taken.fields),
        )
        for taken in web.taken
    ]


class SmsContract(PersonalChannelContract):
    shape = ""

    @pytest.fixture
    def rig(self, web: WebServices) -> Rig:
        settings = settings_for(self.shape, web.url)
        return Rig(
            connect=sms_http.connect,
            settings=settings,
            required=tuple(set(settings) - {"id_field"}),
            nowhere=settings_for(self.shape, NOWHERE),
            arrivals=lambda: arrivals(web, self.shape),
            message=an_sms(),
            refused=an_sms(key="refused", to="+4915112340404"),
            secrets=("s3cret",),
        )


class TestJson(SmsContract):
    shape = "json"


class TestForm(SmsContract):
    shape = "form"


class TestQuery(SmsContract):
    shape = "query"


class TestTwilio(SmsContract):
    shape = "twilio"


async def delivered(settings: dict[str, str], bell: Bell | None = None, **changes: Any) -> Receipt:
    channel = sms_http.connect(settings)
    try:
        return await channel.deliver(an_sms(**changes), bell or Bell())
    finally:
        await channel.close()


async def test_the_gateways_own_id_is_kept(web: WebServices) -> None:
    assert (await delivered(settings_for("json", web.url))).provider_id == "sms-1"


async def test_a_yes_without_the_id_that_was_promised_leaves_us_in_doubt(web: WebServices) -> None:
    receipt = await delivered(settings_for("json", web.url, id_field="sid"))
    assert (receipt.status, receipt.detail) == (Status.UNCERTAIN, "200 without an id")


@pytest.mark.parametrize(
    ("word", "status", "detail"),
    [
        ("queued", Status.SENT, "200"),
        ("delivered", Status.SENT, "200"),
        ("rejected", Status.REJECTED, "200 rejected"),
        ("Undeliverable", Status.REJECTED, "200 undeliverable"),
        ("filtered", Status.REJECTED, "200 filtered"),
        ("2", Status.SENT, "200"),
    ],
)
@pytest.mark.parametrize("known_by", [{}, {"id_field": "", "key_field": "reference"}], ids=["its id", "our key"])
async def test_a_yes_that_names_a_failure_in_the_gateways_own_words_is_a_no(
    word: str, status: Status, detail: str, known_by: dict[str, str]
) -> None:
    async with scripted_http({"POST /sms": reply(200, {"id": "x1", "status": word})}) as server:
        own_words = {"rejected_words": "rejected, undeliverable, 2", "deferred_words": "filtered"}
        receipt = await delivered(settings_for("json", server.url, **own_words, **known_by))
    assert (receipt.status, receipt.detail) == (status, detail)


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"OK", Status.SENT, "200"),
        (b"", Status.SENT, "200"),
        (b"<ok/>", Status.SENT, "200"),
        (b'{"error": null, "errors": [], "success": true}', Status.SENT, "200"),
        (b'{"error": 0}', Status.SENT, "200"),
        (b'{"error": "OK"}', Status.SENT, "200"),
        (b'{"error": "000"}', Status.SENT, "200"),
        (b'{"error": false}', Status.SENT, "200"),
        (b'{"error": "No"}', Status.SENT, "200"),
        (b'{"error": "null"}', Status.SENT, "200"),
        (b'{"error": "success", "errors": {}}', Status.SENT, "200"),
        (b'{"success": 1}', Status.SENT, "200"),
        (b'{"success": 0}', Status.UNCERTAIN, "200 with an error"),
        (b'{"success": "No"}', Status.UNCERTAIN, "200 with an error"),
        (b'{"error": {"code": 0, "text": "accepted"}}', Status.SENT, "200"),
        (b'{"success": "false"}', Status.UNCERTAIN, "200 with an error"),
        (b'{"error": "no credit"}', Status.UNCERTAIN, "200 with an error"),
        (b'{"error": {"code": 7}}', Status.UNCERTAIN, "200 with an error"),
        (b'{"errors": ["no such number"]}', Status.UNCERTAIN, "200 with an error"),
        (b'{"success": false}', Status.UNCERTAIN, "200 with an error"),
        (b'{"status": "error", "message": "no credit"}', Status.UNCERTAIN, "200 with an error"),
        (b'{"status": "Failed"}', Status.UNCERTAIN, "200 with an error"),
        (b'{"type": "error", "message": "no such login"}', Status.UNCERTAIN, "200 with an error"),
        (b'{"status": "queued", "type": "sms"}', Status.SENT, "200"),
        (b'{"status": {"code": 0}}', Status.SENT, "200"),
        (b"ERROR:102", Status.UNCERTAIN, "200 with an error"),
        (b"\r\nERR: 114, Cannot route message", Status.UNCERTAIN, "200 with an error"),
        (b"Failed: no credit", Status.UNCERTAIN, "200 with an error"),
        (b"error=0&id=77", Status.SENT, "200"),
        (b"Err: 0", Status.SENT, "200"),
        (b"0: Accepted for delivery", Status.SENT, "200"),
        (b"\r\n<!DOCTYPE html><title>Maintenance</title>", Status.UNCERTAIN, "200 with a web page"),
        (b"<HTML><body>Log in", Status.UNCERTAIN, "200 with a web page"),
        (b"\xef\xbb\xbf<!DOCTYPE html><title>Log in</title>", Status.UNCERTAIN, "200 with a web page"),
        (b'<?xml version="1.0"?>\n<!-- proxy -->\n<html xmlns="x">', Status.UNCERTAIN, "200 with a web page"),
        (b"\xef\xbb\xbfERROR:102", Status.UNCERTAIN, "200 with an error"),
    ],
)
@pytest.mark.parametrize("key_field", ["", "reference"])
async def test_a_200_without_an_id_is_sent_unless_its_body_denies_it(
    body: bytes, status: Status, detail: str, key_field: str
) -> None:
    """An answer with status 200 and without an id counts as sent, unless its body holds an error or is a web page: then
    the SMS is uncertain.
    """
    async with scripted_http({"POST /sms": reply(200, body)}) as server:
        receipt = await delivered(settings_for("json", server.url, id_field="", key_field=key_field))
    assert (receipt.status, receipt.detail) == (status, detail)


@pytest.mark.parametrize(
    ("trouble", "idempotent", "status", "detail", "doubtful"),
    [
        (HttpTrouble(400), "false", Status.REJECTED, "400", False),
        (HttpTrouble(422), "false", Status.REJECTED, "422", False),
        (HttpTrouble(401), "false", Status.DEFERRED, "refused 401", False),
        (HttpTrouble(402), "false", Status.DEFERRED, "refused 402", False),
        (HttpTrouble(403), "false", Status.DEFERRED, "refused 403", False),
        (HttpTrouble(404), "false", Status.DEFERRED, "refused 404", False),
        (HttpTrouble(301, {"Location": "/elsewhere"}), "false", Status.DEFERRED, "refused 301", False),
        (HttpTrouble(302, {"Location": "/elsewhere"}), "false", Status.UNCERTAIN, "302", False),
        (HttpTrouble(429), "false", Status.DEFERRED, "429", False),
        (HttpTrouble(409), "true", Status.DEFERRED, "409", True),
        (HttpTrouble(500), "false", Status.UNCERTAIN, "500", False),
        (HttpTrouble(503), "true", Status.DEFERRED, "503", True),
        (HttpTrouble(silent=True), "false", Status.UNCERTAIN, "no answer", False),
        (HttpTrouble(silent=True), "true", Status.DEFERRED, "no answer", True),
    ],
    ids=str,
)
async def test_an_answer_means(
    web: WebServices, trouble: HttpTrouble, idempotent: str, status: Status, detail: str, doubtful: bool
) -> None:
    web.trouble = trouble
    receipt = await delivered(settings_for("json", web.url, idempotent=idempotent))
    assert (receipt.status, receipt.detail, receipt.doubtful) == (status, detail, doubtful)


async def test_twilio_refusing_us_is_not_the_persons_fault(web: WebServices) -> None:
    web.trouble = HttpTrouble(400)
    receipt = await delivered(settings_for("twilio", web.url))
    assert (receipt.status, receipt.detail) == (Status.DEFERRED, "refused 400")


@pytest.mark.parametrize(
    "body",
    [
        b'{"code": ["x"]}',
        b'{"code": {"to": "invalid"}}',
        b'{"code": true}',
        b'{"code": null}',
        b'{"code": "21211"}',
        b'{"code": 21211.5}',
        b'{"code": NaN}',
        b'{"code": 1e999}',
        b'{"code": 4915112345678}',
        b'{"code": ' + b"9" * 5000 + b"}",
        b'["code"]',
        b"\xff",
    ],
    ids=lambda body: body[:30].decode(errors="replace"),
)
@pytest.mark.parametrize(
    ("shape", "post", "status", "detail"),
    [("json", "POST /sms", Status.REJECTED, "400"), ("twilio", TWILIO_POST, Status.DEFERRED, "refused 400")],
)
async def test_a_refusal_whose_code_is_none_is_a_refusal_without_a_code(
    shape: str, post: str, status: Status, detail: str, body: bytes
) -> None:
    async with scripted_http({post: reply(400, body)}) as server:
        receipt = await delivered(settings_for(shape, server.url))
    assert (receipt.status, receipt.detail) == (status, detail)


async def test_twilio_knowing_no_such_number_is_told_with_its_code(web: WebServices) -> None:
    receipt = await delivered(settings_for("twilio", web.url), to="+4915112340404")
    assert (receipt.status, receipt.detail) == (Status.REJECTED, "400 21211")


@pytest.mark.parametrize("code", [21211, 21265, 21266, 21268, 21610, 21614, 21635])
async def test_a_number_that_twilio_never_sends_to_is_given_up_at_once(code: int) -> None:
    async with scripted_http({TWILIO_POST: reply(400, {"code": code})}) as server:
        receipt = await delivered(settings_for("twilio", server.url))
    assert (receipt.status, receipt.detail) == (Status.REJECTED, f"400 {code}")


@pytest.mark.parametrize("shape", ["json", "form", "twilio"])
async def test_an_unreachable_gateway_got_nothing_and_left_no_mark(shape: str) -> None:
    """When the gateway cannot be reached, the channel is unavailable, no last call rings and no commit mark is made."""
    bell = Bell()
    with pytest.raises(ChannelUnavailable, match="cannot be reached"):
        await delivered(settings_for(shape, NOWHERE), bell)
    assert bell.rung == 0


async def test_with_no_credit_left_the_next_message_is_not_even_marked(web: WebServices) -> None:
    web.trouble = HttpTrouble(402)
    channel, bell = sms_http.connect(settings_for("json", web.url)), Bell()
    receipt = await channel.deliver(an_sms(), bell)
    with pytest.raises(ChannelUnavailable, match="refuses our account: 402"):
        await channel.deliver(an_sms(key="k2"), bell)
    await channel.close()
    assert (receipt.status, bell.rung, web.requests) == (Status.DEFERRED, 1, 1)


@pytest.mark.parametrize("code", [21212, 21603, 21606, 21659, 21660, 21661])
async def test_a_sender_that_is_not_ours_is_an_engineers_matter(code: int) -> None:
    async with scripted_http({TWILIO_POST: reply(400, {"code": code})}) as server:
        channel = sms_http.connect(settings_for("twilio", server.url))
        receipt = await channel.deliver(an_sms(), Bell())
        with pytest.raises(ChannelMisconfigured, match=f"400 {code}"):
            await channel.deliver(an_sms(key="k2"), Bell())
        await channel.close()
    assert (receipt.status, receipt.detail) == (Status.DEFERRED, f"refused 400 {code}")


@pytest.mark.parametrize(
    "error",
    [
        {"type": "idempotency_error", "message": "Keys for idempotent requests can only be used with the same body."},
        {"code": "IDEMPOTENCY_KEY_REUSED"},
        {"title": "IdempotentParameterMismatch"},
        {"code": 17534, "message": "Idempotency key payload mismatch"},
        {"error": 'A request with Idempotency-Key "k1" is still\nin progress'},
        {"error": 'The key "k1" was seen; duplicate idempotency key'},
        {"idempotency_key": "k1", "detail": "Another body came with the same Idempotency-Key"},
    ],
    ids=str,
)
@pytest.mark.parametrize(("idempotent", "code"), [("false", 400), ("false", 422), ("true", 422)])
async def test_a_key_used_before_is_a_persons_matter_whatever_the_setting(
    error: dict[str, Any], idempotent: str, code: int
) -> None:
    """When the gateway says that our idempotency key was used before, the SMS is uncertain and a person must look,
    whether the gateway is set as idempotent or not.
    """
    async with scripted_http({"POST /sms": reply(code, error)}) as server:
        receipt = await delivered(settings_for("json", server.url, idempotent=idempotent))
    assert (receipt.status, receipt.detail.endswith(" key used before")) == (Status.UNCERTAIN, True)


async def test_twilio_saying_a_key_was_used_is_a_persons_matter_too() -> None:
    """When Twilio says that our idempotency key was used before, the SMS is uncertain, and the detail says so."""
    error = {"code": 17534, "message": "Idempotency key payload mismatch"}
    async with scripted_http({TWILIO_POST: reply(400, error)}) as server:
        receipt = await delivered(settings_for("twilio", server.url))
    assert (receipt.status, receipt.detail) == (Status.UNCERTAIN, "400 17534 key used before")


@pytest.mark.parametrize(
    "error",
    [
        {"error": "invalid number", "idempotency_key": "k1"},
        {"error": "this number has already unsubscribed", "idempotency_key": "k1"},
        {"idempotency_key": "k1", "error": {"text": "not the same country"}},
        b"idempotency_key=k1&error=number+used+by+nobody",
        b"<idempotencyKey>k1</idempotencyKey><error>duplicate prefix</error>",
        b"The number is already blocked. " + b"-" * 200 + b" Idempotency-Key: k1",
    ],
    ids=lambda error: str(error)[:40],
)
async def test_a_bad_number_is_refused_though_the_answer_shows_our_key(error: Any) -> None:
    """A refused number is rejected although the answer repeats our idempotency key, or uses words such as "already" or
    "duplicate".
    """
    async with scripted_http({"POST /sms": reply(400, error)}) as server:
        receipt = await delivered(settings_for("json", server.url))
    assert (receipt.status, receipt.detail) == (Status.REJECTED, "400")


@pytest.mark.parametrize(
    "error",
    [
        {"errors": [{"code": 25, "description": "Not enough balance (tier 1)"}]},
        {"error": "INSUFFICIENT_CREDITS"},
        {"message": "Insufficient account balance"},
        {"message": "Your credit balance is too low"},
        {"msg": "账户余额不足", "code": 3},
        "余额不足".encode(),
        b"out of credit",
    ],
    ids=str,
)
async def test_without_credit_no_number_is_given_up_whatever_the_code(error: Any) -> None:
    """When the gateway says that there is no credit left, whatever code and language it uses, the SMS is deferred and
    the channel stops as refusing our account; nobody's number is given up.
    """
    async with scripted_http({"POST /sms": reply(422, error)}) as server:
        channel, bell = sms_http.connect(settings_for("json", server.url)), Bell()
        receipt = await channel.deliver(an_sms(), bell)
        with pytest.raises(ChannelUnavailable, match=r"refuses our account: 422( \d+)? no credit"):
            await channel.deliver(an_sms(key="k2"), bell)
        await channel.close()
    assert (receipt.status, bell.rung, len(server.heard)) == (Status.DEFERRED, 1, 1)


@pytest.mark.parametrize(
    "error",
    [
        {"error": "invalid number", "credits": 0, "balance": "0.00"},
        {"error": "no such number", "text": "No credit card was copied; your credit is safe."},
    ],
)
async def test_a_bad_number_is_refused_though_the_answer_shows_credit(error: Any) -> None:
    """A refused number is rejected although the answer mentions a credit or a balance."""
    async with scripted_http({"POST /sms": reply(400, error)}) as server:
        assert (await delivered(settings_for("json", server.url))).status is Status.REJECTED


async def test_every_try_of_a_message_bears_the_same_key() -> None:
    async with scripted_http({"POST /sms": [reply(503), reply(200, {"id": "1"})]}) as server:
        channel = sms_http.connect(settings_for("json", server.url, idempotent="true"))
        receipts = [await channel.deliver(an_sms(), Bell()) for _ in range(2)]
        await channel.close()
    assert [receipt.status for receipt in receipts] == [Status.DEFERRED, Status.SENT]
    assert {heard.headers["idempotency-key"] for heard in server.heard} == {an_sms().key}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": "999999"}, 3600.0),
        ({"Retry-After": "Tue, 24 Nov 2026 09:05:00 GMT", "Date": "Tue, 24 Nov 2026 09:00:00 GMT"}, 300.0),
        ({"Retry-After": "Tue, 24 Nov 2026 08:00:00 GMT", "Date": "Tue, 24 Nov 2026 09:00:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({}, None),
    ],
    ids=str,
)
async def test_the_wait_that_a_gateway_asks_for_is_passed_on(
    web: WebServices, headers: dict[str, str], seconds: float | None
) -> None:
    web.trouble = HttpTrouble(429, headers)
    assert (await delivered(settings_for("json", web.url))).retry_after == seconds


async def test_the_same_key_again_is_one_sms_at_an_idempotent_gateway(web: WebServices) -> None:
    web.trouble = HttpTrouble(silent=True)
    await delivered(settings_for("json", web.url, idempotent="true"))
    web.trouble = HttpTrouble()
    receipt = await delivered(settings_for("json", web.url, idempotent="true"))
    assert (receipt.status, len(web.taken)) == (Status.SENT, 1)


@pytest.mark.parametrize(
    "to", ["", "015112345678", "+0151", "+49 151 1234567", "ada@example.test", "+1234567890123456"]
)
async def test_what_is_no_number_is_refused_before_anything_is_asked(web: WebServices, to: str) -> None:
    receipt = await delivered(settings_for("json", web.url), to=to)
    assert (receipt.status, receipt.detail, web.requests) == (Status.REJECTED, "not an E.164 number", 0)


@pytest.mark.parametrize("to", ["+6834000", "+2904567", "+123456789012345"])
def test_the_shortest_and_longest_numbers_of_the_world_are_taken(to: str) -> None:
    """The shortest and the longest phone numbers of the world are taken as numbers."""
    assert sms_http.SmsHttp.flaw(an_sms(to=to)) is None


async def test_a_text_without_its_registered_signature_is_refused(web: WebServices) -> None:
    receipt = await delivered(settings_for("json", web.url), signature="示例银行")
    assert (receipt.status, receipt.detail, web.requests) == (Status.REJECTED, "signature missing", 0)


async def test_a_text_with_its_registered_signature_goes_out_as_it_is(web: WebServices) -> None:
    await delivered(settings_for("json", web.url), signature="示例银行", text="【示例银行】您的数据被复制")
    assert web.taken[0].fields["text"] == "【示例银行】您的数据被复制"


async def test_one_sms_after_another_uses_the_callers_order(web: WebServices) -> None:
    channel = sms_http.connect(settings_for("json", web.url))
    for number in range(3):
        await channel.deliver(an_sms(key=f"k{number}"), Bell())
    await channel.close()
    assert [taken.headers["idempotency-key"] for taken in web.taken] == ["k0", "k1", "k2"]


async def test_a_text_that_is_no_unicode_is_refused_before_any_request(web: WebServices) -> None:
    """A text that is not valid Unicode is rejected before anything is sent to the gateway."""
    receipt = await delivered(settings_for("json", web.url), text="copied \ud800")
    assert (receipt.status, receipt.detail, web.requests) == (Status.REJECTED, "not Unicode text", 0)


# What a message costs.


@pytest.mark.parametrize(
    ("text", "parts"),
    [("", 1), ("a" * 160, 1), ("a" * 161, 2), ("字" * 70, 1), ("字" * 71, 2), ("€" * 80, 1), ("€" * 81, 2)],
)
def test_a_message_costs_as_many_as_the_network_carries_it_in(text: str, parts: int) -> None:
    assert sms_http.SmsHttp.cost(an_sms(text=text)) == parts


# What becomes of it later.


async def polled(server: ScriptedHttp, shape: str, provider_id: str = "SM1", **changes: str) -> ProviderReceipt | None:
    channel = sms_http.connect(settings_for(shape, server.url, **changes))
    try:
        return await channel.poll(provider_id)
    finally:
        await channel.close()


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"sid": "SM1", "status": "sent", "error_code": None}, None),
        ({"sid": "SM1", "status": "delivered"}, ProviderReceipt("SM1", Status.DELIVERED, "delivered")),
        (
            {"sid": "SM1", "status": "undelivered", "error_code": 30003},
            ProviderReceipt("SM1", Status.REJECTED, "undelivered 30003"),
        ),
        ({"sid": "SM2", "status": "delivered"}, None),
        ("delivered", None),
    ],
    ids=str,
)
async def test_twilio_is_asked_for_a_message_by_its_id(told: Any, expected: ProviderReceipt | None) -> None:
    async with scripted_http({TWILIO_GET: reply(200, told)}) as server:
        assert await polled(server, "twilio") == expected
    assert server.lines == [TWILIO_GET]
    assert server.heard[0].headers["authorization"].startswith("Basic ")


async def test_another_gateway_is_asked_where_its_settings_say() -> None:
    async with scripted_http({"GET /status/a%2Fb%3F": reply(200, {"state": "Gone", "why": 7})}) as server:
        receipt = await polled(
            server,
            "json",
            "a/b?",
            status_url=f"{server.url}/status",
            status_field="state",
            rejected_words="gone, dead",
            code_field="why",
        )
    assert receipt == ProviderReceipt("a/b?", Status.REJECTED, "gone 7")


@pytest.mark.parametrize("told", ["Delivered to handset", "  delivered to handset ", "ok", 0])
async def test_a_gateway_may_say_in_several_words_what_became_of_a_message(told: Any) -> None:
    async with scripted_http({"GET /status/a": reply(200, {"status": told})}) as server:
        receipt = await polled(
            server, "json", "a", status_url=f"{server.url}/status", delivered_words="Delivered to handset, OK, 0"
        )
    assert receipt.status is Status.DELIVERED


@pytest.mark.parametrize(
    ("told", "status"),
    [("delivered", Status.DELIVERED)]
    + [(word, Status.REJECTED) for word in ("undelivered", "undeliverable", "rejected", "failed", "expired")],
)
async def test_the_usual_words_need_no_setting(told: str, status: Status) -> None:
    async with scripted_http({"GET /status/a": reply(200, {"status": told})}) as server:
        receipt = await polled(server, "json", "a", status_url=f"{server.url}/status")
    assert receipt == ProviderReceipt("a", status, told)


@pytest.mark.parametrize(("shape", "provider_id"), [("json", "SM1"), ("twilio", ""), ("twilio", "..")])
async def test_where_there_is_nothing_to_ask_nobody_is_asked(shape: str, provider_id: str) -> None:
    async with scripted_http({}) as server:
        assert await polled(server, shape, provider_id) is None
    assert server.heard == []


async def test_a_message_that_the_gateway_does_not_know_has_no_last_word() -> None:
    async with scripted_http({}) as server:
        assert await polled(server, "twilio") is None


@pytest.mark.parametrize(("shape", "setting"), [("json", "status_url"), ("twilio", "url")])
async def test_a_wrong_status_url_is_named_if_no_message_is_known(shape: str, setting: str) -> None:
    """When the gateway answers every question about a message with 404, the setting that may be wrong is named."""
    async with scripted_http({}) as server:
        more = {"status_url": f"{server.url}/status"} if shape == "json" else {}
        channel = sms_http.connect(settings_for(shape, server.url, **more))
        before = channel.asked_in_vain
        await asyncio.gather(*(channel.poll(name) for name in ("+4915112345678", "SM2")))
        await channel.close()
    told = f"channel sms_http: {setting} may be wrong: each question was answered with 404"
    assert (before, channel.asked_in_vain) == ("", told)


async def test_a_gateway_that_knows_one_message_is_asked_rightly() -> None:
    """When the gateway knows one of the messages, its URL is right, and no setting is named as wrong."""
    async with scripted_http({TWILIO_GET: reply(200, {"status": "queued"})}) as server:
        channel = sms_http.connect(settings_for("twilio", server.url))
        for name in ("SM1", "SM2"):
            await channel.poll(name)
        await channel.close()
    assert channel.asked_in_vain == ""


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply(401), ChannelMisconfigured),
        (reply(403), ChannelMisconfigured),
        (reply(429), ChannelUnavailable),
        (reply(503), ChannelUnavailable),
        (HANG_UP, ChannelUnavailable),
    ],
)
async def test_a_gateway_that_does_not_tell_is_the_channels_trouble(answer: bytes, error: type[Exception]) -> None:
    async with scripted_http({TWILIO_GET: answer}) as server:
        with pytest.raises(error):
            await polled(server, "twilio")


async def test_twilio_is_told_where_to_report_and_on_which_message(web: WebServices) -> None:
    await delivered(settings_for("twilio", web.url, callback_url="https://n.test/receipts/"), key="k 1&x")
    assert web.taken[0].fields["StatusCallback"] == "https://n.test/receipts?key=k+1%26x"


async def test_without_an_address_for_reports_twilio_is_told_none(web: WebServices) -> None:
    await delivered(settings_for("twilio", web.url))
    assert set(web.taken[0].fields) == {"From", "To", "Body"}


@pytest.mark.parametrize(
    ("way", "header", "shown"),
    [
        ({}, "authorization", "Bearer s3cret"),
        ({"scheme": "App"}, "authorization", "App s3cret"),
        ({"login": "us"}, "authorization", f"Basic {b64encode(b'us:s3cret').decode()}"),
        ({"token_header": "X-Api-Key"}, "x-api-key", "s3cret"),
    ],
    ids=str,
)
async def test_the_token_is_shown_as_the_gateway_wants_it(
    web: WebServices, way: dict[str, str], header: str, shown: str
) -> None:
    await delivered(settings_for("json", web.url, **way))
    assert {name for name, value in web.taken[0].headers.items() if "s3cret" in value or value == shown} == {header}
    assert web.taken[0].headers[header] == shown


@pytest.mark.parametrize(
    ("shape", "way"),
    [
        ("json", {}),
        ("json", {"login": "us"}),
        ("json", {"token_field": "password"}),
        ("json", {"callback_secret": "also s3cret"}),
        ("twilio", {"callback_url": "https://n.test/receipts"}),
    ],
    ids=str,
)
async def test_nothing_that_the_channel_holds_shows_the_token(shape: str, way: dict[str, str]) -> None:
    channel = sms_http.connect(settings_for(shape, NOWHERE, **way))
    shown = repr(vars(channel))
    await channel.close()
    assert "Gateway" in shown
    assert not [secret for secret in ("s3cret", b64encode(b"us:s3cret").decode()) if secret in shown]


async def test_a_token_among_the_fields_stands_in_no_header(web: WebServices) -> None:
    channel = sms_http.connect(settings_for("query", web.url, token_field="password", more_fields="username=us"))
    await channel.deliver(an_sms(), Bell())
    await channel.close()
    taken = web.taken[0]
    assert (taken.fields["username"], taken.fields["password"]) == ("us", "s3cret")
    assert "authorization" not in taken.headers


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"login": "us", "token_field": "password"}, "token_field cannot stand beside login"),
        ({"token_header": "X Api: Key"}, "token_header must be the name of a header"),
        ({"token_field": "password", "status_url": f"{NOWHERE}/status"}, "status_url cannot stand beside token_field"),
    ],
    ids=str,
)
def test_a_token_that_cannot_be_shown_so_is_a_setting_to_correct(changes: dict[str, str], why: str) -> None:
    with pytest.raises(ChannelMisconfigured, match=why):
        sms_http.connect(settings_for("json", NOWHERE, **changes))


@pytest.mark.parametrize(("shape", "line"), [("json", "POST /v1/Message/"), ("query", "GET /v1/Message/")])
async def test_an_address_that_ends_with_a_slash_is_asked_with_it(shape: str, line: str) -> None:
    async with scripted_http({line: reply(200, {"id": "m-1"})}) as server:
        receipt = await delivered({**settings_for(shape, server.url), "url": f"{server.url}/v1/Message/"})
    assert receipt.status is Status.SENT


@pytest.mark.parametrize("shape", ["json", "form"])
async def test_what_a_gateway_wants_in_every_request_stands_in_each(web: WebServices, shape: str) -> None:
    await delivered(settings_for(shape, web.url, more_fields="from=Beta%20Pai&reply=+4930&unicode=1&udh="))
    wanted = {"from": "Beta Pai", "reply": "+4930", "unicode": "1", "udh": ""}
    assert {name: web.taken[0].fields[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("text", "coding"),
    [("Your data was copied: {x} €", None), ("您的信息被复制", "2"), ("Your dàta was copied", None), ("ő", "2")],
)
async def test_only_a_text_beyond_the_phones_alphabet_is_marked_as_unicode(
    web: WebServices, text: str, coding: str | None
) -> None:
    await delivered(settings_for("query", web.url, unicode_fields="coding=2&charset=UTF-8"), text=text)
    assert (web.taken[0].fields["text"], web.taken[0].fields.get("coding")) == (text, coding)


async def test_a_non_gsm_text_goes_in_hexadecimal_where_it_is_wanted(web: WebServices) -> None:
    """A text beyond the phones' own alphabet goes in hexadecimal and with the fields for Unicode where the settings say
    so; a plain text goes as it is.
    """
    channel = sms_http.connect(settings_for("form", web.url, unicode_fields="coding=8", unicode_field="hex-content"))
    for number, text in enumerate(("Beta", "信😀")):
        await channel.deliver(an_sms(key=f"k{number}", text=text), Bell())
    await channel.close()
    texts = [{name: taken.fields[name] for name in taken.fields if name != "to"} for taken in web.taken]
    assert texts == [{"text": "Beta"}, {"coding": "8", "hex-content": "4fe1d83dde00"}]


@pytest.mark.parametrize("setting", ["more_fields", "unicode_fields"])
@pytest.mark.parametrize(
    ("fields", "why"),
    [("Beta Pai", "written as in a query"), ("from=us&to=%2B49", "must not have to,"), ("p=1", "must not have p,")],
)
def test_what_stands_in_every_request_is_looked_at(setting: str, fields: str, why: str) -> None:
    with pytest.raises(ChannelMisconfigured, match=f"{setting}.*{why}"):
        sms_http.connect(settings_for("json", NOWHERE, token_field="p", **{setting: fields}))


async def test_a_gateway_may_want_and_answer_objects_within_objects() -> None:
    names = {"to_field": "messages.0.destinations.0.to", "text_field": "messages.0.content.text"}
    asked = {**names, "more_fields": "messages.0.sender=Beta", "id_field": "messages.0.messageId"}
    async with scripted_http({"POST /sms": reply(200, {"messages": [{"messageId": "m-1"}]})}) as server:
        receipt = await delivered(settings_for("json", server.url, **asked), text="Hello", to="+4915112345678")
    wanted = {"sender": "Beta", "destinations": [{"to": "+4915112345678"}], "content": {"text": "Hello"}}
    assert (receipt.provider_id, server.heard[0].fields) == ("m-1", {"messages": [wanted]})


@pytest.mark.parametrize("names", [{"text_field": "to.text"}, {"unicode_fields": "text.coding=2"}], ids=str)
def test_names_of_fields_that_collide_are_settings_to_correct(names: dict[str, str]) -> None:
    """Names of fields that cannot stand together in one request are refused as settings to correct."""
    with pytest.raises(ChannelMisconfigured, match="to_field and the other names"):
        sms_http.connect(settings_for("json", NOWHERE, **names))


async def test_a_gateway_that_takes_our_key_gets_it(web: WebServices) -> None:
    await delivered(settings_for("json", web.url, key_field="reference"), key="k1")
    assert web.taken[0].fields["reference"] == "k1"


async def test_the_gateways_id_names_the_message_even_if_it_takes_our_key(web: WebServices) -> None:
    """When the gateway gives an id, the SMS is known by this id, also when the gateway takes our key."""
    receipt = await delivered(settings_for("json", web.url, key_field="reference"), key="k1")
    assert receipt.provider_id == "sms-1"


async def test_a_gateway_in_a_private_network_needs_the_setting_for_it() -> None:
    """A gateway with a private address is not connected to unless the settings say network = "private"; the error names
    this setting.
    """
    with pytest.raises(ChannelUnavailable, match='network = "private"'):
        await delivered(settings_for("json", "https://10.255.255.1"))


async def test_a_gateway_that_gives_no_id_knows_the_message_by_our_key(web: WebServices) -> None:
    receipt = await delivered(settings_for("json", web.url, key_field="reference", id_field=""), key="k1")
    assert (receipt.status, receipt.provider_id) == (Status.SENT, "k1")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"status": "delivered"}, ProviderReceipt("k1", Status.DELIVERED, "delivered")),
        ({"status": "delivered", "reference": "k1"}, ProviderReceipt("k1", Status.DELIVERED, "delivered")),
        ({"status": "delivered", "reference": "k2"}, None),
    ],
    ids=str,
)
async def test_a_gateway_that_gives_no_id_is_asked_by_our_key(told: Any, expected: ProviderReceipt | None) -> None:
    async with scripted_http({"GET /status/k1": reply(200, told)}) as server:
        by_key = {"status_url": f"{server.url}/status", "key_field": "reference", "id_field": ""}
        assert await polled(server, "json", "k1", **by_key) == expected


async def test_what_stands_in_a_query_is_written_down_nowhere(
    web: WebServices, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        receipt = await delivered(settings_for("query", web.url))
    assert receipt.status is Status.SENT
    assert not [line for line in caplog.messages if an_sms().to.strip("+") in line]


async def test_a_gateway_with_ids_told_where_to_report_uses_our_key(web: WebServices) -> None:
    """A gateway that is told where to report knows the SMS by our key, also when it gives an id: the report at the
    callback address is read for this key.
    """
    channel = sms_http.connect(settings_for("json", web.url, **CALLED_BACK))
    receipt = await channel.deliver(an_sms(key="k1"), Bell())
    await channel.close()
    report = WebhookReport(b"id=sms-1&status=delivered", {}, web.taken[0].fields["dlr-url"].partition("?")[2])
    expected = ProviderReceipt(receipt.provider_id, Status.DELIVERED, "delivered", "k1")
    assert (receipt.provider_id, read_reports(channel.reports, report, PUBLISHED)) == ("k1", (expected,))


async def test_a_gateway_without_id_or_key_is_told_where_to_report() -> None:
    """When the gateway gives no id and takes no key, it is told where to report, and the SMS is known by our key."""
    async with scripted_http({"POST /sms": reply(202, b"0: Accepted for delivery")}) as server:
        receipt = await delivered(settings_for("json", server.url, **CALLED_BACK, id_field=""), key="k1")
    assert (receipt.status, receipt.provider_id) == (Status.SENT, "k1")


async def test_what_twilio_was_told_is_what_its_report_is_checked_by(web: WebServices) -> None:
    channel = sms_http.connect(settings_for("twilio", web.url, callback_url="https://n.test/receipts"))
    await channel.deliver(an_sms(key="k1"), Bell())
    await channel.close()
    url = web.taken[0].fields["StatusCallback"]
    fields = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    signed = url + "".join(name + value for name, value in fields.items())
    signature = b64encode(hmac.digest(b"s3cret", signed.encode(), "sha1")).decode()
    report = WebhookReport(urlencode(fields).encode(), {"x-twilio-signature": signature}, url.partition("?")[2])
    assert read_reports(channel.reports, report, PUBLISHED) == (
        ProviderReceipt("SM1", Status.DELIVERED, "delivered", "k1"),
    )


@pytest.mark.parametrize(
    ("shape", "changes", "believed"),
    [
        ("json", {}, False),
        ("form", {"callback_secret": "both know"}, True),
        ("twilio", {}, False),
        ("twilio", {"callback_url": "https://n.test/receipts"}, True),
    ],
)
def test_reports_are_believed_only_with_a_secret(shape: str, changes: dict[str, str], believed: bool) -> None:
    channel = sms_http.connect(settings_for(shape, "https://gateway.example.test", **changes))
    assert (channel.reports is not None) is believed


@pytest.mark.parametrize(
    ("shape", "changes", "named"),
    [
        ("json", {"delivered_words": "ok, done", "rejected_words": "Done"}, "rejected_words"),
        ("json", {"status_url": "https://gateway.example.test/status", "id_field": ""}, "status_url needs id_field or"),
        ("form", {"callback_secret": "both know", "id_field": ""}, "callback_secret needs id_field or key_field"),
        ("json", {"status_url": "http://gateway.example.test/status"}, "status_url"),
        ("json", {"callback_url": "https://n.test/receipts"}, "callback_url"),
        ("json", {"callback_field": "dlr-url", "callback_secret": "x"}, "callback_url is needed too"),
        ("json", CALLED_BACK | {"callback_query": "status=%d&key=1"}, "callback_query must be"),
        ("json", CALLED_BACK | {"status_url": "https://gateway.example.test/status"}, "status_url cannot stand"),
        ("json", CALLED_BACK | {"more_fields": "dlr-url=x"}, "more_fields must not have dlr-url"),
        ("twilio", {"callback_url": "http://n.test/receipts"}, "callback_url"),
        ("twilio", {"callback_secret": "line\nbreak", "callback_url": "https://n.test/r"}, "callback_secret"),
        ("twilio", {"network": "world"}, "network"),
        ("twilio", {"idempotent": "true"}, "idempotent must be false"),
    ],
    ids=str,
)
def test_a_wrong_setting_for_reports_is_named(shape: str, changes: dict[str, str], named: str) -> None:
    with pytest.raises(ChannelMisconfigured, match=named):
        sms_http.connect(settings_for(shape, "https://gateway.example.test", **changes))


@pytest.mark.parametrize(
    ("shape", "changes", "scheme"),
    [
        ("json", {}, None),
        ("json", {"callback_secret": "both know"}, None),
        ("json", WRITTEN_BACK | {"callback_secret": "both know"}, Scheme.BODY),
        ("query", WRITTEN_BACK | {"incoming_secret": "s3cret-in-its-address"}, Scheme.ADDRESS),
        ("form", CALLED_BACK | WRITTEN_BACK | {"incoming_secret": "s3cret-in-its-address"}, Scheme.ADDRESS),
        ("twilio", {"callback_url": "https://n.test/receipts"}, None),
        ("twilio", {"incoming_url": "https://n.test/incoming/sms"}, Scheme.TWILIO),
    ],
)
def test_what_people_write_back_is_believed_only_with_a_secret(
    shape: str, changes: dict[str, str], scheme: Scheme | None
) -> None:
    channel = sms_http.connect(settings_for(shape, "https://gateway.example.test", **changes))
    assert (channel.incoming_texts and channel.incoming_texts.scheme) == scheme


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"incoming_from_field": "from"}, "incoming_text_field is needed too"),
        ({"incoming_secret": "s3cret-in-its-address"}, "incoming_from_field is needed too"),
        (WRITTEN_BACK, "incoming_secret is needed too"),
        (WRITTEN_BACK | CALLED_BACK, "incoming_secret is needed too"),
        (WRITTEN_BACK | {"incoming_secret": "too short"}, "incoming_secret must be 16 letters"),
        (WRITTEN_BACK | {"incoming_secret": "s3cret in its address"}, "incoming_secret must be 16 letters"),
        (WRITTEN_BACK | {"callback_secret": "x", "incoming_country": "China"}, "incoming_country"),
        (WRITTEN_BACK | {"callback_secret": "x", "incoming_hex_when": "coding=8"}, "incoming_hex_when needs"),
        (
            WRITTEN_BACK | {"callback_secret": "x", "incoming_hex_field": "hex", "incoming_hex_when": "coding"},
            "incoming_hex_when must be written",
        ),
    ],
    ids=str,
)
def test_a_wrong_setting_for_what_people_write_back_is_named(changes: dict[str, str], named: str) -> None:
    with pytest.raises(ChannelMisconfigured, match=named) as error:
        sms_http.connect(settings_for("form", "https://gateway.example.test", **changes))
    assert "s3cret in" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"url": "http://gateway.example.test/sms"}, "url"),
        ({"url": "https://user:secret@gateway.example.test/"}, "url"),
        ({"url": "ftp://gateway.example.test/"}, "url"),
        ({"shape": "soap"}, "shape"),
        ({"idempotent": "yes"}, "idempotent"),
        ({"token": "line\nbreak"}, "token"),
        ({"timeout": "0"}, "timeout"),
    ],
    ids=str,
)
def test_a_wrong_sms_setting_is_named(changes: dict[str, str], named: str) -> None:
    with pytest.raises(ChannelMisconfigured, match=named):
        sms_http.connect({**settings_for("json", "https://gateway.example.test"), **changes})


def test_a_twilio_account_that_would_change_the_path_is_refused() -> None:
    with pytest.raises(ChannelMisconfigured, match="account"):
        sms_http.connect(settings_for("twilio", "https://api.example.test", account="../x"))
