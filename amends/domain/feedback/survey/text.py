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
    means = [(one.question, str(one.mean), one.mean.answers) for one in results.questions if one.mean]
    shares = [
        (one.question, choice, share.in_percent)
        for one in results.questions
        if not one.mean
        for choice, share in one.shares.items()
    ]
    groups = [(one.question, one.dimension, one.value, str(one.mean), one.mean.answers) for one in results.groups]
    changed = [(one.question, one.choice, one.since, str(one.by)) for one in results.differences]
    tables: tuple[Table, ...] = (
        (("measure", "mean of 5 (95 %)", "answers"), [*means]),
        (("question", "choice", "share (95 %)"), [*shares]),
        (("measure", "by", "of", "mean of 5 (95 %)", "answers"), [*groups]),
        (("question", "choice", "since", "difference (95 %)"), [*changed]),
    )
    yield from ((head, rows) for head, rows in tables if rows)
