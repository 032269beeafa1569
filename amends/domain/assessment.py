"""How grave it is, which tone fits, which channels and words are needed, and the first deadlines.

The score is ENISA's of 2013, SE = DPC x EI + CB ("Recommendations for a methodology of the assessment of severity
of personal data breaches"). It explains; it does not decide who must be told.
"""

from enum import StrEnum

from amends.domain.channel import ChannelKind
from amends.domain.facts import DataCategory
from amends.domain.value import Country, Moment, Value


class Severity(StrEnum):
    """ENISA's four bands."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    VERY_HIGH = "very_high"

    @property
    def rank(self) -> int:
        """0 for low to 3 for very high."""
        return list(Severity).index(self)


class Tone(StrEnum):
    """How the notices speak, from the band."""

    FACTUAL = "factual"
    CLEAR = "clear"
    SERIOUS = "serious"
    URGENT = "urgent"


class Component(Value):
    """One number of the score, with why it is so and which facts it rests on."""

    name: str
    value: float
    reason: str
    facts: tuple[str, ...] = ()
    """Names of fields of the facts block."""


class Deadline(Value):
    """A first legal deadline: whom to tell, by when, and where that is written."""

    country: Country
    regime: str
    recipient: str
    """An authority, or `people`."""
    due_at: Moment | None
    """None where the law names no number, only a standard."""
    standard: str
    """The law's words for the time, such as 72 hours from awareness."""
    clock: str
    """The event that starts it."""
    assumed: bool = False
    """The clock event is not recorded; the earliest possible time was taken."""
    citation: str
    applies_when: str = ""
    """The law's threshold in words; a person decides whether it is reached."""
    lawyer_needed: bool = False


class Affected(Value):
    """How many people are touched by one kind of data."""

    category: DataCategory
    people: int | None
    """None while nobody can say."""


class Assessment(Value):
    """What follows from the facts as they stand. A new fact makes a new assessment; the old one stays."""

    version: int
    """Of the incident file it was made from."""
    at: Moment
    score: float
    """ENISA's SE, from 0.25 to 6."""
    band: Severity
    components: tuple[Component, ...]
    would_change_it: tuple[str, ...]
    """What, if it were found out, would move the band, and to where."""
    tone: Tone
    signed_by: str
    """The level that signs: support lead, privacy head, executive, chief executive."""
    channels: tuple[ChannelKind, ...]
    """The channels that the band asks for."""
    content: tuple[str, ...]
    """The parts that every detailed notice must have."""
    affected: tuple[Affected, ...]
    deadlines: tuple[Deadline, ...]
    open_questions: tuple[str, ...]
