"""The results of a survey: response rate, means, shares and differences, each with its 95 % interval.

Shares: the score interval of E. B. Wilson (1927), "Probable inference, the law of succession, and statistical
inference", JASA 22:209; their difference: R. G. Newcombe (1998), "Interval estimation for the difference between
independent proportions", Statistics in Medicine 17:873, method 10. Means: Student's t; their difference: B. L. Welch
(1947), Biometrika 34:28. The quantile of t: Abramowitz and Stegun, 26.7.5.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from amends.domain.base.value import Moment, Value

FEWEST = 10
"""The fewest answers of which anything is shown."""
LOWEST, HIGHEST = 1.0, 5.0
"""The ends of a scale."""
Z = NormalDist().inv_cdf(0.975)
DIMENSIONS = ("variant", "channel", "country")
"""The properties by which answers are told apart."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """Equal ballots of a survey: their answers by question, what they are told apart by, and how many there are."""

    answers: Mapping[str, str]
    cell: Mapping[str, str]
    """By dimension; empty when the ballots were opened together with too few of their kind."""
    count: int = 1


class Estimate(Value):
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float
    answers: int

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"

    @property
    def in_percent(self) -> str:
        """Return the estimate of a share in percent."""
        return f"{100 * self.value:.0f} % ({100 * self.low:.0f} to {100 * self.high:.0f} %)"


class QuestionResult(Value):
    """The result of one question: a mean for a scale, shares for a scale or a choice."""

    question: str
    mean: Estimate | None = None
    shares: dict[str, Estimate] = {}


class GroupMean(Value):
    """The mean of one question among the answers of one variant, channel or country."""

    question: str
    dimension: str
    value: str
    mean: Estimate


class SurveyDifference(Value):
    """The difference of a mean, or of the share of a choice, from the invitation before."""

    question: str
    choice: str = ""
    """The choice whose share differs; empty for a mean."""
    since: str
    """The invitation before."""
    by: Estimate


class SurveyResults(Value):
    """The results of one survey after one invitation; nothing but numbers before ten answers were counted."""

    survey: str
    invitation: str
    """The notice that invited to the survey."""
    released_at: Moment
    invited: int
    """People who got the invitation."""
    answered: int
    counted: int
    """Answers that were opened; the others wait until at least ten can be opened together."""
    texts: int = 0
    """Free texts that can be read."""
    rate: Estimate | None = None
    questions: tuple[QuestionResult, ...] = ()
    groups: tuple[GroupMean, ...] = ()
    differences: tuple[SurveyDifference, ...] = ()

    @property
    def waiting(self) -> int:
        """Return the number of answers that were not opened yet."""
        return max(self.answered - self.counted, 0)

    @property
    def means(self) -> dict[str, float]:
        """Return the mean of each question on a scale."""
        return {question.question: question.mean.value for question in self.questions if question.mean}


class SurveyComments(Value):
    """The free texts that people gave to one question, in no order; never log them."""

    invitation: str
    question: str
    texts: tuple[str, ...]


def question_results(ballots: Sequence[Ballot], scales: Iterable[str], choices: Iterable[str]) -> list[QuestionResult]:
    """Return the result of each question that at least FEWEST have answered."""
    found = []
    for question in (*scales, *choices):
        counts = _counts(ballots, question)
        if sum(counts.values()) >= FEWEST:
            value = mean(counts) if question in scales else None
            total = sum(counts.values())
            shares = {answer: wilson(count, total) for answer, count in sorted(counts.items())}
            found.append(QuestionResult(question=question, mean=value, shares=shares))
    return found


def group_means(ballots: Sequence[Ballot], scales: Iterable[str]) -> list[GroupMean]:
    """Return the means by variant, channel and country where at least two groups have FEWEST answers each."""
    found: list[GroupMean] = []
    for question in scales:
        for dimension in DIMENSIONS:
            values = sorted({ballot.cell[dimension] for ballot in ballots if ballot.cell.get(dimension)})
            counts = {value: _counts(ballots, question, _among(dimension, value)) for value in values}
            shown = {one: mean(of) for one, of in counts.items() if sum(of.values()) >= FEWEST}
            if len(shown) > 1:
                found += [
                    GroupMean(question=question, dimension=dimension, value=one, mean=of) for one, of in shown.items()
                ]
    return found


def differences(
    before: Sequence[Ballot], now: Sequence[Ballot], since: str, scales: Iterable[str], choices: Iterable[str]
) -> list[SurveyDifference]:
    """Return how means and shares differ from those after the invitation before."""
    found: list[SurveyDifference] = []
    for question in (*scales, *choices):
        was, is_now = _counts(before, question), _counts(now, question)
        if min(sum(was.values()), sum(is_now.values())) < FEWEST:
            continue
        if question in scales:
            found.append(SurveyDifference(question=question, since=since, by=welch(was, is_now)))
            continue
        for choice in sorted(was.keys() | is_now.keys()):
            by = newcombe((was.get(choice, 0), sum(was.values())), (is_now.get(choice, 0), sum(is_now.values())))
            found.append(SurveyDifference(question=question, choice=choice, since=since, by=by))
    return found


def _among(dimension: str, value: str) -> Callable[[Ballot], bool]:
    return lambda ballot: ballot.cell.get(dimension) == value


def _counts(ballots: Iterable[Ballot], question: str, among: Callable[[Ballot], bool] | None = None) -> dict[str, int]:
    """Return how many gave each answer to the question."""
    counts: dict[str, int] = {}
    for ballot in ballots:
        if question in ballot.answers and (among is None or among(ballot)):
            answer = ballot.answers[question]
            counts[answer] = counts.get(answer, 0) + ballot.count
    return counts


# Intervals


def wilson(count: int, of: int) -> Estimate:
    """Return a share with Wilson's score interval."""
    share = count / of
    middle = (share + Z**2 / (2 * of)) / (1 + Z**2 / of)
    half = Z / (1 + Z**2 / of) * sqrt(share * (1 - share) / of + Z**2 / (4 * of**2))
    return Estimate(value=share, low=max(middle - half, 0.0), high=min(middle + half, 1.0), answers=of)


