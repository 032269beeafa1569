"""Commitments to people: planned, made, and kept or dropped."""

import re
from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, model_validator

from amends.domain.base.audience import EVERYONE, Audience
from amends.domain.base.money import Money
from amends.domain.base.url import is_on_the_web
from amends.domain.base.value import (
    FIRST_STATED,
    LAST_MINUTE,
    LAST_STATED,
    Lasting,
    Moment,
    Slug,
    Span,
    Texts,
    Unfinished,
    Value,
    is_unknown,
    to_utc,
)
from amends.domain.incident.per_person import PerPerson


class CommitmentKind(StrEnum):
    """The kind of a commitment."""

    CREDIT_MONITORING = "credit_monitoring"
    COMPENSATION = "compensation"
    """Money."""
    VOUCHER = "voucher"
    """A discount or a voucher."""
    ACCOUNT_RECHECK = "account_recheck"
    SECURITY_SERVICE = "security_service"
    """A security service that customers get in addition."""
    SECURITY_FIX = "security_fix"
    ENCRYPTION = "encryption"
    """The encryption of a store of data."""
    AUDIT = "audit"
    TRAINING = "training"
    REGULATOR = "regulator"
    """A report to an authority."""
    COMMUNITY_CONTRIBUTION = "community_contribution"
    REVIEW = "review"
    """A look back after some months, with its result told to customers."""
    OTHER = "other"


class TakeUpPart(StrEnum):
    """A part of what a person needs to take up an offer."""

    PROVIDER = "provider"
    CODE = "code"
    LINK = "link"
    PHONE = "phone"
    UNTIL = "until"
    HOW = "how"


class CodePlace(StrEnum):
    """A place where a person reads the code that is theirs alone."""

    LETTER = "letter"
    """In the message itself, and on the personal page."""
    PAGE = "page"
    """On the personal page only."""


KEPT_SLOTS = (*TakeUpPart, "result")
"""The slots of what people are told when a commitment is kept; the result is the evidence in their words."""
KEPT_SLOT = re.compile(r"\{(\w+)\}")
WAYS = (TakeUpPart.CODE, TakeUpPart.LINK, TakeUpPart.PHONE)
"""The parts of which one is enough to take up an offer."""
OFFERS: dict[CommitmentKind, tuple[TakeUpPart, ...]] = {CommitmentKind.CREDIT_MONITORING: (TakeUpPart.UNTIL,)}
"""The kinds of commitments that a person must take up, with what each needs beside a way."""


def _web_address(text: str) -> str:
    if text and not (text.startswith("https://") and is_on_the_web(text)):
        raise ValueError("a whole address is meant, such as https://provider.example/enrol")
    return text


def _day(text: str) -> str:
    if text:
        try:
            year = date.fromisoformat(text).year
        except ValueError:
            raise ValueError("a day is meant, such as 2027-03-31") from None
        if not FIRST_STATED <= year <= LAST_STATED:
            raise ValueError(f"a day between the years {FIRST_STATED} and {LAST_STATED} is meant")
    return text


class TakeUp(Unfinished):
    """The way in which a person takes up an offer; what the lead fills in once there is a contract."""

    provider: Texts = {}
    """The company that gives what is offered."""
    code: str = Field(default="", max_length=64)
    """The code that everybody uses. A code for each person alone has no place here; see `codes`."""
    codes: CodePlace | None = Field(default=None, exclude_if=is_unknown)
    """The place where each person reads a code of their own, from the stock that `amends codes import` fills."""
    link: Annotated[str, AfterValidator(_web_address)] = ""
    phone: str = Field(default="", max_length=40)
    until: Annotated[str, AfterValidator(_day)] = ""
    """The last day on which a person can take it up, such as 2027-03-31."""
    how: Texts = {}
    """The rest that the person has to do or to have at hand, in full sentences."""

    @model_validator(mode="after")
    def _one_kind_of_code(self) -> "TakeUp":
        if self.code and self.codes:
            raise ValueError("`code` is the same for everybody, `codes` gives each person their own: leave out one")
        return self

    def lacks(self, needs: Collection[TakeUpPart]) -> tuple[str, ...]:
        """Return what is missing of these parts, in words; any way to take it up is as good as another."""
        ways = [part for part in needs if part in WAYS]
        way = self.codes is not None or any(getattr(self, part) for part in WAYS)
        missing = ["a code, a link or a telephone number"] if ways and not way else []
        rest = (part for part in needs if part not in WAYS and not getattr(self, part))
        return (*missing, *("the last day (until)" if part is TakeUpPart.UNTIL else part.value for part in rest))


DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
MOST_STEPS = 50
MOST_OCCURRENCES = 200
"""The most occurrences of a series of commitments; a hundred quarters are 25 years."""
LONGEST_ID_OF_SERIES = 60
"""The most characters of the id of a series, so that its number has room in the ids of the occurrences."""


