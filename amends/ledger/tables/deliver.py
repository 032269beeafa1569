"""Rows of messages, and of the work on sending them."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import JSON, BigInteger, ForeignKeyConstraint, LargeBinary, UniqueConstraint, false
from sqlmodel import Field

from amends.domain.channel.channel import ChannelKind
from amends.ledger.tables.declared import Bytes, Summed
from amends.ledger.tables.incident import INCIDENT
from amends.ledger.tables.notice import KEY, RELEASE
from amends.ledger.tables.row import Row, Sealed, declares, number_column, partial_index, time_column

BAD_ADDRESS = "cause = 'bad_address'"
"""The condition of messages that came back because their address takes none; spelled as in the index."""
ONE_OF_SEVERAL = "one_of_several"
DUE = "('waiting', 'deferred')"
TROUBLED = "(state IN ('bounced', 'complained') OR state IN ('failed', 'uncertain') OR state = 'parked')"
"""The states that are queried often and that few messages have once the sending is over.

For each row that it changes, SQLite evaluates whether the row belongs into the index. It compares two words directly,
but builds a table for a longer list each time, which takes longer than all the rest of the change. A query must spell
this condition as the index does.
"""


class LeaseRow(Row, table=True):
    """A lease of one worker on a page of messages; deleted when it is taken over, and its number is never reused."""

    __tablename__ = "lease"
    __table_args__ = ({"sqlite_autoincrement": True},)
    id: int | None = number_column()
    incident: str = Field(foreign_key=INCIDENT)
    notice: str
    facts: int
    """The version of the incident file at the claim; after an amendment no message of the page may be sent."""
    first: int = Field(sa_type=BigInteger)
    last: int = Field(sa_type=BigInteger)
    """The highest id of a message of the page; `first` is the lowest."""
    until: datetime = time_column()
    holder: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """The name of the worker's process, as `this_process` in leases.py gives it."""


class MarkRow(Row, table=True):
    """A mark that messages of a lease may have been sent, committed before the last byte of the first one is sent."""

    __tablename__ = "mark"
    id: int | None = number_column()
    lease: int = Field(sa_type=BigInteger, index=True, foreign_key="lease.id", ondelete="CASCADE")
    messages: list[int] = Field(sa_type=JSON)


def on_kinds(kinds: Iterable[ChannelKind]) -> str:
    """Return the condition that a message is on one of these channels, always spelled as in an index."""
    first, *others = (f"'{kind}'" for kind in kinds)
    return f"channel IN ({', '.join((first, *others))})" if others else f"channel = {first}"


PAGES = tuple(kind for kind in ChannelKind if kind.page)
MAIL = tuple(kind for kind in ChannelKind if kind.mail)
PRINTED = tuple(kind for kind in ChannelKind if kind.printed)
TRACKED = on_kinds(kind for kind in ChannelKind if kind.tracked)
"""The condition for messages that providers name."""
ANSWERED = on_kinds(kind for kind in ChannelKind if kind.incoming)
"""The condition for messages to which people write back."""


class DeliveryRow(Row, table=True):
    """A message: a notice for one person on one channel at one address. Person 0 is the public."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("incident", "notice", "person", "channel", "address_index"),
        ForeignKeyConstraint(KEY, RELEASE),
        partial_index("ix_delivery_due", f"state IN {DUE}", "incident", "notice", "state", "channel", "next_try_at"),
        partial_index("ix_delivery_trouble", TROUBLED, "incident", "notice", "state"),
        partial_index("ix_delivery_several", ONE_OF_SEVERAL, "incident", "notice", "person", "state"),
        partial_index("ix_delivery_sms", f"{TRACKED} AND provider_id <> ''", "provider_id"),
        partial_index("ix_delivery_sms_to", ANSWERED, "address_index"),
        partial_index("ix_delivery_bad_address", BAD_ADDRESS, "incident", "channel", "address_index"),
        declares(
            summed=Summed(by=("incident", "notice"), block=("person", Bytes("channel", 3), Bytes("address_index", 9))),
            numbers_only="what leads to an address goes with the person's own row",
        ),
    )
    id: int | None = number_column()
    incident: str
    notice: str
    version: int
    person: int
    channel: str
    address_index: bytes = Field(sa_type=LargeBinary)
    variant: str
    """Locale and reader, and the addendum unless it is the general one: en/self, en/self/us-ma."""
    state: str
    cause: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """The reason for the state of the message, where a decision depends on it; see `Cause`."""
    detail: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """The reason in words for people; no decision depends on them."""
    doubtful: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """True when a provider may have the message from an attempt whose answer was lost."""
    provider_id: str
    batch: int | None = None
    """The number of the batch in which a letter was handed over."""
    elements: int | None = None
    """The number of the person's set of data elements when the message was last claimed; None for a public message."""
    one_of_several: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """True when the person has, or had, several messages of the notice; always False for a public message."""
    attempts: int
    lease: int | None = Field(default=None, sa_type=BigInteger, nullable=True)
    """The last lease that held the message, as its fencing token: an outcome counts only under this lease."""
    next_try_at: datetime | None = time_column(nullable=True)
    updated_at: datetime = time_column()


class TallyRow(Row, table=True):
    """The number of messages with one text and in one state; messages that the engine still has in hand are not in it.

    Triggers keep the numbers in the transaction that changes a message, whoever changes it. Only the sum over `part`
    counts: on PostgreSQL each connection counts in rows of its own, so that no two transactions wait for each other.
    """

    __tablename__ = "tally"
    __table_args__ = ({"sqlite_with_rowid": False},)
    incident: str = Field(primary_key=True)
    notice: str = Field(primary_key=True)
    version: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    channel: str = Field(primary_key=True)
    variant: str = Field(primary_key=True)
    elements: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    """The number of the readers' set of data elements, or 0 where it is not known."""
    state: str = Field(primary_key=True)
    part: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    """The process of the PostgreSQL server that counted, or 0 on SQLite."""
    messages: int
    """May be negative in one part: the message was counted by another."""


class LoggedMessageRow(Row, table=True):
    """The key of a message that a relay's log names; stored only after a restore from a backup."""

    __tablename__ = "logged_message"
    __table_args__ = (declares(summed=Summed()),)
    key: str = Field(primary_key=True)
    unclear: bool = False
    """True when the log only names the message, and no such message was stored yet."""


class ProvidedRow(Sealed, table=True):
    """A channel that has had a provider, so that messages on it were really sent."""

    __tablename__ = "provided"
    channel: str = Field(primary_key=True)
