"""One answer for one or many questions: approved, corrected, closed, reopened, and each person hears it once."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.channel.message import Receipt, Status
from amends.domain.channel.outgoing import OutgoingKind, OutgoingState
from amends.domain.feedback.answer import AnswerKind, AnswerStatus, ReplyChannel
from amends.domain.feedback.question import QuestionKind, QuestionSource, Sender
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from amends.ledger.outbox.outbox import OutgoingClaim
from tests.builders import NOW, a_person, an_asked, an_incident
from tests.delivery.sending import INCIDENT

LATER = NOW + timedelta(hours=1)
MEI, OMAR = Member(name="mei", role=TeamRole.RESPONDER), Member(name="omar", role=TeamRole.LEGAL)
ROSA = Member(name="rosa", role=TeamRole.RESPONDER)
YES = {"en": "Yes."}
FORMS = count()


@pytest.fixture
def opened(ledger_on_sqlite: Ledger) -> Ledger:
    people = [a_person(number=1), a_person(number=2), a_person(number=3, email="", phone="")]
    ledger_on_sqlite.incidents.open(an_incident(), people, "lena", NOW)
    return ledger_on_sqlite


def ask(ledger: Ledger, wording: str = "Is my address among it?", **changes: Any) -> int:
    once = changes.pop("once", f"form {next(FORMS)}")
    return ledger.questions.ask(INCIDENT, an_asked(wording, once=once, **changes), NOW)


def ask_many(ledger: Ledger, number: int) -> list[int]:
    return [ask(ledger, person=1 + place % 2, once=f"one of many {place}") for place in range(number)]


def ways(ledger: Ledger) -> Mapping[int, tuple[ReplyChannel, OutgoingState]]:
    return {reply.question: (reply.channel, reply.state) for reply in ledger.replies.all(INCIDENT)}


def claims(ledger: Ledger, now: datetime) -> tuple[OutgoingClaim, ...]:
    return ledger.outbox.claim(INCIDENT, OutgoingKind.ANSWER, "email", now)


def send(ledger: Ledger, status: Status = Status.SENT) -> OutgoingState:
    (claim,) = ledger.outbox.claim(INCIDENT, OutgoingKind.ANSWER, "email", NOW, 1)
    assert claim is not None
    assert ledger.outbox.record([claim], (), NOW)
    ledger.outbox.record((), [(claim, Receipt(claim.key, status))], NOW)
    return next(reply.state for reply in ledger.replies.all(INCIDENT) if str(reply.question) == claim.name.reader)


def test_each_is_answered_by_the_way_in_which_they_asked(opened: Ledger) -> None:
    mail = ask(opened, source=QuestionSource.MAILBOX, sender=Sender(address="ada@other.example"))
    text = ask(opened, source=QuestionSource.SMS, sender=Sender(address="+4915112345678"))
    call = ask(opened, source=QuestionSource.HOTLINE)
    page, bare = ask(opened, source=QuestionSource.PORTAL), ask(opened, source=QuestionSource.PORTAL, person=3)
    opened.answers.give(INCIDENT, [mail, text, call, page, bare], YES, "mei", NOW)
    waiting, there = OutgoingState.WAITING, OutgoingState.DELIVERED
    assert ways(opened) == {
        mail: (ReplyChannel.EMAIL, waiting),
        text: (ReplyChannel.SMS, waiting),
        call: (ReplyChannel.CALL, waiting),
        page: (ReplyChannel.EMAIL, waiting),
        bare: (ReplyChannel.PAGE, there),
    }


def test_a_handful_is_answered_at_once_and_more_waits(opened: Ledger) -> None:
    few, many = ask_many(opened, 5), [ask(opened, once=str(place)) for place in range(6)]
    opened.answers.give(INCIDENT, few, YES, "mei", NOW)
    waits = opened.answers.give(INCIDENT, many, YES, "mei", NOW)
    assert {question.answered_by for question in opened.questions.all(INCIDENT) if question.id in few} == {"mei"}
    assert [question.id for question in opened.questions.all(INCIDENT, open_only=True)] == many
    assert [answer.id for answer in opened.answers.all(INCIDENT, waiting_only=True)] == [waits]


def test_an_answer_to_sixty_needs_another_member(opened: Ledger) -> None:
    sixty = ask_many(opened, 60)
    answer = opened.answers.give(INCIDENT, sixty, YES, "mei", NOW)
    with pytest.raises(NotAllowed, match="another member"):
        opened.answers.approve(INCIDENT, answer, MEI, LATER)
    assert opened.answers.approve(INCIDENT, answer, OMAR, LATER) == 60
    assert len(opened.replies.all(INCIDENT)) == 60
    assert {question.answer for question in opened.questions.all(INCIDENT)} == {"Yes."}
    with pytest.raises(NotAllowed, match="does not wait"):
        opened.answers.approve(INCIDENT, answer, OMAR, LATER)


def test_a_public_answer_needs_another_member_however_few_asked(opened: Ledger) -> None:
    asked = ask(opened, source=QuestionSource.SOCIAL, person=None)
    answer = opened.answers.give(INCIDENT, [asked], YES, "mei", NOW)
    assert opened.answers.get(INCIDENT, answer).status is AnswerStatus.WAITING
    with pytest.raises(NotAllowed, match="role"):
        opened.answers.approve(INCIDENT, answer, ROSA, NOW)
    opened.answers.approve(INCIDENT, answer, OMAR, NOW)
    assert ways(opened) == {asked: (ReplyChannel.PUBLIC, OutgoingState.WAITING)}
    opened.replies.posted(INCIDENT, asked, "https://social.example/10", "mei", LATER)
    assert ways(opened) == {asked: (ReplyChannel.PUBLIC, OutgoingState.SENT)}


def test_an_approval_leaves_out_what_was_answered_meanwhile(opened: Ledger) -> None:
    many = ask_many(opened, 6)
    answer = opened.answers.give(INCIDENT, many, YES, "mei", NOW)
    opened.questions.answer(INCIDENT, many[0], "No.", "omar", NOW)
    assert opened.answers.approve(INCIDENT, answer, OMAR, LATER) == 5
    assert opened.questions.get(INCIDENT, many[0]).answer == "No."


def test_a_rejected_answer_is_heard_by_nobody(opened: Ledger) -> None:
    answer = opened.answers.give(INCIDENT, ask_many(opened, 6), YES, "mei", NOW)
    opened.answers.reject(INCIDENT, answer, "it is not true", "omar", NOW)
    assert opened.answers.get(INCIDENT, answer).status is AnswerStatus.REJECTED
    assert not opened.replies.all(INCIDENT)


def test_an_answer_needs_a_text_in_the_language_of_each_question(opened: Ledger) -> None:
    both = [ask(opened, locale="en"), ask(opened, locale="zh-CN")]
    with pytest.raises(NotAllowed, match="give the answer in zh-CN too"):
        opened.answers.give(INCIDENT, both, YES, "mei", NOW)
    opened.answers.give(INCIDENT, both, {"en": "Yes.", "zh-CN": "是的。"}, "mei", NOW)
    assert [question.answer for question in opened.questions.all(INCIDENT)] == ["Yes.", "是的。"]


def test_nothing_is_stored_when_one_of_several_is_refused(opened: Ledger) -> None:
    first, second = ask(opened, once="a"), ask(opened, once="b")
    opened.questions.answer(INCIDENT, second, "No.", "mei", NOW)
    for others in ([first, second], [first, 99]):
        with pytest.raises((NotAllowed, NotInLedger)):
            opened.answers.give(INCIDENT, others, YES, "mei", NOW)
    assert opened.questions.get(INCIDENT, first).answered_at is None


def test_a_correction_reaches_exactly_those_who_had_the_wrong_one(opened: Ledger) -> None:
    heard, other = ask_many(opened, 2)
    sent = ask(opened, source=QuestionSource.MAILBOX, person=None, sender=Sender(address="x@other.example"))
    unsent = ask(opened, source=QuestionSource.MAILBOX, person=None, sender=Sender(address="y@other.example"))
    wrong = opened.answers.give(INCIDENT, [heard, sent], {"en": "Wrong."}, "mei", NOW)
    for _ in range(2):
        send(opened)
    opened.questions.answer(INCIDENT, other, "Right.", "mei", NOW)
    late = opened.answers.give(INCIDENT, [unsent], {"en": "Wrong too."}, "mei", NOW)
    first = opened.answers.correct(INCIDENT, wrong, {"en": "Right."}, "mei", LATER)
    second = opened.answers.correct(INCIDENT, late, {"en": "Right."}, "mei", LATER)
    corrected = {
        (reply.answer, reply.question): reply.apologises
        for reply in opened.replies.all(INCIDENT)
        if reply.answer > late
    }
    assert corrected == {(first, heard): True, (first, sent): True, (second, unsent): False}
    states = {(reply.answer, reply.question): reply.state for reply in opened.replies.all(INCIDENT)}
    assert states[late, unsent] is OutgoingState.WITHDRAWN


def test_an_answer_is_corrected_once_and_then_its_correction(opened: Ledger) -> None:
    wrong = opened.answers.give(INCIDENT, [ask(opened)], {"en": "Wrong."}, "mei", NOW)
    correction = opened.answers.correct(INCIDENT, wrong, YES, "mei", LATER)
    with pytest.raises(NotAllowed, match="correct that one"):
        opened.answers.correct(INCIDENT, wrong, YES, "mei", LATER)
    opened.answers.correct(INCIDENT, correction, {"en": "No."}, "mei", LATER)
    said = opened.answers.said(INCIDENT, 1)[1]
    assert [(one.text, one.corrected) for one in said] == [("Wrong.", True), ("Yes.", True), ("No.", False)]


def test_a_rejected_correction_lets_the_answer_go_on(opened: Ledger) -> None:
    many = ask_many(opened, 6)
    answer = opened.answers.give(INCIDENT, many, YES, "mei", NOW)
    opened.answers.approve(INCIDENT, answer, OMAR, NOW)
    correction = opened.answers.correct(INCIDENT, answer, {"en": "No."}, "mei", NOW)
    assert claims(opened, LATER) == ()
    opened.answers.reject(INCIDENT, correction, "the first one was right", "omar", NOW)
    assert claims(opened, LATER)


def test_a_question_is_closed_with_a_reason_that_the_person_hears(opened: Ledger) -> None:
    asked = ask(opened)
    opened.answers.close(INCIDENT, asked, "You asked the same yesterday.", "mei", NOW)
    assert opened.questions.get(INCIDENT, asked).answered_at == NOW
    (said,) = opened.answers.said(INCIDENT, 1)[asked]
    assert (said.kind, said.text) == (AnswerKind.CLOSED, "You asked the same yesterday.")


def test_a_person_who_is_not_satisfied_reopens_as_a_complaint(opened: Ledger) -> None:
    asked = ask(opened)
    opened.questions.answer(INCIDENT, asked, "Yes.", "mei", NOW)
    assert opened.answers.reopen(INCIDENT, asked, LATER, "That is not what I asked.")
    question = opened.questions.get(INCIDENT, asked)
    assert (question.kind, question.answered_at, question.objection) == (
        QuestionKind.COMPLAINT,
        None,
        "That is not what I asked.",
    )
    assert question.reply_due_at == LATER + timedelta(hours=48)
    assert not opened.answers.reopen(INCIDENT, asked, LATER)
    opened.questions.answer(INCIDENT, asked, "Your address, too.", "mei", LATER)
    assert [one.text for one in opened.answers.said(INCIDENT, 1)[asked]] == ["Yes.", "Your address, too."]


def test_a_stranger_never_gets_a_name_or_a_personal_link(opened: Ledger) -> None:
    """A mail that bears another sender than the person's address is answered to that sender, without the link."""
    for address in ("grace@example.org", "else@other.example"):
        ask(opened, source=QuestionSource.MAILBOX, sender=Sender(address=address), once=address)
    own = opened.people.get(INCIDENT, 1).email
    ask(opened, source=QuestionSource.MAILBOX, sender=Sender(address=own), once=own)
    opened.answers.give(INCIDENT, [1, 2, 3], YES, "mei", NOW)
    readers = [opened.replies.opened(claim.name)[1] for claim in claims(opened, NOW)]
    links = {reader.address: bool(reader.link) and bool(reader.name) for reader in readers}
    assert links == {"grace@example.org": False, "else@other.example": False, own: True}


