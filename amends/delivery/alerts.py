"""Reminders to approvers and alerts to leads, sent by Apprise through each member's own channel.

The functions may be repeated, and killed at any moment. An address holds secrets, and Apprise and its libraries would
log the address: nothing of theirs is logged or raised here.
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from amends.domain.alert.approvals import ApprovalReminder, approval_reminders, text, title
from amends.domain.alert.commitments import commitment_alerts
from amends.domain.alert.leads import LeadAlert, lead_alerts
from amends.domain.alert.leads import text as alert_text
from amends.domain.alert.remedies import remedy_alerts
from amends.domain.alert.replies import reply_alerts
from amends.domain.alert.tasks import task_alerts
from amends.domain.case.case import Case, IncidentState
from amends.domain.feedback.question import NewQuestion, Urgency
from amends.ledger import Ledger

if TYPE_CHECKING:
    from apprise import Apprise

LIMIT = 15.0
"""Seconds that all messages of one call may take; they are sent side by side."""
Subject = TypeVar("Subject")
"""The reminder or the alerts that a message brings."""
LOUD = ("apprise", "urllib3")
"""The loggers that would write addresses."""


def is_understood(address: str) -> bool:
    """Return True when the text is one address that Apprise can send to; nothing is sent."""
    return _apprise_for(address) is not None


def remind_approvers(ledger: Ledger, case: Case, now: datetime, limit: float = LIMIT) -> int:
    """Send each due reminder that was not sent before, and return how many were sent; a failure alerts the lead."""
    incident, team = case.incident.id, ledger.team.members()
    ledger.alerts.give_up_reminders(incident, now)
    due, reachable = approval_reminders(case, team, now), {one.name for one in team if one.can_be_reached}
    if not (due and reachable):
        return 0  # a team without any addresses has chosen to do without reminders
    given = ledger.alerts.reminders_given(incident)
    for name in sorted({one.to for one in due} - reachable):
        ledger.alerts.not_reachable(incident, name, now)
    new = [one for one in due if one.to in reachable and (one.notice, one.to, one.key) not in given]
    return _send_all(ledger, new, case.incident.organisation.timezone, now, limit)


def alert_leads(
    ledger: Ledger, case: Case, now: datetime, limit: float = LIMIT, *, doubts: bool = True, rehearsal: bool = False
) -> int:
    """Send each reachable lead one message with the alerts that are new to the lead; return how many were sent.

    Members of the role to which the playbook escalates a late task hear of that task too.
    """
    news, team = lead_alerts(case, now, doubts=doubts), ledger.team.members()
    leads = [one.name for one in team if one.hears_alerts] if news else []
    news_of = {**dict.fromkeys(leads, news), **task_alerts(case, team, now)}
    return _send_news(ledger, case, news_of, now, limit, rehearsal=rehearsal)


def alert_of_replies(
    ledger: Ledger, case: Case, now: datetime, limit: float = LIMIT, *, rehearsal: bool = False
) -> int:
    """Send each member once what they are to hear of overdue replies and of people in danger; return the messages."""
    incident = case.incident.id
    if case.destroyed_at or not case.questions.open:
        return 0
    heard = reply_alerts(incident, ledger.queue.to_escalate(incident, now), ledger.team.members(), now)
    return _send_news(ledger, case, _unsent(ledger, incident, heard, now), now, limit, rehearsal=rehearsal)


def alert_of_remedies(
    ledger: Ledger, case: Case, now: datetime, limit: float = LIMIT, *, rehearsal: bool = False
) -> int:
    """Send each member once what they are to hear of people without a result of their own; return the messages."""
    if case.destroyed_at or not case.remedies_owed:
        return 0
    heard = remedy_alerts(case, ledger.team.members(), now)
    return _send_news(ledger, case, _unsent(ledger, case.incident.id, heard, now), now, limit, rehearsal=rehearsal)


def _unsent(
    ledger: Ledger, incident: str, alerts_of: Mapping[str, Sequence[LeadAlert]], now: datetime
) -> dict[str, tuple[LeadAlert, ...]]:
    """Return the alerts that were not sent to their members, by member."""
    heard = {}
    for name, alerts in alerts_of.items():
        unsent = ledger.alerts.unsent(incident, name, {one.key for one in alerts}, now)
        if news := tuple(one for one in alerts if one.key in unsent):
            heard[name] = news
    return heard


def alert_of_commitments(
    ledger: Ledger, case: Case, now: datetime, limit: float = LIMIT, *, rehearsal: bool = False
) -> int:
    """Send each member once what they are to hear of the promises at each stage; return how many messages were sent."""
    incident, heard = case.incident.id, {}
    for name, alerts in commitment_alerts(case, ledger.team.members(), now).items():
        unsent = ledger.alerts.unsent(incident, name, {one.key for one in alerts}, now)
        if news := tuple(one for one in alerts if one.key in unsent):
            heard[name] = news
    return _send_news(ledger, case, heard, now, limit, rehearsal=rehearsal)


def _send_news(
    ledger: Ledger, case: Case, news_of: Mapping[str, Sequence[LeadAlert]], now: datetime, limit: float, *,
    rehearsal: bool,
) -> int:  # fmt: skip
    """Send each of these members one message with the news that are new to the member; return how many were sent."""
    incident, zone = case.incident.id, case.incident.organisation.timezone
    title = f"{'Rehearsal. ' if rehearsal else ''}To look at: {incident}"
    on_their_way = []
    for lead, news in news_of.items():
        if keys := ledger.alerts.claim(incident, lead, [alert.key for alert in news], now):
            alerts = [alert for alert in news if alert.key in keys]
            on_their_way.append(((lead, keys), _started(ledger, lead, title, alert_text(incident, alerts, zone))))
    sent = 0
    for (lead, keys), failure in _finished(on_their_way, limit):
        ledger.alerts.settle(incident, lead, keys, failure, now)
        sent += not failure
    return sent


def alert_at_once(ledger: Ledger, incident: str, now: datetime, *, rehearsal: bool = False) -> int:
    """Send members their alerts at once of what cannot wait, as of people in danger; return how many were sent.

    The sweep would send the alerts some minutes later, and only where Prefect runs.
    """
    case = ledger.cases.read(incident, now)
    sent = alert_of_replies(ledger, case, now, rehearsal=rehearsal)
    if not (case.stopped_sends or case.stopped_domains or case.leaks or case.state is IncidentState.PAUSED):
        return sent
    return sent + alert_leads(ledger, case, now, doubts=False, rehearsal=rehearsal)


def alert_of_danger(ledger: Ledger, incident: str, asked: NewQuestion, now: datetime, *, rehearsal: bool) -> None:
    """Alert members, in a thread of its own, when a question tells of danger; whoever asked does not wait for that."""
    if asked.urgency is Urgency.SAFETY:
        alert = partial(_alert_quietly, ledger, incident, now, rehearsal=rehearsal)
        threading.Thread(target=alert, daemon=True).start()


def _alert_quietly(ledger: Ledger, incident: str, now: datetime, *, rehearsal: bool) -> None:
    """Alert at once; what fails is sent by the next sweep, and an error's text could hold an address."""
    with suppress(Exception):
        alert_at_once(ledger, incident, now, rehearsal=rehearsal)


