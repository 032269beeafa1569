"""Forty days of questions by four ways: who asks what and when, the team's days, and what relay and gateway took."""

import csv
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from typing import Any

from starlette.testclient import TestClient

from amends.content.feedback.hotline import read_calls, record_calls
from amends.content.notice import shipped_wording
from amends.delivery.inbox.places import FoundMail
from amends.delivery.inbox.take import Intake, MailTaker
from amends.domain.channel.channel import ChannelKind
from amends.domain.feedback.question import Question
from amends.domain.feedback.sms_reply import Incoming
from amends.domain.people.person import Person
from amends.domain.team.member import Member, TeamRole
from amends.sandbox.web import WebServices
from amends.settings import Settings
from amends.web.app import create_app
from amends.web.portal.cache import RecentCases
from amends.web.webhook.sms_replies import TextDesk
from tests.acceptance.year import Year
from tests.desks import Desks
from tests.story import APPROVERS, INCIDENT, LEAD, START
from tests.web.scene import token_in

CARE, HEAD = Member(name="care", role=TeamRole.RESPONDER), Member(name="head", role=TeamRole.EXECUTIVE)
PATIENCE = 60
"""How often somebody sends a form again whom the portal has told to wait."""
SMS_FROM = 131
"""The first of the people who have a mobile number, and who ask by SMS."""


class Way(StrEnum):
    """A way by which a question comes."""

    PAGE = "page"
    MAIL = "mail"
    SMS = "sms"
    CALL = "call"


class Subject(StrEnum):
    """A thing that people ask, by what becomes of it."""

    SAME = "same"
    """Sixty ask it, one answer is given to all of them."""
    GAP = "gap"
    """Many ask it and nobody has an answer, until the update has said so."""
    WRONG = "wrong"
    """It is answered wrongly, and corrected."""
    LATE = "late"
    """The team forgets it for four days."""
    OWN = "own"
    """Nobody else asks it."""


SAYS: Mapping[Subject, Mapping[str, str]] = {
    Subject.SAME: {
        "en": "Do I have to change the locks of my front door now?",
        "zh-CN": "我现在需要更换家里的门锁吗？",
    },
    Subject.GAP: {
        "en": "On which day will a technician come to check my terminal?",
        "zh-CN": "技术人员哪一天上门检查我的终端？",
    },
    Subject.WRONG: {
        "en": "Were my card payments in the stolen visit records?",
        "zh-CN": "被盗的上门记录里有我的银行卡付款吗？",
    },
}
ANSWERS: Mapping[Subject, Mapping[str, str]] = {
    Subject.SAME: {"en": "SAME: No, your keys were not in the van.", "zh-CN": "SAME：不需要，车里没有您的钥匙。"},
    Subject.GAP: {"en": "GAP: On 14 December.", "zh-CN": "GAP：12月14日。"},
    Subject.WRONG: {"en": "WRONG: Yes, they were.", "zh-CN": "WRONG：有的。"},
}
RIGHT = {"en": "RIGHT: No, they were not.", "zh-CN": "RIGHT：没有。"}


@dataclass(frozen=True)
class Ask:
    """One question before it is asked."""

    person: int
    way: Way
    subject: Subject
    day: float


def plan_of_asks() -> list[Ask]:
    """Return two hundred questions of as many people, by four ways."""
    asks = []
    for person in range(1, 201):
        way = Way.SMS if person >= SMS_FROM else (Way.PAGE, Way.MAIL, Way.CALL)[person % 3]
        subject, day = _subject(person), 2.0 + person % 30
        if subject in (Subject.SAME, Subject.GAP, Subject.WRONG):
            day = 4.0 + person % 3 / 2
        asks.append(Ask(person, way, subject, day))
    return asks


def _subject(person: int) -> Subject:
    place = person % 20
    if place < 6:
        return Subject.SAME
    if place == 6 or person % 40 == 7:
        return Subject.GAP
    if 8 <= place < 10:
        return Subject.WRONG
    return Subject.LATE if place == 10 else Subject.OWN


