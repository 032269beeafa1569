"""The pages that leads see in the Prefect UI: numbers, reasons, texts with open slots; never a name or an address."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from prefect.artifacts import acreate_markdown_artifact, acreate_progress_artifact, aupdate_progress_artifact
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.client.schemas.filters import (
    ArtifactCollectionFilter,
    ArtifactCollectionFilterKey,
    ArtifactFilter,
    ArtifactFilterKey,
    FlowRunFilter,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import ArtifactCollection
from prefect.client.schemas.sorting import ArtifactSort, FlowRunSort
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger

from amends.delivery.send.engine import Tally
from amends.domain.assess.assessment import Assessment
from amends.domain.assess.text import decisions, law, particulars, plain, to_do
from amends.domain.base.errors import Finding
from amends.domain.base.text import counted, counts, length
from amends.domain.case.case import Case
from amends.domain.case.views.closing import ClosingView
from amends.domain.case.views.timeline import TimelineView
from amends.domain.deliver.preflight import Preflight
from amends.domain.feedback.survey.survey import SurveyResults
from amends.domain.feedback.survey.text import in_short, result_tables
from amends.domain.law.duty import Duty
from amends.domain.notice.notice import Draft, NoticeStage, NoticeStatus, PersonState, Variant, digest, with_slot_names
from amends.domain.timeline.overview import numbers, overdue_tasks
from amends.domain.timeline.text import WAITS, in_tables, standing, waiting_rows
from amends.domain.timeline.timeline import Timeline, WaitingTask, timeline, waiting_tasks
from flows.run.schedule import tag_of

Shown = Callable[[str, Variant], str]
"""The writing of a variant's text for approvers."""
ESCAPED_BAR = r"\|"
"""A vertical bar within a table cell of Markdown."""
DUTY_NOTES = (
    "assumed",
    "exemption claimed",
    "comes before",
    "permitted channels",
    "substitute notice",
    "must not",
    "must be given",
    "may wait when",
    "a lawyer must look at",
)
"""The particulars of a duty that stand in its note here; `amends report` and `amends duty show` name all of them."""
PERSON_STATES = tuple(PersonState)
SHOW_EVERY = 5.0
"""Seconds between two updates of the progress bar: one update takes Prefect as long as sending hundreds of messages."""
KEPT = 20
"""The versions of a page that Prefect keeps; older ones are deleted when a run writes another."""
NOW = "now"
"""The key of the page about all incidents; the key of a page about one incident holds a dash after the incident."""
TIMELINE = "timeline"
LINKED_RUNS = 30
"""The latest runs, and those to come, that an incident's page names; a link shows all."""


class Page(NamedTuple):
    """A page in two parts: Prefect shows the head at the page's address, and head and rest at that of each version."""

    head: str
    rest: str


async def show(incident_id: str, name: str, markdown: str, description: str) -> None:
    """Show this page in the UI under a key of its own, with a link to the incident's; outside a flow run do nothing."""
    if FlowRunContext.get() is not None:
        with or_a_warning(name):
            await write(page_key(incident_id, name), Page(f"{description} · {to_incident(incident_id)}", markdown))


async def write(key: str, page: Page, *, in_place: bool = False) -> None:
    """Make the page the latest one under its key: as a new version, or in place of the latest version.

    A version belongs to the run that made it, and is shown with that run; a sweep writes in place, because a version
    every five minutes would bury those of the runs that did something. A page that says the same is not written.
    """
    async with get_client() as client:
        latest = next(iter(await _latest(client, [key])), None)
        if latest and (latest.description, latest.data) == page:
            return
        if latest and in_place:
            await client.update_artifact(latest.latest_id, ArtifactUpdate(description=page.head, data=page.rest))
            return
        await acreate_markdown_artifact(page.rest, key=key, description=page.head)
        if latest:
            await _delete_old_versions(client, key)


