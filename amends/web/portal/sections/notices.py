"""The section with the notices to the person."""

from collections.abc import Mapping
from datetime import datetime

from amends.web.portal.sections.section import PageSection, PageView
from amends.web.portal.visit import Visit


class NoticesSection(PageSection):
    """The section that leads to each notice."""

    template = "notices.html"

    def shown(self, view: PageView) -> Mapping[str, object]:
        """Return the subject, the date and the path, if any, of each notice to the person."""
        return {"told": self._told(view.visit)}

    def _told(self, visit: Visit) -> list[tuple[str, datetime, str | None]]:
        return [(visit.voice.text(told.subjects), told.dated, self._path(visit, told.notice)) for told in visit.told]

    def _path(self, visit: Visit, notice: str) -> str | None:
        """Return the path at which the person reads a notice: as it was sent to them, else its public page, if any."""
        if notice in visit.got:
            return f"/p/{visit.link}/notice/{notice}" + (f"?lang={visit.chosen}" if visit.chosen else "")
        return self._portal.notices.path(visit.incident, notice, visit.voice.phrases.locale)
