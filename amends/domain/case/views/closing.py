"""The case as its closing sees it: with all that can keep it open, and the reasons why it may close all the same."""

from amends.domain.case.case import Case
from amends.domain.case.states import LastSigns
from amends.domain.claim.claim import ClaimTotals
from amends.domain.entitlement.remedy import RemedyCounts
from amends.domain.feedback.survey.survey import SurveyResults
from amends.domain.incident.commitment import CommitmentState
from amends.domain.people.access_request import RequestCounts
from amends.domain.playbook.closing import CarriedOver, ClosingOverride


class ClosingView(Case):
    """A case with what its closing depends on, apart from its notices and promises."""

    surveys: tuple[SurveyResults, ...] = ()
    """The results of surveys by invitation, the first invitation first."""
    reports_open: int = 0
    """The reports from personal pages that wait for a decision; the people's messages are held meanwhile."""
    requests: RequestCounts = RequestCounts()
    """The requests of people for their data."""
    claims: ClaimTotals = ClaimTotals()
    """The claims of compensation in numbers, beside the playbook's budget."""
    remedies: dict[str, RemedyCounts] = {}
    """By commitment that is kept for each person alone, the persons in numbers."""
    closing_overrides: tuple[ClosingOverride, ...] = ()
    """The closing criteria that members want to pass over, the first one first."""
    carried_over: tuple[CarriedOver, ...] = ()
    """The commitments that go on after the case is closed."""
    last_signs: LastSigns = LastSigns()

    @property
    def remedies_owed(self) -> dict[str, int]:
        """Return the number of persons who wait for their own result, by commitment; none of one that was dropped."""
        promised = (one.id for one in self.commitments if one.state is not CommitmentState.DROPPED)
        counts = {commitment: self.remedies[commitment].owed for commitment in promised if commitment in self.remedies}
        return {commitment: owed for commitment, owed in counts.items() if owed}

    @property
    def open_claims(self) -> int:
        """Return the number of claims of compensation that are not settled."""
        return self.claims.open
