"""Delivery reports: whose they are, and what they say."""

import hmac
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amends.domain.base.errors import NotAllowed
from amends.domain.channel.message import Status
from amends.domain.receipt.webhook import (
    LARGEST_REPORT,
    TWILIO,
    TWILIO_MESSAGE,
    ProviderReceipt,
    ReportRules,
    ReportShape,
    Scheme,
    WebhookReport,
    body_signed,
    last_word,
    nested,
    read_reports,
    sms_receipt,
    twilio_signed,
)

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
SECRET = "a secret of both"
URL = "https://notice.example.test/receipts/sms"
PLAIN = ReportShape(
    id_field="message.id",
    status_field="state",
    outcomes={"ok": Status.DELIVERED, "dead": Status.REJECTED, "later": Status.DEFERRED},
    code_field="why",
    key_field="reference",
)


def twilio_says(word: str, code: Any = None) -> ProviderReceipt | None:
    return sms_receipt(TWILIO, {"MessageSid": "SM1", "MessageStatus": word} | ({"ErrorCode": code} if code else {}))


@pytest.mark.parametrize("word", ["accepted", "scheduled", "queued", "sending", "sent", "receiving", "", "Zugestellt"])
def test_what_is_no_last_word_changes_nothing(word: str) -> None:
    assert twilio_says(word) is None


@pytest.mark.parametrize("word", ["delivered", "Delivered", "read"])
def test_a_delivered_sms_is_delivered(word: str) -> None:
    assert twilio_says(word) == ProviderReceipt("SM1", Status.DELIVERED, word.lower())


@pytest.mark.parametrize("code", ["30003", "30007"])
def test_a_delivered_sms_stays_delivered_whatever_error_code_it_has(code: str) -> None:
    """An SMS that was delivered stays delivered, whatever error code stands beside it."""
    assert twilio_says("delivered", code).status is Status.DELIVERED


@pytest.mark.parametrize("code", ["30003", "30005", "30006", 30006, "30004", "30008", "99999", None])
@pytest.mark.parametrize("word", ["undelivered", "failed"])
def test_an_sms_that_did_not_arrive_is_rejected(word: str, code: Any) -> None:
    receipt = twilio_says(word, code)
    assert (receipt.status, receipt.detail) == (Status.REJECTED, f"{word} {code}" if code else word)


@pytest.mark.parametrize(
    "code", ["30001", "30002", "30007", "30010", "30022", "30023", "30024", "30032", "30034", "63038", 63038]
)
def test_trouble_of_account_sender_or_text_is_not_the_persons(code: str) -> None:
    assert twilio_says("undelivered", code).status is Status.DEFERRED


def test_an_sms_that_somebody_called_back_is_looked_at_by_a_person() -> None:
    assert twilio_says("canceled").status is Status.UNCERTAIN


def test_a_report_that_names_no_message_says_nothing() -> None:
    assert sms_receipt(TWILIO, {"MessageStatus": "delivered"}) is None


def test_a_report_that_names_our_key_needs_no_other_name() -> None:
    receipt = sms_receipt(TWILIO, {"MessageStatus": "delivered", "key": "k1"})
    assert (receipt.provider_id, receipt.key) == ("", "k1")


def test_twilio_words_it_otherwise_when_it_is_asked() -> None:
    asked = {"sid": "SM1", "status": "undelivered", "error_code": 30005, "to": "+4915112345678"}
    assert sms_receipt(TWILIO_MESSAGE, asked) == ProviderReceipt("SM1", Status.REJECTED, "undelivered 30005")


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"message": {"id": 7}, "state": "OK"}, ProviderReceipt("7", Status.DELIVERED, "ok")),
        ({"message": {"id": "7"}, "state": "dead", "why": "E.12"}, ProviderReceipt("7", Status.REJECTED, "dead E.12")),
        ({"state": "later", "reference": "k1"}, ProviderReceipt("", Status.DEFERRED, "later", "k1")),
        ({"message": "7", "state": "ok"}, None),
        ({"message": {"id": "a b"}, "state": "ok"}, None),
        ({"message": {"id": ["7"]}, "state": "ok"}, None),
        ({"message.id": "7", "state": "ok"}, None),
        ({"message": {"id": True}, "state": "ok"}, None),
        ({"message": {"id": False}, "state": "ok"}, None),
    ],
    ids=str,
)
def test_a_gateway_of_other_words_is_understood_by_its_settings(payload: Any, expected: ProviderReceipt | None) -> None:
    assert sms_receipt(PLAIN, payload) == expected


