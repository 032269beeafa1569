"""Reminders to approvers and alerts to leads, sent by Apprise through each member's own channel.

The functions may be repeated, and killed at any moment. An address holds secrets, and Apprise and its libraries would
log the address: nothing of theirs is logged or raised here.
"""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from amends.domain.alert.approvals import ApprovalReminder, approval_reminders, text, title
from amends.domain.alert.commitments import commitment_alerts
from amends.domain.alert.leads import lead_alerts
from amends.domain.alert.leads import text as alert_text
from amends.domain.alert.remedies import remedy_alerts
from amends.domain.alert.replies import reply_alerts
from amends.domain.alert.tasks import task_alerts
from amends.domain.case.case import Case
from amends.domain.case.states import IncidentState
from amends.domain.case.views.closing import ClosingView
from amends.domain.case.views.timeline import TimelineView
from amends.domain.channel.message import Receipt, Status
from amends.domain.channel.outgoing import OutgoingKind, OutgoingName
from amends.domain.feedback.question import NewQuestion, Urgency
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.ledger import Ledger
from amends.ledger.outbox.outbox import OutgoingClaim

if TYPE_CHECKING:
    from apprise import Apprise

LIMIT = 15.0
"""Seconds that all messages of one call may take; they are sent side by side."""
LOUD = ("apprise", "urllib3")
"""The loggers that would write addresses."""


def is_understood(address: str) -> bool:
    """Return True when the text is one address that Apprise can send to; nothing is sent."""
    return _apprise_for(address) is not None


def remind_approvers(ledger: Ledger, case: Case, now: datetime, limit: float = LIMIT) -> int:
    """Send each due reminder that was not sent before, and return how many were sent; a failure alerts the lead."""
    incident, team, zone = case.incident.id, ledger.team.members(), case.incident.organisation.timezone
    ledger.outbox.recover(incident, now)
    due, reachable = approval_reminders(case, team, now), {member.name for member in team if member.can_be_reached}
    if not (due and reachable):
        return 0  # a team without any addresses has chosen to do without reminders
    for name in sorted({reminder.to for reminder in due} - reachable):
        ledger.alerts.record(incident, _not_reachable(name, now))
    named = {_name_of(reminder): reminder for reminder in due if reminder.to in reachable}
    new = {name: named[name].occasion.value for name in named.keys() & ledger.outbox.unsent(named)}
    letters = [
        _Letter((claim,), claim.name.reader, title(reminder), text(reminder, zone, now))
        for claim in ledger.outbox.claim_named(new, now)
        for reminder in (named[claim.name],)
    ]
    return _send_all(ledger, letters, now, limit)


def _not_reachable(member: str, now: datetime) -> Alert:
    what = f"{member} cannot be reminded of approvals; `amends team contact {member} --as NAME` says where"
    return Alert(AlertId(AlertKind.MEMBER_NOT_REACHABLE, member), what, now)


def _name_of(reminder: ApprovalReminder) -> OutgoingName:
    kind = OutgoingKind.APPROVAL_REMINDER
    return OutgoingName(reminder.incident, kind, reminder.notice, reminder.key, reminder.to)


def alert_leads(
    ledger: Ledger,
    case: TimelineView,
    now: datetime,
    limit: float = LIMIT,
    *,
    doubts: bool = True,
    rehearsal: bool = False,
) -> int:
    """Send each reachable lead one message with the alerts that are new to the lead; return how many were sent.

    Members of the role to which the playbook escalates a late task hear of that task too.
    """
    news, team = lead_alerts(case, now, doubts=doubts), ledger.team.members()
    leads = [member.name for member in team if member.hears_alerts] if news else []
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
    return _send_news(ledger, case, heard, now, limit, rehearsal=rehearsal)


def alert_of_remedies(
    ledger: Ledger, case: ClosingView, now: datetime, limit: float = LIMIT, *, rehearsal: bool = False
) -> int:
    """Send each member once what they are to hear of people without a result of their own; return the messages."""
    if case.destroyed_at or not case.remedies_owed:
        return 0
    heard = remedy_alerts(case, ledger.team.members(), now)
    return _send_news(ledger, case, heard, now, limit, rehearsal=rehearsal)


