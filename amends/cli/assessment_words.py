"""An assessment in words for a terminal: decisions, what to do in the next hours, and then everything else."""

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import chain, groupby, zip_longest
from textwrap import wrap
from typing import TypeVar
from zoneinfo import ZoneInfo

from amends.cli.words import moment, say, width
from amends.domain.assessment import Assessment
from amends.domain.duty import Duty, DutyStanding, SetAside
from amends.domain.filing import length

T = TypeVar("T")
COLUMNS = 110
SOON = timedelta(hours=72)
NAMED = 3
"""So many recipients of one kind are named in full; more are counted, and their places named."""
TITLES = {
    DutyStanding.APPLIES: "duties that apply",
    DutyStanding.MAY_APPLY: "duties that may apply; treat them as applying until somebody answers",
    DutyStanding.EXEMPT: "duties for which an exemption is claimed; a lawyer must agree",
}
FILLER = "\0"
"""Stands behind each wide character while lines are measured, for it takes the room of two."""


def in_words(assessment: Assessment, zone: str) -> Iterator[str]:
    """An assessment for people to read, in lines that fit; times in UTC and in this zone."""
    return chain.from_iterable(map(fitting, _lines(assessment, zone)))


def fitting(line: str) -> Iterator[str]:
    """A line in as many as it needs; what follows the first is indented a little more."""
    indent = line[: len(line) - len(line.lstrip())]
    spaced = "".join(character + FILLER * (width(character) - 1) for character in line.strip())
    cut = wrap(spaced, COLUMNS - len(indent) - 2, break_on_hyphens=False) or [""]
    yield from (f"{indent}{'  ' if number else ''}{part.replace(FILLER, '')}" for number, part in enumerate(cut))


def when(at: datetime, zone: str) -> str:
    """A time in UTC, and as the clock of the zone shows it: 2026-11-21 00:05 UTC (Sat 21 Nov 08:05 Asia/Shanghai)."""
    there = at.astimezone(ZoneInfo(zone))
    return moment(at) if zone == "UTC" else f"{moment(at)} ({there:%a} {there.day} {there:%b %H:%M} {zone})"


def by_when(duty: Duty, at: datetime, zone: str) -> str:
    """When it is due, in words, as things stand at this time; what is overdue says so."""
    if duty.due_at and duty.overdue(at):
        return f"OVERDUE since {when(duty.due_at, zone)}, for {length(at - duty.due_at)}"
    if duty.waits:
        return "once its clock starts, with a step of our own"
    if duty.due_at is None:
        return "at once"
    return f"by {when(duty.due_at, zone)}" + (f", in {length(duty.due_at - at)}" if duty.due_at >= at else "")


def alike(duty: Duty) -> Hashable:
    """Duties for which this is the same differ only in who is told, and where."""
    return duty.regime, duty.standing, duty.due_at, duty.standard, duty.assumed, duty.waits


def gathered(things: Iterable[T], key: Callable[[T], Hashable]) -> list[tuple[T, ...]]:
    """Those with the same key together, in the order in which each key came first."""
    groups: defaultdict[Hashable, list[T]] = defaultdict(list)
    for thing in things:
        groups[key(thing)].append(thing)
    return list(map(tuple, groups.values()))


def recipients(duties: tuple[Duty, ...]) -> str:
    """Who must be told by these duties; where they are many, how many of each kind, and where."""
    names = dict.fromkeys(duty.recipient_name for duty in duties)
    if len(names) <= NAMED:
        return "; ".join(names)
    return "; ".join(map(_of_one_kind, gathered(duties, lambda duty: duty.recipient)))


def _of_one_kind(duties: tuple[Duty, ...]) -> str:
    if len(duties) == 1:
        return duties[0].recipient_name
    places = dict.fromkeys(place or "unknown" for duty in duties for place in duty.places)
    return f"{len(duties)} × {_plain(duties[0].recipient)}: {', '.join(places)}"


def _lines(assessment: Assessment, zone: str) -> Iterator[str]:
    yield from _decisions(assessment, zone)
    yield from _next_hours(assessment, zone)
    yield from _section("open questions", assessment.open_questions or ("none",))
    for standing, title in TITLES.items():
        yield from _in_full(title, [duty for duty in assessment.duties if duty.standing is standing], assessment, zone)
    yield from _reasons(assessment)
    aside = map(_aside, gathered(assessment.set_aside, lambda one: one.why))
    yield from _section("looked at, does not apply", tuple(aside) or ("none",))


def _decisions(assessment: Assessment, zone: str) -> Iterator[str]:
    severity, cadence = assessment.severity, assessment.cadence
    yield f"what follows from the facts, as of {when(assessment.at, zone)}"
    yield f"  tell an authority: {_loud(assessment.notify_authority)}"
    yield f"  tell the people: {_loud(assessment.tell_people)}"
    yield f"  write it down: {_loud(assessment.document)}"
    yield f"  risk to people: {assessment.risk}"
    yield f"  severity: {_plain(severity.band)}, score {severity.score:.2f} (ENISA, 0.25 to 6)"
    yield f"  tone {assessment.tone}, signed by the {assessment.signed_by}, channels {', '.join(assessment.channels)}"
    yield f"  first update after {cadence.first_update}, then every {cadence.then_every}"


