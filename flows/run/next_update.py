"""The next-update clock: what was missed is noted once, and a lead is warned before."""

from datetime import datetime

from amends.domain.case.case import Case
from amends.domain.case.next_update import Fate, next_updates, warnings
from amends.ledger import Ledger


def watch_news(ledger: Ledger, case: Case, now: datetime) -> None:
    """Note each named time that was missed, and warn of one that nothing approved would keep. Safe to repeat."""
    incident, zone = case.incident.id, case.incident.organisation.timezone
    for clock in next_updates(case, now):
        if clock.fate is Fate.MISSED and clock.noted_as not in case.events:
            ledger.alerts.note_missed_update(incident, clock, zone, now)
    for line in warnings(case, now):
        ledger.incidents.alert(incident, line, now)
