"""What people write back to an SMS: a wish is obeyed at once, everything else is a question, and each is heard once."""

import hmac
import json
import sqlite3
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

from amends.domain.channel.channel import ChannelKind
from amends.domain.feedback.question import Question, QuestionSource
from amends.ledger import Keys, Ledger
from amends.settings import Settings
from amends.web.app import create_app
from amends.web.webhook.authenticate import REFUSED_PER_ADDRESS
from amends.web.webhook.sms_replies import NO_WORDS, international
from tests.builders import NOW, a_person, an_incident
from tests.databases import NEEDS_POSTGRES, fresh_database
from tests.web.scene import ADA, INCIDENT, KEY, LI, TWILIO_ACCOUNT, Clock, open_scene, release

PATH = ChannelKind.SMS.incoming
SECRET = "a-secret-in-its-address"
KANNEL = {
    "use": "sms_http",
    "shape": "query",
    "url": "https://sms.gateway.example/cgi-bin/sendsms",
    "to_field": "to",
    "text_field": "text",
    "token": "another secret",
    "id_field": "id",
    "incoming_from_field": "from",
    "incoming_text_field": "text",
    "incoming_id_field": "id",
    "incoming_secret": SECRET,
}
TWILIO = TWILIO_ACCOUNT | {"incoming_url": f"https://betapai.example{PATH}"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
ADAS, LIS, NOBODYS = a_person(number=ADA).phone, a_person(number=LI).phone, "+4930555999"
Hand = Callable[..., httpx2.Response]


def portal(settings: Settings, ledger: Ledger, **sms: str) -> FastAPI:
    return create_app(settings.model_copy(update={"channels": {ChannelKind.SMS: sms}}), ledger, Clock())


def handing(client: httpx2.Client) -> Hand:
    """Hands on what somebody wrote, as Kannel does."""

    def hand(sender: str, text: str, name: str = "m1", proof: str = SECRET) -> httpx2.Response:
        return client.get(PATH, params={"proof": proof, "from": sender, "text": text, "id": name})

    return hand


@pytest.fixture
def hand(settings: Settings, ledger: Ledger) -> Hand:
    return handing(TestClient(portal(settings, ledger, **KANNEL)))


def asked(ledger: Ledger) -> list[tuple[int | None, str]]:
    return [(question.person, question.text) for question in questions(ledger)]


def questions(ledger: Ledger) -> list[Question]:
    return sorted(ledger.questions.all(INCIDENT), key=lambda question: question.id)


# Over the network, on both databases.


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=NEEDS_POSTGRES)])
def told(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """A ledger of which everybody is told by SMS."""
    if request.param == "sqlite":
        yield from _told(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
        return
    with fresh_database() as url:
        yield from _told(url)


def _told(url: str) -> Iterator[Ledger]:
    ledger = Ledger(url, Keys(KEY)).migrate()
    open_scene(ledger)
    release(ledger)
    yield ledger
    ledger.dispose()


@pytest.fixture
def gateway(settings: Settings, told: Ledger) -> Iterator[Hand]:
    """Somebody who speaks to the portal over a socket."""
    app = portal(settings, told, **KANNEL)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    (listening,) = server.servers[0].sockets
    with httpx2.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}") as client:
        yield handing(client)
    server.should_exit = True
    thread.join(20)


def test_stop_is_obeyed_and_a_question_is_kept(gateway: Hand, told: Ledger) -> None:
    answers = [gateway(ADAS, "Stop!", "m1"), gateway(LIS, "我的银行卡呢？", "m2")]
    assert [(answer.status_code, answer.content) for answer in answers] == [(200, b"")] * 2
    assert (told.opt_outs.has(INCIDENT, ADA), told.opt_outs.has(INCIDENT, LI)) == (True, False)
    assert asked(told) == [(LI, "我的银行卡呢？")]


def test_what_is_handed_on_again_is_one_effect(gateway: Hand, told: Ledger) -> None:
    for text, name in (("STOP", "m1"), ("START", "m2"), ("STOP", "m1"), ("Why?", "m3"), ("Why?", "m3"), ("Why?", "m4")):
        assert gateway(ADAS, text, name).status_code == 200
    assert not told.opt_outs.has(INCIDENT, ADA)
    assert asked(told) == [(ADA, "Why?")] * 2


def test_whoever_does_not_know_the_secret_changes_nothing(gateway: Hand, told: Ledger) -> None:
    answers = [gateway(ADAS, "STOP", proof="guessed"), gateway(ADAS, "Why?", proof="")]
    assert [(answer.status_code, answer.content) for answer in answers] == [(403, b"")] * 2
    assert not told.opt_outs.has(INCIDENT, ADA)
    assert asked(told) == []


def test_a_gateway_that_counts_from_one_again_loses_nobody(hand: Hand, ledger: Ledger) -> None:
    hand(ADAS, "Why?", "1")
    hand(LIS, "Why?", "1")
    hand(ADAS, "And now?", "1")
    assert asked(ledger) == [(ADA, "Why?"), (LI, "Why?"), (ADA, "And now?")]


# What is obeyed.


@pytest.mark.parametrize(("sender", "text"), [(ADAS, "unsubscribe"), (LIS, "退订"), (LIS, "ＴＤ"), (ADAS, "Arrêt.")])
def test_every_word_that_ends_it_does(hand: Hand, ledger: Ledger, sender: str, text: str) -> None:
    hand(sender, text)
    assert ledger.opt_outs.has(INCIDENT, ADA if sender == ADAS else LI)
    assert asked(ledger) == []


def test_the_audit_says_how_they_opted_out_and_in_again(hand: Hand, ledger: Ledger) -> None:
    hand(ADAS, "STOP", "m1")
    hand(ADAS, "START", "m2")
    ways = [
        (entry.act, entry.detail["how"]) for entry in ledger.audit.entries(INCIDENT) if entry.act.startswith("opted")
    ]
    assert ways == [("opted out", "SMS"), ("opted in", "SMS")]


def test_stop_ends_it_in_every_incident_that_they_were_texted_about(hand: Hand, ledger: Ledger) -> None:
    other = "december-breach"
    ledger.incidents.open(an_incident(id=other), [a_person(number=7, phone=ADAS)], "lena", NOW)
    _text(ledger, other, 7, ADAS)
    hand(ADAS, "STOP")
    assert ledger.opt_outs.has(INCIDENT, ADA)
    assert ledger.opt_outs.has(other, 7)


def _text(ledger: Ledger, incident: str, person: int, phone: str) -> None:
    """As if an SMS had left: what must stand before it is of no matter here."""
    with sqlite3.connect(ledger.store.engine.url.database or "") as database:
        database.execute(
            "INSERT INTO delivery (incident, notice, version, person, channel, address_index, variant, state, detail, "
            "provider_id, attempts, updated_at) VALUES (?, 'survey', 1, ?, 'sms', ?, '', 'sent', '', '', 1, ?)",
            (incident, person, ledger.store.keys.index(incident, "phone", phone), "2026-12-20 00:00:00.000000"),
        )


def test_stop_of_a_number_that_nobody_has_is_for_a_person_to_look_at(hand: Hand, ledger: Ledger) -> None:
    hand(NOBODYS, "STOP")
    assert asked(ledger) == [(None, f"{NOBODYS}: STOP")]


@pytest.mark.parametrize(
    ("spelled", "country"),
    [("+4930555001", ""), ("004930555001", ""), ("4930555001", ""), ("030 555001", "DE"), ("+49 (30) 555-001", "CN")],
)
def test_a_number_is_known_however_it_is_spelled(spelled: str, country: str) -> None:
    assert international(spelled, country) == "+4930555001"


def test_numbers_of_the_gateways_country_first_then_all_others() -> None:
    """A sender's number without a plus is read as a number of the gateway's country where it fits, and as an
    international number otherwise.
    """
    assert international("13812345678", "CN") == "+8613812345678"
    assert international("8613812345678", "CN") == "+8613812345678"
    assert international("447911123456", "CN") == "+447911123456"


@pytest.mark.parametrize("spelled", ["", "030 555001", "BANK", "12345", "+0", "00", "+" + "9" * 500, "＋4930555001"])
def test_what_is_no_number_is_none(spelled: str) -> None:
    assert international(spelled, "") == ""


# What is a question.


def test_a_question_has_its_owner_its_time_and_where_it_came_from(hand: Hand, ledger: Ledger) -> None:
    hand(LIS, "Was it my card?")
    (question,) = questions(ledger)
    playbook = ledger.playbooks.pinned(INCIDENT).playbook
    assert (question.source, question.locale, question.owner) == (QuestionSource.SMS, "zh-CN", playbook.questions_owner)
    assert question.reply_due_at - question.asked_at == playbook.reply_within


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("HELP", "HELP"),
        ("  Please cancel my card\r\n", "Please cancel my card"),
        ("", NO_WORDS),
        ("\u202eno\x00", "no"),
        ("a" * 5_000, "a" * 4_000),
    ],
    ids=["help", "spaces", "a picture", "signs that hide", "too long"],
)
def test_nothing_that_somebody_writes_is_lost(hand: Hand, ledger: Ledger, text: str, kept: str) -> None:
    hand(ADAS, text)
    assert asked(ledger) == [(ADA, kept)]


