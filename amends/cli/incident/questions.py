"""The ten questions of `amends incident new`, each checked as the incident file itself would be."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import typer

from amends.cli.terminal.options import number_or_none
from amends.cli.terminal.times import time_from
from amends.content.incident.new_file import MEANS, Answers, Example, new_incident_file, read_new
from amends.domain.base.errors import ContentError
from amends.domain.base.text import printable
from amends.domain.base.value import UNKNOWN

INTRODUCTION = (
    "Ten questions. Press Enter, or say unknown, where nobody knows yet: unknown is never taken for no, and every\n"
    "line can be changed later. Ctrl-C ends this, and nothing is written.\n"
)
MARGIN = "      "
DATE = len("2026-03-02")
CHOICE = f"\n{MARGIN}".join(f"{example}: {MEANS[example]}" for example in Example)
YES_OR_NO = {"yes": True, "y": True, "no": False, "n": False}

Read = Callable[[str, Answers, datetime], Any]
"""A function that returns the value of an answer, given those before it and the time. Raises BadParameter."""


@dataclass(frozen=True)
class FileQuestion:
    """One question: the field of `Answers` that it fills, its words, a line of help, and the reading of the answer."""

    field: str
    ask: str
    help: str
    read: Read


def ask_all(file: Path, at: datetime) -> Answers:
    """Return the answers of the person at the terminal; a wrong answer is asked for again, with the reason."""
    typer.echo(INTRODUCTION, err=True)
    answers = Answers()
    for number, asked_together in enumerate(QUESTIONS, 1):
        for place, question in enumerate(asked_together):
            mark = f"{number:>2}/{len(QUESTIONS)}" if place == 0 else ""
            typer.echo(f"{mark:<{len(MARGIN)}}{question.ask}\n{MARGIN}{question.help}", err=True)
            answers = _answered(question, answers, file, at)
    return answers


def _answered(question: FileQuestion, answers: Answers, file: Path, at: datetime) -> Answers:
    """Return the answers with that to this question."""
    while True:
        said = str(typer.prompt(MARGIN, prompt_suffix="> ", default="", show_default=False, err=True)).strip()
        if said.casefold() in ("", UNKNOWN):
            return answers
        try:
            more = replace(answers, **{question.field: question.read(said, answers, at)})
            read_new(new_incident_file(more, at), file)
        except typer.BadParameter as error:
            typer.echo(printable(f"{MARGIN}{error.message}"), err=True)
        except ContentError as error:
            for finding in error.findings:
                advice = f" ({finding.advice})" if finding.advice else ""
                typer.echo(printable(f"{MARGIN}{finding.what}{advice}"), err=True)
        else:
            return more


def _text(said: str, _answers: Answers, _at: datetime) -> str:
    return said


def _capitals(said: str, _answers: Answers, _at: datetime) -> str:
    return said.upper()


def _words(said: str, _answers: Answers, _at: datetime) -> tuple[str, ...]:
    return tuple(said.lower().replace(",", " ").split())


def _number(said: str, _answers: Answers, _at: datetime) -> int:
    return number_or_none(said)


def _example(said: str, _answers: Answers, _at: datetime) -> Example:
    if said.casefold() not in tuple(Example):
        raise typer.BadParameter(f"one of {', '.join(Example)} is meant")
    return Example(said.casefold())


def _yes_or_no(said: str, _answers: Answers, _at: datetime) -> bool:
    if said.casefold() not in YES_OR_NO:
        raise typer.BadParameter("yes or no is meant")
    return YES_OR_NO[said.casefold()]


def _moment(said: str, answers: Answers, at: datetime) -> str:
    """Return the time with the organisation's zone, as the file gives it."""
    zone = _zone(answers)
    moment = time_from(said, zone.key).astimezone(zone)
    if moment > at:
        raise typer.BadParameter(f"{said} is still to come")
    return moment.isoformat(timespec="minutes")


def _moment_or_day(said: str, answers: Answers, at: datetime) -> str:
    """Return the time as `_moment` does, or the day as it was typed; what is no day is a finding of the file."""
    if len(said) != DATE:
        return _moment(said, answers, at)
    with suppress(ValueError):
        if date.fromisoformat(said) > at.astimezone(_zone(answers)).date():
            raise typer.BadParameter(f"{said} is still to come")
    return said


def _zone(answers: Answers) -> ZoneInfo:
    return ZoneInfo(answers.timezone or "UTC")


QUESTIONS: tuple[tuple[FileQuestion, ...], ...] = (
    (
        FileQuestion(
            "title", "What is it about, in a few words?", "For your team, such as: Customer database copied", _text
        ),
    ),
    (
        FileQuestion("name", "By which name do customers know the company?", "Such as: Example Ltd", _text),
        FileQuestion(
            "country",
            "In which country is its seat?",
            "Two letters, such as CN; in Germany with the Land: DE-BE",
            _capitals,
        ),
        FileQuestion(
            "timezone", "By which clock does it tell times?", "Such as Europe/Berlin; unknown means UTC", _text
        ),
    ),
    (FileQuestion("what", "What happened?", CHOICE, _example),),
    (
        FileQuestion(
            "discovered",
            "When did anybody of yours first know of it?",
            "Day and hour, such as 2026-03-02 08:00; most deadlines run from here",
            _moment,
        ),
    ),
    (
        FileQuestion(
            "occurred", "When did it happen?", "Such as 2026-03-01 23:30, or only the day: 2026-03-01", _moment_or_day
        ),
    ),
    (
        FileQuestion(
            "data",
            "Which kinds of data were touched?",
            "Such as basic_identity, contact, credentials_hashed, payment_card; `amends incident facts` has all words",
            _words,
        ),
    ),
    (
        FileQuestion("at_least", "How many people are touched, at the least?", "A number, such as 200", _number),
        FileQuestion("at_most", "And at the most?", "A number; while nobody knows, it counts as very many", _number),
    ),
    (
        FileQuestion(
            "encrypted", "Was the data encrypted where it lay?", "yes or no; a lock on the screen is none", _yes_or_no
        ),
    ),
    (
        FileQuestion(
            "email", "At which email address do customers reach a person?", "It stands in every notice", _text
        ),
        FileQuestion(
            "phone", "And at which telephone number?", "Such as +49 30 5550100; it stands in every notice", _text
        ),
    ),
    (
        FileQuestion(
            "own_domain",
            "Which domain of yours do customers know?",
            "Such as example.org; notices link only there and below it",
            _text,
        ),
    ),
)
"""The ten questions; those about one thing stand together."""
