"""The preflight of a draft: every person's first message is composed and checked before anybody may approve it."""

from collections.abc import Iterable, Mapping

from amends.domain.base.errors import Refusal
from amends.domain.base.text import counted, counts
from amends.domain.base.value import Value
from amends.domain.notice.notice import Draft
from amends.domain.people.person import NULL_LIKE

MOST_NAMED = 5
"""The most people named for each trouble, by their numbers, so that a person can look them up."""


FEW = 0.05
"""The share of people up to which nobody is asked about those whom no message tells lawfully."""


class Trouble(Value):
    """One trouble that some of the messages share."""

    why: str
    """The reason, without personal data."""
    messages: int
    people: int
    """The number of people whose messages are in trouble."""
    first: tuple[int, ...]
    """The numbers of the first of these people."""

    def __str__(self) -> str:
        more = self.people - len(self.first)
        named = ", ".join(map(str, self.first)) + (f" and {more} more" if more else "")
        return f"{self.why} ({'person' if self.people == 1 else 'persons'} {named})"


class Preflight(Value):
    """The findings after every person's first message was composed and checked as for sending."""

    messages: int
    """All messages, those in trouble included."""
    wrong: tuple[Trouble, ...] = ()
    """Messages that would be composed wrongly or not at all, so nobody may approve the notice."""
    unusable: tuple[Trouble, ...] = ()
    """Messages of which only the address is unusable: sending moves on to the next channel of the cascade."""

    not_lawfully: dict[str, int] = {}
    """By place, the people who would get only messages that a law there does not count as notice."""
    codes: dict[str, int] = {}
    """By part of a stock, as in `part_of`, the people who will get a code of their own with this notice."""

    @property
    def cannot_be_made(self) -> int:
        """Count the messages that prevent an approval."""
        return sum(trouble.messages for trouble in self.wrong)

    def why_not_approve(self, notice: str) -> Refusal | None:
        """Return why this notice may not be approved, or None when every message can be composed."""
        if not self.wrong:
            return None
        reasons = "; ".join(f"{trouble.messages} × {trouble}" for trouble in self.wrong)
        return Refusal(
            f"{_messages(self.cannot_be_made)} of {notice} cannot be put together: {reasons}; "
            "correct the audience, the facts or the words"
        )

    def why_ask(self, draft: Draft, known: int | None) -> Refusal | None:
        """Return why a person must first say that they know how many are not told lawfully, or None.

        Nobody is asked about a few people. `known` is the number that the person has given.
        """
        people = sum(self.not_lawfully.values())
        if people == known or people <= FEW * draft.people:
            return None
        return Refusal(
            f"{self._without_notice(people)}; if it is to leave all the same, say that you know it: "
            f"`amends approve {draft.incident} {draft.notice} --not-lawfully {people}`"
        )

    def _without_notice(self, people: int) -> str:
        who = counted(people, "person gets", "people get")
        return (
            f"{who} only messages that the law there does not count ({counts(self.not_lawfully)}): add "
            "postal_address or consents_to_email to the list (`amends audience correct`), or give the substitute notice"
        )

    def __str__(self) -> str:
        good = self.messages - self.cannot_be_made
        lines = [f"{_messages(good)} composed and checked, {self.cannot_be_made} cannot be put together"]
        lines += [f"  {_messages(trouble.messages)}: {trouble}" for trouble in self.wrong]
        lines += [f"  {_messages(trouble.messages)} for the next channel: {trouble}" for trouble in self.unusable]
        lines += [
            f"  {counted(people, 'person', 'people')} will get a code of {part}" for part, people in self.codes.items()
        ]
        lines += [self._without_notice(sum(self.not_lawfully.values()))] if self.not_lawfully else []
        return "\n".join(lines)


def gap(needed: Iterable[str], shown: Iterable[str], values: Mapping[str, str]) -> str:
    """Return what is wrong with a person's values, or "".

    A slot that the text needs must have a value, and a slot that the text shows must not hold a word such as null.
    """
    for slot in needed:
        if not values.get(slot, "").strip():
            return f"{slot} is empty"
    for slot in shown:
        if values.get(slot, "").lower() in NULL_LIKE:
            return f"{slot} is a word for nothing, such as null"
    return ""


def _messages(count: int) -> str:
    return f"{count} message" if count == 1 else f"{count} messages"
