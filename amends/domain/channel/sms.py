"""The cost of an SMS text: its alphabet, its units and the parts it is sent in (GSM 03.38, 3GPP TS 23.038)."""

from dataclasses import dataclass
from enum import StrEnum

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("\f^{}\\[~]|€")
"""Characters that cost two units, because an escape stands before each."""


class Encoding(StrEnum):
    """The alphabet that the whole text is sent in; one character outside GSM 7-bit changes it for all."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"


ROOM = {Encoding.GSM7: (160, 153), Encoding.UCS2: (70, 67)}
"""Units in a message of one part, and in each part of a longer one."""


@dataclass(frozen=True, slots=True)
class Segments:
    """The cost of a text: the units of its encoding, and the number of parts that are charged."""

    encoding: Encoding
    units: int
    count: int


def segments(text: str) -> Segments:
    """Count the units and parts of a text as a phone network does, which cuts no character in two."""
    encoding = Encoding.GSM7 if BASIC.union(EXTENSION).issuperset(text) else Encoding.UCS2
    sizes = [_units(character, encoding) for character in text]
    alone, each = ROOM[encoding]
    units = sum(sizes)
    return Segments(encoding, units, 1 if units <= alone else _parts(sizes, each))


def _units(character: str, encoding: Encoding) -> int:
    if encoding is Encoding.GSM7:
        return 2 if character in EXTENSION else 1
    return 2 if ord(character) > 0xFFFF else 1


def _parts(sizes: list[int], room: int) -> int:
    parts, used = 1, 0
    for size in sizes:
        if used + size > room:
            parts, used = parts + 1, 0
        used += size
    return parts
