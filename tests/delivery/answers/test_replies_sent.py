"""Answers reach people by a real relay and a real gateway: once, in their language, and in the thread of their mail."""

from collections.abc import Mapping
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from amends.delivery.answers.send import send_replies_now
from amends.delivery.outbox.send import OutgoingSent
from amends.domain.base.clock import Seen
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.outgoing import OutgoingState
from amends.domain.feedback.question import QuestionSource, Sender
from amends.domain.playbook.playbook import QuietHours
from amends.domain.receipt.dsn import MailReport, ReportKind
from amends.ledger.receipt.receipts import Effect
from amends.sandbox.mail import AfterDot
from tests.builders import NOW, a_person, a_playbook, a_wording, an_asked, an_incident
from tests.delivery.sending import INCIDENT, LINKS, Rig, bodies, letters
from tests.playbooks.rendering import phrases

ADA, LI = 1, 2
MAILBOX, SMS = QuestionSource.MAILBOX, QuestionSource.SMS
LATER = timedelta(hours=1)
HERS = Sender(
    address="ada.private@home.example",
    message_id="<CAF=3+x@mail.home.example>",
    references="<first@betapai.example> <second@mail.home.example>",
    subject="AW: Re: Is my card among it?",
)


def begin(rig: Rig, **playbook: Any) -> Rig:
    people = [
        a_person(number=ADA, name="Ada"),
        a_person(number=LI, name="李雷", locale="zh-CN", phone="+8613800138000"),
    ]
    rig.ledger.incidents.open(an_incident(), people, "lena", NOW)
    wording = a_wording(phrases={locale: phrases(locale) for locale in ("en", "zh-CN")})
    rig.ledger.playbooks.pin(INCIDENT, a_playbook(**playbook), wording, "lena", NOW)
    return rig


@pytest.fixture
def office(rig: Rig) -> Rig:
    return begin(rig)


def ask(rig: Rig, wording: str = "Is my card among it?", **changes: Any) -> int:
    return rig.ledger.questions.ask(INCIDENT, an_asked(wording, **changes), NOW)


def answer(rig: Rig, *questions: int, text: str = "Yes, it is.", locale: str = "en") -> int:
    return rig.ledger.answers.give(INCIDENT, questions, {locale: text}, "mei", NOW)


def send(rig: Rig) -> OutgoingSent:
    return send_replies_now(rig.ledger, rig.settings, LINKS, INCIDENT, rig.clock)


def states(rig: Rig) -> Mapping[int, OutgoingState]:
    return {reply.question: reply.state for reply in rig.ledger.replies.all(INCIDENT)}


def the_mail(rig: Rig) -> EmailMessage:
    (mail,) = letters(rig.mail).values()
    return mail


def test_an_answer_stands_in_the_thread_of_the_mail(office: Rig) -> None:
    answer(office, ask(office, source=MAILBOX, sender=HERS))
    assert send(office).states == {OutgoingState.SENT: 1}
    mail = the_mail(office)
    assert (mail["To"], mail["Subject"]) == ("ada.private@home.example", "Re: Is my card among it?")
    assert mail["In-Reply-To"] == HERS.message_id
    assert mail["References"].split() == [*HERS.references.split(), HERS.message_id]
    assert "> Is my card among it?" in bodies(mail)
    assert "Yes, it is." in bodies(mail)


@pytest.mark.parametrize(
    "message_id",
    ["", "no brackets", "<a@b>\r\nBcc: eve@evil.example", "<a\r\n@b>", "<" + "a" * 900 + "@b>", "<a b@c>", "<ü@c>"],
)
def test_a_hostile_message_id_adds_no_header(office: Rig, message_id: str) -> None:
    sender = Sender(
        address="x@home.example", message_id=message_id, references="<x\r\nCc: a@b.c>", subject="Hi\r\nCc: x"
    )
    answer(office, ask(office, source=MAILBOX, sender=sender))
    assert send(office).states == {OutgoingState.SENT: 1}
    mail = the_mail(office)
    assert not {"Bcc", "Cc"} & set(mail.keys())
    assert mail["Subject"] == "Re: Hi Cc: x"
    assert mail["In-Reply-To"] in (None, "<a@b>")


def test_nobody_is_answered_twice(office: Rig) -> None:
    answer(office, ask(office))
    send(office)
    send(office)
    assert len(office.mail.arrived) == 1


def test_an_open_ending_is_uncertain_and_only_a_person_resends(office: Rig) -> None:
    office.mail.after_dot = AfterDot.KEEP_AND_DROP
    given, question = answer(office, asked := ask(office)), asked
    assert send(office).states == {OutgoingState.UNCERTAIN: 1}
    office.mail.after_dot = AfterDot.ACCEPT
    office.clock.forward(LATER)
    send(office)
    assert len(office.mail.arrived) == 1
    office.ledger.replies.again(INCIDENT, given, question, "mei", office.clock())
    assert send(office).states == {OutgoingState.SENT: 1}


