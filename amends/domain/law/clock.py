"""The legal clocks of an incident: their starts, as recorded or as assumed, and the ends of their terms."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from amends.domain.incident.incident import Incident
from amends.domain.law.regime import ClockEvent, DutyRow, Regime
from amends.domain.law.term import WorksOn, end_of_year

IsEstimated = Callable[[str, int], bool]
"""A function that returns True while the public holidays of a place in a year are not decreed yet."""

END_OF_YEAR = "end_of_calendar_year"


@dataclass(frozen=True)
class Start:
    """The start of a clock, with the assumption made about the time."""

    at: datetime
    assumed: str = ""


@dataclass(frozen=True)
class ClockTimes:
    """The legal clocks of one incident, read at one time."""

    incident: Incident
    events: dict[str, ClockEvent]
    works_on: WorksOn
    now: datetime

    def recorded(self, event: str) -> datetime | None:
        """Return the earliest recorded time of the event, under this name or one that means the same, or None."""
        return self._first_of((event, *self.events[event].same_as))

    def waits(self, event: str) -> bool:
        """Return True while the event is a step of the organisation itself that is not recorded yet."""
        return self.events[event].ours and self.recorded(event) is None

    def start(self, event: str) -> Start:
        """Return the start of this clock: as recorded, or else the earliest time that is possible."""
        if event == END_OF_YEAR and event not in self.incident.times.events:
            found = self.start("discovered")
            return Start(end_of_year(found.at, self.incident.organisation.timezone), found.assumed)
        if recorded := self.recorded(event):
            return self._corrected(event, recorded)
        if at_latest := self._first_of(self.events[event].met_by):
            return self._at_the_latest(event, at_latest)
        if self.events[event].ours:
            return Start(self.now, f"{self._not_recorded(event)}; counted as if it were now")
        return self._earliest(event)

    def _first_of(self, names: Iterable[str]) -> datetime | None:
        known = self.incident.times.events
        return min((known[name] for name in names if name in known), default=None)

    def _not_recorded(self, event: str) -> str:
        return f"“{self.events[event].means}” is not recorded"

    def _corrected(self, event: str, recorded: datetime) -> Start:
        """Return the recorded time, corrected when it lies in the future or after an event that can only come later."""
        means = self.events[event].means
        after = [name for name, other in self.events.items() if event in other.not_before]
        if (first := self._first_of(after)) and first < recorded:
            return Start(first, f"“{means}” is recorded later than what must come after it; the earlier time counts")
        if recorded > self.now:
            return Start(self.now, f"“{means}” is recorded in the future; counted from now")
        return Start(recorded)

    def _at_the_latest(self, event: str, at_latest: datetime) -> Start:
        """Return the start of an event that happened by then: the last event that must come first, or `at_latest`."""
        first = self._must_come_first(event)
        if first and first < at_latest:
            return Start(first, f"{self._not_recorded(event)}; it cannot be before what is")
        return Start(min(at_latest, self.now))

    def _must_come_first(self, event: str) -> datetime | None:
        known = self.incident.times.events
        return max((known[name] for name in self.events[event].not_before if name in known), default=None)

    def _earliest(self, event: str) -> Start:
        """Return the last event that must come first, else the breach's beginning, else the first known time or now."""
        times, not_recorded = self.incident.times, self._not_recorded(event)
        if first := self._must_come_first(event):
            return Start(min(first, self.now), f"{not_recorded}; it cannot be before what is")
        if happened := times.occurred.start:
            return Start(min(happened, self.now), f"{not_recorded}; counted from when it first happened")
        known = [moment for moment in (*times.events.values(), times.occurred.end, times.contained) if moment]
        if known:
            return Start(min(*known, self.now), f"{not_recorded}; counted from the first time that is")
        return Start(self.now, f"{not_recorded}; counted from now, but it may have been earlier")

    def due_at(self, regime: Regime, row: DutyRow, place: str) -> datetime | None:
        """Return the last moment in time, or None where the law names no number."""
        if row.within is None:
            return None
        zone = regime.timezone or self.incident.organisation.timezone
        terms = [(row.within, row.of)] + (
            [(row.no_later_than.within, row.no_later_than.of)] if row.no_later_than else []
        )
        return min(term.after(self.start(event).at, zone, place, self.works_on) for term, event in terms)

    def questions(self, row: DutyRow) -> tuple[str, ...]:
        """Return the questions whose answers would replace the assumed starts of this row's clocks."""
        events = [row.of] if row.within else []
        events += [row.no_later_than.of] if row.no_later_than else []
        return tuple(self.events[event].ask for event in events if self.start(event).assumed)
