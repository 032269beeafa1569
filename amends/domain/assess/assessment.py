"""What follows from the facts: how grave it is, the risk to people, which tone fits, who must be told by when.

The score is ENISA's of 2013, SE = DPC x EI + CB ("Recommendations for a methodology of the assessment of severity
of personal data breaches"). It explains; it does not decide who must be told: the rules of risk and the duties do.
"""

from enum import StrEnum

from amends.domain.base.value import Moment, Span, Value
from amends.domain.channel.channel import ChannelKind
from amends.domain.incident.facts import DataCategory
from amends.domain.law.duty import Duty, SetAside
from amends.domain.risk.levels import Component, Risk, Rule, Severity


class Tone(StrEnum):
    """How the notices speak, from the band."""

    FACTUAL = "factual"
    CLEAR = "clear"
    SERIOUS = "serious"
    URGENT = "urgent"


class Score(Value):
    """How grave it is, with every number explained."""

    score: float
    """ENISA's SE, from 0.25 to 6."""
    band: Severity
    components: tuple[Component, ...]
    would_change_it: tuple[str, ...]
    """What, if it were found out, would move the band, and to where."""

    @property
    def assumed(self) -> int:
        """How many of the components rest on something that nobody knows yet."""
        return sum(component.assumed for component in self.components)


class Cadence(Value):
    """How often people should hear news, from the band."""

    first_update: Span
    """After the first notice."""
    then_every: Span


class Affected(Value):
    """How many people are touched by one kind of data."""

    category: DataCategory
    people: int | None
    """None while nobody can say."""


class Assessment(Value):
    """What follows from the facts as they stand. A new fact makes a new assessment; the old one stays."""

    version: int
    """Counts up with every version of the incident file, and with every event that the ledger adds to it."""
    at: Moment
    severity: Score
    risk: Risk
    document: bool = True
    """Every breach is written down, whatever else follows (GDPR 33(5))."""
    notify_authority: bool
    tell_people: bool
    rules: tuple[Rule, ...]
    """The rules that the facts meet, the gravest first."""
    tone: Tone
    cadence: Cadence
    signed_by: str
    """The level that signs: support lead, privacy head, executive, chief executive."""
    channels: tuple[ChannelKind, ...]
    """The channels that the band asks for."""
    content: tuple[str, ...]
    """The parts that every detailed notice must have."""
    affected: tuple[Affected, ...]
    duties: tuple[Duty, ...]
    """The most pressing first; those without a date, which mean at once, come before the dated ones."""
    set_aside: tuple[SetAside, ...] = ()
    """Duties that were looked at and do not apply, each with its reason."""
    addenda: tuple[str, ...] = ()
    """The letters that the audience needs, by what their laws ask for and forbid."""
    open_questions: tuple[str, ...]
    changes: tuple[str, ...] = ()
    """What is different from the assessment before, in lines for the lead."""

    @property
    def band(self) -> Severity:
        """The band of the score."""
        return self.severity.band
