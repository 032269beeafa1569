"""Reminds approvers and alerts leads, each through their own channel, by Apprise.

Safe to repeat and to be killed at any moment. An address holds secrets, and Apprise and what it stands on would log it:
nothing of theirs is logged or raised here.
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from amends.domain.alert.approvals import ApprovalReminder, approval_reminders, text, title
from amends.domain.alert.leads import lead_alerts
from amends.domain.alert.leads import text as alert_text
from amends.domain.case.case import Case
from amends.ledger import Ledger

if TYPE_CHECKING:
    from apprise import Apprise

LIMIT = 15.0
"""Seconds that a message may take; those of one round are sent side by side."""
Told = TypeVar("Told")
"""What a message tells of."""
LOUD = ("apprise", "urllib3")
"""Loggers that would name addresses."""


def is_understood(address: str) -> bool:
    """Whether this is one address that Apprise can send to; it is not tried."""
    return _courier(address) is not None


def remind_approvers(ledger: Ledger, case: Case, now: datetime, limit: float = LIMIT) -> int:
    """Give every reminder that is due and was not given; how many were sent. What fails is an alert for the lead."""
    incident, team = case.incident.id, ledger.team.members()
    ledger.alerts.give_up_reminders(incident, now)
    due, reachable = approval_reminders(case, team, now), {one.name for one in team if one.can_be_reached}
    if not (due and reachable):
        return 0  # a team that has no addresses at all does without reminders
    given = ledger.alerts.reminders_given(incident)
    for name in sorted({one.to for one in due} - reachable):
        ledger.alerts.not_reachable(incident, name, now)
    new = [one for one in due if one.to in reachable and (one.notice, one.to, one.key) not in given]
    return _send_all(ledger, new, case.incident.organisation.timezone, now, limit)


def alert_leads(
    ledger: Ledger, case: Case, now: datetime, limit: float = LIMIT, *, doubts: bool = True, rehearsal: bool = False
) -> int:
    """Bring the alerts that are news to each lead who can be reached, in one message each; how many were sent."""
    news, incident, zone = lead_alerts(case, now, doubts=doubts), case.incident.id, case.incident.organisation.timezone
    if not news:
        return 0
    title = f"{'Rehearsal. ' if rehearsal else ''}To look at: {incident}"
    leads = [one.name for one in ledger.team.members() if one.hears_alerts]
    on_their_way = []
    for lead in leads:
        if keys := ledger.alerts.claim(incident, lead, [alert.key for alert in news], now):
            told = [alert for alert in news if alert.key in keys]
            on_their_way.append(((lead, keys), _begun(ledger, lead, title, alert_text(incident, told, zone))))
    sent = 0
    for (lead, keys), failure in _ended(on_their_way, limit):
        ledger.alerts.settle(incident, lead, keys, failure, now)
        sent += not failure
    return sent


@dataclass
class _Sending:
    """One message on its way, in a thread of its own: whatever hangs holds up nobody else."""

    title: str
    failure: str = ""
    thread: threading.Thread | None = None

    def begin(self, address: str, said: str) -> None:
        """Let it go to this address."""
        courier = _courier(address)
        if courier is None:
            self.failure = "Apprise does not understand their address any more"
            return
        self.thread = threading.Thread(target=self._send, args=(courier, said), daemon=True)
        self.thread.start()

    def end(self, latest: float) -> str:
        """Why it failed, or empty; what takes longer than until then has failed."""
        if self.thread:
            self.thread.join(max(latest - time.monotonic(), 0))
            if self.thread.is_alive():
                return "their channel did not answer in time"
        return self.failure

    def _send(self, courier: "Apprise", said: str) -> None:
        try:
            taken = courier.notify(body=said, title=self.title, body_format="text")
            self.failure = "" if taken else "their channel did not take it"
        except Exception as error:  # noqa: BLE001 - its text may hold the address
            self.failure = type(error).__name__


def _send_all(ledger: Ledger, new: Iterable[ApprovalReminder], zone: str, now: datetime, limit: float) -> int:
    on_their_way = [
        (one, _begun(ledger, one.to, title(one), text(one, zone, now)))
        for one in new
        if ledger.alerts.claim_reminder(one, now)
    ]
    sent = 0
    for reminder, failure in _ended(on_their_way, limit):
        ledger.alerts.settle_reminder(reminder, failure, now)
        sent += not failure
    return sent


def _begun(ledger: Ledger, to: str, title: str, said: str) -> _Sending:
    sending = _Sending(title)
    try:
        sending.begin(ledger.team.contact(to), said)
    except Exception as error:  # noqa: BLE001 - of one person's address; the others hear theirs
        sending.failure = type(error).__name__
    return sending


def _ended(on_their_way: Iterable[tuple[Told, _Sending]], limit: float) -> Iterator[tuple[Told, str]]:
    """Why each failed, or empty; all of them together have so many seconds."""
    latest = time.monotonic() + limit
    for told, sending in on_their_way:
        yield told, sending.end(latest)


def _courier(address: str) -> "Apprise | None":
    """What sends to this address; None for what is no address, and for several."""
    from apprise import Apprise, AppriseAsset

    _quiet()
    courier = Apprise(asset=AppriseAsset(app_id="Amends", app_desc="Amends"))
    return courier if courier.add(address) and len(courier) == 1 else None


def _quiet() -> None:
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
