"""Asking and answering: taken once, refused kindly, never lost in silence."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from sqlalchemy import event
from sqlalchemy import text as sql
from starlette.testclient import TestClient

from amends.domain.channel.channel import ChannelKind
from amends.domain.feedback.question import QuestionKind, QuestionSource
from amends.ledger import Keys, Ledger
from amends.ledger.store import database
from amends.settings import Settings
from amends.web.app import create_app
from amends.web.http.forms import QUICKEST
from amends.web.http.limits import AT_ONCE
from tests.web.scene import (
    ADA,
    INCIDENT,
    INVITATION,
    KEY,
    LI,
    Clock,
    Visitor,
    ask_about_us,
    release,
    survey_fields,
    token_in,
)


def texts(ledger: Ledger) -> list[str]:
    return [question.text for question in ledger.questions.all(INCIDENT)]


def test_a_question_is_kept_with_whose_it_is(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    ada.ask("Was my card copied?", kind="complaint")
    (question,) = ledger.questions.all(INCIDENT)
    assert (question.person, question.kind, question.source) == (ADA, QuestionKind.COMPLAINT, QuestionSource.PORTAL)
    assert (question.text, question.locale, question.owner) == ("Was my card copied?", "en", "support")
    assert question.reply_due_at == clock() + timedelta(hours=48)


def test_another_s_data_raise_an_alarm_that_the_writer_does_not_see(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    """Whoever tries addresses on the page learns nothing about who is in the list."""
    li = ledger.people.get(INCIDENT, LI)
    answers = [ada.ask(text) for text in (f"Why do you know {li.email}?", "Why do you know x@elsewhere.example?")]
    assert {(answer.status_code, answer.headers["location"]) for answer in answers} == {
        (303, f"{ada.page}?sent=ask#ask")
    }
    assert ledger.views.timeline(INCIDENT, clock()).leaks == (1,)


def test_after_asking_the_browser_is_led_back_to_the_page(ada: Visitor) -> None:
    answer = ada.ask("Was my card copied?")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{ada.page}?sent=ask#ask"


def test_the_thanks_name_the_day_of_the_answer(ada: Visitor) -> None:
    ada.ask("Was my card copied?")
    assert "You will find our answer on this page by 26 December 2026." in ada.look("?sent=ask").text


def test_nobody_is_thanked_for_what_they_did_not_send(ada: Visitor) -> None:
    assert "Thank you" not in ada.look("?sent=ask").text


def test_the_chosen_language_stays(li: Visitor, ledger: Ledger, clock: Clock) -> None:
    token = li.token(query="?lang=en")
    clock.forward(seconds=30)
    answer = li.send("ask", {"form": token, "text": "Hello?"}, "?lang=en")
    assert answer.headers["location"] == f"{li.page}?lang=en&sent=ask#ask"
    assert ledger.questions.all(INCIDENT)[0].locale == "en"


def test_a_form_sent_twice_is_one_question(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    fields = {"form": ada.token(), "text": "Was my card copied?"}
    clock.forward(seconds=30)
    assert [ada.send("ask", fields).status_code for _ in range(3)] == [303] * 3
    assert texts(ledger) == ["Was my card copied?"]


def test_a_form_is_good_for_one_text(ledger: Ledger, ada: Visitor, restarted: Callable[[], Visitor]) -> None:
    """A form that is sent again with another text, also to another process or after a restart, comes back with this
    text, kind words and a new token, with which the text is taken.
    """
    token = ada.token()
    ada.clock.forward(seconds=30)
    ada.send("ask", {"form": token, "text": "Was my card copied?"})
    for visitor in (ada, restarted()):
        again = visitor.send("ask", {"form": token, "text": "And my password?"})
        assert again.status_code == 422
        assert "Something was sent from this form before, and has reached us." in again.text
        assert ">\nAnd my password?</textarea>" in again.text
        assert texts(ledger) == ["Was my card copied?"]
    ada.clock.forward(seconds=5)
    assert ada.send("ask", {"form": token_in(again.text, "ask"), "text": "And my password?"}).status_code == 303
    assert sorted(texts(ledger)) == ["And my password?", "Was my card copied?"]


def test_a_form_sent_again_as_a_complaint_is_asked_again(ledger: Ledger, ada: Visitor) -> None:
    fields = {"form": ada.token(), "text": "Was my card copied?"}
    ada.clock.forward(seconds=30)
    ada.send("ask", fields)
    assert ada.send("ask", fields | {"kind": "complaint"}).status_code == 422
    assert len(texts(ledger)) == 1


def test_a_form_sent_again_after_the_answer_is_one_question(ledger: Ledger, ada: Visitor) -> None:
    fields = {"form": ada.token(), "text": "Was my card copied?"}
    ada.clock.forward(seconds=30)
    ada.send("ask", fields)
    ledger.questions.answer(INCIDENT, 1, "No.", "sam", ada.clock.now)
    assert ada.send("ask", fields).status_code == 303
    assert len(texts(ledger)) == 1


def test_a_form_sent_at_once_with_two_texts_keeps_one(
    ledger: Ledger, ada: Visitor, restarted: Callable[[], Visitor]
) -> None:
    token = ada.token()
    ada.clock.forward(seconds=30)
    with ThreadPoolExecutor(4) as browsers:
        sent = [
            browsers.submit(visitor.send, "ask", {"form": token, "text": f"Text {number}"})
            for number, visitor in enumerate([ada, restarted(), restarted(), ada])
        ]
    assert sorted(answer.result().status_code for answer in sent) == [303, 422, 422, 422]
    assert len(texts(ledger)) == 1


def test_two_forms_opened_in_the_same_instant_have_two_tokens(ada: Visitor) -> None:
    assert ada.token() != ada.token()


def test_a_question_sent_again_after_going_back_is_one_while_open(ledger: Ledger, ada: Visitor) -> None:
    """A question that is sent again after going back, which loads the page anew with another token, counts as one as
    long as it is open; after it was answered, the same words are a new question.
    """
    assert [ada.ask("Was my card copied?").status_code for _ in range(2)] == [303, 303]
    assert len(texts(ledger)) == 1
    ledger.questions.answer(INCIDENT, 1, "No.", "sam", ada.clock.now)
    ada.ask("Was my card copied?")
    assert len(texts(ledger)) == 2


def test_the_same_words_as_complaint_or_from_another_are_new(ledger: Ledger, ada: Visitor, li: Visitor) -> None:
    """The same words sent as a complaint, or by another person, are another question."""
    ada.ask("Was my card copied?")
    ada.ask("Was my card copied?", kind="complaint")
    li.ask("Was my card copied?")
    assert len(texts(ledger)) == 3


@pytest.mark.parametrize("text", ["", "   \r\n\t ", "\u202e\u200b\x00"])
def test_an_empty_question_is_asked_for_again(ledger: Ledger, ada: Visitor, text: str) -> None:
    answer = ada.ask(text)
    assert answer.status_code == 422
    assert '<a href="#text">Please write something first.</a>' in answer.text
    assert texts(ledger) == []


def test_a_question_that_is_too_long_comes_back_with_what_was_typed(ledger: Ledger, ada: Visitor) -> None:
    answer = ada.ask("a" * 4001, kind="suggestion")
    assert answer.status_code == 422
    assert "This text is too long." in answer.text
    assert "a" * 4001 in answer.text
    assert '<option value="suggestion" selected>' in answer.text
    assert texts(ledger) == []


def test_a_question_of_the_greatest_length_is_taken(ledger: Ledger, ada: Visitor) -> None:
    ada.ask("问" * 4000)
    assert texts(ledger) == ["问" * 4000]


def test_what_is_typed_in_any_language_fits_into_a_form(ada: Visitor) -> None:
    assert ada.ask("问" * 6500).status_code == 422


def test_a_kind_that_we_do_not_know_is_a_question(ledger: Ledger, ada: Visitor) -> None:
    ada.ask("Hello?", kind="attack")
    assert ledger.questions.all(INCIDENT)[0].kind is QuestionKind.QUESTION


def test_characters_that_hide_or_turn_the_text_are_taken_out(ledger: Ledger, ada: Visitor) -> None:
    ada.ask("pay\u202e me\x00\x1b[31m\r\nnow\u200b")
    assert texts(ledger) == ["pay me[31m\nnow"]


@pytest.mark.parametrize("text", ["\U0001fae8", "\U00031351\U0002ebf0"], ids=["emoji", "names"])
def test_characters_that_are_newer_than_we_are_stay(ledger: Ledger, ada: Visitor, text: str) -> None:
    """People write their names and feelings with them; our Unicode is from 2021."""
    ada.ask(text)
    assert texts(ledger) == [text]


def test_what_a_person_wrote_is_shown_as_text(ada: Visitor) -> None:
    ada.ask("<script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}")
    page = ada.look().text
    assert "<script" not in page
    assert "<img" not in page
    assert "{{ 7*7 }}" in page


def test_a_form_sent_faster_than_a_person_can_is_kept_for_another_try(
    ledger: Ledger, ada: Visitor, clock: Clock
) -> None:
    fields = {"form": ada.token(), "text": "Buy pills"}
    answer = ada.send("ask", fields)
    assert answer.status_code == 422
    assert "Buy pills" in answer.text
    assert token_in(answer.text, "ask") == fields["form"]
    assert "This has not reached us yet. Please wait a few seconds and send it again." in answer.text
    assert texts(ledger) == []


def test_the_same_form_is_taken_a_moment_later(ada: Visitor, clock: Clock) -> None:
    fields = {"form": ada.token(), "text": "I type fast"}
    ada.send("ask", fields)
    clock.now += QUICKEST
    assert ada.send("ask", fields).status_code == 303


def test_whoever_fills_in_the_hidden_field_is_not_taken(ledger: Ledger, ada: Visitor) -> None:
    assert ada.ask("Buy pills", homepage="https://pills.example").status_code == 422
    assert texts(ledger) == []


def test_a_form_left_open_for_a_day_comes_back_with_what_was_typed(ada: Visitor, clock: Clock) -> None:
    token = ada.token()
    clock.forward(hours=24)
    answer = ada.send("ask", {"form": token, "text": "Was my card copied?"})
    assert answer.status_code == 422
    assert "This form was open for too long." in answer.text
    assert "Was my card copied?" in answer.text
    clock.forward(seconds=30)
    again = ada.send("ask", {"form": token_in(answer.text, "ask"), "text": "Was my card copied?"})
    assert again.status_code == 303


@pytest.mark.parametrize("token", ["", "x", "0" * 80, "1795510800000.yd6iZ74YWqE8j3lX." + "A" * 43])
def test_a_token_that_is_not_ours_is_refused(ledger: Ledger, ada: Visitor, token: str) -> None:
    assert ada.ask("Hello?", form=token).status_code == 422
    assert texts(ledger) == []


def test_the_token_of_another_person_is_refused(ledger: Ledger, ada: Visitor, li: Visitor) -> None:
    assert ada.ask("Hello?", form=li.token()).status_code == 422
    assert texts(ledger) == []


def test_the_token_of_another_form_is_refused(ledger: Ledger, ada: Visitor) -> None:
    assert ada.ask("Hello?", form=ada.token("stop")).status_code == 422
    assert texts(ledger) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "https://betapai.example.evil.example"},
        {"Origin": "http://betapai.example"},
        {"Origin": "https:"},
        {"Origin": "https://betapai.example:8443"},
        {"Origin": "https://betapai.example:x"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_on_another_site_is_refused(ledger: Ledger, ada: Visitor, headers: dict[str, str]) -> None:
    fields = {"form": ada.token(), "text": "Hello?"}
    ada.clock.forward(seconds=30)
    assert ada.send("ask", fields, **headers).status_code == 403
    assert texts(ledger) == []


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://betapai.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "same-origin", "Origin": "null"}],
)
def test_a_form_on_our_own_page_is_taken(ada: Visitor, headers: dict[str, str]) -> None:
    fields = {"form": ada.token(), "text": "Hello?"}
    ada.clock.forward(seconds=30)
    assert ada.send("ask", fields, **headers).status_code == 303


@pytest.mark.parametrize(
    ("public_url", "origin"),
    [
        ("https://Betapai.example", "https://betapai.example"),
        ("https://betapai.example:443/breach", "https://betapai.example"),
        ("https://贝塔派.example", "https://xn--omsq00ckjx.example"),
    ],
    ids=["capitals", "port", "chinese"],
)
def test_a_browser_that_spells_our_address_its_way_is_on_our_page(
    ledger: Ledger, settings: Settings, clock: Clock, public_url: str, origin: str
) -> None:
    """A POST is taken from our own page when the browser, such as an old phone's that sends an Origin and no
    Sec-Fetch-Site, spells our address in another way: lower case, without the default port, or in Punycode.
    """
    portal = create_app(settings.model_copy(update={"public_url": public_url}), ledger, clock)
    ada = Visitor(TestClient(portal), ledger.people.link_of(INCIDENT, ADA), clock)
    fields = {"form": ada.token(), "text": "Hello?"}
    clock.forward(seconds=30)
    assert ada.send("ask", fields, Origin=origin).status_code == 303


@pytest.mark.usefixtures("as_many_at_once_as_come")
def test_after_ten_forms_in_an_hour_a_link_has_to_wait(ledger: Ledger, ada: Visitor) -> None:
    for number in range(10):
        assert ada.ask(f"Question {number}").status_code == 303
    answer = ada.ask("One more")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 3600
    assert "+49 30 5550100" in answer.text
    assert "One more" not in texts(ledger)


@pytest.mark.usefixtures("as_many_at_once_as_come")
def test_a_person_asked_to_wait_keeps_the_text_and_can_send_it_later(
    ledger: Ledger, ada: Visitor, restarted: Callable[[], Visitor]
) -> None:
    """A person who has asked too many questions at once gets the typed text back with the request to wait; later, also
    after a restart, the same form is taken, and once only.
    """
    for number in range(10):
        ada.ask(f"Question {number}")
    answer = ada.ask("One more")
    assert "Please try again in a few minutes" in answer.text
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', answer.text))
    assert fields["text"] == "One more"
    assert [restarted().send("ask", fields).status_code for _ in range(2)] == [303, 303]
    assert texts(ledger).count("One more") == 1


@pytest.mark.usefixtures("as_many_at_once_as_come")
def test_others_need_not_wait_for_one_who_sends_too_much(ada: Visitor, li: Visitor) -> None:
    for number in range(11):
        ada.ask(f"Question {number}")
    assert li.ask("你好？").status_code == 303


def test_in_a_flood_forms_are_turned_away_unread(client: TestClient) -> None:
    """In a flood of POSTs, forms beyond the limit are answered with 429, a Retry-After and a page in words, before
    anything of the form is read.
    """
    answers = [client.post(f"/p/{number:027}/ask", data={"text": "x"}) for number in range(AT_ONCE.amount + 30)]
    known = Counter(answer.status_code for answer in answers)
    assert known.keys() == {404, 429}
    away = next(answer for answer in answers if answer.status_code == 429)
    assert away.headers["retry-after"] == "1"
    assert away.headers["content-security-policy"]
    assert "Please wait a moment" in away.text


@pytest.mark.usefixtures("as_many_at_once_as_come")
def test_after_sixty_forms_in_an_hour_an_address_has_to_wait(client: TestClient, ada: Visitor) -> None:
    for number in range(60):
        guessed = f"{number:027}"
        assert client.post(f"/p/{guessed}/ask", data={"text": "x"}).status_code == 404
    assert ada.ask("Hello?").status_code == 429


def answered(ledger: Ledger) -> int:
    return sum(survey.answered for survey in ledger.views.closing(INCIDENT).surveys)


@pytest.fixture
def invited(ledger: Ledger, ada: Visitor) -> Visitor:
    """Ada, to whom an invitation to the survey came."""
    ask_about_us(ledger)
    return ada


def test_the_survey_is_kept(ledger: Ledger, invited: Visitor) -> None:
    answer = invited.answer(**{"understood": "5", "best-way": "sms", "comment": "Good letter"})
    assert answer.headers["location"] == f"{invited.page}?sent=survey#survey"
    assert answered(ledger) == 1


def test_the_page_says_first_that_answers_cannot_be_changed(invited: Visitor) -> None:
    page = invited.look().text
    assert "what you send cannot be changed afterwards" in page
    assert page.index("cannot be changed") < page.index('name="answer-understood"')


def test_who_has_answered_is_thanked_and_sees_no_form(ledger: Ledger, invited: Visitor) -> None:
    fields = {"form": invited.token("survey"), **survey_fields(understood="1")}
    invited.clock.forward(seconds=30)
    assert [invited.send("survey", fields).status_code for _ in range(2)] == [303, 303]
    assert "Your answers help us" in invited.look().text
    assert "/survey?" not in invited.look().text
    assert f'{invited.page}/survey"' not in invited.look().text
    assert answered(ledger) == 1


def test_nobody_sees_the_survey_before_the_invitation_came(ledger: Ledger, ada: Visitor) -> None:
    release(
        ledger, notice=INVITATION, survey="how-we-did", channels=(ChannelKind.EMAIL,), cascade=(), next_news_at=None
    )
    assert "/survey" not in ada.look().text


def test_a_form_of_an_earlier_invitation_is_not_taken(ledger: Ledger, invited: Visitor) -> None:
    fields = {"form": invited.token("survey"), **survey_fields(understood="1")}
    invited.clock.forward(seconds=30)
    answer = invited.send("survey", fields | {"survey": "another"})
    assert (answer.status_code, answered(ledger)) == (422, 0)


@pytest.mark.parametrize("scores", [{}, {"understood": "6"}, {"understood": "0"}, {"understood": "五"}, {"other": "3"}])
def test_a_survey_without_any_answer_is_asked_for_again(
    ledger: Ledger, invited: Visitor, scores: dict[str, str]
) -> None:
    answer = invited.answer(**scores)
    assert answer.status_code == 422
    assert '<a href="#answer-understood">Please answer at least one question.</a>' in answer.text
    assert answered(ledger) == 0


def test_a_comment_that_is_too_long_keeps_the_scores_given(invited: Visitor) -> None:
    answer = invited.answer(understood="4", comment="b" * 1001)
    assert answer.status_code == 422
    assert 'name="answer-understood" value="4" checked' in answer.text


@pytest.fixture
def impatient(
    ledger: Ledger, settings: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[int], Visitor]]:
    """A portal that does not wait for a ledger that somebody else writes to."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0)
    own = Ledger(settings.ledger_url, Keys(KEY))
    client = TestClient(create_app(settings, own, clock))
    yield lambda number: Visitor(client, ledger.people.link_of(INCIDENT, number), clock)
    own.dispose()