async def _latest(client: PrefectClient, keys: Sequence[str]) -> list[ArtifactCollection]:
    """Return the latest versions of these pages, 200 at most."""
    chosen = ArtifactCollectionFilter(key=ArtifactCollectionFilterKey(any_=list(keys)))
    return await client.read_latest_artifacts(artifact_filter=chosen)


async def _delete_old_versions(client: PrefectClient, key: str) -> None:
    chosen = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
    for old in await client.read_artifacts(artifact_filter=chosen, sort=ArtifactSort.CREATED_DESC, offset=KEPT):
        await client.delete_artifact(old.id)


def address(key: str) -> str:
    """Return the address of a page within the UI, which stays the same for ever."""
    return f"/artifacts/key/{key}"


def to_incident(incident_id: str) -> str:
    """Return a link to the incident's page."""
    return f"[{incident_id}]({address(page_key(incident_id, TIMELINE))})"


@contextmanager
def or_a_warning(name: str) -> Iterator[None]:
    """Log a warning instead of failing the draft or send: the error's type only, as its text may quote the page."""
    try:
        yield
    except Exception as error:  # noqa: BLE001
        get_run_logger().warning("the page %s cannot be shown: %s", name, type(error).__name__)


def page_key(incident_id: str, name: str) -> str:
    """Return the page's key for Prefect, which allows no `_`: a name with `_` gets a digest, so that no keys clash."""
    plain = f"{incident_id}-{name}"
    return f"{plain.replace('_', '-')}-{digest(plain)[:8]}" if "_" in plain else plain


def _when(moment: datetime | None) -> str:
    return f"{moment:%a %d %b %Y %H:%M} UTC" if moment else "–"


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    if not rows:
        return "none\n"
    lines: list[Sequence[object]] = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(str(cell).replace('|', ESCAPED_BAR) for cell in line)} |\n" for line in lines)


async def show_assessment(case: Case, assessment: Assessment) -> None:
    """Show the page of the assessment: severity with reasons, the rules of risk, and who must be told by when."""
    await show(case.incident.id, "assessment", assessment_page(case, assessment), "How grave it is, who must be told")


def assessment_page(case: Case, assessment: Assessment) -> str:
    """Return the assessment as a page: decisions first, then urgent duties, then the reasons."""
    severity = assessment.severity
    parts = [(part.name, f"{part.value:g}", part.reason, ", ".join(part.facts)) for part in severity.components]
    rules = [(rule.id, rule.risk, rule.says, rule.source) for rule in assessment.rules]
    sections = {
        "What changed": _listed(assessment.changes),
        "Do now": _to_do(case, assessment),
        "Who must be told, by when": _table(
            ("by", "whom", "law", "why", "note"), [_duty(duty) for duty in assessment.duties]
        ),
        "Open questions": _listed(assessment.open_questions),
        "Why this risk": _table(("rule", "points to", "because", "source"), rules),
        "Why this severity": _table(("part", "value", "why", "facts"), parts),
        "What would change it": _listed(severity.would_change_it),
        "Looked at, does not apply": _listed(f"`{aside.id}`: {aside.why}" for aside in assessment.set_aside),
    }
    head = (
        f"# {case.incident.title}\n\n{_listed(f'{title}: **{said}**' for title, said in decisions(assessment).items())}"
    )
    return head + "".join(f"\n## {title}\n{text}" for title, text in sections.items() if text)


def _to_do(case: Case, assessment: Assessment) -> str:
    """Return the urgent duties that were not filed yet, with times in UTC and in the organisation's time zone."""
    filed = {filing.duty for filing in case.filings}
    undone = [duty for duty in assessment.duties if duty.id not in filed]
    found = to_do(undone, assessment.at, case.incident.organisation.timezone)
    return "".join(f"\n**{heading}**\n\n{_listed(lines)}" for heading, lines in found) or "nothing\n"


