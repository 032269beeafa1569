"""A survey: its questions in words for each locale, and the people who are asked."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from amends.domain.base.value import LOCALE, MOST_PEOPLE, Slug, Value, text_for

MOST_QUESTIONS = 12
"""The most questions of one survey: nobody answers more of them with care."""
MOST_CHOICES = 12
HIGHEST = 5
"""The highest score of a scale, which begins at 1."""
LONGEST_COMMENT = 1_000
"""The largest number of characters of one free text."""
LONGEST_WORDS = 400
"""The largest number of characters of a question in one locale."""


def _words(given: object) -> object:
    if not isinstance(given, Mapping):
        raise ValueError("a text for each locale is expected here: {en: …, zh-CN: …}")  # noqa: TRY004 - pydantic
    return given


def _checked(words: dict[str, str]) -> dict[str, str]:
    if not words:
        raise ValueError("a text for at least one locale is expected here")
    for locale, text in words.items():
        if not LOCALE.fullmatch(locale):
            raise ValueError(f"{locale!r} is no locale such as en or zh-CN")
        if not text.strip() or len(text) > LONGEST_WORDS:
            raise ValueError(f"{locale}: a text of 1 to {LONGEST_WORDS} characters is expected here")
    return words


Words = Annotated[dict[str, str], BeforeValidator(_words), AfterValidator(_checked)]
"""A text by locale."""


class AnswerForm(StrEnum):
    """A kind of answer that a question of a survey takes."""

    SCALE = "scale"
    """A score from 1 to 5."""
    CHOICE = "choice"
    """One of the choices."""
    TEXT = "text"
    """A free text."""


class SurveyChoice(Value):
    """One choice of a question."""

    id: Slug
    words: Words


class SurveyQuestion(Value):
    """One question of a survey."""

    id: Slug
    kind: AnswerForm
    words: Words
    choices: tuple[SurveyChoice, ...] = Field(default=(), max_length=MOST_CHOICES)

    @model_validator(mode="after")
    def _has_its_choices(self) -> "SurveyQuestion":
        if (self.kind is AnswerForm.CHOICE) != (len(self.choices) > 1):
            raise ValueError("choices belong to a question of kind choice, which has at least two")
        _refuse_twins("choices", (choice.id for choice in self.choices))
        return self

    def accepts(self, answer: str) -> bool:
        """Return True when the answer is one that this question takes."""
        match self.kind:
            case AnswerForm.SCALE:
                return answer in SCORES
            case AnswerForm.CHOICE:
                return any(answer == choice.id for choice in self.choices)
        return len(answer) <= LONGEST_COMMENT


class Sample(Value):
    """A random sample of the people of the step's audience; the same people for every invitation to the survey."""

    percent: int | None = Field(default=None, ge=1, le=100)
    people: int | None = Field(default=None, ge=1, le=MOST_PEOPLE)

    @model_validator(mode="after")
    def _one_size(self) -> "Sample":
        if (self.percent is None) == (self.people is None):
            raise ValueError("give the size of the sample: either percent, or people")
        return self


class Survey(Value):
    """A survey; each person who is invited can answer once for each invitation."""

    id: Slug
    to: Literal["all"] | Sample = "all"
    """Everybody whom the invitation goes to, or a random sample of them."""
    title: Words
    intro: Words
    low: Words = {}
    """The meaning of the lowest score of a scale."""
    high: Words = {}
    """The meaning of the highest score of a scale."""
    questions: tuple[SurveyQuestion, ...] = Field(min_length=1, max_length=MOST_QUESTIONS)

    @model_validator(mode="after")
    def _is_whole(self) -> "Survey":
        _refuse_twins("questions", (question.id for question in self.questions))
        if self.scales and not (self.low and self.high):
            raise ValueError("a scale needs the words of its ends: low and high")
        return self

    @property
    def sample(self) -> Sample | None:
        """Return the sample, or None when all are asked."""
        return self.to if isinstance(self.to, Sample) else None

    @property
    def scales(self) -> tuple[SurveyQuestion, ...]:
        """Return the questions that are answered on a scale."""
        return tuple(question for question in self.questions if question.kind is AnswerForm.SCALE)

    @property
    def texts(self) -> tuple[SurveyQuestion, ...]:
        """Return the questions that are answered in free text."""
        return tuple(question for question in self.questions if question.kind is AnswerForm.TEXT)

    def lacking(self, locale: str) -> bool:
        """Return True when some words of the survey are missing for readers of this locale."""
        texts = [self.title, self.intro, *filter(None, (self.low, self.high))]
        for question in self.questions:
            texts += [question.words, *(choice.words for choice in question.choices)]
        return any(not text_for(words, locale) for words in texts)

    def given(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Return the answers among these fields that the questions take; a blank text is no answer."""
        asked = ((question, fields.get(question.id, "").strip()) for question in self.questions)
        return {one.id: answer for one, answer in asked if answer and one.accepts(answer)}

    def too_long(self, fields: Mapping[str, str]) -> str:
        """Return the id of the first question whose free text is too long, or ""."""
        return next((text.id for text in self.texts if not text.accepts(fields.get(text.id, "").strip())), "")


SCORES = tuple(str(score) for score in range(1, HIGHEST + 1))


def _refuse_twins(what: str, ids: Iterable[str]) -> None:
    known: set[str] = set()
    for id_ in ids:
        if id_ in known:
            raise ValueError(f"two {what} have the id {id_}")
        known.add(id_)