def _due(given: object) -> Span | date:
    """Return the span or the day that is written. Raises ValueError."""
    text = given.strip() if isinstance(given, str) else given
    if isinstance(text, date) and not isinstance(text, datetime):
        return text
    if isinstance(text, str) and DAY.fullmatch(text):
        return date.fromisoformat(_day(text))
    span = Span.parse(text)
    if not span:
        raise ValueError("a time above zero is expected here, such as 72h or 30d, or a day such as 2027-03-31")
    return span


LastDay = Annotated[str, AfterValidator(_day)]
"""A day such as 2028-12-31, or nothing."""
Due = Annotated[Span | date, PlainValidator(_due, json_schema_input_type=str), PlainSerializer(str, return_type=str)]
"""A span counted from when the people were told, such as 30d, or the last day, such as 2027-03-31."""


def needs_of(kind: CommitmentKind, named: Collection[TakeUpPart] = ()) -> tuple[TakeUpPart, ...]:
    """Return the parts that people need to take up a commitment of this kind; of a library's entry, those it names."""
    return tuple(named) or ((*WAYS, *OFFERS[kind]) if kind in OFFERS else ())


def said_when_kept(kept: str, values: Mapping[str, str]) -> tuple[str, ...]:
    """Return the sentences with their slots filled in; a line with a slot of which there is no value is left out."""
    whole = (line for line in kept.splitlines() if all(values.get(slot) for slot in KEPT_SLOT.findall(line)))
    return tuple(KEPT_SLOT.sub(lambda slot: values[slot[1]], line) for line in whole)


class PlannedCommitmentStep(Value):
    """A step on the way to keep a commitment, as a file words it; customers never read it."""

    what: str = Field(min_length=3, max_length=500)
    due: Due
    owner: str = ""
    """The member who does the step; the owner of the commitment when left out."""


class CommitmentTerms(Value):
    """The terms of a commitment as a person writes them down, before anybody is told of it."""

    id: Slug
    use: str = ""
    """The entry of the library from which the commitment was taken; empty for one in the file's own words."""
    kind: CommitmentKind
    promise: Texts
    """The promise to customers, as a full sentence per locale, in words that can be kept."""
    owner: str
    """The member who must keep the commitment, or a role or office; then the lead is reminded instead."""
    deputy: str = ""
    """The member who is reminded after the owner."""
    every: Lasting | None = None
    """The time from one occurrence to the next, for a commitment that recurs; each is kept and told by itself."""
    until: LastDay = ""
    """The last day on which an occurrence can be due, such as 2028-12-31."""
    at_most: int | None = Field(default=None, ge=2, le=MOST_OCCURRENCES)
    """The number of occurrences at most."""
    steps: tuple[PlannedCommitmentStep, ...] = Field(default=(), max_length=MOST_STEPS)
    budget: Money | None = None
    """The money that may be spent on it, such as 12000 EUR."""
    audience: Audience = EVERYONE
    """The people to whom the commitment is made: everyone, or the name of a segment."""
    take_up: TakeUp = TakeUp()
    """The way in which a person takes up what is offered."""
    needs: tuple[TakeUpPart, ...] = ()
    """The parts of `take_up` that people need, as the library's entry names them."""
    kept: Texts = {}
    """The sentences for those promised once it is kept, with slots such as {link} and {result}."""
    per_person: PerPerson | None = None
    """The words for each person's own result, of what is done person by person; None for any other commitment."""

    @model_validator(mode="after")
    def _recurs_sensibly(self) -> Self:
        if why := why_no_series(self.id, self.every, self.until, self.at_most):
            raise ValueError(why)
        return self

    @property
    def lacks(self) -> tuple[str, ...]:
        """Return in words what people would need to take up the offer and the file does not say."""
        return self.take_up.lacks(needs_of(self.kind, self.needs))


class PlannedCommitment(CommitmentTerms):
    """A commitment as a playbook or an incident file words it."""

    due: Due
    """The time within which the commitment is due, counted from when the people were told, or the last day."""


def why_no_series(name: str, every: Span | None, until: str, at_most: int | None) -> str:
    """Return why a commitment with this id could not recur like this, or "" when it can, or does not recur."""
    if every is None:
        return (
            "until and at_most belong to a commitment that recurs: add every, such as 90d" if until or at_most else ""
        )
    if not (until or at_most):
        return "a commitment that recurs must end: add until, such as 2028-12-31, or at_most"
    return (
        f"{name} is too long for a series; at most {LONGEST_ID_OF_SERIES}" if len(name) > LONGEST_ID_OF_SERIES else ""
    )


