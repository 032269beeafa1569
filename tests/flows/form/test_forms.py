"""Forms that people without a token fill in: they make things safer, and say what to do."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect import State

from amends.content.incident.incident import read_incident
from amends.domain.base.text import minute
from amends.domain.case.states import IncidentState
from amends.domain.team.member import FROM_PREFECT
from amends.ledger.store.session import ENGINE
from flows.form.hold import hold
from flows.form.pause import pause
from flows.form.rehearse import rehearse
from flows.form.resume import resume
from flows.form.stop import stop
from flows.respond import respond
from flows.run.context import Context, using
from flows.run.form import REFUSED, carry_out_form
from tests.builders import story_of_few
from tests.story import INCIDENT, LEAD, START, a_context, a_ledger

RESUMED_BY_A_MEMBER = f"`amends incident resume {INCIDENT} --as NAME`"
LATER = START + timedelta(days=3)


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """An incident that is open, in a context that the flows use."""
    ledger = a_ledger(tmp_path)
    ledger.incidents.open(read_incident(story_of_few()), [], LEAD.name, START)
    ledger.team.add(LEAD.name, LEAD.role, LEAD.name, START)
    made, _ = a_context(ledger, tmp_path)
    with using(made):
        yield made
    ledger.dispose()


def stands(context: Context) -> IncidentState:
    return context.ledger.cases.read(INCIDENT, START).state


def embargo_of(context: Context) -> datetime | None:
    embargo = context.ledger.cases.read(INCIDENT, START).embargo
    return embargo.until if embargo else None


def actors(context: Context, act: str) -> list[str]:
    return [entry.actor for entry in context.ledger.audit.entries(INCIDENT) if entry.act == act]


def refused(state: State[None]) -> str:
    """Return what the refusal says."""
    assert state.is_failed()
    assert state.name == REFUSED
    return str(state.message)


@pytest.mark.parametrize("verb", ["incident open", "incident close", "approve", "commitments drop", "team add"])
async def test_a_form_calls_no_verb_that_needs_a_token(context: Context, verb: str) -> None:
    asked = []

    async def fill(_: Context) -> str:
        asked.append(verb)
        return "done"

    said = refused(await carry_out_form(verb, INCIDENT, fill))
    assert (said.startswith(f"`amends {verb}` needs a member with a token"), asked) == (True, [])


async def test_a_pause_by_a_form_is_recorded_as_prefects(context: Context) -> None:
    state = await pause.fn(INCIDENT)
    assert state.is_completed()
    assert stands(context) is IncidentState.PAUSED
    assert actors(context, "paused") == [FROM_PREFECT]
    assert RESUMED_BY_A_MEMBER in str(state.message)


@pytest.mark.parametrize("form", [pause, stop])
async def test_the_leads_hear_what_a_form_has_stopped(context: Context, form: Any) -> None:
    await form.fn(INCIDENT)
    (alert,) = context.ledger.views.timeline(INCIDENT, START).alerts
    assert "by a form in Prefect" in alert.what


async def test_pausing_twice_says_that_it_is_paused(context: Context) -> None:
    await pause.fn(INCIDENT)
    assert "is paused already" in refused(await pause.fn(INCIDENT))


async def test_stopping_twice_is_no_mistake(context: Context) -> None:
    for _ in range(2):
        assert "nothing leaves any more" in str((await stop.fn(INCIDENT)).message)
    assert actors(context, "paused") == [FROM_PREFECT]


@pytest.mark.parametrize("form", [pause, stop, resume, respond])
async def test_an_unknown_incident_is_answered_with_those_open(context: Context, form: Any) -> None:
    said = refused(await form.fn("stolen-terminal"))
    assert f"open are: {INCIDENT}" in said


async def test_without_incidents_the_form_says_how_to_open_one(context: Context) -> None:
    context.ledger.incidents.close(INCIDENT, LEAD.name, START)
    assert "`amends incident open" in refused(await pause.fn("stolen-terminal"))


async def test_a_form_ends_the_pause_of_a_form(context: Context) -> None:
    await pause.fn(INCIDENT)
    assert (await resume.fn(INCIDENT)).is_completed()
    assert stands(context) is IncidentState.OPEN
    assert actors(context, "open") == [FROM_PREFECT]


@pytest.mark.parametrize("by", [LEAD.name, ENGINE])
async def test_no_form_ends_the_pause_of_anybody_else(context: Context, by: str) -> None:
    context.ledger.incidents.pause(INCIDENT, by, START)
    said = refused(await resume.fn(INCIDENT))
    assert RESUMED_BY_A_MEMBER in said
    assert LEAD.name not in said
    assert stands(context) is IncidentState.PAUSED


async def test_a_pause_from_prefect_becomes_that_of_a_member(context: Context) -> None:
    """When a member pauses what a form has paused, the pause is the member's, so that no form ends it."""
    await pause.fn(INCIDENT)
    context.ledger.incidents.pause(INCIDENT, LEAD.name, START)
    assert RESUMED_BY_A_MEMBER in refused(await resume.fn(INCIDENT))
    assert actors(context, "paused") == [FROM_PREFECT, LEAD.name]


async def test_no_form_resumes_what_has_changed_meanwhile(context: Context) -> None:
    await pause.fn(INCIDENT)
    context.ledger.incidents.resolve(INCIDENT, LEAD.name, START + timedelta(minutes=1))
    said = refused(await resume.fn(INCIDENT))
    assert "nothing new is left to tell" in said
    assert RESUMED_BY_A_MEMBER in said


async def test_an_incident_that_goes_on_cannot_be_resumed(context: Context) -> None:
    assert "is open, not paused" in refused(await resume.fn(INCIDENT))


async def test_a_hold_is_on_the_organisations_clock(context: Context) -> None:
    state = await hold.fn(INCIDENT, datetime(2026, 11, 30, 8, 0), "case 17/2026")  # noqa: DTZ001 - as a form may say it
    assert state.is_completed()
    assert embargo_of(context) == datetime.fromisoformat("2026-11-30T08:00+08:00")
    assert "`amends incident lift" in str(state.message)


async def test_a_form_makes_a_hold_longer_and_never_shorter(context: Context) -> None:
    context.ledger.incidents.embargo(INCIDENT, LATER, "case 17/2026", LEAD.name, START)
    said = refused(await hold.fn(INCIDENT, LATER - timedelta(hours=1), "case 17/2026"))
    assert minute(LATER) in said
    assert embargo_of(context) == LATER
    longer = LATER + timedelta(hours=1)
    assert (await hold.fn(INCIDENT, longer, "case 17/2026")).is_completed()
    assert embargo_of(context) == longer


async def test_a_hold_needs_a_reference_and_a_time_to_come(context: Context) -> None:
    assert "needs its reason" in refused(await hold.fn(INCIDENT, LATER, " "))
    assert "has passed" in refused(await hold.fn(INCIDENT, START - timedelta(days=1), "case 17/2026"))
    assert "look at the year" in refused(await hold.fn(INCIDENT, LATER.replace(year=9999), "case 17/2026"))


async def test_a_playbook_that_is_none_is_named_with_those_alike(context: Context) -> None:
    said = refused(await respond.fn(INCIDENT, "customer-data-thefts"))
    assert "customer-data-theft" in said


async def test_a_wrong_rehearsal_says_what_is_wrong() -> None:
    assert "vendor-breach" in refused(await rehearse.fn("vendor-breech"))
    assert "bounces" in refused(await rehearse.fn(injects=("bounce",)))
    assert "one can be rehearsed at a time" in refused(await rehearse.fn(injects=("late-cohort", "late-cohort")))
