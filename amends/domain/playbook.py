"""A playbook: which step comes when, for whom, on which channels. Data that a lawyer can read."""

from enum import StrEnum

from pydantic import Field, model_validator

from amends.domain.assessment import Severity
from amends.domain.channel import ChannelKind
from amends.domain.commitment import Promise
from amends.domain.facts import Cause, DataCategory, Vector
from amends.domain.value import Slug, Span, Value

DEADLINES = "deadlines"
"""The step under which reminders of legal deadlines stand in the plan; no playbook names it."""


class Phase(StrEnum):
    """What kind of work a step is; each is a flow of the same name."""

    ASSESS = "assess"
    NOTIFY = "notify"
    UPDATE = "update"
    COLLECT_FEEDBACK = "collect_feedback"
    FOLLOW_UP = "follow_up"


class Event(StrEnum):
    """Moments of a case that steps are timed from, beside the id of any other step (when it was done)."""

    OPENED = "opened"
    ASSESSED = "assessed"
    NOTIFIED = "notified"
    """The first notice has gone to everybody it could go to."""
    RESOLVED = "resolved"
    """The lead says that there is nothing new to tell; promises may still be open."""
    CLOSED = "closed"


class When(Value):
    """A condition over facts of the case; all that is named must hold. An unknown fact counts as holding."""

    severity_at_least: Severity | None = None
    people_at_least: int | None = Field(default=None, ge=1)
    cause: tuple[Cause, ...] = ()
    vector: tuple[Vector, ...] = ()
    data_includes: tuple[DataCategory, ...] = ()
    """Any one of these was touched."""
    open_commitments: bool | None = None
    open_questions: bool | None = None


class Step(Value):
    """One thing to do, once or in a series."""

    id: Slug
    phase: Phase
    after: Span
    of: str
    """An event of the case, or the id of another step."""
    every: Span | None = None
    until: str | None = None
    """The event that ends the series."""
    at_most: int = Field(default=1, ge=1, le=500)
    """How often a series runs at the most."""
    when: When = When()
    notice: Slug | None = None
    """The folder of templates that this step sends."""
    audience: str = "everyone"
    """Everyone, or the name of a segment."""
    channels: tuple[ChannelKind, ...] = ()
    """Every channel to use; a person is written to on each personal one for which we have an address."""
    cascade: tuple[ChannelKind, ...] = ()
    """Personal channels to try in this order for people whom the others did not reach; a letter comes last."""
    approvals: int = Field(default=2, ge=1, le=9)
    """How many different people must approve, none of them the author."""
    optional: bool = False
    """Whoever opted out does not get it; else an opt-out changes nothing. A late promise is told in any case."""
    reads_on: str = ""
    """A sentence for whoever reads the playbook."""

    @model_validator(mode="after")
    def _makes_sense(self) -> "Step":
        if self.id == DEADLINES:
            raise ValueError(
                f"{DEADLINES} is the step under which reminders of legal deadlines stand; choose another id"
            )
        if self.every is not None and self.every.total_seconds() < 3600:
            raise ValueError("a series repeats at most once an hour")
        if self.every is None and (self.until is not None or self.at_most != 1):
            raise ValueError("until and at_most belong to a series: add every")
        if self.every is not None and self.at_most == 1:
            raise ValueError("a series needs at_most: how often it runs at the most")
        quick = set(self.channels) and not any(channel.detailed for channel in self.channels)
        if quick:
            raise ValueError("quick channels never stand alone: add email or website to channels")
        if self.notice and not self.channels:
            raise ValueError("a notice needs channels")
        if any(not channel.personal for channel in self.cascade):
            raise ValueError("a cascade goes over personal channels only: email, sms, letter")
        if self.optional and self.phase is Phase.NOTIFY:
            raise ValueError("a notify step tells people what happened to their data, so it cannot be optional")
        if self.optional and not self.channels:
            raise ValueError("optional belongs to a step that sends something: add channels")
        return self

    @model_validator(mode="after")
    def _letter_comes_last(self) -> "Step":
        if any(channel.printed for channel in self.channels):
            raise ValueError("a letter is for those whom nothing else reached: name it in cascade, not in channels")
        if any(channel.printed for channel in self.cascade[:-1]):
            raise ValueError("a letter is the last of a cascade: only the post tells that it did not arrive")
        if ChannelKind.LETTER in self.cascade and ChannelKind.EMAIL not in self.written_for:
            raise ValueError("a letter is the email on paper: add email to channels or cascade")
        return self

    @property
    def written_for(self) -> tuple[ChannelKind, ...]:
        """The channels that need a text of their own; a letter has the email's."""
        return tuple(dict.fromkeys(kind for kind in (*self.channels, *self.cascade) if not kind.printed))


class Playbook(Value):
    """Steps in reading order, with the promises that come with them."""

    id: Slug
    title: str
    for_: str = Field(alias="for")
    """What it is for, in a sentence."""
    reply_within: Span
    """How soon every question is answered."""
    questions_owner: str
    approve_within: Span = Span(hours=24)
    """How long approvers have after a draft; the time that a notice names for the next one reckons with it."""
    remind_before: Span
    """How long before a promise is due its owner is reminded."""
    steps: tuple[Step, ...] = Field(min_length=1)
    commitments: tuple[Promise, ...] = ()

    model_config = {**Value.model_config, "populate_by_name": True}

    @model_validator(mode="after")
    def _steps_fit_together(self) -> "Playbook":
        ids = [step.id for step in self.steps]
        if len(set(ids)) != len(ids):
            raise ValueError(f"two steps have the id {next(i for i in ids if ids.count(i) > 1)}")
        known = {*ids, *Event}
        for index, step in enumerate(self.steps):
            for word in filter(None, (step.of, step.until)):
                if word not in known:
                    raise ValueError(f"steps.{index}: {word!r} is neither an event nor a step: {', '.join(known)}")
        return self

    def step(self, step_id: str) -> Step:
        """The step with this id. Raises KeyError."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)
