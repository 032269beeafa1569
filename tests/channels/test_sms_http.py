"""SMS: the contract for each shape of gateway, and what each answer means."""

from dataclasses import replace
from typing import Any

import pytest

from amends.domain.channel import ChannelKind, Message, Receipt, Status
from amends.domain.errors import ChannelMisconfigured
from amends.world import WebServices
from amends.world.web import Trouble
from channels import sms_http
from tests.channels.contract import Arrival, Bell, PersonalChannelContract, Rig, a_message

TO, TEXT = {"json": "to", "form": "to", "twilio": "To"}, {"json": "text", "form": "text", "twilio": "Body"}
NOWHERE = "http://127.0.0.1:1"


def an_sms(**changes: Any) -> Message:
    ordinary = {"kind": ChannelKind.SMS, "to": "+4915112345678", "text": "Your data was copied: https://n.test/a"}
    return a_message(**{**ordinary, **changes})


def settings_for(shape: str, url: str, **changes: str) -> dict[str, str]:
    if shape == "twilio":
        return {"shape": shape, "url": url, "account": "AC123", "token": "s3cret", "from_": "+15550100", **changes}
    given = {"shape": shape, "url": f"{url}/sms", "to_field": "to", "text_field": "text", "id_field": "id"}
    return {**given, "token": "s3cret", **changes}


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
    ("trouble", "idempotent", "status", "detail"),
    [
        (Trouble(400), "false", Status.REJECTED, "400"),
        (Trouble(404), "false", Status.REJECTED, "404"),
        (Trouble(422), "false", Status.REJECTED, "422"),
        (Trouble(401), "false", Status.DEFERRED, "refused 401"),
        (Trouble(403), "false", Status.DEFERRED, "refused 403"),
        (Trouble(302, {"Location": "/elsewhere"}), "false", Status.DEFERRED, "refused 302"),
        (Trouble(429), "false", Status.DEFERRED, "429"),
        (Trouble(500), "false", Status.UNCERTAIN, "500"),
        (Trouble(503), "true", Status.DEFERRED, "503"),
        (Trouble(silent=True), "false", Status.UNCERTAIN, "no answer"),
        (Trouble(silent=True), "true", Status.DEFERRED, "no answer"),
    ],
    ids=str,
)
async def test_an_answer_means(
    web: WebServices, trouble: Trouble, idempotent: str, status: Status, detail: str
) -> None:
    web.trouble = trouble
    receipt = await delivered(settings_for("json", web.url, idempotent=idempotent))
    assert (receipt.status, receipt.detail) == (status, detail)


async def test_twilio_refusing_us_is_not_the_persons_fault(web: WebServices) -> None:
    web.trouble = Trouble(400)
    receipt = await delivered(settings_for("twilio", web.url))
    assert (receipt.status, receipt.detail) == (Status.DEFERRED, "refused 400")


async def test_twilio_knowing_no_such_number_is_told_with_its_code(web: WebServices) -> None:
    receipt = await delivered(settings_for("twilio", web.url), to="+4915112340404")
    assert (receipt.status, receipt.detail) == (Status.REJECTED, "400 21211")


async def test_a_gateway_that_cannot_be_reached_got_nothing() -> None:
    receipt = await delivered(settings_for("json", NOWHERE))
    assert (receipt.status, receipt.detail) == (Status.DEFERRED, "connect")


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
    web.trouble = Trouble(429, headers)
    assert (await delivered(settings_for("json", web.url))).retry_after == seconds


async def test_the_same_key_again_is_one_sms_at_an_idempotent_gateway(web: WebServices) -> None:
    web.trouble = Trouble(silent=True)
    await delivered(settings_for("json", web.url, idempotent="true"))
    web.trouble = Trouble()
    receipt = await delivered(settings_for("json", web.url, idempotent="true"))
    assert (receipt.status, len(web.taken)) == (Status.SENT, 1)


@pytest.mark.parametrize(
    "to", ["", "015112345678", "+0151", "+49 151 1234567", "ada@example.test", "+1234567890123456"]
)
async def test_what_is_no_number_is_refused_before_anything_is_asked(web: WebServices, to: str) -> None:
    receipt = await delivered(settings_for("json", web.url), to=to)
    assert (receipt.status, receipt.detail, web.requests) == (Status.REJECTED, "not an E.164 number", 0)


async def test_a_text_without_its_registered_signature_is_refused(web: WebServices) -> None:
    receipt = await delivered(settings_for("json", web.url), signature="示例银行")
    assert (receipt.status, receipt.detail, web.requests) == (Status.REJECTED, "signature missing", 0)


async def test_a_text_with_its_registered_signature_goes_out_as_it_is(web: WebServices) -> None:
    await delivered(settings_for("json", web.url), signature="示例银行", text="【示例银行】您的数据被复制")
    assert web.taken[0].fields["text"] == "【示例银行】您的数据被复制"


async def test_one_sms_after_another_uses_the_callers_order(web: WebServices) -> None:
    channel = sms_http.connect(settings_for("json", web.url))
    for number in range(3):
        await channel.deliver(replace(an_sms(), key=f"k{number}"), Bell())
    await channel.close()
    assert [taken.headers["idempotency-key"] for taken in web.taken] == ["k0", "k1", "k2"]


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