def alert_of_commitments(
    ledger: Ledger, case: Case, now: datetime, limit: float = LIMIT, *, rehearsal: bool = False
) -> int:
    """Send each member once what they are to hear of the promises at each stage; return how many messages were sent."""
    heard = commitment_alerts(case, ledger.team.members(), now)
    return _send_news(ledger, case, heard, now, limit, rehearsal=rehearsal)


def _send_news(
    ledger: Ledger, case: Case, news_of: Mapping[str, Sequence[Alert]], now: datetime, limit: float, *, rehearsal: bool
) -> int:
    """Send each of these members one message with the news that are new to the member; return how many were sent."""
    incident, zone = case.incident.id, case.incident.organisation.timezone
    ledger.outbox.recover(incident, now)
    named = {
        OutgoingName(incident, OutgoingKind.ALERT, alert.id.about, alert.id.window, member): alert
        for member, alerts in news_of.items()
        for alert in alerts
    }
    unsent = ledger.outbox.unsent(named)
    claims = ledger.outbox.claim_named({name: alert.what for name, alert in named.items() if name in unsent}, now)
    subject = f"{'Rehearsal. ' if rehearsal else ''}To look at: {incident}"
    letters = [
        _Letter(theirs, member, subject, alert_text(incident, [named[claim.name] for claim in theirs], zone))
        for member in news_of
        if (theirs := tuple(claim for claim in claims if claim.name.reader == member))
    ]
    return _send_all(ledger, letters, now, limit)


def alert_at_once(ledger: Ledger, incident: str, now: datetime, *, rehearsal: bool = False) -> int:
    """Send members their alerts at once of what cannot wait, as of people in danger; return how many were sent.

    The sweep would send the alerts some minutes later, and only where Prefect runs.
    """
    case = ledger.views.timeline(incident, now)
    sent = alert_of_replies(ledger, case, now, rehearsal=rehearsal)
    if not has_stopped(case):
        return sent
    return sent + alert_leads(ledger, case, now, doubts=False, rehearsal=rehearsal)


def has_stopped(case: TimelineView) -> bool:
    """Return True when messages do not leave, or have leaked, so that the leads must hear of it at once."""
    return bool(case.stopped_sends or case.stopped_domains or case.leaks or case.state is IncidentState.PAUSED)


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


class _Letter(NamedTuple):
    """One message to one member, which brings what these claims are on."""

    claims: tuple[OutgoingClaim, ...]
    to: str
    title: str
    body: str


def _send_all(ledger: Ledger, letters: Sequence[_Letter], now: datetime, limit: float) -> int:
    """Send messages side by side, and return how many were sent; `limit` is the seconds for all of them together."""
    may_leave = ledger.outbox.record([claim for letter in letters for claim in letter.claims], (), now)
    on_their_way = [
        (letter, _started(ledger, letter))
        for letter in letters
        if may_leave.issuperset(claim.key for claim in letter.claims)
    ]
    latest, sent = time.monotonic() + limit, 0
    for letter, sending in on_their_way:
        failure = sending.finish(latest)
        status = Status.REJECTED if failure else Status.SENT
        ledger.outbox.record((), [(claim, Receipt(claim.key, status, failure)) for claim in letter.claims], now)
        sent += not failure
    return sent


def _started(ledger: Ledger, letter: _Letter) -> _Sending:
    sending = _Sending(letter.title)
    try:
        sending.start(ledger.team.contact(letter.to), letter.body)
    except Exception as error:  # noqa: BLE001 - one member's address must not stop the messages to the others
        sending.failure = type(error).__name__
    return sending


def _apprise_for(address: str) -> "Apprise | None":
    """Return an Apprise that sends to this address; None when the text holds no address, or several."""
    from apprise import Apprise, AppriseAsset

    _silence_loggers()
    apprise = Apprise(asset=AppriseAsset(app_id="Amends", app_desc="Amends"))
    return apprise if apprise.add(address) and len(apprise) == 1 else None


def _silence_loggers() -> None:
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
