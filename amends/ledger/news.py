"""Verbs about the times that people were given for the next news."""

from datetime import datetime

from amends.domain.news_clock import Clock, in_both, missed_line
from amends.ledger.incidents import happened, note_alert
from amends.ledger.store import Store


class NewsTimes(Store):
    """Note what was missed."""

    def news_missed(self, incident: str, clock: Clock, zone: str, now: datetime) -> bool:
        """Note once that a named time passed without news, and tell the lead; whether it is new."""
        with self.write() as write:
            write.incident(incident)
            if not happened(write.session, incident, clock.noted_as, now):
                return False
            named = ", ".join(clock.named_by)
            write.note(now, incident, "news missed", named, named_for=in_both(clock.until, zone), came_in=clock.by)
            note_alert(write, incident, missed_line(clock, zone), now)
            return True
