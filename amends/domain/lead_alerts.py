"""Which alerts are to be brought to which lead now, and in which words: no data of those affected is ever in one."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from amends.domain.case import Case
from amends.domain.news_clock import in_both
from amends.domain.notice import digest
from amends.domain.team import Member, TeamRole
from amends.domain.value import Moment, Value

NEWS = timedelta(days=1)
"""So long an alert is brought to a lead, also to one who can only be reached since; later it is in the timeline."""


class LeadAlert(Value):
    """One alert for one lead."""

    incident: str
    to: str
    what: str
    at: Moment
    notice: str = ""
    """It is about none that could be approved."""

    @property
    def key(self) -> str:
        """The same for the same alert at every look of a day."""
        return f"alert {digest(self.what)[:32]} {self.at:%Y-%m-%d}"


def lead_alerts(case: Case, team: Iterable[Member], now: datetime) -> tuple[LeadAlert, ...]:
    """Every alert that is news, for each lead who can be reached; those brought before are told apart by their keys.

    What holds everything back until a person looks is said once a day, as long as it does.
    """
    leads = [one.name for one in team if one.active and one.can_be_reached and one.role is TeamRole.LEAD]
    news = {what: at for what, at in case.alerts.items() if at > now - NEWS}
    if case.clock_doubt:
        news[f"nothing falls due and nothing leaves: {case.clock_doubt}"] = now
    if case.ledger_doubt:
        news[f"nothing is sent: {case.ledger_doubt}"] = now
    return tuple(
        LeadAlert(incident=case.incident.id, to=name, what=what, at=at) for what, at in news.items() for name in leads
    )


def title(alert: LeadAlert) -> str:
    """One line that says what it is about."""
    return f"Alert: {alert.incident}"


def text(alert: LeadAlert, zone: str) -> str:
    """What happened, and where to look, on the organisation's clock too."""
    return (
        f"Incident {alert.incident}, {in_both(alert.at, zone)}: {alert.what}\n"
        f"How it stands: amends timeline {alert.incident}"
    )
