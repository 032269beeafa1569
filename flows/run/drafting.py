"""Drafting in a run: draft a notice, check it, look over everybody's message, and ask for approval."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from amends.delivery.preflight import look_over
from amends.delivery.rendering import rendered
from amends.domain.base.audience import Audience, NoLonger, Sampled, ToldOtherwise
from amends.domain.base.errors import ChannelMisconfigured, ContentError, Finding
from amends.domain.base.text import counted
from amends.domain.case.case import Case
from amends.domain.case.views.draft import DraftView
from amends.domain.deliver.preflight import Preflight
from amends.domain.draft.draft import draft, in_its_words, to_people_alone
from amends.domain.draft.recipients import why_no_recipients, why_no_recipients_left
from amends.domain.draft.writer import Readers, Wanted
from amends.domain.incident.alert import Alert, AlertId, AlertKind
from amends.domain.lint.lint import lint_in
from amends.domain.notice.difference import Differences
from amends.domain.notice.notice import Draft, NoticeStatus
from amends.domain.notice.wording import Wording, with_example
from amends.domain.plan.plan import PlannedOccurrence
from amends.domain.playbook.checks import HOW_TO_ADD, too_few
from amends.domain.playbook.playbook import Phase, Step
from amends.domain.timeline.waiting import Waiting, WaitsFor
from amends.ledger import Ledger
from flows.run import artifacts
from flows.run.context import Context
from flows.run.graph import Found, as_task


@dataclass(frozen=True)
class Drafting:
    """A draft, and what it was made from."""

    draft: Draft
    wording: Wording = field(repr=False)
    audience: Audience
    step: str
    seen: int
    """The version of the notice that was the latest one before; 0 before the first."""


def to_be_drafted(case: Case, wanted: Wanted) -> bool:
    """Return False when the notice is over, or its draft is of the present incident file."""
    existing = case.notice(wanted.id)
    return existing is None or not (existing.current or existing.is_over)


async def draft_notice(
    context: Context, case: DraftView, step: Step, planned: PlannedOccurrence, wanted: Wanted
) -> None:
    """Draft the notice, check it, look over everybody's message, and ask for approval, each as a task of the run.

    Nothing is done when nobody is left to tell. Raises ContentError when a finding blocks the draft.
    """
    existing = case.notice(wanted.id)
    if existing is not None and await asyncio.to_thread(end_without_recipients, context, case, step, wanted, existing):
        return
    of = f" {wanted.about}" if wanted.about else ""
    drafting = await as_task(f"draft{of}", _in_thread(compose, context, case, step, planned, wanted), _drafted)
    advice = await as_task(f"lint{of}", _in_thread(lint_and_keep, context, case, drafting), _advised)
    if advice is None:
        return  # another run was faster
    look = partial(_preflight, context, drafting.draft)
    found = await as_task(f"look over everybody's message{of}", look, lambda found: str(found or "not possible yet"))
    ask = partial(_ask_for_approval, context, drafting.draft, advice, found)
    await as_task(f"ask for approval{of}", ask, lambda _: _asked(drafting.draft))


def _in_thread(work: Callable[..., Found], *given: Any) -> Callable[[], Awaitable[Found]]:
    return partial(asyncio.to_thread, work, *given)


def _drafted(drafting: Drafting) -> str:
    drafted = drafting.draft
    return f"{drafted.notice} for {drafted.people} people in {counted(len(drafted.variants), 'text')}"


def _advised(advice: tuple[Finding, ...] | None) -> str:
    if advice is None:
        return "another run has drafted it already"
    return f"{counted(len(advice), 'piece of advice', 'pieces of advice')} for the approvers"


async def _ask_for_approval(
    context: Context, drafted: Draft, advice: tuple[Finding, ...], found: Preflight | None
) -> None:
    """Show the draft to the approvers, and alert the lead when too few members could approve it."""
    wording = await asyncio.to_thread(context.ledger.playbooks.wording, drafted.incident)
    facts = (await asyncio.to_thread(context.ledger.cases.incident_file, drafted.incident)).facts
    shown = partial(with_example, wording=wording, kinds=facts.categories())
    await artifacts.show_preview(drafted, advice, found, shown)
    await asyncio.to_thread(_name_lacking_approvers, context.ledger, drafted, context.clock())


def _name_lacking_approvers(ledger: Ledger, drafted: Draft, now: datetime) -> None:
    if lacks := too_few(drafted.approvals, ledger.team.members(), drafted.authors):
        what = f"nobody can release {drafted.notice}: {'; '.join(lacks)}; {HOW_TO_ADD}"
        ledger.alerts.record(drafted.incident, Alert(_id_of(AlertKind.NOT_APPROVABLE, drafted), what, now))


def _id_of(kind: AlertKind, drafted: Draft) -> AlertId:
    return AlertId(kind, drafted.notice, drafted.binding[:12])


def _asked(drafted: Draft) -> Waiting:
    command = f"amends approve {drafted.incident} {drafted.notice} --as NAME --binding {drafted.binding[:12]}"
    return Waiting(waits_for=WaitsFor.APPROVAL, why=f"{drafted.notice} needs {drafted.approvals}: `{command}`")


def end_without_recipients(context: Context, case: Case, step: Step, wanted: Wanted, notice: NoticeStatus) -> bool:
    """End the notice, alert the lead and return True when another version of the notice would reach nobody."""
    ledger, incident_id, now = context.ledger, case.incident.id, context.clock()
    if step.corrects:  # by what is known now, those who still wait for it may need no correction
        _differences(ledger, incident_id, step, wanted)
        notice = ledger.cases.read(incident_id, now).notice(wanted.id) or notice
    why = why_no_recipients_left(case, step, wanted, notice)
    if not (why and ledger.corrections.end_notice(incident_id, notice.id, now)):
        return False
    ended = AlertId(AlertKind.NOTICE_ENDED, notice.id, str(notice.version))
    ledger.alerts.record(incident_id, Alert(ended, f"{notice.id} ends, and nobody is asked to approve it: {why}", now))
    return True


def compose(context: Context, case: DraftView, step: Step, planned: PlannedOccurrence, wanted: Wanted) -> Drafting:
    """Draft the notice for the people of its audience as they are now. Raises ContentError for a wrong template."""
    ledger, incident_id, now = context.ledger, case.incident.id, context.clock()
    differences = _differences(ledger, incident_id, step, wanted)
    _draw_sample(context, case, step, wanted)
    step = to_people_alone(step) if step.corrects and not differences.public else step
    audience = ledger.notices.audience(incident_id, wanted.audience, wanted.id)
    pages = ledger.told.pages(incident_id, wanted.id)
    readers = Readers(audience.digest, audience.people, audience.readers, differences, pages)
    wording = ledger.playbooks.wording(incident_id)
    step, wanted = in_its_words(step, wanted, wording)
    facts = ledger.incidents.facts_digest(incident_id)
    given = (case, wording, step, planned.number, wanted, readers, context.links, facts, now)
    try:
        drafted = rendered(partial(draft, *given))
    except ContentError as error:
        _alert_of_findings(context, case, wanted.id, error.findings)
        raise
    existing = case.notice(wanted.id)
    return Drafting(drafted, wording, wanted.audience, step.id, existing.version if existing else 0)


def _draw_sample(context: Context, case: DraftView, step: Step, wanted: Wanted) -> None:
    """Draw the random sample that a survey asks; the people drawn for an earlier draft stay in it."""
    survey = case.playbook.survey(step.survey) if case.playbook and step.survey else None
    if survey and survey.sample and isinstance(wanted.audience, Sampled):
        context.ledger.samples.draw(
            case.incident.id, wanted.id, survey.id, survey.sample, step.audience, context.clock()
        )


def lint_and_keep(context: Context, case: DraftView, drafting: Drafting) -> tuple[Finding, ...] | None:
    """Check and record the draft; return the advice on its words, or None when another run was faster.

    Raises ContentError when a finding blocks the draft.
    """
    ledger, drafted, now = context.ledger, drafting.draft, context.clock()
    findings = lint_in(case, drafted, drafting.wording, context.links.pages(drafted.incident))
    if blocking := [finding for finding in findings if finding.blocks]:
        _alert_of_findings(context, case, drafted.notice, blocking)
        raise ContentError(*blocking)
    ledger.notices.draft(drafted, now, seen=drafting.seen)
    if ledger.notices.latest_draft(drafted.incident, drafted.notice).binding != drafted.binding:
        return None
    if why := why_no_recipients(case, drafting.audience):
        nobody = _id_of(AlertKind.NO_RECIPIENTS, drafted)
        ledger.alerts.record(drafted.incident, Alert(nobody, f"{drafting.step} tells nobody: {why}", now))
    return findings


def _alert_of_findings(context: Context, case: Case, notice: str, findings: Sequence[Finding]) -> None:
    more = f", and {len(findings) - 1} findings more, which its run names" if len(findings) > 1 else ""
    what = f"{notice} cannot be drafted: {findings[0]}{more}"
    versions = f"facts {case.version} playbook {case.pinned[:12]}"
    not_drafted = AlertId(AlertKind.NOT_DRAFTED, notice, f"{versions} {findings[0].code}")
    context.ledger.alerts.record(case.incident.id, Alert(not_drafted, what, context.clock()))


def _differences(ledger: Ledger, incident_id: str, step: Step, wanted: Wanted) -> Differences:
    """Return what the readers of a correction or an update were told otherwise; a first notice tells all."""
    if isinstance(wanted.audience, ToldOtherwise):
        return ledger.told.to_correct(incident_id, wanted.id)
    if isinstance(wanted.audience, NoLonger):
        ledger.told.to_take_back(incident_id, wanted.id)
    return ledger.told.to_update(incident_id, wanted.id) if step.phase is Phase.UPDATE else Differences()


async def _preflight(context: Context, drafted: Draft) -> Preflight | None:
    """Compose everybody's message without sending, and alert the lead when one cannot be composed.

    Return None when a channel is misconfigured.
    """
    ledger, now = context.ledger, context.clock()
    try:
        found = await look_over(ledger, drafted, context.channels, context.links, now)
    except ChannelMisconfigured:
        return None  # the preflight runs again when somebody approves the notice, and tells that person
    short = await asyncio.to_thread(ledger.codes.why_short, drafted.incident, drafted.notice, found.codes, now)
    if why := found.why_not_approve(drafted.notice) or short or found.why_ask(drafted, None):
        alert = Alert(_id_of(AlertKind.NOT_READY, drafted), str(why), now)
        await asyncio.to_thread(ledger.alerts.record, drafted.incident, alert)
    return found
