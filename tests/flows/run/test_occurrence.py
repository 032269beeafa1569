"""An occurrence is concluded by what the ledger says, whoever did the work; one incident's trouble is its own."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count, islice
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import delete, update
from sqlmodel import col, select

from amends.content.playbook.playbook import load_playbook
from amends.delivery.channels import connected
from amends.delivery.preflight import look_over
from amends.delivery.send.engine import deliver
from amends.domain.base.errors import AmendsError, ChannelMisconfigured, ContentError
from amends.domain.case.states import OccurrenceState
from amends.domain.channel.channel import ChannelKind
from amends.domain.deliver.correction import Ask
from amends.domain.draft.draft import notices_wanted
from amends.domain.draft.writer import Links
from amends.domain.incident.facts import Cause, Certainty, Fact
from amends.domain.notice.notice import DeliveryState, NoticeStage
from amends.domain.people.person import Person
from amends.domain.plan.plan import plan
from amends.domain.playbook.playbook import Phase
from amends.domain.receipt.dsn import MailReport, ReportKind
from amends.domain.timeline.overview import overview
from amends.ledger import Ledger
from amends.ledger.store.sums import settle
from amends.ledger.tables.deliver import DeliveryRow
from amends.ledger.tables.notice import NoticeRow
from amends.sandbox.mail import MailServer
from flows.assess import assess
from flows.collect_feedback import collect_feedback
from flows.follow_up import follow_up
from flows.notify import notify
from flows.rehearsal.fast_forward import PassedClock, Run
from flows.rehearsal.team import record_results
from flows.run.context import Context, using
from flows.run.drafting import compose, lint_and_keep
from flows.run.occurrence import conclude, step_of
from flows.sweep import sweep
from flows.update import update as update_flow
from flows.watch.overview import now_page
from tests.builders import an_incident
from tests.certificates import self_signed
from tests.commitments import keep
from tests.desks import served
from tests.remembered import REMEMBERED
from tests.rewriting import rewrite
from tests.story import APPROVERS, INCIDENT, LEAD, START, a_context, a_ledger, approve_all, everybody, opened, outbox


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    ledger = a_ledger(tmp_path)
    opened(ledger, islice(everybody(), 5))
    with using(a_context(ledger, tmp_path)[0]) as made:
        yield made
    ledger.dispose()


def turn_state(ledger: Ledger, step: str) -> str:
    return next(turn.state for turn in ledger.cases.read(INCIDENT, START).occurrences if turn.step == step)


async def draft_and_approve(context: Context) -> None:
    await REMEMBERED.reach_soon(context.ledger, _draft_and_approve, tuple(context.channels))


async def _draft_and_approve(ledger: Ledger, _channels: tuple[ChannelKind, ...]) -> None:
    await assess.fn(INCIDENT, "assess", 1)
    await notify.fn(INCIDENT, "first-notice", 1)
    approve_all(ledger, START)


async def test_a_run_that_died_after_the_last_message_costs_no_follow_up(context: Context) -> None:
    """Everything was sent, as by `amends deliver`, and nobody noted that people were told: the next run does."""
    await draft_and_approve(context)
    async with connected(context.channels) as channels:
        await deliver(context.ledger, channels, INCIDENT, "first-notice", context.links, context.clock)
    assert "notified" not in context.ledger.cases.read(INCIDENT, START).events
    await notify.fn(INCIDENT, "first-notice", 1)
    assert "notified" in context.ledger.cases.read(INCIDENT, START).events
    assert turn_state(context.ledger, "first-notice") == OccurrenceState.DONE


async def test_nor_another_draft_when_the_facts_were_amended_since(context: Context) -> None:
    await draft_and_approve(context)
    async with connected(context.channels) as channels:
        await deliver(context.ledger, channels, INCIDENT, "first-notice", context.links, context.clock)
    incident = context.ledger.cases.incident_file(INCIDENT)
    context.ledger.incidents.amend(incident.model_copy(update={"title": "Corrected"}), "mei", START)
    await notify.fn(INCIDENT, "first-notice", 1)
    (notice,) = context.ledger.cases.read(INCIDENT, START).notices
    assert (notice.version, notice.stage) == (1, NoticeStage.SENT)
    assert not [entry for entry in context.ledger.audit.entries(INCIDENT) if entry.act == "alert"]
    assert turn_state(context.ledger, "first-notice") == OccurrenceState.DONE


async def test_only_a_step_that_notifies_has_people_count_as_told(context: Context) -> None:
    await draft_and_approve(context)
    due = plan(context.ledger.cases.read(INCIDENT, START), START).due
    turn = next(turn for turn in due if turn.step == "first-notice")
    async with connected(context.channels) as channels:
        await deliver(context.ledger, channels, INCIDENT, "first-notice", context.links, context.clock)
    for phase, told in ((Phase.UPDATE, False), (Phase.NOTIFY, True)):
        case = context.ledger.cases.read(INCIDENT, START)
        conclude(context, case, turn.model_copy(update={"phase": phase}), [], complete=False)
        assert ("notified" in context.ledger.cases.read(INCIDENT, START).events) is told


async def test_what_is_drafted_is_looked_over_at_once(context: Context) -> None:
    await assess.fn(INCIDENT, "assess", 1)
    await notify.fn(INCIDENT, "first-notice", 1)
    found = context.ledger.notices.preflight(context.ledger.notices.latest_draft(INCIDENT, "first-notice"))
    assert found
    assert (found.messages > 5, found.wrong) == (True, ())


async def test_a_lead_hears_at_once_of_a_message_with_a_gap(tmp_path: Path) -> None:
    """When a draft's message to one person cannot be put together, the lead gets an alert at once, with the reason and
    the person's number.
    """
    ledger = a_ledger(tmp_path)
    first, *others = islice(everybody(), 5)
    opened(ledger, [first._replace(name="None"), *others])
    with using(a_context(ledger, tmp_path)[0]):
        await assess.fn(INCIDENT, "assess", 1)
        await notify.fn(INCIDENT, "first-notice", 1)
    alerts = [entry.subject for entry in ledger.audit.entries(INCIDENT) if entry.act == "alert"]
    assert [alert for alert in alerts if f"a word for nothing, such as null (person {first.number})" in alert]
    ledger.dispose()


async def test_a_lead_hears_at_once_of_a_notice_that_cannot_be_drafted(context: Context) -> None:
    await assess.fn(INCIDENT, "assess", 1)
    with using(replace(context, links=Links("https://elsewhere.example"))), pytest.raises(ContentError):
        await notify.fn(INCIDENT, "first-notice", 1)
    alerts = [entry.subject for entry in context.ledger.audit.entries(INCIDENT) if entry.act == "alert"]
    assert [alert for alert in alerts if alert.startswith("first-notice cannot be drafted: ") and "L104" in alert]


async def test_a_template_that_asks_for_too_much_stops_its_notice_alone(context: Context) -> None:
    """The run fails and the lead hears which template it is; the next run drafts the notice, once the words are right."""
    ledger, (playbook, wording) = context.ledger, load_playbook("customer-data-theft")
    bomb = wording.templates | {"first-notice/en.sms.txt": "{{ 'a' * 10**10 }}"}
    ledger.playbooks.pin(INCIDENT, playbook, wording.model_copy(update={"templates": bomb}), "mei", START)
    await assess.fn(INCIDENT, "assess", 1)
    with pytest.raises(ContentError):
        await notify.fn(INCIDENT, "first-notice", 1)
    alerts = [entry.subject for entry in ledger.audit.entries(INCIDENT) if entry.act == "alert"]
    (alert,) = [one for one in alerts if "cannot be drafted" in one]
    assert alert.startswith("first-notice cannot be drafted: notices/first-notice/en.sms.txt:1:1 E129 ")
    ledger.playbooks.pin(INCIDENT, playbook, wording, "mei", START)
    await notify.fn(INCIDENT, "first-notice", 1)
    assert ledger.notices.latest_draft(INCIDENT, "first-notice").variants


async def test_what_was_approved_and_cannot_be_drafted_afresh_is_not_tried(context: Context) -> None:
    await draft_and_approve(context)
    incident = context.ledger.cases.incident_file(INCIDENT)
    context.ledger.incidents.amend(incident.model_copy(update={"title": "Corrected"}), "mei", START)
    with using(replace(context, links=Links("https://elsewhere.example"))), pytest.raises(ContentError):
        await notify.fn(INCIDENT, "first-notice", 1)


def pin_with_first_notice_to(segment: str, ledger: Ledger, **changes: object) -> None:
    """A playbook whose first notice is for this segment alone."""
    playbook, wording = load_playbook("customer-data-theft")
    first = playbook.step("first-notice")
    narrower = first.model_copy(update={"audience": segment, **changes})
    steps = tuple(narrower if step == first else step for step in playbook.steps)
    ledger.playbooks.pin(INCIDENT, playbook.model_copy(update={"steps": steps}), wording, "mei", START)


async def test_a_notice_to_an_empty_segment_alerts_and_tells_nobody(context: Context) -> None:
    """When a notice goes to a segment in which nobody is, the lead gets an alert that names the segment, and nobody
    counts as told.
    """
    pin_with_first_notice_to("househld", context.ledger)
    await draft_and_approve(context)
    await notify.fn(INCIDENT, "first-notice", 1)
    alerts = [entry.subject for entry in context.ledger.audit.entries(INCIDENT) if entry.act == "alert"]
    assert "first-notice tells nobody: the list has no segment househld" in alerts
    assert "notified" not in context.ledger.cases.read(INCIDENT, START).events


def without_households(ledger: Ledger) -> None:
    """A corrected list in which nobody is in a household any more."""
    correct(ledger, [person for person in islice(everybody(), 5) if person.segment != "household"])


def list_again(ledger: Ledger) -> None:
    """A corrected list in which everybody is who was in the first one."""
    correct(ledger, islice(everybody(), 5))


def correct(ledger: Ledger, people: Iterable[Person]) -> None:
    correction = ledger.corrections.compare(INCIDENT, people)
    said = {ask: correction.difference.counts[ask] for ask in Ask}
    ledger.corrections.apply(correction, said, "", "lena", START)


async def test_told_people_count_though_a_new_list_lacks_their_segment(context: Context) -> None:
    """People who were told stay told when a corrected list has nobody in their segment any more: the case counts as
    notified and its updates are planned.
    """
    pin_with_first_notice_to("household", context.ledger)
    await draft_and_approve(context)
    async with connected(context.channels) as channels:
        await deliver(context.ledger, channels, INCIDENT, "first-notice", context.links, context.clock)
    without_households(context.ledger)
    await notify.fn(INCIDENT, "first-notice", 1)
    case = context.ledger.cases.read(INCIDENT, START)
    assert "notified" in case.events
    assert "update" in {turn.step for turn in plan(case, START).upcoming}


async def test_people_a_new_list_dropped_before_sending_are_not_told(context: Context) -> None:
    """People whom a corrected list left out before any message was sent do not count as told, and the occurrence is
    done.
    """
    pin_with_first_notice_to("household", context.ledger)
    await draft_and_approve(context)
    context.ledger.notices.release(INCIDENT, "first-notice", START)
    without_households(context.ledger)
    await notify.fn(INCIDENT, "first-notice", 1)
    approve_all(context.ledger, START)
    await notify.fn(INCIDENT, "first-notice", 1)
    assert turn_state(context.ledger, "first-notice") == OccurrenceState.DONE
    assert "notified" not in context.ledger.cases.read(INCIDENT, START).events


async def test_an_email_to_a_vanished_segment_ends_without_approval(context: Context) -> None:
    """A released email notice to a segment that a corrected list has no more ends without another approval, and nobody
    counts as notified. When a list brings people of the segment again, the notice waits for approval.
    """
    by_mail = {"channels": (ChannelKind.EMAIL,), "cascade": (ChannelKind.EMAIL,)}
    pin_with_first_notice_to("household", context.ledger, **by_mail)
    await draft_and_approve(context)
    context.ledger.notices.release(INCIDENT, "first-notice", START)
    without_households(context.ledger)
    await notify.fn(INCIDENT, "first-notice", 1)
    case = context.ledger.cases.read(INCIDENT, START)
    assert "first-notice" not in plan(case, START).awaiting_approval
    assert turn_state(context.ledger, "first-notice") == OccurrenceState.DONE
    assert "notified" not in case.events
    list_again(context.ledger)
    await notify.fn(INCIDENT, "first-notice", 1)
    assert "first-notice" in plan(context.ledger.cases.read(INCIDENT, START), START).awaiting_approval


def alerts(ledger: Ledger) -> list[str]:
    return [entry.subject for entry in ledger.audit.entries(INCIDENT) if entry.act == "alert"]


ENDS = "first-notice ends, and nobody is asked to approve it: "


@pytest.mark.parametrize("approved", [False, True])
async def test_a_draft_to_a_vanished_segment_is_dropped_until_it_returns(context: Context, approved: bool) -> None:
    """A draft to a segment that a corrected list has no more is dropped, approved or not, the lead hears why, and
    nothing more is planned. When a list brings somebody of the segment, the notice is drafted and can be sent.
    """
    by_mail = {"channels": (ChannelKind.EMAIL,), "cascade": (ChannelKind.EMAIL,)}
    pin_with_first_notice_to("household", context.ledger, **by_mail)
    await assess.fn(INCIDENT, "assess", 1)
    await notify.fn(INCIDENT, "first-notice", 1)
    if approved:
        approve_all(context.ledger, START)
    without_households(context.ledger)
    state = await notify.fn(INCIDENT, "first-notice", 1)
    case = context.ledger.cases.read(INCIDENT, START)
    notice, planned = case.notices[0], plan(case, START)
    assert state.message == "first-notice dropped: nobody"
    assert ENDS + "the list has no segment household" in alerts(context.ledger)
    assert (notice.stage, notice.version, planned.awaiting_approval) == (NoticeStage.DROPPED, 1, ())
    assert "first-notice" not in {turn.step for turn in (*planned.due, *planned.upcoming)}
    assert (turn_state(context.ledger, "first-notice"), "notified" in case.events) == (OccurrenceState.DONE, False)
    list_again(context.ledger)
    await notify.fn(INCIDENT, "first-notice", 1)
    assert "first-notice" in plan(context.ledger.cases.read(INCIDENT, START), START).awaiting_approval
    approve_all(context.ledger, START)
    await notify.fn(INCIDENT, "first-notice", 1)
    assert "notified" in context.ledger.cases.read(INCIDENT, START).events


def without(ledger: Ledger, number: int) -> None:
    """A corrected list of the same people but for this one."""
    correct(ledger, [person for person in islice(everybody(), 5) if person.number != number])


async def released_but_to_one(context: Context) -> int:
    """All but one person have the first notice, and the page is up; who waits still."""
    await draft_and_approve(context)
    async with connected(context.channels) as channels:
        await deliver(context.ledger, channels, INCIDENT, "first-notice", context.links, context.clock)
    waits = max(line.person for line in context.ledger.statistics.lines(INCIDENT, "first-notice"))
    with context.ledger.store.write() as write:
        of_one = update(DeliveryRow).where(col(DeliveryRow.person) == waits)
        settle(write.session, of_one.values(state="deferred", next_try_at=START + timedelta(hours=1)))
    rewrite(context.ledger, NoticeRow, stage="sending", sent_at=None)
    return waits


async def test_a_notice_that_reached_all_of_a_new_list_ends_unapproved(context: Context) -> None:
    """A notice that has reached everybody whom the corrected list still has ends as sent without another approval, and
    the lead hears that nobody in the list waits for it.
    """
    without(context.ledger, await released_but_to_one(context))
    await notify.fn(INCIDENT, "first-notice", 1)
    case = context.ledger.cases.read(INCIDENT, START)
    assert (case.notices[0].stage, case.notices[0].version) == (NoticeStage.SENT, 1)
    assert (turn_state(context.ledger, "first-notice"), "notified" in case.events) == (OccurrenceState.DONE, True)
    assert ENDS + "nobody in the list waits for it" in alerts(context.ledger)


async def test_a_version_for_newcomers_dropped_by_a_list_is_dropped(context: Context) -> None:
    """A version for people whom one list added and the next removed is dropped; when a list adds them again, the notice
    waits for approval.
    """
    await draft_and_approve(context)
    await notify.fn(INCIDENT, "first-notice", 1)
    for people in (6, 5):
        correct(context.ledger, islice(everybody(), people))
        await notify.fn(INCIDENT, "first-notice", 1)
    notice = context.ledger.cases.read(INCIDENT, START).notices[0]
    assert (notice.stage, notice.version) == (NoticeStage.DROPPED, 2)
    assert turn_state(context.ledger, "first-notice") == OccurrenceState.DONE
    correct(context.ledger, islice(everybody(), 6))
    await notify.fn(INCIDENT, "first-notice", 1)
    assert "first-notice" in plan(context.ledger.cases.read(INCIDENT, START), START).awaiting_approval


async def test_a_notice_not_stored_in_full_does_not_end(context: Context) -> None:
    """A notice of which not every message was stored does not end, although no message waits, but is drafted again for
    approval.
    """
    await draft_and_approve(context)
    context.ledger.notices.release(INCIDENT, "first-notice", START)
    with context.ledger.store.write() as write:
        write.change(delete(DeliveryRow))
    incident = context.ledger.cases.read(INCIDENT).incident
    context.ledger.incidents.amend(incident.model_copy(update={"title": "Corrected"}), "mei", START)
    await notify.fn(INCIDENT, "first-notice", 1)
    assert "first-notice" in plan(context.ledger.cases.read(INCIDENT, START), START).awaiting_approval


async def test_a_lead_hears_at_once_of_a_notice_too_few_may_approve(context: Context) -> None:
    """When too few members may approve a notice because the others wrote its facts or its list, the lead gets an alert
    at once that names the authors.
    """
    correction = context.ledger.corrections.compare(INCIDENT, islice(everybody(), 6))
    context.ledger.corrections.apply(correction, dict.fromkeys(Ask), "", "wei", START)
    await assess.fn(INCIDENT, "assess", 2)
    await notify.fn(INCIDENT, "first-notice", 1)
    (alert,) = [
        entry.subject
        for entry in context.ledger.audit.entries(INCIDENT)
        if entry.act == "alert" and entry.subject.startswith("nobody can release first-notice")
    ]
    assert "only 1 in the team may besides mei and wei" in alert


async def test_a_channel_not_set_up_does_not_stop_a_draft(context: Context) -> None:
    """A notice is drafted, without a preflight, although a channel that it needs is not set up."""
    without_sms = {kind: own for kind, own in context.channels.items() if kind != "sms"}
    with using(replace(context, channels=without_sms)):
        await assess.fn(INCIDENT, "assess", 1)
        await notify.fn(INCIDENT, "first-notice", 1)
    assert context.ledger.notices.preflight(context.ledger.notices.latest_draft(INCIDENT, "first-notice")) is None


async def test_a_send_that_stops_is_one_alert_to_the_lead_at_once(context: Context, tmp_path: Path) -> None:
    """A relay that wants a login stops email in each run: one alert, sent without a sweep, and a line on the page now."""
    await draft_and_approve(context)
    encrypted = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    encrypted.load_cert_chain(self_signed(tmp_path))
    with served() as desks, MailServer(tmp_path / "relay", tls=encrypted, passwords=True) as relay:
        context.ledger.team.set_contact(LEAD.name, desks.address(LEAD.name), LEAD.name, START)
        there = {"host": "127.0.0.1", "port": str(relay.port), "security": "none"}
        email = {"use": "email_smtp", **there, "sender": "care@example.org", "bounce_domain": "b.example.org"}
        with using(replace(context, channels={**context.channels, ChannelKind.EMAIL: email})):
            await notify.fn(INCIDENT, "first-notice", 1)
            await notify.fn(INCIDENT, "first-notice", 1)
        assert desks.heard() == {LEAD.name: 1}
        assert "first-notice has stopped (email)" in desks.got[0][1]["message"]
    case = context.ledger.views.timeline(INCIDENT, START)
    assert [alert.what for alert in case.alerts if "username and password" in alert.what] == [
        alert.what for alert in case.alerts if alert.what.startswith("first-notice has stopped (email)")
    ]
    assert "first-notice has stopped since" in now_page(overview([case], START))
    await notify.fn(INCIDENT, "first-notice", 1)
    assert "has stopped" not in now_page(overview([context.ledger.views.timeline(INCIDENT, START)], START))


def name_text(ledger: Ledger, person: int, name: str) -> None:
    """Which text this person gets by email."""
    with ledger.store.write() as write:
        theirs = (col(DeliveryRow.person) == person, col(DeliveryRow.channel) == "email")
        write.change(update(DeliveryRow).where(*theirs).values(variant=name))


async def test_a_parked_message_waits_for_a_person_and_holds_up_nobody_else(context: Context) -> None:
    await draft_and_approve(context)
    context.ledger.notices.release(INCIDENT, "first-notice", START)
    first = next(line for line in context.ledger.statistics.lines(INCIDENT, "first-notice") if line.channel == "email")
    name_text(context.ledger, first.person, "en/nobody")
    clock = cast("PassedClock", context.clock)
    for _ in range(3):
        await notify.fn(INCIDENT, "first-notice", 1)
        clock.now += timedelta(hours=1)
    case = context.ledger.cases.read(INCIDENT, clock.now)
    planned = plan(case, clock.now)
    assert "first-notice" not in {turn.step for turn in (*planned.due, *planned.upcoming)}
    assert "update" in {turn.step for turn in planned.upcoming}
    alerts = [entry.subject for entry in context.ledger.audit.entries(INCIDENT) if entry.act == "alert"]
    assert [alert for alert in alerts if "1 message is parked until somebody decides" in alert] != []
    name_text(context.ledger, first.person, first.variant)
    context.ledger.decisions.try_parked(INCIDENT, "first-notice", first.person, APPROVERS[0], clock.now)
    await notify.fn(INCIDENT, "first-notice", 1)
    assert turn_state(context.ledger, "first-notice") == OccurrenceState.DONE


async def test_an_occurrence_waits_unfailed_until_a_restore_is_settled(context: Context, tmp_path: Path) -> None:
    """While a restored ledger may lack what was sent, a run of an occurrence ends without failing and sends nothing,
    because four failed runs in a row would hold the step. After the reconciliation the notice is sent.
    """
    await draft_and_approve(context)
    (tmp_path / "audit-head").write_text(f"999 {'00' * 32}\n")  # as after an older copy was put back
    state = await notify.fn(INCIDENT, "first-notice", 1)
    assert state.is_completed()
    assert outbox(tmp_path) == []
    context.ledger.restore.reconcile([], APPROVERS[0], START, list(ChannelKind))
    await notify.fn(INCIDENT, "first-notice", 1)
    assert outbox(tmp_path)


async def test_a_turn_waits_until_its_notice_is_approved(context: Context) -> None:
    await assess.fn(INCIDENT, "assess", 1)
    state = await notify.fn(INCIDENT, "first-notice", 1)
    assert "waits for approval" in (state.message or "")
    assert turn_state(context.ledger, "first-notice") == OccurrenceState.WAITING


async def at_once(flow: Run, step: str, runs: int = 3) -> None:
    """So many runs of the same turn, as when somebody starts one by hand that is just being started."""
    await asyncio.gather(*(flow.fn(INCIDENT, step, 1) for _ in range(runs)))


async def test_concurrent_runs_draft_one_notice_and_send_it_once(context: Context) -> None:
    """Runs of one occurrence that begin at the same time assess, draft, release and send once, and every message is
    sent.
    """
    ticks = count(1)
    with using(replace(context, clock=lambda: START + timedelta(milliseconds=next(ticks)))):
        await at_once(assess, "assess")
        await at_once(notify, "first-notice")
        approve_all(context.ledger, START)
        await at_once(notify, "first-notice")
    acts = Counter(entry.act for entry in context.ledger.audit.entries(INCIDENT))
    once = ("assessed", "drafted", "looked over", "released", "sent", "event")
    assert {act: acts[act] for act in once} == dict.fromkeys(once, 1)
    assert turn_state(context.ledger, "first-notice") == OccurrenceState.DONE
    assert {line.state for line in context.ledger.statistics.lines(INCIDENT, "first-notice")} == {DeliveryState.SENT}


async def test_a_slower_run_with_the_same_draft_shows_none_of_its_own(context: Context) -> None:
    """When two runs write the same draft, the slower one keeps the draft of the faster one and shows none of its own."""
    await assess.fn(INCIDENT, "assess", 1)
    case = context.ledger.views.drafting(INCIDENT, START)
    turn = next(turn for turn in plan(case, START).due if turn.step == "first-notice")
    (wanted,) = notices_wanted(case, step_of(case, turn), turn.number)
    slower = replace(context, clock=lambda: START + timedelta(minutes=1))
    given = (case, step_of(case, turn), turn, wanted)
    assert lint_and_keep(context, case, compose(context, *given)) is not None
    assert lint_and_keep(slower, case, compose(slower, *given)) is None


async def test_a_turn_that_is_not_due_changes_nothing(context: Context) -> None:
    before = context.ledger.views.timeline(INCIDENT, START)
    state = await notify.fn(INCIDENT, "first-notice", 1)
    assert state.name == "NothingDue"
    assert context.ledger.views.timeline(INCIDENT, START) == before


@pytest.mark.parametrize("flow", [notify, update_flow, collect_feedback, follow_up], ids=lambda flow: flow.name)
async def test_a_flow_carries_out_no_step_of_another_phase(context: Context, flow: Run) -> None:
    """A lead who starts a run by hand takes the wrong deployment: nothing counts as done that was not."""
    before = context.ledger.views.timeline(INCIDENT, START)
    state = await flow.fn(INCIDENT, "assess", 1)
    assert state.name == "NothingDue"
    assert context.ledger.views.timeline(INCIDENT, START) == before


async def test_who_misspells_a_step_is_told_which_there_are(context: Context) -> None:
    state = await notify.fn(INCIDENT, "first_notice", 1)
    assert state.message == (
        "notify has no step first_notice for stolen-terminals; it has first-notice, correction, not-affected, closing"
    )


async def test_trouble_in_one_incident_does_not_stop_the_sweep_of_others(context: Context) -> None:
    """When one incident is damaged in the ledger, the sweep names it and goes on with the other incidents."""
    context.ledger.incidents.open(an_incident(), iter(()), "mei", START)
    with context.ledger.store.write() as write:
        write.session.connection().exec_driver_sql(
            """UPDATE incident_version SET content = '{"title": "damaged"}' WHERE incident = 'november-breach'"""
        )
    context.ledger.incidents.resolve(INCIDENT, "mei", START)
    state = await sweep.fn()
    assert state.message == "november-breach: ValidationError"


async def test_who_misspells_an_incident_is_told_where_the_names_stand(context: Context) -> None:
    state = await sweep.fn("stolen-terminal")
    assert state.message == (
        "stolen-terminal: no incident stolen-terminal in this ledger; `amends incident list` shows those that are"
    )


SAYS = {"fits": "Report 17, on our notice page", "stops": "See https://evil.example/report"}
"""What shows that a promise was kept; the second leads to others' website, so its notice cannot be drafted."""