@dataclass
class Crowd(Year):
    """The case, relay and gateway, the people who ask, and the team that answers."""

    gateway: WebServices
    desks: Desks
    asks: list[Ask] = field(default_factory=plan_of_asks)

    def __post_init__(self) -> None:
        super().__post_init__()
        for member in (CARE, HEAD):
            self.ledger.team.add(member.name, member.role, LEAD.name, START)
        for member in (CARE, HEAD, LEAD):
            self.ledger.team.set_contact(member.name, self.desks.address(member.name), LEAD.name, START)
        settings = Settings(home=self.folder, public_url="http://127.0.0.1:8400", trusted_proxies=1)
        self._portal = TestClient(create_app(settings, self.ledger, self.clock))
        self._texts = TextDesk(self.ledger, RecentCases(self.ledger, shipped_wording()), "")
        self._mails = MailTaker(self.ledger, self.folder, INCIDENT)
        self.numbers: dict[int, int] = {}
        """The question of each person."""
        self.given: dict[Subject, int] = {}
        self.called: dict[int, list[str]] = {}
        """What the desk told each person on the telephone, by question."""

    def _channels(self) -> dict[ChannelKind, dict[str, str]]:
        fields = {"to_field": "to", "text_field": "text", "id_field": "id", "token": "rehearsal"}
        sms = {"use": "sms_http", "shape": "json", "url": f"{self.gateway.url}/sms", **fields}
        return super()._channels() | {ChannelKind.SMS: sms}

    def customer(self, number: int) -> Person:
        person = super().customer(number)
        return person._replace(phone=f"+6591{number:06}") if number >= SMS_FROM else person

    # Asking

    def ask(self, asks: Iterable[Ask]) -> None:
        """Everybody asks by their way; calls and mails come in together."""
        by: dict[Way, list[Ask]] = {way: [] for way in Way}
        for one in asks:
            by[one.way].append(one)
        for one in by[Way.PAGE]:
            self._on_page(one)
        for one in by[Way.SMS]:
            text = Incoming(self.truth.people[one.person].phone, self.words(one), f"sms-{one.person}")
            self._texts.take([text], self.clock.now)
        if by[Way.MAIL]:
            mails = [FoundMail(self._reply(one)) for one in by[Way.MAIL]]
            self._mails.take(mails, self.clock.now, Intake())
        if by[Way.CALL]:
            self._calls(by[Way.CALL])

    def words(self, one: Ask) -> str:
        locale = self.truth.people[one.person].locale
        if one.subject in SAYS:
            return SAYS[one.subject][locale]
        thing = NOUNS[one.person % len(NOUNS)]
        return f"{thing} {one.person}: {'是否受影响' if locale == 'zh-CN' else 'what about this one'}?"

    def _on_page(self, one: Ask) -> None:
        headers = {"X-Forwarded-For": f"10.0.{one.person // 200}.{one.person % 200 + 1}"}
        page = f"/p/{self.ledger.people.link_of(INCIDENT, one.person)}"
        token = token_in(self._portal.get(page, headers=headers).text, "ask")
        self.clock.now += timedelta(seconds=30)
        fields = {"form": token, "kind": "question", "text": self.words(one)}
        for _ in range(PATIENCE):
            answer = self._portal.post(f"{page}/ask", data=fields, headers=headers, follow_redirects=False)
            if answer.status_code != HTTPStatus.TOO_MANY_REQUESTS:
                break
            time.sleep(1)  # the portal takes so many forms a second, by the clock on the wall
        assert answer.status_code == HTTPStatus.SEE_OTHER, answer.text

    def page_of(self, person: int) -> str:
        """Return the person's page as it is now."""
        return self._portal.get(f"/p/{self.ledger.people.link_of(INCIDENT, person)}").text

    def _reply(self, one: Ask) -> bytes:
        """Return a reply to the latest mail that the person got."""
        to = self.truth.people[one.person].email
        got = next(mail for mail in reversed(self.mails_to(to)))
        head = (
            f"From: {to}",
            "To: care@btepai.example",
            f"Subject: Re: {got['Subject'].encode('ascii', 'replace').decode()}",
            f"Message-ID: <asked-{one.person}@mail.example>",
            f"In-Reply-To: {got['Message-ID']}",
            "Content-Type: text/plain; charset=utf-8",
        )
        return "\n".join((*head, "", self.words(one), "", "> Dear customer,", "> we write", "")).encode()

    def _calls(self, asks: list[Ask]) -> None:
        file = self.folder / "calls.csv"
        with file.open("w", encoding="utf-8", newline="") as out:
            rows = csv.writer(out)
            rows.writerow(("person_id", "kind", "locale", "asked_at", "text"))
            for ask in asks:
                about = self.truth.people[ask.person]
                rows.writerow((about.ref, "question", about.locale, self.clock.now.isoformat(), self.words(ask)))
        playbook = self.ledger.cases.outline(INCIDENT).playbook
        assert playbook is not None
        report = record_calls(self.ledger, INCIDENT, playbook, read_calls(file, self.clock.now), self.clock.now)
        assert (report.new, report.rejected) == (len(asks), ())

    # The team

    def answer(self, asks: Iterable[Ask]) -> None:
        """The team answers what each of them asked, one by one."""
        for ask in asks:
            question = self.question_of(ask.person)
            self.ledger.questions.answer(
                INCIDENT, question.id, f"OWN {ask.person}: it is safe.", CARE.name, self.clock.now
            )

    def gather(self, subject: Subject) -> tuple[int, ...]:
        """The groups that Amends found of one subject, one for each language, become one; return its questions."""
        asked = [self.question_of(ask.person) for ask in self.asks if ask.subject is subject]
        groups = sorted({one.together for one in asked if one.together})
        group = self.ledger.groups.merge(INCIDENT, groups, CARE.name, self.clock.now) if groups[1:] else groups[0]
        return self.ledger.groups.members(INCIDENT, group)

    def answer_together(self, subject: Subject) -> None:
        """Everybody of the group gets one answer, which another member approves."""
        mine = self.gather(subject)
        self.given[subject] = self.ledger.answers.give(INCIDENT, mine, ANSWERS[subject], CARE.name, self.clock.now)
        self.ledger.answers.approve(INCIDENT, self.given[subject], APPROVERS[0], self.clock.now)

    def correct(self) -> None:
        """The wrong answer is corrected, and another member approves the right one."""
        wrong = self.given[Subject.WRONG]
        given = self.ledger.answers.correct(INCIDENT, wrong, RIGHT, CARE.name, self.clock.now)
        self.ledger.answers.approve(INCIDENT, given, APPROVERS[0], self.clock.now)

    def call_back(self) -> None:
        """The desk calls everybody on the list."""
        for call in self.ledger.replies.calls(INCIDENT):
            self.called.setdefault(call.question, []).append(call.content.text)
            self.ledger.replies.called(INCIDENT, call.question, CARE.name, self.clock.now)

    def question_of(self, person: int) -> Question:
        """Return the question that the person asked."""
        if person not in self.numbers:
            (asked,) = self.ledger.questions.all(INCIDENT, person=person)
            self.numbers[person] = asked.id
        return self.ledger.questions.get(INCIDENT, self.numbers[person])

    # The witnesses

    def mails_to(self, address: str) -> list[EmailMessage]:
        return [
            message_from_bytes(one.content, policy=policy.default)  # type: ignore[arg-type, misc]
            for one in self.relay.arrived
            if one.recipients[0] == address
        ]

    def texts_to(self, person: int) -> list[str]:
        phone = self.truth.people[person].phone
        return [str(one.fields["text"]) for one in self.gateway.taken if one.fields.get("to") == phone]


