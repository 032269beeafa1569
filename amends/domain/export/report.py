"""The report of an incident as a document in no form yet. Its numbers are those of the case's document.

A further subject gets a function here that returns its section, and a place in `SECTIONS`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from amends.domain.assess.assessment import Assessment
from amends.domain.assess.text import by_when, decisions, plain
from amends.domain.base.text import counts, in_time, minute, say, say_span
from amends.domain.base.value import some_text
from amends.domain.case.contacts import curve_of
from amends.domain.case.filings import statuses
from amends.domain.case.next_update import Fate
from amends.domain.case.views.timeline import TimelineView
from amends.domain.closing.text import closing_lines, note_sections
from amends.domain.export.case_file import CaseFile, CaseNextUpdate
from amends.domain.export.document import (
    Cell,
    ChartLine,
    ReportDocument,
    ReportSection,
    ReportTable,
    TimeChart,
    columns,
)
from amends.domain.export.facts_text import facts_in_words
from amends.domain.feedback.survey.text import in_short, result_tables
from amends.domain.notice.notice import PersonState
from amends.domain.plan.plan import plan
from amends.domain.review import Review, ReviewNote, cost_lines, figure_lines

ENGLISH = "en"
ADDS_UP = "Every person stands in exactly one column of each notice."
MOST_LINES = 8
"""The most notices whose reach is drawn as lines, those with the most people; the table has all of them."""


class RecordedAct(NamedTuple):
    """An entry of the audit chain, as the report lists it."""

    at: datetime
    actor: str
    act: str
    subject: str


@dataclass(frozen=True)
class ReportSource:
    """The material of one report."""

    case: TimelineView
    file: CaseFile
    assessments: tuple[Assessment, ...]
    acts: tuple[RecordedAct, ...]
    now: datetime
    reviews: tuple[Review, ...] = ()
    notes: tuple[ReviewNote, ...] = ()
    """The notes that the team has made in reviews."""


def report_document(source: ReportSource) -> ReportDocument:
    """Return the report as a document."""
    return ReportDocument(
        title=source.case.incident.title,
        written_at=source.now,
        opening=tuple(_opening(source)),
        sections=tuple(section(source) for section in SECTIONS),
    )


def _opening(source: ReportSource) -> Iterator[str]:
    about, people, named = source.file.incident, source.file.people, source.case.incident.organisation.name
    name = f", {next(iter(named.values()))}" if named else ""
    yield (
        f"{about.id}{name}. State: {say(about.state)}, version {about.version} of the facts, opened "
        f"{minute(about.opened_at)}. {people.people} people: {people.with_email} with an email address, "
        f"{people.with_phone} with a telephone number, {people.with_consent} who consented to email notice."
    )
    for ruling in source.case.locale_rulings:
        yield f"{ruling.says(source.case.audience.by_locale)}."
    yield f"Written {minute(source.now)}. Holds no personal data of the people affected."


def _facts(source: ReportSource) -> ReportSection:
    rows = (
        (name, said, certainty.replace("_", " "), note)
        for name, said, certainty, note in facts_in_words(source.case.incident.facts)
    )
    head = columns("Fact", "As far as known", "Certainty", "Note")
    return _section("facts", "Facts", tables=[ReportTable(title="Facts", columns=head, rows=tuple(rows))])


def _assessment(source: ReportSource) -> ReportSection:
    """Return what the latest assessment decided; in HTML a longer section with pictures stands in its place."""
    found = source.case.assessment
    if found is None:
        return _section("assessment", "Assessment", ["Not assessed yet."])
    decided = ReportTable(
        title="Decisions",
        columns=columns("Decision", "As decided"),
        rows=tuple((title[0].upper() + title[1:], said) for title, said in decisions(found).items()),
    )
    tables = [decided, _duties(source), _rules(found), _severity(found)]
    asked = f"Open questions: {'; '.join(found.open_questions) or 'none'}."
    return _section("assessment", "Assessment", [asked], tables)


def _duties(source: ReportSource) -> ReportTable:
    zone = source.case.incident.organisation.timezone
    rows = (
        (
            status.duty.id,
            status.duty.recipient_name,
            f"{status.duty.law}, {status.duty.citation}",
            plain(status.duty.standing),
            minute(status.duty.due_at)
            if status.done_at and status.duty.due_at
            else by_when(status.duty, source.now, zone),
            minute(status.done_at),
            in_time(status.early_by) if status.early_by is not None else status.missing,
        )
        for status in statuses(source.case, source.now)
    )
    head = columns("Duty", "Whom", "Law", "Standing", "By when", "Done", "In time")
    return ReportTable(title="Duties", columns=head, rows=tuple(rows))


def _rules(found: Assessment) -> ReportTable:
    rows = ((rule.id, say(rule.risk), rule.says, rule.source, _names(rule.facts)) for rule in found.rules)
    head = columns("Rule", "Points to", "Because", "Source", "Facts")
    return ReportTable(title="Why this risk", columns=head, rows=tuple(rows))


def _severity(found: Assessment) -> ReportTable:
    rows = ((part.name, part.value, part.reason, _names(part.facts)) for part in found.severity.components)
    head = columns("Part", "Value", "Why", "Facts", numbers=("Value",))
    return ReportTable(title="Why this severity", columns=head, rows=tuple(rows))


def _changes(source: ReportSource) -> ReportSection:
    if not source.assessments:
        return _section("changes", "What changed from assessment to assessment", ["Not assessed yet."])
    rows = (
        (one.version, minute(one.at), plain(one.band), say(one.risk), len(one.duties), change)
        for place, one in enumerate(source.assessments)
        for change in (one.changes or ("Nothing changed." if place else "The first one.",))
    )
    head = columns("Assessment", "At", "Severity", "Risk", "Duties", "Change", numbers=("Assessment", "Duties"))
    table = ReportTable(title="Assessments", columns=head, rows=tuple(rows))
    return _section("changes", "What changed from assessment to assessment", tables=[table])


def _notices(source: ReportSource) -> ReportSection:
    shown = source.case.notices
    if not shown:
        return _section("notices", "Notices", ["None was drafted yet."])
    states = tuple(map(say, PersonState))
    rows = (
        (
            f"{one.id} v{one.version}",
            status.stands,
            minute(one.sent_at),
            ", ".join(status.approvals),
            *(one.people[state] for state in PersonState),
            one.in_all,
        )
        for one, status in zip(source.file.notices, shown, strict=True)
    )
    head = columns("Notice", "Stage", "Sent", "Approved by", *states, "all", numbers=states, total="all")
    tables = [ReportTable(title="Notices", columns=head, rows=tuple(rows)), *_told_lawfully(source)]
    emergencies = [
        f"{one.id} was {one.standing.emergency} ({minute(one.standing.emergency.at)})"
        for one in shown
        if one.standing.emergency
    ]
    lawfully = source.file.people.told_lawfully
    told = (
        f"Told lawfully: {lawfully}. Some laws count only some messages; whoever got others alone is not told by them."
    )
    return _section("notices", "Notices", [ADDS_UP, *([told] if lawfully else []), *emergencies], tables)


def _told_lawfully(source: ReportSource) -> Iterator[ReportTable]:
    rows = tuple(
        (f"{duty.recipient} {duty.id}", str(duty.told), duty.missing) for duty in source.file.duties if duty.told
    )
    if rows:
        head = columns("Duty", "Told lawfully", "Missing")
        yield ReportTable(title="Told lawfully", columns=head, rows=rows)


def _reach(source: ReportSource) -> ReportSection:
    days = source.file.reach_by_day
    if not days:
        return _section("reach", "Reach over time", ["Nobody was reached yet."])
    rows = tuple((one.notice, one.day.isoformat(), one.reached, one.in_all) for one in days)
    head = columns("Notice", "Day", "Reached", "In all", numbers=("Reached", "In all"))
    most = sorted(source.file.notices, key=lambda notice: -notice.in_all)[:MOST_LINES]
    lines = (
        ChartLine(name=one.id, points=tuple((day.day, day.in_all) for day in days if day.notice == one.id))
        for one in most
    )
    said = "People whom each notice reached, by the day of the last receipt of their first message that arrived."
    chart = _chart(source, "People reached", lines)
    table = ReportTable(title="Reach over time", columns=head, rows=rows)
    return _section("reach", "Reach over time", [said], [table], [chart])


def _next_news(source: ReportSource) -> ReportSection:
    named, silence = source.file.next_updates, source.file.longest_silence
    fates = counts({fate: sum(one.fate == fate for one in named) for fate in _FATES})
    longest = (
        f" Longest silence: {say_span(silence.until - silence.since)}, from {silence.after} ({minute(silence.since)}) "
        f"to {silence.before} ({minute(silence.until)})."
        if silence
        else ""
    )
    head = columns("Named for", "Named by", "What became of it", "By", "Late by")
    table = ReportTable(title="Next news", columns=head, rows=tuple(map(_named_time, named)))
    return _section("next-news", "Times that were named for the next news", [f"{fates}.{longest}"], [table])


_FATES = (Fate.KEPT, Fate.REPLACED, Fate.MISSED, Fate.RUNNING)


def _named_time(one: CaseNextUpdate) -> tuple[Cell, ...]:
    by = f"{one.by}, {minute(one.came_at)}" if one.came_at else one.by
    return minute(one.until), ", ".join(one.named_by), one.fate, by, say_span(timedelta(seconds=one.late_by_seconds))


def _stands(case: TimelineView, commitment: str, state: str) -> str:
    """Return the state of a promise, with how many persons have their result of one that is kept person by person."""
    return f"{state}; per person: {case.remedies[commitment].in_words}" if commitment in case.remedies else state


def _promises(source: ReportSource) -> ReportSection:
    rows = (
        (
            some_text(one.promise, ENGLISH),
            _stands(source.case, commitment.id, one.state),
            minute(one.due_at),
            minute(one.new_due_at),
            commitment.owner,
            some_text(one.evidence, ENGLISH),
        )
        for one, commitment in zip(source.file.promises, source.case.commitments, strict=True)
    )
    head = columns("Promise", "Stands", "Promised for", "New date", "Owner", "Evidence")
    tables = [ReportTable(title="Promises", columns=head, rows=tuple(rows))]
    days = source.file.promises_by_day
    if not days:
        return _section("promises", "Promises", tables=tables)
    states = tuple(dict.fromkeys(state for day in days for state in day.states))
    by_day = tuple((day.day.isoformat(), *(day.states.get(state, 0) for state in states)) for day in days)
    over_time = ReportTable(title="Promises over time", columns=columns("Day", *states, numbers=states), rows=by_day)
    lines = (
        ChartLine(name=state, points=tuple((day.day, day.states.get(state, 0)) for day in days)) for state in states
    )
    return _section("promises", "Promises", (), [*tables, over_time], [_chart(source, "Promises by state", lines)])


def _questions(source: ReportSource) -> ReportSection:
    asked, days = source.file.questions, source.file.questions_by_day
    said = f"{asked.asked} asked, {asked.open} open, {asked.overdue} overdue."
    numbers = ("Asked", "Open")
    topics = tuple((topic.topic.replace("_", " "), topic.asked, topic.open) for topic in asked.topics)
    by_topic = ReportTable(title="Questions by topic", columns=columns("Topic", *numbers, numbers=numbers), rows=topics)
    if not days:
        return _section("questions", "Questions", [said], [by_topic])
    heads = ("Asked", "Answered", "Open in the evening")
    rows = tuple((day.day.isoformat(), day.asked, day.answered, day.open) for day in days)
    over_time = ReportTable(title="Questions over time", columns=columns("Day", *heads, numbers=heads), rows=rows)
    chart = _chart(source, "Questions asked, answered and open", _question_lines(source))
    return _section("questions", "Questions", [said], [by_topic, over_time], [chart])


def _question_lines(source: ReportSource) -> Iterator[ChartLine]:
    asked = answered = 0
    lines: dict[str, list[tuple[date, int]]] = {"asked in all": [], "answered in all": [], "open": []}
    for question in source.file.questions_by_day:
        asked, answered = asked + question.asked, answered + question.answered
        for line, number in zip(lines.values(), (asked, answered, question.open), strict=True):
            line.append((question.day, number))
    yield from (ChartLine(name=name, points=tuple(points)) for name, points in lines.items())


def _contacts(source: ReportSource) -> ReportSection:
    days = source.file.contacts
    if not days:
        return _section("contacts", "Contacts a day", ["none"])
    seen = curve_of(source.case, source.now).seen
    by = f"by the curve of these {seen} contacts" if seen else "by the defaults"
    numbers = ("Told", "Contacts", "Expected", "At least", "At most")
    rows = tuple(
        (
            day.day.isoformat(),
            day.told or "",
            "" if day.seen is None else day.seen,
            *map(round, (day.expected, day.low, day.high)),
        )
        for day in days
    )
    table = ReportTable(title="Contacts a day", columns=columns("Day", *numbers, numbers=numbers), rows=rows)
    said = f"By page, mail, SMS and telephone; seen, and expected {by}. Nine in ten days lie in the range."
    return _section("contacts", "Contacts a day", [said], [table])


def _surveys(source: ReportSource) -> ReportSection:
    found = source.file.surveys
    tables = [
        ReportTable(
            title=f"Survey {one.survey}",
            columns=columns(*head, numbers=("answers",)),
            rows=tuple(tuple(map(_cell, row)) for row in rows),
        )
        for one in found
        for head, rows in result_tables(one)
    ]
    said = [f"{one.survey}, {in_short(one)}." for one in found]
    return _section("surveys", "Surveys", said or ["none"], tables)


def _timeline(source: ReportSource) -> ReportSection:
    planned = plan(source.case, source.now)
    happened = tuple((minute(act.at), act.actor, act.act, act.subject) for act in source.acts)
    coming = tuple((minute(one.due_at), one.step, one.number) for one in (*planned.due, *planned.upcoming))
    tables = [
        ReportTable(title="Timeline", columns=columns("When", "Who", "What", "About"), rows=happened),
        ReportTable(
            title="Planned", columns=columns("Planned for", "Step", "Number", numbers=("Number",)), rows=coming
        ),
    ]
    return _section("timeline", "Timeline", tables=tables)


def _claims(source: ReportSource) -> ReportSection:
    totals = source.case.claims
    if not totals.claims and totals.budget is None:
        return _section("claims", "Claims of compensation", ("None was made.",))
    states = tuple((state.replace("_", " "), count) for state, count in totals.claims.items())
    sums = (totals.asked, totals.granted, totals.in_payment, totals.paid)
    budget = "none" if totals.budget is None else totals.money(totals.budget)
    head = columns("Asked for", "Granted", "On its way", "Paid", "Budget")
    money = ReportTable(title="Claims in money", columns=head, rows=((*map(totals.money, sums), budget),))
    how = columns("State", "Claims", numbers=("Claims",))
    by_state = ReportTable(title="Claims by state", columns=how, rows=states)
    return _section("claims", "Claims of compensation", (f"{totals.overdue} overdue.",), (money, by_state))


def _cost(source: ReportSource) -> ReportSection:
    rows = tuple((what[0].upper() + what[1:], said) for what, said in cost_lines(source.file.cost))
    table = ReportTable(title="Cost", columns=columns("What", "Amount"), rows=rows)
    return _section("cost", "Cost", tables=[table])


def _closing(source: ReportSource) -> ReportSection:
    return _section("closing", "Closing", closing_lines(source.case, source.now))


def _review(source: ReportSource) -> ReportSection:
    head, noted = columns("Figure", "Value"), columns("Kind", "What the team said")
    tables = [
        ReportTable(
            title=f"{review.step}, ended on {minute(review.at)} by {review.by}",
            columns=head,
            rows=figure_lines(review.figures),
        )
        for review in source.reviews
    ]
    said = tuple((heading, line) for heading, lines in note_sections(source.notes) for line in lines)
    tables += [ReportTable(title="Notes of the team", columns=noted, rows=said)] if said else []
    return _section("review", "Review", () if tables else ("None was made yet.",), tables)


def _section(
    section_id: str,
    title: str,
    sentences: Iterable[str] = (),
    tables: Iterable[ReportTable] = (),
    charts: Iterable[TimeChart] = (),
) -> ReportSection:
    return ReportSection(
        id=section_id, title=title, sentences=tuple(sentences), charts=tuple(charts), tables=tuple(tables)
    )


def _chart(source: ReportSource, title: str, lines: Iterable[ChartLine]) -> TimeChart:
    today = source.now.astimezone(source.case.calendar.zone).date()
    drawn = tuple(line for line in lines if line.points)
    return TimeChart(title=title, until=max([today, *(line.points[-1][0] for line in drawn)]), lines=drawn)


def _names(facts: Iterable[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in facts)


def _cell(value: object) -> Cell:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else say(value).replace("_", " ")


SECTIONS: tuple[Callable[[ReportSource], ReportSection], ...] = (
    _facts,
    _assessment,
    _changes,
    _notices,
    _reach,
    _next_news,
    _promises,
    _claims,
    _cost,
    _questions,
    _contacts,
    _surveys,
    _closing,
    _review,
    _timeline,
)
"""The sections, in the order of the report."""
