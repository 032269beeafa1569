"""The conversation on a personal page: each question with its answers, corrections, and the person's objections."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from amends.domain.feedback.answer import AnswerKind, HeardAnswer
from amends.domain.feedback.question import Question, QuestionKind

HEADS = {
    AnswerKind.GIVEN: "answered_on",
    AnswerKind.CORRECTION: "answer_corrected_on",
    AnswerKind.CLOSED: "answer_closed_on",
    AnswerKind.CLAIM_NEWS: "answered_on",
}
"""The word of the portal above each kind of answer."""
OBJECTED = "objected_on"


@dataclass(frozen=True, slots=True)
class Turn:
    """One contribution to a conversation. Holds personal data: never log or print it."""

    head: str
    """The word of the portal that says who wrote this and when."""
    at: datetime
    text: str = field(repr=False)
    wrong: bool = False
    """True for an answer that a later one corrects."""
    ours: bool = True


@dataclass(frozen=True, slots=True)
class Conversation:
    """One question of the person with all that was said about it. Holds personal data: never log or print it."""

    question: Question
    turns: tuple[Turn, ...]

    @property
    def latest(self) -> datetime:
        """Return the time of the latest contribution."""
        return max([self.question.asked_at, *(turn.at for turn in self.turns)])


def conversations(
    questions: Iterable[Question], said: Mapping[int, Sequence[HeardAnswer]]
) -> tuple[Conversation, ...]:  # fmt: skip
    """Return the conversation about each question, the one with the latest contribution first.

    Claims are left out: the page has a section of its own for them.
    """
    asked = (question for question in questions if question.kind is not QuestionKind.CLAIM)
    found = (Conversation(question, _turns(question, said.get(question.id, ()))) for question in asked)
    return tuple(sorted(found, key=lambda one: (one.latest, one.question.id), reverse=True))


def _turns(question: Question, answers: Sequence[HeardAnswer]) -> tuple[Turn, ...]:
    turns = [Turn(HEADS[one.kind], one.at, one.text, wrong=one.corrected) for one in answers]
    if question.reopened_at:
        turns.append(Turn(OBJECTED, question.reopened_at, question.objection, ours=False))
    return tuple(sorted(turns, key=lambda turn: turn.at))
