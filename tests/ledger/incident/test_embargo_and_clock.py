"""An embargo stops what is under way; a clock that jumped holds everything until a person says that it is right."""

from datetime import timedelta

import pytest

from amends.domain.base.clock import Seen
from amends.domain.base.errors import NotAllowed
from amends.domain.channel.channel import ChannelKind
from amends.domain.plan.plan import plan
from amends.ledger import Ledger
from tests.builders import NOW, a_person
from tests.delivery.sending import INCIDENT, NOTICE, approved

HOUR = timedelta(hours=1)
EMAIL = (ChannelKind.EMAIL,)


@pytest.fixture
def released(ledger: Ledger) -> Ledger:
    approved(ledger, [a_person(number=n) for n in (1, 2, 3)], channels=(ChannelKind.WEBSITE, *EMAIL), cascade=())
    ledger.notices.release(INCIDENT, NOTICE, NOW)
    return ledger


def hold(ledger: Ledger, hours: int = 5) -> None:
    ledger.incidents.embargo(INCIDENT, NOW + hours * HOUR, "letter 17", "lena", NOW)


def test_under_an_embargo_nothing_can_be_claimed(released: Ledger) -> None:
    hold(released)
    with pytest.raises(NotAllowed, match="nothing may leave before 2026-11-24 14:00 UTC: letter 17"):
        released.deliveries.claim(INCIDENT, NOTICE, EMAIL, 10, NOW)
    assert len(released.deliveries.claim(INCIDENT, NOTICE, EMAIL, 10, NOW + 5 * HOUR)) == 3


def test_what_was_claimed_before_an_embargo_does_not_leave_in_it(released: Ledger) -> None:
    claims = released.deliveries.claim(INCIDENT, NOTICE, EMAIL, 10, NOW)
    hold(released)
    assert released.deliveries.record(claims, [], INCIDENT, NOTICE, NOW) == frozenset()
    released.incidents.lift_embargo(INCIDENT, "lena", NOW)
    assert released.deliveries.record(claims, [], INCIDENT, NOTICE, NOW) == {claim.id for claim in claims}


def test_an_embargo_says_who_asked_for_it(released: Ledger) -> None:
    with pytest.raises(NotAllowed, match="who asked"):
        released.incidents.embargo(INCIDENT, NOW + timedelta(days=1), " ", "lena", NOW)


def test_an_embargo_has_its_end_ahead_and_is_lifted_once(released: Ledger) -> None:
    with pytest.raises(NotAllowed, match="has passed"):
        hold(released, hours=0)
    with pytest.raises(NotAllowed, match="nothing holds back"):
        released.incidents.lift_embargo(INCIDENT, "lena", NOW)
    hold(released)
    assert released.cases.read(INCIDENT).embargo
    released.incidents.lift_embargo(INCIDENT, "lena", NOW)
    assert released.cases.read(INCIDENT).embargo is None
    assert [entry.act for entry in released.audit.entries(INCIDENT)][-2:] == ["embargo", "embargo lifted"]


def seen(passed: timedelta, jumped: timedelta = timedelta(), host: str = "host-1") -> Seen:
    return Seen(host, "boot-1", 1000 + passed.total_seconds(), NOW + passed + jumped)


def test_a_clock_that_goes_right_is_believed(ledger: Ledger) -> None:
    assert [ledger.clocks.observe(seen(n * HOUR)) for n in range(3)] == ["", "", ""]


def test_a_jump_holds_every_timer_until_a_person_settles_it(released: Ledger) -> None:
    later = NOW + timedelta(days=40)
    assert plan(released.cases.read(INCIDENT, later), later).due
    released.clocks.observe(seen(HOUR))
    assert "jumped ahead by about 30 days" in released.clocks.observe(seen(2 * HOUR, timedelta(days=30)))
    assert plan(released.cases.read(INCIDENT, later), later).due == ()
    released.clocks.trust("lena", NOW)
    assert plan(released.cases.read(INCIDENT, later), later).due
    assert released.clocks.observe(seen(3 * HOUR, timedelta(days=30))) == ""


def test_a_clock_set_right_again_is_still_asked_about(ledger: Ledger) -> None:
    ledger.clocks.observe(seen(HOUR))
    ledger.clocks.observe(seen(2 * HOUR, timedelta(days=30)))
    assert "30 days" in ledger.clocks.observe(seen(3 * HOUR))


def test_each_machine_has_a_clock_of_its_own(ledger: Ledger) -> None:
    ledger.clocks.observe(seen(HOUR))
    assert ledger.clocks.observe(seen(HOUR, timedelta(days=2), host="host-2")) == ""
    ledger.clocks.observe(seen(2 * HOUR, host="host-2"))
    assert [doubt.split(" jumped")[0] for doubt in ledger.clocks.doubts()] == ["the clock of host-2"]


def test_a_machine_that_comes_with_a_wrong_clock_holds_every_timer(released: Ledger) -> None:
    assert "about 2 days ahead" in released.clocks.observe(seen(HOUR), NOW + HOUR - timedelta(days=2))
    assert released.clocks.doubts()
    released.clocks.trust("lena", NOW)
    assert released.clocks.observe(seen(2 * HOUR), NOW + 2 * HOUR - timedelta(days=2)) == ""


def test_so_does_one_that_was_started_anew_with_one(ledger: Ledger) -> None:
    assert ledger.clocks.observe(seen(HOUR), NOW + HOUR) == ""
    anew = seen(2 * HOUR, timedelta(days=2))._replace(boot="boot-2")
    assert "about 2 days ahead" in ledger.clocks.observe(anew, NOW + 2 * HOUR)


def test_after_it_was_started_anew_a_jump_is_noticed_as_before(ledger: Ledger) -> None:
    ledger.clocks.observe(seen(HOUR))
    assert ledger.clocks.observe(seen(2 * HOUR)._replace(boot="boot-2")) == ""
    jumped = seen(3 * HOUR, timedelta(days=30))._replace(boot="boot-2")
    assert "jumped ahead by about 30 days" in ledger.clocks.observe(jumped)


def test_only_a_server_has_a_clock_of_its_own(ledger: Ledger) -> None:
    assert (ledger.clocks.server_time() is None) == (ledger.store.engine.dialect.name == "sqlite")
