"""Watching the next update: a missed time is recorded once, and the lead is warned before."""

from datetime import datetime

from amends.domain.case.case import Case
from amends.domain.case.next_update import Fate, next_updates, warnings
from amends.ledger import Ledger


def watch_next_update(ledger: Ledger, case: Case, now: datetime) -> None:
    """Record each announced time that was missed, and alert when no approved notice would keep one. Idempotent."""
    incident, zone = case.incident.id, case.incident.organisation.timezone
    for update in next_updates(case, now):
        if update.fate is Fate.MISSED and update.missed_event not in case.missed_updates:
            ledger.alerts.note_missed_update(incident, update, zone, now)
    for line in warnings(case, now):
        ledger.incidents.alert(incident, line, now)
