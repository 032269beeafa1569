"""The error tree. The message of an error says which file, field or key must be changed, and by whom."""

from dataclasses import dataclass
from typing import Self


class Refusal(str):
    """A reason why something may not be done, as a person is shown it; `why_not_…` functions return one or None."""

    __slots__ = ()


class AmendsError(Exception):
    """The base of all errors that a person has to act on; the message says what to do."""


@dataclass(frozen=True)
class Finding:
    """One defect in a file, a text or a setup: its place, a stable code, what is wrong, and what to do about it."""

    where: str
    code: str
    what: str
    advice: str = ""
    blocks: bool = True

    def __str__(self) -> str:
        return f"{self.where} {self.code} {self.what}" + (f" ({self.advice})" if self.advice else "")


class ContentError(AmendsError):
    """Raised when a file from a person cannot be used as it is; every finding names its place in the file."""

    def __init__(self, *findings: Finding) -> None:
        self.findings = findings
        super().__init__("\n".join(map(str, findings)))

    def __reduce__(self) -> tuple[type[Self], tuple[Finding, ...]]:
        return type(self), self.findings


class LedgerError(AmendsError):
    """Raised when the ledger cannot do what was asked."""


class NotInLedger(LedgerError):
    """Raised when nothing is stored under the given name."""


class DataDestroyed(NotInLedger):
    """Raised when the personal data of a closed incident was destroyed: nobody can be read, written to or found."""


class AlreadyInLedger(LedgerError):
    """Raised when the same name or key is stored already, with other content."""


class KeyMissing(LedgerError):
    """Raised when the master key is absent or is not the key that this ledger was written with."""


class DataDamaged(KeyMissing):
    """Raised when a sealed value was altered, moved or sealed with another key; the rest of its incident opens."""


class LedgerUnavailable(LedgerError):
    """Raised when the database is locked, full, read-only or gone; nothing of the transaction is kept."""


class DiskFull(LedgerUnavailable):
    """Raised when the disk with the ledger is full; a person must make room."""


class TablesDiffer(LedgerUnavailable):
    """Raised when the ledger's tables are those of another Amends; a person must install that one here."""


class LedgerRestored(LedgerError):
    """Raised when the ledger is an older copy of itself; a person must compare it with what was sent since."""


class LedgerAltered(LedgerError):
    """Raised when the ledger was changed by other means than Amends: a row was altered, moved, copied or forged.

    Nothing is sent until a person has found out what happened.
    """


class LogUnfit(LedgerError):
    """Raised when a relay's log is of other days or of another relay than the ledger; a person must give another."""


class NotAllowed(AmendsError):
    """Raised when somebody may not do something: wrong token, signature or role, or the author's own notice."""


class ApprovalMissing(AmendsError):
    """Raised when the notice, exactly as it stands now, has not been approved; nothing is sent."""


class StaleClaim(LedgerError):
    """Raised when another worker holds the message now; the outcome that this worker knows no longer counts."""


class ChannelError(AmendsError):
    """Raised when the channel itself is in trouble, not one person's address."""


class ChannelUnavailable(ChannelError):
    """Raised when the provider did not answer or refused us, before any message could have been sent."""


class ChannelDown(ChannelUnavailable):
    """Raised when the provider cannot be reached at all, which says nothing about the message to be sent."""


class ChannelMisconfigured(ChannelError):
    """Raised when a setting of the channel is missing or wrong; an engineer must correct the setting."""
