"""Alerts and alarms in the ledger, each recorded once."""

from collections.abc import Sequence
from datetime import datetime

from amends.domain.base.text import in_both
from amends.domain.case.next_update import NextUpdate, missed_alert
from amends.domain.incident.alert import Alert
from amends.domain.incident.event_kind import EventKind
from amends.ledger.incident.incidents import alerted, happened, note_alert
from amends.ledger.store.session import Store


class Alerts:
    """The alerts to the team, as they are recorded."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def record(self, incident: str, alert: Alert) -> None:
        """Record an alert, which asks a person to act, unless it is recorded already; its first words stay."""
        with self._store.read() as session:
            if alerted(session, incident, alert.id):
                return
        with self._store.write() as write:
            write.incident(incident)
            note_alert(write, incident, alert)

    def note_alarms(self, incident: str, keys: Sequence[str], now: datetime) -> None:
        """Record that Prefect was told of these alarms, so that none is raised again."""
        with self._store.write() as write:
            write.incident(incident)
            new = [key for key in keys if happened(write.session, incident, key, now, EventKind.ALARM)]
            if new:
                write.note(now, incident, "alarm raised", ", ".join(new))

    def note_missed_update(self, incident: str, update: NextUpdate, zone: str, now: datetime) -> bool:
        """Record once, with an alert, that the time of a next update passed without an update; return True if new."""
        with self._store.write() as write:
            write.incident(incident)
            if not happened(write.session, incident, update.missed_event, now, EventKind.MISSED_UPDATE):
                return False
            named = ", ".join(update.named_by)
            write.note(now, incident, "news missed", named, named_for=in_both(update.until, zone), came_in=update.by)
            note_alert(write, incident, missed_alert(update, zone, now))
            return True
