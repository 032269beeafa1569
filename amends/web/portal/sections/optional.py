"""The section about optional messages: stopping and resuming them, and the wishes for their language and channel."""

from collections.abc import Mapping

from amends.domain.channel.channel import to_people
from amends.domain.people.preference import Preference
from amends.web.portal.sections.section import Mistake, PageForm, PageSection, PageView, SentForm
from amends.web.portal.visit import Visit

ON_PAGE = "personal page"
"""The way of opting out, as the audit names it."""
WAYS = to_people()
"""The channels that a person can wish for."""


class OptionalSection(PageSection):
    """The section with the choices about optional messages."""

    template = "optional.html"
    fields = ("locale", "channel")

    def stop(self, visit: Visit, _: SentForm) -> Mistake | None:
        """End the optional messages to the person."""
        self._ledger.opt_outs.add(visit.incident, visit.person.number, ON_PAGE, visit.now)
        return None

    def resume(self, visit: Visit, _: SentForm) -> Mistake | None:
        """Resume the optional messages to the person."""
        self._ledger.opt_outs.end(visit.incident, visit.person.number, ON_PAGE, visit.now)
        return None

    def prefer(self, visit: Visit, sent: SentForm) -> Mistake | None:
        """Store the wishes for optional messages; a language or a channel that is not offered is no wish."""
        locale, channel = sent.fields.get("locale", ""), sent.fields.get("channel", "")
        wanted = Preference(
            locale=locale if locale in visit.known.locales else "", channel=channel if channel in (*WAYS,) else ""
        )
        self._ledger.choices.prefer(visit.incident, visit.person.number, wanted, visit.now)
        return None

    forms = {
        "stop": PageForm(stop, is_button=True),
        "again": PageForm(resume, is_button=True),
        "prefer": PageForm(prefer, is_button=True),
    }

    def shown(self, view: PageView) -> Mapping[str, object]:
        """Return the choices of the person, and which of them were just made."""
        whose = view.visit.incident, view.visit.person.number
        return {
            "opted_out": self._ledger.opt_outs.has(*whose),
            "resumed": view.sent == "again",
            "saved": view.sent == "prefer",
            "wish": self._ledger.choices.preference(*whose),
            "ways": WAYS,
        }
