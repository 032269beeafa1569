"""The phone numbers that each country has assigned, from the tables of phonenumbers.

`phonenumbers.is_valid_number` reads the same tables, but also tells which of eleven kinds a number is, and looks up
every pattern anew. In a long file that takes longer than all other reading. Here the patterns are joined, one for each
length of number.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

LENGTHS = range(1, 16)
"""The possible lengths of a number without the country's code, where the country's plan names none (E.164: at most 15
digits altogether)."""
PREMIUM = "premium_rate"
KINDS = ("mobile", "fixed_line", "toll_free", "voip", "shared_cost", "personal_number", "pager", "uan", "voicemail")
"""The kinds of numbers, in the order in which their patterns are tried: first the kinds that people mostly have.

A premium number is none of them: its owner is paid by whoever writes there.
"""
OF_NO_COUNTRY = "001"
"""The region of the codes that belong to no country: satellites, ships and services such as +881 and +979."""


class NumberBlock(NamedTuple):
    """A block of numbers of some lengths that follow one pattern."""

    lengths: frozenset[int]
    pattern: str


@dataclass(frozen=True, slots=True)
class Region:
    """One of the places that share a country code."""

    begins: re.Pattern[str] | None
    """The leading digits that tell this region's numbers from the others', or None where digits alone do not tell."""
    by_length: Mapping[int, re.Pattern[str]]
    """The pattern of the region's assigned numbers, by their number of digits."""

    def assigns(self, national: str) -> bool:
        """Return True when this number, without the country's code, is assigned in the region."""
        pattern = self.by_length.get(len(national))
        return pattern is not None and pattern.fullmatch(national) is not None


@dataclass(frozen=True, slots=True)
class NumberingPlan:
    """The plan of the numbers behind one country code."""

    code: str
    prefix: re.Pattern[str] | None
    """The prefix that may be dialled before a number within the country."""
    regions: tuple[str, ...]

    def assigns(self, national: str) -> bool:
        """Return True when this number, without the country's code, is assigned in one of the regions."""
        for name in self.regions:
            region = _region(self.code, name, alone=len(self.regions) == 1)
            if region.begins and region.begins.match(national):
                return region.assigns(national)
            if region.begins is None and region.assigns(national):
                return True
        return False


@lru_cache(1024)
def numbering_plan(start: str) -> NumberingPlan | None:
    """Return the plan of the country code that begins these three digits, or None when no country has such a code."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    code = next((start[:size] for size in (1, 2, 3) if int(start[:size]) in COUNTRY_CODE_TO_REGION_CODE), None)
    regions = COUNTRY_CODE_TO_REGION_CODE[int(code)] if code else ()
    return _plan(code, regions) if code and OF_NO_COUNTRY not in regions else None


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
        by_length=_by_length(every, blocks, _block(getattr(metadata, PREMIUM))) if every and blocks else {},
    )


def _metadata(code: str, region: str) -> Any:
    from phonenumbers import PhoneMetadata

    return PhoneMetadata.metadata_for_region_or_calling_code(int(code), region)


def _block(described: Any) -> NumberBlock | None:
    if described is None or not described.national_number_pattern:
        return None
    return NumberBlock(frozenset(described.possible_length or LENGTHS), described.national_number_pattern)


def _by_length(
    every: NumberBlock, blocks: Sequence[NumberBlock], premium: NumberBlock | None
) -> dict[int, re.Pattern[str]]:
    """Return one pattern for each length; a number must match the region's general pattern and one of its blocks.

    A number that matches the block of premium numbers as well is one of them.
    """
    costly = rf"(?!(?:{premium.pattern})\Z)" if premium else ""
    of_length = {n: [block.pattern for block in blocks if n in block.lengths] for n in every.lengths}
    return {
        n: re.compile(rf"(?=(?:{every.pattern})\Z){costly}(?:{'|'.join(patterns)})")
        for n, patterns in of_length.items()
        if patterns
    }
