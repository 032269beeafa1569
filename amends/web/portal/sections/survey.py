"""The section with the survey to which the person was invited."""

from collections.abc import Mapping

from amends.domain.feedback.clean import clean
from amends.domain.playbook.survey import LONGEST_COMMENT, SCORES
from amends.web.portal.sections.section import EXPIRED, Mistake, PageForm, PageSection, PageView, SentForm
from amends.web.portal.visit import Visit

ANSWER = "answer-"
"""The beginning of the name of a field that answers a question of a survey."""


class SurveySection(PageSection):
    """The section with the questions of a survey."""

    template = "survey.html"
    fields = ("survey",)

    def answer(self, visit: Visit, sent: SentForm) -> Mistake | None:
        """Record the answers; the first ones of a person count, also when the form is sent twice."""
        survey, invitation = visit.survey, visit.invitation
        if survey is None or sent.fields.get("survey") != invitation:
            return Mistake(EXPIRED)
        if self._has_answered(visit):
            return None
        fields = sent.fields.items()
        answers = {name.removeprefix(ANSWER): clean(text) for name, text in fields if name.startswith(ANSWER)}
        if question := survey.too_long(answers):
            return Mistake("too_long", f"{ANSWER}{question}")
        if not (given := survey.given(answers)):
            return Mistake("survey_empty", f"{ANSWER}{survey.questions[0].id}")
        self._ledger.surveys.answer(visit.incident, invitation, visit.person.number, survey, given, visit.now)
        return None

    forms = {"survey": PageForm(answer)}

    def shown(self, view: PageView) -> Mapping[str, object]:
        """Return the survey, and whether the person has answered it."""
        return {
            "survey": view.visit.survey,
            "survey_answered": self._has_answered(view.visit),
            "answer": ANSWER,
            "scores": SCORES,
            "longest_comment": LONGEST_COMMENT,
        }

    def _has_answered(self, visit: Visit) -> bool:
        whose = (visit.incident, visit.invitation, visit.person.number)
        return visit.survey is not None and self._ledger.surveys.has_answered(*whose)
