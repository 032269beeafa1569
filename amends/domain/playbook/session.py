"""A question hour as a playbook plans it: title, time, length and place."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import Field, model_validator

from amends.domain.base.value import Lasting, Slug, Span, StatedMoment, Texts, Value
from amends.domain.playbook.schedule import Calendar, ClockTime, Delay, Series


class PlannedSession(Value):
    """A question hour: people ask, and somebody of the organisation answers at once."""

    id: Slug
    title: Texts = Field(min_length=1)
    where: Texts = Field(min_length=1)
    """The URL on an own domain, or the telephone number."""
    on: StatedMoment | None = None
    """The date and time at which it begins."""
    after: Delay = Delay()
    """Instead of a date: the time after an event at which it begins."""
    of: str = ""
    """The event of the case, or the id of a step, from which `after` counts."""
    at: ClockTime | None = None
    """The time of day, on the organisation's clock, at which it begins."""
    lasts: Lasting = Span(hours=1)
    """The length, such as 1h or 90min."""

    @model_validator(mode="after")
    def _has_one_beginning(self) -> "PlannedSession":
        if (self.on is None) == (not self.of):
            raise ValueError("say when it begins: either `of` an event, or `on` a date and time")
        if self.on and (self.after or self.at):
            raise ValueError("after and at belong to an event: leave them out beside `on`")
        return self

    @property
    def minutes(self) -> int:
        """Return the length in minutes."""
        return int(self.lasts.total_seconds()) // 60

    def begins(self, events: Mapping[str, datetime], calendar: Calendar) -> datetime | None:
        """Return when the hour begins, or None as long as its event has not happened."""
        if self.on is not None:
            return self.on
        if (base := events.get(self.of)) is None:
            return None
        return Series(base, self.after, None, 1, self.at, calendar).occurrence(1)
