"""States, kinds and small records of a case."""

from datetime import datetime, timedelta
from enum import StrEnum

from amends.domain.base.text import minute
from amends.domain.base.value import Moment, Value
from amends.domain.channel.channel import ChannelKind
from amends.domain.notice.notice import PersonState

REPLY_WITHIN, OWNER = timedelta(hours=72), "support"
LINKS_EXPIRE_AFTER = timedelta(days=365)
"""The time limit and the owner of the answers to questions that come before a playbook runs."""
TOLD = (PersonState.SENT, PersonState.DELIVERED)
"""States of people who count as told for a threshold."""


class IncidentState(StrEnum):
    OPEN = "open"
    PAUSED = "paused"
    CLOSED = "closed"


class OccurrenceState(StrEnum):
    """The state of a recorded occurrence of a step."""

    PLANNED = "planned"
    """The occurrence has not begun; the record exists because its run had to be set up again."""
    WAITING = "waiting"
    """The occurrence has drafted a notice that waits for approval or is being sent."""
    DONE = "done"
    SKIPPED = "skipped"
    """An outage or a condition made the occurrence needless."""
    HELD = "held"
    """Somebody cancelled the run of the occurrence; a person decides."""

    @property
    def begun(self) -> bool:
        """Return True when something was done for the occurrence, or decided about it."""
        return self is not OccurrenceState.PLANNED


class OccurrenceKind(StrEnum):
    """A kind of recorded occurrence; reminders are given once, and what was given once is recorded."""

    STEP = "step"
    """An occurrence of a step of the playbook, or of a built-in step."""
    DEADLINE = "deadline"
    """A reminder of a legal deadline."""
    LATE = "late"
    """A reminder that the task of a step is not done in time."""


class RecordedOccurrence(Value):
    """One occurrence of a step, or one reminder that was given, as recorded."""

    kind: OccurrenceKind = OccurrenceKind.STEP
    step: str
    """The id of the step; of a reminder of a legal deadline the duty and its due time."""
    number: int
    due_at: Moment
    state: OccurrenceState
    revision: int = 0
    done_at: Moment | None = None
    note: str = ""


class Embargo(Value):
    """An embargo: nothing may be sent before this time, because law enforcement asked for the delay."""

    until: Moment
    why: str

    def says(self, incident: str) -> str:
        """Return in words why nothing is sent, and what ends the embargo."""
        until = minute(self.until)
        return f"nothing may leave before {until}: {self.why}; `amends incident lift {incident}` ends that"


class ToldBy(Value):
    """Some people of one place, by the channels on which a first notice has told them and may yet."""

    place: str
    consented: bool
    """True when the reader of the messages has consented to notice by email."""
    told: tuple[ChannelKind, ...] = ()
    """The channels of messages that reached the people, or may have."""
    waits: tuple[ChannelKind, ...] = ()
    """The channels of messages that wait to leave, to be printed or for a decision."""
    people: int


class LastSigns(Value):
    """The times of the last signs of people; counted only where a playbook wants calm before the case closes."""

    question_at: Moment | None = None
    receipt_at: Moment | None = None
    """The last receipt for a message, those of the closing steps left aside."""
    latecomer_at: Moment | None = None
    """The last correction of the list that added somebody."""

    @property
    def last(self) -> datetime | None:
        """Return the time of the last sign, or None when there was none."""
        return max(filter(None, (self.question_at, self.receipt_at, self.latecomer_at)), default=None)


class Reach(Value):
    """The people of the notices that tell people what happened, by place, as far as a duty to them may not be done.

    A place is US-CA where the state is known, else US, and empty where nobody knows; see PlaceCounts.
    """

    unreached: dict[str, int] = {}
    """People whom no message reached, and for whom none waits: without an address, or without one that works."""
    waiting: dict[str, int] = {}
    """People whom no message reached yet: one waits to leave, to be printed or for a decision, or is yet to be made."""
    letters_at: dict[str, Moment] = {}
    """The time at which the last letters to people of the place were handed over."""
    told_by: tuple[ToldBy, ...] = ()
    """The people with a message of a first notice; counted only where some law does not count every message."""
    page_up_since: Moment | None = None
    """The time since which the first of these notices is on the website."""
