"""Amounts of money: whole minor units of a currency, never a float; written as 49.90 EUR, 500 JPY or 1.234 BHD."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import total_ordering
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler, GetPydanticSchema
from pydantic_core import CoreSchema, core_schema

TWO_DIGITS = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC "
    "CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD "
    "KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO "
    "NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL "
    "THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)
NO_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"
DIGITS = {code: n for n, codes in ((2, TWO_DIGITS), (0, NO_DIGITS), (3, THREE_DIGITS)) for code in codes.split()}
"""The digits after the decimal point by currency (ISO 4217, column "minor unit")."""
AMOUNT = re.compile(r"([0-9]{1,12})(?:[.,]([0-9]{1,3}))?")
"""An amount without separators of thousands: 49, 49.9, 49,90."""
MONEY = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,3})?) ?([A-Z]{3})")
"""An amount with its currency, after a point at most three digits: 12000 EUR, 49.90EUR."""


@total_ordering
@dataclass(frozen=True, slots=True)
class Money:
    """An amount of money in one currency; two amounts compare only in the same currency."""

    minor: int
    """The amount in the currency's smallest unit, such as cents."""
    currency: str

    @classmethod
    def parse(cls, given: object) -> "Money":
        """Read an amount such as 12000 EUR or 99.50 CNY. Raises ValueError."""
        if isinstance(given, Money):
            return given
        if isinstance(given, str) and (match := MONEY.fullmatch(given.strip())):
            return read_money(match[1], match[2])
        raise ValueError("an amount and its currency are meant, such as 12000 EUR or 99.50 CNY")

    @property
    def amount(self) -> Decimal:
        """Return the amount in the currency's unit, with all its digits."""
        return Decimal(self.minor).scaleb(-DIGITS[self.currency])

    def plus(self, other: "Money") -> "Money":
        """Return the sum. Raises ValueError for another currency."""
        self._same_currency(other)
        return Money(self.minor + other.minor, self.currency)

    def _same_currency(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise ValueError(f"{other} is no amount in {self.currency}")

    def __lt__(self, other: "Money") -> bool:
        self._same_currency(other)
        return self.minor < other.minor

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse,
            serialization=core_schema.plain_serializer_function_ser_schema(str, return_schema=core_schema.str_schema()),
            json_schema_input_schema=core_schema.str_schema(pattern=rf"^{MONEY.pattern}$"),
        )


def by_currency(amounts: Iterable[Money]) -> tuple[Money, ...]:
    """Return one sum for each currency of these amounts, in the order of the codes."""
    found: dict[str, Money] = {}
    for amount in amounts:
        found[amount.currency] = found[amount.currency].plus(amount) if amount.currency in found else amount
    return tuple(found[code] for code in sorted(found))


def read_money(text: str, currency: str) -> Money:
    """Return the amount that is written in this text. Raises ValueError, whose words name no amount."""
    digits = DIGITS[_known(currency)]
    found = AMOUNT.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if not found:
        raise ValueError("an amount is written like 49 or 49.90, without a separator of thousands")
    after = found[2] or ""
    if len(after) > digits:
        raise ValueError(f"an amount in {currency} has at most {digits} digits after the point")
    return Money(int(found[1]) * 10**digits + int(after.ljust(digits, "0") or 0), currency)


def _known(code: str) -> str:
    if code not in DIGITS:
        raise ValueError("a currency is a code of ISO 4217 such as EUR, USD or CNY")
    return code


Currency = Annotated[str, AfterValidator(_known)]
"""A currency by its code (ISO 4217)."""


def _as_written(given: Any) -> Any:
    """Return the decimal number. Raises ValueError for a binary fraction, which is no amount of money."""
    if isinstance(given, float | bool):
        raise ValueError("write an amount with digits after the point in quotes: '49.90'")  # noqa: TRY004 - pydantic
    return given


Amount = Annotated[
    Decimal,
    BeforeValidator(_as_written),
    Field(ge=0, max_digits=15, decimal_places=3),
    GetPydanticSchema(get_pydantic_json_schema=lambda _, __: {"type": ["string", "integer"]}),
]
"""An amount whose currency stands elsewhere, as a whole number or as a text: 250, '49.90'."""


def minor_of(amount: Decimal, currency: str) -> int:
    """Return the amount in minor units. Raises ValueError when the currency has fewer digits."""
    scaled = amount.scaleb(DIGITS[currency])
    if scaled != scaled.to_integral_value():
        raise ValueError(f"an amount in {currency} has at most {DIGITS[currency]} digits after the point")
    return int(scaled)
