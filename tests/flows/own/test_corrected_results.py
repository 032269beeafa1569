"""A result that a message told wrongly is put right: the person hears what was wrong and what is right, once."""

from amends.delivery.dossier import with_words
from amends.domain.entitlement.remedy import RemedyOutcome, RemedyState, RightOutcome
from amends.domain.notice.notice import NoticeStage
from amends.domain.people.person import Person
from amends.ledger.entitlement.remedies import Corrected
from flows.run.occurrence import bring_up_to_date
from tests.delivery.sending import bodies, read_all
from tests.flows.own.test_own_results import CHANGED, CLEAN, MOVED, REPLACED, SOUND, Locks
from tests.flows.story.test_promises import FEW
from tests.story import INCIDENT, LEAD

__all__ = ["locks", "told"]
from tests.flows.own.test_own_results import locks, told

SUBJECTS = ("Correction: what we told you about a promise was wrong", "更正：我们此前告诉您的一项承诺的结果有误")
SORRY = ("We are sorry", "我们向您道歉")
FIRST = "result-corrected-locks-1"
SECOND = "result-corrected-locks-2"
MOVED_AWAY = RemedyOutcome(RemedyState.NOT_POSSIBLE, "moved")


async def told_sound(locks: Locks) -> list[Person]:
    """The people with a mailbox, all of whom were told that their lock is sound."""
    locks.settle({person.number: SOUND for person in locks.people[:FEW]})
    await locks.kept()
    return locks.by_mail()


def correct(locks: Locks, person: Person, outcome: RemedyOutcome = REPLACED) -> Corrected:
    why = "two doors were mixed up"
    return locks.ledger.remedies.correct(
        INCIDENT, "locks", person.number, RightOutcome(outcome, why), LEAD.name, locks.clock.now
    )


async def tell(locks: Locks) -> None:
    await bring_up_to_date(locks.context, INCIDENT)
    await locks.work()


def corrections(locks: Locks, person: Person) -> list[str]:
    """The words of the corrections that the relay took for this person."""
    return [bodies(mail) for mail in read_all(locks.mail, person.email) if str(mail["Subject"]) in SUBJECTS]


async def test_who_was_told_wrongly_reads_both_results(locks: Locks) -> None:
    """In their own language, with an apology; nobody else hears of it."""
    people = await told_sound(locks)
    wrong = [next(one for one in people if one.locale == locale) for locale in ("en", "zh-CN")]
    for person in wrong:
        assert correct(locks, person).notice == FIRST
    assert locks.ledger.cases.read(INCIDENT, locks.clock.now).commitments_open
    await tell(locks)
    for person, sorry in zip(wrong, SORRY, strict=True):
        (text,) = corrections(locks, person)
        assert [words in text for words in (CLEAN[person.locale], CHANGED[person.locale], sorry)] == [True] * 3
        assert text.index(CLEAN[person.locale]) < text.index(CHANGED[person.locale])
    assert [corrections(locks, person) for person in people if person not in wrong] == [[]] * (len(people) - 2)
    assert locks.got(FIRST) == {person.number for person in wrong}


async def test_a_correction_is_told_once(locks: Locks) -> None:
    person, *_ = await told_sound(locks)
    correct(locks, person)
    await tell(locks)
    assert correct(locks, person) == Corrected(REPLACED)
    await tell(locks)
    assert len(corrections(locks, person)) == 1
    assert locks.notices()[FIRST] is NoticeStage.SENT


async def test_the_record_keeps_what_each_message_told(locks: Locks) -> None:
    """Each message is repeated as it was, and the second correction names what the first had said."""
    person, *_ = await told_sound(locks)
    correct(locks, person)
    await tell(locks)
    assert correct(locks, person, MOVED_AWAY).notice == SECOND
    await tell(locks)
    record = locks.ledger.dossiers.read(INCIDENT, person.number, locks.clock.now)
    texts = {message.notice: message.text for message in with_words(record, locks.context.links).messages}
    clean, changed, moved = (words[person.locale] for words in (CLEAN, CHANGED, MOVED))
    said = {name: [words in texts[name] for words in (clean, changed, moved)] for name in (FIRST, SECOND)}
    assert said == {FIRST: [True, True, False], SECOND: [False, True, True]}
    (kept,) = (text for name, text in texts.items() if name.startswith("promise-kept"))
    assert (clean in kept, changed in kept) == (True, False)


async def test_who_put_it_right_does_not_approve(locks: Locks) -> None:
    person, *_ = await told_sound(locks)
    correct(locks, person)
    await bring_up_to_date(locks.context, INCIDENT)
    await locks.work(approve=False)
    draft = locks.ledger.notices.latest_draft(INCIDENT, FIRST)
    assert LEAD.name in draft.authors
    assert f"replaced, zh-CN: {CHANGED['zh-CN']}" in draft.results_in_words


async def test_a_drafted_correction_takes_nobody_in(locks: Locks) -> None:
    """What an approver has read stays for those people alone; others get a notice of their own."""
    first, second, *_ = await told_sound(locks)
    correct(locks, first)
    await bring_up_to_date(locks.context, INCIDENT)
    await locks.work(approve=False)
    assert correct(locks, second).notice == SECOND
    await tell(locks)
    assert (locks.got(FIRST), locks.got(SECOND)) == ({first.number}, {second.number})
