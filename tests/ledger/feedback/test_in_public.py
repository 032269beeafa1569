"""Question hours and posts of the public in the ledger, on both databases."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.channel.message import Receipt, Status
from amends.domain.channel.outgoing import OutgoingKind
from amends.domain.feedback.hour import HourAnswer, HourReminder, HourState, QuestionHour
from amends.domain.feedback.mention import Mention, Visibility
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from amends.ledger.outbox.outbox import OutgoingClaim
from tests.builders import NOW, a_person, an_asked, an_incident
from tests.delivery.sending import INCIDENT

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
OMAR, ROSA = Member(name="omar", role=TeamRole.LEGAL), Member(name="rosa", role=TeamRole.RESPONDER)
ASK_US = QuestionHour(
    id="ask-us", title={"en": "Ask us"}, where={"*": "+49 30 5550100"}, begins_at=NOW + 3 * DAY, minutes=60
)


@pytest.fixture
def opened(ledger: Ledger) -> Ledger:
    ledger.incidents.open(an_incident(), [a_person(number=1), a_person(number=2)], "lena", NOW)
    return ledger


def a_post(**changes: Any) -> Mention:
    ordinary = {
        "account": "kim@social.example",
        "text": "Safe?",
        "at": NOW,
        "post": "9",
        "url": "https://social.example/9",
    }
    return Mention.model_validate(ordinary | changes)


def take(ledger: Ledger, **changes: Any) -> bool:
    return ledger.mentions.take(INCIDENT, a_post(**changes), None, NOW, "rosa")


def test_an_hour_goes_from_announced_to_answered(opened: Ledger) -> None:
    opened.hours.announce(INCIDENT, ASK_US, "lena", NOW)
    after = ASK_US.ends_at
    states = [opened.hours.get(INCIDENT, "ask-us").state(at) for at in (NOW, ASK_US.begins_at, after)]
    assert states == [HourState.ANNOUNCED, HourState.UNDER_WAY, HourState.OVER]
    said = [HourAnswer(question={"en": "Who?"}, answer={"en": "A thief."})]
    opened.hours.publish(INCIDENT, "ask-us", said, "lena", after)
    opened.hours.approve(INCIDENT, "ask-us", OMAR, after)
    hour = opened.hours.get(INCIDENT, "ask-us")
    assert (hour.state(after), hour.answers, hour.approved_by) == (HourState.ANSWERED, tuple(said), "omar")
    assert opened.audit.verify() == ()


def test_a_reminder_is_claimed_once(opened: Ledger) -> None:
    opened.hours.announce(INCIDENT, ASK_US, "lena", NOW)
    assert [opened.hours.sign_up(INCIDENT, "ask-us", 1, NOW) for _ in range(2)] == [True, False]

    def claim(at: datetime) -> list[OutgoingClaim]:
        return list(opened.outbox.claim(INCIDENT, OutgoingKind.HOUR_REMINDER, "email", at))

    ((due,), again) = claim(ASK_US.begins_at - 2 * HOUR), claim(ASK_US.begins_at - 2 * HOUR)
    assert (due.name.window, again) == (HourReminder.DAY_BEFORE, [])
    opened.outbox.record([due], (), NOW)
    opened.outbox.record((), [(due, Receipt(due.key, Status.SENT))], NOW)
    (last,) = claim(ASK_US.begins_at - MINUTE)
    assert last.name.window == HourReminder.HOUR_BEFORE
    assert last.key != due.key
    assert opened.hours.counts(INCIDENT, "ask-us")[:3] == (1, 1, 0)


def test_only_people_of_the_list_sign_up_for_a_known_hour(opened: Ledger) -> None:
    opened.hours.announce(INCIDENT, ASK_US, "lena", NOW)
    for hour, person in (("ask-us", 99), ("other", 1)):
        with pytest.raises(NotInLedger):
            opened.hours.sign_up(INCIDENT, hour, person, NOW)


def test_a_post_is_taken_once_and_its_sender_sealed(opened: Ledger) -> None:
    assert [take(opened), take(opened, text="Edited")] == [True, False]
    post = opened.mentions.post_of(INCIDENT, 1)
    assert post
    assert (post.account, post.post, post.visibility) == ("kim@social.example", "9", Visibility.PUBLIC)
    assert opened.store.path is None or b"kim@social" not in opened.store.path.read_bytes()
    opened.mentions.note_taken(INCIDENT, "https://social.example", "9", NOW)
    opened.mentions.note_taken(INCIDENT, "https://social.example", "12", NOW)
    assert opened.mentions.last_taken(INCIDENT, "https://social.example") == "12"
    assert opened.mentions.last_taken(INCIDENT, "https://other.example") == ""


def test_a_long_post_is_cut(opened: Ledger) -> None:
    take(opened, text="x" * 9_000)
    said = opened.questions.get(INCIDENT, 1).text
    assert (len(said), said[-2:]) == (4_000, " …")


def test_an_answer_in_public_is_approved_then_posted(opened: Ledger) -> None:
    take(opened)
    opened.mentions.answer(INCIDENT, 1, "Yes.", "lena", NOW)
    with pytest.raises(NotAllowed, match="must approve"):
        opened.replies.claim_post(INCIDENT, 1, "lena", NOW)
    with pytest.raises(NotAllowed, match="role"):
        opened.mentions.approve(INCIDENT, 1, ROSA, NOW)
    opened.mentions.approve(INCIDENT, 1, OMAR, NOW)
    claim = opened.replies.claim_post(INCIDENT, 1, "lena", NOW)
    with pytest.raises(NotAllowed, match="may have been"):
        opened.replies.claim_post(INCIDENT, 1, "lena", NOW)
    assert opened.outbox.record([claim], (), NOW)
    opened.outbox.record((), [(claim, Receipt(claim.key, Status.REJECTED, "refused"))], NOW)
    again = opened.replies.claim_post(INCIDENT, 1, "lena", NOW)
    assert (opened.replies.opened(again.name)[0].text, again.key) == ("Yes.", claim.key)
    for place in (10, 11):
        opened.replies.posted(INCIDENT, 1, f"https://social.example/{place}", "lena", NOW)
    assert opened.questions.get(INCIDENT, 1).answer == "Yes."
    found = opened.mentions.answers(INCIDENT)[1]
    assert (found.state, found.url) == ("posted", "https://social.example/10")
    assert opened.audit.verify() == ()


def test_a_crash_before_the_post_is_forgotten_and_after_it_not(opened: Ledger) -> None:
    for place in (1, 2):
        take(opened, url=f"https://social.example/{place}")
        opened.mentions.answer(INCIDENT, place, "Yes.", "lena", NOW)
        opened.mentions.approve(INCIDENT, place, OMAR, NOW)
    _, second = (opened.replies.claim_post(INCIDENT, place, "lena", NOW) for place in (1, 2))
    assert opened.outbox.record([second], (), NOW)
    with pytest.raises(NotAllowed, match="is being posted"):
        opened.replies.claim_post(INCIDENT, 2, "lena", NOW, again=True)
    assert opened.outbox.recover(INCIDENT, NOW + HOUR) == (1, 1)
    assert [answer.state for answer in opened.mentions.answers(INCIDENT).values()] == ["approved", "uncertain"]
    with pytest.raises(NotAllowed, match="may have been"):
        opened.replies.claim_post(INCIDENT, 2, "lena", NOW + HOUR)
    assert opened.replies.claim_post(INCIDENT, 2, "lena", NOW + HOUR, again=True).key == second.key


def test_a_posted_answer_is_corrected_and_posted_anew(opened: Ledger) -> None:
    take(opened)
    wrong = opened.mentions.answer(INCIDENT, 1, "No.", "lena", NOW)
    opened.mentions.approve(INCIDENT, 1, OMAR, NOW)
    opened.replies.posted(INCIDENT, 1, "https://social.example/10", "lena", NOW)
    with pytest.raises(NotAllowed, match=f"questions correct {INCIDENT} {wrong}"):
        opened.mentions.answer(INCIDENT, 1, "Yes.", "lena", NOW)
    opened.answers.correct(INCIDENT, wrong, {"en": "That was wrong. Yes."}, "lena", NOW)
    with pytest.raises(NotAllowed, match="waits for approval"):
        opened.replies.claim_post(INCIDENT, 1, "lena", NOW, again=True)
    opened.mentions.approve(INCIDENT, 1, OMAR, NOW)
    claim = opened.replies.claim_post(INCIDENT, 1, "lena", NOW)
    assert opened.replies.opened(claim.name)[0].text == "That was wrong. Yes."


def test_one_answer_to_several_posts_is_approved_once(opened: Ledger) -> None:
    for place in (1, 2):
        take(opened, url=f"https://social.example/{place}")
    given = opened.answers.give(INCIDENT, [1, 2], {"en": "Yes."}, "lena", NOW)
    with pytest.raises(NotAllowed, match="2 questions waits"):
        opened.mentions.answer(INCIDENT, 1, "No.", "lena", NOW)
    assert opened.mentions.approve(INCIDENT, 2, OMAR, NOW).answer == given
    assert {answer.state for answer in opened.mentions.answers(INCIDENT).values()} == {"approved"}
    assert opened.outbox.due(INCIDENT, OutgoingKind.ANSWER, NOW) == {}, "nothing is posted by itself"


def test_an_answer_to_a_post_is_short_by_every_way(opened: Ledger) -> None:
    take(opened)
    with pytest.raises(NotAllowed, match="at most 500 characters"):
        opened.answers.give(INCIDENT, [1], {"en": "x" * 490}, "lena", NOW)


def test_a_private_post_is_answered_by_hand_in_private(opened: Ledger) -> None:
    take(opened, visibility=Visibility.DIRECT)
    with pytest.raises(NotAllowed, match="never answered in public"):
        opened.mentions.answer(INCIDENT, 1, "Yes.", "lena", NOW)
    opened.questions.answer(INCIDENT, 1, "Yes.", "lena", NOW)
    (call,) = opened.replies.calls(INCIDENT)
    assert (call.to.address, call.content.text) == ("kim@social.example", "Yes.")
    with pytest.raises(NotAllowed, match="no approved answer"):
        opened.replies.claim_post(INCIDENT, 1, "lena", NOW)


def test_the_desk_finds_one_caller_at_a_time(opened: Ledger) -> None:
    one = opened.people.get(INCIDENT, 1)
    assert opened.callers.find(INCIDENT, one.ref) == (1,)
    assert opened.callers.find(INCIDENT, "nobody here") == ()
    assert opened.callers.find(INCIDENT, "  ") == ()
    assert opened.callers.find(INCIDENT, one.name.upper()) == (1,)


def test_the_audit_names_who_asked_for_a_caller(opened: Ledger) -> None:
    opened.questions.ask(INCIDENT, an_asked(), NOW, "rosa")
    assert [entry.actor for entry in opened.audit.entries(INCIDENT) if entry.act == "asked"] == ["rosa"]
