"""The section with the steps that the person can take, each of which can be ticked as done."""

from collections.abc import Mapping

from amends.web.portal.sections.section import Mistake, PageForm, PageSection, PageView, SentForm
from amends.web.portal.visit import Visit


class StepsSection(PageSection):
    """The section with steps and help."""

    template = "steps.html"
    fields = ("step", "done")

    def tick(self, visit: Visit, sent: SentForm) -> Mistake | None:
        """Record that a step of the page is done, or is not done after all; any other step is passed over."""
        step = sent.fields.get("step", "")
        if step in dict(visit.steps):
            done = sent.fields.get("done") == "1"
            self._ledger.choices.tick(visit.incident, visit.person.number, step, visit.now, done=done)
        return None

    forms = {"tick": PageForm(tick, is_button=True)}

    def shown(self, view: PageView) -> Mapping[str, object]:
        """Return the steps that are done."""
        return {"ticked": self._ledger.choices.ticked(view.visit.incident, view.visit.person.number)}
