"""A reminder to an approver is given once, and the lead hears of each that may not have arrived."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from amends.domain.alert.approvals import ApprovalReminder, Occasion
from amends.domain.team.member import TeamRole
from amends.ledger import Ledger
from amends.ledger.alert import PATIENCE, ReminderState
from amends.ledger.store.tables import ApprovalReminderRow
from tests.builders import NOW, an_incident

INCIDENT, OTHER = an_incident().id, "other-breach"
SOON = NOW + timedelta(minutes=1)


@pytest.fixture
def ready(ledger: Ledger) -> Ledger:
    """With two incidents, and omar in the team."""
    ledger.team.add("omar", TeamRole.LEGAL, "mei", NOW)
    for incident in (INCIDENT, OTHER):
        ledger.incidents.open(an_incident(id=incident), [], "lena", NOW)
    return ledger


def a_reminder(draft: str = "b", **changes: object) -> ApprovalReminder:
    given: dict[str, object] = {
        "incident": INCIDENT, "notice": "first-notice", "binding": draft * 64, "to": "omar",
        "occasion": Occasion.NEEDED, "since": NOW, "until": NOW + timedelta(hours=24), "missing": "1 more approval",
    }  # fmt: skip
    return ApprovalReminder.model_validate(given | changes)


def alerts(ledger: Ledger, incident: str = INCIDENT) -> list[str]:
    return [entry.subject for entry in ledger.audit.entries(incident) if entry.act == "alert"]


def state(ledger: Ledger, reminder: ApprovalReminder) -> str:
    with ledger.store.read() as session:
        name = (reminder.incident, reminder.notice, reminder.to, reminder.key)
        return session.get_one(ApprovalReminderRow, name).state


@pytest.mark.parametrize(("failure", "ends"), [("", ReminderState.SENT), ("no answer", ReminderState.FAILED)])
def test_whatever_comes_of_it_nobody_takes_it_on_again(ready: Ledger, failure: str, ends: ReminderState) -> None:
    reminder = a_reminder()
    assert [ready.alerts.claim_reminder(reminder, NOW), ready.alerts.claim_reminder(reminder, SOON)] == [True, False]
    ready.alerts.settle_reminder(reminder, failure, SOON)
    assert not ready.alerts.claim_reminder(reminder, NOW + PATIENCE)
    assert (state(ready, reminder), ready.alerts.give_up_reminders(INCIDENT, NOW + PATIENCE)) == (ends, 0)
    noted = [(entry.act, entry.detail.get("why", "")) for entry in ready.audit.entries(INCIDENT)]
    assert ("approver not reminded" if failure else "approver reminded", failure) in noted


def test_machines_that_take_it_on_at_once_are_told_who_has_it(ready: Ledger) -> None:
    with ThreadPoolExecutor(20) as pool:
        taken = list(pool.map(lambda _: ready.alerts.claim_reminder(a_reminder(), NOW), range(20)))
    assert sum(taken) == 1


def test_who_is_still_sending_it_is_given_time(ready: Ledger) -> None:
    ready.alerts.claim_reminder(a_reminder(), NOW)
    assert ready.alerts.give_up_reminders(INCIDENT, NOW + PATIENCE - timedelta(seconds=1)) == 0
    assert ready.alerts.give_up_reminders(INCIDENT, NOW + PATIENCE) == 1
    assert ready.alerts.give_up_reminders(INCIDENT, NOW + 2 * PATIENCE) == 0
    assert state(ready, a_reminder()) == ReminderState.UNCERTAIN


def test_the_lead_hears_of_it_in_the_incident_that_it_belongs_to(ready: Ledger) -> None:
    for incident in (INCIDENT, OTHER):
        ready.alerts.claim_reminder(a_reminder(incident=incident), NOW)
    assert ready.alerts.give_up_reminders(OTHER, NOW + PATIENCE) == 1
    assert (len(alerts(ready)), len(alerts(ready, OTHER))) == (0, 1)


def test_the_lead_hears_of_each_reminder_that_may_not_have_come(ready: Ledger) -> None:
    """The lead is alerted each time that a reminder may not have arrived, because it failed or was never answered."""
    for draft, at in (("b", NOW), ("c", SOON)):
        ready.alerts.claim_reminder(a_reminder(draft), at)
        ready.alerts.settle_reminder(a_reminder(draft), "no answer", at)
        ready.alerts.claim_reminder(a_reminder(draft, occasion=Occasion.LEGAL_NOW), at)
        ready.alerts.give_up_reminders(INCIDENT, at + PATIENCE)
    assert len(alerts(ready)) == 4


def test_that_somebody_has_no_address_is_said_once(ready: Ledger) -> None:
    for at in (NOW, SOON):
        ready.alerts.not_reachable(INCIDENT, "omar", at)
    assert len(alerts(ready)) == 1


def test_an_alert_is_brought_once_and_again_only_after_a_failure(ready: Ledger) -> None:
    """An alert is brought to a member once, and again only when it failed or its sender died."""

    def claimed(after: timedelta = timedelta(0)) -> tuple[str, ...]:
        return ready.alerts.claim(INCIDENT, "omar", ["a", "b"], NOW + after)

    assert [claimed(), claimed()] == [("a", "b"), ()]
    ready.alerts.settle(INCIDENT, "omar", ["a"], "", NOW)
    ready.alerts.settle(INCIDENT, "omar", ["b"], "no answer", NOW)
    assert [claimed(), claimed(), claimed(PATIENCE)] == [("b",), (), ("b",)]
    assert ready.alerts.give_up_reminders(INCIDENT, NOW + PATIENCE * 3) == 0
    assert alerts(ready) == []


def test_an_alert_that_fails_is_recorded_once_however_often_tried(ready: Ledger) -> None:
    """That an alert does not get through is recorded once, however often the alert is tried.

    That it got through at last is recorded as well.
    """
    for _ in range(3):
        assert ready.alerts.claim(INCIDENT, "omar", ["a"], NOW) == ("a",)
        ready.alerts.settle(INCIDENT, "omar", ["a"], "no answer", NOW)
    ready.alerts.claim(INCIDENT, "omar", ["a"], NOW)
    ready.alerts.settle(INCIDENT, "omar", ["a"], "", NOW)
    noted = [entry.act for entry in ready.audit.entries(INCIDENT) if entry.act.startswith("lead")]
    assert noted == ["lead not alerted", "lead alerted"]