@dataclass
class _Sending:
    """A message that is being sent in a thread of its own, so that a channel that hangs delays no other message."""

    title: str
    failure: str = ""
    thread: threading.Thread | None = None

    def start(self, address: str, body: str) -> None:
        """Start the thread that sends the message to this address; an address that is not understood is a failure."""
        apprise = _apprise_for(address)
        if apprise is None:
            self.failure = "Apprise does not understand their address any more"
            return
        self.thread = threading.Thread(target=self._send, args=(apprise, body), daemon=True)
        self.thread.start()

    def finish(self, latest: float) -> str:
        """Wait until this time of the monotonic clock, and return why the message failed, or ""."""
        if self.thread:
            self.thread.join(max(latest - time.monotonic(), 0))
            if self.thread.is_alive():
                return "their channel did not answer in time"
        return self.failure

    def _send(self, apprise: "Apprise", body: str) -> None:
        try:
            taken = apprise.notify(body=body, title=self.title, body_format="text")
            self.failure = "" if taken else "their channel did not take it"
        except Exception as error:  # noqa: BLE001 - its text may hold the address
            self.failure = type(error).__name__


def _send_all(ledger: Ledger, new: Iterable[ApprovalReminder], zone: str, now: datetime, limit: float) -> int:
    on_their_way = [
        (one, _started(ledger, one.to, title(one), text(one, zone, now)))
        for one in new
        if ledger.alerts.claim_reminder(one, now)
    ]
    sent = 0
    for reminder, failure in _finished(on_their_way, limit):
        ledger.alerts.settle_reminder(reminder, failure, now)
        sent += not failure
    return sent


def _started(ledger: Ledger, to: str, title: str, body: str) -> _Sending:
    sending = _Sending(title)
    try:
        sending.start(ledger.team.contact(to), body)
    except Exception as error:  # noqa: BLE001 - one member's address must not stop the messages to the others
        sending.failure = type(error).__name__
    return sending


def _finished(on_their_way: Iterable[tuple[Subject, _Sending]], limit: float) -> Iterator[tuple[Subject, str]]:
    """Yield each subject with why its message failed, or ""; `limit` is the seconds for all messages together."""
    latest = time.monotonic() + limit
    for subject, sending in on_their_way:
        yield subject, sending.finish(latest)


def _apprise_for(address: str) -> "Apprise | None":
    """Return an Apprise that sends to this address; None when the text holds no address, or several."""
    from apprise import Apprise, AppriseAsset

    _silence_loggers()
    apprise = Apprise(asset=AppriseAsset(app_id="Amends", app_desc="Amends"))
    return apprise if apprise.add(address) and len(apprise) == 1 else None


def _silence_loggers() -> None:
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