def test_of_a_telephone_that_two_share_nobody_can_say_who_asks(settings: Settings, ledger: Ledger) -> None:
    _text(ledger, INCIDENT, ADA, LIS)
    with sqlite3.connect(settings.home / "ledger.sqlite3") as database:
        index = ledger.store.keys.index(INCIDENT, "phone", LIS)
        database.execute("UPDATE person SET phone_index = ? WHERE number = ?", (index, ADA))
    handing(TestClient(portal(settings, ledger, **KANNEL)))(LIS, "Was it my card?")
    assert asked(ledger) == [(None, f"{LIS}: Was it my card?")]


def test_before_the_first_sms_a_text_is_about_something_else(
    settings: Settings, opened: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    answer = handing(TestClient(portal(settings, opened, **KANNEL)))(ADAS, "Where is my parcel?")
    assert (answer.status_code, asked(opened)) == (200, [])
    assert "nobody was ever to get an SMS" in caplog.text


# How it is handed on.


def test_a_body_in_json_may_hold_several(settings: Settings, ledger: Ledger) -> None:
    client = TestClient(portal(settings, ledger, **KANNEL))
    body = [{"from": ADAS, "text": "Why?\ud83d", "id": 1}, {"from": LIS, "text": "退订", "id": 2}, {"rubbish": True}]
    assert client.post(f"{PATH}?proof={SECRET}", content=json.dumps(body)).status_code == 200
    assert asked(ledger) == [(ADA, "Why?")]
    assert ledger.opt_outs.has(INCIDENT, LI)


def test_what_twilio_signed_is_taken(settings: Settings, ledger: Ledger) -> None:
    client, fields = TestClient(portal(settings, ledger, **TWILIO)), {"From": ADAS, "Body": "STOP", "MessageSid": "SM1"}
    spelled = TWILIO["incoming_url"] + "".join(name + value for name, value in sorted(fields.items()))
    signature = b64encode(hmac.digest(TWILIO["token"].encode(), spelled.encode(), "sha1")).decode()
    for given, status in (("guessed", 403), (signature, 200)):
        answer = client.post(PATH, content=urlencode(fields), headers=FORM | {"x-twilio-signature": given})
        assert (answer.status_code, ledger.opt_outs.has(INCIDENT, ADA)) == (status, status == 200)
    assert client.get(PATH).status_code == 405


def test_wrong_names_of_fields_are_told_to_the_gateway_and_the_log(
    settings: Settings, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    client = TestClient(portal(settings, ledger, **KANNEL))
    answer = client.get(PATH, params={"proof": SECRET, "msisdn": ADAS, "body": "Why?", "id": "m1"})
    assert (answer.status_code, answer.content) == (422, b"")
    assert "do the fields have other names?" in caplog.text


def test_neither_number_nor_words_nor_secret_stand_in_the_log(
    hand: Hand, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    for number, text in enumerate(("STOP", "Was it my card?", "START")):
        hand(ADAS, text, f"m{number}")
        hand(NOBODYS, text, f"n{number}")
        hand(ADAS, text, proof="guessed")
    amends = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("amends"))
    assert [word for word in (ADAS[1:], NOBODYS[1:], "card", SECRET, "guessed") if word in amends] == []


def test_a_body_that_is_too_large_is_not_read(settings: Settings, ledger: Ledger) -> None:
    client = TestClient(portal(settings, ledger, **KANNEL))
    assert client.post(f"{PATH}?proof={SECRET}", content=b"a" * 65_000).status_code == 413


def test_who_guesses_again_and_again_is_not_heard_for_a_while(hand: Hand) -> None:
    answers = [hand(ADAS, "STOP", proof="guessed") for _ in range(REFUSED_PER_ADDRESS.amount + 1)]
    assert {answer.status_code for answer in answers[:-1]} == {403}
    assert answers[-1].status_code == 429


def test_a_reply_is_put_off_while_the_ledger_cannot_be_written(
    hand: Hand, ledger: Ledger, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the ledger cannot be written, an SMS reply is answered with 503 and a Retry-After, and the wish in it is
    obeyed when the gateway sends it again.
    """
    monkeypatch.setattr("amends.ledger.store.database.BUSY_SECONDS", 0)
    with sqlite3.connect(settings.home / "ledger.sqlite3", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = hand(ADAS, "STOP")
        other.execute("ROLLBACK")
    assert (answer.status_code, answer.content) == (503, b"")
    assert int(answer.headers["retry-after"]) > 0
    assert hand(ADAS, "STOP").status_code == 200
    assert ledger.opt_outs.has(INCIDENT, ADA)


def test_without_a_gateway_that_hands_on_anything_nothing_is_there(settings: Settings, ledger: Ledger) -> None:
    silent = {name: value for name, value in KANNEL.items() if not name.startswith("incoming")}
    assert TestClient(portal(settings, ledger, **silent)).get(PATH).status_code == 404


def test_another_customer_s_data_in_a_text_raises_the_alarm(hand: Hand, ledger: Ledger) -> None:
    """The alarm names ids and counts only; the sender's own number, also that of a stranger, raises none."""
    hand(ADAS, f"You texted me about {LIS}", "m1")
    hand(ADAS, f"Is {ADAS} among it?", "m2")
    hand(NOBODYS, f"I am at {NOBODYS}", "m3")
    case = ledger.views.timeline(INCIDENT, NOW)
    assert case.leaks == (1,)
    alerts = str([alert.what for alert in case.alerts])
    assert "question 1 holds contact data of 1 other person of the list" in alerts
    assert LIS not in alerts and LIS[3:] not in alerts
