"""What only a person may decide: that somebody who was held is written to after all."""

import pytest

from amends.domain.channel import Status
from amends.domain.errors import NotAllowed, NotInLedger
from amends.domain.notice import NoticeStage
from amends.domain.team import Member, TeamRole
from amends.ledger import Ledger
from tests.builders import NOW, a_member
from tests.ledger.test_notices import EVERY_CHANNEL, INCIDENT, LATER, answer_all, opened, release

__all__ = ["opened"]

DECEASED = 8


def states(ledger: Ledger, person: int) -> set[str]:
    return {line.state for line in ledger.deliveries(INCIDENT, "first-notice") if line.person == person}


def test_somebody_who_was_held_is_written_to_after_all(opened: Ledger) -> None:
    release(opened)
    answer_all(opened, Status.SENT)
    opened.finish(INCIDENT, "first-notice", LATER)
    assert opened.let_go(INCIDENT, "first-notice", DECEASED, a_member(), LATER) == 2
    assert states(opened, DECEASED) == {"waiting"}
    claims = opened.claim(INCIDENT, "first-notice", EVERY_CHANNEL, 100, LATER)
    assert {claim.about.number for claim in claims if claim.about} == {DECEASED}


def test_the_notice_is_being_sent_again_until_they_are_reached(opened: Ledger) -> None:
    release(opened)
    answer_all(opened, Status.SENT)
    opened.finish(INCIDENT, "first-notice", LATER)
    opened.let_go(INCIDENT, "first-notice", DECEASED, a_member(), LATER)
    notice = opened.case(INCIDENT).notice("first-notice")
    assert notice
    assert notice.stage is NoticeStage.SENDING
    assert sum(notice.people.values()) == 8


def test_nobody_is_let_go_who_is_not_held(opened: Ledger) -> None:
    release(opened)
    with pytest.raises(NotInLedger, match="nothing"):
        opened.let_go(INCIDENT, "first-notice", 1, a_member(), LATER)


def test_a_responder_may_not_decide_it(opened: Ledger) -> None:
    release(opened)
    with pytest.raises(NotAllowed, match="role"):
        opened.let_go(INCIDENT, "first-notice", DECEASED, Member(name="ana", role=TeamRole.RESPONDER), NOW)