def test_a_locked_ledger_gives_back_what_was_typed(ledger: Ledger, impatient: Callable[[int], Visitor]) -> None:
    with ledger.store.engine.connect() as other:
        other.execution_options(writes=True).execute(sql("SELECT 1"))
        answer = impatient(ADA).ask("Was my card copied?")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "60"
    assert "Please try again in a few minutes" in answer.text
    assert "Was my card copied?" in answer.text


def test_a_question_typed_while_the_ledger_was_locked_is_one_later(
    ledger: Ledger, impatient: Callable[[int], Visitor]
) -> None:
    """A question that could not be stored while the ledger was locked is given back with a token, and counts as one
    question when it is sent twice afterwards.
    """
    ada = impatient(ADA)
    with ledger.store.engine.connect() as other:
        other.execution_options(writes=True).execute(sql("SELECT 1"))
        answer = ada.ask("Was my card copied?")
    fields = {"form": token_in(answer.text, "ask"), "text": "Was my card copied?"}
    assert [ada.send("ask", fields).status_code for _ in range(2)] == [303, 303]
    assert texts(ledger) == ["Was my card copied?"]


def test_a_survey_that_could_not_be_kept_keeps_its_scores_on_the_page(
    ledger: Ledger, impatient: Callable[[int], Visitor]
) -> None:
    ask_about_us(ledger)
    with ledger.store.engine.connect() as other:
        other.execution_options(writes=True).execute(sql("SELECT 1"))
        answer = impatient(ADA).answer(understood="5")
    assert answer.status_code == 503
    assert 'name="answer-understood" value="5" checked' in answer.text