def test_each_is_answered_in_their_own_language(office: Rig) -> None:
    asked = [ask(office, "Is it?", person=ADA), ask(office, "有吗？", person=LI, locale="zh-CN")]
    office.ledger.answers.give(INCIDENT, asked, {"en": "Yes.", "zh-CN": "有的。"}, "mei", NOW)
    send(office)
    subjects = sorted(mail["Subject"] for mail in letters(office.mail).values())
    assert subjects == ["Our answer to your question", "对您提问的答复"]
    (chinese,) = (mail for mail in letters(office.mail).values() if mail["Content-Language"] == "zh-CN")
    assert "李雷，您好" in bodies(chinese)
    assert "有的。" in bodies(chinese)


def test_a_short_answer_comes_whole_by_sms_and_a_long_one_as_a_link(office: Rig) -> None:
    short = ask(office, "Is it?", source=SMS, sender=Sender(address="+4915112345678"))
    long = ask(office, "And what now?", source=SMS)
    answer(office, short, text="Yes.")
    answer(office, long, text="Please read this with care. " * 30)
    send(office)
    texts = sorted(taken.fields["text"] for taken in office.web.taken)
    link = office.ledger.people.link_of(INCIDENT, ADA)
    assert texts[0] == "Betapai: Yes."
    assert texts[1].endswith(f"Please read the answer on your page: https://betapai.example/p/{link}")


def test_a_long_answer_to_a_stranger_by_sms_is_for_a_call(office: Rig) -> None:
    asked = ask(office, source=SMS, person=None, sender=Sender(address="+4915112345678"))
    answer(office, asked, text="Please read this with care. " * 30)
    send(office)
    assert not office.web.taken
    assert [call.question for call in office.ledger.replies.calls(INCIDENT)] == [asked]


def test_a_corrected_answer_says_sorry_to_those_who_had_it(office: Rig) -> None:
    wrong = answer(office, ask(office))
    send(office)
    office.ledger.answers.correct(INCIDENT, wrong, {"en": "No, it is not."}, "mei", NOW)
    send(office)
    assert "was wrong. We are sorry. This is the right answer:" in bodies(the_mail(office))
    assert len(office.mail.arrived) == 2


def test_an_unsent_wrong_answer_never_leaves(office: Rig) -> None:
    stranger = Sender(address="x@home.example")
    wrong = answer(office, ask(office, source=MAILBOX, person=None, sender=stranger))
    office.ledger.answers.correct(INCIDENT, wrong, {"en": "No, it is not."}, "mei", NOW)
    send(office)
    assert "was wrong" not in bodies(the_mail(office))
    assert len(office.mail.arrived) == 1


def test_a_refused_address_leads_to_a_call(office: Rig) -> None:
    asked = ask(office, source=MAILBOX, sender=Sender(address="bounce@home.example"))
    answer(office, asked)
    assert send(office).states == {OutgoingState.FAILED: 1}
    assert [call.question for call in office.ledger.replies.calls(INCIDENT)] == [asked]


def test_a_busy_relay_is_tried_again_later(office: Rig) -> None:
    answer(office, ask(office, source=MAILBOX, sender=Sender(address="grey@home.example")))
    assert send(office).states == {OutgoingState.WAITING: 1}
    assert send(office).states == {}
    office.clock.forward(timedelta(minutes=5))
    assert send(office).states == {OutgoingState.SENT: 1}


def test_a_relay_that_is_away_costs_no_answer(office: Rig) -> None:
    answer(office, ask(office))
    office.settings[ChannelKind.EMAIL]["port"] = "1"
    assert ChannelKind.EMAIL in send(office).trouble
    assert set(states(office).values()) == {OutgoingState.WAITING}


def test_sms_wait_for_the_end_of_quiet_hours(rig: Rig) -> None:
    hours = QuietHours.model_validate({"from": "06:00", "until": "23:00", "channels": ["sms"]})
    office = begin(rig, quiet_hours=hours)
    answer(office, ask(office, source=SMS, sender=Sender(address="+4915112345678")))
    send(office)
    assert not office.web.taken
    office.clock.forward(timedelta(hours=16))
    send(office)
    assert len(office.web.taken) == 1


def test_nothing_leaves_while_the_clock_is_in_doubt(office: Rig) -> None:
    answer(office, ask(office))
    office.ledger.clocks.observe(Seen("host", "boot", 1.0, NOW))
    office.ledger.clocks.observe(Seen("host", "boot", 2.0, NOW + timedelta(days=30)))
    assert send(office).waits
    assert not office.mail.arrived


def test_a_bounce_of_a_reply_is_known_by_its_token(office: Rig) -> None:
    asked = ask(office)
    answer(office, asked)
    send(office)
    token = office.mail.arrived[0].envelope_sender.partition("+")[2].partition("@")[0]
    forged = MailReport(ReportKind.FAILED, token="0" * 32)
    true = MailReport(ReportKind.FAILED, token=token, message_id=str(the_mail(office)["Message-ID"]))
    assert office.ledger.receipts.take([forged, true], NOW).each == (Effect.FOREIGN, Effect.BOUNCED)
    assert states(office)[asked] is OutgoingState.BOUNCED
    assert [call.question for call in office.ledger.replies.calls(INCIDENT)] == [asked]
