"""What mail providers tell by webhook: the engine sends through their relay, and the portal hears what came of it."""

import base64
import hmac
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.testclient import TestClient

from amends.domain.channel.channel import ChannelKind
from amends.ledger import Ledger
from amends.sandbox.mail import Arrived
from amends.settings import Settings
from amends.web.app import create_app
from tests.builders import a_person
from tests.delivery.sending import INCIDENT, NOTICE, Rig, approved, letters
from tests.remembered import REMEMBERED

EMAIL = ChannelKind.EMAIL
PATH = EMAIL.receipts
Headers = dict[str, str]


class Provider(Protocol):
    """One that hands on our mail, and tells what came of it."""

    settings: dict[str, str]

    def event(self, word: str, token: str, message_id: str, status: str) -> dict[str, Any]:
        """What it tells of one message."""

    def post(self, events: Sequence[dict[str, Any]], at: int) -> tuple[str, Headers]:
        """Body and headers of its call."""


class Mailgun:
    def __init__(self, key: str = "key-of-mailgun") -> None:
        self.settings = {"events": "mailgun", "events_key": key}

    words = {"failed": "failed", "blocked": "failed", "delayed": "failed", "complained": "complained"}

    def event(self, word: str, token: str, message_id: str, status: str) -> dict[str, Any]:
        severity = "temporary" if word == "delayed" else "permanent"
        return {
            "event": self.words.get(word, word),
            "severity": severity,
            "delivery-status": {"code": int(status[0] + "50"), "enhanced-code": status, "message": "kim@mail.example?"},
            "message": {"headers": {"message-id": message_id.strip("<>")}},
            "user-variables": {"amends": token},
            "recipient": "kim@mail.example",
        }

    def post(self, events: Sequence[dict[str, Any]], at: int) -> tuple[str, Headers]:
        (event,) = events
        said = f"{at}0123456789abcdef"
        mac = hmac.digest(self.settings["events_key"].encode(), said.encode(), "sha256").hex()
        signature = {"timestamp": str(at), "token": said[len(str(at)) :], "signature": mac}
        return json.dumps({"signature": signature, "event-data": event}), {}


class SendGrid:
    def __init__(self) -> None:
        self.key = generate_private_key(SECP256R1())
        public = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.settings = {"events": "sendgrid", "events_key": base64.b64encode(public).decode()}

    words = {"failed": "bounce", "blocked": "bounce", "delayed": "deferred", "complained": "spamreport"}

    def event(self, word: str, token: str, message_id: str, status: str) -> dict[str, Any]:
        return {
            "event": self.words.get(word, word),
            "type": "blocked" if word == "blocked" else "bounce",
            "status": status,
            "reason": f"{status[0]}50 {status} kim@mail.example is not here",
            "email": "kim@mail.example",
            "smtp-id": message_id,
            "amends": token,
        }

    def post(self, events: Sequence[dict[str, Any]], at: int) -> tuple[str, Headers]:
        body = json.dumps(list(events))
        signature = self.key.sign(f"{at}{body}".encode(), ECDSA(SHA256()))
        prefix = "x-twilio-email-event-webhook"
        return body, {f"{prefix}-signature": base64.b64encode(signature).decode(), f"{prefix}-timestamp": str(at)}


class Script:
    """A few lines of somebody's own between another provider and us."""

    def __init__(self, key: str = "a secret of theirs") -> None:
        self.settings = {"events": "plain", "events_key": key}

    words = {"blocked": "gave_up"}

    def event(self, word: str, token: str, message_id: str, status: str) -> dict[str, Any]:
        return {"event": self.words.get(word, word), "amends": token, "message_id": message_id, "status": status}

    def post(self, events: Sequence[dict[str, Any]], at: int) -> tuple[str, Headers]:
        body = json.dumps(list(events))
        mac = hmac.digest(self.settings["events_key"].encode(), f"{at}.{body}".encode(), "sha256").hex()
        return body, {"x-signature": f"sha256={mac}", "x-timestamp": str(at)}


PROVIDERS = {"mailgun": Mailgun(), "sendgrid": SendGrid(), "plain": Script()}
STRANGERS = {"mailgun": Mailgun("guessed"), "sendgrid": SendGrid(), "plain": Script("guessed")}
"""They sign with keys of their own."""


