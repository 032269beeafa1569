"""Levels that the assessment gives: severity, risk, and the rules and components behind them."""

from enum import StrEnum

from amends.domain.base.value import Value


class Risk(StrEnum):
    """The three levels of risk to people that GDPR 33 and 34 know."""

    UNLIKELY = "unlikely"
    RISK = "risk"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """0 for unlikely to 2 for high."""
        return list(Risk).index(self)


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


class Component(Value):
    """One number of the score, with why it is so and which facts it rests on."""

    name: str
    value: float
    reason: str
    facts: tuple[str, ...] = ()
    """Names of fields of the facts block."""
    assumed: bool = False
    """One of them is not known, and was read as the worse case."""


class Rule(Value):
    """One rule of risk that the facts meet: a line of the decision record."""

    id: str
    says: str
    """Why, in a plain sentence about this incident."""
    source: str
    """The law or guideline that it comes from."""
    risk: Risk
    """What it points to."""
    facts: tuple[str, ...] = ()
    """Names of fields of the facts block that it rests on."""