@pytest.mark.parametrize("code", ["+4915112345678", "4915112345678", "to ada@example.test", "a@b"])
def test_a_code_that_could_be_an_address_is_left_out(code: str) -> None:
    assert sms_receipt(PLAIN, {"message": {"id": "7"}, "state": "dead", "why": code}).detail == "dead"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("name", "told", "status"),
    [
        ("results.0.status", {"results": [{"status": "ok"}]}, Status.DELIVERED),
        ("results.1.status", {"results": [{"status": "ok"}, {"status": "dead"}]}, Status.REJECTED),
        ("results.1.status", {"results": [{"status": "ok"}]}, None),
        ("results.-1.status", {"results": [{"status": "ok"}]}, None),
        ("results.00.status", {"results": [{"status": "ok"}]}, None),
        ("results.status", {"results": [{"status": "ok"}]}, None),
        ("results.0", {"results": {"0": "ok"}}, Status.DELIVERED),
    ],
)
def test_a_name_leads_into_lists_too(name: str, told: Any, status: Status | None) -> None:
    found = last_word(replace(PLAIN, status_field=name), told)
    assert (found[0] if found else None) is status


@pytest.mark.parametrize(
    ("fields", "spelled"),
    [
        ({"to": "+49", "text": "a"}, {"to": "+49", "text": "a"}),
        ({"to.0": "+49"}, {"to": ["+49"]}),
        (
            {"messages.0.destinations.0.to": "+49", "messages.0.sender": "us", "messages.0.content.text": "a"},
            {"messages": [{"destinations": [{"to": "+49"}], "sender": "us", "content": {"text": "a"}}]},
        ),
        ({"a.1": "y", "a.0": "x"}, {"a": ["x", "y"]}),
        ({"a.0": "x", "a.b": "y"}, {"a": {"0": "x", "b": "y"}}),
    ],
    ids=str,
)
def test_names_with_dots_spell_objects_and_lists(fields: dict[str, str], spelled: Any) -> None:
    assert nested(fields) == spelled


@pytest.mark.parametrize("fields", [{"a": "x", "a.b": "y"}, {"a.b": "y", "a": "x"}], ids=str)
def test_a_name_that_leads_into_another_ones_value_spells_nothing(fields: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"^a$"):
        nested(fields)


def test_a_gateway_without_ids_names_the_message_by_our_key() -> None:
    """A gateway without ids of its own names the message by our idempotency key.

    A report without the key is no receipt.
    """
    by_key = replace(PLAIN, id_field="")
    told = {"state": "ok", "reference": "k1", "message": {"id": "m1"}}
    assert sms_receipt(by_key, told) == ProviderReceipt("k1", Status.DELIVERED, "ok", "k1")
    assert sms_receipt(by_key, {"state": "ok", "message": {"id": "m1"}}) is None


@given(st.dictionaries(st.sampled_from(["message", "state", "why", "reference", "id"]), json_values))
def test_no_payload_brings_the_reader_down(payload: dict[str, Any]) -> None:
    receipt = sms_receipt(PLAIN, payload)
    assert receipt is None or receipt.status in PLAIN.outcomes.values()


# Twilio's signature.

CALL = [("CallSid", "CA1234567890ABCDE"), ("Caller", "+12349013030"), ("Digits", "1234")]
CALL += [("From", "+12349013030"), ("To", "+18005551212")]
CALL_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
CALL_SIGNATURE = "0/KCTR6DLpKmkAf8muzZqo1nDgQ="


@pytest.mark.parametrize("fields", [CALL, CALL[::-1], CALL + CALL[:1]], ids=["sorted", "backwards", "one twice"])
def test_the_example_in_twilios_documentation_is_signed(fields: list[tuple[str, str]]) -> None:
    assert twilio_signed("12345", CALL_URL, fields, CALL_SIGNATURE)


