"""Evaluation of a duty's condition: yes, no, or maybe. An unknown fact is never read as no."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import IntEnum

from amends.domain.incident.elements import covers, named_by
from amends.domain.incident.facts import Certainty, DataSubject, Fact, Facts
from amends.domain.incident.incident import CALLED, Organisation
from amends.domain.law.regime import Condition, Regime
from amends.domain.risk.exposure import used
from amends.domain.risk.levels import Risk
from amends.domain.risk.severity import cannot_hold, holds, touched


class Truth(IntEnum):
    """An answer to a condition, ordered so that a conjunction takes the lowest answer."""

    NO = 0
    MAYBE = 1
    YES = 2


@dataclass(frozen=True)
class PeopleRange:
    """A number of people, from the least to the most possible; `most` is None while nobody can say."""

    least: int
    most: int | None

    @property
    def possible(self) -> bool:
        """Return True when there may be anybody at all."""
        return self.most is None or self.most > 0

    def over(self, limit: int) -> Truth:
        """Return YES when there surely are more people than the limit, NO when there cannot be, else MAYBE."""
        if self.least > limit:
            return Truth.YES
        return Truth.MAYBE if self.most is None or self.most > limit else Truth.NO

    def __str__(self) -> str:
        if self.most is None:
            return f"{self.least:,} or more" if self.least else "nobody knows how many"
        return f"{self.least:,}" if self.least == self.most else f"{self.least:,} to {self.most:,}"


@dataclass(frozen=True)
class Circumstances:
    """The facts and numbers against which the conditions of duties are judged in one place."""

    facts: Facts
    organisation: Organisation
    risk: Risk
    people: PeopleRange
    """All people affected."""
    residents: PeopleRange
    """The affected people who live in the place."""
    largest_state: PeopleRange
    """The affected people in the state of the country where most of them live."""
    states: Mapping[str, PeopleRange]
    """The affected people in each state of the country, by the state's name."""
    minors: int = 0
    """The people of the list who are marked as minors, or whom a guardian stands for."""


@dataclass(frozen=True)
class Verdict:
    """An answer with its reasons and the facts behind it."""

    answer: Truth
    because: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    """Questions that a person must judge before the answer is certain."""

    @staticmethod
    def all_of(verdicts: Iterable["Verdict"]) -> "Verdict":
        """Return the lowest answer. A no has the reasons of the verdicts that say no; any other answer has all."""
        found = list(verdicts)
        answer = min((verdict.answer for verdict in found), default=Truth.YES)
        kept = [verdict for verdict in found if answer is not Truth.NO or verdict.answer is Truth.NO]
        return _together(answer, kept)

    @staticmethod
    def any_of(verdicts: Iterable["Verdict"]) -> "Verdict":
        """Return the highest answer, with the reasons of the verdicts that give this answer."""
        found = list(verdicts)
        answer = max((verdict.answer for verdict in found), default=Truth.YES)
        kept = [verdict for verdict in found if verdict.answer is answer]
        return _together(answer, kept)


def _together(answer: Truth, verdicts: list[Verdict]) -> Verdict:
    because, facts, asks = (
        _joined(getattr(verdict, part) for verdict in verdicts) for part in ("because", "facts", "asks")
    )
    return Verdict(answer, because, facts, asks)


def _joined(parts: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part for some in parts for part in some))


def judge(condition: Condition | None, circumstances: Circumstances) -> Verdict:
    """Return the verdict on the condition in these circumstances; yes when there is no condition."""
    if condition is None:
        return Verdict(Truth.YES)
    checks = [
        *_numbers(condition, circumstances),
        *_organisation(condition, circumstances.organisation),
        *_facts(condition, circumstances),
    ]
    if condition.ask:
        checks.append(to_be_judged(condition.ask))
    if condition.any_of:
        checks.append(Verdict.any_of(judge(one, circumstances) for one in condition.any_of))
    return Verdict.all_of(checks)


def to_be_judged(question: str) -> Verdict:
    """Return the verdict on a question that only a person can answer: maybe."""
    return Verdict(Truth.MAYBE, (f"a person must judge: {question}",), asks=(question,))


