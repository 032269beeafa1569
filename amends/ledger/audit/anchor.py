"""Anchors of the audit chain: its head at some moments, kept where nobody who works here can change it.

Whoever holds the master key can write the whole chain anew, with every MAC in it right. The heads that another machine
has kept are then those of entries that this chain does not have.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from sqlmodel import Session

from amends.domain.base.errors import ContentError, Finding
from amends.ledger.store.chain import SEALED, START, Head

LINE = re.compile(r"(\S+Z) entry (\d{1,18}) ([0-9a-f]{64})", re.ASCII)
NOT_ANCHORED = (
    "entry {seq} is not the one that was anchored at {at}: the chain was cut off, or written anew with the master key"
)


class AnchoredHead(NamedTuple):
    """The head of the chain at one moment, in UTC."""

    at: str
    seq: int
    mac: str

    @classmethod
    def of(cls, head: Head | None, now: datetime) -> "AnchoredHead":
        """Return the anchor of this head, which is None before the first entry."""
        head = head or Head(0, START.hex())
        return cls(f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", head.seq, head.mac)

    def __str__(self) -> str:
        return f"{self.at} entry {self.seq} {self.mac}"


def read_anchors(text: str, file: str) -> list[AnchoredHead]:
    """Return the anchors of a file, one a line. Raises ContentError for another line, and for a file without any."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    found = [(number, LINE.fullmatch(line)) for number, line in lines]
    for number, match in found or [(1, None)]:
        if match is None:
            wrong = "`amends audit anchor` wrote no such line"
            raise ContentError(Finding(f"{file}:{number}:1", "E104", wrong))
    return [AnchoredHead(match[1], int(match[2]), match[3]) for _, match in found if match]


def not_in_chain(session: Session, anchors: Iterable[AnchoredHead]) -> Iterator[str]:
    """Yield in words each anchor whose entry the chain lacks, or has with another MAC."""
    for anchor in anchors:
        mac = session.exec(SEALED, params={"seq": anchor.seq}).first()
        if anchor.seq and (mac is None or mac.hex() != anchor.mac):
            yield NOT_ANCHORED.format(seq=anchor.seq, at=anchor.at)
