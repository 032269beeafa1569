"""Codes of which each entitled person gets one alone: their variants, their states, and how many are left."""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from amends.domain.base.audience import Audience, Unredeemed
from amends.domain.base.errors import Refusal
from amends.domain.base.text import listed
from amends.domain.base.value import Moment, Value
from amends.domain.people.person import Flag

CODE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:/+=#-]{2,62})[A-Za-z0-9=+]")
"""A code: 4 to 64 letters, digits and signs of ASCII, without a space, as providers write them: ABCD-1234."""
STAND_IN = "XXXX-XXXX-XXXX"
"""The text that a preview shows in the place of a code that nobody has yet."""
BETWEEN = "/"
"""The sign between a commitment and a variant where both name a part of a stock."""


class CodeVariant(StrEnum):
    """The people for whom a code is good."""

    EVERYONE = "everyone"
    """All who are entitled: a voucher. A stock of such codes has no other variant."""
    ADULT = "adult"
    MINOR = "minor"
    ESTATE = "estate"
    """The estate of a person who has died."""


class CodeState(StrEnum):
    """The state of a code."""

    FREE = "free"
    GIVEN = "given"
    REDEEMED = "redeemed"
    VOID = "void"

    @property
    def held(self) -> bool:
        """Return True when the code is the one that its person has."""
        return self in (CodeState.GIVEN, CodeState.REDEEMED)


class NewCode(NamedTuple):
    """A code from a provider's file. Holds a secret: never log or print it."""

    code: str
    variant: CodeVariant
    expires: str = ""
    """The last day on which the code can be redeemed, such as 2027-03-31; empty when the file names none."""

    def __repr__(self) -> str:
        return f"NewCode({self.variant})"


class OwnCode(Value):
    """The code that one person has, or had. Holds a secret: never log or print it."""

    id: int
    """The number of the code in the ledger, which names the code outside of it."""
    commitment: str
    code: str
    variant: CodeVariant
    expires: str
    state: CodeState
    given_at: Moment
    ended_at: Moment | None = None
    """The time at which the code was recorded as redeemed or became void."""
    reason: str = ""
    """The reason why the code is void."""

    def __repr__(self) -> str:
        return f"OwnCode(id={self.id}, state={self.state})"

    __str__ = __repr__

    def expired(self, today: date) -> bool:
        """Return True when the last day of the code has passed."""
        return bool(self.expires) and self.expires < today.isoformat()


class OwnCodes(dict[str, str]):
    """A person's code of each commitment, by the commitment's id; its repr shows no code."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"OwnCodes({', '.join(self)})"


NO_CODES = OwnCodes()


class StockLine(Value):
    """The codes of one variant of a commitment, counted by state."""

    commitment: str
    variant: CodeVariant
    free: int = 0
    """Codes that can still be given: neither given, nor void, nor expired."""
    expired: int = 0
    """Codes that nobody got and whose last day has passed."""
    given: int = 0
    redeemed: int = 0
    void: int = 0

    @property
    def codes(self) -> int:
        """Return how many codes of this variant were ever imported."""
        return self.free + self.expired + self.given + self.redeemed + self.void


def variant_for(flags: Collection[str], *, guarded: bool) -> CodeVariant:
    """Return the variant that a person needs, by what the list says of them."""
    if Flag.DECEASED in flags:
        return CodeVariant.ESTATE
    return CodeVariant.MINOR if guarded or Flag.MINOR in flags else CodeVariant.ADULT


def reminded_of(audience: Audience) -> str:
    """Return the commitment of whose unredeemed codes a notice to this audience reminds; "" for any other audience."""
    return audience.of if isinstance(audience, Unredeemed) else ""


def part_of(commitment: str, variant: str) -> str:
    """Return the name of a part of a stock: monitoring/adult."""
    return f"{commitment}{BETWEEN}{variant}"


def why_short(notice: str, needed: Mapping[str, int], stock: Iterable[StockLine]) -> Refusal | None:
    """Return why the stock is too small for the people of a notice who have no code yet, or None.

    `needed` counts these people by the part of the stock that their code comes from.
    """
    free = {part_of(one.commitment, one.variant): one.free for one in stock}
    short = {part: people - free.get(part, 0) for part, people in needed.items() if people > free.get(part, 0)}
    if not short:
        return None
    said = (
        f"{needed[part]} people of {notice} need a code of {part} and {free.get(part, 0)} are left: {lacks} too few"
        for part, lacks in sorted(short.items())
    )
    return Refusal(f"{'; '.join(said)}; import more with `amends codes import`")


def why_no_variant(commitment: str, known: Collection[CodeVariant], new: Collection[CodeVariant]) -> Refusal | None:
    """Return why codes of these variants cannot lie in one stock, or None."""
    together = {*known, *new}
    if CodeVariant.EVERYONE not in together or len(together) == 1:
        return None
    others = listed(sorted(together - {CodeVariant.EVERYONE}))
    return Refusal(
        f"codes of {commitment} are either for everyone or for {others}, not both: "
        "nobody could tell which of them a person gets"
    )
