"""A promise that is kept person by person: each person reads their own result in the notice, through a real relay."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import islice
from pathlib import Path

import pytest

from amends.delivery.dossier import with_words
from amends.domain.base.audience import EVERYONE, Persons
from amends.domain.base.errors import NotAllowed
from amends.domain.channel.channel import ChannelKind
from amends.domain.entitlement.remedy import RemedyOutcome, RemedyState
from amends.domain.incident.commitment import Commitment, CommitmentKind
from amends.domain.incident.per_person import PerPerson
from amends.domain.people.person import Person
from amends.sandbox.mail import MailServer
from flows.run.context import Context, using
from flows.run.occurrence import bring_up_to_date
from tests.delivery.sending import bodies, channel_settings, read_all
from tests.flows.story.test_promises import FEW, Promising
from tests.story import INCIDENT, LEAD, a_context, a_ledger, everybody, opened

BOTH = ("en", "zh-CN")
CLEAN = {"en": "We looked at your lock, and it is sound.", "zh-CN": "我们检查了您的门锁，没有问题。"}
CHANGED = {"en": "Your lock was worn, so we put in a new one.", "zh-CN": "您的门锁已磨损，我们换了新锁。"}
MOVED = {"en": "You have moved, so there is no lock of ours.", "zh-CN": "您已搬家，没有我们的门锁。"}
WORDS = PerPerson(results={"sound": CLEAN, "replaced": CHANGED}, reasons={"moved": MOVED})
KEPT = {"en": "We have looked at the locks.\n{result}", "zh-CN": "门锁已全部检查。\n{result}"}
KEPT_SUBJECTS = ("We have kept a promise to you", "我们对您的一项承诺已经兑现")
CORRECT = "`amends remedies correct` says what is right"
SOUND, REPLACED = (RemedyOutcome(RemedyState.DONE, word) for word in ("sound", "replaced"))


class Locks(Promising):
    """A case in which six people were told the first notice, and then that each of their locks will be looked at."""

    mail: MailServer

    async def promise(self, persons: tuple[int, ...] = ()) -> None:
        """Tell everybody in the list of the promise, or these persons only."""
        one = Commitment(
            id="locks",
            kind=CommitmentKind.OTHER,
            owner="Facilities",
            per_person=WORDS,
            kept=KEPT,
            audience=Persons("locks") if persons else EVERYONE,
            promise={"en": "We will look at your lock.", "zh-CN": "我们将检查您的门锁。"},
            due_at=self.clock.now + timedelta(days=20),
        )
        self.ledger.commitments.add(INCIDENT, [(one, persons)], LEAD.name, self.clock.now)
        await self.work_until(self.clock.now + timedelta(days=4))

    def settle(self, outcomes: dict[int, RemedyOutcome]) -> None:
        self.ledger.remedies.settle(INCIDENT, "locks", outcomes, LEAD.name, self.clock.now)

    async def kept(self) -> None:
        """The promise is kept, and those promised are told so on the next day."""
        self.keep("locks")
        await self.work_until(self.clock.now + timedelta(days=1))

    def owed(self) -> int:
        """How many people wait for a result of their own."""
        return self.ledger.views.closing(INCIDENT, self.clock.now).remedies_owed.get("locks", 0)

    def by_mail(self) -> list[Person]:
        """The people of the first list who get mails, by number."""
        return [person for person in self.people[:FEW] if person.email]

    def mails(self, person: Person) -> str:
        """The words of the mails to this person that tell that the promise is kept, as the relay took them."""
        return "".join(
            bodies(mail) for mail in read_all(self.mail, person.email) if str(mail["Subject"]) in KEPT_SUBJECTS
        )

    def heard(self) -> set[int]:
        """The people who have a message that the promise is kept."""
        return set().union(*(self.got(notice) for notice in self.notices() if notice.startswith("promise-kept-locks")))


@pytest.fixture
async def locks(told: Locks) -> Locks:
    """Six people who were told that their own lock will be looked at."""
    await told.promise()
    return told


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[Locks]:
    ledger = a_ledger(tmp_path)
    opened(ledger, islice(everybody(), FEW))
    context, clock = a_context(ledger, tmp_path)
    with MailServer(tmp_path / "mail") as mail:
        relay = channel_settings(mail.port, "", tmp_path)[ChannelKind.EMAIL]
        wired = {**context.channels, ChannelKind.EMAIL: relay}
        context = Context(ledger, context.links, wired, clock, mirrored=False)
        with using(context):
            story = Locks(context, clock, tmp_path)
            story.mail = mail
            await story.work()
            yield story
    ledger.dispose()


async def test_two_people_read_different_results(locks: Locks) -> None:
    assert locks.ledger.remedies.counts(INCIDENT)["locks"].owed == FEW, "each flow looks who is owed a result"
    first, second, *others = locks.by_mail()
    locks.settle({one.number: SOUND for one in locks.people[:FEW]} | {second.number: REPLACED})
    await locks.kept()
    texts = {person.number: WORDS.results["replaced" if person == second else "sound"] for person in locks.by_mail()}
    for person in (first, second, *others):
        assert texts[person.number][person.locale] in locks.mails(person)
    other = CHANGED[first.locale]
    assert other not in locks.mails(first)
    assert CLEAN[second.locale] not in locks.mails(second)


async def test_the_dossier_repeats_a_result_word_for_word(locks: Locks) -> None:
    first = locks.by_mail()[0]
    locks.settle({person.number: SOUND for person in locks.people[:FEW]} | {first.number: REPLACED})
    await locks.kept()
    refused = locks.ledger.remedies.settle(INCIDENT, "locks", {first.number: SOUND}, LEAD.name, locks.clock.now)
    assert refused.refused == {first.number: f"the result replaced was told already; {CORRECT}"}
    record = locks.ledger.dossiers.read(INCIDENT, first.number, locks.clock.now)
    texts = [
        message.text for message in with_words(record, locks.context.links).messages if "promise-kept" in message.notice
    ]
    assert CHANGED[first.locale] in "".join(texts)


async def test_a_promise_is_open_while_a_person_waits(locks: Locks) -> None:
    first, *others = locks.people[:FEW]
    locks.settle({one.number: SOUND for one in others} | {first.number: RemedyOutcome(RemedyState.UNDER_WAY)})
    with pytest.raises(NotAllowed, match=r"1 person who heard of locks still waits .*`amends remedies import"):
        locks.keep("locks")
    assert locks.owed() == 1


async def test_a_promise_that_nobody_enrolled_cannot_be_kept(locks: Locks) -> None:
    with pytest.raises(NotAllowed, match=f"{FEW} people who heard of locks still wait"):
        locks.keep("locks")


async def test_a_latecomer_hears_their_result_when_it_is_known(locks: Locks) -> None:
    """Two people who were found late hold the promise open; one who leaves the list again is set aside."""
    locks.settle({one.number: SOUND for one in locks.people[:FEW]})
    locks.list_is(locks.people[: FEW + 2])
    await locks.work()
    late = {person.number for person in locks.people[FEW : FEW + 2]}
    told = {one for one in late if "locks" in locks.ledger.visits.commitments_told(INCIDENT, one)}
    assert told == late, "both were promised it"
    await bring_up_to_date(locks.context, INCIDENT)
    assert locks.owed() == 2
    gone, stays = sorted(late)
    locks.list_is([one for one in locks.people[: FEW + 2] if one.number != gone])
    await locks.work()
    assert locks.ledger.remedies.counts(INCIDENT)["locks"].by_state[RemedyState.SET_ASIDE] == 1
    locks.settle({stays: REPLACED})
    await locks.kept()
    assert stays in locks.heard()
    assert gone not in locks.heard()


async def told_after_the_end(locks: Locks) -> int:
    """The number of somebody to whom the promise was told after it was kept."""
    locks.settle({person.number: SOUND for person in locks.people[:FEW]})
    await locks.kept()
    locks.list_is(locks.people[: FEW + 1])
    await locks.work_until(locks.clock.now + timedelta(days=8))
    return locks.people[FEW].number


async def test_a_result_after_the_end_is_told_once_it_is_known(locks: Locks) -> None:
    person = await told_after_the_end(locks)
    await bring_up_to_date(locks.context, INCIDENT)
    assert (locks.owed(), person in locks.heard()) == (1, False)
    locks.settle({person: RemedyOutcome(RemedyState.NOT_POSSIBLE, "moved")})
    await bring_up_to_date(locks.context, INCIDENT)
    await locks.work()
    assert person in locks.heard()
    assert MOVED[locks.people[FEW].locale] in locks.mails(locks.people[FEW])


async def test_a_latecomer_does_not_read_that_theirs_is_kept(locks: Locks) -> None:
    """Their first notice comes after the promise was kept for the others, and their own result is open."""
    await told_after_the_end(locks)
    late = locks.people[FEW]
    read = "".join(map(bodies, read_all(locks.mail, late.email)))
    promise = {"en": "“We will look at your lock.”", "zh-CN": "“我们将检查您的门锁。”"}[late.locale]
    (line,) = {line for line in read.splitlines() if promise in line and "<" not in line}
    assert {
        "en": "Kept person by person; your page says how yours stands: ",
        "zh-CN": "逐人兑现，您的情况请看专属页面：",
    }[late.locale] in line


async def test_approvers_read_every_result_that_can_be_told(locks: Locks) -> None:
    """The draft binds the words of all results, so that other words are another draft."""
    locks.settle({person.number: SOUND for person in locks.people[:FEW]})
    locks.keep("locks")
    await locks.work_until(locks.clock.now + timedelta(days=1), approve=False)
    (news,) = (notice for notice in locks.notices() if notice.startswith("promise-kept-locks"))
    draft = locks.ledger.notices.latest_draft(INCIDENT, news)
    assert set(draft.results) == {"sound", "replaced", "moved", "declined"}
    assert f"replaced, zh-CN: {CHANGED['zh-CN']}" in draft.results_in_words
    other = draft.model_copy(update={"results": draft.results | {"sound": {"en": "Bought.", "zh-CN": "已购买。"}}})
    assert other.binding != draft.binding


async def test_whoever_complained_hears_what_was_done_for_them(told: Locks) -> None:
    """A promise to one person, as after a complaint, owes that person a result, and nobody else hears of it."""
    person = told.by_mail()[0]
    await told.promise((person.number,))
    assert told.owed() == 1
    told.settle({person.number: REPLACED})
    await told.kept()
    assert told.heard() == {person.number}
    assert CHANGED[person.locale] in told.mails(person)