def test_somebody_who_opted_out_is_answered_all_the_same(opened: Ledger) -> None:
    opened.opt_outs.add(INCIDENT, 1, "page", NOW)
    opened.questions.answer(INCIDENT, ask(opened, source=QuestionSource.MAILBOX), "Yes.", "mei", NOW)
    assert send(opened) is OutgoingState.SENT


def test_a_crash_before_the_mark_sends_again_and_after_it_never(opened: Ledger) -> None:
    opened.answers.give(INCIDENT, [ask(opened, once="a"), ask(opened, once="b")], YES, "mei", NOW)
    first, second = claims(opened, NOW)
    assert opened.outbox.record([second], (), NOW)
    assert opened.outbox.recover(INCIDENT, NOW + timedelta(minutes=1)) == (0, 0)
    assert opened.outbox.recover(INCIDENT, LATER) == (1, 1)
    (again,) = claims(opened, LATER)
    assert (again.name, again.key) == (first.name, first.key)
    assert not opened.outbox.record([first], (), LATER), "the worker that counted as dead must not send"
    assert claims(opened, LATER) == ()
    opened.replies.again(INCIDENT, int(second.name.subject), int(second.name.reader), "mei", LATER)
    assert claims(opened, LATER)


@pytest.mark.parametrize("shut", ["pause", "embargo"])
def test_no_reply_leaves_while_the_incident_stands_still(opened: Ledger, shut: str) -> None:
    opened.questions.answer(INCIDENT, ask(opened), "Yes.", "mei", NOW)
    (claim,) = claims(opened, NOW)
    if shut == "pause":
        opened.incidents.pause(INCIDENT, "lena", NOW)
    else:
        opened.incidents.embargo(INCIDENT, LATER, "the police asked", "omar", NOW)
    assert not opened.outbox.record([claim], (), NOW)
    with pytest.raises(NotAllowed):
        claims(opened, NOW)


