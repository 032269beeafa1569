"""Stops of sends and of domains on both databases: recorded once, ended once, each noted in the audit chain."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from amends.domain.base.errors import NotAllowed, NotInLedger
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from tests.builders import NOW, a_person, an_incident
from tests.delivery.sending import INCIDENT, NOTICE

OMAR = Member(name="omar", role=TeamRole.LEGAL)
DOMAIN, WHY = "mail.example", "3 of the last 20 answers were refused by policy: 550 5.7.1"


@pytest.fixture
def opened(ledger: Ledger) -> Ledger:
    ledger.incidents.open(an_incident(), [a_person()], "lena", NOW)
    return ledger


def acts(ledger: Ledger) -> list[str]:
    return [entry.act for entry in ledger.audit.entries(INCIDENT)][1:]


def test_a_stop_is_recorded_once_and_ends_once(opened: Ledger) -> None:
    stops = opened.stops
    assert [stops.send_stopped(INCIDENT, NOTICE, "email", "no\nlogin", NOW) for _ in range(3)] == [True, False, False]
    assert stops.sends(INCIDENT, NOTICE) == {"email"}
    assert stops.sends(INCIDENT, "update-1") == frozenset()
    (stop,) = opened.views.timeline(INCIDENT, NOW).stopped_sends
    assert (stop.notice, stop.part, stop.why, stop.at) == (NOTICE, "email", "no login", NOW)
    stops.send_goes_on(INCIDENT, NOTICE, ["sms"], NOW)
    assert stops.sends(INCIDENT, NOTICE) == {"email"}
    stops.send_goes_on(INCIDENT, NOTICE, ["email", "sms"], NOW)
    stops.send_goes_on(INCIDENT, NOTICE, ["email", "sms"], NOW)
    assert stops.sends(INCIDENT, NOTICE) == frozenset()
    assert acts(opened) == ["alert", "send goes on"]
    assert opened.audit.verify() == ()


def test_another_reason_takes_the_place_of_the_first(opened: Ledger) -> None:
    for why in ("no login", "no certificate"):
        opened.stops.send_stopped(INCIDENT, NOTICE, "email", why, NOW)
    assert [stop.why for stop in opened.views.timeline(INCIDENT, NOW).stopped_sends] == ["no certificate"]


def test_workers_that_stop_a_domain_at_once_stop_it_once(opened: Ledger) -> None:
    with ThreadPoolExecutor(8) as pool:
        new = pool.map(lambda _: opened.stops.stop_domain(INCIDENT, NOTICE, DOMAIN, WHY, NOW), range(8))
        assert sum(new) == 1
    assert opened.stops.domains(INCIDENT) == {DOMAIN}
    assert acts(opened) == ["alert"]


def test_a_domain_goes_on_by_the_word_of_who_may_approve(opened: Ledger) -> None:
    opened.stops.stop_domain(INCIDENT, NOTICE, DOMAIN, WHY, NOW)
    with pytest.raises(NotAllowed):
        opened.stops.let_domain_go_on(INCIDENT, DOMAIN, Member(name="rosa", role=TeamRole.RESPONDER), NOW)
    assert opened.stops.let_domain_go_on(INCIDENT, DOMAIN, OMAR, NOW) == 0
    with pytest.raises(NotInLedger):
        opened.stops.let_domain_go_on(INCIDENT, DOMAIN, OMAR, NOW)
    assert opened.stops.domains(INCIDENT) == frozenset()
    assert acts(opened) == ["alert", "domain goes on"]


def test_a_stop_of_an_unknown_incident_is_an_error(opened: Ledger) -> None:
    with pytest.raises(NotInLedger):
        opened.stops.send_stopped("nobody", NOTICE, "email", "no login", NOW)
