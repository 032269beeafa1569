"""A step whose notice cannot be drafted yet is held: the alert says what the incident file must say, and how to go on."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path

import pytest

from amends.content.incident.incident import read_incident
from amends.content.playbook.playbook import load_playbook
from amends.domain.base.errors import ContentError, NotAllowed
from amends.domain.case.states import OccurrenceState
from amends.domain.incident.incident import Incident
from amends.domain.notice.notice import NoticeStage
from amends.domain.team.approval import Decision
from amends.ledger import Ledger
from flows.assess import assess
from flows.follow_up import follow_up
from flows.notify import notify
from flows.rehearsal.fast_forward import PassedClock
from flows.run import occurrence
from flows.run.context import Context, using
from tests.builders import story_of_few
from tests.story import APPROVERS, INCIDENT, LEAD, START, a_context, a_ledger, approve_all, everybody, outbox

NOTICE = "first-notice"
WHOLE = read_incident(story_of_few())
FACTS = Incident(id=INCIDENT, title=WHOLE.title, times=WHOLE.times, facts=WHOLE.facts)
KEYS = (
    "organisation.name",
    "organisation.own_domains",
    "organisation.contacts.email",
    "organisation.contacts.phone",
    "texts",
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = a_ledger(tmp_path)
    yield made
    made.dispose()


def begun(ledger: Ledger, folder: Path, incident: Incident) -> tuple[Context, PassedClock]:
    """The incident opened with this file, with a team and a playbook."""
    ledger.incidents.open(incident, islice(everybody(), 3), LEAD.name, START)
    for member in (LEAD, *APPROVERS):
        ledger.team.add(member.name, member.role, LEAD.name, START)
    ledger.playbooks.pin(INCIDENT, *load_playbook("customer-data-theft"), LEAD.name, START)
    return a_context(ledger, folder)


def without_phone() -> Incident:
    contacts = WHOLE.organisation.contacts.model_copy(update={"phone": ""})
    organisation = WHOLE.organisation.model_copy(update={"contacts": contacts})
    return WHOLE.model_copy(update={"organisation": organisation})


def alerts(ledger: Ledger) -> list[str]:
    return [entry.subject for entry in ledger.audit.entries(INCIDENT) if entry.act == "alert"]


def state_of(ledger: Ledger, step: str) -> OccurrenceState:
    return next(one.state for one in ledger.cases.read(INCIDENT, START).occurrences if one.step == step)


def go(ledger: Ledger) -> None:
    """As `amends step go`."""
    ledger.occurrences.revise(INCIDENT, NOTICE, 1, START, START, "mei lets it go on")
    ledger.occurrences.mark(INCIDENT, NOTICE, 1, START, OccurrenceState.WAITING, START)


async def test_facts_alone_are_assessed_and_the_notice_is_held(ledger: Ledger, tmp_path: Path) -> None:
    with using(begun(ledger, tmp_path, FACTS)[0]):
        await assess.fn(INCIDENT, "assess", 1)
        state = await notify.fn(INCIDENT, NOTICE, 1)
    case = ledger.cases.read(INCIDENT, START)
    assert case.assessment
    assert (state_of(ledger, NOTICE), case.notices) == (OccurrenceState.HELD, ())
    assert str(state.message).startswith("held: the incident file does not say organisation.name")


async def test_the_alert_says_what_to_add_and_how_it_goes_on(ledger: Ledger, tmp_path: Path) -> None:
    with using(begun(ledger, tmp_path, FACTS)[0]):
        await assess.fn(INCIDENT, "assess", 1)
        await notify.fn(INCIDENT, NOTICE, 1)
    (alert,) = (alert for alert in alerts(ledger) if alert.startswith(f"{NOTICE} 1 is held"))
    commands = ("`amends incident amend FILE --as NAME`", f"`amends step go {INCIDENT} {NOTICE} 1 --as NAME`")
    assert [words for words in (*KEYS, *commands) if words not in alert] == []


async def test_once_the_gap_is_filled_the_notice_is_drafted(ledger: Ledger, tmp_path: Path) -> None:
    with using(begun(ledger, tmp_path, FACTS)[0]):
        await assess.fn(INCIDENT, "assess", 1)
        await notify.fn(INCIDENT, NOTICE, 1)
        ledger.incidents.amend(WHOLE, LEAD.name, START)
        go(ledger)
        await notify.fn(INCIDENT, NOTICE, 1)
    (notice,) = ledger.cases.read(INCIDENT, START).notices
    assert (notice.id, notice.stage, notice.current) == (NOTICE, NoticeStage.DRAFTED, True)


async def test_going_on_with_the_gap_is_held_again(ledger: Ledger, tmp_path: Path) -> None:
    with using(begun(ledger, tmp_path, FACTS)[0]):
        await assess.fn(INCIDENT, "assess", 1)
        await notify.fn(INCIDENT, NOTICE, 1)
        go(ledger)
        await notify.fn(INCIDENT, NOTICE, 1)
    assert (state_of(ledger, NOTICE), ledger.cases.read(INCIDENT, START).notices) == (OccurrenceState.HELD, ())


async def test_an_approved_notice_with_a_new_gap_goes_to_nobody(ledger: Ledger, tmp_path: Path) -> None:
    with using(begun(ledger, tmp_path, WHOLE)[0]):
        await assess.fn(INCIDENT, "assess", 1)
        await notify.fn(INCIDENT, NOTICE, 1)
        approve_all(ledger, START)
        ledger.incidents.amend(without_phone(), LEAD.name, START)
        await notify.fn(INCIDENT, NOTICE, 1)
    assert (state_of(ledger, NOTICE), outbox(tmp_path)) == (OccurrenceState.HELD, [])
    (notice,) = ledger.cases.read(INCIDENT, START).notices
    assert (notice.version, notice.current) == (1, False)
    with pytest.raises(NotAllowed):
        ledger.approvals.decide(INCIDENT, NOTICE, APPROVERS[0], Decision.APPROVE, notice.binding, "", START)


async def test_a_turn_with_nothing_to_say_is_not_held(ledger: Ledger, tmp_path: Path) -> None:
    """People were told; a later gap holds what must be drafted, and not the daily look at the promises."""
    context, clock = begun(ledger, tmp_path, WHOLE)
    with using(context):
        await assess.fn(INCIDENT, "assess", 1)
        await notify.fn(INCIDENT, NOTICE, 1)
        approve_all(ledger, START)
        await notify.fn(INCIDENT, NOTICE, 1)
        ledger.incidents.amend(without_phone(), LEAD.name, START)
        clock.now = START + timedelta(days=1)
        await follow_up.fn(INCIDENT, "promises", 1)
    assert state_of(ledger, "promises") == OccurrenceState.DONE
    assert [alert for alert in alerts(ledger) if "does not say" in alert] == []


async def test_the_draft_itself_refuses_a_gap(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where nobody looks for gaps before the drafting, nothing is drafted and nothing is stored."""
    monkeypatch.setattr(occurrence, "_gap", lambda *_: "")
    with using(begun(ledger, tmp_path, FACTS)[0]):
        await assess.fn(INCIDENT, "assess", 1)
        with pytest.raises(ContentError, match=r"E112 organisation\.name"):
            await notify.fn(INCIDENT, NOTICE, 1)
    assert ledger.cases.read(INCIDENT, START).notices == ()
