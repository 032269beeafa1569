"""Which phone numbers a country has assigned, from the tables of phonenumbers.

`phonenumbers.is_valid_number` asks the same tables, but also which of eleven kinds a number is, and finds every pattern
anew: for a long list that takes longer than all the rest of reading it. Here they are one pattern for each length.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

LENGTHS = range(1, 16)
"""Of a number without the country's code, where its plan does not say (E.164: at most 15 digits altogether)."""
KINDS = (
    "mobile", "fixed_line", "toll_free", "voip", "shared_cost", "premium_rate", "personal_number", "pager", "uan",
    "voicemail",
)  # fmt: skip
"""Those that a person may have first."""


class NumberBlock(NamedTuple):
    """Numbers of some lengths that follow one pattern."""

    lengths: frozenset[int]
    pattern: str


@dataclass(frozen=True, slots=True)
class Region:
    """One of the places that share a country's code."""

    begins: re.Pattern[str] | None
    """What tells its numbers from those of the others, where that is so simple."""
    by_length: Mapping[int, re.Pattern[str]]
    """What the numbers look like that somebody may have there, by how many digits they have."""

    def assigns(self, national: str) -> bool:
        """Whether somebody may have this number there."""
        pattern = self.by_length.get(len(national))
        return pattern is not None and pattern.fullmatch(national) is not None


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
    blocks = [block for kind in kinds if (block := _block(getattr(metadata, kind)))]
    every = _block(metadata.general_desc)
    return Region(
        begins=None if begins is None else re.compile(begins),
        by_length=_by_length(every, blocks) if every and blocks else {},
    )


def _metadata(code: str, region: str) -> Any:
    from phonenumbers import PhoneMetadata

    return PhoneMetadata.metadata_for_region_or_calling_code(int(code), region)


def _block(described: Any) -> NumberBlock | None:
    if described is None or not described.national_number_pattern:
        return None
    return NumberBlock(frozenset(described.possible_length or LENGTHS), described.national_number_pattern)


def _by_length(every: NumberBlock, blocks: Sequence[NumberBlock]) -> dict[int, re.Pattern[str]]:
    """One pattern for each length: that of all numbers there, and one of those that may be somebody's."""
    of_length = {n: [block.pattern for block in blocks if n in block.lengths] for n in every.lengths}
    return {
        n: re.compile(rf"(?=(?:{every.pattern})\Z)(?:{'|'.join(patterns)})")
        for n, patterns in of_length.items()
        if patterns
    }