def _duty(duty: Duty) -> tuple[object, ...]:
    by = _when(duty.due_at) if duty.due_at else duty.standard or "at once"
    whom = f"{'**' if duty.first else ''}{duty.recipient_name}{'**' if duty.first else ''} `{duty.id}`"
    known = particulars((duty,))
    notes = "; ".join(f"{title}: {known[title]}" for title in DUTY_NOTES if title in known)
    return by, whom, law(duty), f"{plain(duty.standing)}: {duty.why}", notes


def _listed(lines: Iterable[str]) -> str:
    return "".join(f"- {line}\n" for line in lines)


async def show_preview(draft: Draft, advice: Sequence[Finding], found: Preflight | None, shown: Shown) -> None:
    """Show every variant of a draft below the advice on its wording; the page stays as it is after the approval."""
    page = preview_page(draft, advice, found, shown)
    await show(draft.incident, f"preview-{draft.notice}", page, f"{draft.notice}, as it was drafted for approval")


def by_slot_names(text: str, _: Variant) -> str:
    """Return a text of the variant with the names of its slots in brackets."""
    return with_slot_names(text)


def preview_page(
    draft: Draft, advice: Sequence[Finding] = (), found: Preflight | None = None, shown: Shown = by_slot_names
) -> str:
    """Return the draft as a page that stays true after sending: advice, then the preflight, then the texts.

    `shown` writes a text of a variant for approvers.
    """
    texts = "\n".join(_variant(variant, shown) for variant in draft.variants)
    return (
        f"# {draft.notice}, as it was drafted for approval\n\n"
        f"It needs {draft.approvals}; the timeline says how it stands.\n\n"
        f"{'Optional' if draft.optional else 'Mandatory'}, {draft.people} people, "
        f"channels {', '.join(draft.channels)}. Binding `{draft.binding[:12]}`.\n\n{_notes(draft)}"
        f"`amends preview {draft.incident} {draft.notice}` shows it with people's own values; "
        f"`amends approve {draft.incident} {draft.notice} --as NAME --binding {draft.binding[:12]}` approves it.\n\n"
        f"{_advice(advice)}{_preflight(found)}{texts}"
    )


def _notes(draft: Draft) -> str:
    said = (draft.notes_in_words, draft.instead_in_words, draft.results_in_words)
    return "".join(f"{sentence[0].upper()}{sentence[1:]}.\n\n" for sentence in said if sentence)


def _preflight(found: Preflight | None) -> str:
    return f"## Everybody's message\n\n```\n{found}\n```\n\n" if found else ""


def _advice(advice: Sequence[Finding]) -> str:
    return f"## Look at this first\n\n{_listed(map(str, advice))}\n" if advice else ""


def _variant(variant: Variant, shown: Shown) -> str:
    body = shown(f"{variant.subject}\n\n{variant.text}", variant)
    return f"## {variant.id}\n\n" + "".join(f"> {line}\n" for line in body.strip().splitlines())


def notice_line(notice: NoticeStatus) -> str:
    """Return the state of a notice in a few words."""
    if notice.stage is NoticeStage.DRAFTED:
        return f"{notice.id} waits for approval ({len(notice.approvals)} of {notice.approvals_needed})"
    people = ", ".join(f"{count} {state}" for state, count in notice.people.items())
    return f"{notice.id} {notice.stands}: {people or 'nobody'}"


async def show_timeline(case: TimelineView, now: datetime, *, in_place: bool = False) -> None:
    """Show the incident's page: what waits for whom, then past, present and future, then its other pages and runs."""
    if FlowRunContext.get() is None:
        return
    key, page = page_key(case.incident.id, TIMELINE), timeline_page(case, now)
    with or_a_warning(TIMELINE):
        rest = page.rest + await _pages_and_runs(case.incident.id)
        await write(key, page._replace(rest=rest), in_place=in_place)


async def timeline_heads(cases: Iterable[TimelineView]) -> dict[str, str]:
    """Return the head of each incident's page as Prefect shows it, by incident."""
    incidents = {page_key(case.incident.id, TIMELINE): case.incident.id for case in cases}
    async with get_client() as client:
        return {incidents[str(page.key)]: str(page.description) for page in await _latest(client, list(incidents))}


