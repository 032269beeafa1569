"""What a mail server of ours that notes times (sink.c -t) has logged, read while it writes."""

import time
from dataclasses import dataclass
from pathlib import Path

SETTLED = 0.5
"""Seconds: whoever sent nothing for so long, and is dead, sends no more."""
LOOK = 0.05


@dataclass(frozen=True, slots=True)
class Arrived:
    """Messages in the order in which they were accepted."""

    times: tuple[float, ...]
    """In seconds, as time.monotonic() counts them."""
    recipients: tuple[str, ...]

    @property
    def twice(self) -> int:
        """How many messages were more than one for each recipient."""
        return len(self.recipients) - len(set(self.recipients))


class Arrivals:
    """The log, as far as it has got."""

    def __init__(self, log: Path) -> None:
        self._log, self._read, self._count = log, 0, 0

    def count(self) -> int:
        """How many messages there are by now; cheap to ask again and again."""
        with self._log.open("rb") as log:
            log.seek(self._read)
            new = log.read()
        self._read += len(new)
        self._count += new.count(b"\n")
        return self._count

    def settled(self) -> int:
        """The same, once no more come."""
        seen, since = self.count(), time.monotonic()
        while time.monotonic() - since < SETTLED:
            time.sleep(LOOK)
            if self.count() > seen:
                seen, since = self.count(), time.monotonic()
        return seen

    def all(self) -> Arrived:
        """All of them; ask this when no more come."""
        lines = [line.split(" ", 1) for line in self._log.read_text(encoding="utf-8").splitlines()]
        return Arrived(tuple(float(at) for at, _ in lines), tuple(to for _, to in lines))
