"""A review of a case: its figures, what went well, badly or by luck, and the lessons, which may become commitments."""

from collections.abc import Sequence
from enum import StrEnum

from amends.domain.base.errors import Refusal
from amends.domain.base.money import Money
from amends.domain.base.value import Moment, Value
from amends.domain.feedback.contact_data import mentioned

LONGEST_NOTE = 2_000
"""The largest number of characters of a note."""


class ReviewKind(StrEnum):
    """A kind of note in a review."""

    WELL = "well"
    BADLY = "badly"
    LUCK = "luck"
    """Good fortune, in which the team had no part."""
    LESSON = "lesson"


class ReviewNote(Value):
    """A note that a member of the team made."""

    number: int
    """The number of the note within its incident, from 1."""
    kind: ReviewKind
    text: str
    by: str
    at: Moment
    commitment: str = ""
    """The commitment that a lesson became, or empty."""


class TrustFigure(Value):
    """The mean of a survey's question about trust after one invitation."""

    invitation: str
    at: Moment
    mean: float
    answers: int


class CaseCost(Value):
    """The cost of a case, with one amount for each currency."""

    spent: tuple[Money, ...] = ()
    """The money spent on commitments."""
    paid: tuple[Money, ...] = ()
    """The money paid on claims of compensation."""
    recorded: tuple[Money, ...] = ()
    """The sum of what was spent and paid."""
    other: tuple[Money, ...] = ()
    """The costs that the team states beside that, such as the fees of lawyers."""
    in_all: tuple[Money, ...] = ()


class ReviewFigures(Value):
    """The figures of a case for its review: numbers and ids only."""

    at: Moment
    days_open: int
    """Whole days from the opening to the closing, or until now."""
    deadlines_met: int = 0
    deadlines_late: int = 0
    deadlines_missed: int = 0
    """Legal deadlines that have passed without a record."""
    deadlines_open: int = 0
    updates_kept: int = 0
    updates_missed: int = 0
    """Times that were named for the next update, and passed without one."""
    longest_silence_hours: float | None = None
    longest_silence: str = ""
    """The two notices between which it was silent for longest."""
    people: int = 0
    reached: int = 0
    """People to whom a first notice was sent or delivered, or may have been."""
    unreached: int = 0
    lawfully: int | None = None
    """People told as all laws demand that bind them; None when the laws count every message."""
    lawfully_of: int | None = None
    questions: int = 0
    questions_open: int = 0
    replied_in_time: int = 0
    reply_hours_median: float | None = None
    reply_hours_slowest_tenth: float | None = None
    """The time after which one of ten had still no reply, in hours."""
    claims_open: int = 0
    commitments_kept: int = 0
    commitments_dropped: int = 0
    commitments_open: int = 0
    commitments_carried_over: int = 0
    passed_over: int = 0
    """Closing criteria that two people passed over."""
    cost: CaseCost = CaseCost()
    trust: tuple[TrustFigure, ...] = ()
    """The first invitation first."""


class Review(Value):
    """A review that has ended, with its figures and the number of its last note."""

    step: str
    figures: ReviewFigures
    notes: int
    by: str
    at: Moment


def stated_costs(ended: Sequence[Review]) -> tuple[Money, ...]:
    """Return the other costs that the team stated in the last review that has ended; none without one."""
    return ended[-1].figures.cost.other if ended else ()


def why_not_note(text: str) -> Refusal | None:
    """Return why this text cannot be a note of a review, which everybody reads in the report, or None."""
    if not text.strip():
        return Refusal("say it in a sentence; an empty note says nothing")
    if len(text) > LONGEST_NOTE:
        return Refusal(f"a note has at most {LONGEST_NOTE} characters; make two of it")
    found = mentioned(text)
    if found.emails or found.phones:
        return Refusal("it holds an email address or a telephone number, and the report names no person; leave it out")
    return None


def figure_lines(figures: ReviewFigures) -> tuple[tuple[str, str], ...]:
    """Return the figures as pairs of a name and a value in words, in the order of the report."""
    one = figures
    deadlines = (one.deadlines_met, one.deadlines_late, one.deadlines_missed, one.deadlines_open)
    promises = (one.commitments_kept, one.commitments_dropped, one.commitments_open, one.commitments_carried_over)
    replies = (_hours(one.reply_hours_median), _hours(one.reply_hours_slowest_tenth))
    lawfully = "all messages count" if one.lawfully is None else f"{one.lawfully:,} of {one.lawfully_of:,}"
    return (
        ("days open", str(one.days_open)),
        ("legal deadlines", "{} met, {} late, {} missed, {} open".format(*deadlines)),
        ("named updates", f"{one.updates_kept} kept, {one.updates_missed} missed"),
        ("longest silence", _hours(one.longest_silence_hours, one.longest_silence)),
        ("people", f"{one.people:,}"),
        ("reached", f"{one.reached:,}, {one.unreached:,} not reached"),
        ("reached lawfully", lawfully),
        ("questions", f"{one.questions}, {one.questions_open} open, {one.replied_in_time} answered in time"),
        ("time to a reply", "median {}, slowest tenth {}".format(*replies)),
        ("claims", f"{one.claims_open} open"),
        ("promises", "{} kept, {} dropped, {} open, of them {} carried over".format(*promises)),
        ("closing criteria passed over", str(one.passed_over)),
        *cost_lines(one.cost),
        ("trust", _trust(one.trust)),
    )


def cost_lines(cost: CaseCost) -> tuple[tuple[str, str], ...]:
    """Return what a case has cost as pairs of a name and a value in words."""
    return (
        ("spent on promises", _amounts(cost.spent) or "nothing recorded"),
        ("paid on claims", _amounts(cost.paid) or "nothing recorded"),
        ("spent and paid", _amounts(cost.recorded) or "nothing recorded"),
        ("other costs, as stated", _amounts(cost.other) or "not stated"),
        ("cost in all", _amounts(cost.in_all) or "not known"),
    )


def _amounts(amounts: tuple[Money, ...]) -> str:
    return ", ".join(map(str, amounts))


def _hours(hours: float | None, between: str = "") -> str:
    if hours is None:
        return "–"
    return f"{hours:.1f} hours" + (f" ({between})" if between else "")


def _trust(trust: tuple[TrustFigure, ...]) -> str:
    """Return the trust after the first and the last invitation, in words."""
    said = [
        f"{one.mean:.2f} of 5 after {one.invitation} ({one.answers} answers)" for one in (*trust[:1], *trust[1:][-1:])
    ]
    return ", then ".join(said) or "no survey asked for it"
