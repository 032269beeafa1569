"""Which phone numbers a country has assigned, from the tables of phonenumbers.

`phonenumbers.is_valid_number` asks the same tables, but also which of eleven kinds a number is, and finds every pattern
anew: for a long list that takes longer than all the rest of reading it.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

KINDS = (
    "mobile", "fixed_line", "toll_free", "voip", "shared_cost", "premium_rate", "personal_number", "pager", "uan",
    "voicemail",
)  # fmt: skip
"""Those that a person may have first."""


class Block(NamedTuple):
    """Numbers of some lengths that follow one pattern."""

    lengths: frozenset[int]
    """Empty for any."""
    pattern: re.Pattern[str]

    def holds(self, national: str) -> bool:
        """Whether this number is one of them."""
        return (not self.lengths or len(national) in self.lengths) and self.pattern.fullmatch(national) is not None


@dataclass(frozen=True, slots=True)
class Region:
    """One of the places that share a country's code."""

    begins: re.Pattern[str] | None
    """What tells its numbers from those of the others, where that is so simple."""
    all: Block
    kinds: tuple[Block, ...]

    def assigns(self, national: str) -> bool:
        """Whether somebody may have this number there."""
        return self.all.holds(national) and any(block.holds(national) for block in self.kinds)


@dataclass(frozen=True, slots=True)
class NumberingPlan:
    """How numbers are made behind one country's code."""

    code: str
    prefix: re.Pattern[str] | None
    """What may be dialled before a number within the country."""
    regions: tuple[str, ...]

    def assigns(self, national: str) -> bool:
        """Whether this number, without the country's code, is one that somebody may have."""
        for name in self.regions:
            region = _region(self.code, name, alone=len(self.regions) == 1)
            if region.begins and region.begins.match(national):
                return region.assigns(national)
            if region.begins is None and region.assigns(national):
                return True
        return False


@lru_cache(1024)
def numbering_plan(start: str) -> NumberingPlan | None:
    """The plan of the country whose code begins these three digits; None when no country has such a code."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    code = next((start[:size] for size in (1, 2, 3) if int(start[:size]) in COUNTRY_CODE_TO_REGION_CODE), None)
    return _plan(code, COUNTRY_CODE_TO_REGION_CODE[int(code)]) if code else None


def _plan(code: str, regions: tuple[str, ...]) -> NumberingPlan:
    metadata = _metadata(code, regions[0])
    prefix = metadata.national_prefix_for_parsing if metadata else None
    return NumberingPlan(code, re.compile(prefix) if prefix else None, regions)


@lru_cache(1024)
def _region(code: str, name: str, *, alone: bool) -> Region:
    metadata = _metadata(code, name)
    begins = None if alone else metadata.leading_digits
    kinds = KINDS[1:] if metadata.same_mobile_and_fixed_line_pattern else KINDS
    blocks = (_block(getattr(metadata, kind)) for kind in kinds)
    return Region(
        begins=None if begins is None else re.compile(begins),
        all=_block(metadata.general_desc) or NO_NUMBERS,
        kinds=tuple(block for block in blocks if block),
    )


def _metadata(code: str, region: str) -> Any:
    from phonenumbers import PhoneMetadata

    return PhoneMetadata.metadata_for_region_or_calling_code(int(code), region)


def _block(described: Any) -> Block | None:
    if described is None or not described.national_number_pattern:
        return None
    return Block(frozenset(described.possible_length), re.compile(described.national_number_pattern))


NO_NUMBERS = Block(frozenset(), re.compile(r"(?!)"))
