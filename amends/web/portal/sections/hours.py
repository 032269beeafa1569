"""The section with question hours: being reminded of one, and asking beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass

from amends.delivery.send.postpone import zones
from amends.domain.feedback.hour import HourState, QuestionHour
from amends.web.portal.hours import times
from amends.web.portal.sections.ask import last_due, record_question
from amends.web.portal.sections.section import EXPIRED, Mistake, PageForm, PageSection, PageView, SentForm
from amends.web.portal.visit import Visit


@dataclass(frozen=True, slots=True)
class HourShown:
    """A question hour on a personal page."""

    hour: QuestionHour
    state: HourState
    signed_up: bool
    begins: str


class HoursSection(PageSection):
    """The section with the question hours."""

    template = "hours.html"
    fields = ("hour",)

    def sign_up(self, visit: Visit, sent: SentForm) -> Mistake | None:
        """Record that the person wants to be reminded of a question hour."""
        if not self._comes(visit, sent):
            return Mistake(EXPIRED)
        self._ledger.hours.sign_up(visit.incident, sent.fields["hour"], visit.person.number, visit.now)
        return None

    def ask_beforehand(self, visit: Visit, sent: SentForm) -> Mistake | None:
        """Record a question that is to be answered in a question hour."""
        if not self._comes(visit, sent):
            return Mistake(EXPIRED)
        asked = record_question(self._portal, visit, sent, "")
        if isinstance(asked, Mistake):
            return asked
        if asked is not None:
            self._ledger.hours.collect(visit.incident, sent.fields["hour"], asked, visit.now)
        return None

    forms = {"remind": PageForm(sign_up, is_button=True), "hour": PageForm(ask_beforehand)}

    def shown(self, view: PageView) -> Mapping[str, object]:
        """Return the question hours, and the time by which a question just asked is answered."""
        due = last_due(view.questions, view.visit.now) if view.sent == "hour" else None
        return {"hours": self._hours(view.visit), "hour_reply_due": due}

    def _comes(self, visit: Visit, sent: SentForm) -> bool:
        """Return True when the form is about a question hour that has not begun."""
        hours = self._ledger.hours.all(visit.incident)
        return any(hour.id == sent.fields.get("hour") and hour.begins_at > visit.now for hour in hours)

    def _hours(self, visit: Visit) -> list[HourShown]:
        """Return the question hours, each with its state and with when it begins on the person's clocks."""
        if not (hours := self._ledger.hours.all(visit.incident)):
            return []
        signed, voice = self._ledger.hours.signed_up(visit.incident, visit.person.number), visit.voice
        theirs = zones(visit.person.timezone, visit.person.country)
        return [
            HourShown(hour, hour.state(visit.now), hour.id in signed, times(hour, voice, theirs)[0][1])
            for hour in hours
        ]
