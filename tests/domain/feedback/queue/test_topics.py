"""The words of a question tell its topic, its urgency, its owner and by when to answer it."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from amends.domain.case.intake import new_question
from amends.domain.case.states import OWNER, REPLY_WITHIN
from amends.domain.feedback.question import NewQuestion, QuestionSource, Urgency
from amends.domain.feedback.queue.topics import Topic, sort_question, urgency_of
from amends.domain.playbook.playbook import Playbook
from tests.builders import NOW, a_playbook

SAFETY = {
    "en": "My ex-husband must not learn where I live, he has threatened me.",
    "zh-CN": "前夫一直威胁我，他不能知道我的住址。",
    "de": "Mein Ex-Mann bedroht mich und darf meine Adresse nicht kennen.",
    "fr": "Mon ex-mari me menace, il ne doit pas connaître mon adresse.",
}
MONEY = {
    "en": "Somebody withdrew 900 euros from my bank account.",
    "zh-CN": "我的银行卡被盗刷了。",
    "de": "Von meinem Konto wurden gestern 900 Euro abgebucht.",
    "fr": "Mon compte a été débité de 900 euros.",
}
LEGAL = {
    "en": "My lawyer will be in touch.",
    "zh-CN": "我要找律师起诉你们。",
    "de": "Ich schalte meinen Anwalt ein.",
    "fr": "Je vais porter plainte.",
}
PRESS = {
    "en": "I am a journalist and write about this.",
    "zh-CN": "我是记者，想采访你们。",
    "de": "Presseanfrage der Redaktion",
    "fr": "Je suis journaliste.",
}
ANGER = {
    "en": "This is outrageous.",
    "zh-CN": "太过分了！",
    "de": "Das ist eine Frechheit.",
    "fr": "C'est inadmissible.",
}
SAID = {Urgency.SAFETY: SAFETY, Urgency.MONEY: MONEY, Urgency.LEGAL: LEGAL, Urgency.PRESS: PRESS, Urgency.ANGER: ANGER}
DELIVERY = Topic(keywords={"en": ("parcel", "delivery"), "de": ("Paket",), "zh-CN": ("包裹",)}, owner="rosa")


@pytest.mark.parametrize(
    ("urgency", "text"),
    [
        pytest.param(urgency, text, id=f"{urgency}-{locale}")
        for urgency, said in SAID.items()
        for locale, text in said.items()
    ],
)
def test_the_words_tell_how_urgent_it_is(urgency: Urgency, text: str) -> None:
    assert urgency_of(text) is urgency


@pytest.mark.parametrize(
    "text",
    [
        "Is my address among the data?",
        "我的地址在里面吗？",
        "Ist meine Adresse dabei?",
        "Mon adresse est-elle concernée ?",
    ],
)
def test_a_plain_question_is_not_urgent(text: str) -> None:
    assert urgency_of(text) is None


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("Welche Daten sind es?", "my_data"),
        ("Ist das Betrug?", "scam"),
        ("Supprimez mon compte.", "delete"),
        ("Que dois-je faire ?", "next_steps"),
        ("Dois-je changer mon mot de passe ?", "password"),
        ("我要求赔偿", "compensation"),
        ("Hello", "other"),
    ],
)
def test_shipped_topics_are_known_in_four_languages(text: str, topic: str) -> None:
    assert sort_question(text, {}).topic == topic


@pytest.mark.parametrize("text", ["Where are my parcels? A scam?", "PAKET weg", "我的包裹呢"])
def test_a_topic_of_the_playbook_goes_before_the_shipped(text: str) -> None:
    assert sort_question(text, {"delivery": DELIVERY}).topic == "delivery"


def test_a_keyword_is_no_part_within_a_word() -> None:
    assert sort_question("misdelivery", {"delivery": DELIVERY}).topic == "other"


def test_the_graver_urgency_of_topic_and_words_counts() -> None:
    topics = {"delivery": DELIVERY.model_copy(update={"urgency": Urgency.LEGAL})}
    assert sort_question("My delivery.", topics).urgency is Urgency.LEGAL
    assert sort_question("My delivery, and my ex-husband stalks me.", topics).urgency is Urgency.SAFETY


def asked(text: str, playbook: Playbook | None) -> NewQuestion:
    given: dict[str, Any] = {"person": 1, "source": QuestionSource.PORTAL, "locale": "en", "once": "1", "at": NOW}
    return new_question(playbook, text, **given)


def a_quick_playbook() -> Playbook:
    delivery = DELIVERY.model_copy(update={"reply_within": timedelta(hours=12)})
    urgent = {Urgency.SAFETY: timedelta(hours=2)}
    return a_playbook().model_copy(update={"topics": {"delivery": delivery}, "urgent": urgent})


@pytest.mark.parametrize(
    ("text", "hours"), [("My parcel", 12), ("My parcel. He threatened me.", 2), ("He threatened me.", 2)]
)
def test_the_reply_is_due_by_topic_or_urgency(text: str, hours: int) -> None:
    assert asked(text, a_quick_playbook()).reply_within == timedelta(hours=hours)


def test_any_other_question_is_due_as_the_playbook_says() -> None:
    playbook = a_quick_playbook()
    assert asked("Hello", playbook).reply_within == playbook.reply_within


def test_the_owner_is_that_of_the_topic_or_the_playbook() -> None:
    playbook = a_quick_playbook()
    assert [asked(text, playbook).owner for text in ("parcel", "Hello")] == ["rosa", playbook.questions_owner]


def test_a_question_before_a_playbook_has_defaults() -> None:
    found = asked("Hello", None)
    assert (found.reply_within, found.owner, found.topic) == (REPLY_WITHIN, OWNER, "other")


@pytest.mark.parametrize("keywords", [{}, {"english": ("x",)}, {"en": (" ",)}, {"en": ("x" * 101,)}])
def test_a_topic_has_some_keywords_of_some_language(keywords: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Topic(keywords=keywords)
