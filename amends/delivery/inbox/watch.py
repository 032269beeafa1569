"""Looks into the mailbox that the settings name, again and again; trouble that lasts becomes an alert."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from amends.delivery.alerts import alert_at_once
from amends.delivery.inbox.imap import MailboxTrouble, opened
from amends.delivery.inbox.places import FoundMail, mails_at, moved_to_cur
from amends.delivery.inbox.take import Intake, MailTaker, in_batches
from amends.domain.base.errors import Finding
from amends.domain.base.text import counted, minute
from amends.domain.case.states import IncidentState
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.receipt.attachment import MOST_MAIL_BYTES
from amends.domain.receipt.incoming import MailOutcome
from amends.ledger import Ledger
from amends.settings import InboxSettings, Settings

PATIENCE = 3
"""The failed looks in a row after which the leads are alerted."""
A_DAY = timedelta(days=1)


def for_strangers(ledger: Ledger, named: str = "") -> str:
    """Return the incident for mails about no message of ours: the named one, else the only one that is open."""
    if named:
        return named
    still_open = [line.id for line in ledger.incidents.all() if line.state is not IncidentState.CLOSED]
    return still_open[0] if len(still_open) == 1 else ""


def own_addresses(settings: Settings, ledger: Ledger) -> frozenset[str]:
    """Return the addresses from which we write, whose mails are no questions."""
    senders = {own["sender"] for own in settings.channels.values() if "@" in own.get("sender", "")}
    known = [ledger.cases.outline(line.id).incident for line in ledger.incidents.all()]
    return frozenset(
        {address.lower() for address in (*senders, *(one.organisation.contacts.email or "" for one in known))}
    )


def take_found(
    taker: MailTaker, found: Iterable[FoundMail | Finding], clock: Callable[[], datetime], total: Intake
) -> list[Finding]:
    """Take in mails from files and return what could not be read; a mail in a Maildir is then marked as seen."""
    findings: list[Finding] = []

    def readable() -> Iterable[FoundMail]:
        for one in found:
            if isinstance(one, Finding):
                findings.append(one)
            else:
                yield one

    for batch in in_batches(readable()):
        for mail, outcome in zip(batch, taker.take(batch, clock(), total), strict=True):
            if mail.unseen and outcome is not MailOutcome.LEFT:
                findings += moved_to_cur(mail.unseen)
    return findings


def look(
    settings: InboxSettings, ledger: Ledger, taker: MailTaker, clock: Callable[[], datetime], total: Intake
) -> list[Finding]:
    """Take in all new mails of the mailbox that the settings name. Raises MailboxTrouble, LedgerUnavailable."""
    if settings.folder:
        return take_found(taker, mails_at(settings.folder, most=MOST_MAIL_BYTES + 1), clock, total)
    opened_at = [line.opened_at for line in ledger.incidents.all() if not line.destroyed_at]
    since = min(opened_at).date() - A_DAY if opened_at else clock().date()
    with opened(settings) as mailbox:
        for mails in mailbox.new(since):
            for batch in in_batches(mails):
                outcomes = taker.take(batch, clock(), total)
                pairs = zip(batch, outcomes, strict=True)
                mailbox.mark([mail for mail, outcome in pairs if outcome is not MailOutcome.LEFT])
    return []


def alert_leads(ledger: Ledger, total: Intake, now: datetime) -> None:
    """Send the leads their alerts at once when people asked something, which may hold other people's data."""
    for incident in sorted({line.incident for line in total.lines if line.outcome is MailOutcome.QUESTION}):
        alert_at_once(ledger, incident, now)


@dataclass
class MailboxWatch:
    """A series of looks into one mailbox, which outlives every trouble of the mail server."""

    settings: InboxSettings
    ledger: Ledger
    taker: MailTaker
    clock: Callable[[], datetime]
    failed: int = 0
    """The number of looks in a row that failed."""
    failing_since: datetime | None = None

    def look(self) -> tuple[Intake, str]:
        """Look once; return what came, and why it did not go well, or an empty text. Raises LedgerUnavailable."""
        total, why = Intake(), ""
        try:
            findings = look(self.settings, self.ledger, self.taker, self.clock, total)
            why = f"{counted(len(findings), 'mail or folder', 'mails or folders')} cannot be read" if findings else ""
        except MailboxTrouble as error:
            why = str(error)
        alert_leads(self.ledger, total, self.clock())
        self._note(why)
        return total, why

    def _note(self, why: str) -> None:
        if not why:
            self.failed, self.failing_since = 0, None
            return
        self.failed += 1
        self.failing_since = self.failing_since or self.clock()
        if self.failed == PATIENCE:
            since = minute(self.failing_since)
            what = f"mails of people wait since {since}, because {why}; see docs/inbox.md"
            self._alert(Alert(AlertId(AlertKind.MAILBOX_UNREAD, window=since), what, self.clock()))

    def _alert(self, alert: Alert) -> None:
        for incident in self._concerned(self.ledger):
            self.ledger.alerts.record(incident, alert)

    def _concerned(self, ledger: Ledger) -> Sequence[str]:
        lines = [line for line in ledger.incidents.all() if not line.destroyed_at]
        still_open = [line.id for line in lines if line.state is not IncidentState.CLOSED]
        return [line.id for line in lines if line.id == self.settings.incident] or still_open
