"""The table of duties as lawyers keep it: regimes, their duties, the events that start clocks, the recipients."""

from datetime import date, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from amends.domain.base.value import Place, Slug, Value
from amends.domain.incident.facts import Cause, DataCategory, Vector
from amends.domain.incident.incident import CLOCK_EVENTS, Regulated, Role
from amends.domain.law.duty import Addressee, Confidence, Forbidden, Substitute
from amends.domain.law.means import Means
from amends.domain.law.term import Term
from amends.domain.risk.levels import Risk

REVIEWED_FOR = timedelta(days=180)
"""The time for which the review of a row holds, unless the row names the day of the next one."""
ClockName = Annotated[str, Field(pattern=r"^[a-z_]+$")]


class Condition(Value):
    """A condition over the facts of a case. Every key given must hold; an unknown fact may hold."""

    risk_at_least: Risk | None = None
    residents_over: int | None = None
    """Affected people who live in the place."""
    residents_at_least: int | None = None
    people_over: int | None = None
    """All people affected."""
    people_at_least: int | None = None
    people_under: int | None = None
    one_state_over: int | None = None
    """Affected people in at least one state of the country."""
    one_state_at_least: int | None = None
    role: tuple[Role, ...] = ()
    regulated: tuple[Regulated, ...] = ()
    not_regulated: tuple[Regulated, ...] = ()
    data: tuple[DataCategory, ...] = ()
    """At least one of these kinds of data was touched."""
    cause: tuple[Cause, ...] = ()
    vector: tuple[Vector, ...] = ()
    malicious: bool | None = None
    unreadable: bool | None = None
    """The data was encrypted and the key is safe."""
    minors: bool | None = None
    """Minors are among the people; false means that none is."""
    ask: str = ""
    """A question that only a person can judge; until somebody does, the condition may hold."""
    any_of: tuple["Condition", ...] = ()


class ExemptionRow(Value):
    """A ground on which the law exempts an organisation. Without `when`, only a person can judge the ground."""

    text: str
    when: Condition | None = None
    spares: tuple[Slug, ...] = ()
    """Ids of the duties that fall away; empty means all duties of the regime."""


class Cap(Value):
    """A second time limit of a duty; the earlier of the two limits counts."""

    within: Term
    of: ClockName


class DutyRow(Value):
    """One duty of a regime: whom to tell, how long after which event, and what to say."""

    id: Slug
    recipient: Slug
    within: Term | None = None
    """The term; None where the law names no number."""
    of: ClockName
    """The event that starts the clock."""
    standard: str = ""
    """The law's words for the time, beside the number."""
    no_later_than: Cap | None = None
    extension: str = ""
    phased: bool = False
    """True when information may follow in phases."""
    when: Condition | None = None
    ask: str = ""
    """A condition that only a person can judge; until somebody does, the duty is treated as applying."""
    content: tuple[Slug, ...] = ()
    channels: tuple[Means, ...] = ()
    """The ways in which the law lets people be told; left out, every message to a person counts."""
    channels_in_words: str = ""
    """The law's own words for its channels, where the vocabulary says less."""
    filed_by: tuple[str, ...] = ()
    """The ways in which an authority or another office takes it, in words."""
    substitute: Substitute | None = None
    before: tuple[Slug, ...] = ()
    """Ids of duties of this regime, or regime.duty of other regimes, that must wait for this duty."""
    lead: bool = False
    """True when an organisation established in one of the places answers to the authority there alone (GDPR 56)."""
    sets: ClockName = ""
    """The clock event that a filing for this duty starts."""
    note: str = ""


