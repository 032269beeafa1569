"""An assessment in words for a terminal: the decisions, the tasks of the next hours, then everything else."""

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import chain, groupby, takewhile, zip_longest
from typing import TypeVar
from zoneinfo import ZoneInfo

from amends.domain.assess.assessment import Assessment, Score
from amends.domain.assess.letters import RequiredLetter, in_lines
from amends.domain.base.text import length, minute, say, wrapped
from amends.domain.law.duty import Addressee, Duty, DutyStanding, Exemption, SetAside, Substitute
from amends.domain.risk.levels import Component
from amends.domain.risk.severity import MANY, band

T = TypeVar("T")
COLUMNS = 110
NAMED = 3
"""The most recipients of one kind that are named in full; more are counted, with their places."""
PLACES_FOLLOW = ("of", "in", "for", "there:")
"""Words after which the name of a recipient has its place."""
MAYBE_SOON = "may apply, and soon: treat as applying until somebody answers"
AGREE = "ask counsel to agree to the exemptions claimed:"
TITLES = {
    DutyStanding.APPLIES: "duties that apply",
    DutyStanding.MAY_APPLY: "duties that may apply; treat them as applying until somebody answers",
    DutyStanding.EXEMPT: "duties for which an exemption is claimed; a lawyer must agree",
    DutyStanding.RECOMMENDED: "recommended by a standard or an authority; no law asks for it",
}
MUST_SAY = "what each letter must say, by the laws where its readers live (✓ the shipped letter says it, ✗ it does not)"
TELLS_ALL = "a playbook's notices go to everybody in the list all the same: that is your choice, no law asks for it"
SOON = timedelta(hours=72)


def in_words(assessment: Assessment, zone: str, letters: tuple[RequiredLetter, ...] = ()) -> Iterator[str]:
    """Yield the lines of an assessment, wrapped to COLUMNS; times are in UTC and in this zone."""
    return chain.from_iterable(map(fitting, _lines(assessment, zone, letters)))


def fitting(line: str) -> Iterator[str]:
    """Yield a line wrapped to COLUMNS; the lines after the first are indented by two more spaces."""
    indent = line[: len(line) - len(line.lstrip())]
    cut = wrapped(line.strip(), COLUMNS - len(indent) - 2)
    yield from (f"{indent}{'  ' if number else ''}{part}" for number, part in enumerate(cut))


def when(at: datetime, zone: str) -> str:
    """Return a time in UTC and in the zone: 2026-11-21 00:05 UTC (Sat 21 Nov 08:05 Asia/Shanghai)."""
    there = at.astimezone(ZoneInfo(zone))
    return minute(at) if zone == "UTC" else f"{minute(at)} ({there:%a} {there.day} {there:%b %H:%M} {zone})"


def by_when(duty: Duty, at: datetime, zone: str) -> str:
    """Return when the duty is due, in words, as seen at this time; an overdue duty says so, a possible one calmly."""
    if duty.due_at and duty.surely_overdue(at):
        return f"OVERDUE since {when(duty.due_at, zone)}, for {length(at - duty.due_at)}"
    if duty.due_at and duty.overdue(at):
        return f"would be overdue since {when(duty.due_at, zone)} if it applies"
    if duty.waits:
        return "once its clock starts, with a step of our own"
    if duty.due_at is None:
        return "at once"
    return f"by {when(duty.due_at, zone)}" + (f", in {length(duty.due_at - at)}" if duty.due_at >= at else "")


def overdue_for(duty: Duty, at: datetime) -> str:
    """Return how long an overdue duty is late, in words; of one that only may apply, how long it would be."""
    span = length(at - duty.due_at) if duty.due_at else ""
    return f"OVERDUE for {span}" if duty.surely_overdue(at) else f"would be overdue for {span} if it applies"


def alike(duty: Duty) -> Hashable:
    """Return a key that is equal for duties that differ only in recipient and place."""
    return duty.regime, duty.standing, duty.due_at, duty.standard, duty.assumed, duty.waits, duty.must_not, _form(duty)