def binds(regime: Regime, organisation: Organisation) -> Verdict:
    """Return the verdict on whether the organisation is of a kind that the regime binds."""
    if not regime.regulated:
        return Verdict(Truth.YES)
    kinds = _either(regime.regulated)
    if organisation.regulated is not None:
        bound = tuple(kind for kind in regime.regulated if kind in organisation.regulated)
        said = f"the organisation is {_either(bound)}" if bound else f"the organisation is not {kinds}"
        return Verdict(Truth.YES if bound else Truth.NO, (said,))
    if regime.sectors and organisation.sector is not None and organisation.sector not in regime.sectors:
        return Verdict(Truth.NO, (f"its sector is {organisation.sector.replace('_', ' ')}",))
    return Verdict(Truth.MAYBE, (f"nobody has said whether the organisation is {kinds}",))


def not_yet(binds_from: date, started: date) -> Iterator[Verdict]:
    """Yield NO when a duty's clock started before the first day of its law."""
    if started < binds_from:
        yield Verdict(Truth.NO, (f"the duties of this law begin on {binds_from.day} {binds_from:%B %Y}",))


def _either(words: tuple[str, ...]) -> str:
    return " or ".join(CALLED.get(word, word.replace("_", " ")) for word in words)


def _numbers(condition: Condition, circumstances: Circumstances) -> Iterator[Verdict]:
    for count, what, over, least in (
        (circumstances.residents, "live there", condition.residents_over, condition.residents_at_least),
        (circumstances.people, "are affected", condition.people_over, condition.people_at_least),
    ):
        if over is not None:
            yield Verdict(count.over(over), (f"{count} {what}; the law says more than {over:,}",))
        if least is not None:
            yield Verdict(count.over(least - 1), (f"{count} {what}; the law says {least:,} or more",))
    if condition.one_state_over is not None:
        yield _one_state(circumstances, condition.one_state_over, f"more than {condition.one_state_over:,}")
    if condition.one_state_at_least is not None:
        yield _one_state(circumstances, condition.one_state_at_least - 1, f"{condition.one_state_at_least:,} or more")
    if condition.people_under is not None:
        answer = Truth(Truth.YES - circumstances.people.over(condition.people_under - 1))
        yield Verdict(
            answer, (f"{circumstances.people} are affected; the law says fewer than {condition.people_under:,}",)
        )


def _one_state(circumstances: Circumstances, limit: int, law_says: str) -> Verdict:
    """Return the verdict on whether one state has more people than the limit, with each state that surely has."""
    count = circumstances.largest_state
    many = {name: there for name, there in circumstances.states.items() if there.over(limit) is Truth.YES}
    named = ", ".join(f"{there} in {name}" for name, there in many.items())
    return Verdict(count.over(limit), (f"{named or f'{count} live in one state'}; the law says {law_says}",))


def _organisation(condition: Condition, organisation: Organisation) -> Iterator[Verdict]:
    if condition.role:
        yield _role(condition.role, organisation)
    for kinds, wanted in ((condition.regulated, True), (condition.not_regulated, False)):
        if kinds:
            yield _kind(kinds, wanted, organisation)


def _role(roles: tuple[str, ...], organisation: Organisation) -> Verdict:
    if organisation.role is None:
        return Verdict(Truth.MAYBE, (f"nobody has said whether its role is {_either(roles)}",))
    answer = Truth.YES if organisation.role in roles else Truth.NO
    return Verdict(answer, (f"its role is {_either((organisation.role,))}",))


def _kind(kinds: tuple[str, ...], wanted: bool, organisation: Organisation) -> Verdict:
    if organisation.regulated is None:
        return Verdict(Truth.MAYBE, (f"nobody has said whether the organisation is {_either(kinds)}",))
    found = bool(set(kinds) & set(organisation.regulated))
    answer = Truth.YES if found is wanted else Truth.NO
    return Verdict(answer, (f"the organisation is {'' if found else 'not '}{_either(kinds)}",))


