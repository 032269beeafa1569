"""One run of the engine, the shipped words, and people in several places: each gets the letter of their own home."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from amends.content.notice import shipped_wording
from amends.delivery.compose import Composer
from amends.domain.base.audience import EVERYONE
from amends.domain.channel.channel import ChannelKind
from amends.domain.draft.draft import draft
from amends.domain.draft.writer import Readers, Wanted
from amends.domain.law.addendum import GENERAL
from amends.domain.notice.notice import Draft, PersonState, Reader
from amends.domain.notice.wording import Wording
from amends.domain.people.person import Flag, Person
from amends.domain.team.approval import Decision
from amends.ledger import Ledger
from tests.builders import NOW, a_person, a_playbook, an_incident
from tests.delivery.sending import APPROVERS, INCIDENT, LINKS, NOTICE, Rig, bodies, letters, looked_over
from tests.rewriting import move

STORY = an_incident().texts
HOW = {
    "en": (STORY["en"].what_happened, STORY["en"].in_short, "How many people"),
    "zh-CN": (STORY["zh-CN"].what_happened, STORY["zh-CN"].in_short, "涉及人数"),
}
LETTER = {locale: [HOW[locale][0]] for locale in HOW}
"""What an email tells of it; pages also tell how many, and pages, posts and SMS tell it in short."""
FREEZE, POLICE = "1-888-397-3742", "You have the right to any police report"
IN_MASSACHUSETTS, IN_CALIFORNIA = {"country": "US", "region": "MA"}, {"country": "US", "region": "CA"}


@pytest.fixture(scope="module")
def wording() -> Wording:
    return shipped_wording()


def drafted(ledger: Ledger, wording: Wording, people: Iterable[Person]) -> Draft:
    """The first notice, drafted with the shipped words from what the ledger knows of these people."""
    ledger.incidents.open(an_incident(), people, "lena", NOW)
    ledger.playbooks.pin(INCIDENT, a_playbook(), wording, "lena", NOW)
    case, audience = ledger.views.drafting(INCIDENT), ledger.notices.audience(INCIDENT, "everyone")
    readers = Readers(audience.digest, audience.people, audience.readers)
    wanted, step = Wanted(NOTICE, NOTICE, EVERYONE), a_playbook().step(NOTICE)
    return draft(case, wording, step, 1, wanted, readers, LINKS, ledger.incidents.facts_digest(INCIDENT), NOW)


def approve(ledger: Ledger, draft: Draft) -> None:
    ledger.notices.draft(draft, NOW)
    looked_over(ledger, draft)
    for member in APPROVERS:
        ledger.team.add(member.name, member.role, "lena", NOW)
        ledger.approvals.decide(INCIDENT, draft.notice, member, Decision.APPROVE, draft.binding, "", NOW)


def sent(rig: Rig, wording: Wording, *people: Person) -> dict[str, str]:
    """What each address got, after one run."""
    approve(rig.ledger, drafted(rig.ledger, wording, people))
    assert rig.run().finished
    return {address: f"{letter['subject']} {bodies(letter)}" for address, letter in letters(rig.mail).items()}


def told(text: str, locale: str = "en") -> list[str]:
    """What this text tells of how it happened and how many it touches."""
    flat = " ".join(text.split())
    return [piece for piece in HOW[locale] if piece in flat]


def test_neighbours_in_one_run_get_each_the_letter_of_their_own_state(rig: Rig, wording: Wording) -> None:
    there, elsewhere, german = (
        a_person(number=1, **IN_MASSACHUSETTS),
        a_person(number=2, **IN_CALIFORNIA),
        a_person(number=3, country="DE"),
    )
    got = sent(rig, wording, there, elsewhere, german)
    assert told(got[there.email]) == []
    assert told(got[elsewhere.email]) == told(got[german.email]) == LETTER["en"]
    named = {address: (FREEZE in text, POLICE in text) for address, text in got.items()}
    assert named == {there.email: (True, True), elsewhere.email: (True, False), german.email: (False, False)}


def test_a_letter_to_massachusetts_in_chinese_keeps_the_same_silence(rig: Rig, wording: Wording) -> None:
    there, elsewhere = (
        a_person(number=1, locale="zh-CN", **IN_MASSACHUSETTS),
        a_person(number=2, locale="zh-CN", **IN_CALIFORNIA),
    )
    got = sent(rig, wording, there, elsewhere)
    assert told(got[there.email], "zh-CN") == []
    assert told(got[elsewhere.email], "zh-CN") == LETTER["zh-CN"]
    assert FREEZE in got[there.email]
    assert FREEZE in got[elsewhere.email]


def test_text_messages_keep_it_too(rig: Rig, wording: Wording) -> None:
    there, elsewhere = a_person(number=1, **IN_MASSACHUSETTS), a_person(number=2, **IN_CALIFORNIA)
    sent(rig, wording, there, elsewhere)
    texts = {taken.fields["to"]: taken.fields["text"] for taken in rig.web.taken if taken.service == "sms"}
    assert told(texts[there.phone]) == []
    assert told(texts[elsewhere.phone]) == [STORY["en"].in_short]


def test_after_a_bounce_the_sms_has_the_same_addendum(rig: Rig, wording: Wording) -> None:
    """When an email bounces, the SMS that follows goes by the same addendum, here one that leaves things out."""
    there = a_person(number=1, email="bounce@mail.example", **IN_MASSACHUSETTS)
    by_email = a_playbook().step(NOTICE).model_copy(update={"channels": (ChannelKind.WEBSITE, ChannelKind.EMAIL)})
    first = drafted(rig.ledger, wording, [there])
    approve(rig.ledger, first.model_copy(update={"channels": by_email.channels}))
    assert rig.run().people == {PersonState.SENT: 1}
    (text,) = (taken.fields["text"] for taken in rig.web.taken if taken.service == "sms")
    assert told(text) == []


def test_a_guardian_gets_the_letter_of_the_childs_home(rig: Rig, wording: Wording) -> None:
    here, there = (
        a_person(number=number, flags=frozenset({Flag.MINOR}), **home)
        for number, home in ((1, IN_CALIFORNIA), (2, IN_MASSACHUSETTS))
    )
    parents = [
        a_person(number=3, guardian_of=here.ref, data=(), **IN_MASSACHUSETTS),
        a_person(number=4, guardian_of=there.ref, data=(), **IN_CALIFORNIA),
    ]
    got = sent(rig, wording, here, there, *parents)
    assert {address: told(text) != [] for address, text in got.items()} == {
        parents[0].email: True,
        parents[1].email: False,
    }


def test_the_public_reads_the_general_page(rig: Rig, wording: Wording) -> None:
    sent(rig, wording, a_person(number=1, **IN_MASSACHUSETTS))
    page = Path(rig.settings[ChannelKind.WEBSITE]["folder"], INCIDENT, "en", "index.html").read_text()
    assert told(page) == list(HOW["en"])
    assert told(" ".join(rig.posts())) == [STORY["en"].in_short]


def test_whose_letter_was_not_approved_gets_none_rather_than_another(rig: Rig, wording: Wording) -> None:
    approve(rig.ledger, drafted(rig.ledger, wording, [a_person(number=1, **IN_CALIFORNIA), a_person(number=2)]))
    move(rig.ledger, INCIDENT, 1, region="MA")
    rig.run()
    assert rig.mailed() == [a_person(number=2).email]
    assert rig.states() == {1: "deferred", 2: "sent"}


def test_a_preview_shows_each_letter_that_the_audience_needs(ledger: Ledger, wording: Wording) -> None:
    people = [
        a_person(number=1, **IN_MASSACHUSETTS),
        a_person(number=2, **IN_CALIFORNIA),
        a_person(number=3, country="KR", locale="zh-CN"),
    ]
    first = drafted(ledger, wording, people)
    emails = {variant.id for variant in first.variants if variant.channel is ChannelKind.EMAIL}
    assert emails == {"en/self/us-ma/email", "en/self/us/email", "zh-CN/self/kr/email"}
    composer = Composer(an_incident(), first, wording, LINKS)
    samples = {
        claim.about.number: composer.message(claim).text
        for claim in ledger.previews.samples(first, 50)
        if claim.about and claim.channel is ChannelKind.EMAIL
    }
    assert told(samples[1]) == []
    assert told(samples[2]) == LETTER["en"]
    assert "1833-6972" in samples[3]


def test_each_reader_is_drafted_by_the_home_of_whom_it_is_about(ledger: Ledger, wording: Wording) -> None:
    """Each kind of reader is drafted with the addendum of the person whom the message is about.

    The guardian of a child reads the addendum of the child's home.
    """
    child = a_person(number=1, flags=frozenset({Flag.MINOR}), **IN_MASSACHUSETTS)
    parent = a_person(number=2, guardian_of=child.ref, country="DE")
    kinds = {(v.reader, v.addendum) for v in drafted(ledger, wording, [child, parent]).variants if v.channel.personal}
    assert kinds == {(Reader.GUARDIAN, "us-ma"), (Reader.SELF, GENERAL)}
