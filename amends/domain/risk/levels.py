"""The levels that an assessment gives, severity and risk, and the components and rules behind them."""

from enum import StrEnum

from amends.domain.base.value import Value


class Risk(StrEnum):
    """A level of risk to people, of the three that GDPR 33 and 34 know."""

    UNLIKELY = "unlikely"
    RISK = "risk"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """Return the rank of the level, from 0 for unlikely to 2 for high."""
        return list(Risk).index(self)


class Severity(StrEnum):
    """A band of severity, of ENISA's four."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    VERY_HIGH = "very_high"

    @property
    def rank(self) -> int:
        """Return the rank of the band, from 0 for low to 3 for very high."""
        return list(Severity).index(self)


class Component(Value):
    """One number of the score, with its reason and the facts on which the number rests."""

    name: str
    value: float
    reason: str
    facts: tuple[str, ...] = ()
    """Names of fields of the facts block."""
    assumed: bool = False
    """True when one of the facts is not known and was read as the worse case."""


class Rule(Value):
    """One rule of risk that the facts meet: a line of the decision record."""

    id: str
    says: str
    """The reason, in a plain sentence about this incident."""
    source: str
    """The law or guideline that the rule comes from."""
    risk: Risk
    """The level of risk to which the rule points."""
    facts: tuple[str, ...] = ()
    """Names of fields of the facts block on which the rule rests."""
