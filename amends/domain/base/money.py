"""Amounts of money, as people write them: 12000 EUR."""

import re
from decimal import Decimal
from functools import total_ordering

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

MONEY = re.compile(r"(\d{1,12}(?:\.\d{1,2})?) ?([A-Z]{3})")
"""An amount with at most two decimals, and a currency by ISO 4217."""


@total_ordering
class Money:
    """An amount of money in one currency, never negative; two amounts compare only in the same currency."""

    __slots__ = ("amount", "currency")

    def __init__(self, amount: Decimal, currency: str) -> None:
        self.amount, self.currency = amount, currency

    @classmethod
    def parse(cls, given: object) -> "Money":
        """Read an amount such as 12000 EUR or 99.50 CNY. Raises ValueError."""
        if isinstance(given, Money):
            return given
        if isinstance(given, str) and (match := MONEY.fullmatch(given.strip())):
            return cls(Decimal(match[1]), match[2])
        raise ValueError("an amount and its currency are meant, such as 12000 EUR or 99.50 CNY")

    def plus(self, other: "Money") -> "Money":
        """Return the sum. Raises ValueError for another currency."""
        self._same_currency(other)
        return Money(self.amount + other.amount, self.currency)

    def _same_currency(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise ValueError(f"{other} is no amount in {self.currency}")

    def __lt__(self, other: "Money") -> bool:
        self._same_currency(other)
        return self.amount < other.amount

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and (self.amount, self.currency) == (other.amount, other.currency)

    def __hash__(self) -> int:
        return hash((self.amount, self.currency))

    def __str__(self) -> str:
        whole = self.amount == self.amount.to_integral_value()
        return f"{self.amount:.{0 if whole else 2}f} {self.currency}"

    __repr__ = __str__

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse,
            serialization=core_schema.plain_serializer_function_ser_schema(str),
            json_schema_input_schema=core_schema.str_schema(pattern=rf"^{MONEY.pattern}$"),
        )