NOUNS = (
    "Gutter",
    "Ladder",
    "Meter",
    "Boiler",
    "Invoice",
    "Deposit",
    "Garage",
    "Cellar",
    "Intercom",
    "Camera",
    "Alarm",
    "Contract",
    "Warranty",
    "Antenna",
    "Router",
    "Heating",
    "Window",
    "Balcony",
    "Elevator",
    "Mailbox",
)


def script(asks: list[Ask]) -> Iterator[tuple[float, Any]]:
    """Yield what people and the team do, by the day on which they do it."""
    for day in sorted({ask.day for ask in asks}):
        yield day, partial(Crowd.ask, asks=[ask for ask in asks if ask.day == day])
    for days, subject in ((1, Subject.OWN), (6, Subject.LATE)):
        for day in sorted({ask.day for ask in asks if ask.subject is subject}):
            theirs = [ask for ask in asks if ask.subject is subject and ask.day == day]
            yield day + days, partial(Crowd.answer, asks=theirs)
    yield 5.2, lambda crowd: crowd.gather(Subject.GAP)
    yield 5.8, partial(Crowd.answer_together, subject=Subject.SAME)
    yield 5.9, partial(Crowd.answer_together, subject=Subject.WRONG)
    yield 9.5, Crowd.correct
    yield 20.5, partial(Crowd.answer_together, subject=Subject.GAP)
    for day in range(1, 41):
        yield day + 0.95, Crowd.call_back
