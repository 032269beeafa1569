"""Reminders to approvers over a real HTTP server: each once, none held up by another, no secret anywhere."""

import json
import logging
import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from amends.delivery.alerts import alert_leads, is_understood, remind_approvers
from amends.domain.notice.notice import Draft
from amends.domain.team.approval import Decision
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from tests.builders import NOW, a_draft, a_person, a_playbook, a_wording, an_alert, an_incident
from tests.delivery.sending import INCIDENT, NOTICE, a_ledger, bound, looked_over, sqlite_url
from tests.desks import SECRET, Desks, served

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PATIENT = 20.0
OMAR, WEI = Member(name="omar", role=TeamRole.LEGAL), Member(name="wei", role=TeamRole.SECURITY)


@pytest.fixture
def desks() -> Iterator[Desks]:
    with served() as server:
        yield server


@pytest.fixture
def draft(ledger: Ledger) -> Draft:
    """Written by lena, looked over, for omar and wei to decide on; mei leads."""
    ledger.incidents.open(an_incident(), [a_person(number=1)], "lena", NOW)
    ledger.playbooks.pin(INCIDENT, a_playbook(), a_wording(), "lena", NOW)
    for name, role in (("mei", TeamRole.LEAD), ("omar", TeamRole.LEGAL), ("wei", TeamRole.SECURITY)):
        ledger.team.add(name, role, "mei", NOW)
    return drafted(ledger)


def drafted(ledger: Ledger) -> Draft:
    made = a_draft(**bound(ledger))
    ledger.notices.draft(made, NOW)
    looked_over(ledger, made)
    return made


def reachable(ledger: Ledger, desks: Desks, **answers: str) -> None:
    for name in ("mei", "omar", "wei"):
        ledger.team.set_contact(name, desks.address(name, answers.get(name, "ok")), name, NOW)


def remind(ledger: Ledger, after: timedelta = timedelta(0), limit: float = PATIENT) -> int:
    return remind_approvers(ledger, ledger.cases.read(INCIDENT, NOW + after), NOW + after, limit)


def alerts(ledger: Ledger) -> list[str]:
    return [entry.subject for entry in ledger.audit.entries(INCIDENT) if entry.act == "alert"]


def test_everybody_whose_word_is_needed_hears_it_once(ledger: Ledger, draft: Draft, desks: Desks) -> None:
    reachable(ledger, desks)
    assert [remind(ledger), remind(ledger), remind(ledger, HOUR)] == [3, 0, 0]
    assert desks.heard() == {"mei": 1, "omar": 1, "wei": 1}
    assert alerts(ledger) == []


def test_what_arrives_names_the_command_and_nobody_of_those_affected(
    ledger: Ledger, draft: Draft, desks: Desks
) -> None:
    reachable(ledger, desks)
    remind(ledger)
    content = dict(desks.got)["omar"]
    assert content["title"] == f"{NOTICE} of {INCIDENT} waits for your approval"
    assert f"amends approve {INCIDENT} {NOTICE} --as omar" in content["message"]
    assert "Kim" not in json.dumps(content)


def test_approvers_are_reminded_again_at_half_time_and_at_the_end(ledger: Ledger, draft: Draft, desks: Desks) -> None:
    """Approvers are reminded again at half of the time and at its end, as long as their approval is still needed."""
    reachable(ledger, desks)
    remind(ledger)
    ledger.approvals.decide(INCIDENT, NOTICE, OMAR, Decision.APPROVE, draft.binding, "", NOW + HOUR)
    remind(ledger, 12 * HOUR)
    remind(ledger, 24 * HOUR)
    assert desks.heard() == {"omar": 1, "wei": 3, "mei": 3}
    ledger.approvals.decide(INCIDENT, NOTICE, WEI, Decision.APPROVE, draft.binding, "", NOW + 24 * HOUR)
    assert remind(ledger, 24 * HOUR + timedelta(minutes=5)) == 0


def test_a_new_draft_is_a_new_reminder(ledger: Ledger, draft: Draft, desks: Desks) -> None:
    reachable(ledger, desks)
    remind(ledger)
    ledger.incidents.amend(an_incident(title="Two databases copied"), "lena", NOW)
    assert remind(ledger) == 0  # it is drafted afresh first
    drafted(ledger)
    assert remind(ledger) == 3


def test_ten_sweeps_at_once_remind_everybody_once(ledger: Ledger, draft: Draft, desks: Desks) -> None:
    reachable(ledger, desks)
    with ThreadPoolExecutor(10) as pool:
        sent = list(pool.map(lambda _: remind(ledger), range(10)))
    assert (sum(sent), desks.heard()) == (3, {"mei": 1, "omar": 1, "wei": 1})