class Told:
    """Five people were written to through this provider, and the portal listens to it."""

    def __init__(self, rig: Rig, provider: Provider, home: Path) -> None:
        self.rig, self.provider = rig, provider
        rig.settings[EMAIL] = rig.settings[EMAIL] | provider.settings
        rig.mail.arrived[:] = REMEMBERED.reach(rig.ledger, self.sent, provider.settings)
        own = Settings(home=home, public_url="https://betapai.example", channels=rig.settings)
        self.portal = TestClient(create_app(own, rig.ledger, rig.clock))

    def sent(self, ledger: Ledger, _provider: dict[str, str]) -> list[Arrived]:
        """Send to five people, and return what arrived at the relay."""
        approved(ledger, [a_person(number=number) for number in range(1, 6)], channels=(ChannelKind.WEBSITE, EMAIL))
        assert self.rig.run().finished
        return list(self.rig.mail.arrived)

    def event(self, person: int, word: str, status: str = "5.1.1", about: int = 0) -> dict[str, Any]:
        """The provider's word on this person's message, with the Message-ID of somebody else's if so wanted."""
        name = letters(self.rig.mail)[a_person(number=about or person).email]["Message-ID"]
        return self.provider.event(word, self.token(person), name, status)

    def token(self, person: int) -> str:
        """As the provider got it: in the header that it gives back, or in the envelope."""
        (arrived,) = (one for one in self.rig.mail.arrived if a_person(number=person).email in one.recipients)
        letter = letters(self.rig.mail)[arrived.recipients[0]]
        if "X-Mailgun-Variables" in letter:
            return str(json.loads(letter["X-Mailgun-Variables"])["amends"])
        if "X-SMTPAPI" in letter:
            return str(json.loads(letter["X-SMTPAPI"])["unique_args"]["amends"])
        return arrived.envelope_sender.partition("@")[0].removeprefix("b+")

    def hears(self, *events: dict[str, Any], **headers: str) -> httpx2.Response:
        body, signed = self.provider.post(events, int(self.rig.clock().timestamp()))
        return self.portal.post(PATH, content=body, headers=signed | headers)


@pytest.fixture(params=PROVIDERS)
def told(request: pytest.FixtureRequest, rig: Rig, tmp_path: Path) -> Told:
    return Told(rig, PROVIDERS[request.param], tmp_path)


def test_who_could_not_be_reached_is_written_to_on_the_next_channel(told: Told) -> None:
    answer = told.hears(told.event(1, "failed"))
    assert (answer.status_code, answer.content) == (200, b"")
    assert told.rig.states()[1] == "bounced"
    assert told.rig.run().finished
    assert told.rig.texted() == [a_person(number=1).phone]


@pytest.mark.parametrize(
    ("word", "status", "state"),
    [
        ("delivered", "2.0.0", "delivered"),
        ("complained", "5.7.1", "complained"),
        ("blocked", "5.7.1", "bounced"),
        ("delayed", "4.2.2", "sent"),
        ("opened", "2.0.0", "sent"),
        ("processed", "2.0.0", "sent"),
    ],
)
def test_a_providers_event_changes_the_state_of_its_message_alone(
    told: Told, word: str, status: str, state: str
) -> None:
    """An event of a mail provider changes the state of the message that it names, and of no other message."""
    told.hears(told.event(2, word, status))
    assert told.rig.states() == {number: state if number == 2 else "sent" for number in range(1, 6)}


@pytest.mark.parametrize(("name", "word"), [("mailgun", "rejected"), ("sendgrid", "dropped")])
def test_what_a_provider_took_and_never_tried_has_come_back_too(rig: Rig, tmp_path: Path, name: str, word: str) -> None:
    told = Told(rig, PROVIDERS[name], tmp_path)
    told.hears(told.event(1, word))
    assert told.rig.states()[1] == "bounced"


def test_the_same_again_changes_nothing(told: Told) -> None:
    for _ in range(3):
        assert told.hears(told.event(1, "failed")).status_code == 200
    entries = [entry for entry in told.rig.ledger.audit.entries(INCIDENT) if entry.act == "reported"]
    assert len(entries) == 1
    assert told.rig.run().finished
    assert len(told.rig.texted()) == 1


def test_a_message_sent_back_after_delivery_goes_to_the_next_channel(told: Told) -> None:
    """When the next server took a message and sent it back later, the person is written to on the next channel."""
    told.hears(told.event(1, "delivered", "2.0.0"))
    told.hears(told.event(1, "failed"))
    assert told.rig.states()[1] == "bounced"
    assert told.rig.run().finished
    assert told.rig.texted() == [a_person(number=1).phone]


