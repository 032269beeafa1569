"""Verbs about reminders to approvers and alerts to leads: written down before they are sent, so each is given once."""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import col, select

from amends.domain.approval_reminders import ApprovalReminder
from amends.domain.lead_alerts import LeadAlert
from amends.domain.value import minute
from amends.ledger.incidents import alerted, note_alert
from amends.ledger.store import Store
from amends.ledger.tables import ApprovalReminderRow

PATIENCE = timedelta(minutes=10)
"""Whoever has not said by then what came of a reminder has died over it."""


Reminder = ApprovalReminder | LeadAlert


class ReminderState(StrEnum):
    """What is known of a reminder."""

    CLAIMED = "claimed"
    SENT = "sent"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    """Whoever sent it died over it, so nobody knows whether it left; it is not sent again."""


class Reminders(Store):
    """Claim, and note what came of it."""

    def reminders_given(self, incident: str) -> frozenset[tuple[str, str, str]]:
        """Notice, member and key of each reminder that somebody has taken on."""
        row = ApprovalReminderRow
        with self.read() as session:
            query = select(row.notice, row.member, row.occasion).where(row.incident == incident)
            return frozenset((notice, member, key) for notice, member, key in session.exec(query))

    def claim_reminder(self, reminder: Reminder, now: datetime) -> bool:
        """Take a reminder on; False when it was taken on already, whatever came of it."""
        name = (reminder.incident, reminder.notice, reminder.to, reminder.key)
        with self.write() as write:
            write.incident(reminder.incident)
            if write.session.get(ApprovalReminderRow, name):
                return False
            incident, notice, member, key = name
            row = ApprovalReminderRow(
                incident=incident, notice=notice, member=member, occasion=key, state=ReminderState.CLAIMED, at=now
            )
            write.session.add(row)
            return True

    def settle_reminder(self, reminder: Reminder, failure: str, now: datetime) -> None:
        """Note that it was sent, or why not. Then the lead is told, because somebody must be called.

        Of an alert that reached no lead there is no other: it would not reach them either.
        """
        name = (reminder.incident, reminder.notice, reminder.to, reminder.key)
        with self.write() as write:
            write.incident(reminder.incident)
            row = write.session.get_one(ApprovalReminderRow, name)
            row.state, row.settled_at = (ReminderState.FAILED if failure else ReminderState.SENT), now
            why = {"why": failure} if failure else {}
            if isinstance(reminder, LeadAlert):
                write.note(now, reminder.incident, f"lead {'not ' if failure else ''}alerted", reminder.to, **why)
                return
            detail = {"to": reminder.to, "occasion": reminder.occasion.value}
            act = f"approver {'not ' if failure else ''}reminded"
            write.note(now, reminder.incident, act, reminder.notice, **detail, **why)
            if failure:
                what = f"{reminder.notice} at {minute(row.at)} ({reminder.occasion}): {failure}"
                note_alert(write, reminder.incident, f"{reminder.to} could not be reminded of {what}; call them", now)

    def give_up_reminders(self, incident: str, now: datetime) -> int:
        """Those whose sender died over them; how many. Nobody knows whether they left, so the lead is told.

        Not of an alert, which stands in the timeline anyway.
        """
        row = ApprovalReminderRow
        lost = select(row).where(
            row.incident == incident, row.state == ReminderState.CLAIMED, col(row.at) <= now - PATIENCE
        )
        with self.read() as session:
            if session.exec(lost.limit(1)).first() is None:
                return 0
        with self.write() as write:
            write.incident(incident)
            rows = write.session.exec(lost).all()
            for one in rows:
                one.state, one.settled_at = ReminderState.UNCERTAIN, now
                if not one.notice:
                    continue
                what = f"nobody knows whether {one.member} was reminded of {one.notice} at {minute(one.at)}; call them"
                note_alert(write, incident, what, now)
            return len(rows)

    def not_reachable(self, incident: str, member: str, now: datetime) -> None:
        """Note once that a member whose word is needed has no address to be reminded at."""
        what = f"{member} cannot be reminded of approvals; `amends team contact {member} --as NAME` says where"
        with self.read() as session:
            if alerted(session, incident, what):
                return
        with self.write() as write:
            write.incident(incident)
            note_alert(write, incident, what, now)
