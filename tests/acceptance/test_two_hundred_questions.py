"""Two hundred questions by four ways over forty days: each is answered the way it came, in time or after an alert.

The relay, the gateway, the page and the list of calls are the witnesses; the ledger is asked for the questions' times.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from email.message import EmailMessage

import pytest

from amends.sandbox.mail import MailServer
from amends.sandbox.web import WebServices
from tests.acceptance.crowd import RIGHT, SMS_FROM, Ask, Crowd, Subject, Way, script
from tests.acceptance.year import Sizes
from tests.desks import served
from tests.story import START

pytestmark = pytest.mark.timeout(1200)
DAYS = timedelta(days=40)
SIZES = Sizes(known=200, found_late=0, removed=0, grown=0)
OF: Mapping[Subject, str] = {Subject.SAME: "SAME", Subject.GAP: "GAP", Subject.WRONG: "WRONG"}


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    folder = tmp_path_factory.mktemp("crowd")
    with MailServer(folder / "relay") as relay, WebServices(folder / "web") as gateway, served() as desks:
        lived = Crowd(folder, relay, SIZES, gateway, desks)
        asyncio.run(lived.pass_by(list(script(lived.asks)), until=START + DAYS))
        yield lived
        lived.ledger.dispose()


def test_two_hundred_people_ask_by_four_ways(crowd: Crowd) -> None:
    ways = Counter(ask.way for ask in crowd.asks)
    subjects = Counter(ask.subject for ask in crowd.asks)
    assert (len(crowd.asks), subjects[Subject.SAME]) == (200, 60)
    assert ways == {Way.PAGE: 43, Way.MAIL: 44, Way.SMS: 200 - SMS_FROM + 1, Way.CALL: 43}
    assert {crowd.question_of(ask.person).source for ask in crowd.asks} == {"portal", "mailbox", "sms", "hotline"}


def test_each_is_answered_in_time_or_somebody_was_alerted(crowd: Crowd) -> None:
    alerts = "\n".join(str(said) for _, said in crowd.desks.got)
    late = []
    for ask in crowd.asks:
        asked = crowd.question_of(ask.person)
        assert asked.answered_at, f"nobody answered {ask}"
        if asked.answered_at > asked.reply_due_at:
            late.append(ask)
            assert f"question {asked.id}," in alerts, f"{ask} was late, and nobody was alerted"
    assert {one.subject for one in late} == {Subject.LATE, Subject.GAP}


def test_who_forgets_is_alerted_then_leads_then_executives(crowd: Crowd) -> None:
    forgotten = next(crowd.question_of(ask.person).id for ask in crowd.asks if ask.subject is Subject.LATE)
    heard = [name for name, said in crowd.desks.got if f"question {forgotten}," in str(said)]
    assert set(heard) == {"mei", "head"}  # an office owns the question, so the lead hears in its place


def test_each_answer_comes_once_by_the_way_of_its_question(crowd: Crowd) -> None:
    wrong = [(ask, found) for ask in crowd.asks if (found := heard(crowd, ask, sign_of(ask))) != 1]
    assert wrong == []


def test_sixty_hear_one_answer(crowd: Crowd) -> None:
    same = [ask for ask in crowd.asks if ask.subject is Subject.SAME]
    assert len({crowd.question_of(one.person).answer_id for one in same}) == 1
    assert [heard(crowd, one, "SAME") for one in same] == [1] * 60


def test_mail_is_answered_in_its_thread(crowd: Crowd) -> None:
    for ask in crowd.asks:
        if ask.way is Way.MAIL:
            replies = [mail for mail in crowd.mails_to(email(crowd, ask)) if sign_of(ask) in plain(mail)]
            assert [mail["In-Reply-To"] for mail in replies] == [f"<asked-{ask.person}@mail.example>"]
            assert all(str(mail["Subject"]).startswith("Re: ") for mail in replies)


def test_the_update_speaks_of_what_many_ask_and_nobody_answers(crowd: Crowd) -> None:
    everybody = {person.email for person in crowd.truth.people.values()}
    told = {
        address: [mail for mail in crowd.mails_to(address) if is_about_the_gap(plain(mail))] for address in everybody
    }
    assert [address for address, mails in told.items() if not mails] == []


def test_a_correction_reaches_exactly_those_with_the_wrong_answer(crowd: Crowd) -> None:
    concerned = {ask.person for ask in crowd.asks if ask.subject is Subject.WRONG}
    right = {ask.person for ask in crowd.asks if heard(crowd, ask, "RIGHT") == 1}
    assert right == concerned
    for ask in crowd.asks:
        if ask.subject is Subject.WRONG and ask.way is Way.MAIL:
            (mail,) = [mail for mail in crowd.mails_to(email(crowd, ask)) if "RIGHT" in plain(mail)]
            assert "sorry" in plain(mail) or "对不起" in plain(mail)
            assert RIGHT[crowd.truth.people[ask.person].locale] in plain(mail)


def sign_of(one: Ask) -> str:
    """The word by which an answer to this question is known."""
    return OF.get(one.subject, f"OWN {one.person}:")


def heard(crowd: Crowd, one: Ask, sign: str) -> int:
    """How often the person heard this answer by the way by which they asked."""
    if one.way is Way.MAIL:
        return sum(sign in plain(mail) for mail in crowd.mails_to(email(crowd, one)))
    if one.way is Way.SMS:
        return sum(sign in text for text in crowd.texts_to(one.person))
    if one.way is Way.CALL:
        return sum(sign in text for text in crowd.called.get(crowd.question_of(one.person).id, ()))
    return crowd.page_of(one.person).count(f"{sign}")


def email(crowd: Crowd, one: Ask) -> str:
    return crowd.truth.people[one.person].email


def is_about_the_gap(text: str) -> bool:
    return "What many of you asked" in text or "许多人问到的问题" in text


def plain(mail: EmailMessage) -> str:
    """The plain text of a mail."""
    body = mail.get_body(("plain",))
    assert isinstance(body, EmailMessage)
    return str(body.get_content())