def kept(ledger: Ledger, *evidence: str) -> list[str]:
    """These promises are kept, each with this evidence; their ids. Nobody read the evidence before it was stored."""
    promises = [promise.id for promise in ledger.commitments.all(INCIDENT)][: len(evidence)]
    for promise, what in zip(promises, evidence, strict=True):
        record_results(ledger, INCIDENT, ledger.commitments.get(INCIDENT, promise), START)
        keep(ledger, INCIDENT, promise, {"*": what}, "mei", START)
    return promises


@pytest.fixture
async def told(context: Context) -> PassedClock:
    """Everybody was told of the theft, and was promised several things; it is the next day."""
    await draft_and_approve(context)
    await REMEMBERED.reach_soon(context.ledger, _tell)
    clock = cast("PassedClock", context.clock)
    clock.now = START + timedelta(days=1)
    return clock


async def _tell(_ledger: Ledger) -> None:
    await notify.fn(INCIDENT, "first-notice", 1)


@pytest.mark.parametrize("evidence", [("stops", "fits"), ("fits", "stops")])
async def test_what_stops_one_commitments_notice_stops_no_other(
    context: Context, told: PassedClock, evidence: tuple[str, str]
) -> None:
    """When the notice of one commitment is blocked by lint, the notices of the other commitments are sent all the same;
    the run names the blocked notice only, and the occurrence waits.
    """
    by_evidence = dict(zip(evidence, kept(context.ledger, *(SAYS[one] for one in evidence)), strict=True))
    fits, stops = (f"promise-kept-{by_evidence[say]}-1" for say in SAYS)
    for _ in range(2):
        with pytest.raises(ContentError, match=f"{stops} .* L104") as refused:
            await follow_up.fn(INCIDENT, "promises", 1)
        assert fits not in str(refused.value)
        approve_all(context.ledger, told.now)
    notice = context.ledger.cases.read(INCIDENT, told.now).notice(fits)
    assert notice is not None and notice.stage == "sent"
    assert turn_state(context.ledger, "promises") == OccurrenceState.WAITING


