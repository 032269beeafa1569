"""A task is asked for once, its lateness is told once, and it is over when its owner says so; thresholds are events."""

from datetime import timedelta
from typing import Any

from amends.content.playbook.playbook import load_playbook
from amends.delivery.alerts import alert_leads
from amends.domain.alert.tasks import task_alerts
from amends.domain.case.states import OccurrenceState
from amends.domain.feedback.question import QuestionSource
from amends.domain.plan.plan import plan
from amends.domain.playbook.playbook import Playbook
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from flows.follow_up import follow_up
from flows.rehearsal.fast_forward import PassedClock
from flows.sweep import sweep
from tests.builders import an_asked
from tests.desks import served
from tests.story import INCIDENT, LEAD, START

HOUR = timedelta(hours=1)
TASK = {
    "id": "call-bank",
    "phase": "follow_up",
    "after": "1h",
    "of": "opened",
    "task": "Call the bank and ask whether the cards were misused.",
    "owner": "Finance",
    "within": "4h",
    "escalate_to": "executive",
}
CROWDED = {"id": "more-staff", "phase": "follow_up", "after": 0, "of": "crowded", "task": "Call in the second shift."}


def pinned_with(ledger: Ledger, *steps: dict[str, Any], **changes: Any) -> None:
    playbook, wording = load_playbook("customer-data-theft")
    content = playbook.model_dump(mode="json", by_alias=True)
    content |= {"steps": [*content["steps"], *steps]} | changes
    ledger.playbooks.pin(INCIDENT, Playbook.model_validate(content), wording, LEAD.name, START)


def alerts(ledger: Ledger) -> list[str]:
    return [entry.subject for entry in ledger.audit.entries(INCIDENT) if entry.act == "alert"]


def due(ledger: Ledger, clock: PassedClock) -> set[str]:
    return {turn.step for turn in plan(ledger.cases.read(INCIDENT, clock.now), clock.now).due}


async def test_the_owner_is_asked_once_with_the_time_and_the_command(ledger: Ledger, clock: PassedClock) -> None:
    pinned_with(ledger, TASK)
    clock.now = START + HOUR
    for _ in range(3):
        await follow_up.fn(INCIDENT, "call-bank", 1)
    (asked,) = alerts(ledger)
    assert asked.startswith("Finance: Call the bank")
    assert "2026-11-18 07:00 UTC" in asked
    assert f"amends step done {INCIDENT} call-bank 1" in asked


async def test_the_owner_of_a_task_with_many_words_is_asked_each_time(ledger: Ledger, clock: PassedClock) -> None:
    words = "Call the bank, and ask whether the cards were misused. " * 4
    pinned_with(ledger, TASK | {"task": words, "every": "7d", "at_most": 2})
    for turn, days in ((1, 0), (2, 7)):
        clock.now = START + HOUR + timedelta(days=days)
        await follow_up.fn(INCIDENT, "call-bank", turn)
        assert f"amends step done {INCIDENT} call-bank {turn}" in alerts(ledger)[-1]


async def test_who_the_playbook_names_hears_once_that_it_is_late(ledger: Ledger, clock: PassedClock) -> None:
    pinned_with(ledger, TASK)
    clock.now = START + HOUR
    await follow_up.fn(INCIDENT, "call-bank", 1)
    clock.now = START + 5 * HOUR
    for _ in range(3):
        await follow_up.fn(INCIDENT, "call-bank", 1)
    _, late = alerts(ledger)
    assert late.startswith("**Late**, for the executive: Finance has not done this")


async def test_the_role_that_the_playbook_names_hears_of_a_late_task(ledger: Ledger, clock: PassedClock) -> None:
    pinned_with(ledger, TASK)
    with served() as desks:
        for name, role in (
            ("ella", TeamRole.EXECUTIVE),
            ("uwe", TeamRole.EXECUTIVE),
            ("cleo", TeamRole.COMMUNICATIONS),
        ):
            ledger.team.add(name, role, LEAD.name, START)
            if name != "uwe":
                ledger.team.set_contact(name, desks.address(name), name, START)
        for hours in (1, 5):
            clock.now = START + hours * HOUR
            await follow_up.fn(INCIDENT, "call-bank", 1)
        for _ in range(2):
            alert_leads(ledger, ledger.views.timeline(INCIDENT, clock.now), clock.now)
    ((name, content),) = desks.got
    assert (name, "Finance has not done this" in content["message"]) == ("ella", True)


async def test_a_late_task_that_was_done_meanwhile_alerts_nobody(ledger: Ledger, clock: PassedClock) -> None:
    pinned_with(ledger, TASK)
    for hours in (1, 5):
        clock.now = START + hours * HOUR
        await follow_up.fn(INCIDENT, "call-bank", 1)
    ella = Member(name="ella", role=TeamRole.EXECUTIVE, can_be_reached=True)
    assert list(task_alerts(ledger.cases.read(INCIDENT, clock.now), [ella], clock.now)) == ["ella"]
    ledger.occurrences.mark(INCIDENT, "call-bank", 1, clock.now, OccurrenceState.DONE, clock.now)
    assert task_alerts(ledger.cases.read(INCIDENT, clock.now), [ella], clock.now) == {}


async def test_a_task_that_is_done_is_an_event_for_others(ledger: Ledger, clock: PassedClock) -> None:
    pinned_with(ledger, TASK, TASK | {"id": "next", "of": "call-bank", "after": 0})
    clock.now = START + HOUR
    await follow_up.fn(INCIDENT, "call-bank", 1)
    assert "next" not in due(ledger, clock)
    turn = (INCIDENT, "call-bank", 1, START + HOUR, OccurrenceState.DONE)
    ledger.occurrences.mark(*turn, clock.now, "decided by mei")
    assert "next" in due(ledger, clock)
    assert "call-bank" not in due(ledger, clock)


def ask(ledger: Ledger, once: str) -> None:
    asked = an_asked("Am I in it?", person=2, source=QuestionSource.HOTLINE, once=once, reply_within=HOUR, at=START)
    ledger.questions.ask(INCIDENT, asked, START)


async def test_a_threshold_that_is_reached_stays_an_event(ledger: Ledger, clock: PassedClock) -> None:
    thresholds = {"crowded": {"open_questions_at_least": 2}}
    pinned_with(ledger, CROWDED | {"owner": "Hotline", "within": "1h"}, thresholds=thresholds)
    ask(ledger, "1")
    await sweep.fn(INCIDENT)
    assert "more-staff" not in due(ledger, clock)
    ask(ledger, "2")
    await sweep.fn(INCIDENT)
    assert "more-staff" in due(ledger, clock)
    ledger.questions.answer(INCIDENT, 1, "Yes.", "mei", START)
    clock.now += HOUR
    await sweep.fn(INCIDENT)
    assert ledger.cases.read(INCIDENT).events["crowded"] == START
