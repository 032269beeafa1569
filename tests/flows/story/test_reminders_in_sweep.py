"""The sweep reminds approvers and alerts leads through their own channel, and goes on whatever becomes of it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from amends.domain.base.clock import Seen
from flows.assess import assess
from flows.notify import notify
from flows.run.context import Context, using
from flows.sweep import sweep
from tests.builders import an_alert
from tests.desks import Desks, served
from tests.story import APPROVERS, INCIDENT, LEAD, START, a_context, a_ledger, approve_all, everybody, opened


@pytest.fixture
def desks() -> Iterator[Desks]:
    with served() as server:
        yield server


@pytest.fixture
def context(tmp_path: Path, desks: Desks) -> Iterator[Context]:
    """An incident whose approvers can be reached."""
    ledger = a_ledger(tmp_path)
    opened(ledger, islice(everybody(), 5))
    for member in APPROVERS:
        ledger.team.set_contact(member.name, desks.address(member.name), member.name, START)
    with using(a_context(ledger, tmp_path)[0]) as made:
        yield made
    ledger.dispose()


async def draft() -> None:
    await assess.fn(INCIDENT, "assess", 1)
    await notify.fn(INCIDENT, "first-notice", 1)


async def test_a_sweep_reminds_each_approver_of_a_fresh_draft_once(context: Context, desks: Desks) -> None:
    await draft()
    for _ in range(3):
        assert (await sweep.fn()).is_completed()
    assert desks.heard() == {member.name: 1 for member in APPROVERS}


async def test_what_is_approved_reminds_nobody(context: Context, desks: Desks) -> None:
    await draft()
    approve_all(context.ledger, START)
    await sweep.fn()
    assert desks.got == []


async def test_a_channel_that_refuses_is_no_trouble_of_the_sweep(context: Context, desks: Desks) -> None:
    await draft()
    first = APPROVERS[0].name
    context.ledger.team.set_contact(first, desks.address(first, "refuses"), first, START + timedelta(minutes=1))
    assert (await sweep.fn()).is_completed()
    assert set(desks.heard()) == {member.name for member in APPROVERS}
    alerts = [entry.subject for entry in context.ledger.audit.entries(INCIDENT) if entry.act == "alert"]
    assert [alert for alert in alerts if alert.startswith(f"{first} could not be reminded")]


@pytest.fixture
def with_lead(context: Context, desks: Desks) -> Context:
    """The lead can be reached, too."""
    context.ledger.team.set_contact(LEAD.name, desks.address(LEAD.name), LEAD.name, START)
    return context


async def test_an_alert_comes_to_the_lead_with_the_next_sweep(with_lead: Context, desks: Desks) -> None:
    with_lead.ledger.alerts.record(INCIDENT, an_alert("update 1 is held", START))
    for _ in range(2):
        assert (await sweep.fn()).is_completed()
    ((name, content),) = desks.got
    assert name == LEAD.name
    assert "update 1 is held" in content["message"]


async def test_a_doubtful_clock_is_said_to_the_lead_and_nobody_is_reminded(with_lead: Context, desks: Desks) -> None:
    await draft()
    seen = Seen("host", "boot", 0.0, START)
    with_lead.ledger.clocks.observe(seen)
    with_lead.ledger.clocks.observe(seen._replace(at=START + timedelta(days=30)))
    for _ in range(2):
        assert (await sweep.fn()).is_completed()
    ((name, content),) = desks.got
    assert name == LEAD.name
    assert "nothing falls due and nothing leaves" in content["message"]


async def test_an_alert_of_a_case_that_is_over_comes_too(with_lead: Context, desks: Desks) -> None:
    with_lead.ledger.incidents.close(INCIDENT, LEAD.name, START)
    with_lead.ledger.alerts.record(INCIDENT, an_alert("the data of person 3 was altered", START))
    assert (await sweep.fn()).is_completed()
    assert desks.heard() == {LEAD.name: 1}


async def test_an_alert_comes_to_the_lead_though_prefect_does_not_answer(with_lead: Context, desks: Desks) -> None:
    with_lead.ledger.alerts.record(INCIDENT, an_alert("update 1 is held", START))
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9"}), using(replace(with_lead, mirrored=True)):
        assert (await sweep.fn()).message == "Prefect: ConnectError"
    assert desks.heard() == {LEAD.name: 1}