async def test_every_promise_whose_notice_is_stopped_is_named(context: Context, told: PassedClock) -> None:
    one, other = kept(context.ledger, SAYS["stops"], SAYS["stops"])
    with pytest.raises(ContentError) as refused:
        await follow_up.fn(INCIDENT, "promises", 1)
    assert {one, other} <= {finding.where.split()[0][13:-2] for finding in refused.value.findings}


async def test_other_words_are_told_in_place_of_those_that_were_stopped(context: Context, told: PassedClock) -> None:
    (promise,) = kept(context.ledger, SAYS["stops"])
    with pytest.raises(ContentError):
        await follow_up.fn(INCIDENT, "promises", 1)
    kept(context.ledger, SAYS["fits"])  # reported anew and reviewed anew, each of which changes what will be said
    for _ in range(2):
        await follow_up.fn(INCIDENT, "promises", 1)
        approve_all(context.ledger, told.now)
    assert [n.id for n in context.ledger.cases.read(INCIDENT).notices if n.about] == [f"promise-kept-{promise}-3"]
    assert context.ledger.cases.read(INCIDENT).untold == {}


@pytest.fixture
async def lame_and_sound(context: Context, told: PassedClock) -> tuple[str, str]:
    """Two notices are approved, and the first of them asks for a channel that the others do without."""
    ledger = context.ledger
    kept(ledger, "Report 17", "MailReport 18")
    await follow_up.fn(INCIDENT, "promises", 1)
    lame, sound = sorted(notice.id for notice in ledger.cases.read(INCIDENT).notices if notice.about)
    draft = ledger.notices.latest_draft(INCIDENT, lame)
    posted = draft.model_copy(update={"cascade": (*draft.cascade, ChannelKind.SOCIAL)})
    ledger.notices.draft(posted, told.now)
    await look_over(ledger, posted, context.channels, context.links, told.now)
    approve_all(ledger, told.now)
    return lame, sound


