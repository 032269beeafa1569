"""Amounts of money."""

import pytest

from amends.domain.base.money import Money


@pytest.mark.parametrize("text", ["12000 EUR", "99.50 CNY", "0 USD"])
def test_an_amount_reads_as_it_was_written(text: str) -> None:
    assert str(Money.parse(text)) == text


@pytest.mark.parametrize("text", ["12,000 EUR", "-5 EUR", "12 euros", "1.234 EUR", 12, None, "12000"])
def test_anything_else_is_no_amount(text: object) -> None:
    with pytest.raises(ValueError, match="such as 12000 EUR"):
        Money.parse(text)


def test_amounts_are_summed_and_compared_in_one_currency() -> None:
    assert Money.parse("1.50 EUR").plus(Money.parse("0.50 EUR")) == Money.parse("2 EUR")
    assert Money.parse("10 EUR") > Money.parse("9.99 EUR")


def test_another_currency_is_refused() -> None:
    with pytest.raises(ValueError, match="1 CNY is no amount in EUR"):
        Money.parse("1 EUR").plus(Money.parse("1 CNY"))
