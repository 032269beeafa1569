"""The sweep forgets what is due by the playbook, keeps what is under hold, and says what a backup brought back."""

from datetime import timedelta

from amends.domain.forget.retention import Retention
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from flows.rehearsal.fast_forward import PassedClock
from flows.sweep import sweep
from tests.story import INCIDENT, LEAD

DAY = timedelta(days=1)
OMAR = Member(name="omar", role=TeamRole.LEGAL)


def closed(ledger: Ledger, clock: PassedClock) -> None:
    """The case is closed at once, and its names go after thirty days."""
    case = ledger.cases.read(INCIDENT, clock.now)
    assert case.playbook
    playbook = case.playbook.model_copy(update={"retention": Retention.model_validate({"contacts": "30d"})})
    ledger.playbooks.pin(INCIDENT, playbook, ledger.playbooks.wording(INCIDENT), LEAD.name, clock.now)
    ledger.incidents.resolve(INCIDENT, LEAD.name, clock.now)
    ledger.incidents.close(INCIDENT, LEAD.name, clock.now)


def named(ledger: Ledger) -> set[int]:
    return {number for number, person in ledger.people.get_many(INCIDENT, range(1, 99)).items() if person.name}


async def test_names_go_on_their_day_and_not_before(ledger: Ledger, clock: PassedClock) -> None:
    closed(ledger, clock)
    everybody = named(ledger)
    clock.now += 29 * DAY
    assert (await sweep.fn()).is_completed()
    assert named(ledger) == everybody
    clock.now += DAY
    assert (await sweep.fn()).is_completed()
    assert (named(ledger), len(everybody) > 1) == (set(), True)
    assert not ledger.audit.disagreements()


async def test_a_person_under_hold_keeps_their_name(ledger: Ledger, clock: PassedClock) -> None:
    closed(ledger, clock)
    ledger.holds.give(INCIDENT, 2, "the court asked", OMAR, clock.now)
    clock.now += 99 * DAY
    assert (await sweep.fn()).is_completed()
    assert named(ledger) == {2}
