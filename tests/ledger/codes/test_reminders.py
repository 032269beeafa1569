"""A reminder goes to those who have a code and have not redeemed it, and to nobody else."""

from amends.domain.channel.channel import ChannelKind
from amends.domain.codes.code import OwnCodes
from amends.ledger import Ledger
from tests.builders import NOW, a_person
from tests.delivery.sending import APPROVERS, INCIDENT, NOTICE
from tests.ledger.codes.stocked import (
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


def test_those_who_redeemed_or_heard_nothing_are_not_reminded(ledger: Ledger) -> None:
    told(ledger)
    ledger.codes.redeem(INCIDENT, OFFER, ["CANARY-000002"], "omar", NOW)
    audience = ledger.notices.audience(INCIDENT, UNREDEEMED)
    assert audience.people == 2
    given = {"audience": UNREDEEMED, "audience_digest": audience.digest, "people": audience.people, "optional": True}
    channels = {"channels": (ChannelKind.EMAIL,), "cascade": (), "commitments": (), "variants": coded_variants()[:2]}
    draft = drafted(ledger, notice=REMINDER, template=REMINDER, **given, **channels)
    approve(ledger, draft)
    ledger.notices.release(INCIDENT, REMINDER, NOW)
    claims = claimed(ledger, draft)
    assert codes_of(claims) == {1: "CANARY-000001", 3: "CANARY-000003"}
    assert {type(one.codes) for one in claims} == {OwnCodes}
    sent(ledger, draft, claims)
    ledger.codes.redeem(INCIDENT, OFFER, ["CANARY-000001"], APPROVERS[0].name, NOW)
    assert ledger.deliveries.finish(INCIDENT, REMINDER, NOW)


def test_who_opted_out_is_not_reminded(ledger: Ledger) -> None:
    told(ledger)
    ledger.opt_outs.add(INCIDENT, 1, "page", NOW)
    audience = ledger.notices.audience(INCIDENT, UNREDEEMED)
    given = {"audience": UNREDEEMED, "audience_digest": audience.digest, "people": audience.people, "optional": True}
    channels = {"channels": (ChannelKind.EMAIL,), "cascade": (), "commitments": (), "variants": coded_variants()[:2]}
    draft = drafted(ledger, notice=REMINDER, template=REMINDER, **given, **channels)
    approve(ledger, draft)
    ledger.notices.release(INCIDENT, REMINDER, NOW)
    assert codes_of(claimed(ledger, draft)).keys() == {2, 3}
