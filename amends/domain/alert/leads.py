"""Alerts to the leads that are due now, and their words; an alert never holds personal data."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from amends.domain.base.text import in_both
from amends.domain.case.case import Case
from amends.domain.notice.notice import digest

NEWS = timedelta(days=1)
"""The time for which an alert is sent to leads, also to a lead who has only become reachable since the alert."""
MOST = 10
"""The most alerts that one message gives in full."""


class LeadAlert(NamedTuple):
    """One alert to the leads."""

    key: str
    """A key that stays the same for the same alert all day, so that the alert is sent once."""
    what: str
    at: datetime


def lead_alerts(case: Case, now: datetime, *, doubts: bool) -> tuple[LeadAlert, ...]:
    """Return every alert of the last day, in order; none once the incident's personal data was destroyed.

    With `doubts`, an alert also says why a doubt about the clock or the ledger holds everything back, once a day.
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
    """Return the text of a message with the last MOST alerts; times are in UTC and in the organisation's time zone."""
    latest = [f"{in_both(alert.at, zone)}: {alert.what}" for alert in news[-MOST:]]
    more = [f"… and {len(news) - MOST} before: amends incident timeline {incident}"] if len(news) > MOST else []
    return "\n".join([f"Incident {incident}:", *more, *latest, f"How it stands: amends timeline {incident}"])