def test_a_token_and_message_id_of_two_messages_change_neither(told: Told) -> None:
    """An event with the token of one message and the message ID of another changes neither message."""
    told.hears(told.event(1, "failed", about=2))
    assert set(told.rig.states().values()) == {"sent"}


def test_a_token_that_we_never_gave_is_no_news(told: Told) -> None:
    forged = told.provider.event("failed", "0" * 32, "", "5.1.1")
    assert told.hears(forged).status_code == 200
    assert set(told.rig.states().values()) == {"sent"}


def test_bounces_that_name_no_message_are_logged_and_name_nobody(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    """Bounces that name no message are counted in the log, which says that somebody may not have been told.

    The log names nobody.
    """
    nameless = [told.provider.event(word, "", "", "5.1.1") for word in ("failed", "blocked", "delivered")]
    for event in [*nameless, told.event(1, "failed")]:
        told.hears(event)
    line = f"{told.provider.settings['events']}: bounces that name no message of ours: 1; "
    said = [record.getMessage() for record in caplog.records if record.name == "amends.web"]
    assert said == [f"{line}somebody may not have been told (docs/channels.md)"] * 2


def test_mailguns_code_for_what_came_back_late_is_read_too(rig: Rig, tmp_path: Path) -> None:
    told = Told(rig, PROVIDERS["mailgun"], tmp_path)
    late = {"delivery-status": {"code": 550, "bounce-code": "5.7.1"}, "flags": {"is-delayed-bounce": True}}
    told.hears(told.event(1, "failed") | late)
    alerts = [entry.subject for entry in rig.ledger.audit.entries(INCIDENT) if entry.act == "alert"]
    assert alerts == [f"{NOTICE}: email came back for a reason that lies with us: failed 550 5.7.1"]


def test_what_the_provider_did_not_sign_is_refused_without_a_word(told: Told) -> None:
    event, stranger = told.event(1, "failed"), STRANGERS[told.provider.settings["events"]]
    body, forged = stranger.post([event], int(told.rig.clock().timestamp()))
    for headers in ({}, forged, dict.fromkeys(forged, "rubbish")):
        answer = told.portal.post(PATH, content=body, headers=headers)
        assert (answer.status_code, answer.content) == (403, b"")
    assert set(told.rig.states().values()) == {"sent"}


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"null", b"[1, [], {}]", b'{"signature": 1}', b"[" * 100_000])
def test_no_body_breaks_it(told: Told, body: bytes) -> None:
    assert told.portal.post(PATH, content=body).status_code == 403


def test_nothing_of_the_person_is_kept_of_it(told: Told) -> None:
    told.hears(told.event(1, "failed"))
    details = [line.detail for line in told.rig.ledger.statistics.lines(INCIDENT, NOTICE)]
    assert not any("kim" in detail or "@" in detail for detail in details)


def test_many_events_in_one_call_are_taken_in_together(rig: Rig, tmp_path: Path) -> None:
    told = Told(rig, PROVIDERS["sendgrid"], tmp_path)
    told.hears(*(told.event(number, "delivered", "2.0.0") for number in range(1, 6)), *[{"event": "open"}] * 500)
    assert set(rig.states().values()) == {"delivered"}


def test_events_of_one_call_that_were_changed_on_the_way_are_refused(rig: Rig, tmp_path: Path) -> None:
    told = Told(rig, PROVIDERS["sendgrid"], tmp_path)
    body, signed = told.provider.post([told.event(1, "delivered")], 1)
    answer = told.portal.post(PATH, content=body.replace("delivered", "dropped"), headers=signed)
    assert (answer.status_code, rig.states()[1]) == (403, "sent")


def test_a_call_that_is_too_large_is_not_read(rig: Rig, tmp_path: Path) -> None:
    told = Told(rig, PROVIDERS["plain"], tmp_path)
    assert told.portal.post(PATH, content=b"a" * ((1 << 20) + 1)).status_code == 413


def test_without_a_provider_that_reports_mail_has_no_token_for_one(rig: Rig, tmp_path: Path) -> None:
    """Without a mail provider that reports by webhook, the portal has no such address and mail has no token for one."""
    silent = Script()
    silent.settings = {}
    told = Told(rig, silent, tmp_path)
    assert told.portal.post(PATH, content=b"[]").status_code == 404
    (letter, *_) = letters(rig.mail).values()
    assert not {"X-SMTPAPI", "X-Mailgun-Variables"} & set(letter.keys())
