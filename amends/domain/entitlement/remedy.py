"""Remedies of persons: the state and the result of each, and what may be said of one."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from amends.domain.base.audience import Audience, ToldWrongly
from amends.domain.base.errors import Refusal
from amends.domain.base.text import counted
from amends.domain.base.value import Moment, Value
from amends.domain.incident.per_person import DECLINED, PerPerson


class RemedyState(StrEnum):
    """A state of what one person was promised."""

    OPEN = "open"
    UNDER_WAY = "under_way"
    DONE = "done"
    """Done, with a result in the words of the commitment."""
    NOT_POSSIBLE = "not_possible"
    """Not possible for this person, with a reason in the words of the commitment."""
    DECLINED = "declined"
    """The person wants nothing done."""
    SET_ASIDE = "set_aside"
    """The person is no longer in the list; never stored, because a later list may have the person again."""

    @property
    def owed(self) -> bool:
        """Return True while the person still waits."""
        return self in OWED

    @property
    def in_words(self) -> str:
        """Return the state as people read it: not possible."""
        return self.value.replace("_", " ")


CORRECTED = "result-corrected"
"""The template of the notice to people to whom a message told a wrong result."""
OWED = (RemedyState.OPEN, RemedyState.UNDER_WAY)
ENDED = (RemedyState.DONE, RemedyState.NOT_POSSIBLE, RemedyState.DECLINED)
STORED = (*OWED, *ENDED)


class RemedyOutcome(NamedTuple):
    """The outcome of one person's remedy: a state, and the name of a result or a reason where the state has one."""

    state: RemedyState
    word: str = ""


class RightOutcome(NamedTuple):
    """The outcome that is right in place of one that a person was told, and why the told one was wrong."""

    outcome: RemedyOutcome
    why: str


class Remedy(Value):
    """The remedy that one person was promised, and how it stands."""

    person: int
    state: RemedyState
    word: str = ""
    """The name of the result or of the reason; empty while there is none."""
    changed_at: Moment
    settled_by: str = ""
    """The member who said how it stands; empty as long as nobody has."""

    @property
    def outcome(self) -> RemedyOutcome:
        """Return state and word."""
        return RemedyOutcome(self.state, self.word)


class ResultCorrection(Value):
    """A correction of results that messages told wrongly, one for all persons until its notice is drafted."""

    commitment: str
    number: int
    since: Moment
    """The time at which the first result was put right."""
    by: tuple[str, ...]
    """The members who put a result right, who cannot approve the notice."""

    @property
    def notice(self) -> str:
        """Return the id of the notice that tells the right results."""
        return correction_notice(self.commitment, self.number)

    @property
    def audience(self) -> ToldWrongly:
        """Return the audience of the notice."""
        return ToldWrongly(f"{self.commitment}:{self.number}")


def correction_notice(commitment: str, number: int) -> str:
    """Return the id of the notice of this correction."""
    return f"{CORRECTED}-{commitment}-{number}"


def corrected_by(audience: Audience) -> tuple[str, int]:
    """Return commitment and number of the correction whose audience this is; "" and 0 for any other audience."""
    if not isinstance(audience, ToldWrongly):
        return "", 0
    commitment, _, number = audience.of.partition(":")
    return commitment, int(number)


class RemedyCounts(Value):
    """The persons of one commitment in numbers, by state; those who are set aside count for nothing else."""

    by_state: dict[RemedyState, int] = {}

    @property
    def owed(self) -> int:
        """Return the number of persons who still wait."""
        return sum(self.by_state.get(state, 0) for state in OWED)

    @property
    def entitled(self) -> int:
        """Return the number of persons who were promised it and are in the list."""
        return sum(count for state, count in self.by_state.items() if state is not RemedyState.SET_ASIDE)

    @property
    def in_words(self) -> str:
        """Return the numbers as in `2 open, 3 done`; nobody while no person was told."""
        parts = [f"{self.by_state[one]} {one.in_words}" for one in RemedyState if self.by_state.get(one)]
        return ", ".join(parts) or "nobody"


def why_not_keep(incident: str, commitment: str, owed: int) -> Refusal | None:
    """Return why the commitment cannot be called kept while persons wait for their own result, or None."""
    if not owed:
        return None
    return Refusal(
        f"{counted(owed, 'person', 'people')} who heard of {commitment} still {'waits' if owed == 1 else 'wait'} for "
        f"their own result: `amends remedies list {incident} {commitment} --open` shows who, and "
        f"`amends remedies import {incident} {commitment} FILE --as NAME` takes the results in"
    )


def why_not_correct(why: str) -> Refusal | None:
    """Return why a result that was told cannot be corrected for this reason, or None."""
    return None if why.strip() else Refusal("say why the result was wrong, without naming the person")


def outcome_of(state: str, result: str, reason: str, words: PerPerson) -> RemedyOutcome:
    """Return the outcome that these words name; without a state, a result means done and a reason not possible.

    Raises ValueError with what is wrong: an unknown state, or a result or reason that the commitment does not have.
    """
    implied = RemedyState.DONE if result else RemedyState.NOT_POSSIBLE if reason else ""
    given = state.strip().replace(" ", "_") or implied
    if given not in STORED:
        raise ValueError(f"the state is none of {', '.join(STORED)}")
    if result and reason:
        raise ValueError("it has a result and a reason: leave out one of them")
    outcome = RemedyOutcome(RemedyState(given), result or reason)
    if refusal := why_not(outcome, words):
        raise ValueError(str(refusal))
    return RemedyOutcome(outcome.state, DECLINED if outcome.state is RemedyState.DECLINED else outcome.word)


def why_not(outcome: RemedyOutcome, words: PerPerson) -> Refusal | None:
    """Return why a remedy of a commitment with these words cannot have this outcome, or None."""
    state, word = outcome
    by_state = {RemedyState.DONE: words.results, RemedyState.NOT_POSSIBLE: words.reasons}
    known: Mapping[str, object] = by_state.get(state, {})
    kind = "reason" if state is RemedyState.NOT_POSSIBLE else "result"
    if state in (RemedyState.DONE, RemedyState.NOT_POSSIBLE):
        if not known:
            return Refusal(f"the commitment has no words for any {kind}: add them under per_person")
        if word not in known:
            return Refusal(f"the {kind} is none of {', '.join(sorted(known))}")
        return None
    if word and word != DECLINED:
        return Refusal(f"what is {state.in_words} has no result")
    return None