def without_social(context: Context) -> Context:
    return replace(context, channels={k: own for k, own in context.channels.items() if k is not ChannelKind.SOCIAL})


async def test_a_notice_that_cannot_be_sent_holds_up_no_other(
    context: Context, told: PassedClock, lame_and_sound: tuple[str, str]
) -> None:
    with using(without_social(context)), pytest.raises(ChannelMisconfigured, match="social"):
        await follow_up.fn(INCIDENT, "promises", 1)
    stages = {notice.id: notice.stage for notice in context.ledger.cases.read(INCIDENT, told.now).notices}
    assert [stages[notice] for notice in lame_and_sound] == ["approved", "sent"]


@pytest.mark.usefixtures("lame_and_sound")
async def test_a_run_names_what_it_can_neither_send_nor_draft(context: Context) -> None:
    """A run that can send one notice not, for want of a channel, and draft another one not, because of its words, names
    both in one error.
    """
    third = context.ledger.commitments.all(INCIDENT)[2]
    record_results(context.ledger, INCIDENT, third, START)
    keep(context.ledger, INCIDENT, third.id, {"*": SAYS["stops"]}, "mei", START)
    with using(without_social(context)), pytest.raises(AmendsError, match=r"(?s)L104.*needs social"):
        await follow_up.fn(INCIDENT, "promises", 1)


