"""Intervals are those of the textbooks, and nothing is shown of fewer than ten answers."""

from collections.abc import Iterator

import pytest

from amends.domain.feedback.survey.survey import (
    Ballot,
    Estimate,
    differences,
    group_means,
    mean,
    newcombe,
    question_results,
    student_t,
    welch,
    wilson,
)


def rounded(one: Estimate, digits: int = 4) -> tuple[float, float, float]:
    return round(one.value, digits), round(one.low, digits), round(one.high, digits)


@pytest.mark.parametrize(
    ("count", "of", "expected"),
    [(81, 263, (0.308, 0.2553, 0.3662)), (15, 148, (0.1014, 0.0624, 0.1605)), (0, 20, (0.0, 0.0, 0.1611))],
)
def test_shares_have_wilson_s_interval(count: int, of: int, expected: tuple[float, float, float]) -> None:
    """The examples are those of Newcombe (1998), Statistics in Medicine 17:857, table I."""
    assert rounded(wilson(count, of)) == expected


def test_differences_of_shares_have_newcombe_s_interval() -> None:
    """The first example of Newcombe (1998), Statistics in Medicine 17:873, table II: 56/70 against 48/80."""
    assert rounded(newcombe((48, 80), (56, 70))) == (0.2, 0.0524, 0.3339)


@pytest.mark.parametrize(("freedom", "quantile"), [(9, 2.262), (11, 2.201), (29, 2.045), (120, 1.98)])
def test_the_quantile_of_t_is_that_of_the_tables(freedom: int, quantile: float) -> None:
    assert student_t(freedom) == pytest.approx(quantile, abs=0.001)


def test_a_mean_has_student_s_interval() -> None:
    assert rounded(mean({"3": 5, "5": 5}), 2) == (4.0, 3.25, 4.75)


def test_a_mean_stays_within_its_scale() -> None:
    found = mean({"5": 9, "1": 1})
    assert (found.high, mean({"5": 10}).low) == (5, 5)


def test_a_difference_of_means_has_welch_s_interval() -> None:
    """Both samples have the variance 10/9, so that there are 18 degrees of freedom and the quantile is 2.101."""
    assert rounded(welch({"1": 5, "3": 5}, {"3": 5, "5": 5}), 2) == (2.0, 1.01, 2.99)


# What is shown


def ballots(count: int, **given: str) -> Iterator[Ballot]:
    cell = {name: given.pop(name) for name in ("country", "channel", "variant") if name in given}
    yield Ballot(given, cell, count)


def test_a_question_that_nine_answered_is_not_shown() -> None:
    shown = question_results([*ballots(9, understood="4"), *ballots(12, trust="3")], ["understood", "trust"], [])
    assert [one.question for one in shown] == ["trust"]


def test_a_group_is_shown_beside_another_of_ten_or_more() -> None:
    german, french = ballots(12, understood="4", country="DE"), ballots(9, understood="2", country="FR")
    chinese = ballots(10, understood="3", country="CN")
    shown = group_means([*german, *french, *chinese], ["understood"])
    assert [(one.value, one.mean.value) for one in shown] == [("CN", 3.0), ("DE", 4.0)]
    assert group_means([*ballots(12, understood="4", country="DE"), *ballots(9, understood="2")], ["understood"]) == []


def test_a_difference_needs_ten_answers_at_both_times() -> None:
    before, now = [*ballots(9, understood="2")], [*ballots(30, understood="4")]
    assert differences(before, now, "first", ["understood"], []) == []
