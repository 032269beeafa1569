"""A ledger in which people were told that something will be done for each of them."""

from typing import Any

from amends.domain.base.audience import Promised
from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.entitlement.remedy import RemedyOutcome, RemedyState
from amends.domain.incident.per_person import PerPerson
from amends.domain.notice.statement import about, committed
from amends.ledger import Ledger
from tests.builders import NOW, a_commitment, a_person
from tests.commitments import keep
from tests.delivery.sending import INCIDENT, NOTICE, approved, approved_again, personal_variants

LOCKS = "locks"
KEPT = f"promise-kept-{LOCKS}-1"
WORDS = PerPerson(
    results={
        "sound": {"en": "We looked at your lock, and it is sound.", "zh-CN": "我们检查了您的门锁，没有问题。"},
        "replaced": {"en": "Your lock was worn, so we put in a new one.", "zh-CN": "您的门锁已磨损，我们换了新锁。"},
    },
    reasons={"moved": {"en": "You have moved, so there is no lock of ours.", "zh-CN": "您已搬家，没有我们的门锁。"}},
)
SOUND, REPLACED = (RemedyOutcome(RemedyState.DONE, word) for word in ("sound", "replaced"))
MOVED = RemedyOutcome(RemedyState.NOT_POSSIBLE, "moved")


def promised(ledger: Ledger, people: int = 4, told: int | None = None, owner: str = "Facilities") -> None:
    """Open the incident, promise to look at each lock, and send the notice; of these people `told` get it."""
    one = a_commitment(id=LOCKS, per_person=WORDS, owner=owner)
    states = (about(LOCKS),)
    variants = tuple(variant.model_copy(update={"states": states}) for variant in personal_variants("en", "zh-CN"))
    listed = [a_person(number=number) for number in range(1, people + 1)]
    stated = (committed(one, NOW, "UTC"),)
    approved(ledger, listed, commitments=(one,), statements=stated, variants=variants)
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    send(ledger, people if told is None else told)


def told_results(ledger: Ledger, people: int = 4, told: int | None = None) -> None:
    """The promise is kept, each person's lock being sound, and of these people `told` get the notice that says so."""
    promised(ledger, people)
    ledger.remedies.settle(INCIDENT, LOCKS, dict.fromkeys(range(1, people + 1), SOUND), "lena", NOW)
    keep(ledger, INCIDENT, LOCKS, {"*": "Report 7"}, "lena", NOW)
    tell(ledger, KEPT, people if told is None else told, Promised(LOCKS), about=LOCKS, change=1)


def tell(ledger: Ledger, notice: str, people: int, audience: str, **more: Any) -> None:
    """A notice to this audience is approved and released, and so many people get it."""
    readers = ledger.notices.audience(INCIDENT, audience)
    chosen = {"audience": audience, "audience_digest": readers.digest, "people": readers.people}
    approved_again(ledger, notice=notice, results=WORDS.words, **chosen, **more)
    ledger.notices.release(INCIDENT, notice, NOW)
    send(ledger, people, notice)


def send(ledger: Ledger, people: int, notice: str = NOTICE) -> None:
    """The channel takes so many messages to people, one each by email."""
    while people and (claims := ledger.deliveries.claim(INCIDENT, notice, [ChannelKind.EMAIL], min(people, 500), NOW)):
        ledger.deliveries.record(claims, (), INCIDENT, notice, NOW)
        answers = [(claim, Receipt(claim.key, Status.SENT, "250", "Q1")) for claim in claims]
        ledger.deliveries.record((), answers, INCIDENT, notice, NOW)
        leases = sorted({claim.lease for claim in claims})
        ledger.deliveries.end_leases(leases, {"sent": len(claims)}, INCIDENT, notice, NOW)
        people -= len(claims)