def test_a_refused_reply_is_an_alert_and_somebody_calls(opened: Ledger) -> None:
    opened.questions.answer(INCIDENT, asked := ask(opened), "Yes.", "mei", NOW)
    assert send(opened, Status.REJECTED) is OutgoingState.FAILED
    (call,) = opened.replies.calls(INCIDENT)
    assert (call.question, call.to.address) == (asked, opened.people.get(INCIDENT, 1).phone)
    assert any("did not arrive by email" in alert.what for alert in opened.views.timeline(INCIDENT).alerts)
    opened.replies.called(INCIDENT, asked, "mei", LATER)
    assert not opened.replies.calls(INCIDENT)


def test_a_deferred_reply_waits_longer_each_time_and_then_fails(opened: Ledger) -> None:
    opened.questions.answer(INCIDENT, ask(opened), "Yes.", "mei", NOW)
    now, waits = NOW, []
    while due := claims(opened, now):
        opened.outbox.record((), [(due[0], Receipt(due[0].key, Status.DEFERRED, "451"))], now)
        (reply,) = opened.replies.all(INCIDENT)
        waits.append((reply.next_try_at or now) - now)
        now = reply.next_try_at or now
    assert waits[:3] == [timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=45)]
    assert reply.state is OutgoingState.FAILED