class Regime(Value):
    """One law, or a part of one, with its duties."""

    id: Slug
    law: str
    citation: str
    places: tuple[Place, ...] = Field(min_length=1)
    timezone: str = ""
    """IANA time zone of the recipients; empty for the organisation's own."""
    in_force: str = ""
    """The law's entry into force, in words for the reader."""
    binds_from: date | None = None
    """The first day of the law's duties: a clock that started earlier starts none of them. Left out: they bind now."""
    regulated: tuple[Regulated, ...] = ()
    """The kinds of organisation that the regime binds; empty for all."""
    sectors: tuple[str, ...] = ()
    """Sectors that the organisation may be in while nobody has said how it is regulated; empty for any."""
    when: Condition | None = None
    threshold: str = ""
    """The law's own words for when it applies."""
    duties: tuple[DutyRow, ...] = Field(min_length=1)
    recommended: bool = False
    """True for a standard or an authority's guidance that no law makes binding."""
    must_not: tuple[Forbidden, ...] = ()
    format_rules: tuple[str, ...] = ()
    remedy: str = ""
    exemptions: tuple[ExemptionRow, ...] = ()
    delay_allowed: tuple[str, ...] = ()
    records: str = ""
    confidence: Confidence
    confidence_note: str = ""
    reviewed: date
    """The day on which somebody last held the row against its source; else the day on which it was compiled."""
    next_review: date | None = None
    """The day on which the row must be looked at again; left out, 180 days after the last review."""
    source: str
    lawyer_check: tuple[str, ...] = ()
    stands_for: str = ""
    """The law for which this regime is a stand-in until a lawyer has written the real one."""
    note: str = ""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            return ZoneInfo(name).key if name else ""
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{name} is no IANA time zone, such as America/New_York") from None

    @model_validator(mode="after")
    def _reviewed_again_later(self) -> "Regime":
        if self.next_review and self.next_review <= self.reviewed:
            raise ValueError(f"next_review, {self.next_review}, is not after reviewed, {self.reviewed}")
        return self

    @property
    def review_due(self) -> date:
        """Return the day on which the row must be looked at again."""
        return self.next_review or self.reviewed + REVIEWED_FOR

    def events(self) -> frozenset[str]:
        """Return the clock events that the duties of the regime name."""
        named = ((row.of, row.sets, row.no_later_than.of if row.no_later_than else "") for row in self.duties)
        return frozenset(event for events in named for event in events if event)


class ClockEvent(Value):
    """An event that starts a legal clock."""

    means: str
    """A description of what happens at this moment."""
    ask: str
    """The question to the incident lead whose answer gives the time."""
    same_as: tuple[ClockName, ...] = ()
    """Other names of the same event; the earliest recorded time counts."""
    met_by: tuple[ClockName, ...] = ()
    """Events by which this clock has started at the latest."""
    ours: bool = False
    """True for a step of the organisation itself: not recorded means not done yet, so the clock is counted from now."""
    not_before: tuple[ClockName, ...] = ()
    """Events that cannot come after this one; the last of them is the earliest possible time of this one."""


class Recipient(Value):
    """A recipient who must be told, in the words of the table."""

    addressee: Addressee
    name: str
    """The recipient in words; {place} stands for the place."""
    names: dict[Place, str] = {}
    """The recipient in words for one place, where `name` does not fit."""
    contact: str = ""
    contacts: dict[Place, str] = {}
    """The ways to reach the recipient, by place."""

    def named(self, place: str, called: str) -> str:
        """Return the recipient in words for a place that is called so."""
        return self.names.get(place) or self.name.replace("{place}", called)

    def reached_by(self, place: str) -> str:
        """Return how to reach the recipient in this place; empty where nobody has looked that up."""
        return self.contacts.get(place) or self.contact


class DutyTable(Value):
    """All regimes, with the clock events, the recipients and the places that they name."""

    clock_events: dict[str, ClockEvent]
    recipients: dict[str, Recipient]
    place_names: dict[Place, str] = {}
    also_called: dict[Place, Place] = {}
    """Another code for the same place, such as PR for US-PR."""
    regimes: tuple[Regime, ...]
    unknown_place: Regime
    """The stand-in for a country that has no regime."""
    unknown_state: dict[str, Regime] = {}
    """By country, the stand-in for a state without a regime and for people whose state is not known."""

    @model_validator(mode="after")
    def _closed(self) -> "DutyTable":
        if missing := CLOCK_EVENTS - self.clock_events.keys():
            raise ValueError(f"no meaning and question for the clock events {', '.join(sorted(missing))}")
        used = {row.recipient for regime in self.all_regimes() for row in regime.duties}
        if nameless := used - self.recipients.keys():
            raise ValueError(f"no name for the recipients {', '.join(sorted(nameless))}")
        if unknown := {event for regime in self.all_regimes() for event in regime.events()} - CLOCK_EVENTS:
            raise ValueError(f"no clock event is called {', '.join(sorted(unknown))}")
        if any(len({row.id for row in regime.duties}) < len(regime.duties) for regime in self.all_regimes()):
            raise ValueError("two duties of a regime have the same id")
        ids = [regime.id for regime in self.all_regimes()]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"two regimes are called {', '.join(twice)}")
        return self

    def stale(self, as_of: date) -> tuple[Regime, ...]:
        """Return the regimes and stand-ins whose next review was due by this day, the longest overdue first."""
        late = (regime for regime in self.all_regimes() if regime.review_due <= as_of)
        return tuple(sorted(late, key=lambda regime: (regime.review_due, regime.id)))

    def all_regimes(self) -> tuple[Regime, ...]:
        """Return the regimes and the stand-ins."""
        return (*self.regimes, *self.unknown_state.values(), self.unknown_place)