def gathered(things: Iterable[T], key: Callable[[T], Hashable]) -> list[tuple[T, ...]]:
    """Return the things grouped by key, in the order in which each key came first."""
    groups: defaultdict[Hashable, list[T]] = defaultdict(list)
    for thing in things:
        groups[key(thing)].append(thing)
    return list(map(tuple, groups.values()))


def recipients(duties: tuple[Duty, ...]) -> str:
    """Return the recipients of these duties; when there are many, the number of each kind, and the places."""
    names = dict.fromkeys(duty.recipient_name for duty in duties)
    if len(names) <= NAMED:
        return "; ".join(names)
    return "; ".join(map(_of_one_kind, gathered(duties, lambda duty: duty.recipient)))


def _of_one_kind(duties: tuple[Duty, ...]) -> str:
    if len(duties) == 1:
        return duties[0].recipient_name
    places = dict.fromkeys(place or "unknown" for duty in duties for place in duty.places)
    return f"{len(duties)} × {kind(duties)}: {', '.join(places)}"


def kind(duties: Iterable[Duty]) -> str:
    """Return the common name of recipients of one kind without their places, such as data protection authority."""
    same = tuple(duties)
    columns = zip(*(duty.recipient_name.split() for duty in same), strict=False)
    shared = [column[0] for column in takewhile(lambda column: len(set(column)) == 1, columns)]
    while shared and shared[-1] not in PLACES_FOLLOW:
        shared.pop()
    return " ".join(shared[:-1]) or plain(same[0].recipient)


def decisions(assessment: Assessment) -> dict[str, str]:
    """Return the decisions that follow from the facts, by title; a no that rests on exemptions says so."""
    severity, cadence = assessment.severity, assessment.cadence
    raised = raised_by(severity)
    return {
        "tell an authority": _decided(assessment, Addressee.AUTHORITY, yes=assessment.notify_authority),
        "tell the people": _decided(assessment, Addressee.PEOPLE, yes=assessment.tell_people),
        "write it down": say(assessment.document).upper(),
        "risk to people": assessment.risk.value,
        "severity": f"{plain(severity.band)}{f' ({raised})' if raised else ''}, score {severity.score:.2f} (ENISA, "
        f"0.25 to 6){_provisional(severity)}",
        "tone": assessment.tone.value,
        "suggested": f"signed by the {assessment.signed_by}; channels {', '.join(assessment.channels)}; "
        f"first update after {cadence.first_update}, then every {cadence.then_every}",
    }


def _provisional(severity: Score) -> str:
    """Return how many parts of the score assume the worse case of an unknown fact; empty when none does."""
    if not severity.assumed:
        return ""
    assume = "assumes" if severity.assumed == 1 else "assume"
    return f"; provisional: {severity.assumed} of {len(severity.components)} parts {assume} the worse case"


def _decided(assessment: Assessment, addressee: Addressee, *, yes: bool) -> str:
    exempt = {duty.regime for duty in _standing(assessment.duties, DutyStanding.EXEMPT) if duty.addressee is addressee}
    if yes:
        return say(yes).upper()
    tells = f"; {TELLS_ALL}" if addressee is Addressee.PEOPLE else ""
    if not exempt:
        return f"{say(yes).upper()}{tells}"
    return f"NO, if a lawyer agrees to {len(exempt)} exemption{'s' if len(exempt) > 1 else ''}{tells}"


def raised_by(severity: Score) -> str:
    """Return why the band is one higher than the score alone says; empty when it is not."""
    many = next((part for part in severity.components if part.name == MANY and part.value), None)
    if many is None or band(tuple(map(_as_if_few, severity.components))) is severity.band:
        return ""
    reason = many.reason.split(":")[0].rstrip(".")
    return f"one band higher: {reason[0].lower()}{reason[1:]}"


def _as_if_few(part: Component) -> Component:
    return part.model_copy(update={"value": 0}) if part.name == MANY else part


