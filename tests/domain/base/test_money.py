"""Amounts of money are exact, in the digits of their currency."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from amends.domain.base.money import DIGITS, Money, by_currency, read_money


@pytest.mark.parametrize(
    ("text", "minor", "printed"),
    [
        ("12000 EUR", 1_200_000, "12000.00 EUR"),
        ("49.9 EUR", 4990, "49.90 EUR"),
        ("99.50CNY", 9950, "99.50 CNY"),
        (" 0 USD ", 0, "0.00 USD"),
        ("100 JPY", 100, "100 JPY"),
        ("1.234 BHD", 1234, "1.234 BHD"),
    ],
)
def test_an_amount_has_the_digits_of_its_currency(text: str, minor: int, printed: str) -> None:
    money = Money.parse(text)
    assert (money.minor, str(money)) == (minor, printed)


@pytest.mark.parametrize("text", ["12,000 EUR", "1,234 BHD", "-5 EUR", "12 euros", 12, None, "12000", "1.2345 BHD"])
def test_anything_else_is_no_amount(text: object) -> None:
    with pytest.raises(ValueError, match="such as 12000 EUR"):
        Money.parse(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [("1.234 EUR", "EUR has at most 2 digits"), ("1.5 JPY", "JPY has at most 0 digits"), ("12 XXX", "ISO 4217")],
)
def test_the_currency_says_what_an_amount_can_be(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Money.parse(text)


def test_amounts_are_summed_and_compared_in_one_currency() -> None:
    assert Money.parse("1.50 EUR").plus(Money.parse("0.50 EUR")) == Money.parse("2 EUR")
    assert Money.parse("10 EUR") > Money.parse("9.99 EUR")


def test_another_currency_is_refused() -> None:
    with pytest.raises(ValueError, match=r"1\.00 CNY is no amount in EUR"):
        Money.parse("1 EUR").plus(Money.parse("1 CNY"))
    with pytest.raises(ValueError, match=r"1\.00 CNY is no amount in EUR"):
        sorted([Money.parse("1 CNY"), Money.parse("1 EUR")])


def test_each_currency_has_its_own_sum() -> None:
    given = map(Money.parse, ("5 EUR", "100 JPY", "0.50 EUR"))
    assert by_currency(given) == (Money.parse("5.50 EUR"), Money.parse("100 JPY"))
    assert by_currency(()) == ()


def test_a_file_has_an_amount_as_people_write_it() -> None:
    adapter = TypeAdapter(Money)
    assert adapter.dump_python(Money(4990, "EUR"), mode="json") == "49.90 EUR"
    assert adapter.validate_python("49.90 EUR") == Money(4990, "EUR")


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("49", "EUR", 4900),
        ("49,9", "EUR", 4990),
        ("0.05", "USD", 5),
        ("500", "JPY", 500),
        ("1.234", "KWD", 1234),
        ("４９", "CNY", 4900),
    ],
)
def test_an_amount_is_read_exactly(text: str, currency: str, minor: int) -> None:
    assert read_money(text, currency).minor == minor


@pytest.mark.parametrize(
    ("text", "currency"), [("1,234", "EUR"), ("1.5", "JPY"), ("-1", "EUR"), ("1e3", "EUR"), ("", "EUR")]
)
def test_what_is_no_amount_is_refused(text: str, currency: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        read_money(text, currency)


@given(st.integers(0, 10**14), st.sampled_from(sorted(DIGITS)))
def test_an_amount_is_read_as_it_is_written(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    if money.amount < 10**12:
        assert read_money(str(money.amount), currency) == Money.parse(str(money)) == money