async def test_new_facts_make_a_new_assessment_that_says_what_changed(context: Context) -> None:
    await assess.fn(INCIDENT, "assess", 1)
    incident = context.ledger.cases.read(INCIDENT).incident
    yes = Fact[bool].model_validate(True)
    facts = incident.facts.model_copy(update={"encrypted_at_rest": yes, "encryption_key_safe": yes})
    context.ledger.incidents.amend(incident.model_copy(update={"facts": facts}), "mei", START)
    await assess.fn(INCIDENT, "assess", 2)
    case = context.ledger.cases.read(INCIDENT)
    assert case.assessment is not None and case.assessment.version == 2
    assert any(line.startswith("severity very high →") for line in case.assessment.changes)
    assert any("assessment 2 differs" in entry.subject for entry in context.ledger.audit.entries(INCIDENT))


async def test_a_filing_starts_the_clock_of_those_who_come_after(context: Context) -> None:
    await assess.fn(INCIDENT, "assess", 1)
    context.ledger.filings.record(INCIDENT, "sg-pdpa.pdpc", START, "mei", "SG-1", "", START)
    await assess.fn(INCIDENT, "assess", 2)
    assessment = context.ledger.cases.read(INCIDENT).assessment
    assert assessment is not None
    duty = next(duty for duty in assessment.duties if duty.id == "sg-pdpa.individuals")
    assert (duty.starts_at, duty.waits) == (START, False)


