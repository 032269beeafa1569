"""A playbook: which step comes when, for whom and on which channels, as data that a lawyer can read."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum

from pydantic import Field, field_validator, model_validator

from amends.domain.base.audience import EVERYONE, Audience, NoLonger, ToldOtherwise, Unredeemed
from amends.domain.base.value import MOST_PEOPLE, Lasting, Slug, Span, StatedMoment, Truth, Value
from amends.domain.channel.channel import ChannelKind
from amends.domain.claim.rules import ClaimRules
from amends.domain.feedback.question import QuestionKind, Urgency
from amends.domain.feedback.queue.topics import Topic
from amends.domain.forget.retention import Retention
from amends.domain.incident.commitment import PlannedCommitment
from amends.domain.incident.facts import Cause, DataCategory, Vector
from amends.domain.playbook.closing import ClosingRules
from amends.domain.playbook.schedule import ClockTime, Delay
from amends.domain.playbook.session import PlannedSession
from amends.domain.playbook.survey import Survey
from amends.domain.risk.levels import Severity
from amends.domain.team.approval import EXPIRES_AFTER, ApprovalRule
from amends.domain.team.member import TeamRole

DEADLINES = "deadlines"
"""The id of the step for reminders of legal deadlines in a plan; no playbook names this step."""
HOLDING = "holding"
"""The id of the step, and of the templates, for the statement that there is nothing new yet; in no playbook."""
BUILT_IN_STEPS = {DEADLINES: "reminders of legal deadlines", HOLDING: "statements that there is nothing new yet"}
"""Steps that stand in a plan although no playbook names them, each with its purpose in words."""


FOUND_IN_WORDS: Mapping[type[Audience], str] = {
    ToldOtherwise: "those who were told otherwise",
    NoLonger: "those who were told, and whose data was not affected after all",
}
"""The audiences whose people are found anew for each notice, in words."""


class Phase(StrEnum):
    """A kind of work that a step does; each kind is a flow of the same name."""

    ASSESS = "assess"
    NOTIFY = "notify"
    UPDATE = "update"
    COLLECT_FEEDBACK = "collect_feedback"
    FOLLOW_UP = "follow_up"


class Event(StrEnum):
    """An event of a case from which steps are timed, beside the id of any other step (the time when it was done)."""

    OPENED = "opened"
    ASSESSED = "assessed"
    APPROVED = "approved"
    """A notice got its last approval for the first time."""
    NOTIFIED = "notified"
    """The first notice was sent to everybody who could be reached."""
    FACTS_CHANGED = "facts_changed"
    """The incident file was amended since people were last told the news; each time is an occurrence of its own."""
    NO_LONGER_AFFECTED = "no_longer_affected"
    """A corrected list lacks somebody who was told of their data; each time is an occurrence of its own."""
    COMMITMENT_LATE = "commitment_late"
    """A commitment is not settled on the day it was due; each such day is an occurrence of its own."""
    RESOLVED = "resolved"
    """The lead says that there is nothing new to tell; commitments may still be open."""
    CLOSED = "closed"


REPEATING = (Event.FACTS_CHANGED, Event.NO_LONGER_AFFECTED, Event.COMMITMENT_LATE)
"""Events that can happen more than once."""
FOUND_FOR: Mapping[str, type[Audience]] = {Event.FACTS_CHANGED: ToldOtherwise, Event.NO_LONGER_AFFECTED: NoLonger}
"""The audience of the steps of an event whose people are found anew for each notice."""


class Gate(StrEnum):
    """A condition for sending an approved notice."""

    AUTHORITIES = "authorities"
    """Every authority that the law wants told before the people has been told."""
    DIRECT_NOTICES = "direct_notices"
    """Nearly all messages to people have been sent before the public is told."""


class When(Value):
    """A condition over facts of the case; every key given must hold. An unknown fact counts as holding."""

    severity_at_least: Severity | None = None
    people_at_least: int | None = Field(default=None, ge=1, le=MOST_PEOPLE)
    cause: tuple[Cause, ...] = ()
    vector: tuple[Vector, ...] = ()
    data_includes: tuple[DataCategory, ...] = ()
    """At least one of these kinds of data was touched."""
    open_commitments: Truth | None = None
    open_questions: Truth | None = None
    told_wrongly: Truth | None = None
    """True when something that people were told as certain has turned out to be wrong."""


class Waves(Value):
    """The waves in which a notice is sent, so that the hotline can cope with the calls."""

    size: int = Field(ge=1, le=MOST_PEOPLE)
    """The number of people in a wave."""
    pause: Lasting
    """The time from the beginning of one wave to the beginning of the next."""

    def people(self, since: datetime, now: datetime, after: int = 0) -> int:
        """Return the number of the last person, in the order of the list, whose wave has begun by now.

        The first wave begins at `since`, with the person who follows number `after`.
        """
        return after + self.size * max(1 + (now - since) // self.pause, 0)

    def begins(self, person: int, since: datetime, after: int = 0) -> datetime:
        """Return the beginning of the wave in which this person is told."""
        return since + (person - after - 1) // self.size * self.pause


class QuietHours(Value):
    """Hours in which people are not disturbed, on the clock of the place where each person lives."""

    from_: ClockTime = Field(alias="from")
    until: ClockTime
    channels: tuple[ChannelKind, ...] = tuple(kind for kind in ChannelKind if kind.wakes)
    """Channels that are quiet in these hours; by default those that make a sound at night."""
    unless_severity: Severity | None = None
    """The severity from which on quiet hours do not count, because waiting does more harm than waking."""

    model_config = {**Value.model_config, "populate_by_name": True}

    @model_validator(mode="after")
    def _has_an_end(self) -> "QuietHours":
        if self.from_ == self.until:
            raise ValueError("quiet hours begin and end at the same time: nobody could tell whether that is always")
        if any(not channel.personal or channel.printed for channel in self.channels):
            raise ValueError("quiet hours are for email and sms: the others disturb nobody")
        return self


class Threshold(Value):
    """A number of the case that counts as an event once it is reached, whatever comes later."""

    questions_at_least: int | None = Field(default=None, ge=1, le=MOST_PEOPLE)
    """Questions asked since the case was opened."""
    open_questions_at_least: int | None = Field(default=None, ge=1, le=MOST_PEOPLE)
    """Questions asked and not answered yet."""
    told_percent_at_least: int | None = Field(default=None, ge=1, le=100)
    """The percentage of the people of `notice` to whom the notice was sent or delivered."""
    notice: Slug = "first-notice"

    @model_validator(mode="after")
    def _one_number(self) -> "Threshold":
        numbers = (self.questions_at_least, self.open_questions_at_least, self.told_percent_at_least)
        if sum(number is not None for number in numbers) != 1:
            raise ValueError("give one of questions_at_least, open_questions_at_least and told_percent_at_least")
        return self


class Step(Value):
    """One thing to do, once or in a series."""

    id: Slug
    phase: Phase
    after: Delay = Delay()
    of: str = ""
    """An event of the case, a threshold, or the id of another step."""
    on: StatedMoment | None = None
    """A date and time instead of an event."""
    at: ClockTime | None = None
    """The time of day, on the organisation's clock, for which an occurrence waits."""
    every: Delay | None = None
    until: str | None = None
    """The event that ends the series."""
    at_most: int = Field(default=1, ge=1, le=500)
    """The highest number of occurrences of a series."""
    one_of: Slug | None = None
    """A word that several steps share: only the first of them, in reading order, whose condition holds is taken."""
    when: When = When()
    session: Slug | None = None
    """The question hour that this step announces; its page is public from then on."""
    notice: Slug | None = None
    """The folder of templates of the notice that this step sends."""
    audience: Audience = EVERYONE
    """Everyone, the name of a segment, or `unredeemed:COMMITMENT`: those who have a code and have not redeemed it."""
    channels: tuple[ChannelKind, ...] = ()
    """Every channel to use; a person gets a message on each personal channel for which there is an address."""
    cascade: tuple[ChannelKind, ...] = ()
    """Personal channels to try, in this order, for people whom `channels` did not reach; a letter comes last."""
    approvals: ApprovalRule = ApprovalRule(needed=2)
    """The number of different people who must approve, none of them an author; with roles, one of each among them."""
    optional: Truth = False
    """True when people who opted out do not get the notice; else an opt-out changes nothing. A late commitment is
    always told."""
    waits_for: tuple[Gate, ...] = ()
    """Gates that must be open before the approved notice is sent."""
    waves: Waves | None = None
    task: str = ""
    """The task of a person, in a sentence; the step is done when the person says so: `amends step done`."""
    owner: str = ""
    """The owner of the task: a member of the team, or an office."""
    within: Delay | None = None
    """The time that the owner has for the task."""
    escalate_to: TeamRole = TeamRole.LEAD
    """The role whose members are told when the task is not done in this time."""
    review: Truth = False
    """True when the task is a review of the case: figures, what went well, badly or by luck, and lessons; it is done by
    `amends review end`."""
    survey: Slug | None = None
    """The survey to which the notice of this step invites."""
    reads_on: str = ""
    """A sentence for the readers of the playbook."""

    @model_validator(mode="after")
    def _has_one_beginning(self) -> "Step":
        if (self.on is None) == (not self.of):
            raise ValueError("say when it begins: either `of` an event, or `on` a date and time")
        if self.on and self.after:
            raise ValueError("after belongs to an event: leave it out beside `on`")
        if self.of in REPEATING and self.every:
            raise ValueError(f"a step of {self.of} comes again by itself: leave out every")
        return self

    @field_validator("within", "every")
    @classmethod
    def _lasts(cls, delay: Delay | None) -> Delay | None:
        if delay is not None and not delay:
            raise ValueError("a time above zero is expected here, such as 72h, 3d or 5 business days")
        return delay

    @model_validator(mode="after")
    def _is_a_whole_task(self) -> "Step":
        if self.task and not (self.owner and self.within):
            raise ValueError("a task needs its owner, and within: how long they have")
        if not self.task and (self.owner or self.within is not None):
            raise ValueError("owner and within belong to a task")
        if self.task and (self.phase is not Phase.FOLLOW_UP or self.channels):
            raise ValueError("a task stands in a step of its own: phase follow_up, without channels")
        if self.review and (not self.task or self.repeats):
            raise ValueError("a review is one task: give it task, owner and within, and leave out every")
        return self

    @model_validator(mode="after")
    def _invites_in_person(self) -> "Step":
        if not self.survey:
            return self
        if self.phase is not Phase.COLLECT_FEEDBACK or not self.notice:
            raise ValueError("survey belongs to a step of phase collect_feedback with a notice that invites to it")
        if not any(channel.personal for channel in self.channels):
            raise ValueError("people are invited to a survey in person: add email or sms to channels")
        return self

    @model_validator(mode="after")
    def _makes_sense(self) -> "Step":
        quick = set(self.channels) and not any(channel.detailed for channel in self.channels)
        if quick:
            raise ValueError("quick channels never stand alone: add email or website to channels")
        if self.notice and not self.channels:
            raise ValueError("a notice needs channels")
        if any(not channel.personal for channel in self.cascade):
            raise ValueError("a cascade goes over personal channels only: email, sms, letter")
        if self.found_for is NoLonger and any(not channel.personal for channel in self.channels):
            raise ValueError("who is not affected after all is told in person: only email and sms can be channels")
        if self.optional and self.phase is Phase.NOTIFY:
            raise ValueError("a notify step tells people what happened to their data, so it cannot be optional")
        if self.session and (self.phase is not Phase.COLLECT_FEEDBACK or self.repeats):
            raise ValueError("a session is announced once, by a step of the phase collect_feedback")
        if isinstance(self.audience, Unredeemed) and not (self.optional and self.phase is Phase.COLLECT_FEEDBACK):
            raise ValueError("a reminder of codes is optional: true, in a step of phase collect_feedback")
        if isinstance(self.audience, Unredeemed) and any(not channel.personal for channel in self.channels):
            raise ValueError("people are reminded of their codes in person: only email and sms can be channels")
        if self.optional and not self.channels:
            raise ValueError("optional belongs to a step that sends something: add channels")
        return self

    @model_validator(mode="after")
    def _is_a_whole_series(self) -> "Step":
        if self.every is not None and not self.every.business_days and self.every.span.total_seconds() < 3600:
            raise ValueError("a series repeats at most once an hour")
        if self.every is not None and self.at and not (self.every.business_days or self.every.whole_days):
            raise ValueError("at is a time of day: every must be whole days then")
        if self.every is None and (self.until is not None or self.at_most != 1):
            raise ValueError("until and at_most belong to a series: add every")
        if self.every is not None and self.at_most == 1:
            raise ValueError("a series needs at_most: how often it runs at the most")
        return self

    @model_validator(mode="after")
    def _letter_comes_last(self) -> "Step":
        if any(channel.printed for channel in self.channels):
            raise ValueError("a letter is for those whom nothing else reached: name it in cascade, not in channels")
        if any(channel.printed for channel in self.cascade[:-1]):
            raise ValueError("a letter is the last of a cascade: only the post tells that it did not arrive")
        if any(kind.reads not in self.written_for for kind in self.cascade if kind.printed):
            raise ValueError("a letter is the email on paper: add email to channels or cascade")
        return self

    @property
    def found_for(self) -> type[Audience] | None:
        """Return the kind of audience whose people are found anew for each notice, or None for a fixed one."""
        fixed = type(self.audience) if self.audience == type(self.audience)() else None
        return FOUND_FOR.get(self.of, fixed if fixed in FOUND_FOR.values() else None)

    @property
    def tells_news(self) -> bool:
        """Return True when a notice of the step tells people affected how things stand."""
        return self.phase not in (Phase.COLLECT_FEEDBACK, Phase.FOLLOW_UP) and self.found_for is not NoLonger

    @property
    def tells_first(self) -> bool:
        """Return True when the step tells people for the first time what happened; duties to people rest on this."""
        return self.phase is Phase.NOTIFY and self.of != Event.RESOLVED and not self.found_for

    @property
    def corrects(self) -> bool:
        """Return True when the step writes to the people who were told otherwise than is known now."""
        return self.found_for is ToldOtherwise

    @property
    def readers(self) -> str:
        """Return the audience in words."""
        return FOUND_IN_WORDS[self.found_for] if self.found_for else self.audience

    @property
    def repeats(self) -> bool:
        """Return True when the step may come more than once."""
        return self.every is not None or self.of in REPEATING

    @property
    def written_for(self) -> tuple[ChannelKind, ...]:
        """Return the channels that need a text of their own; a letter has the text of the email."""
        return tuple(dict.fromkeys(kind for kind in (*self.channels, *self.cascade) if not kind.printed))


