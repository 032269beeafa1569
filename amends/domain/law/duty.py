"""A duty as it stands in one incident: who must be told, by when, saying what, and why."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum

from amends.domain.base.value import Moment, Value
from amends.domain.law.means import ChannelRule, Means, restricts

EPOCH = datetime.min.replace(tzinfo=UTC)


class Confidence(StrEnum):
    """A grade of how well a rule was checked against the law's text."""

    VERIFIED = "verified"
    VERIFIED_SECONDARY = "verified-secondary"
    VERIFIED_EXCERPT = "verified-excerpt"
    MEMORY_HIGH = "memory-high"
    MEMORY_MEDIUM = "memory-medium"
    MEMORY_LOW = "memory-low"

    @property
    def verified(self) -> bool:
        """Return True when somebody has read the law's text or a good source; other grades rest on memory alone."""
        return not self.value.startswith("memory")


class Addressee(StrEnum):
    """A kind of recipient of a duty."""

    PEOPLE = "people"
    AUTHORITY = "authority"
    MARKET = "market"
    MEDIA = "media"
    BUREAUS = "bureaus"
    """Consumer reporting agencies."""
    PARTNER = "partner"
    """The company that owns the data, or another organisation that can help."""
    OURSELVES = "ourselves"
    """An assessment that the organisation owes to itself."""

    @property
    def written_to(self) -> bool:
        """Return True when the recipient gets notices or announcements, whose form laws set; offices have their own."""
        return self in (Addressee.PEOPLE, Addressee.MARKET, Addressee.MEDIA)


class DutyStanding(StrEnum):
    """A degree of certainty that a duty applies."""

    APPLIES = "applies"
    MAY_APPLY = "may_apply"
    """A fact is not known, or only a person can judge a condition; until then the duty is treated as applying."""
    EXEMPT = "exempt"
    """An exemption is claimed, with its evidence, and a lawyer must agree."""
    RECOMMENDED = "recommended"
    """A standard or an authority's guidance asks for it; no law does."""

    @property
    def owed(self) -> bool:
        """Return True when a law asks for it, as far as is known, and no exemption is claimed."""
        return self in (DutyStanding.APPLIES, DutyStanding.MAY_APPLY)


class Exemption(Value):
    """A ground on which the law exempts an organisation from a duty."""

    text: str
    claimed: bool = False
    """True when the facts meet the ground."""
    evidence: tuple[str, ...] = ()
    """Names of the facts that show that the ground is met."""


class Substitute(Value):
    """A substitute notice: what may replace telling each person directly."""

    if_any: tuple[str, ...] = ()
    do_all: tuple[str, ...] = ()
    for_days: int | None = None
    """The number of days for which a page must stay up; None where the law names none."""


class Forbidden(Value):
    """Something that a notice must not say, or that its sender must not do."""

    item: str = ""
    """The item of addenda.yaml that a notice must leave out; empty when the ban is not about an item."""
    text: str
    notices_only: bool = False
    """True when the ban is only on notices and announcements; an authority is told all the same."""


class Duty(Value):
    """One legal obligation as it stands in this incident."""

    id: str
    """The regime and the row, as in us-wa.individuals; ends with @PLACE where each place has its own authority."""
    regime: str
    law: str
    citation: str
    recipient: str
    """The recipient's key in the table of duties: supervisory_authority, attorney_general, individuals."""
    recipient_name: str
    """The recipient in words."""
    contact: str = ""
    """The way to reach the recipient; empty where nobody has looked that up."""
    addressee: Addressee
    places: tuple[str, ...]
    """Countries (ISO 3166-1) and states (US-WA) that make the duty apply."""
    people: int | None
    """The number of people known to live in the places; None while nobody can say. `why` has the range."""
    standing: DutyStanding
    due_at: Moment | None
    """The last moment in time, counted from now while the duty waits; None means at once: the law names no number."""
    standard: str
    """The law's words for the time, such as `within 72 hours, where feasible`."""
    clock: str
    """The event that starts the clock of the duty."""
    starts_at: Moment | None = None
    """The time at which the clock starts, as recorded or assumed."""
    assumed: str = ""
    """The assumption made about the start of the clock; empty when the recorded time counts."""
    waits: bool = False
    """True while the clock waits for a step of the organisation itself that is not recorded yet."""
    first: bool = False
    """True when no duty to the same recipient is due earlier."""
    why: str
    """The reasons why the duty applies, in words."""
    asks: tuple[str, ...] = ()
    """Questions that a person must judge before the duty is certain."""
    content: tuple[str, ...] = ()
    """Codes of the content that the duty asks for."""
    must_not: tuple[str, ...] = ()
    """Things that must not be said or done, in words."""
    leaves_out: tuple[str, ...] = ()
    """Items that a notice under this law must leave out."""
    channels: tuple[Means, ...] = ()
    """The ways in which the law lets people be told; without any, every message to a person counts."""
    channels_in_words: str = ""
    """The law's own words for its channels, where the vocabulary says less."""
    filed_by: tuple[str, ...] = ()
    """The ways in which an authority or another office takes it."""
    substitute: Substitute | None = None
    before: tuple[str, ...] = ()
    """Ids of duties that must not be done before this one."""
    phased: bool = False
    """True when information that is not known in time may follow."""
    sets: str = ""
    """The clock event that a filing for this duty starts."""
    exemptions: tuple[Exemption, ...] = ()
    delay_allowed: tuple[str, ...] = ()
    format_rules: tuple[str, ...] = ()
    remedy: str = ""
    """A remedy that must be given, such as credit monitoring for 18 months."""
    records: str = ""
    note: str = ""
    confidence: Confidence
    confidence_note: str = ""
    source: str = ""
    """The source in which the author of the row read the rule."""
    lawyer_needed: tuple[str, ...] = ()
    """Reasons why a lawyer must look at the duty; empty when there is none."""

    @property
    def channel_rule(self) -> ChannelRule | None:
        """Return the rule on channels of a duty to people that applies or may apply; None when any message counts."""
        stands = self.addressee is Addressee.PEOPLE and self.standing is not DutyStanding.EXEMPT
        if not stands or not restricts(self.channels):
            return None
        return ChannelRule(duty=self.id, places=self.places, means=self.channels)

    @property
    def ways(self) -> tuple[str, ...]:
        """Return in words how people may be told, or how an office takes what is filed."""
        told = (channel.value.replace("_", " ") for channel in self.channels)
        return tuple(filter(None, (*told, self.channels_in_words, *self.filed_by)))

    def overdue(self, now: datetime) -> bool:
        """Return True when the time of an undone duty has passed; what is not owed, or waits, is never overdue."""
        live = self.standing.owed and not self.waits
        return live and self.due_at is not None and self.due_at < now

    def surely_overdue(self, now: datetime) -> bool:
        """Return True when the time of an undone duty has passed, and the duty applies for sure."""
        return self.standing is DutyStanding.APPLIES and self.overdue(now)

    def early_by(self, done_at: datetime) -> timedelta | None:
        """Return how long before its due time the duty was done; negative when late, None when the duty has no date."""
        return self.due_at - done_at if self.due_at else None

    @property
    def pressure(self) -> tuple[int, datetime]:
        """Return a sort key: a duty due at once comes before any date, and a duty that waits comes last."""
        if self.waits:
            return 2, self.due_at or EPOCH
        return (1, self.due_at) if self.due_at else (0, EPOCH)


class SetAside(Value):
    """A duty that was looked at and does not apply."""

    id: str
    places: tuple[str, ...]
    why: str
