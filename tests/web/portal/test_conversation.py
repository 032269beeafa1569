"""The conversation on a personal page: answers, corrections marked as such, and a way to say that it does not help."""

from collections.abc import Callable

from amends.domain.channel.message import Receipt, Status
from amends.domain.channel.outgoing import OutgoingKind
from amends.domain.feedback.question import QuestionKind
from amends.ledger import Ledger
from tests.builders import an_asked
from tests.web.scene import ADA, INCIDENT, LI, Clock, Visitor


def asked(
    ledger: Ledger, clock: Clock, wording: str = "Was my card copied?", person: int = ADA, locale: str = "en"
) -> int:
    question = an_asked(wording, person=person, locale=locale, once=f"{wording}{person}", at=clock())
    return ledger.questions.ask(INCIDENT, question, clock())


def object_to(visitor: Visitor, question: int, why: str = "") -> int:
    token = visitor.token("objection")
    visitor.clock.forward(seconds=30)
    return visitor.send("objection", {"form": token, "question": str(question), "why": why}).status_code


def test_a_correction_is_marked_and_the_wrong_answer_stays(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    wrong = ledger.answers.give(INCIDENT, [asked(ledger, clock)], {"en": "No, it was not."}, "wei", clock())
    clock.forward(days=1)
    ledger.answers.correct(INCIDENT, wrong, {"en": "Yes, it was."}, "wei", clock())
    page = ada.look().text
    order = [
        "Was my card copied?",
        "This answer was wrong. We are sorry.",
        "No, it was not.",
        "Corrected on",
        "Yes, it was.",
    ]
    assert [page.index(one) for one in order] == sorted(page.index(one) for one in order)


def test_a_closed_question_says_the_reason(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    ledger.answers.close(INCIDENT, asked(ledger, clock), "You asked this yesterday.", "wei", clock())
    page = ada.look().text
    assert "for this reason:" in page
    assert "You asked this yesterday." in page


def test_the_latest_conversation_comes_first(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    first = asked(ledger, clock, "Asked first")
    clock.forward(hours=1)
    asked(ledger, clock, "Asked second")
    page = ada.look().text
    assert page.index("Asked second") < page.index("Asked first")
    clock.forward(hours=1)
    ledger.questions.answer(INCIDENT, first, "Yes.", "wei", clock())
    page = ada.look().text
    assert page.index("Asked first") < page.index("Asked second")


def test_who_is_not_satisfied_reopens_the_question(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    question = asked(ledger, clock)
    ledger.questions.answer(INCIDENT, question, "Yes.", "wei", clock())
    assert object_to(ada, question, "That says nothing about my PIN.") == 303
    found = ledger.questions.get(INCIDENT, question)
    assert (found.kind, found.answered_at) == (QuestionKind.COMPLAINT, None)
    assert found.objection == "That says nothing about my PIN."
    page = ada.look("?sent=objection").text
    assert "We look at your question again" in page
    assert "you told us that this did not answer your question" in page
    assert "That says nothing about my PIN." in page


def test_words_are_not_needed_to_be_dissatisfied(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    question = asked(ledger, clock)
    ledger.questions.answer(INCIDENT, question, "Yes.", "wei", clock())
    object_to(ada, question)
    assert ledger.questions.get(INCIDENT, question).answered_at is None


def test_an_overlong_objection_comes_back_as_it_was(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    question = asked(ledger, clock)
    ledger.questions.answer(INCIDENT, question, "Yes.", "wei", clock())
    token = ada.token("objection")
    clock.forward(seconds=30)
    answer = ada.send("objection", {"form": token, "question": str(question), "why": "x" * 4_001})
    assert (answer.status_code, "This text is too long" in answer.text) == (422, True)
    assert "x" * 4_001 in answer.text
    assert ledger.questions.get(INCIDENT, question).answered_at is not None


def test_nobody_reopens_the_question_of_another(
    ledger: Ledger, ada: Visitor, visitor: Callable[[int], Visitor], clock: Clock
) -> None:
    hers, his = asked(ledger, clock), asked(ledger, clock, "我的卡呢？", LI, "zh-CN")
    for question, text in ((hers, {"en": "Yes."}), (his, {"zh-CN": "是的。"})):
        ledger.answers.give(INCIDENT, [question], text, "wei", clock())
    assert object_to(ada, his) == 422
    for nonsense in ("", "-1", "1 OR 1=1", "9" * 400):
        token = ada.token("objection")
        clock.forward(seconds=30)
        assert ada.send("objection", {"form": token, "question": nonsense, "why": ""}).status_code == 422
    assert ledger.questions.get(INCIDENT, his).answered_at is not None
    assert "我对这个答复不满意" in visitor(LI).look().text


def test_an_answer_is_on_the_page_before_any_mail_has_left(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    ledger.questions.answer(INCIDENT, asked(ledger, clock), "Yes, it was.", "wei", clock())
    assert "Yes, it was." in ada.look().text
    (claim,) = ledger.outbox.claim(INCIDENT, OutgoingKind.ANSWER, "email", clock())
    assert claim is not None
    ledger.outbox.record((), [(claim, Receipt(claim.key, Status.REJECTED, "550"))], clock())
    assert "Yes, it was." in ada.look().text
