"""What the SMS gateway reports is taken in when it is signed, and nothing else is."""

import asyncio
import hmac
import json
import sqlite3
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from amends.delivery.channels import connect
from amends.domain.base.errors import LedgerRestored
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.notice.notice import DeliveryState
from amends.ledger import Claim, Ledger
from amends.sandbox.web import WebServices
from amends.settings import Settings
from amends.web.app import create_app
from amends.web.webhook.authenticate import REFUSED_PER_ADDRESS
from tests.builders import NOW, a_person
from tests.channels.contract import Bell, a_message
from tests.web.scene import ADA, INCIDENT, LI, TWILIO_ACCOUNT, Clock

NOTICE = "first-notice"
PATH = ChannelKind.SMS.receipts
URL = f"https://betapai.example{PATH}"
SECRET = TWILIO_ACCOUNT["token"]
TWILIO = TWILIO_ACCOUNT | {"callback_url": URL}
PLAIN = {
    "use": "sms_http",
    "shape": "json",
    "url": "https://sms.gateway.example/messages",
    "to_field": "to",
    "text_field": "text",
    "token": "another secret",
    "id_field": "id",
    "callback_secret": SECRET,
}
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def texts(ledger: Ledger) -> dict[int, Claim]:
    """The SMS of the first notice; the gateway has taken them."""
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.SMS], 100, NOW)
    ledger.deliveries.record(claims, (), INCIDENT, NOTICE, NOW)
    answers = [(claim, Receipt(claim.key, Status.SENT, provider_id=f"SM{claim.id}")) for claim in claims]
    ledger.deliveries.record((), answers, INCIDENT, NOTICE, NOW)
    return {claim.about.number: claim for claim in claims if claim.about}


def portal(settings: Settings, ledger: Ledger, clock: Clock, **sms: str) -> FastAPI:
    return create_app(settings.model_copy(update={"channels": {ChannelKind.SMS: sms}}), ledger, clock)


@pytest.fixture
def gateway(settings: Settings, ledger: Ledger, clock: Clock) -> TestClient:
    """Whoever speaks to a portal of which the gateway is Twilio."""
    return TestClient(portal(settings, ledger, clock, **TWILIO))


def says(claim: Claim, word: str = "delivered", **more: str) -> dict[str, str]:
    return {"MessageSid": f"SM{claim.id}", "MessageStatus": word, **more}


def signed(fields: dict[str, str], query: str = "", secret: str = SECRET) -> dict[str, str]:
    url = f"{URL}?{query}" if query else URL
    spelled = url + "".join(name + value for name, value in sorted(fields.items()))
    return {"x-twilio-signature": b64encode(hmac.digest(secret.encode(), spelled.encode(), "sha1")).decode()}


def signed_body(body: str, clock: Clock) -> dict[str, str]:
    stamp = str(int(clock.now.timestamp()))
    mac = hmac.digest(SECRET.encode(), f"{stamp}.{body}".encode(), "sha256").hex()
    return {"x-signature": f"sha256={mac}", "x-timestamp": stamp}


def report(client: TestClient, fields: dict[str, str], query: str = "", **headers: str) -> httpx2.Response:
    sent = FORM | signed(fields, query) | headers
    return client.post(f"{PATH}?{query}" if query else PATH, content=urlencode(fields), headers=sent)


def state(ledger: Ledger, person: int = ADA) -> str:
    lines = ledger.statistics.lines(INCIDENT, NOTICE)
    return next(line.state.value for line in lines if (line.person, line.channel) == (person, ChannelKind.SMS))


def test_a_signed_report_is_kept_and_answered_with_nothing(
    gateway: TestClient, ledger: Ledger, texts: dict[int, Claim]
) -> None:
    answer = report(gateway, says(texts[ADA]), f"key={texts[ADA].key}")
    assert (answer.status_code, answer.content) == (200, b"")
    assert "set-cookie" not in answer.headers
    assert state(ledger) == "delivered"


def test_an_sms_that_did_not_arrive_has_bounced(gateway: TestClient, ledger: Ledger, texts: dict[int, Claim]) -> None:
    report(gateway, says(texts[ADA], "undelivered", ErrorCode="30003"))
    assert state(ledger) == "bounced"
    assert ledger.statistics.troubles(INCIDENT, NOTICE) == {DeliveryState.BOUNCED: 1}


