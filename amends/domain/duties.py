"""First legal deadlines: rows of a table that lawyers keep, set against what happened when."""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field, field_validator, model_validator

from amends.domain.assessment import Deadline
from amends.domain.incident import CLOCK_EVENTS, Incident, Times
from amends.domain.people import AudienceCounts
from amends.domain.value import Country, Value


class Confidence(StrEnum):
    """How well a row was checked against the law's text."""

    VERIFIED = "verified"
    VERIFIED_SECONDARY = "verified-secondary"
    MEMORY_HIGH = "memory-high"
    MEMORY_MEDIUM = "memory-medium"
    MEMORY_LOW = "memory-low"

    @property
    def lawyer_needed(self) -> bool:
        """Not to be relied on before a lawyer has read it."""
        return self in (Confidence.MEMORY_MEDIUM, Confidence.MEMORY_LOW)


class DutyRow(Value):
    """One deadline of one law: whom to tell, how long after which event, and where that is written."""

    regime: str
    countries: tuple[Country, ...] = ()
    """Where the people live, or the organisation is established."""
    recipient: str
    """An authority, or `people`."""
    hours: int | None = Field(default=None, gt=0)
    days: int | None = Field(default=None, gt=0)
    """Calendar days. Neither hours nor days where the law names no number."""
    standard: str
    """The law's words for the time."""
    clock: tuple[str, ...] = Field(min_length=1)
    """The event that starts it; after it, events that stand for it when it is not recorded."""
    ask: str
    """The question that fills in the clock."""
    citation: str
    applies_when: str
    """The law's threshold in words; a person decides."""
    confidence: Confidence

    @field_validator("clock")
    @classmethod
    def _known_events(cls, clock: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := set(clock) - CLOCK_EVENTS:
            raise ValueError(f"no clock event is called {', '.join(sorted(unknown))}")
        return clock

    @model_validator(mode="after")
    def _one_length(self) -> "DutyRow":
        if self.hours is not None and self.days is not None:
            raise ValueError("give hours or days, not both")
        return self

    @property
    def length(self) -> timedelta | None:
        """How long there is, or None where the law names no number."""
        if self.hours is None and self.days is None:
            return None
        return timedelta(hours=self.hours or 0, days=self.days or 0)


class DutyTable(Value):
    """The rows, and the one that stands in for every country that has none."""

    rows: tuple[DutyRow, ...]
    elsewhere: DutyRow

    def of(self, country: str) -> tuple[DutyRow, ...]:
        """The rows of this country; never empty."""
        return tuple(row for row in self.rows if country in row.countries) or (self.elsewhere,)


def countries_of(incident: Incident, audience: AudienceCounts) -> tuple[str, ...]:
    """Where the people live as far as known, and where the organisation is established; sorted."""
    homes = audience.by_country or incident.residences
    return tuple(sorted({incident.organisation.established_in, *filter(None, homes)}))


def deadlines_of(
    incident: Incident, audience: AudienceCounts, table: DutyTable, now: datetime
) -> tuple[tuple[Deadline, ...], tuple[str, ...]]:
    """The first deadlines, the most pressing first, and the questions about times that are not recorded.

    Where the law names no number it means at once, so those come before the dated ones.
    """
    due = [
        (_deadline(row, country, incident.times, now), row.ask)
        for country in countries_of(incident, audience)
        for row in table.of(country)
    ]
    due.sort(key=lambda pair: (pair[0].due_at is not None, pair[0].due_at or now))
    questions = dict.fromkeys(ask for deadline, ask in due if deadline.assumed)
    return tuple(deadline for deadline, _ in due), tuple(questions)


def _deadline(row: DutyRow, country: str, times: Times, now: datetime) -> Deadline:
    started = next((times.events[event] for event in row.clock if event in times.events), None)
    length = row.length
    return Deadline(
        country=country,
        regime=row.regime,
        recipient=row.recipient,
        due_at=None if length is None else (started or _earliest(times, now)) + length,
        standard=row.standard,
        clock=row.clock[0],
        assumed=length is not None and started is None,
        citation=row.citation,
        applies_when=row.applies_when,
        lawyer_needed=row.confidence.lawyer_needed,
    )


def _earliest(times: Times, now: datetime) -> datetime:
    return times.occurred.start or min(times.events.values(), default=now)
