"""Alerts to the leads that are due now, and their words; an alert never holds personal data."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from amends.domain.base.text import day, in_both
from amends.domain.case.views.timeline import TimelineView
from amends.domain.incident.alert import Alert, AlertId, AlertKind

NEWS = timedelta(days=1)
"""The time for which an alert is sent to leads, also to a lead who has only become reachable since the alert."""
MOST = 10
"""The most alerts that one message gives in full."""


def lead_alerts(case: TimelineView, now: datetime, *, doubts: bool) -> tuple[Alert, ...]:
    """Return every alert of the last day, in order; none once the incident's personal data was destroyed.

    With `doubts`, an alert also says why a doubt about the clock or the ledger holds everything back, once a day.
    """
    if case.destroyed_at:
        return ()
    news = [alert for alert in case.alerts if alert.at > now - NEWS]
    if doubts and case.clock_doubt:
        news.append(_doubt(AlertKind.CLOCK_DOUBT, f"nothing falls due and nothing leaves: {case.clock_doubt}", now))
    if doubts and case.ledger_doubt:
        news.append(_doubt(AlertKind.LEDGER_DOUBT, f"nothing is sent: {case.ledger_doubt}", now))
    return tuple(sorted(news, key=lambda alert: (alert.at, alert.what)))


def _doubt(kind: AlertKind, what: str, now: datetime) -> Alert:
    return Alert(AlertId(kind, window=day(now)), what, now)


def text(incident: str, news: Sequence[Alert], zone: str) -> str:
    """Return the text of a message with the last MOST alerts; times are in UTC and in the organisation's time zone."""
    latest = [f"{in_both(alert.at, zone)}: {alert.what}" for alert in news[-MOST:]]
    more = [f"… and {len(news) - MOST} before: amends incident timeline {incident}"] if len(news) > MOST else []
    return "\n".join([f"Incident {incident}:", *more, *latest, f"How it stands: amends timeline {incident}"])
