"""Amounts of money: whole minor units of a currency, never a float."""

import re
import unicodedata
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, GetPydanticSchema

from amends.domain.base.value import Value

TWO_DIGITS = (
    "AED AUD BAM BGN BOB BRL BWP CAD CHF CNY COP CRC CZK DKK DOP EGP EUR GBP GEL GHS GTQ HKD HUF IDR ILS INR JMD KES "
    "KZT LKR MAD MDL MKD MOP MUR MXN MYR NAD NGN NOK NZD PEN PHP PKR PLN QAR RON RSD SAR SEK SGD THB TRY TTD TWD TZS "
    "UAH USD UYU UZS ZAR ZMW"
)
NO_DIGITS = "CLP ISK JPY KRW PYG RWF UGX VND XAF XOF"
THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"
DIGITS = {code: n for n, codes in ((2, TWO_DIGITS), (0, NO_DIGITS), (3, THREE_DIGITS)) for code in codes.split()}
"""The digits after the decimal point by currency (ISO 4217, column "minor unit")."""
AMOUNT = re.compile(r"([0-9]{1,12})(?:[.,]([0-9]{1,3}))?")
"""An amount without separators of thousands: 49, 49.9, 49,90."""
MOST_MINOR = 10**15
"""The smallest number of minor units that is a typing error."""


class CurrencyAmount(Value):
    """An amount of money."""

    minor: int = Field(ge=0, lt=MOST_MINOR)
    """The amount in the currency's smallest unit, such as cents."""
    currency: str

    @property
    def amount(self) -> Decimal:
        """Return the amount in the currency's unit, with all its digits."""
        return Decimal(self.minor).scaleb(-DIGITS[self.currency])

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


def read_money(text: str, currency: str) -> CurrencyAmount:
    """Return the amount that is written in this text. Raises ValueError, whose words name no amount."""
    written = unicodedata.normalize("NFKC", text).strip()
    digits = DIGITS[currency]
    found = AMOUNT.fullmatch(written)
    if not found:
        raise ValueError("an amount is written like 49 or 49.90, without a separator of thousands")
    after = found[2] or ""
    if len(after) > digits:
        raise ValueError(f"an amount in {currency} has at most {digits} digits after the point")
    return CurrencyAmount(minor=int(found[1]) * 10**digits + int(after.ljust(digits, "0") or 0), currency=currency)


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
"""An amount in the currency of the claims, as a whole number or as a text: 250, '49.90'."""


def minor_of(amount: Decimal, currency: str) -> int:
    """Return the amount in minor units. Raises ValueError when the currency has fewer digits."""
    scaled = amount.scaleb(DIGITS[currency])
    if scaled != scaled.to_integral_value():
        raise ValueError(f"an amount in {currency} has at most {DIGITS[currency]} digits after the point")
    return int(scaled)
