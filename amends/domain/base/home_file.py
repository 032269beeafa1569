"""Files of strangers that lie sealed in the home: attachments of mails, and evidence for claims."""

from typing import NamedTuple

from amends.domain.base.value import Moment, Value


class NewHomeFile(NamedTuple):
    """A file that lies sealed in the home, before the ledger lists it."""

    name: str
    """The name in the home, which Amends has made."""
    kind: str
    """The media type."""
    size: int


class HomeFile(Value):
    """A file that the ledger lists; the file itself lies sealed in the home."""

    id: int
    name: str
    kind: str
    size: int
    at: Moment
