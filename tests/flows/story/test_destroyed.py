"""An incident whose data was destroyed is passed over, whatever was still to be noted about it."""

from datetime import timedelta

from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from amends.ledger.tables.incident import IncidentRow
from flows.rehearsal.fast_forward import PassedClock
from flows.sweep import sweep
from tests.rewriting import rewrite
from tests.story import INCIDENT, LEAD


async def test_the_sweep_passes_over_an_incident_whose_data_was_destroyed(ledger: Ledger, clock: PassedClock) -> None:
    ledger.incidents.resolve(INCIDENT, LEAD.name, clock.now)
    ledger.incidents.close(INCIDENT, LEAD.name, clock.now)
    ledger.destruction.destroy(INCIDENT, LEAD, Member(name="omar", role=TeamRole.LEGAL), clock.now)
    # An embargo that would call for the team.
    rewrite(ledger, IncidentRow, embargo_until=clock.now + timedelta(hours=1), embargo_why="the police asked")
    before = ledger.audit.entries(INCIDENT)
    assert (await sweep.fn()).is_completed()
    assert (await sweep.fn(INCIDENT)).is_completed()
    assert ledger.audit.entries(INCIDENT) == before