class CommitmentState(StrEnum):
    """The state of a commitment: open until it is kept, dropped with an explanation, or broken."""

    OPEN = "open"
    KEPT = "kept"
    DROPPED = "dropped"
    """Given up before its date, with the reason."""
    BROKEN = "broken"
    """Past its date, and never to be kept."""


IS_LATE = "late"
"""The state that people are told of an open commitment that was overdue or got another date."""
FATES = (*CommitmentState, IS_LATE)
"""All states of a commitment that people are told of."""


NOT_KEPT = (CommitmentState.DROPPED, CommitmentState.BROKEN)
"""The states of a commitment that will not be kept any more."""


class CommitmentStep(Value):
    """A step on the way to keep a commitment."""

    what: str
    owner: str
    due_at: Moment
    done_at: Moment | None = None
    done_by: str = ""


class Commitment(Value):
    """A commitment that was made: it has an owner, a due date and, once kept, evidence."""

    id: Slug
    kind: CommitmentKind
    promise: Texts
    owner: str
    audience: Audience
    due_at: Moment
    state: CommitmentState = CommitmentState.OPEN
    made_in: str = ""
    """The notice that made the commitment; empty for one that was added and that nobody was told yet."""
    evidence: Texts = {}
    """Evidence that the commitment was kept, in words for customers."""
    settled_at: Moment | None = None
    new_due_at: Moment | None = None
    """The later date that the owner set, or None; `due_at` stays the promised date."""
    reason: Texts = {}
    """The reason why the commitment is late or dropped, in words for customers."""
    reminded_at: Moment | None = None
    escalated_at: Moment | None = None
    added_at: Moment | None = None
    """The time at which a person added the commitment; None for one of a playbook or an incident file."""
    next_word_at: Moment | None = None
    """The time by which people hear again of a late commitment that has no new date; None for any other."""
    take_up: TakeUp = TakeUp()
    kept: Texts = {}
    """The sentences for those promised once it is kept, with slots."""
    per_person: PerPerson | None = None
    """The words for each person's own result; None for a commitment that is kept for all at once."""
    deputy: str = ""
    """The member who is reminded after the owner, or empty."""
    series: str = ""
    """The id of the first occurrence of a commitment that recurs; empty for one that does not."""
    number: int = 1
    """The number of the occurrence in its series, from 1 on."""
    every: Lasting | None = None
    """The time from one due date of the series to the next; None when no further occurrence follows."""
    until: Moment | None = None
    """The time after which no occurrence of the series is due."""
    at_most: int | None = None
    """The number of occurrences of the series at most."""
    steps: tuple[CommitmentStep, ...] = ()
    budget: Money | None = None
    spent: Money | None = None
    reported_at: Moment | None = None
    """The time at which a member reported that it is kept; with the state open, another member has to review that."""
    reported_by: str = ""
    reviewed_at: Moment | None = None
    refusal: str = ""
    """The reason why a reviewer did not accept the last evidence, in words for the team; or empty."""
    zone: str = "UTC"
    """The time zone in which the days end that people were told."""
    reviewed_by: str = ""
    """The member who accepted the evidence; never the one who reported."""
    evidence_link: str = ""
    """A page on a domain of the organisation that shows the evidence, or empty."""

    @property
    def waits_for_review(self) -> bool:
        """Return True when a member reported the commitment as kept, and nobody has accepted the evidence yet."""
        return self.state is CommitmentState.OPEN and self.reported_at is not None

    @property
    def waits_to_be_made(self) -> bool:
        """Return True when the commitment was added, is open, and nobody was told of it yet."""
        return not self.made_in and self.state is CommitmentState.OPEN

    @property
    def word_due_at(self) -> datetime:
        """Return the time by which the people expect that the commitment is kept, or that they hear of it."""
        return self.next_word_at or self.new_due_at or self.due_at

    def overdue(self, now: datetime) -> bool:
        """Return True when the commitment is open and the date that people were last given has passed."""
        return self.state is CommitmentState.OPEN and (self.new_due_at or self.due_at) < now

    def unsaid(self) -> "Commitment":
        """Return the commitment as it stands, without evidence, reason and lateness that nobody was told."""
        return self.model_copy(update={"evidence": {}, "evidence_link": "", "reason": {}, "next_word_at": None})

    def reviewed_only(self) -> "Commitment":
        """Return the commitment without evidence that no second member has accepted."""
        return self if self.settled_at else self.model_copy(update={"evidence": {}, "evidence_link": ""})


def fate(commitment: Commitment, now: datetime) -> str:
    """Return the state that people are told: open, kept, late, dropped or broken."""
    said_to_be_late = commitment.new_due_at or commitment.next_word_at
    late = commitment.state is CommitmentState.OPEN and (said_to_be_late is not None or commitment.overdue(now))
    return IS_LATE if late else commitment.state.value


class Chase(StrEnum):
    """An alert to the team about a commitment: a reminder to its owner, or its lateness to the lead."""

    REMIND = "remind"
    ESCALATE = "escalate"