def says_otherwise(case: TimelineView, now: datetime, head: str) -> bool:
    """Return True when this head of the incident's page names other waiting tasks than there are."""
    return not head.endswith(_to_be_done(waiting_tasks(case, now), now, case.incident.organisation.timezone))


def timeline_page(case: TimelineView, now: datetime) -> Page:
    """Return the timeline as `amends timeline` shows it, with the numbers of notices and questions below."""
    shown, asked = timeline(case, now), case.questions
    tables = {title: text for title, text in in_tables(shown, _table).items() if title != WAITS}
    sections = (f"## {title}\n{text}\n" for title, text in tables.items())
    notices = [
        (n.id, n.stands, *(n.people.get(state, 0) for state in PERSON_STATES), _when(n.sent_at)) for n in case.notices
    ]
    return Page(
        _timeline_head(case, shown),
        f"{''.join(sections)}"
        f"## Notices\n{_table(('notice', 'stage', *PERSON_STATES, 'sent'), notices)}\n"
        f"## Questions\n{asked.asked} asked, {asked.open} open, {asked.overdue} overdue. "
        f"By topic: {', '.join(f'{topic} {count}' for topic, count in asked.by_topic.items()) or 'none'}\n",
    )


def _timeline_head(case: TimelineView, shown: Timeline) -> str:
    """Return the beginning of the page; lists of pages show its first line only."""
    late, waiting = overdue_tasks(case, shown.at), counted(len(shown.waiting), "thing waits", "things wait")
    first = f"**Overdue: {numbers(late)}.** " if late else f"{waiting} for people, nothing is overdue. "
    runs = f"[Its runs](/runs?tag={tag_of(shown.incident)})"
    return (
        f"{first}\n\n# {case.incident.title}\n\n`{shown.incident}`: {standing(shown)}\n\n"
        f"[Now, all incidents]({address(NOW)}) · {runs}\n\n## {WAITS}\n"
        f"{_to_be_done(shown.waiting, shown.at, shown.zone)}"
    )


def _to_be_done(tasks: Iterable[WaitingTask], now: datetime, zone: str) -> str:
    """Return a list and no table: the UI cuts off the last column of a wide table, which would be the command."""
    rows = waiting_rows(tasks, now, zone)
    return _listed(f"**{by}**, {whom}: {what}; `{do}`" for by, whom, do, what in rows) or "nothing\n"


async def _pages_and_runs(incident_id: str) -> str:
    """Return links to the incident's other pages, and to its runs: those to come first, then the latest."""
    ours = FlowRunFilter(tags=FlowRunFilterTags(all_=[tag_of(incident_id)]))
    async with get_client() as client:
        pages = await client.read_latest_artifacts(flow_run_filter=ours)
        runs = await client.read_flow_runs(
            flow_run_filter=ours, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=LINKED_RUNS
        )
    named = sorted(page.key for page in pages if page.key and page.key != page_key(incident_id, TIMELINE))
    sections = {
        "Pages": [f"[{key.removeprefix(f'{incident_id}-')}]({address(key)})" for key in named],
        "Runs": [f"[{run.name}](/runs/flow-run/{run.id})" for run in runs],
    }
    return "".join(f"\n## {title}\n{' · '.join(links)}\n" for title, links in sections.items() if links)


async def show_chases(case: Case, lines: list[str]) -> None:
    """Show whom the team has to remind, and what is late."""
    text = "# To do\n\n" + "".join(f"- {line}\n" for line in lines)
    await show(case.incident.id, "to-do", text, "Reminders and escalations")


async def show_feedback(case: ClosingView) -> None:
    """Show questions by topic and the surveys, in numbers."""
    await show(case.incident.id, "feedback", feedback_page(case), "Questions by topic, and the surveys")