def to_do(duties: Iterable[Duty], at: datetime, zone: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield pressing duties as lines under headings: sure ones, possible ones, exemptions for counsel to agree to."""
    every = tuple(duties)
    pressing = [duty for duty in every if _presses(duty, at)]
    for heading, group in _by_time(_standing(pressing, DutyStanding.APPLIES), at, zone):
        yield heading, tuple(map(_in_short, gathered(group, lambda duty: duty.regime)))
    maybe = sorted(_standing(pressing, DutyStanding.MAY_APPLY), key=lambda duty: _urgency(duty, at))
    if maybe:
        by_law = gathered(maybe, lambda duty: duty.regime)
        yield MAYBE_SOON, tuple(f"{_how_soon(same, at)}: {_in_short(same)}" for same in by_law)
    if exempt := _standing(every, DutyStanding.EXEMPT):
        yield AGREE, tuple(map(_claim, gathered(exempt, _claimed)))


def surely_pressing(duties: Iterable[Duty], at: datetime) -> int:
    """Count the duties that apply and are overdue, due at once, or due within 72 hours."""
    return sum(duty.standing is DutyStanding.APPLIES and _presses(duty, at) for duty in duties)


def particulars(duties: tuple[Duty, ...]) -> dict[str, str]:
    """Return what these duties of one law say beside recipient and time, by title; empty entries are left out."""
    one = duties[0]
    form, remedy = _form(one)
    grounds = [ground for duty in duties for ground in duty.exemptions]
    parts: dict[str, Iterable[str]] = {
        "why": _whys(duties),
        "assumed": (one.assumed,),
        "exemption claimed": (_shown(ground) for ground in grounds if ground.claimed),
        "exemptions not claimed": (ground.text for ground in grounds if not ground.claimed),
        "comes before": (other for duty in duties for other in duty.before),
        "permitted channels": (way for duty in duties for way in duty.ways),
        "substitute notice": (_instead(duty.substitute) for duty in duties if duty.substitute),
        "form": form,
        "must not": one.must_not,
        "must be given": (remedy,),
        "may wait when": one.delay_allowed,
        "in phases": ("what is not known in time may follow",) if any(duty.phased for duty in duties) else (),
        "records": (one.records,),
        "note": (part for duty in duties for part in duty.note.split("; ")),
        "how sure": (one.confidence_note,),
        "a lawyer must look at": (point for duty in duties for point in duty.lawyer_needed),
    }
    said = {title: dict.fromkeys(filter(None, texts)) for title, texts in parts.items()}
    return {title: "; ".join(texts) for title, texts in said.items() if texts}


def _form(duty: Duty) -> tuple[tuple[str, ...], str]:
    """Return the rules of form for a notice and the remedy to be given; both empty for an office."""
    return (duty.format_rules, duty.remedy) if duty.addressee.written_to else ((), "")


def law(duty: Duty) -> str:
    """Return the law with its article, and how well this row was checked."""
    checked = duty.confidence if duty.confidence.verified else f"NOT VERIFIED, {duty.confidence}"
    return f"{_law(duty)} ({checked})"


def plain(word: str) -> str:
    """Return a word of the table as people write it."""
    return word.replace("_", " ")


def _lines(assessment: Assessment, zone: str, letters: tuple[RequiredLetter, ...]) -> Iterator[str]:
    yield from _decisions(assessment, zone)
    yield from _next_hours(assessment, zone)
    yield from _section("open questions", assessment.open_questions or ("none",))
    for standing, title in TITLES.items():
        yield from _in_full(title, _standing(assessment.duties, standing), assessment, zone)
    if letters:
        yield from _section(MUST_SAY, in_lines(letters))
    yield from _reasons(assessment)
    aside = map(_aside, gathered(assessment.set_aside, lambda one: one.why))
    yield from _section("looked at, does not apply", tuple(aside) or ("none",))


def _decisions(assessment: Assessment, zone: str) -> Iterator[str]:
    yield f"what follows from the facts, as of {when(assessment.at, zone)}"
    yield from (f"  {title}: {said}" for title, said in decisions(assessment).items())


def _next_hours(assessment: Assessment, zone: str) -> Iterator[str]:
    """Yield all pressing duties in short, and the number of duties that may apply later."""
    duties, at = assessment.duties, assessment.at
    maybe = _standing(duties, DutyStanding.MAY_APPLY)
    nothing = "nothing that surely applies" if maybe else "nothing"
    yield from ("", f"do now (overdue, at once, or within 72 hours): {surely_pressing(duties, at) or nothing}")
    for heading, lines in to_do(duties, at, zone):
        yield f"  {heading}"
        yield from (f"    {line}" for line in lines)
    if later := sum(not _presses(duty, at) for duty in maybe):
        yield f"  may apply later: {later} more; see below"


def _in_short(duties: tuple[Duty, ...]) -> str:
    assumed = " (its clock is assumed)" if any(duty.assumed for duty in duties) else ""
    waiting = dict.fromkeys(other for duty in duties for other in duty.before)
    before = f", before {', '.join(waiting)}" if waiting else ""
    return f"{recipients(duties)}: {_law(duties[0])}{assumed} {_ids(duties)}{before}"


def _how_soon(duties: tuple[Duty, ...], at: datetime) -> str:
    return " / ".join(dict.fromkeys(_left(duty, at) for duty in duties))


def _left(duty: Duty, at: datetime) -> str:
    if duty.due_at is None:
        return "at once"
    return overdue_for(duty, at) if duty.overdue(at) else f"in {length(duty.due_at - at)}"


def _claimed(duty: Duty) -> tuple[str, ...]:
    return tuple(_shown(ground) for ground in duty.exemptions if ground.claimed)


def _shown(ground: Exemption) -> str:
    return f"{ground.text} (shown by: {', '.join(map(plain, ground.evidence))})"


def _claim(duties: tuple[Duty, ...]) -> str:
    """Return the grounds claimed, with the laws whose duties fall away if the grounds hold; many laws by their ids."""
    laws = dict.fromkeys(map(_law, duties))
    ids = dict.fromkeys(duty.regime for duty in duties)
    named = "; ".join(laws) if len(laws) <= NAMED else f"{len(laws)} laws: {', '.join(ids)}"
    return f"{' or '.join(_claimed(duties[0]))}: {named}"


def _standing(duties: Iterable[Duty], standing: DutyStanding) -> list[Duty]:
    return [duty for duty in duties if duty.standing is standing]


def _presses(duty: Duty, at: datetime) -> bool:
    soon = duty.due_at is None or duty.due_at <= at + SOON
    return duty.overdue(at) or (soon and not duty.waits and duty.standing.owed)


def _by_time(duties: Iterable[Duty], at: datetime, zone: str) -> Iterator[tuple[str, Iterator[Duty]]]:
    """Group duties by due time: overdue, without a date (at once), dated, and last those that wait."""
    return groupby(sorted(duties, key=lambda duty: _urgency(duty, at)), lambda duty: by_when(duty, at, zone))


def _urgency(duty: Duty, at: datetime) -> tuple[bool, tuple[int, datetime]]:
    return not duty.overdue(at), duty.pressure


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
    yield f"      {law(one)}{f': {one.standard}' if one.standard else ''}"
    yield from (f"      {title}: {said}" for title, said in particulars(duties).items())


def _instead(found: Substitute) -> str:
    """Return the substitute notice in words: on any of these grounds, in all of these ways."""
    grounds = f"if any of ({'; '.join(found.if_any)}): " if found.if_any else ""
    ways = f"do all of ({'; '.join(found.do_all)})" if found.do_all else ""
    return f"{grounds}{ways}{f', for {found.for_days} days' if found.for_days else ''}"


def _whys(duties: tuple[Duty, ...]) -> Iterator[str]:
    """Yield the reasons of all duties, interleaved so that the reasons about each place come first."""
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


def _aside(same: tuple[SetAside, ...]) -> str:
    return f"{same[0].why}: {', '.join(one.id for one in same)}"


def _law(duty: Duty) -> str:
    return f"{duty.law}, {duty.citation}"


def _ids(duties: tuple[Duty, ...]) -> str:
    """Return the ids of a few duties in full; of many, each row once, with PLACE for the places."""
    if len(duties) <= NAMED:
        return f"[{', '.join(duty.id for duty in duties)}]"
    return f"[{', '.join(dict.fromkeys(re.sub('@.*', '@PLACE', duty.id) for duty in duties))}]"