def to_chase(commitments: tuple[Commitment, ...], now: datetime, before: timedelta) -> dict[str, Chase]:
    """Return the alerts about commitments that are due now, by the id of the commitment; each is due only once."""
    chases: dict[str, Chase] = {}
    for commitment in commitments:
        if commitment.state is not CommitmentState.OPEN:
            continue
        if commitment.overdue(now):
            if commitment.escalated_at is None:
                chases[commitment.id] = Chase.ESCALATE
        elif commitment.waits_for_review:
            continue
        elif commitment.reminded_at is None and (commitment.new_due_at or commitment.due_at) - before <= now:
            chases[commitment.id] = Chase.REMIND
    return chases


def to_foresee(
    commitments: tuple[Commitment, ...], now: datetime, before: timedelta, again: timedelta
) -> dict[str, datetime]:
    """Return the commitments of which it must be said now that they will be late, unless a person says otherwise.

    Each comes with the time by which people hear of it again, which is `again` after the day that they were told.
    """
    return {
        commitment.id: max(commitment.word_due_at, now) + again
        for commitment in commitments
        if commitment.state is CommitmentState.OPEN and commitment.made_in and commitment.word_due_at - before <= now
    }


def planned_commitments(
    playbook: tuple[PlannedCommitment, ...], incident: tuple[PlannedCommitment, ...]
) -> tuple[PlannedCommitment, ...]:
    """Return the playbook's commitments; those of the incident come last and replace any with the same id."""
    merged = {planned.id: planned for planned in (*playbook, *incident)}
    return tuple(merged.values())


def end_of_day(text: str, zone: str) -> datetime:
    """Return the last minute of this day in the time zone, or a full time with its zone as it stands, in UTC.

    Raises ValueError for a text that is neither, and for a year that cannot be meant.
    """
    try:
        whole_day = len(text) == len("2027-03-31")
        at = datetime.combine(date.fromisoformat(text), LAST_MINUTE) if whole_day else datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no date such as 2027-03-31") from None
    if whole_day:
        return to_utc(at.replace(tzinfo=ZoneInfo(zone)))
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; add one, or leave out the time")
    return to_utc(at)


def due_by(text: str, zone: str, now: datetime) -> datetime:
    """Return the time that a date or a span such as 14d from now means. Raises ValueError as `end_of_day`."""
    try:
        return now + Span.parse(text)
    except ValueError:
        return end_of_day(text, zone)


def due_at(due: Span | date, told_at: datetime, zone: str) -> datetime:
    """Return the time that a span after `told_at`, or the end of a day in the time zone, means."""
    return told_at + due if isinstance(due, timedelta) else end_of_day(due.isoformat(), zone)


def when_due(planned: PlannedCommitment) -> str:
    """Return in words when the commitment is due and how it recurs: due 60d after people were told, then every 90d."""
    due = f"by {planned.due}" if isinstance(planned.due, date) else f"due {planned.due} after people were told"
    ends = (f"until {planned.until}" if planned.until else "", f"{planned.at_most} times" if planned.at_most else "")
    return f"{due}, then every {planned.every}, {' and '.join(filter(None, ends))}" if planned.every else due


def planned_steps(steps: tuple[PlannedCommitmentStep, ...], told_at: datetime, zone: str) -> tuple[CommitmentStep, ...]:
    """Return the steps with their times, counted from `told_at`; days end in the time zone."""
    return tuple(
        CommitmentStep(what=step.what, owner=step.owner, due_at=due_at(step.due, told_at, zone)) for step in steps
    )


def commit(planned: PlannedCommitment, notified_at: datetime, notice: str, zone: str = "UTC") -> Commitment:
    """Return the commitment that the notice makes when people are told of it; its days end in the time zone."""
    due = due_at(planned.due, notified_at, zone)
    return on_terms(planned, notified_at, zone, audience=planned.audience, due_at=due, made_in=notice)


def on_terms(
    terms: CommitmentTerms, begins_at: datetime, zone: str, *, audience: Audience, due_at: datetime, made_in: str = ""
) -> Commitment:
    """Return a commitment on these terms; spans count from `begins_at`, and days end in the time zone."""
    return Commitment(
        id=terms.id,
        kind=terms.kind,
        promise=terms.promise,
        owner=terms.owner,
        audience=audience,
        due_at=due_at,
        made_in=made_in,
        take_up=terms.take_up,
        kept=terms.kept,
        per_person=terms.per_person,
        deputy=terms.deputy,
        series=terms.id if terms.every else "",
        every=terms.every,
        until=end_of_day(terms.until, zone) if terms.until else None,
        at_most=terms.at_most,
        steps=planned_steps(terms.steps, begins_at, zone),
        budget=terms.budget,
        zone=zone,
    )