class StepChange(Value):
    """The keys of a step that change from some severity on."""

    after: Delay | None = None
    at: ClockTime | None = None
    every: Delay | None = None
    at_most: int | None = Field(default=None, ge=1, le=500)
    channels: tuple[ChannelKind, ...] | None = None
    cascade: tuple[ChannelKind, ...] | None = None
    approvals: ApprovalRule | None = None
    waves: Waves | None = None

    def of(self, step: Step) -> Step:
        """Return the step with the change made. Raises ValidationError when the changed step makes no sense."""
        return Step.model_validate(step.model_dump(by_alias=True) | self.model_dump(by_alias=True, exclude_unset=True))


class Playbook(Value):
    """A playbook: steps in reading order, with the commitments that come with them."""

    id: Slug
    title: str
    for_: str = Field(alias="for")
    """The purpose of the playbook, in a sentence."""
    reply_within: Lasting
    """The time within which every question is answered."""
    questions_owner: str
    """The member or the office that answers questions whose topic has no owner."""
    complaints_owner: str = ""
    """The member or the office who answers complaints; the owner of questions when the key is left out."""
    links_expire_after: Lasting = Span(days=365)
    """The time after the last notice at which personal links of a closed incident stop working."""
    topics: dict[Slug, Topic] = {}
    """Topics of questions by name, looked for in this order and before the shipped ones."""
    urgent: dict[Urgency, Lasting] = {}
    """The time within which a question of some urgency is answered, when it is shorter than its topic's."""
    gap_at: int = Field(default=10, ge=1, le=MOST_PEOPLE)
    """The number of people asking the same without an answer from which on the next update must speak of it."""
    approve_within: Lasting = Span(hours=24)
    """The time that approvers have after a draft; a time named for the next update allows for this."""
    approval_expires_after: Lasting = EXPIRES_AFTER
    """The time for which an approval counts; a notice that is not released by then must be approved anew."""
    remind_before: Span
    """The time before a commitment is due at which its owner is reminded."""
    late_before: Span = Span(days=1)
    """The time before a commitment is due at which a notice that it will be late is drafted, unless it is settled or
    has another date by then."""
    next_word_within: Lasting = Span(days=7)
    """The time within which people hear again of a late commitment that has no new date."""
    quiet_hours: QuietHours | None = None
    days_off: tuple[date, ...] = ()
    """Public holidays, which are no business days; those of the organisation's country when the key is left out."""
    thresholds: dict[Slug, Threshold] = {}
    """Numbers of the case that are events, by name."""
    by_severity: dict[Severity, dict[Slug, StepChange]] = {}
    """Changes of steps from a severity on; the changes of a graver severity are applied later."""
    steps: tuple[Step, ...] = Field(min_length=1)
    commitments: tuple[PlannedCommitment, ...] = ()
    """Commitments that each incident makes with this playbook; the shipped playbooks have none."""
    surveys: tuple[Survey, ...] = ()
    """The surveys to which steps invite."""
    sessions: tuple[PlannedSession, ...] = Field(default=(), max_length=50)
    """Question hours, each announced by a step that names it, or by hand."""
    closing: ClosingRules = ClosingRules()
    """The rules of closing: what must be true before a case closes."""
    offers: tuple[Slug, ...] = ()
    """Entries of the library of commitments that fit. Nobody makes them until the incident file picks them."""
    claims: ClaimRules | None = None
    """The rules by which people can claim compensation; nobody can when the key is left out."""
    retention: Retention = Retention()
    """The time after the closing for which personal data is kept, by kind; else until two people destroy the case."""

    model_config = {**Value.model_config, "populate_by_name": True}

    @model_validator(mode="after")
    def _steps_fit_together(self) -> "Playbook":
        ids = [step.id for step in self.steps]
        for own in BUILT_IN_STEPS.keys() & set(ids):
            raise ValueError(f"{own} is the step under which {BUILT_IN_STEPS[own]} stand; choose another id")
        if len(set(ids)) != len(ids):
            raise ValueError(f"two steps have the id {next(i for i in ids if ids.count(i) > 1)}")
        known = {*ids, *Event, *self.thresholds}
        for index, step in enumerate(self.steps):
            for word in filter(None, (step.of, step.until)):
                if word not in known:
                    raise ValueError(f"steps.{index}: {word!r} is neither an event nor a step: {', '.join(known)}")
        if taken := sorted({*ids, *Event} & self.thresholds.keys()):
            raise ValueError(f"a threshold needs a name of its own: {taken[0]} is an event or a step")
        return self

    @model_validator(mode="after")
    def _surveys_fit(self) -> "Playbook":
        ids = [survey.id for survey in self.surveys]
        if len(set(ids)) != len(ids):
            raise ValueError(f"two surveys have the id {next(i for i in ids if ids.count(i) > 1)}")
        for index, step in enumerate(self.steps):
            if step.survey and step.survey not in ids:
                known = ", ".join(ids) or "none"
                raise ValueError(f"steps.{index}: there is no survey {step.survey!r}; there is: {known}")
        return self

    @model_validator(mode="after")
    def _sessions_fit(self) -> "Playbook":
        planned = [session.id for session in self.sessions]
        if len(set(planned)) != len(planned):
            raise ValueError(f"two sessions have the id {next(one for one in planned if planned.count(one) > 1)}")
        for index, step in enumerate(self.steps):
            if step.session and step.session not in planned:
                raise ValueError(
                    f"steps.{index}: there is no session {step.session}; known: {', '.join(planned) or 'none'}"
                )
        known = {*(step.id for step in self.steps), *Event, *self.thresholds}
        for index, session in enumerate(self.sessions):
            if session.of and session.of not in known:
                raise ValueError(f"sessions.{index}: {session.of!r} is neither an event nor a step: {', '.join(known)}")
        return self

    @model_validator(mode="after")
    def _changes_fit(self) -> "Playbook":
        steps = {step.id: step for step in self.steps}
        for severity in sorted(self.by_severity, key=lambda one: one.rank):
            changes = self.by_severity[severity]
            if unknown := sorted(changes.keys() - steps.keys()):
                raise ValueError(f"by_severity.{severity}: there is no step {unknown[0]}")
            steps |= {step_id: change.of(steps[step_id]) for step_id, change in changes.items()}
        return self

    @property
    def uses_business_days(self) -> bool:
        """Return True when public holidays make a difference."""
        changes = (change for changes in self.by_severity.values() for change in changes.values())
        delays = [delay for step in self.steps for delay in (step.after, step.every, step.within)]
        delays += [delay for change in changes for delay in (change.after, change.every)]
        return any(delay.business_days for delay in delays if delay)

    def owner_of(self, kind: QuestionKind) -> str:
        """Return the owner who is to answer a question of this kind."""
        is_complaint = kind is QuestionKind.COMPLAINT and self.complaints_owner
        return self.complaints_owner if is_complaint else self.questions_owner

    def session(self, session_id: str) -> PlannedSession | None:
        """Return the question hour with this id, or None when there is none."""
        return next((session for session in self.sessions if session.id == session_id), None)

    def step(self, step_id: str) -> Step:
        """Return the step with this id. Raises KeyError when there is none."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)

    def survey(self, survey_id: str) -> Survey | None:
        """Return the survey with this id, or None."""
        return next((survey for survey in self.surveys if survey.id == survey_id), None)


def at_severity(playbook: Playbook, severity: Severity | None) -> Playbook:
    """Return the playbook for a case of this severity; unchanged while nobody has assessed the case."""
    if severity is None or not playbook.by_severity:
        return playbook
    steps = {step.id: step for step in playbook.steps}
    for reached in sorted(playbook.by_severity, key=lambda one: one.rank):
        if reached.rank <= severity.rank:
            changes = playbook.by_severity[reached]
            steps |= {step_id: change.of(steps[step_id]) for step_id, change in changes.items()}
    return playbook.model_copy(update={"steps": tuple(steps.values())})
