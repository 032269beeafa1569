"""The section with the conversation: each question with its answers, corrections, and the person's objections."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from amends.domain.base.errors import NotAllowed
from amends.domain.feedback.answer import AnswerKind, HeardAnswer
from amends.domain.feedback.question import Question, QuestionKind
from amends.web.portal.sections.section import EXPIRED, Mistake, PageForm, PageSection, PageView, SentForm
from amends.web.portal.visit import Visit

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


class ConversationsSection(PageSection):
    """The section with the person's questions and our answers."""

    template = "conversation.html"
    fields = ("question", "why")

    def objection(self, visit: Visit, sent: SentForm) -> Mistake | None:
        """Reopen the person's own question, whose answer did not satisfy them; one that is open only gets the words."""
        questions = self._ledger.questions.all(visit.incident, person=visit.person.number)
        theirs = {str(question.id): question for question in questions}
        if (asked := theirs.get(sent.fields.get("question", ""))) is None or asked.answer_id is None:
            return Mistake(EXPIRED)
        case = visit.known.case
        owner, why = case.owner_of(QuestionKind.COMPLAINT), sent.text("why")
        try:
            self._ledger.answers.reopen(visit.incident, asked.id, visit.now, why, case.reply_within, owner)
        except NotAllowed:
            return Mistake("too_long", f"why-{asked.id}")
        return None

    forms = {"objection": PageForm(objection)}

    def shown(self, view: PageView) -> Mapping[str, Any]:
        """Return the conversations, and the time by which a question just reopened is answered."""
        said = self._ledger.answers.said(view.visit.incident, view.visit.person.number)
        due = last_reopened(view.questions, view.visit.now) if view.sent == "objection" else None
        return {"conversations": conversations(view.questions, said), "objection_due": due}


def last_reopened(questions: Iterable[Question], now: datetime) -> datetime | None:
    """Return the time by which the question that was reopened last is to be answered, or None without one."""
    opened = (question for question in questions if question.reopened_at and question.answered_at is None)
    last = max(
        (question for question in opened if not question.overdue(now)),
        key=lambda question: question.reopened_at or question.asked_at,
        default=None,
    )
    return last.reply_due_at if last else None


def conversations(questions: Iterable[Question], said: Mapping[int, Sequence[HeardAnswer]]) -> tuple[Conversation, ...]:
    """Return the conversation about each question, the one with the latest contribution first.

    Claims are left out: the page has a section of its own for them.
    """
    asked = (question for question in questions if question.kind is not QuestionKind.CLAIM)
    found = (Conversation(question, _turns(question, said.get(question.id, ()))) for question in asked)
    return tuple(sorted(found, key=lambda one: (one.latest, one.question.id), reverse=True))


def _turns(question: Question, answers: Sequence[HeardAnswer]) -> tuple[Turn, ...]:
    turns = [Turn(HEADS[answer.kind], answer.at, answer.text, wrong=answer.corrected) for answer in answers]
    if question.reopened_at:
        turns.append(Turn(OBJECTED, question.reopened_at, question.objection, ours=False))
    return tuple(sorted(turns, key=lambda turn: turn.at))
