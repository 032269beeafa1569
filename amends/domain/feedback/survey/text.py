"""The results of a survey in words and tables, for the terminal, the report and Prefect."""

from collections.abc import Iterator

from amends.domain.base.text import counted
from amends.domain.feedback.survey.survey import FEWEST, SurveyResults

Table = tuple[tuple[str, ...], list[tuple[object, ...]]]
"""The names of the columns, and the rows."""


def in_short(results: SurveyResults) -> str:
    """Return how many answered after an invitation, and how many answers are counted."""
    rate = f", {results.rate.in_percent} of {results.invited} invited" if results.rate else ""
    line = f"{results.invitation}: {counted(results.answered, 'answer')}{rate}"
    if not results.counted:
        return f"{line}; nothing is shown before {FEWEST} are opened together"
    return line + (f"; {results.waiting} wait to be opened with others" if results.waiting else "")


def result_tables(results: SurveyResults) -> Iterator[Table]:
    """Yield the tables of means, shares, groups and differences that have rows; each with its 95 % interval."""
    means = [
        (question.question, str(question.mean), question.mean.answers)
        for question in results.questions
        if question.mean
    ]
    shares = [
        (question.question, choice, share.in_percent)
        for question in results.questions
        if not question.mean
        for choice, share in question.shares.items()
    ]
    groups = [
        (group.question, group.dimension, group.value, str(group.mean), group.mean.answers) for group in results.groups
    ]
    changed = [
        (difference.question, difference.choice, difference.since, str(difference.by))
        for difference in results.differences
    ]
    tables: tuple[Table, ...] = (
        (("measure", "mean of 5 (95 %)", "answers"), [*means]),
        (("question", "choice", "share (95 %)"), [*shares]),
        (("measure", "by", "of", "mean of 5 (95 %)", "answers"), [*groups]),
        (("question", "choice", "since", "difference (95 %)"), [*changed]),
    )
    yield from ((head, rows) for head, rows in tables if rows)
