"""Members hear over a real HTTP server that people wait for their own result: the owner, then the lead, the executive."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from amends.delivery.alerts import alert_of_remedies
from amends.domain.team.member import TeamRole
from amends.ledger import Ledger
from tests.builders import NOW, a_commitment
from tests.delivery.sending import INCIDENT
from tests.desks import Desks, served
from tests.ledger.entitlement.remedy_scene import LOCKS, SOUND, promised

HOUR = timedelta(hours=1)
TEAM = (("mei", TeamRole.LEAD), ("rosa", TeamRole.RESPONDER), ("xenia", TeamRole.EXECUTIVE))
DUE = a_commitment().due_at - NOW


@pytest.fixture
def desks() -> Iterator[Desks]:
    with served() as server:
        yield server


@pytest.fixture
def team(ledger: Ledger, desks: Desks) -> Ledger:
    """Mei leads, rosa owns the promise, xenia is an executive; two people were told of it."""
    promised(ledger, people=2, owner="rosa")
    ledger.remedies.enrol(INCIDENT, NOW)
    for name, role in TEAM:
        ledger.team.add(name, role, "omar", NOW)
        ledger.team.set_contact(name, desks.address(name, "ok"), name, NOW)
    return ledger


def sweep(ledger: Ledger, after: timedelta) -> int:
    return alert_of_remedies(ledger, ledger.views.closing(INCIDENT, NOW + after), NOW + after)


def test_open_results_climb_from_owner_to_executive(team: Ledger, desks: Desks) -> None:
    assert [sweep(team, DUE + after * HOUR) for after in (-1, 1, 2)] == [0, 1, 0]
    assert desks.heard() == {"rosa": 1}
    assert sweep(team, DUE + 25 * HOUR) == 2, "the owner once a day, and the lead"
    assert sweep(team, DUE + 73 * HOUR) == 2
    assert desks.heard() == {"rosa": 3, "mei": 1, "xenia": 1}


def test_nobody_hears_when_everybody_has_a_result(team: Ledger, desks: Desks) -> None:
    team.remedies.settle(INCIDENT, LOCKS, {1: SOUND, 2: SOUND}, "rosa", NOW)
    assert sweep(team, DUE + 73 * HOUR) == 0
    assert desks.heard() == {}


def test_an_alert_holds_numbers_and_no_result(team: Ledger, desks: Desks) -> None:
    team.remedies.settle(INCIDENT, LOCKS, {1: SOUND}, "rosa", NOW)
    sweep(team, DUE + HOUR)
    ((_, content),) = desks.got
    said = content["message"]
    assert "1 person waits for their own result of locks" in said
    assert "sound" not in said