def mean(counts: Mapping[str, int]) -> Estimate:
    """Return the mean of scores, given how many gave each, with the interval of Student's t."""
    value, variance, answers = _moments(counts)
    half = student_t(answers - 1) * sqrt(variance / answers)
    return Estimate(value=value, low=max(value - half, LOWEST), high=min(value + half, HIGHEST), answers=answers)


def welch(before: Mapping[str, int], now: Mapping[str, int]) -> Estimate:
    """Return the difference of two means with Welch's interval."""
    (was, was_variance, was_of), (is_now, variance, of) = _moments(before), _moments(now)
    first, second = was_variance / was_of, variance / of
    spread = first + second
    freedom = spread**2 / (first**2 / (was_of - 1) + second**2 / (of - 1)) if spread else float(was_of + of - 2)
    half = student_t(freedom) * sqrt(spread)
    return Estimate(value=is_now - was, low=is_now - was - half, high=is_now - was + half, answers=was_of + of)


def newcombe(before: tuple[int, int], now: tuple[int, int]) -> Estimate:
    """Return the difference of two shares, each given as a count and its total, with Newcombe's interval."""
    was, is_now = wilson(*before), wilson(*now)
    by = is_now.value - was.value
    low = by - sqrt((is_now.value - is_now.low) ** 2 + (was.high - was.value) ** 2)
    high = by + sqrt((is_now.high - is_now.value) ** 2 + (was.value - was.low) ** 2)
    return Estimate(value=by, low=low, high=high, answers=before[1] + now[1])


def student_t(freedom: float) -> float:
    """Return the two-sided 95 % quantile of Student's t; right to the third place from nine degrees of freedom on."""
    first = (Z**3 + Z) / 4
    second = (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96
    third = (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / 384
    return Z + first / freedom + second / freedom**2 + third / freedom**3


def _moments(counts: Mapping[str, int]) -> tuple[float, float, int]:
    """Return the mean, the variance of the sample and the number of scores."""
    answers = sum(counts.values())
    value = sum(int(score) * count for score, count in counts.items()) / answers
    squares = sum(count * (int(score) - value) ** 2 for score, count in counts.items())
    return value, squares / (answers - 1), answers