@pytest.mark.parametrize("word", ["queued", "sending", "sent"])
def test_what_is_no_last_word_is_taken_and_changes_nothing(
    gateway: TestClient, ledger: Ledger, texts: dict[int, Claim], word: str
) -> None:
    assert report(gateway, says(texts[ADA], word)).status_code == 200
    assert state(ledger) == "sent"


def test_a_message_that_we_do_not_know_is_no_news_to_the_gateway(
    gateway: TestClient, ledger: Ledger, texts: dict[int, Claim], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amends.web.webhook.receipts.AGAIN_AFTER", (0.01,))
    answer = report(gateway, {"MessageSid": "SM999", "MessageStatus": "failed"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert not ledger.statistics.troubles(INCIDENT, NOTICE)


async def test_a_report_faster_than_the_gateways_answer_is_not_lost(
    settings: Settings, ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report that arrives before the gateway's own answer to the SMS is recorded waits for this answer, and is then
    recorded.
    """
    monkeypatch.setattr("amends.web.webhook.receipts.AGAIN_AFTER", (0.05, 0.5, 3, 10))
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.SMS], 100, NOW)
    ledger.deliveries.record(claims, (), INCIDENT, NOTICE, NOW)
    transport = httpx2.ASGITransport(app=portal(settings, ledger, clock, **TWILIO))
    async with httpx2.AsyncClient(transport=transport, base_url="https://betapai.example") as client:
        post = asyncio.create_task(_post(client, {"MessageSid": "SM-of-Ada", "MessageStatus": "undelivered"}))
        await asyncio.sleep(0.2)
        answers = [(claim, _taken(claim)) for claim in claims]
        ledger.deliveries.record((), answers, INCIDENT, NOTICE, NOW)
        assert (await post).status_code == 200
    assert state(ledger) == "bounced"


async def test_nor_is_it_lost_among_others_that_are_kept_together_with_it(
    settings: Settings, ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amends.web.webhook.receipts.AGAIN_AFTER", (0.3, 3, 10))
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.SMS], 100, NOW)
    receipts = [(claim, _taken(claim)) for claim in claims]
    others = [(claim, receipt) for claim, receipt in receipts if receipt.provider_id != "SM-of-Ada"]
    ledger.deliveries.record(claims, others, INCIDENT, NOTICE, NOW)
    names = [receipt.provider_id for _, receipt in others] * 3 + ["SM-of-Ada"]
    transport = httpx2.ASGITransport(app=portal(settings, ledger, clock, **TWILIO))
    async with httpx2.AsyncClient(transport=transport, base_url="https://betapai.example") as client:
        posts = [_post(client, {"MessageSid": name, "MessageStatus": "undelivered"}) for name in names]
        told = asyncio.gather(*posts)
        await asyncio.sleep(0.15)
        ledger.deliveries.record((), receipts, INCIDENT, NOTICE, NOW)
        await told
    assert state(ledger) == "bounced"


def _taken(claim: Claim) -> Receipt:
    ada = claim.about and claim.about.number == ADA
    return Receipt(claim.key, Status.SENT, provider_id="SM-of-Ada" if ada else f"SM{claim.id}")


@pytest.mark.parametrize(
    "headers",
    [
        {"x-twilio-signature": ""},
        {"x-twilio-signature": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="},
        signed({}),
        signed({"MessageSid": "SM1", "MessageStatus": "delivered"}, secret="guessed"),
    ],
)
def test_what_the_gateway_did_not_sign_is_refused_without_a_word(
    gateway: TestClient, ledger: Ledger, texts: dict[int, Claim], headers: dict[str, str]
) -> None:
    answer = report(gateway, says(texts[ADA]), **headers)
    assert (answer.status_code, answer.content) == (403, b"")
    assert state(ledger) == "sent"


def test_a_signature_of_strange_bytes_is_refused_like_any_other(gateway: TestClient) -> None:
    assert gateway.post(PATH, headers={b"x-twilio-signature": b"\xff\xc3"}).status_code == 403


def test_a_signed_report_of_one_message_is_none_of_another(
    gateway: TestClient, ledger: Ledger, texts: dict[int, Claim]
) -> None:
    stolen = signed(says(texts[ADA], "failed"))
    other = next(number for number in texts if number != ADA)
    assert report(gateway, says(texts[other], "failed"), **stolen).status_code == 403
    assert state(ledger, other) == "sent"


@pytest.mark.parametrize("body", [b"", b"\xff\xfe=\x00", b"&" * 5_000, b"a=b;" * 500, b'{"a": 1}'])
def test_no_body_breaks_it(gateway: TestClient, texts: dict[int, Claim], body: bytes) -> None:
    assert gateway.post(PATH, content=body, headers=FORM).status_code == 403


def test_a_body_that_is_too_large_is_not_read(gateway: TestClient) -> None:
    answer = gateway.post(PATH, content=b"a" * 65_537, headers=FORM)
    assert (answer.status_code, answer.content) == (413, b"")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_it_only_takes(gateway: TestClient, method: str) -> None:
    assert gateway.request(method, PATH).status_code == 405


def test_the_safe_headers_stand_here_too(gateway: TestClient, texts: dict[int, Claim]) -> None:
    answer = report(gateway, says(texts[ADA]))
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


# Floods


def test_who_sends_rubbish_again_and_again_is_not_heard_for_a_while(settings: Settings, ledger: Ledger) -> None:
    app = portal(settings.model_copy(update={"trusted_proxies": 1}), ledger, Clock(), **TWILIO)
    client, rubbish = TestClient(app), {"x-forwarded-for": "203.0.113.5"}
    answers = [client.post(PATH, headers=rubbish) for _ in range(REFUSED_PER_ADDRESS.amount + 1)]
    assert {answer.status_code for answer in answers[:-1]} == {403}
    assert answers[-1].status_code == 429
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60


@pytest.mark.full
def test_a_flood_of_others_does_not_stop_the_gateway(
    settings: Settings, ledger: Ledger, texts: dict[int, Claim]
) -> None:
    app = portal(settings.model_copy(update={"trusted_proxies": 1}), ledger, Clock(), **TWILIO)
    client = TestClient(app)
    for number in range(700):
        client.post(PATH, headers={"x-forwarded-for": f"203.0.{number // 200}.{number % 200}"})
    assert report(client, says(texts[ADA]), **{"x-forwarded-for": "198.51.100.7"}).status_code == 200
    assert state(ledger) == "delivered"


def test_reports_that_come_at_once_are_kept_together(
    settings: Settings, ledger: Ledger, clock: Clock, texts: dict[int, Claim]
) -> None:
    """Each is answered when it is on disk; while one batch is written, the next gathers."""
    app = portal(settings, ledger, clock, **TWILIO)

    async def all_at_once() -> list[int]:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="https://betapai.example") as client:
            posts = [_post(client, says(claim, word)) for claim in texts.values() for word in ("delivered",) * 10]
            return [answer.status_code for answer in await asyncio.gather(*posts)]

    assert set(asyncio.run(all_at_once())) == {200}
    entries = [entry.detail for entry in ledger.audit.entries(INCIDENT) if entry.act == "reported"]
    assert sum(_delivered(detail) for detail in entries) == len(texts)
    assert len(entries) < len(texts)


def _delivered(detail: Any) -> int:
    found: int = detail["states"]["delivered"]
    return found


async def _post(client: httpx2.AsyncClient, fields: dict[str, str]) -> httpx2.Response:
    return await client.post(PATH, content=urlencode(fields), headers=FORM | signed(fields))


def test_a_report_is_put_off_while_the_ledger_cannot_be_written(
    gateway: TestClient, ledger: Ledger, settings: Settings, texts: dict[int, Claim], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the ledger cannot be written, a report is answered with 503 and a Retry-After, and is taken when the
    gateway sends it again.
    """
    monkeypatch.setattr("amends.ledger.store.database.BUSY_SECONDS", 0)
    with sqlite3.connect(settings.home / "ledger.sqlite3", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = report(gateway, says(texts[ADA]))
        other.execute("ROLLBACK")
    assert (answer.status_code, answer.content) == (503, b"")
    assert int(answer.headers["retry-after"]) > 0
    assert report(gateway, says(texts[ADA])).status_code == 200


def test_a_report_is_put_off_while_a_restore_is_not_reconciled(
    gateway: TestClient, ledger: Ledger, texts: dict[int, Claim], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a restored ledger is not reconciled, a report is answered with 503, so that the gateway sends it again."""

    def refuse(*_: object) -> None:
        raise LedgerRestored("an older copy")

    monkeypatch.setattr(ledger.receipts, "take", refuse)
    assert report(gateway, says(texts[ADA])).status_code == 503


# Other gateways


def test_a_gateway_that_signs_the_body_is_believed_for_five_minutes(
    settings: Settings, ledger: Ledger, clock: Clock, texts: dict[int, Claim]
) -> None:
    client = TestClient(portal(settings, ledger, clock, **PLAIN))
    body = json.dumps({"id": f"SM{texts[ADA].id}", "status": "rejected"})
    headers = signed_body(body, clock)
    clock.forward(minutes=6)
    assert client.post(PATH, content=body, headers=headers).status_code == 403
    clock.forward(minutes=-6)
    assert client.post(PATH, content=body, headers=headers).status_code == 200
    assert state(ledger) == "bounced"


async def test_a_gateway_that_knows_only_our_key_reports_on_an_sms_by_it(
    settings: Settings, ledger: Ledger, clock: Clock, tmp_path: Path
) -> None:
    """A gateway that gives no id and takes our key reports on an SMS by this key, and the report changes only the SMS
    with this key.
    """
    by_key = {key: value for key, value in PLAIN.items() if key != "id_field"} | {"key_field": "reference"}
    with WebServices(tmp_path / "web") as web:
        await text_everybody(ledger, by_key | {"url": f"{web.url}/sms"})
        told = {taken.fields["to"]: taken.fields["reference"] for taken in web.taken}
    assert (state(ledger, ADA), state(ledger, LI)) == ("sent", "sent")
    body = json.dumps({"reference": told[a_person(number=ADA).phone], "status": "failed"})
    client = TestClient(portal(settings, ledger, clock, **by_key))
    assert client.post(PATH, content=body, headers=signed_body(body, clock)).status_code == 200
    assert (state(ledger, ADA), state(ledger, LI)) == ("bounced", "sent")


async def test_an_unsigned_gateway_reports_at_the_url_it_was_given(
    settings: Settings, ledger: Ledger, clock: Clock, tmp_path: Path
) -> None:
    """A gateway that signs nothing reports at the secret address that it was given with each SMS; a report at an
    address that Amends did not give out is refused.
    """
    kannel = PLAIN | {"id_field": "", "callback_field": "dlr-url", "callback_url": URL, "callback_query": "status=%d"}
    kannel |= {"shape": "query", "delivered_words": "1", "rejected_words": "2, 16"}
    with WebServices(tmp_path / "web") as web:
        await text_everybody(ledger, kannel | {"url": f"{web.url}/sms"})
        told = {taken.fields["to"]: taken.fields["dlr-url"] for taken in web.taken}
    client = TestClient(portal(settings, ledger, clock, **kannel))
    ada = told[a_person(number=ADA).phone].removeprefix("https://betapai.example")
    assert client.get(ada.replace("%d", "8")).status_code == 200
    assert (state(ledger, ADA), state(ledger, LI)) == ("sent", "sent")
    assert client.get(ada.replace("%d", "2")).status_code == 200
    assert client.get(PATH + "?key=k1&status=1").status_code == 403
    assert (state(ledger, ADA), state(ledger, LI)) == ("bounced", "sent")


async def text_everybody(ledger: Ledger, gateway: dict[str, str]) -> None:
    claims = ledger.deliveries.claim(INCIDENT, NOTICE, [ChannelKind.SMS], 100, NOW)
    ledger.deliveries.record(claims, (), INCIDENT, NOTICE, NOW)
    channel = connect(ChannelKind.SMS, gateway)
    for claim in claims:
        sms = a_message(kind=ChannelKind.SMS, key=claim.key, to=claim.to.phone)
        ledger.deliveries.record((), [(claim, await channel.deliver(sms, Bell()))], INCIDENT, NOTICE, NOW)
    await channel.close()


@pytest.mark.parametrize(
    "sms",
    [
        {},
        {"use": "outbox", "kind": "sms", "folder": "outbox"},
        {**PLAIN, "callback_secret": ""},
        {**TWILIO, "callback_url": ""},
        {**TWILIO, "account": "not one!"},
    ],
    ids=["no channel", "outbox", "no secret", "no address", "a wrong setting"],
)
def test_without_reports_that_can_be_believed_nothing_is_there(
    settings: Settings, ledger: Ledger, clock: Clock, sms: dict[str, str]
) -> None:
    client = TestClient(portal(settings, ledger, clock, **sms))
    assert client.post(PATH, content=b"x").status_code == 404
    assert client.get("/healthz").text == "ok"
