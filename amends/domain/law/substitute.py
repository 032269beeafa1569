"""Substitute notice: the duties for which telling the public may or must replace telling each person.

The grounds of each duty are compared with the numbers of people. Nothing here tells anybody: a person publishes. The
steps that the notice's own page on the website already takes are listed apart.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from amends.domain.base.value import Moment, Value
from amends.domain.law.duty import Addressee, Duty, DutyStanding, Substitute
from amends.domain.law.means import is_in

MORE_PEOPLE_THAN = re.compile(r"people > ([\d,]+)")
NO_CONTACT = re.compile(r"\bcontact\b")
"""A ground about people without an address, or without one that works."""
HARD_TO_REACH = re.compile(r"\b(?:practicable|impossible|difficult|effort|hardship|onerous)\b")
"""A ground that only a person can judge, once somebody was not reached."""
FEWER_THAN = re.compile(r"under (\d+) people: (.+)")
AT_LEAST = re.compile(r"(\d+) people or more: (.+)")
BY_OUR_PAGE = re.compile(r"\b(?:web ?site|home page)\b", re.IGNORECASE)
AND_MORE = re.compile(r"\band\b")


@dataclass(frozen=True, slots=True)
class PlaceCounts:
    """The people of a notice by place: US-CA where the state is known, else US; empty where nobody knows."""

    people: Mapping[str, int]
    unreached: Mapping[str, int]
    """People without an address, or without one that works."""


class SubstituteNotice(Value):
    """A substitute notice that was given for a duty. A person publishes it and records it, once."""

    duty: str
    url: str = ""
    """The address of the page with the notice; empty when only the note says how the notice was given."""
    note: str = ""
    by: str
    """The member of the team who recorded it."""
    at: Moment
    """The time at which it was recorded."""

    @property
    def what(self) -> str:
        """Return the URL, or the note where there is none."""
        return self.url or self.note


@dataclass(frozen=True, slots=True)
class SubstituteDue:
    """A duty for which telling the public may or must replace telling each person, with the steps to take."""

    duty: str
    law: str
    citation: str
    certain: bool
    """True when the duty surely applies, False when it may apply."""
    must: bool
    """True when some people can be told in no other way; else the organisation may choose."""
    because: tuple[str, ...]
    """The grounds that are met, with the numbers behind them."""
    asks: tuple[str, ...]
    """Grounds that a person must judge first."""
    done: tuple[str, ...]
    """Steps that the page on the website takes."""
    to_do: tuple[str, ...]
    """Steps that a person must take."""
    for_days: int | None
    until: datetime | None
    """The time until which the page must stay up; None when the page is not up or the law names no time."""


def living_in(places: tuple[str, ...], counted: Mapping[str, int]) -> int:
    """Return how many of the people live in the places."""
    return sum(count for home, count in counted.items() if is_in(home, places))


def substitute_due(
    duties: Iterable[Duty], counts: PlaceCounts, page_up_since: datetime | None = None
) -> tuple[SubstituteDue, ...]:
    """Return every duty to people for which a substitute notice is due; those that require one come first.

    `page_up_since` is None while the page is not up. A duty that may apply counts until somebody settles the question;
    a duty that is exempt does not count.
    """
    found = [due for duty in duties if (due := _due(duty, counts, page_up_since))]
    return tuple(sorted(found, key=lambda due: not due.must))


def _due(duty: Duty, counts: PlaceCounts, page_up_since: datetime | None) -> SubstituteDue | None:
    rule = duty.substitute
    if rule is None or duty.addressee is not Addressee.PEOPLE or duty.standing is DutyStanding.EXEMPT:
        return None
    people, unreached = living_in(duty.places, counts.people), living_in(duty.places, counts.unreached)
    must = tuple(_no_contact(rule, people, unreached))
    may = tuple(_too_many(rule, people))
    asks = tuple(_to_be_judged(rule, people, unreached))
    if not (must or may or asks):
        return None
    done, to_do = _steps(rule, unreached, page_is_up=page_up_since is not None)
    until = page_up_since + timedelta(days=rule.for_days) if page_up_since and rule.for_days else None
    return SubstituteDue(
        duty=duty.id,
        law=duty.law,
        citation=duty.citation,
        certain=duty.standing is DutyStanding.APPLIES,
        must=bool(must),
        because=(*must, *may),
        asks=asks,
        done=done,
        to_do=to_do,
        for_days=rule.for_days,
        until=until,
    )


def _no_contact(rule: Substitute, people: int, unreached: int) -> Iterator[str]:
    for ground in rule.if_any:
        if unreached and NO_CONTACT.search(ground):
            yield f"{unreached} of {people} people there were not reached ({ground})"


def _too_many(rule: Substitute, people: int) -> Iterator[str]:
    for ground in rule.if_any:
        found = MORE_PEOPLE_THAN.fullmatch(ground)
        if found and people > (limit := int(found[1].replace(",", ""))):
            yield f"{people:,} people live there, more than {limit:,}"


def _to_be_judged(rule: Substitute, people: int, unreached: int) -> Iterator[str]:
    for ground in rule.if_any:
        if unreached and HARD_TO_REACH.search(ground):
            yield f"{unreached} of {people} people there were not reached: is that {ground}?"


def _steps(rule: Substitute, unreached: int, *, page_is_up: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the steps for so many unreached people: first those that the page on the website takes, then the rest."""
    steps = [step for line in rule.do_all if (step := _for_so_many(line, unreached))]
    done = tuple(step for step in steps if page_is_up and _page_does(step))
    return done, tuple(step for step in steps if step not in done)


def _for_so_many(line: str, unreached: int) -> str:
    """Return the line without its number of people, or an empty text when the line is for another number."""
    if fewer := FEWER_THAN.fullmatch(line):
        return fewer[2] if unreached < int(fewer[1]) else ""
    if more := AT_LEAST.fullmatch(line):
        return more[2] if unreached >= int(more[1]) else ""
    return line


def _page_does(step: str) -> bool:
    """Return True when the page alone is enough: the step names the website and nothing more."""
    return BY_OUR_PAGE.search(step) is not None and AND_MORE.search(step) is None
