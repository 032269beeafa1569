"""The section in which the person asks a question or makes a complaint."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from amends.delivery.alerts import alert_of_danger
from amends.domain.case.intake import new_question
from amends.domain.feedback.question import ASKED, Question, QuestionKind, QuestionSource
from amends.ledger.feedback.questions import LONGEST_QUESTION
from amends.web.portal.sections.section import Mistake, PageForm, PageSection, PageView, PortalParts, SentForm
from amends.web.portal.visit import Visit

USED = "form_used"
"""The word to a person whose form was sent before with another text. A new token comes with it."""


class AskSection(PageSection):
    """The section with the form for questions."""

    template = "ask.html"
    fields = ("kind", "text")

    def ask(self, visit: Visit, sent: SentForm) -> Mistake | None:
        """Record the question, unless the same one of this person is still open."""
        asked = record_question(self._portal, visit, sent, "text")
        return asked if isinstance(asked, Mistake) else None

    forms = {"ask": PageForm(ask)}

    def shown(self, view: PageView) -> Mapping[str, object]:
        """Return what can be asked, and the time by which a question just asked is answered."""
        due = last_due(view.questions, view.visit.now) if view.sent == "ask" else None
        return {"faq": self._ledger.faq.public(view.visit.incident), "reply_due": due, "kinds": ASKED}


def record_question(portal: PortalParts, visit: Visit, sent: SentForm, field: str) -> int | Mistake | None:
    """Record the question in a form and return its number; None when the person's same question is still open."""
    text, kind = sent.text("text"), _kind(sent.fields.get("kind", ""))
    if not text or len(text) > LONGEST_QUESTION:
        return Mistake("too_long" if text else "empty_text", field)
    if _is_open(portal, visit, kind, text):
        return None
    asked = new_question(
        visit.known.case.playbook,
        text,
        person=visit.person.number,
        kind=kind,
        source=QuestionSource.PORTAL,
        locale=visit.voice.phrases.locale,
        once=sent.once,
        at=visit.now,
    )
    questions = portal.ledger.questions
    stored = questions.get(visit.incident, questions.ask(visit.incident, asked, visit.now))
    alert_of_danger(portal.ledger, visit.incident, asked, visit.now, rehearsal=portal.rehearsal)
    return stored.id if (stored.kind, stored.text) == (kind, text) else Mistake(USED, field)


def last_due(questions: Sequence[Question], now: datetime) -> datetime | None:
    """Return the time by which the last question is to be answered, or None when it is answered or overdue."""
    last = max(questions, key=lambda question: question.id, default=None)
    return last.reply_due_at if last and last.answered_at is None and not last.overdue(now) else None


def _is_open(portal: PortalParts, visit: Visit, kind: QuestionKind, text: str) -> bool:
    """Return True when the person's same question is still open: after Back a form may have another token."""
    theirs = portal.ledger.questions.all(visit.incident, person=visit.person.number, open_only=True)
    return any((question.kind, question.text) == (kind, text) for question in theirs)


def _kind(word: str) -> QuestionKind:
    return QuestionKind(word) if word in ASKED else QuestionKind.QUESTION
