"""A message to a member is given once, and the lead hears of each reminder that may not have arrived."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from amends.domain.base.errors import NotInLedger
from amends.domain.channel.message import Receipt, Status
from amends.domain.channel.outgoing import LEASE, OutgoingKind, OutgoingName, OutgoingState
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.team.member import TeamRole
from amends.ledger import Ledger
from amends.ledger.outbox.outbox import OutgoingClaim
from amends.ledger.tables.feedback import OutgoingRow
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


def a_reminder(draft: str = "b", incident: str = INCIDENT) -> OutgoingName:
    return OutgoingName(incident, OutgoingKind.APPROVAL_REMINDER, "first-notice", f"needed {draft}", "omar")


def an_alert(subject: str) -> OutgoingName:
    return OutgoingName(INCIDENT, OutgoingKind.ALERT, subject, "", "omar")


def claim(ledger: Ledger, *names: OutgoingName, after: timedelta = timedelta(0)) -> tuple[OutgoingClaim, ...]:
    return ledger.outbox.claim_named(dict.fromkeys(names, "needed"), NOW + after)


def mark(ledger: Ledger, *names: OutgoingName, after: timedelta = timedelta(0)) -> tuple[OutgoingClaim, ...]:
    claims = claim(ledger, *names, after=after)
    assert ledger.outbox.record(claims, (), NOW + after) == {claim.key for claim in claims}
    return claims


def record(ledger: Ledger, failure: str, *claims: OutgoingClaim) -> None:
    status = Status.REJECTED if failure else Status.SENT
    ledger.outbox.record((), [(claim, Receipt(claim.key, status, failure)) for claim in claims], SOON)


def alerts(ledger: Ledger, incident: str = INCIDENT) -> list[str]:
    return [entry.subject for entry in ledger.audit.entries(incident) if entry.act == "alert"]


def state(ledger: Ledger, name: OutgoingName) -> str:
    with ledger.store.read() as session:
        return session.get_one(OutgoingRow, tuple(name)).state


@pytest.mark.parametrize(("failure", "ends"), [("", OutgoingState.SENT), ("no answer", OutgoingState.FAILED)])
def test_a_reminder_is_sent_once_whatever_comes_of_it(ready: Ledger, failure: str, ends: OutgoingState) -> None:
    claims = mark(ready, a_reminder())
    assert claim(ready, a_reminder()) == ()
    record(ready, failure, *claims)
    assert claim(ready, a_reminder(), after=LEASE) == ()
    assert (state(ready, a_reminder()), ready.outbox.recover(INCIDENT, NOW + LEASE)) == (ends, (0, 0))
    noted = [(entry.act, entry.detail.get("why", "")) for entry in ready.audit.entries(INCIDENT)]
    assert ("approver not reminded" if failure else "approver reminded", failure) in noted


def test_machines_that_claim_a_message_at_once_share_one_claim(ready: Ledger) -> None:
    with ThreadPoolExecutor(20) as pool:
        claims = list(pool.map(lambda _: claim(ready, a_reminder()), range(20)))
    assert sum(map(len, claims)) == 1


def test_a_worker_that_still_sends_is_given_time(ready: Ledger) -> None:
    mark(ready, a_reminder())
    assert ready.outbox.recover(INCIDENT, NOW + LEASE - timedelta(seconds=1)) == (0, 0)
    assert ready.outbox.recover(INCIDENT, NOW + LEASE) == (0, 1)
    assert ready.outbox.recover(INCIDENT, NOW + 2 * LEASE) == (0, 0)
    assert state(ready, a_reminder()) == OutgoingState.UNCERTAIN


def test_a_reminder_that_never_left_is_claimed_again(ready: Ledger) -> None:
    (dead,) = claim(ready, a_reminder())
    assert ready.outbox.recover(INCIDENT, NOW + LEASE) == (1, 0)
    assert len(claim(ready, a_reminder(), after=LEASE)) == 1
    assert ready.outbox.record([dead], (), NOW + LEASE) == frozenset()
    assert alerts(ready) == []


def test_the_lead_hears_in_the_incident_of_the_reminder(ready: Ledger) -> None:
    for incident in (INCIDENT, OTHER):
        mark(ready, a_reminder(incident=incident))
    assert ready.outbox.recover(OTHER, NOW + LEASE) == (0, 1)
    assert (len(alerts(ready)), len(alerts(ready, OTHER))) == (0, 1)


def test_the_lead_hears_of_each_reminder_that_may_not_have_come(ready: Ledger) -> None:
    """The lead is alerted each time that a reminder may not have arrived, because it failed or was never answered."""
    for draft, after in (("b", timedelta(0)), ("c", timedelta(hours=1))):
        record(ready, f"no answer {draft}", *mark(ready, a_reminder(draft), after=after))
        mark(ready, a_reminder(f"legal {draft}"), after=after)
        ready.outbox.recover(INCIDENT, NOW + after + LEASE)
    assert len(alerts(ready)) == 4


def test_an_alert_is_known_by_kind_subject_and_window(ready: Ledger) -> None:
    """An alert is recorded once for its kind, subject and window: other words make no other alert."""
    held = AlertId(AlertKind.STEP_HELD, "update 1", "2026-11-24 09:00 UTC")
    others = (held._replace(kind=AlertKind.TASK_LATE), held._replace(subject="update 2"), held._replace(window="later"))
    for known in (held, *others):
        ready.alerts.record(INCIDENT, Alert(known, "update 1 is held", NOW))
    ready.alerts.record(INCIDENT, Alert(held, "update 1 has been stopped", SOON))
    assert alerts(ready) == ["update 1 is held"] * 4
    recorded = ready.views.timeline(INCIDENT).alerts
    assert {alert.id for alert in recorded} == {held, *others}
    assert {(alert.what, alert.at) for alert in recorded} == {("update 1 is held", NOW)}


def test_an_alert_of_an_incident_that_nobody_opened_is_refused(ready: Ledger) -> None:
    with pytest.raises(NotInLedger):
        ready.alerts.record("nobody", Alert(AlertId(AlertKind.STEP_HELD), "update 1 is held", NOW))


def test_an_alert_is_sent_once_and_again_only_after_a_failure(ready: Ledger) -> None:
    """An alert is sent to a member once, and again only when it failed or its sender died, also after the mark."""
    names = [an_alert("a"), an_alert("b")]
    first, second = mark(ready, *names)
    assert claim(ready, *names) == ()
    record(ready, "", first)
    record(ready, "no answer", second)
    assert [one.name for one in mark(ready, *names, after=LEASE)] == [an_alert("b")]
    assert ready.outbox.recover(INCIDENT, NOW + 3 * LEASE) == (1, 0)
    assert [one.name for one in claim(ready, *names, after=3 * LEASE)] == [an_alert("b")]
    assert alerts(ready) == []


def test_an_alert_that_fails_is_recorded_once_however_often_tried(ready: Ledger) -> None:
    """That an alert does not get through is recorded once, however often the alert is tried.

    That it got through at last is recorded as well.
    """
    for failure in ("no answer", "no answer", "no answer", ""):
        record(ready, failure, *mark(ready, an_alert("a"), after=LEASE))
    noted = [entry.act for entry in ready.audit.entries(INCIDENT) if entry.act.startswith("lead")]
    assert noted == ["lead not alerted", "lead alerted"]
