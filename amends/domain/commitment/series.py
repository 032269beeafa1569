"""Series of commitments: the occurrences of one that recurs, each kept, told and ended by itself."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from amends.domain.base.value import to_utc
from amends.domain.incident.commitment import Commitment, CommitmentState, CommitmentStep

FRESH: Mapping[str, Any] = {
    "state": CommitmentState.OPEN,
    "evidence": {},
    "evidence_link": "",
    "reason": {},
    "settled_at": None,
    "new_due_at": None,
    "next_word_at": None,
    "reminded_at": None,
    "escalated_at": None,
    "spent": None,
    "reported_at": None,
    "reported_by": "",
    "reviewed_at": None,
    "reviewed_by": "",
    "refusal": "",
}
"""The values of a commitment of which nothing has become yet."""


def following(series: Iterable[Commitment], taken: Collection[str], now: datetime) -> tuple[Commitment, ...]:
    """Return the occurrences that follow the last one of the series at this time; none as long as its turn lasts.

    `taken` holds the ids of all commitments of the incident. After a long outage several follow at once, so that no
    occurrence is skipped.
    """
    last, found = max(series, key=lambda one: one.number), list[Commitment]()
    while (after := _after(last, {*taken, *(one.id for one in found)}, now)) is not None:
        found.append(after)
        last = after
    return tuple(found)


def _after(last: Commitment, taken: Collection[str], now: datetime) -> Commitment | None:
    """Return the occurrence after the last one, which is due or settled; None when none follows, or not yet.

    One that was given up before anybody was told of it has no successor. People count from the promised date, so that
    a later date of one occurrence does not move those to come.
    """
    if last.every is None or not _turn_is_over(last, now):
        return None
    number, due = last.number + 1, later(last.due_at, last.every, last.zone)
    if number > (last.at_most or number) or (last.until and due > last.until):
        return None
    steps = tuple(_again(step, last) for step in last.steps)
    changes = {
        "id": free_id(last.series, number, taken),
        "number": number,
        "due_at": due,
        "steps": steps,
        "added_at": None if last.made_in else now,
    }
    return last.model_copy(update={**FRESH, **changes})


def _turn_is_over(last: Commitment, now: datetime) -> bool:
    known = bool(last.made_in) or last.state is CommitmentState.KEPT
    return known and (last.state is not CommitmentState.OPEN or last.due_at <= now)


def _again(step: CommitmentStep, last: Commitment) -> CommitmentStep:
    every = last.every or timedelta()
    return CommitmentStep(what=step.what, owner=step.owner, due_at=later(step.due_at, every, last.zone))


def later(moment: datetime, every: timedelta, zone: str) -> datetime:
    """Return the time that is later by the span on the clocks of the time zone: summer time moves no day's end."""
    there = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) + every
    return to_utc(there.replace(tzinfo=ZoneInfo(zone)))


def free_id(series: str, number: int, taken: Collection[str]) -> str:
    """Return the id of an occurrence, such as training-2, with a letter behind when another commitment has that id."""
    wanted = f"{series}-{number}"
    return next(one for one in (wanted, *(f"{wanted}{letter}" for letter in "bcdefghij")) if one not in taken)
