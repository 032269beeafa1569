"""The personal page shows the person's own code, until when it works and how to redeem it, and nobody else's."""

from datetime import timedelta

import pytest

from amends.domain.channel.channel import ChannelKind
from amends.domain.channel.message import Receipt, Status
from amends.domain.incident.commitment import CodePlace
from amends.domain.notice.statement import Statement, about
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from tests.ledger.entitlement.stocked import OFFER, an_offer, coded_variants, new_codes
from tests.web.scene import ADA, INCIDENT, LI, Clock, Visitor, release

OMAR = Member(name="omar", role=TeamRole.LEGAL)
UPDATE = "update-1"


def told(ledger: Ledger, clock: Clock, place: CodePlace, expires: str = "") -> None:
    """Everybody is told of the offer, and has a code of their own."""
    ledger.codes.add(INCIDENT, OFFER, new_codes(*range(1, 9), expires=expires), "lena", clock())
    variants = (
        *coded_variants(place),
        *(coded_variant.model_copy(update={"locale": "zh-CN"}) for coded_variant in coded_variants(place)),
    )
    release(
        ledger,
        notice=UPDATE,
        variants=variants,
        channels=(ChannelKind.EMAIL,),
        commitments=(an_offer(place, made_in=UPDATE),),
        statements=(Statement(key=about(OFFER), value="open"),),
    )
    claims = ledger.deliveries.claim(INCIDENT, UPDATE, [ChannelKind.EMAIL], 100, clock())
    ledger.deliveries.record(claims, (), INCIDENT, UPDATE, clock())
    answers = [(claim, Receipt(claim.key, Status.SENT)) for claim in claims]
    ledger.deliveries.record((), answers, INCIDENT, UPDATE, clock())
    clock.forward(hours=1)


@pytest.mark.parametrize("place", CodePlace)
def test_the_page_shows_the_code_and_how_to_redeem_it(
    ledger: Ledger, ada: Visitor, li: Visitor, clock: Clock, place: CodePlace
) -> None:
    told(ledger, clock, place, expires="2099-12-31")
    (hers,), (his,) = ledger.codes.of_person(INCIDENT, ADA), ledger.codes.of_person(INCIDENT, LI)
    page, other = ada.look().text, li.look().text
    assert f"Code: {hers.code}" in page
    assert "This code works until 31 December 2099." in page
    assert "https://watch.example/enrol" in page
    assert his.code not in page
    assert f"登记码：{his.code}" in other
    assert "此登记码的有效期至2099年12月31日（含当日）。" in other


def test_a_replaced_code_gives_way_to_the_new_one(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    told(ledger, clock, CodePlace.PAGE)
    (old,) = ledger.codes.of_person(INCIDENT, ADA)
    new = ledger.codes.reissue(INCIDENT, OFFER, ADA, "does not work", OMAR, clock())
    page = ada.look().text
    assert (old.code in page, new.code in page) == (False, True)
    ledger.codes.redeem(INCIDENT, OFFER, [new.code], "omar", clock())
    assert "This code has been used." in ada.look().text


def test_a_withdrawn_code_is_not_shown(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    told(ledger, clock, CodePlace.PAGE)
    (old,) = ledger.codes.of_person(INCIDENT, ADA)
    ledger.codes.void(INCIDENT, OFFER, [old.code], "leaked", OMAR, clock())
    page = ada.look().text
    assert (old.code in page, "There is no code for you yet." in page) == (False, True)


def test_an_expired_code_is_said_to_have_expired(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    told(ledger, clock, CodePlace.PAGE, expires=f"{clock() + timedelta(hours=1):%Y-%m-%d}")
    (code,) = ledger.codes.of_person(INCIDENT, ADA)
    clock.forward(days=3)
    page = ada.look().text
    assert (code.code in page, "This code worked until" in page) == (False, True)


def test_the_message_is_read_again_with_its_code(ledger: Ledger, ada: Visitor, clock: Clock) -> None:
    told(ledger, clock, CodePlace.LETTER)
    (code,) = ledger.codes.of_person(INCIDENT, ADA)
    assert f"your code is {code.code}" in ada.client.get(f"{ada.page}/notice/{UPDATE}").text
    ledger.codes.reissue(INCIDENT, OFFER, ADA, "lost", OMAR, clock())
    assert f"your code is {code.code}" in ada.client.get(f"{ada.page}/notice/{UPDATE}").text