@pytest.mark.parametrize(
    ("token", "url", "fields", "signature"),
    [
        ("12346", CALL_URL, CALL, CALL_SIGNATURE),
        ("", CALL_URL, CALL, CALL_SIGNATURE),
        ("12345", CALL_URL.replace("bar=2", "bar=3"), CALL, CALL_SIGNATURE),
        ("12345", CALL_URL, CALL[1:], CALL_SIGNATURE),
        ("12345", CALL_URL, [*CALL, ("a", "")], CALL_SIGNATURE),
        ("12345", CALL_URL, CALL, CALL_SIGNATURE.lower()),
        ("12345", CALL_URL, CALL, ""),
        ("12345", CALL_URL, CALL, "é\ud800"),
    ],
)
def test_anything_else_is_not_signed(token: str, url: str, fields: list[tuple[str, str]], signature: str) -> None:
    assert not twilio_signed(token, url, fields, signature)


def test_nothing_is_signed_with_no_secret() -> None:
    by_nobody = b64encode(hmac.digest(b"", URL.encode(), "sha1")).decode()
    assert not twilio_signed("", URL, [], by_nobody)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(URL, URL.replace("test/", "test:443/")), (URL.replace("test/", "test:443/"), URL)]
)
def test_the_usual_port_may_stand_in_the_address_or_not(ours: str, theirs: str) -> None:
    signature = b64encode(hmac.digest(b"t", f"{theirs}a1".encode(), "sha1")).decode()
    assert twilio_signed("t", ours, [("a", "1")], signature)


# The signature over the body.


def signature_of(body: bytes, stamp: str = STAMP, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), f"{stamp}.".encode() + body, "sha256").hexdigest()


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_body_that_was_signed_now_is_signed(seconds: int) -> None:
    assert body_signed(SECRET, b"{}", signature_of(b"{}"), STAMP, NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-301, 301, 86_400])
def test_a_body_that_was_signed_at_another_time_is_played_again(seconds: int) -> None:
    assert not body_signed(SECRET, b"{}", signature_of(b"{}"), STAMP, NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("secret", "body", "signature", "stamp"),
    [
        (SECRET, b"{ }", signature_of(b"{}"), STAMP),
        ("other", b"{}", signature_of(b"{}"), STAMP),
        ("", b"{}", signature_of(b"{}", secret=""), STAMP),
        (SECRET, b"{}", signature_of(b"{}").removeprefix("sha256="), STAMP),
        (SECRET, b"{}", signature_of(b"{}"), str(int(STAMP) + 1)),
        (SECRET, b"{}", signature_of(b"{}", stamp=""), ""),
        (SECRET, b"{}", signature_of(b"{}", stamp="-1"), "-1"),
        (SECRET, b"{}", signature_of(b"{}", stamp="٢"), "٢"),
        (SECRET, b"{}", signature_of(b"{}", stamp="9" * 400), "9" * 400),
        (SECRET, b"{}", "", STAMP),
        (SECRET, b"{}", "é", STAMP),
    ],
)
def test_a_body_that_is_not_signed_so_is_not_signed(secret: str, body: bytes, signature: str, stamp: str) -> None:
    assert not body_signed(secret, body, signature, stamp, NOW)


@given(st.binary(max_size=200), st.integers(0, 199), st.integers(1, 255))
def test_one_changed_byte_is_noticed(body: bytes, place: int, change: int) -> None:
    if place < len(body):
        changed = body[:place] + bytes([body[place] ^ change]) + body[place + 1 :]
        assert not body_signed(SECRET, changed, signature_of(body), STAMP, NOW)


# The whole report.

BY_BODY = ReportRules(PLAIN, Scheme.BODY, SECRET)
BY_TWILIO = ReportRules(TWILIO, Scheme.TWILIO, "t", URL)
BY_ADDRESS = ReportRules(PLAIN, Scheme.ADDRESS, SECRET, URL, "state=%d")


def signed_report(body: bytes) -> WebhookReport:
    return WebhookReport(body, {"x-signature": signature_of(body), "x-timestamp": STAMP})


def twilio_report(query: str = "key=k1", **fields: str) -> WebhookReport:
    signed = f"{URL}?{query}" + "".join(name + value for name, value in sorted(fields.items()))
    signature = b64encode(hmac.digest(b"t", signed.encode(), "sha1")).decode()
    return WebhookReport(urlencode(fields).encode(), {"x-twilio-signature": signature}, query)


def test_a_signed_report_is_read() -> None:
    receipts = read_reports(BY_BODY, signed_report(b'{"message": {"id": "7"}, "state": "ok"}'), NOW)
    assert receipts == (ProviderReceipt("7", Status.DELIVERED, "ok"),)