async def test_each_reminder_of_a_deadline_is_given_once(context: Context) -> None:
    await assess.fn(INCIDENT, "assess", 1)
    turn = next(turn for turn in plan(context.ledger.cases.read(INCIDENT), START).due if turn.step == "deadlines")
    await follow_up.fn(INCIDENT, turn.step, turn.number)
    alerts = [entry.subject for entry in context.ledger.audit.entries(INCIDENT) if entry.act == "alert"]
    assert alerts and all("amends duty filed stolen-terminals" in alert for alert in alerts)
    again = await follow_up.fn(INCIDENT, turn.step, turn.number)
    assert again.name == "NothingDue"
    assert len([e for e in context.ledger.audit.entries(INCIDENT) if e.act == "alert"]) == len(alerts)


def bounced(ledger: Ledger, notice: str) -> int:
    """The mail server of somebody who also has a phone sends their email back; who that is."""
    with ledger.store.read() as session:
        by_email = (DeliveryRow.notice == notice, DeliveryRow.channel == "email", DeliveryRow.state == "sent")
        rows = session.exec(select(DeliveryRow).where(*by_email)).all()
        row = next(row for row in rows if ledger.people.get(INCIDENT, row.person).phone)
        key = ledger.store.keys.message_key(INCIDENT, notice, row.person, "email", row.address_index)
        token = ledger.store.keys.bounce_token(row.id or 0, key)
    ledger.receipts.take([MailReport(ReportKind.FAILED, token, status="5.1.1", detail="550 5.1.1")], START)
    return row.person