def _facts(condition: Condition, circumstances: Circumstances) -> Iterator[Verdict]:
    facts = circumstances.facts
    if condition.risk_at_least:
        answer = Truth.YES if circumstances.risk.rank >= condition.risk_at_least.rank else Truth.NO
        yield Verdict(answer, (f"the risk to people is {circumstances.risk}",))
    if condition.data:
        yield _data(condition, facts)
    for name, wanted in (("cause", condition.cause), ("vector", condition.vector)):
        if wanted:
            yield _one_of(name, getattr(facts, name), wanted)
    if condition.malicious is not None:
        yield _truth("malicious", facts.malicious, condition.malicious)
    if condition.unreadable:
        yield _unreadable(facts)
    if condition.minors is not None:
        yield _minors(circumstances, wanted=condition.minors)


def _data(condition: Condition, facts: Facts) -> Verdict:
    kinds = touched(facts)
    if kinds is None:
        return Verdict(Truth.MAYBE, ("nobody can say yet which data was touched",), ("data_categories",))
    found = [kind for kind in kinds if named_by(condition.data, kind)]
    if not found:
        return Verdict(Truth.NO, ("none of the kinds of data that the law names was touched",), ("data_categories",))
    named = ", ".join(kind.replace("_", " ") for kind in found)
    listed = facts.data_categories
    confirmed = (one.value for one in listed.value or () if one.certainty is Certainty.CONFIRMED)
    sure = {kind for kind in confirmed if kind in found}
    meant = [kind for kind in sure if any(covers(wanted, kind) for wanted in condition.data)]
    answer = Truth.YES if meant and listed.certainty is Certainty.CONFIRMED else Truth.MAYBE
    said = f"touched: {named}" if meant or not sure else f"touched: {named}; which of them the law means is not said"
    return Verdict(answer, (said,), ("data_categories",))


def _one_of(name: str, fact: Fact[str], wanted: tuple[str, ...]) -> Verdict:
    said = f"{name} {str(fact.value).replace('_', ' ')}" if fact.value else f"the {name} is not known"
    if fact.sure(*wanted):
        return Verdict(Truth.YES, (said,), (name,))
    denied = fact.certainty is Certainty.CONFIRMED
    return Verdict(Truth.NO if denied else Truth.MAYBE, (said,), (name,))


def _truth(name: str, fact: Fact[bool], wanted: bool) -> Verdict:
    yes, no = (holds(fact), cannot_hold(fact)) if wanted else (cannot_hold(fact), holds(fact))
    answer = Truth.YES if yes else Truth.NO if no else Truth.MAYBE
    word = "known" if answer is not Truth.MAYBE else "not known"
    return Verdict(answer, (f"it is {word} whether somebody meant harm",), (name,))


def _minors(circumstances: Circumstances, *, wanted: bool) -> Verdict:
    """Return the verdict on whether minors are among the people, by the list and by the facts."""
    subjects, vulnerable = circumstances.facts.data_subjects, circumstances.facts.vulnerable_subjects
    children = subjects.value is not None and DataSubject.CHILDREN in subjects.value
    if circumstances.minors or (children and subjects.certainty is Certainty.CONFIRMED):
        among = Truth.YES
    else:
        among = Truth.NO if cannot_hold(vulnerable) and not (children and subjects.stands) else Truth.MAYBE
    said = {Truth.YES: "minors are among them", Truth.NO: "no minors are among them"}
    answer = among if wanted else Truth(Truth.YES - among)
    because = said.get(among, "nobody has said whether minors are among them")
    return Verdict(answer, (because,), ("data_subjects", "vulnerable_subjects"))


def _unreadable(facts: Facts) -> Verdict:
    names = ("encrypted_at_rest", "encryption_key_safe")
    both = [getattr(facts, name) for name in names]
    if all(map(holds, both)) and not used(facts):
        return Verdict(Truth.YES, ("the data was encrypted and the key is safe",), names)
    if any(map(cannot_hold, both)) or used(facts):
        return Verdict(Truth.NO, ("the data could be read",), names)
    return Verdict(Truth.MAYBE, ("nobody knows whether the data could be read",), names)