def _next_hours(assessment: Assessment, zone: str) -> Iterator[str]:
    """The duties that apply and press, in short; those that may apply are counted."""
    pressing = [duty for duty in assessment.duties if _presses(duty, assessment.at)]
    sure = [duty for duty in pressing if duty.standing is DutyStanding.APPLIES]
    maybe = sum(duty.standing is DutyStanding.MAY_APPLY for duty in assessment.duties)
    yield from ("", f"do now (overdue, at once, or within 72 hours): {len(sure) or 'nothing'}")
    for heading, group in _by_time(sure, assessment.at, zone):
        yield f"  {heading}"
        yield from (f"    {_in_short(same)}" for same in gathered(group, lambda duty: duty.regime))
    if maybe:
        yield f"  may apply: {maybe} more, {len(pressing) - len(sure)} of them this soon; see below"


def _in_short(duties: tuple[Duty, ...]) -> str:
    assumed = " (its clock is assumed)" if any(duty.assumed for duty in duties) else ""
    waiting = dict.fromkeys(other for duty in duties for other in duty.before)
    before = f", before {', '.join(waiting)}" if waiting else ""
    return f"{recipients(duties)}: {_law(duties[0])}{assumed} {_ids(duties)}{before}"


def _presses(duty: Duty, at: datetime) -> bool:
    soon = duty.due_at is None or duty.due_at <= at + SOON
    return duty.overdue(at) or (soon and not duty.waits and duty.standing is not DutyStanding.EXEMPT)


def _by_time(duties: Iterable[Duty], at: datetime, zone: str) -> Iterator[tuple[str, Iterator[Duty]]]:
    """Overdue ones before those without a date, which mean at once; what waits for us comes last."""
    return groupby(
        sorted(duties, key=lambda duty: (not duty.overdue(at), duty.pressure)), lambda duty: by_when(duty, at, zone)
    )


def _in_full(title: str, duties: list[Duty], assessment: Assessment, zone: str) -> Iterator[str]:
    if duties:
        yield from ("", f"{title}: {len(duties)}")
    for heading, group in _by_time(duties, assessment.at, zone):
        yield f"  {heading}"
        for same in gathered(group, alike):
            yield from _all_about(same)


def _all_about(duties: tuple[Duty, ...]) -> Iterator[str]:
    one = duties[0]
    yield f"    {recipients(duties)} {_ids(duties)}"
    yield f"      {_law(one)} ({one.confidence}){f': {one.standard}' if one.standard else ''}"
    grounds = (ground for duty in duties for ground in duty.exemptions if ground.claimed)
    parts: dict[str, Iterable[str]] = {
        "why": _whys(duties),
        "assumed": (one.assumed,),
        "exemption claimed": (f"{ground.text} ({', '.join(ground.evidence)})" for ground in grounds),
        "comes before": (other for duty in duties for other in duty.before),
        "must not": one.must_not,
        "a lawyer must look at": (point for duty in duties for point in duty.lawyer_needed),
    }
    for title, texts in parts.items():
        if said := list(dict.fromkeys(filter(None, texts))):
            yield f"      {title}: {'; '.join(said)}"


def _whys(duties: tuple[Duty, ...]) -> Iterator[str]:
    """Reasons of all of them, those about each place first."""
    return chain.from_iterable(zip_longest(*(duty.why.split("; ") for duty in duties), fillvalue=""))


def _reasons(assessment: Assessment) -> Iterator[str]:
    severity = assessment.severity
    rules = (f"{rule.id} points to {rule.risk}: {rule.says} [{rule.source}]" for rule in assessment.rules)
    parts = (f"{part.name} {part.value:g}: {part.reason}" for part in severity.components)
    yield from _section("why this risk", rules)
    yield from _section("why this severity", parts)
    yield from _section("what would change the severity", severity.would_change_it or ("nothing that we know of",))


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    yield from ("", title)
    yield from (f"  {line}" for line in lines)


def _aside(those: tuple[SetAside, ...]) -> str:
    return f"{those[0].why}: {', '.join(one.id for one in those)}"


def _law(duty: Duty) -> str:
    return f"{duty.law}, {duty.citation}"


def _ids(duties: tuple[Duty, ...]) -> str:
    """In full for a few; for many of one kind once, with PLACE for their places."""
    if len(duties) <= NAMED:
        return f"[{', '.join(duty.id for duty in duties)}]"
    return f"[{', '.join(dict.fromkeys(re.sub('@.*', '@PLACE', duty.id) for duty in duties))}]"


def _loud(yes: bool) -> str:
    return say(yes).upper()


def _plain(word: str) -> str:
    return word.replace("_", " ")
