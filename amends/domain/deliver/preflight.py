"""Everybody's message of a draft, put together before anybody may approve it: what was found, and what it means."""

from collections.abc import Iterable, Mapping

from amends.domain.base.errors import Refusal
from amends.domain.base.value import Value
from amends.domain.people.person import NULL_LIKE

MOST_NAMED = 5
"""So many people are named for each trouble, by their numbers, so that somebody can look at them."""


class Trouble(Value):
    """One thing that is wrong with some of the messages."""

    why: str
    """A reason without anything personal."""
    messages: int
    people: int
    """How many they are about."""
    first: tuple[int, ...]
    """The numbers of the first of these."""

    def __str__(self) -> str:
        more = self.people - len(self.first)
        named = ", ".join(map(str, self.first)) + (f" and {more} more" if more else "")
        return f"{self.why} ({'person' if self.people == 1 else 'persons'} {named})"


class Preflight(Value):
    """What was found when everybody's first message was put together and checked as it would be for sending."""

    messages: int
    """All of them, those in trouble included."""
    wrong: tuple[Trouble, ...] = ()
    """They would be printed wrongly or not at all, so nobody may approve the notice."""
    unusable: tuple[Trouble, ...] = ()
    """Only their address is of no use: sending moves on to the next channel of the cascade."""

    @property
    def cannot_be_made(self) -> int:
        """How many messages stand in the way of an approval."""
        return sum(trouble.messages for trouble in self.wrong)

    def why_not_approve(self, notice: str) -> Refusal | None:
        """Why this notice may not be approved, or None."""
        if not self.wrong:
            return None
        reasons = "; ".join(f"{trouble.messages} × {trouble}" for trouble in self.wrong)
        return Refusal(
            f"{_messages(self.cannot_be_made)} of {notice} cannot be put together: {reasons}; "
            "correct the audience, the facts or the words"
        )

    def __str__(self) -> str:
        good = self.messages - self.cannot_be_made
        lines = [f"{_messages(good)} composed and checked, {self.cannot_be_made} cannot be put together"]
        lines += [f"  {_messages(trouble.messages)}: {trouble}" for trouble in self.wrong]
        lines += [f"  {_messages(trouble.messages)} for the next channel: {trouble}" for trouble in self.unusable]
        return "\n".join(lines)


def gap(needed: Iterable[str], shown: Iterable[str], values: Mapping[str, str]) -> str:
    """What is wrong with the values that a text needs, or shows where there is one; empty when all is well."""
    for slot in needed:
        if not values.get(slot, "").strip():
            return f"{slot} is empty"
    for slot in shown:
        if values.get(slot, "").lower() in NULL_LIKE:
            return f"{slot} is a word for nothing, such as null"
    return ""


def _messages(count: int) -> str:
    return f"{count} message" if count == 1 else f"{count} messages"
