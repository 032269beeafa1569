"""The closing rules of a playbook: what must be true before a case closes, and how two people pass over one of them."""

from enum import StrEnum
from typing import NamedTuple

from pydantic import Field, model_validator

from amends.domain.base.errors import Refusal
from amends.domain.base.value import Lasting, Moment, Span, Value
from amends.domain.feedback.contact_data import mentioned
from amends.domain.team.member import Member
from amends.domain.team.verbs import rule_of
from amends.domain.team.vote import Vote, VoteRule, enough, why_not_vote

MAY_OVERRIDE = rule_of("incident close --override").roles
"""The roles of which two different people together may pass over a closing criterion."""
RULE = VoteRule(
    unfit="{name} is {role}; to pass over a closing criterion takes two of "
    f"{', '.join(MAY_OVERRIDE[:-1])} or {MAY_OVERRIDE[-1]}",
    roles=MAY_OVERRIDE,
)
"""The rule of votes on passing over a criterion; the same member's vote again changes nothing."""


class Criterion(StrEnum):
    """A thing that must be true before a case closes."""

    TOLD = "told"
    """People were told what happened."""
    SENT = "sent"
    """All that was drafted or approved has left."""
    EVERYONE_REACHED = "everyone_reached"
    """A first notice has reached everybody, or the substitute notice for the others has ended."""
    LETTERS_HANDED_IN = "letters_handed_in"
    """All paper letters are handed over."""
    DUTIES_FILED = "duties_filed"
    """All duties: each that surely applies has a filing with its receipt."""
    ROOT_CAUSE_KNOWN = "root_cause_known"
    """The cause is confirmed, or stated as unknown or suspected with the date of that statement."""
    CONTAINED = "contained"
    """The incident is contained."""
    QUESTIONS_SETTLED = "questions_settled"
    """Questions, complaints, reports and requests for data have their answer."""
    CLAIMS_SETTLED = "claims_settled"
    """Each claim is decided and, if it was granted, paid."""
    COMMITMENTS_SETTLED = "commitments_settled"
    """Each commitment has ended, or is carried over with an owner and a date."""
    SURVEY_OVER = "survey_over"
    """Each survey was sent, and people had time to answer."""
    CALM = "calm"
    """For some days there was no new question, no receipt and nobody found late."""


ALWAYS = (
    Criterion.TOLD,
    Criterion.SENT,
    Criterion.EVERYONE_REACHED,
    Criterion.LETTERS_HANDED_IN,
    Criterion.DUTIES_FILED,
    Criterion.QUESTIONS_SETTLED,
    Criterion.CLAIMS_SETTLED,
    Criterion.COMMITMENTS_SETTLED,
)
"""The criteria that hold in every case: a playbook adds to them and takes none away."""
NEVER_OVERRIDDEN = (Criterion.QUESTIONS_SETTLED,)
"""Criteria that nobody can pass over: whoever asked gets a word first, each one."""


class ClosingRules(Value):
    """The section `closing` of a playbook."""

    require: tuple[Criterion, ...] = (Criterion.CONTAINED,)
    """The criteria beside those that hold in every case."""
    page_for: Lasting = Span(days=30)
    """The time for which the page on the website stands for telling people whom nothing reached, where no law asks for
    another substitute notice."""
    survey_for: Lasting = Span(days=7)
    """The time that people have to answer after the invitation to a survey."""
    calm_for: Lasting = Span(days=2)
    """The time without a new question, a receipt or somebody found late."""

    @model_validator(mode="after")
    def _says_each_once(self) -> "ClosingRules":
        if len(set(self.require)) != len(self.require):
            raise ValueError("require names a criterion twice")
        return self

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """Return all criteria in force, in the order of the vocabulary."""
        return tuple(one for one in Criterion if one in ALWAYS or one in self.require)


class UnmetCriterion(NamedTuple):
    """A criterion in the state in which it is unmet."""

    criterion: Criterion
    binding: str
    """The hash of the keys of what is missing."""
    missing: tuple[tuple[str, str], ...]
    """The key and the words of each thing that is missing."""


class ClosingOverride(Value):
    """A criterion that members want to pass over, in the state in which it was unmet at that time."""

    criterion: Criterion
    binding: str
    """The hash of what was missing."""
    covers: tuple[str, ...]
    """The keys of what was missing; what is missing later under another key is not covered."""
    what: tuple[str, ...]
    """The things that were missing, in words."""
    voices: tuple[Vote, ...] = Field(min_length=1)

    @property
    def in_force(self) -> bool:
        """Return True when two different people have said so."""
        return enough(self.voices)

    @property
    def in_words(self) -> str:
        """Return the override in one sentence, with its people and their reasons."""
        said = "; ".join(f"{voice.by} ({voice.role}): {voice.reason}" for voice in self.voices)
        stands = "passed over" if self.in_force else "not passed over yet, a second person is needed"
        return f"{self.criterion}, {stands}: {', '.join(self.what)}. {said}"


def why_not_override(member: Member, criterion: Criterion, reason: str) -> Refusal | None:
    """Return why this member cannot pass over this criterion for this reason, or None."""
    if criterion in NEVER_OVERRIDDEN:
        return Refusal(f"{criterion} cannot be passed over: whoever asked gets a word first, each one")
    if refusal := why_not_vote(member, RULE):
        return refusal
    if not reason.strip():
        return Refusal(f"{criterion} is passed over only for a reason, which stands in the report")
    found = mentioned(reason)
    if found.emails or found.phones:
        return Refusal("the reason holds an email address or a telephone number, and the report names no person")
    return None


class CarriedOver(Value):
    """A commitment that goes on after the case is closed, with the one who answers for it and its date."""

    commitment: str
    owner: str
    due_at: Moment
    """The date for which it was carried over; a commitment with another date since then is not carried over."""
    by: str
    at: Moment