def feedback_page(case: ClosingView) -> str:
    """Return the numbers of questions and survey answers as a page; texts of people are never on it."""
    asked = case.questions
    topics = _table(
        ("topic", "asked", "open"),
        [(topic, count, asked.open_by_topic.get(topic, 0)) for topic, count in asked.by_topic.items()],
    )
    return (
        f"# What people ask\n\n{asked.asked} questions, {asked.open} open, **{asked.overdue} overdue**\n\n{topics}\n"
        + "".join(_survey(case, results) for results in case.surveys)
    )


def _survey(case: ClosingView, results: SurveyResults) -> str:
    """Return the results after one invitation, and the command that shows the texts, which nothing else recalls."""
    said = f"\n\n{counted(results.texts, 'text')} for people to read: `amends surveys comments {case.incident.id}`"
    tables = "".join(f"\n\n{_table(head, rows)}" for head, rows in result_tables(results))
    return f"\n# Survey {results.survey}\n\n{in_short(results)}{said if results.texts else ''}{tables}\n"


class Progress:
    """A progress bar in the UI that follows the sending engine."""

    def __init__(self, what: str, artifact: UUID | None, loop: asyncio.AbstractEventLoop) -> None:
        self._what, self._artifact, self._loop = what, artifact, loop
        self._tally = Tally()
        self._began = loop.time()
        self._next = self._began + SHOW_EVERY
        self._update: asyncio.Task[None] | None = None

    def advance(self, tally: Tally) -> None:
        """Show the engine's progress, at most once in SHOW_EVERY seconds; a bar that is new has been shown."""
        self._tally = tally
        if self._loop.time() >= self._next and (self._update is None or self._update.done()):
            self._next = self._loop.time() + SHOW_EVERY
            self._update = self._loop.create_task(self._show())

    async def flush(self) -> None:
        """Wait until the bar shows the latest progress."""
        if self._update:
            await self._update
        await self._show()

    async def _show(self) -> None:
        if self._artifact is not None:
            with suppress(Exception):  # a bar is not worth a failed send
                said = f"{self._what}: {figures(self._tally, self._loop.time() - self._began)}"
                await aupdate_progress_artifact(self._artifact, progress=share(self._tally), description=said)


def share(tally: Tally) -> float:
    """Return the part of the messages that has an answer, in hundredths."""
    return 100.0 * min(sum(tally.answers.values()) / max(tally.messages, 1), 1.0)


def figures(tally: Tally, seconds: float) -> str:
    """Return the progress in words: answers so far by kind, of how many messages, the pace, and what is left.

    Messages of a channel that takes over from a failed one are added while a send goes on.
    """
    answered, left = sum(tally.answers.values()), max(tally.messages - sum(tally.answers.values()), 0)
    kinds = Counter({str(status): count for status, count in tally.answers.items()})
    said = f"{answered:,} of {max(tally.messages, answered):,} messages have an answer"
    said += f" ({counts(kinds)})" if answered else ""
    if not (answered and seconds > 0):
        return said
    pace = answered / seconds
    ahead = f"{left:,} left, {length(timedelta(seconds=left / pace))}" if left else "none left"
    return f"{said}; {_pace(pace)}; {ahead}"


def _pace(per_second: float) -> str:
    return f"{per_second:,.0f} a second" if per_second >= 1 else f"{per_second * 60:,.1f} a minute"


@asynccontextmanager
async def progress(incident_id: str, notice: str) -> AsyncIterator[Progress]:
    """Yield a progress bar for one send."""
    artifact, what = None, f"{to_incident(incident_id)}, {notice}"
    if FlowRunContext.get() is not None:
        key = page_key(incident_id, f"sending-{notice}")
        with or_a_warning(f"sending-{notice}"):
            artifact = await acreate_progress_artifact(0.0, key=key, description=f"{what}: about to be sent")
    bar = Progress(what, artifact, asyncio.get_running_loop())
    try:
        yield bar
    finally:
        await bar.flush()
