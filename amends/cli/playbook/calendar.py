"""The calendar of a playbook for one incident: what goes to whom, and when."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from amends.cli.terminal.text import table
from amends.domain.assess.assess import people_affected
from amends.domain.base.audience import EVERYONE
from amends.domain.base.text import minute
from amends.domain.base.value import Moment, Value
from amends.domain.case.case import Case
from amends.domain.plan.forecast import forecast
from amends.domain.plan.plan import PlannedOccurrence, holds
from amends.domain.playbook.playbook import DEADLINES, REPEATING, Event, Phase, Playbook, Step
from amends.domain.playbook.text import begins, condition, gates, quiet_hours, task, to_whom, waves
from amends.domain.timeline.text import there

WITHOUT_A_DATE = (Event.RESOLVED, Event.CLOSED, *REPEATING, Event.APPROVED)
"""Events whose dates nobody knows in advance."""
WORK = {
    Phase.ASSESS: "work out how grave it is, and who must be told by when",
    Phase.NOTIFY: "nothing is sent",
    Phase.UPDATE: "nothing is sent",
    Phase.COLLECT_FEEDBACK: "see which replies are due, and what people ask about",
    Phase.FOLLOW_UP: "see which promises are due",
}
"""The work of a step that sends nothing and has no words of its own, by phase."""


class PlannedEntry(Value):
    """One planned occurrence in the calendar."""

    step: str
    phase: Phase
    number: int
    due_at: Moment
    what: str
    people: int | None = None
    """The number of people who are told, as far as known."""
    approvals: int = 0
    """The number of people who must approve the notice."""
    last_wave_at: Moment | None = None
    """The time when the last wave leaves, for a notice that leaves in waves."""


class UndatedStep(Value):
    """A step that waits for an event without a date."""

    step: str
    after: str
    of: str
    when: str
    what: str


class Passed(Value):
    """A step whose condition does not hold in this case."""

    step: str
    only_if: str


class PlaybookCalendar(Value):
    """The calendar of a playbook, as if everything were approved at once."""

    zone: str
    occurrences: tuple[PlannedEntry, ...]
    later: tuple[UndatedStep, ...]
    not_taken: tuple[Passed, ...]
    quiet: str = ""
    """The quiet hours in words, which may delay the messages of an occurrence; empty without quiet hours."""


def calendar(case: Case, now: datetime, days: int) -> PlaybookCalendar:
    """Return the calendar of the case's playbook for so many days. Raises LookupError when the case has no playbook."""
    playbook = _playbook(case)
    occurrences = forecast(case, now, now + timedelta(days=days))
    dated = {occurrence.step for occurrence in occurrences}
    later = [step for step in _without_a_date(case) if step.id not in dated]
    waiting = {step.id for step in later}
    passed = [s for s in playbook.steps if s.id not in dated | waiting and not holds(case, s.when)]
    return PlaybookCalendar(
        zone=case.incident.organisation.timezone,
        occurrences=tuple(_entry(case, occurrence) for occurrence in occurrences),
        later=tuple(_later(case, step) for step in later),
        not_taken=tuple(Passed(step=step.id, only_if=condition(step.when)) for step in passed),
        quiet=quiet_hours(playbook.quiet_hours) if playbook.quiet_hours else "",
    )


def in_words(shown: PlaybookCalendar, now: datetime) -> Iterator[str]:
    """Yield the calendar in tables, with times in the organisation's zone and in UTC."""
    rows = [
        (
            there(occurrence.due_at, now, shown.zone),
            minute(occurrence.due_at),
            f"{occurrence.step} {occurrence.number}",
            occurrence.what,
        )
        for occurrence in shown.occurrences
    ]
    yield table((f"when ({shown.zone})", "UTC", "step", "what, and to whom"), rows)
    if shown.later:
        yield "\nWithout a date yet"
        yield table(("when", "step", "what, and to whom"), [(one.when, one.step, one.what) for one in shown.later])
    if shown.not_taken:
        yield "\nNot taken in this case"
        yield table(("step", "only if"), [(one.step, one.only_if) for one in shown.not_taken])
    if shown.quiet:
        yield f"\nQuiet hours: {shown.quiet}"


def _playbook(case: Case) -> Playbook:
    if case.playbook is None:
        raise LookupError("a calendar needs a playbook")
    return case.playbook


def _without_a_date(case: Case) -> list[Step]:
    """Return the steps that wait for an event without a date, or for a step that does."""
    playbook = _playbook(case)
    open_words = {*map(str, WITHOUT_A_DATE), *playbook.thresholds} - case.events.keys()
    while more := {s.id for s in playbook.steps if s.of in open_words and s.id not in open_words | case.events.keys()}:
        open_words |= more
    return [step for step in playbook.steps if step.id in open_words]


def _later(case: Case, step: Step) -> UndatedStep:
    return UndatedStep(
        step=step.id,
        after=str(step.after),
        of=step.of,
        when=begins(step),
        what=_what(step, people_of(case, step), None),
    )


def _entry(case: Case, occurrence: PlannedOccurrence) -> PlannedEntry:
    if occurrence.step == DEADLINES:
        said = {"what": "reminders of legal deadlines, to the lead"}
        return PlannedEntry(
            step=occurrence.step, phase=occurrence.phase, number=occurrence.number, due_at=occurrence.due_at, **said
        )
    step = _playbook(case).step(occurrence.step)
    people = people_of(case, step) if step.notice else None
    last = _last_wave(step, people, occurrence.due_at)
    return PlannedEntry(
        step=occurrence.step,
        phase=occurrence.phase,
        number=occurrence.number,
        due_at=occurrence.due_at,
        what=_what(step, people, last, step.within.after(occurrence.due_at, case.calendar) if step.within else None),
        people=people,
        approvals=step.approvals.needed if step.channels else 0,
        last_wave_at=last,
    )


def _what(step: Step, people: int | None, last: datetime | None, done_by: datetime | None = None) -> str:
    needs = f"needs {step.approvals}" if step.channels else ""
    parts = f"{waves(step)}, the last {minute(last)}" if last else waves(step)
    by = f"by {minute(done_by)}" if done_by else ""
    said = (task(step), by, to_whom(step, people), needs, gates(step), parts)
    return "; ".join(filter(None, said)) or step.reads_on or WORK[step.phase]


def people_of(case: Case, step: Step) -> int | None:
    """Return how many people the step's audience has; None while that is not known."""
    if step.audience == EVERYONE:
        return people_affected(case.incident, case.audience).most
    return case.audience.by_segment.get(step.audience, 0) if case.audience.people else None


def _last_wave(step: Step, people: int | None, at: datetime) -> datetime | None:
    if step.waves is None or not people or people <= step.waves.size:
        return None
    return at + (-(-people // step.waves.size) - 1) * step.waves.pause
