"""What is to be brought to the leads now, and in which words: no data of those affected is ever in an alert."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from amends.domain.base.text import in_both
from amends.domain.case.case import Case
from amends.domain.notice.notice import digest

NEWS = timedelta(days=1)
"""So long an alert is brought to a lead, also to one who can only be reached since."""
MOST = 10
"""So many are told in full in one message."""


class LeadAlert(NamedTuple):
    """Something that a lead must look at."""

    key: str
    """The same for the same alert at every look of a day."""
    what: str
    at: datetime


def lead_alerts(case: Case, now: datetime, *, doubts: bool) -> tuple[LeadAlert, ...]:
    """Every alert that is news, in order; with `doubts` also what holds everything back, which is said once a day.

    Nothing of an incident whose personal data was destroyed.
    """
    if case.destroyed_at:
        return ()
    news = [LeadAlert(_key(one.name, one.at), one.what, one.at) for one in case.alerts if one.at > now - NEWS]
    if doubts and case.clock_doubt:
        news.append(_doubt(f"nothing falls due and nothing leaves: {case.clock_doubt}", now))
    if doubts and case.ledger_doubt:
        news.append(_doubt(f"nothing is sent: {case.ledger_doubt}", now))
    return tuple(sorted(news, key=lambda alert: (alert.at, alert.what)))


def _doubt(what: str, now: datetime) -> LeadAlert:
    return LeadAlert(_key(what, now), what, now)


def _key(name: str, at: datetime) -> str:
    return f"alert {digest(name)[:32]} {at:%Y-%m-%d}"


def text(incident: str, news: Sequence[LeadAlert], zone: str) -> str:
    """What happened, the last ones in full, and where to look, on the organisation's clock too."""
    told = [f"{in_both(alert.at, zone)}: {alert.what}" for alert in news[-MOST:]]
    more = [f"… and {len(news) - MOST} before: amends incident timeline {incident}"] if len(news) > MOST else []
    return "\n".join([f"Incident {incident}:", *more, *told, f"How it stands: amends timeline {incident}"])
