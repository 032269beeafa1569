"""What people write back: whether the gateway handed it on, whose it is, and what it says."""

import hmac
import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.domain.base.errors import NotAllowed
from amends.domain.feedback.sms_reply import TWILIO_INCOMING, Incoming, IncomingRules, IncomingShape
from amends.domain.receipt.webhook import Scheme, WebhookReport

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
SECRET = "a-secret-of-both-1"
URL = "https://notice.example.test/incoming/sms"
SHAPE = IncomingShape("from", "text", "id")
DOTTED = IncomingShape("results.0.from", "results.0.text", "results.0.messageId")
JASMIN = IncomingShape("from", "content", "id", "binary", (("coding", "8"),))
AT_ADDRESS = IncomingRules(SHAPE, Scheme.ADDRESS, SECRET)
SIGNED = IncomingRules(SHAPE, Scheme.BODY, SECRET)
TWILIO = IncomingRules(TWILIO_INCOMING, Scheme.TWILIO, SECRET, URL)
QUESTION = {"from": "+4915112345678", "text": "Was it my card?", "id": "m1"}
READ = (Incoming("+4915112345678", "Was it my card?", "m1"),)


def signed(body: str, at: datetime = NOW, secret: str = SECRET) -> WebhookReport:
    stamp = str(int(at.timestamp()))
    mac = hmac.digest(secret.encode(), f"{stamp}.{body}".encode(), "sha256").hex()
    return WebhookReport(body.encode(), {"x-signature": f"sha256={mac}", "x-timestamp": stamp})


def by_twilio(fields: dict[str, str], url: str = URL, secret: str = SECRET) -> WebhookReport:
    spelled = url + "".join(name + value for name, value in sorted(fields.items()))
    mac = b64encode(hmac.digest(secret.encode(), spelled.encode(), "sha1")).decode()
    return WebhookReport(urlencode(fields).encode(), {"x-twilio-signature": mac})


@pytest.mark.parametrize(
    ("query", "body"),
    [
        (urlencode(QUESTION | {"proof": SECRET}), b""),
        (f"proof={SECRET}", urlencode(QUESTION).encode()),
        (f"proof={SECRET}", json.dumps(QUESTION).encode()),
        (f"proof={SECRET}", json.dumps([QUESTION]).encode()),
        (f"proof={SECRET}", b"name=Zo\xeb&" + urlencode(QUESTION).encode()),
    ],
    ids=["a query", "a form", "an object", "a list", "a form in Latin-1"],
)
def test_at_its_address_a_gateway_hands_it_on_in_whatever_form(query: str, body: bytes) -> None:
    assert AT_ADDRESS.read(WebhookReport(body, {}, query), NOW) == READ


@pytest.mark.parametrize(
    "body",
    [
        urlencode(QUESTION | {"text": "退订"}, encoding="gbk").encode(),
        json.dumps(QUESTION | {"text": "退订"}, ensure_ascii=False).encode("gbk"),
    ],
    ids=["a form", "an object"],
)
def test_a_wish_in_gbk_is_read(body: bytes) -> None:
    (read,) = AT_ADDRESS.read(WebhookReport(body, {}, f"proof={SECRET}"), NOW)
    assert read.text == "退订"


@pytest.mark.parametrize("query", ["", "proof=", "proof=guessed", f"secret={SECRET}", f"proof={SECRET}x"])
def test_without_the_secret_it_is_nobodys(query: str) -> None:
    with pytest.raises(NotAllowed):
        AT_ADDRESS.read(WebhookReport(urlencode(QUESTION | {"proof": SECRET}).encode(), {}, query), NOW)


def test_what_is_signed_is_believed_for_five_minutes() -> None:
    body = json.dumps([QUESTION, QUESTION | {"id": "m2"}])
    assert [one.name for one in SIGNED.read(signed(body), NOW)] == ["m1", "m2"]
    for forged in (signed(body, secret="guessed"), signed(body, NOW - timedelta(minutes=6))):
        with pytest.raises(NotAllowed):
            SIGNED.read(forged, NOW)


def test_twilio_signs_with_the_address_that_it_was_told() -> None:
    fields = {"From": "+15550100", "Body": "STOP", "MessageSid": "SM1", "To": "+15550199"}
    assert TWILIO.read(by_twilio(fields), NOW) == (Incoming("+15550100", "STOP", "SM1"),)
    for forged in (by_twilio(fields, secret="guessed"), by_twilio(fields, "https://notice.example.test/receipts/sms")):
        with pytest.raises(NotAllowed):
            TWILIO.read(forged, NOW)


def test_a_name_with_dots_leads_into_objects_and_lists() -> None:
    body = {"results": [{"messageId": 817, "from": 4915112345678, "text": "退订"}]}
    assert DOTTED.read(body) == Incoming("4915112345678", "退订", "817")


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"coding": "8", "content": "\ufffd\x00", "binary": "90008ba2"}, "退订"),
        ({"coding": "0", "content": "STOP", "binary": "53544f50"}, "STOP"),
        ({"content": "STOP", "binary": "53544f50"}, "STOP"),
        ({"coding": "8", "content": "STOP", "binary": "no digits"}, "STOP"),
        ({"coding": "8", "content": "", "binary": "0041d83d"}, "A\ufffd"),
    ],
)
def test_hexadecimal_digits_are_read_when_the_gateway_says_so(told: dict[str, str], text: str) -> None:
    assert JASMIN.read({"from": "1", "id": "m", **told}) == Incoming("1", text, "m")


def test_a_picture_without_words_is_an_empty_text() -> None:
    assert SHAPE.read(QUESTION | {"text": ""}) == Incoming("+4915112345678", "", "m1")


@pytest.mark.parametrize("gap", ["from", "id"])
def test_what_names_no_sender_or_no_text_is_left_out(gap: str) -> None:
    body = json.dumps([{name: value for name, value in QUESTION.items() if name != gap}, QUESTION, "x", 1])
    assert AT_ADDRESS.read(WebhookReport(body.encode(), {}, f"proof={SECRET}"), NOW) == READ


def test_neither_words_nor_number_stand_in_its_repr() -> None:
    assert repr(READ[0]) == "Incoming(name='m1')"
    assert SECRET not in repr(AT_ADDRESS)


@given(body=st.binary(max_size=200), query=st.text(max_size=60))
def test_no_body_and_no_query_break_it(body: bytes, query: str) -> None:
    for rules in (AT_ADDRESS, SIGNED, TWILIO):
        with pytest.raises(NotAllowed):
            rules.read(WebhookReport(body, {}, query), NOW)


@given(body=st.binary(max_size=200))
def test_no_body_breaks_it_at_the_right_address_either(body: bytes) -> None:
    try:
        AT_ADDRESS.read(WebhookReport(body, {}, f"proof={SECRET}"), NOW)
    except NotAllowed:
        assert b"&" in body
