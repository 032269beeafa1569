"""The facts in words, for a report."""

from collections.abc import Iterator

from amends.domain.base.text import say
from amends.domain.base.value import Value
from amends.domain.incident.facts import Certainty, Count, Fact, Facts


def facts_in_words(facts: Facts) -> Iterator[tuple[str, str, Certainty, str]]:
    """Yield each fact: its name, its value, its certainty and the team's note on it."""
    for name in Facts.model_fields:
        fact: Fact[object] = getattr(facts, name)
        yield name.replace("_", " "), fact_in_words(fact.value), fact.certainty, fact.note


def fact_in_words(value: object) -> str:
    """Return the value of a fact in words."""
    match value:
        case Fact():
            certainty = "" if value.certainty is Certainty.CONFIRMED else f" ({value.certainty.replace('_', ' ')})"
            return fact_in_words(value.value) + certainty
        case tuple():
            return ", ".join(map(fact_in_words, value)) or "none"
        case Count():
            return say(value.min) if value.min == value.max else f"{say(value.min)} to {say(value.max)}"
        case Value():
            first, *others = ((name, getattr(value, name)) for name in type(value).model_fields)
            named = (f"{name.replace('_', ' ')} {fact_in_words(part)}" for name, part in others if part is not None)
            return ", ".join((fact_in_words(first[1]), *named))
        case str():
            return say(value).replace("_", " ")
    return f"{value:g}" if isinstance(value, float) else say(value)
