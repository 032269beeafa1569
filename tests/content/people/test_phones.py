"""Phone numbers in + and digits are told without being parsed: with the same end, for whatever number."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    SUPPORTED_REGIONS,
    PhoneNumberFormat,
    PhoneNumberType,
    example_number_for_type,
    format_number,
)

from amends.content.people import columns

KINDS = [PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE, PhoneNumberType.TOLL_FREE, PhoneNumberType.VOIP]
EXAMPLES = sorted(
    format_number(number, PhoneNumberFormat.E164)
    for region in SUPPORTED_REGIONS
    for kind in KINDS
    if (number := example_number_for_type(region, kind))
)
CODES = st.sampled_from(sorted(COUNTRY_CODE_TO_REGION_CODE))


def outcome(number: str) -> str:
    """What the long way says of it: the number, or the code of why not."""
    try:
        return columns.read_phone(number, None)
    except columns.UnfitCell as why:
        return why.code


def told(number: str) -> str:
    try:
        return columns.phone(number, "DE")
    except columns.UnfitCell as why:
        return why.code


@pytest.mark.parametrize("region", sorted(SUPPORTED_REGIONS))
def test_the_numbers_of_every_country_are_taken_as_they_are_parsed(region: str) -> None:
    for kind in KINDS:
        if number := example_number_for_type(region, kind):
            written = format_number(number, PhoneNumberFormat.E164)
            assert told(written) == outcome(written)


def test_most_numbers_need_not_be_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    monkeypatch.setattr(columns, "read_phone", lambda number, home: parsed.append(number) or number)
    assert [columns.phone(number, "DE") for number in EXAMPLES] == EXAMPLES
    assert len(parsed) < len(EXAMPLES) / 4


@settings(max_examples=2_000)
@given(CODES, st.text("0123456789", min_size=3, max_size=14))
@example(44, "07911123456")
@example(39, "0612345678")
@example(54, "91123456789")
@example(52, "15512345678")
@example(7, "88005553535")
def test_whatever_the_digits_are_it_ends_as_if_they_were_parsed(code: int, digits: str) -> None:
    number = f"+{code}{digits}"
    assert told(number) == outcome(number)


@settings(max_examples=1_000)
@given(st.sampled_from(EXAMPLES), st.text("0123456789", min_size=1, max_size=3), st.integers(1, 12))
def test_nor_when_a_number_is_mistyped(number: str, digits: str, place: int) -> None:
    for mistyped in (number[:place] + digits + number[place:], number[:place] + digits + number[place + len(digits) :]):
        if mistyped.startswith("+"):
            assert told(mistyped) == outcome(mistyped)
