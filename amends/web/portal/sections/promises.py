"""The section with what was promised to the person, and how it stands."""

from collections.abc import Mapping

from amends.domain.entitlement.code import OwnCode
from amends.web.portal.sections.section import PageSection, PageView
from amends.web.portal.visit import Visit


class PromisesSection(PageSection):
    """The section with the commitments that concern the person."""

    template = "promises.html"

    def shown(self, view: PageView) -> Mapping[str, object]:
        """Return the person's own codes."""
        return {"codes": self._codes(view.visit)}

    def _codes(self, visit: Visit) -> dict[str, OwnCode]:
        """Return the person's own code of each commitment; the ledger is asked only when they were promised one."""
        theirs = (commitment for commitment, _ in visit.commitments)
        if not any(commitment.take_up.codes and commitment.id in visit.promised for commitment in theirs):
            return {}
        codes = self._ledger.codes.of_person(visit.incident, visit.person.number)
        return {code.commitment: code for code in codes if code.state.held and code.code}