async def approved_update(context: Context, clock: PassedClock) -> None:
    """Three days after the first notice was sent."""
    await draft_and_approve(context)
    await notify.fn(INCIDENT, "first-notice", 1)
    clock.now = START + timedelta(days=3)
    await update_flow.fn(INCIDENT, "update", 1)
    approve_all(context.ledger, clock.now)


async def test_people_an_update_missed_get_the_next_channel_at_a_sweep(tmp_path: Path) -> None:
    """A person whom an update did not reach gets it on the next channel at the next sweep, also when the update was
    sent to its end: its occurrence goes on for this one person.
    """
    ledger = a_ledger(tmp_path)
    opened(ledger, islice(everybody(), 20))
    context, clock = a_context(ledger, tmp_path)
    with using(context):
        await approved_update(context, clock)
        await update_flow.fn(INCIDENT, "update", 1)
        assert turn_state(ledger, "update") == OccurrenceState.DONE
        person = bounced(ledger, "update-1")
        due = plan(ledger.cases.read(INCIDENT, clock.now), clock.now).due
        assert ("update", 1) in {(turn.step, turn.number) for turn in due}
        await update_flow.fn(INCIDENT, "update", 1)
    channels = [line.channel.value for line in ledger.statistics.lines(INCIDENT, "update-1") if line.person == person]
    assert sorted(channels) == ["email", "sms"]
    assert turn_state(ledger, "update") == OccurrenceState.DONE
    ledger.dispose()


