"""Reminders, alerts and alarms in the ledger, which keep each from being sent twice."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import col, select

from amends.domain.alert.approvals import ApprovalReminder
from amends.domain.base.text import in_both, minute
from amends.domain.case.case import EventKind
from amends.domain.case.next_update import NextUpdate, missed_line
from amends.ledger.incident.incidents import alerted, happened, note_alert
from amends.ledger.store.session import Store
from amends.ledger.store.tables import ApprovalReminderRow

NO_NOTICE = ""
"""The value of an alert in place of the notice of a reminder."""
PATIENCE = timedelta(minutes=10)
"""The time after which a process that has not settled its claim counts as dead."""


class ReminderState(StrEnum):
    """The state of a reminder or an alert."""

    CLAIMED = "claimed"
    SENT = "sent"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    """The sending process died, so that nobody knows whether the reminder was sent; it is not sent again."""


class Alerts:
    """The reminders to approvers and the alerts to leads, each claimed and then settled."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def reminders_given(self, incident: str) -> frozenset[tuple[str, str, str]]:
        """Return notice, member and key of each reminder and alert that was claimed."""
        row = ApprovalReminderRow
        with self._store.read() as session:
            query = select(row.notice, row.member, row.occasion).where(row.incident == incident)
            return frozenset((notice, member, key) for notice, member, key in session.exec(query))

    def claim_reminder(self, reminder: ApprovalReminder, now: datetime) -> bool:
        """Claim a reminder and return True; return False when it was claimed before, whatever its outcome."""
        name = (reminder.incident, reminder.notice, reminder.to, reminder.key)
        with self._store.write() as write:
            write.incident(reminder.incident)
            if write.session.get(ApprovalReminderRow, name):
                return False
            incident, notice, member, key = name
            row = ApprovalReminderRow(
                incident=incident, notice=notice, member=member, occasion=key, state=ReminderState.CLAIMED, at=now
            )
            write.session.add(row)
            return True

    def settle_reminder(self, reminder: ApprovalReminder, failure: str, now: datetime) -> None:
        """Record that a reminder was sent, or why not; a failure is also an alert to call the member instead."""
        name = (reminder.incident, reminder.notice, reminder.to, reminder.key)
        with self._store.write() as write:
            write.incident(reminder.incident)
            row = write.session.get_one(ApprovalReminderRow, name)
            row.state, row.settled_at = (ReminderState.FAILED if failure else ReminderState.SENT), now
            act = "approver not reminded" if failure else "approver reminded"
            detail = {"to": reminder.to, "occasion": reminder.occasion.value}
            write.note(now, reminder.incident, act, reminder.notice, **detail, **({"why": failure} if failure else {}))
            if failure:
                why = f"{reminder.notice} at {minute(row.at)} ({reminder.occasion}): {failure}"
                what = f"{reminder.to} could not be reminded of {why}; call them"
                note_alert(write, reminder.incident, what, now)

    def give_up_reminders(self, incident: str, now: datetime) -> int:
        """Make reminders uncertain whose sending process has died, and return how many.

        Each is also an alert, because nobody knows whether the reminder was sent.
        """
        row = ApprovalReminderRow
        lost = select(row).where(
            row.incident == incident,
            row.notice != NO_NOTICE,
            row.state == ReminderState.CLAIMED,
            col(row.at) <= now - PATIENCE,
        )
        with self._store.read() as session:
            if session.exec(lost.limit(1)).first() is None:
                return 0
        with self._store.write() as write:
            write.incident(incident)
            rows = write.session.exec(lost).all()
            for one in rows:
                one.state, one.settled_at = ReminderState.UNCERTAIN, now
                what = f"nobody knows whether {one.member} was reminded of {one.notice} at {minute(one.at)}; call them"
                note_alert(write, incident, what, now)
            return len(rows)

    def not_reachable(self, incident: str, member: str, now: datetime) -> None:
        """Record an alert, once, that a member whose approval is needed has no address for reminders."""
        what = f"{member} cannot be reminded of approvals; `amends team contact {member} --as NAME` says where"
        with self._store.read() as session:
            if alerted(session, incident, what):
                return
        with self._store.write() as write:
            write.incident(incident)
            note_alert(write, incident, what, now)

    def unsent(self, incident: str, member: str, keys: Collection[str], now: datetime) -> frozenset[str]:
        """Return those of these alerts that were not sent to the member and that no other process is sending."""
        row = ApprovalReminderRow
        busy = (col(row.state) == ReminderState.SENT) | (
            (col(row.state) == ReminderState.CLAIMED) & (col(row.at) > now - PATIENCE)
        )
        query = select(row).where(row.incident == incident, row.notice == NO_NOTICE, row.member == member, busy)
        with self._store.read() as session:
            return frozenset(keys) - {known.occasion for known in session.exec(query)}

    def claim(self, incident: str, lead: str, keys: Sequence[str], now: datetime) -> tuple[str, ...]:
        """Claim those of these alerts that were not sent to this lead and are claimed by no other; return their keys.

        An alert that failed, or whose sending process died, is claimed again: a second copy harms nobody.
        """
        with self._store.write() as write:
            write.incident(incident)
            taken = []
            for key in keys:
                row = write.session.get(ApprovalReminderRow, (incident, NO_NOTICE, lead, key))
                if row is None:
                    row = ApprovalReminderRow(
                        incident=incident, notice=NO_NOTICE, member=lead, occasion=key, state="", at=now
                    )
                    write.session.add(row)
                elif row.state == ReminderState.SENT or (
                    row.state == ReminderState.CLAIMED and row.at > now - PATIENCE
                ):
                    continue
                row.state, row.at = ReminderState.CLAIMED, now
                taken.append(key)
            return tuple(taken)

    def settle(self, incident: str, lead: str, keys: Collection[str], failure: str, now: datetime) -> None:
        """Record that these alerts were sent, or, once, why they were not.

        A failure makes no further alert, which would not reach the lead either.
        """
        state = ReminderState.FAILED if failure else ReminderState.SENT
        with self._store.write() as write:
            write.incident(incident)
            first = False
            for key in keys:
                row = write.session.get_one(ApprovalReminderRow, (incident, NO_NOTICE, lead, key))
                first = first or row.settled_at is None
                row.state, row.settled_at = state, now
            if not failure:
                write.note(now, incident, "lead alerted", lead, alerts=len(keys))
            elif first:
                write.note(now, incident, "lead not alerted", lead, alerts=len(keys), why=failure)

    def note_alarms(self, incident: str, keys: Sequence[str], now: datetime) -> None:
        """Record that Prefect was told of these alarms, so that none is raised again."""
        with self._store.write() as write:
            write.incident(incident)
            new = [key for key in keys if happened(write.session, incident, key, now, EventKind.ALARM)]
            if new:
                write.note(now, incident, "alarm raised", ", ".join(new))

    def note_missed_update(self, incident: str, update: NextUpdate, zone: str, now: datetime) -> bool:
        """Record once, with an alert, that the time of a next update passed without an update; return True if new."""
        with self._store.write() as write:
            write.incident(incident)
            if not happened(write.session, incident, update.missed_event, now, EventKind.MISSED_UPDATE):
                return False
            named = ", ".join(update.named_by)
            write.note(now, incident, "news missed", named, named_for=in_both(update.until, zone), came_in=update.by)
            note_alert(write, incident, missed_line(update, zone), now)
            return True
