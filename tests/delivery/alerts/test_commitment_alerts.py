"""Members hear over a real HTTP server of promises that come due, are late or wait for a review, once for each stage."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from amends.delivery.alerts import alert_of_commitments
from amends.domain.incident.commitment import commit
from amends.domain.team.member import TeamRole
from amends.ledger import Ledger
from tests.builders import NOW, a_person, a_playbook, a_promise, a_wording, an_incident
from tests.delivery.sending import INCIDENT
from tests.desks import Desks, served

DAY = timedelta(days=1)
TEAM = (("mei", TeamRole.LEAD), ("omar", TeamRole.SECURITY), ("wei", TeamRole.PRIVACY), ("xenia", TeamRole.EXECUTIVE))


@pytest.fixture
def desks() -> Iterator[Desks]:
    with served() as server:
        yield server


@pytest.fixture
def team(ledger: Ledger, desks: Desks) -> Ledger:
    """An audit due in sixty days, owned by omar, with wei as deputy; each member has a channel."""
    ledger.incidents.open(an_incident(), [a_person(number=1)], "lena", NOW)
    ledger.playbooks.pin(INCIDENT, a_playbook(remind_before="7d"), a_wording(), "lena", NOW)
    for name, role in TEAM:
        ledger.team.add(name, role, "mei", NOW)
        ledger.team.set_contact(name, desks.address(name, "ok"), name, NOW)
    audit = commit(a_promise(owner="omar", deputy="wei"), NOW, "first-notice")
    ledger.commitments.add(INCIDENT, [(audit, ())], "mei", NOW)
    return ledger


def sweep(ledger: Ledger, day: float) -> int:
    now = NOW + day * DAY
    return alert_of_commitments(ledger, ledger.cases.read(INCIDENT, now), now)


def test_each_stage_reaches_its_member_once(team: Ledger, desks: Desks) -> None:
    assert [sweep(team, day) for day in (1, 54, 54.1, 57, 58, 61, 62, 64, 65)] == [0, 1, 0, 1, 0, 2, 0, 1, 0]
    assert desks.heard() == {"omar": 2, "wei": 2, "xenia": 1}
    assert "audit of omar was due on" in dict(desks.got)["xenia"]["message"]


def test_evidence_is_reviewed_by_whoever_hears_of_it(team: Ledger, desks: Desks) -> None:
    team.commitments.keep(INCIDENT, "audit", {"*": "Report 17"}, "omar", NOW)
    assert [sweep(team, 1), sweep(team, 2)] == [1, 0]
    assert desks.heard() == {"mei": 1}
    assert "another member must look" in dict(desks.got)["mei"]["message"]


def test_a_new_owner_hears_instead_of_the_old_one(team: Ledger, desks: Desks) -> None:
    team.commitments.hand_over(INCIDENT, "audit", "wei", "", "mei", NOW)
    assert sweep(team, 54) == 1
    assert desks.heard() == {"wei": 1}
