"""An assessment of the facts: severity, risk to people, tone of the notices, and the duties with their due times.

The score is ENISA's of 2013, SE = DPC x EI + CB ("Recommendations for a methodology of the assessment of severity
of personal data breaches"). The score explains; the rules of risk and the duties decide who must be told.
"""

from enum import StrEnum

from amends.domain.base.value import Moment, Span, Value
from amends.domain.channel.channel import ChannelKind
from amends.domain.incident.facts import DataCategory
from amends.domain.law.duty import Duty, SetAside
from amends.domain.risk.levels import Component, Risk, Rule, Severity


class Tone(StrEnum):
    """A tone of the notices, chosen by the severity band."""

    FACTUAL = "factual"
    CLEAR = "clear"
    SERIOUS = "serious"
    URGENT = "urgent"


class Score(Value):
    """A severity score, with every number explained."""

    score: float
    """ENISA's SE, from 0.25 to 6."""
    band: Severity
    components: tuple[Component, ...]
    would_change_it: tuple[str, ...]
    """Findings that would move the band, each in a sentence that names the new band."""

    @property
    def assumed(self) -> int:
        """Return how many components rest on something that nobody knows yet."""
        return sum(component.assumed for component in self.components)


class Cadence(Value):
    """A rhythm of updates to people, chosen by the severity band."""

    first_update: Span
    """The time from the first notice to the first update."""
    then_every: Span


class Affected(Value):
    """The number of people of whom one kind of data was touched."""

    category: DataCategory
    people: int | None
    """The number of people; None while nobody can say."""


class Assessment(Value):
    """An assessment of the facts at one time. A new fact makes a new assessment; the old one is kept."""

    version: int
    """A number that grows with every version of the incident file, and with every event that the ledger adds."""
    at: Moment
    severity: Score
    risk: Risk
    document: bool = True
    """Every breach is documented, whatever else follows (GDPR 33(5))."""
    notify_authority: bool
    tell_people: bool
    rules: tuple[Rule, ...]
    """The rules of risk that the facts meet, the gravest first."""
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
    """The duties, the most pressing first; a duty without a date, which means at once, comes before dated ones."""
    set_aside: tuple[SetAside, ...] = ()
    """Duties that were looked at and do not apply, each with the reason."""
    addenda: tuple[str, ...] = ()
    """Ids of the addenda that the audience needs, by what the laws of their places ask for and forbid."""
    open_questions: tuple[str, ...]
    changes: tuple[str, ...] = ()
    """Differences from the previous assessment, in lines for the lead."""

    @property
    def band(self) -> Severity:
        """Return the band of the score."""
        return self.severity.band