@pytest.mark.parametrize("charset", ["latin-1", "gb18030", "utf-8-sig"])
def test_a_signed_report_is_read_in_whatever_charset_its_text_is(charset: str) -> None:
    """A signed report is read whatever charset the text beside the status is written in."""
    body = '{"message": {"id": "7"}, "state": "ok", "text": "§"}'.encode(charset)
    assert read_reports(BY_BODY, signed_report(body), NOW) == (ProviderReceipt("7", Status.DELIVERED, "ok"),)


def test_a_signed_list_of_reports_is_read_one_by_one() -> None:
    body = b'[{"message": {"id": "7"}, "state": "ok"}, {"state": "?"}, 7, {"message": {"id": 8}, "state": "dead"}]'
    receipts = read_reports(BY_BODY, signed_report(body), NOW)
    assert receipts == (ProviderReceipt("7", Status.DELIVERED, "ok"), ProviderReceipt("8", Status.REJECTED, "dead"))


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"\xff", b"[" * 30_000, b'{"state": "ok"}'])
def test_a_signed_report_that_says_nothing_is_no_accident(body: bytes) -> None:
    assert read_reports(BY_BODY, signed_report(body), NOW) == ()


def test_a_twilio_report_names_our_message_by_its_address() -> None:
    receipts = read_reports(BY_TWILIO, twilio_report(MessageSid="SM1", MessageStatus="delivered", ErrorMessage=""), NOW)
    assert receipts == (ProviderReceipt("SM1", Status.DELIVERED, "delivered", "k1"),)


def test_another_key_in_the_address_is_noticed() -> None:
    report = twilio_report(MessageSid="SM1", MessageStatus="delivered")
    with pytest.raises(NotAllowed):
        read_reports(BY_TWILIO, WebhookReport(report.body, report.headers, "key=k2"), NOW)


@pytest.mark.parametrize("rules", [BY_BODY, BY_TWILIO, BY_ADDRESS], ids=["body", "twilio", "address"])
@pytest.mark.parametrize(
    "report",
    [
        WebhookReport(b"MessageSid=SM1&MessageStatus=delivered", {}),
        WebhookReport(b"{}", {"x-signature": "sha256=00", "x-timestamp": STAMP, "x-twilio-signature": "AAAA"}),
        WebhookReport(b"a=1&" * 200, {}),
        WebhookReport(b"\xff", {}),
        WebhookReport(b"x" * (LARGEST_REPORT + 1), {}),
    ],
    ids=["unsigned", "wrongly signed", "many fields", "no text", "too long"],
)
def test_a_report_of_anybody_else_is_refused(rules: ReportRules, report: WebhookReport) -> None:
    with pytest.raises(NotAllowed):
        read_reports(rules, report, NOW)


def at_address(key: str = "k1", body: bytes = b"", **filled_in: str) -> WebhookReport:
    query = BY_ADDRESS.address(key).partition("?")[2].replace("state=%d", urlencode(filled_in))
    return WebhookReport(body, {}, query)


@pytest.mark.parametrize(
    "report",
    [
        at_address(state="ok"),
        at_address(body=b"state=ok&key=k2"),
        at_address(body=b'{"state": "ok", "key": "k2"}'),
        at_address(body=b"text=Gr\xfc\xdfe", state="ok"),
        at_address(body=b"state=ok&text=Gr\xfc\xdfe"),
    ],
    ids=["query", "form", "json", "query with Latin-1", "form in Latin-1"],
)
def test_what_comes_to_the_address_of_a_message_is_of_that_message(report: WebhookReport) -> None:
    assert read_reports(BY_ADDRESS, report, NOW) == (ProviderReceipt("k1", Status.DELIVERED, "ok", "k1"),)


def test_an_address_made_from_another_messages_is_none() -> None:
    report = WebhookReport(b"", {}, at_address("k1", state="ok").query.replace("key=k1", "key=k2"))
    with pytest.raises(NotAllowed):
        read_reports(BY_ADDRESS, report, NOW)


def test_an_interim_state_at_a_messages_address_is_no_last_word() -> None:
    """A state such as queued, reported to the address of a message while the message is in flight, is no receipt."""
    assert read_reports(BY_ADDRESS, at_address(state="queued"), NOW) == ()


def test_neither_rules_nor_report_show_what_they_hold() -> None:
    shown = repr(BY_BODY) + repr(WebhookReport(b"+4915112345678", {"x-signature": "abc"}, "key=k1"))
    assert not [text for text in (SECRET, "+49151", "abc", "k1") if text in shown]
