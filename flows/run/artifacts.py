"""The pages that leads see in the Prefect UI: numbers, reasons, texts with open slots; never a name or an address."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
from uuid import UUID

from prefect.artifacts import acreate_markdown_artifact, acreate_progress_artifact, aupdate_progress_artifact
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger

from amends.delivery.send.engine import Tally
from amends.domain.assess.assessment import Assessment
from amends.domain.assess.text import decisions, law, particulars, plain, to_do
from amends.domain.base.errors import Finding
from amends.domain.base.text import counted
from amends.domain.case.case import Case
from amends.domain.deliver.preflight import Preflight
from amends.domain.law.duty import Duty
from amends.domain.notice.notice import (
    SLOT_CLOSE,
    SLOT_OPEN,
    Draft,
    NoticeStage,
    NoticeStatus,
    PersonState,
    Variant,
    digest,
)
from amends.domain.plan.text import WAITS, in_tables, standing, waiting_rows
from amends.domain.plan.timeline import Timeline, timeline

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


async def show(incident_id: str, name: str, markdown: str, description: str) -> None:
    """Show this page in the UI under a key of its own; outside a flow run do nothing."""
    if FlowRunContext.get() is not None:
        with _or_a_warning(name):
            await acreate_markdown_artifact(markdown, key=page_key(incident_id, name), description=description)


@contextmanager
def _or_a_warning(name: str) -> Iterator[None]:
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


async def show_preview(draft: Draft, advice: Sequence[Finding] = (), found: Preflight | None = None) -> None:
    """Show every variant of a draft below the advice on its wording; the page stays as it is after the approval."""
    page = preview_page(draft, advice, found)
    await show(draft.incident, f"preview-{draft.notice}", page, f"{draft.notice}, as it was drafted for approval")


def preview_page(draft: Draft, advice: Sequence[Finding] = (), found: Preflight | None = None) -> str:
    """Return the draft as a page that stays true after sending: advice, then the preflight, then the texts."""
    texts = "\n".join(_variant(variant) for variant in draft.variants)
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
    sentence = draft.notes_in_words
    return f"{sentence[0].upper()}{sentence[1:]}.\n\n" if sentence else ""


def _preflight(found: Preflight | None) -> str:
    return f"## Everybody's message\n\n```\n{found}\n```\n\n" if found else ""


def _advice(advice: Sequence[Finding]) -> str:
    return f"## Look at this first\n\n{_listed(map(str, advice))}\n" if advice else ""


def _variant(variant: Variant) -> str:
    body = f"{variant.subject}\n\n{variant.text}".replace(SLOT_OPEN, "[").replace(SLOT_CLOSE, "]")
    return f"## {variant.id}\n\n" + "".join(f"> {line}\n" for line in body.strip().splitlines())


def notice_line(notice: NoticeStatus) -> str:
    """Return the state of a notice in a few words."""
    if notice.stage is NoticeStage.DRAFTED:
        return f"{notice.id} waits for approval ({len(notice.approvals)} of {notice.approvals_needed})"
    people = ", ".join(f"{count} {state}" for state, count in notice.people.items())
    return f"{notice.id} {notice.stands}: {people or 'nobody'}"


async def show_timeline(case: Case, now: datetime) -> None:
    """Show the timeline of the incident: past, present and future."""
    if FlowRunContext.get() is not None:
        page = timeline_page(case, now)
        await show(case.incident.id, "timeline", page, "What waits for whom, what comes, what was done")


def timeline_page(case: Case, now: datetime) -> str:
    """Return the timeline as `amends timeline` shows it, with the numbers of notices and questions below."""
    shown, asked = timeline(case, now), case.questions
    tables = in_tables(shown, _table) | {WAITS: _to_be_done(shown)}
    sections = (f"## {title}\n{text}\n" for title, text in tables.items())
    notices = [
        (n.id, n.stands, *(n.people.get(state, 0) for state in PERSON_STATES), _when(n.sent_at)) for n in case.notices
    ]
    return (
        f"# {case.incident.title}\n\n`{shown.incident}`: {standing(shown)}\n\n{''.join(sections)}"
        f"## Notices\n{_table(('notice', 'stage', *PERSON_STATES, 'sent'), notices)}\n"
        f"## Questions\n{asked.asked} asked, {asked.open} open, {asked.overdue} overdue. "
        f"By theme: {', '.join(f'{theme} {count}' for theme, count in asked.by_theme.items()) or 'none'}\n"
    )


def _to_be_done(shown: Timeline) -> str:
    """Return a list and no table: the UI cuts off the last column of a wide table, which would be the command."""
    return _listed(f"**{by}**, {whom}: {what}; `{do}`" for by, whom, do, what in waiting_rows(shown)) or "nothing\n"


async def show_chases(case: Case, lines: list[str]) -> None:
    """Show whom the team has to remind, and what is late."""
    text = "# To do\n\n" + "".join(f"- {line}\n" for line in lines)
    await show(case.incident.id, "to-do", text, "Reminders and escalations")


async def show_feedback(case: Case, comments: int) -> None:
    """Show questions by theme and the survey, in numbers."""
    await show(case.incident.id, "feedback", feedback_page(case, comments), "Questions by theme, and the survey")


def feedback_page(case: Case, comments: int) -> str:
    """Return the numbers of questions and survey answers as a page; texts of people are never on it."""
    asked, survey = case.questions, case.survey
    themes = _table(
        ("theme", "asked", "open"),
        [(theme, count, asked.open_by_theme.get(theme, 0)) for theme, count in asked.by_theme.items()],
    )
    means = _table(("measure", "mean of 5"), list(survey.means.items()))
    return (
        f"# What people ask\n\n{asked.asked} questions, {asked.open} open, **{asked.overdue} overdue**\n\n{themes}\n"
        f"# Survey\n\n{survey.answers} answers{_commented(case, comments)}\n\n{means}"
    )


def _commented(case: Case, comments: int) -> str:
    """Return the number of comments and the command that shows them, because nothing reminds the team to read them."""
    said = f"{counted(comments, 'comment')} for people to read: `amends questions comments {case.incident.id}`"
    return f"; {said}" if comments else ""


class Progress:
    """A progress bar in the UI that follows the sending engine."""

    def __init__(self, artifact: UUID | None, loop: asyncio.AbstractEventLoop) -> None:
        self._artifact, self._loop = artifact, loop
        self._share = 0.0
        self._next = loop.time()
        self._update: asyncio.Task[None] | None = None

    def advance(self, tally: Tally) -> None:
        """Show the engine's progress, at most once in SHOW_EVERY seconds."""
        self._share = 100.0 * min(sum(tally.answers.values()) / max(tally.messages, 1), 1.0)
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
                await aupdate_progress_artifact(self._artifact, progress=self._share)


@asynccontextmanager
async def progress(incident_id: str, notice: str) -> AsyncIterator[Progress]:
    """Yield a progress bar for one send."""
    artifact = None
    if FlowRunContext.get() is not None:
        key = page_key(incident_id, f"sending-{notice}")
        with _or_a_warning(f"sending-{notice}"):
            artifact = await acreate_progress_artifact(0.0, key=key, description=f"Sending {notice}")
    bar = Progress(artifact, asyncio.get_running_loop())
    try:
        yield bar
    finally:
        await bar.flush()