def test_a_full_disk_gives_back_what_was_typed(settings: Settings, ledger: Ledger, clock: Clock) -> None:
    event.listen(ledger.store.engine, "connect", lambda raw, _: raw.executescript("VACUUM; PRAGMA max_page_count=1"))
    ledger.store.engine.dispose()
    ada = Visitor(TestClient(create_app(settings, ledger, clock)), ledger.people.link_of(INCIDENT, ADA), clock)
    answer = ada.ask("问" * 4000)
    assert answer.status_code == 503
    assert "问" * 4000 in answer.text


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        ("ask", {"kind": "complaint", "text": "<b>Was my card copied?</b>"}),
        ("survey", survey_fields(understood="5", comment="<b>")),
    ],
    ids=["ask", "survey"],
)
def test_a_form_sent_while_the_ledger_is_gone_can_be_sent_again(
    settings: Settings, ledger: Ledger, ada: Visitor, form: str, fields: dict[str, str]
) -> None:
    """While the ledger is gone, a POST is answered with 503 and a form that holds all that was typed, and this form is
    taken once the ledger is back.
    """
    ask_about_us(ledger)
    typed = {"form": ada.token(form)} | fields
    ada.clock.forward(seconds=30)
    ledger.dispose()
    file, away = settings.home / "ledger.sqlite3", settings.home / "away"
    file.rename(away)
    answer = ada.send(form, typed | {"junk": "x"})
    ledger.dispose()
    away.rename(file)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert fields_in(answer.text) == typed
    assert ada.send(form, typed).status_code == 303


def fields_in(html: str) -> dict[str, str]:
    """What the only form of a page sends."""
    found = Sent()
    found.feed(html)
    return found.fields


class Sent(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "input":
            values = dict(attrs)
            self.fields[values["name"] or ""] = values["value"] or ""
