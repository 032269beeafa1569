"""What people were told as certain and is not so: only that makes a correction of what else is news."""

from amends.domain.facts import Certainty, Facts

TOLD = ("cause", "vector", "malicious", "encrypted_at_rest", "encryption_key_safe", "exfiltration")
"""Facts that notices tell as they are, beside the kinds of data."""


def told_wrongly(told: Facts, known: Facts) -> tuple[str, ...]:
    """The names of the facts that people were told as confirmed and that are others now.

    What was only suspected, or not known, cannot turn out to be wrong.
    """
    found = tuple(name for name in TOLD if _contradicts(told, known, name))
    return ("data_categories", *found) if _other_data(told, known) else found


def _contradicts(told: Facts, known: Facts, name: str) -> bool:
    before, after = getattr(told, name), getattr(known, name)
    if before.certainty is not Certainty.CONFIRMED or after.unknown:
        return False
    return bool(before.value != after.value or not after.stands)


def _other_data(told: Facts, known: Facts) -> bool:
    sure = told.data_categories.certainty is Certainty.CONFIRMED and not known.data_categories.unknown
    return sure and set(told.categories()) != set(known.categories())