@pytest.mark.full
@pytest.mark.parametrize("answers", ["never", "drips"])
def test_a_channel_that_hangs_holds_up_nobody_beyond_the_limit(
    ledger: Ledger, draft: Draft, desks: Desks, answers: str
) -> None:
    """A channel that hangs holds up no reminder for longer than the limit, and an alert says whom to call."""
    reachable(ledger, desks, mei=answers)
    is_understood(desks.address("mei"))  # Apprise takes a while to be loaded
    began = time.monotonic()
    assert remind(ledger, limit=3) == 2
    assert time.monotonic() - began < 15
    assert desks.heard() == {"mei": 1, "omar": 1, "wei": 1}
    assert alerts(ledger) == [
        f"mei could not be reminded of {NOTICE} at 2026-11-24 09:00 UTC (needed): their channel did not answer in time; call them"
    ]


def test_what_fails_is_an_alert_for_the_lead_and_is_not_tried_again(ledger: Ledger, draft: Draft, desks: Desks) -> None:
    reachable(ledger, desks, omar="refuses")
    assert [remind(ledger), remind(ledger)] == [2, 0]
    assert alerts(ledger) == [
        f"omar could not be reminded of {NOTICE} at 2026-11-24 09:00 UTC (needed): their channel did not take it; call them"
    ]
    assert desks.heard() == {"mei": 1, "omar": 1, "wei": 1}


def test_an_unreadable_address_keeps_nobody_else_from_a_reminder(ledger: Ledger, draft: Draft, desks: Desks) -> None:
    """A contact address that does not open keeps nobody else from being reminded, and raises an alert."""
    reachable(ledger, desks)
    with ledger.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE member SET sealed_contact = x'01020304' WHERE name = 'mei'")
    assert remind(ledger) == 2
    (alert,) = alerts(ledger)
    assert alert.startswith("mei could not be reminded")


def test_a_server_that_is_not_there_is_a_failure(ledger: Ledger, draft: Draft, desks: Desks) -> None:
    reachable(ledger, desks)
    ledger.team.set_contact("wei", f"json://user:{SECRET}@127.0.0.1:1/", "wei", NOW)
    assert remind(ledger) == 2
    assert len(alerts(ledger)) == 1


def test_a_member_without_an_address_is_alerted_once_then_reminded(ledger: Ledger, draft: Draft, desks: Desks) -> None:
    """A member without an address is an alert once, and is reminded as soon as the member has an address."""
    reachable(ledger, desks)
    ledger.team.set_contact("wei", "", "mei", NOW)
    assert [remind(ledger), remind(ledger)] == [2, 0]
    assert alerts(ledger) == ["wei cannot be reminded of approvals; `amends team contact wei --as NAME` says where"]
    reachable(ledger, desks)
    assert remind(ledger) == 1


def test_a_team_without_any_address_does_without_reminders(ledger: Ledger, draft: Draft, desks: Desks) -> None:
    assert remind(ledger) == 0
    assert alerts(ledger) == []


