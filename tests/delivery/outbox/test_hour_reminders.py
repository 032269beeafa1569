"""Reminders of a question hour over a real mail server: each once, to those who asked, on their own clocks."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from amends.content.notice import shipped_wording
from amends.delivery.outbox.hours import remind
from amends.delivery.outbox.send import OutgoingSent
from amends.domain.base.errors import AlreadyInLedger, NotAllowed
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.outgoing import OutgoingState
from amends.domain.draft.writer import Links
from amends.domain.feedback.hour import HourAnswer, QuestionHour, why_not_there
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from amends.sandbox.mail import MailServer
from tests.builders import NOW, a_person, an_incident
from tests.delivery.sending import INCIDENT

BEGINS = NOW + timedelta(days=3)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
ASK_US = QuestionHour(
    id="ask-us",
    title={"en": "Ask *us*", "zh-CN": "向我们提问"},
    where={"*": "+49 30 5550100"},
    begins_at=BEGINS,
    minutes=60,
)
EMAIL = {
    "use": "email_smtp",
    "host": "127.0.0.1",
    "security": "none",
    "sender": "care@betapai.example",
    "bounce_domain": "bounces.betapai.example",
    "final_timeout": "5",
}
LENA, OMAR = Member(name="lena", role=TeamRole.LEAD), Member(name="omar", role=TeamRole.LEGAL)


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[MailServer]:
    with MailServer(tmp_path / "mail") as server:
        yield server


@pytest.fixture
def announced(ledger: Ledger) -> Ledger:
    people = [
        a_person(number=1),
        a_person(number=2, locale="zh-CN", country="CN", email="li@mail.example"),
        a_person(number=3),
    ]
    ledger.incidents.open(an_incident(), people, "lena", NOW)
    ledger.hours.announce(INCIDENT, ASK_US, "lena", NOW)
    for person in (1, 2):
        ledger.hours.sign_up(INCIDENT, "ask-us", person, NOW)
    return ledger


def sent(ledger: Ledger, mail: MailServer, at: datetime, port: int = 0) -> OutgoingSent:
    settings = {ChannelKind.EMAIL: EMAIL | {"port": str(port or mail.port)}}
    links = Links("https://betapai.example")
    return asyncio.run(remind(ledger, settings, links, INCIDENT, lambda: at, shipped_wording))


def send(ledger: Ledger, mail: MailServer, at: datetime) -> int:
    return sent(ledger, mail, at).states[OutgoingState.SENT]


def text_of(content: bytes) -> tuple[str, str]:
    read = message_from_bytes(content, policy=default)
    body = read.get_body(("plain",))
    assert body
    return str(read["subject"]), body.get_content()


def test_each_reminder_leaves_once(announced: Ledger, mail: MailServer) -> None:
    """Nothing before the day before, then one each, and one each an hour before, however often the sweep runs."""
    times = [BEGINS - 25 * HOUR, *[BEGINS - 23 * HOUR] * 2, *[BEGINS - 30 * MINUTE] * 2, BEGINS + MINUTE]
    assert [send(announced, mail, at) for at in times] == [0, 2, 0, 2, 0, 0]
    assert len(mail.arrived) == 4
    assert len({arrived.content for arrived in mail.arrived}) == 4
    counts = announced.hours.counts(INCIDENT, "ask-us")
    assert (counts.signed_up, counts.reminded, counts.in_doubt) == (2, 2, 0)


def test_a_reminder_speaks_the_readers_language_and_clock(announced: Ledger, mail: MailServer) -> None:
    send(announced, mail, BEGINS - 23 * HOUR)
    subject, text = next(text_of(one.content) for one in mail.arrived if one.recipients == ("li@mail.example",))
    assert subject == "提醒：向我们提问"
    assert "（UTC+8）" in text
    assert "https://betapai.example/s/november-breach/ask-us?lang=zh-CN" in text
    assert "+49 30 5550100" in text


def test_a_title_is_no_markup(announced: Ledger, mail: MailServer) -> None:
    send(announced, mail, BEGINS - 23 * HOUR)
    subject, text = next(text_of(one.content) for one in mail.arrived if one.recipients != ("li@mail.example",))
    assert (subject, "Ask *us*" in text) == ("Reminder: Ask *us*", True)
    assert all(b"<em>" not in one.content for one in mail.arrived)


def test_who_signs_up_late_is_reminded_an_hour_before(announced: Ledger, mail: MailServer) -> None:
    announced.hours.sign_up(INCIDENT, "ask-us", 3, BEGINS - 5 * HOUR)
    assert send(announced, mail, BEGINS - 4 * HOUR) == 2
    assert send(announced, mail, BEGINS - 30 * MINUTE) == 3


def test_a_relay_that_is_away_costs_no_reminder(announced: Ledger, mail: MailServer) -> None:
    assert sent(announced, mail, BEGINS - 23 * HOUR, port=1).trouble
    assert send(announced, mail, BEGINS - 22 * HOUR) == 2


def test_an_announced_hour_does_not_change(announced: Ledger) -> None:
    assert announced.hours.announce(INCIDENT, ASK_US, "lena", NOW) is False
    with pytest.raises(AlreadyInLedger):
        announced.hours.announce(INCIDENT, ASK_US.model_copy(update={"minutes": 30}), "lena", NOW)


def test_an_hour_that_has_begun_is_not_announced(announced: Ledger) -> None:
    with pytest.raises(NotAllowed):
        announced.hours.announce(INCIDENT, ASK_US.model_copy(update={"id": "late"}), "lena", BEGINS)


def test_answers_need_another_member_and_the_end_of_waiting(announced: Ledger) -> None:
    said = [HourAnswer(question={"en": "Who?"}, answer={"en": "A thief."})]
    with pytest.raises(NotAllowed, match="afterwards"):
        announced.hours.publish(INCIDENT, "ask-us", said, "lena", NOW)
    announced.hours.publish(INCIDENT, "ask-us", said, "lena", BEGINS)
    with pytest.raises(NotAllowed, match="another member"):
        announced.hours.approve(INCIDENT, "ask-us", LENA, BEGINS)
    announced.hours.approve(INCIDENT, "ask-us", OMAR, BEGINS)
    with pytest.raises(NotAllowed, match="published"):
        announced.hours.publish(INCIDENT, "ask-us", said, "lena", BEGINS)


@pytest.mark.parametrize("where", ["+49 30 5550100", "https://meet.betapai.example/a", "https://betapai.example"])
def test_people_are_led_to_a_place_of_our_own(where: str) -> None:
    assert why_not_there(where, ("betapai.example",)) is None


@pytest.mark.parametrize(
    "where",
    [
        "https://evil.example",
        "https://notbetapai.example",
        "http://betapai.example",
        "javascript:1",
        "call us",
        "https://betapai.example@evil.example",
        "https://betapai.example.evil.example/",
    ],
)
def test_people_are_led_nowhere_else(where: str) -> None:
    assert why_not_there(where, ("betapai.example",))
