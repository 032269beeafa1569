"""The error tree. A message says which file, field or key must be changed, and by whom."""

from dataclasses import dataclass
from typing import Self


class Refusal(str):
    """Why something may not be done, in words that a person is shown; `why_not_…` functions return one or None."""

    __slots__ = ()


class AmendsError(Exception):
    """Something a person has to act on; its message says what."""


@dataclass(frozen=True)
class Finding:
    """One thing wrong in a file, a text or a setup: where, a stable code, what, and what to do."""

    where: str
    code: str
    what: str
    advice: str = ""
    blocks: bool = True

    def __str__(self) -> str:
        return f"{self.where} {self.code} {self.what}" + (f" ({self.advice})" if self.advice else "")


class ContentError(AmendsError):
    """A file handed in by a person cannot be used as it is; every finding names its place."""

    def __init__(self, *findings: Finding) -> None:
        self.findings = findings
        super().__init__("\n".join(map(str, findings)))

    def __reduce__(self) -> tuple[type[Self], tuple[Finding, ...]]:
        return type(self), self.findings


class LedgerError(AmendsError):
    """The ledger cannot do what was asked."""


class NotInLedger(LedgerError):
    """Nothing is stored under this name."""


class DataDestroyed(NotInLedger):
    """The personal data of this incident was destroyed when it was over: nobody can be read, written to or found."""


class AlreadyInLedger(LedgerError):
    """The same name or key is stored already, with other content."""


class KeyMissing(LedgerError):
    """The master key is absent or is not the one this ledger was written with."""


class DataDamaged(KeyMissing):
    """Something that is sealed was altered, moved, or sealed with another key, while the rest of its incident opens."""


class LedgerUnavailable(LedgerError):
    """The database is locked, full, read-only or gone; nothing of what was to be written is kept."""


class DiskFull(LedgerUnavailable):
    """The disk with the ledger is full; somebody must make room."""


class LedgerNewer(LedgerUnavailable):
    """The ledger's tables are those of a newer Amends; somebody must install that here too."""


class LedgerRestored(LedgerError):
    """The ledger is an older copy of itself; a person must compare it with what has left since."""


class LogUnfit(LedgerError):
    """A relay's log is of other days or of another relay than the ledger; a person must give the right one."""


class NotAllowed(AmendsError):
    """This person may not do this: wrong token, wrong role, or the author's own notice."""


class ApprovalMissing(AmendsError):
    """Nothing leaves: the notice, exactly as it stands now, has not been approved."""


class StaleClaim(LedgerError):
    """Another worker holds this message now; what we know of it no longer counts."""


class ChannelError(AmendsError):
    """The channel itself is in trouble, not one person's address."""


class ChannelUnavailable(ChannelError):
    """The provider did not answer or refused us, before any message could have left."""


class ChannelDown(ChannelUnavailable):
    """The provider cannot be reached at all, which says nothing about the message that was to be sent."""


class ChannelMisconfigured(ChannelError):
    """A setting of the channel is missing or wrong; an engineer must correct it."""