def test_no_secret_is_logged_or_kept_or_shown(
    ledger: Ledger, draft: Draft, desks: Desks, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    reachable(ledger, desks, omar="refuses")
    ledger.team.set_contact("wei", f"json://user:{SECRET}@127.0.0.1:1/{SECRET}", "wei", NOW)
    remind(ledger)
    captured = capfd.readouterr()
    everything = [
        caplog.text,
        captured.out,
        captured.err,
        repr(ledger.audit.entries(INCIDENT)),
        repr(ledger.team.members()),
    ]
    assert not any(SECRET in text or "/refuses/" in text for text in everything)
    assert is_understood(f"nonsense://{SECRET}") is False
    assert SECRET not in caplog.text + capfd.readouterr().err


def remind_and_hang(folder: Path) -> None:
    ledger = a_ledger(sqlite_url(folder), folder)
    remind(ledger, limit=60)


def test_a_killed_reminder_repeats_nobody_and_the_lead_hears_of_it(
    ledger: Ledger, draft: Draft, desks: Desks, tmp_path: Path
) -> None:
    """When the process that reminds is killed in the middle, nobody is reminded twice.

    The lead hears which reminders are in doubt, and the next reminder comes in its time.
    """
    reachable(ledger, desks, mei="never", omar="never", wei="never")
    sender = multiprocessing.get_context("spawn").Process(target=remind_and_hang, args=(tmp_path,))
    sender.start()
    assert desks.called.wait(60)
    while desks.heard().total() < 3:
        time.sleep(0.05)
    sender.kill()
    sender.join()
    assert [remind(ledger), remind(ledger, timedelta(minutes=16))] == [0, 0]
    assert desks.heard() == {"mei": 1, "omar": 1, "wei": 1}
    assert sorted(alerts(ledger)) == [
        f"nobody knows whether {name} was reminded of {NOTICE} at 2026-11-24 09:00 UTC; call them"
        for name in ("mei", "omar", "wei")
    ]
    reachable(ledger, desks)
    assert remind(ledger, 12 * HOUR) == 3  # the next one comes in its time
    assert ledger.audit.verify() == ()


# Alerts to leads.

STOPPED = "stopped by itself: 3 of 120 answers on email are open"


def bring(ledger: Ledger, after: timedelta = timedelta(0), limit: float = PATIENT) -> int:
    return alert_leads(ledger, ledger.views.timeline(INCIDENT, NOW + after), NOW + after, limit)


def test_an_alert_comes_to_the_leads_once_and_to_nobody_else(ledger: Ledger, draft: Draft, desks: Desks) -> None:
    reachable(ledger, desks)
    ledger.alerts.record(INCIDENT, an_alert(STOPPED, NOW))
    assert [bring(ledger), bring(ledger), bring(ledger, HOUR)] == [1, 0, 0]
    ((name, content),) = desks.got
    assert (name, content["title"]) == ("mei", f"To look at: {INCIDENT}")
    assert STOPPED in content["message"]


def test_each_lead_gets_all_that_is_new_in_one_message(ledger: Ledger, draft: Draft, desks: Desks) -> None:
    ledger.team.add("ana", TeamRole.LEAD, "mei", NOW)
    for name in ("mei", "ana"):
        ledger.team.set_contact(name, desks.address(name), name, NOW)
    for number in range(300):
        ledger.alerts.record(INCIDENT, an_alert(f"trouble {number}", NOW))
    assert bring(ledger) == 2
    assert desks.heard() == {"mei": 1, "ana": 1}


def test_what_is_older_than_a_day_is_no_news(ledger: Ledger, draft: Draft, desks: Desks) -> None:
    ledger.alerts.record(INCIDENT, an_alert(STOPPED, NOW))
    reachable(ledger, desks)
    assert bring(ledger, DAY) == 0
    assert bring(ledger, DAY - HOUR) == 1


def test_an_alert_that_fails_is_no_further_alert_and_comes_later(ledger: Ledger, draft: Draft, desks: Desks) -> None:
    """A lead whom an alert does not reach is no further alert, and hears the first one later.

    What stops a send may keep its alert from leaving, too: the network is away for both.
    """
    reachable(ledger, desks, mei="refuses")
    ledger.alerts.record(INCIDENT, an_alert(STOPPED, NOW))
    assert [bring(ledger), bring(ledger)] == [0, 0]
    assert alerts(ledger) == [STOPPED]
    reachable(ledger, desks)
    assert [bring(ledger, HOUR), bring(ledger, HOUR)] == [1, 0]


def test_a_reminder_that_fails_is_an_alert_that_comes_to_the_lead(ledger: Ledger, draft: Draft, desks: Desks) -> None:
    reachable(ledger, desks, omar="refuses")
    remind(ledger)
    assert bring(ledger) == 1
    assert "omar could not be reminded" in desks.got[-1][1]["message"]


def test_ten_sweeps_at_once_bring_an_alert_once(ledger: Ledger, draft: Draft, desks: Desks) -> None:
    reachable(ledger, desks)
    ledger.alerts.record(INCIDENT, an_alert(STOPPED, NOW))
    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(lambda _: bring(ledger), range(10))) == 1
    assert desks.heard() == {"mei": 1}


def test_a_rehearsal_is_not_taken_for_an_alarm(ledger: Ledger, draft: Draft, desks: Desks) -> None:
    reachable(ledger, desks)
    ledger.alerts.record(INCIDENT, an_alert(STOPPED, NOW))
    alert_leads(ledger, ledger.views.timeline(INCIDENT, NOW), NOW, PATIENT, rehearsal=True)
    assert desks.got[0][1]["title"] == f"Rehearsal. To look at: {INCIDENT}"


@pytest.mark.parametrize(
    ("address", "understood"),
    [
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general", True),
        ("wecombot://693axxx6-7aoc-4bc4-97a0-0ec2sifa5aaa", True),
        ("dingtalk://token", True),
        ("feishu://token", True),
        ("mailto://user:pass@example.com", True),
        ("json://127.0.0.1:8000/x", True),
        ("", False),
        ("https://example.com/hook", False),
        ("json://127.0.0.1/a, json://127.0.0.1/b", False),
    ],
)
def test_one_address_of_what_apprise_knows_is_understood(address: str, understood: bool) -> None:
    assert is_understood(address) is understood
