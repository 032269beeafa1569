"""The kinds of events that the ledger records once for an incident."""

from enum import StrEnum

DESTROYED = "destroyed"
"""The event that the personal data was destroyed. No step is timed from this event: nobody is left to be told."""


class EventKind(StrEnum):
    """A kind of event that the ledger records once."""

    EVENT = "event"
    """An event of the case. A step that is done is an event by its id."""
    MISSED_UPDATE = "missed_update"
    """A time that was named for the next update and was missed."""
    ALARM = "alarm"
    """An alarm that Prefect was told of, by its key."""
