"""A duty as it stands in one incident: who must be told, by when, saying what, and why."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum

from amends.domain.base.value import Moment, Value

EPOCH = datetime.min.replace(tzinfo=UTC)


class Confidence(StrEnum):
    """How well a rule was checked against the law's text."""

    VERIFIED = "verified"
    VERIFIED_SECONDARY = "verified-secondary"
    VERIFIED_EXCERPT = "verified-excerpt"
    MEMORY_HIGH = "memory-high"
    MEMORY_MEDIUM = "memory-medium"
    MEMORY_LOW = "memory-low"

    @property
    def verified(self) -> bool:
        """Somebody has read the law's text or a good source about it; the others rest on memory alone."""
        return not self.value.startswith("memory")


class Addressee(StrEnum):
    """Which kind of recipient a duty has."""

    PEOPLE = "people"
    AUTHORITY = "authority"
    MARKET = "market"
    MEDIA = "media"
    BUREAUS = "bureaus"
    """Consumer reporting agencies."""
    PARTNER = "partner"
    """The company whose data it is, or another organisation that can help."""
    OURSELVES = "ourselves"
    """An assessment that the organisation owes to itself."""

    @property
    def written_to(self) -> bool:
        """Gets letters or announcements, which laws give a form to; offices have forms of their own."""
        return self in (Addressee.PEOPLE, Addressee.MARKET, Addressee.MEDIA)


class DutyStanding(StrEnum):
    """Whether a duty applies."""

    APPLIES = "applies"
    MAY_APPLY = "may_apply"
    """Something is not known, or only a person can judge it; it is treated as applying until answered."""
    EXEMPT = "exempt"
    """An exemption is claimed; its evidence stands beside it, and a lawyer must agree."""


class Exemption(Value):
    """A ground on which the law lets somebody off."""

    text: str
    claimed: bool = False
    """The facts meet it."""
    evidence: tuple[str, ...] = ()
    """Names of the facts that show it."""


class Substitute(Value):
    """What may stand for telling each person directly."""

    if_any: tuple[str, ...] = ()
    do_all: tuple[str, ...] = ()
    for_days: int | None = None
    """How long it must stay up."""


class Forbidden(Value):
    """Something that a letter or a sender must not say or do."""

    item: str = ""
    """The item of the notice that must be left out, as addenda.yaml names it; empty when it is not about an item."""
    text: str
    letter: bool = False
    """Only about what people are sent; an authority is told it all the same."""


class Duty(Value):
    """One legal obligation as it stands in this incident."""

    id: str
    """The regime and the duty, as us-wa.individuals; with @PLACE where each place has its own authority."""
    regime: str
    law: str
    citation: str
    recipient: str
    """As the table of duties names it: supervisory_authority, attorney_general, individuals."""
    recipient_name: str
    """The recipient in words."""
    addressee: Addressee
    places: tuple[str, ...]
    """Countries (ISO 3166-1) and states (US-WA) that make it apply."""
    people: int | None
    """How many are known to live there; None while nobody can say. `why` has the range."""
    standing: DutyStanding
    due_at: Moment | None
    """None where the law names no number, which means at once. While the duty waits, counted from now."""
    standard: str
    """The law's words for the time, such as within 72 hours, where feasible."""
    clock: str
    """The event that starts it."""
    starts_at: Moment | None = None
    """When that was, as recorded or assumed."""
    assumed: str = ""
    """What was assumed because the event is not recorded; empty when it is."""
    waits: bool = False
    """Its clock starts with a step of our own that is not recorded yet."""
    first: bool = False
    """No duty to the same recipient is due earlier."""
    why: str
    """What makes it apply, in words."""
    asks: tuple[str, ...] = ()
    """What a person must judge before it is certain."""
    content: tuple[str, ...] = ()
    """Codes of what must be said."""
    must_not: tuple[str, ...] = ()
    """What must not be said or done, in words."""
    leaves_out: tuple[str, ...] = ()
    """Items that a letter under this law must not have."""
    channels: tuple[str, ...] = ()
    substitute: Substitute | None = None
    before: tuple[str, ...] = ()
    """Ids of duties that must not be done before this one."""
    phased: bool = False
    """What is not known in time may follow."""
    sets: str = ""
    """The clock event that filing it starts."""
    exemptions: tuple[Exemption, ...] = ()
    delay_allowed: tuple[str, ...] = ()
    format_rules: tuple[str, ...] = ()
    remedy: str = ""
    """What must be given, such as credit monitoring for 18 months."""
    records: str = ""
    note: str = ""
    confidence: Confidence
    confidence_note: str = ""
    source: str = ""
    """Where the row's author read it."""
    lawyer_needed: tuple[str, ...] = ()
    """Why a lawyer must look at it; empty when nothing calls for one."""

    def overdue(self, now: datetime) -> bool:
        """Its time has passed, if nothing was done. What waits for a step of our own is never overdue."""
        live = self.standing is not DutyStanding.EXEMPT and not self.waits
        return live and self.due_at is not None and self.due_at < now

    def early_by(self, done_at: datetime) -> timedelta | None:
        """How long before its time it was done; negative when late, None where there is no date."""
        return self.due_at - done_at if self.due_at else None

    @property
    def pressure(self) -> tuple[int, datetime]:
        """Sorts duties: at once before any date; what waits for a step of our own comes last."""
        if self.waits:
            return 2, self.due_at or EPOCH
        return (1, self.due_at) if self.due_at else (0, EPOCH)


class SetAside(Value):
    """A duty that was looked at and does not apply."""

    id: str
    places: tuple[str, ...]
    why: str
