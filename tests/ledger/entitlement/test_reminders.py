"""A reminder goes to those who have a code and have not redeemed it, and to nobody else."""

from datetime import timedelta

from sqlmodel import select

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, ReceiptCause, Status
from amends.domain.deliver.reason import reason
from amends.domain.entitlement.code import OwnCodes
from amends.domain.notice.notice import DeliveryState, Draft
from amends.ledger import Ledger
from amends.ledger.tables.deliver import DeliveryRow
from tests.builders import NOW, a_person
from tests.delivery.sending import APPROVERS, INCIDENT, NOTICE
from tests.ledger.entitlement.stocked import (
    OFFER,
    approve,
    claimed,
    coded_variants,
    codes_of,
    drafted,
    new_codes,
    sent,
    stocked,
)

REMINDER, UNREDEEMED = "code-reminder", f"unredeemed:{OFFER}"


def told(ledger: Ledger) -> None:
    """Four people have codes; the last one's message has not left."""
    draft = stocked(ledger, [a_person(number=number) for number in range(1, 5)], new_codes(*range(1, 9)))
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    sent(ledger, draft, claimed(ledger, draft, limit=3))


def reminding(ledger: Ledger) -> Draft:
    """A reminder that is released."""
    audience = ledger.notices.audience(INCIDENT, UNREDEEMED)
    given = {"audience": UNREDEEMED, "audience_digest": audience.digest, "people": audience.people, "optional": True}
    channels = {"channels": (ChannelKind.EMAIL,), "cascade": (), "commitments": (), "variants": coded_variants()[:2]}
    draft = drafted(ledger, notice=REMINDER, template=REMINDER, **given, **channels)
    approve(ledger, draft)
    ledger.notices.release(INCIDENT, REMINDER, NOW)
    return draft


def redeem(ledger: Ledger, person: int) -> None:
    ledger.codes.redeem(INCIDENT, OFFER, [f"CANARY-00000{person}"], "omar", NOW)


def test_those_who_redeemed_or_heard_nothing_are_not_reminded(ledger: Ledger) -> None:
    told(ledger)
    ledger.codes.redeem(INCIDENT, OFFER, ["CANARY-000002"], "omar", NOW)
    draft = reminding(ledger)
    assert draft.people == 2
    claims = claimed(ledger, draft)
    assert codes_of(claims) == {1: "CANARY-000001", 3: "CANARY-000003"}
    assert {type(claim.codes) for claim in claims} == {OwnCodes}
    sent(ledger, draft, claims)
    ledger.codes.redeem(INCIDENT, OFFER, ["CANARY-000001"], APPROVERS[0].name, NOW)
    assert ledger.deliveries.finish(INCIDENT, REMINDER, NOW)


def test_who_opted_out_is_not_reminded(ledger: Ledger) -> None:
    told(ledger)
    ledger.opt_outs.add(INCIDENT, 1, "page", NOW)
    draft = reminding(ledger)
    assert codes_of(claimed(ledger, draft)).keys() == {2, 3}


def test_who_redeems_before_the_reminder_leaves_gets_none(ledger: Ledger) -> None:
    told(ledger)
    draft = reminding(ledger)
    redeem(ledger, 1)
    assert codes_of(claimed(ledger, draft)).keys() == {2, 3}
    assert states(ledger)[1] == (DeliveryState.HELD, "the code was redeemed before the reminder left")
    assert ledger.audit.verify() == ()


def test_a_reminder_of_a_redeemed_code_is_not_tried_again(ledger: Ledger) -> None:
    """One whose first try the relay refused for a while, and one that the relay may have."""
    told(ledger)
    draft = reminding(ledger)
    claims = claimed(ledger, draft)
    ledger.deliveries.record(claims, (), INCIDENT, REMINDER, NOW)
    later = [
        (claim, Receipt(claim.key, Status.DEFERRED, "451", doubtful=claim.about == claims[1].about)) for claim in claims
    ]
    ledger.deliveries.record((), later, INCIDENT, REMINDER, NOW)
    ledger.deliveries.end_leases([claims[0].lease], {}, INCIDENT, REMINDER, NOW)
    redeem(ledger, 1)
    redeem(ledger, 2)
    assert codes_of(claimed(ledger, draft, now=NOW + timedelta(days=1))).keys() == {3}
    found = {person: state for person, (state, _) in states(ledger).items()}
    assert found == {1: DeliveryState.HELD, 2: DeliveryState.UNCERTAIN, 3: DeliveryState.CLAIMED}


def states(ledger: Ledger) -> dict[int, tuple[DeliveryState, str]]:
    """How the reminder to each person stands, and why."""
    with ledger.store.read() as session:
        rows = session.exec(select(DeliveryRow).where(DeliveryRow.notice == REMINDER)).all()
    return {row.person: (DeliveryState(row.state), reason(ReceiptCause(row.cause), row.detail)) for row in rows}