async def test_a_bounce_just_before_the_conclusion_keeps_it_waiting(tmp_path: Path) -> None:
    """When an email bounces between the look at the case and the conclusion of the occurrence, the occurrence is not
    done but waits, and the next run sends the SMS.
    """
    ledger = a_ledger(tmp_path)
    opened(ledger, islice(everybody(), 20))
    context, clock = a_context(ledger, tmp_path)
    with using(context):
        await approved_update(context, clock)
        turn = next(
            turn for turn in plan(ledger.cases.read(INCIDENT, clock.now), clock.now).due if turn.step == "update"
        )
        async with connected(context.channels) as channels:
            await deliver(ledger, channels, INCIDENT, "update-1", context.links, context.clock)
        looked_at = ledger.cases.read(INCIDENT, clock.now)
        person = bounced(ledger, "update-1")
        conclude(context, looked_at, turn, [], complete=True)
        assert turn_state(ledger, "update") == OccurrenceState.WAITING
        await update_flow.fn(INCIDENT, "update", 1)
    channels_used = {
        line.channel.value for line in ledger.statistics.lines(INCIDENT, "update-1") if line.person == person
    }
    assert channels_used == {"email", "sms"}
    assert turn_state(ledger, "update") == OccurrenceState.DONE
    ledger.dispose()


async def test_what_was_told_wrongly_is_corrected_at_once_and_only_once(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)
    opened(ledger, islice(everybody(), 5))
    context, clock = a_context(ledger, tmp_path)
    with using(context):
        await draft_and_approve(context)
        await notify.fn(INCIDENT, "first-notice", 1)
        clock.now = START + timedelta(days=1)
        file = ledger.cases.incident_file(INCIDENT)
        cause = Fact[Cause](value=Cause.INSIDER, certainty=Certainty.CONFIRMED)
        facts = file.facts.model_copy(update={"cause": cause})
        ledger.incidents.amend(file.model_copy(update={"facts": facts}), "mei", clock.now)
        assert ledger.cases.read(INCIDENT, clock.now).told_wrongly == ("cause",)
        await notify.fn(INCIDENT, "correction", 1)
        approve_all(ledger, clock.now)
        await notify.fn(INCIDENT, "correction", 1)
        clock.now += timedelta(hours=1)
        await sweep.fn(INCIDENT)
    case = ledger.cases.read(INCIDENT, clock.now)
    (correction,) = [notice for notice in case.notices if notice.template == "correction"]
    assert (correction.id, correction.stage, case.told_wrongly) == ("correction-1", "sent", ())
    assert "correction" not in {turn.step for turn in plan(case, clock.now).due}
    ledger.dispose()


async def test_the_first_approval_is_an_event_of_the_case(context: Context) -> None:
    await assess.fn(INCIDENT, "assess", 1)
    await notify.fn(INCIDENT, "first-notice", 1)
    assert "approved" not in context.ledger.cases.read(INCIDENT, START).events
    approve_all(context.ledger, START)
    assert context.ledger.cases.read(INCIDENT, START).events["approved"] == START
