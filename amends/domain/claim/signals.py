"""Signals of fraud among claims: they are shown to whoever decides, and decide nothing."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

MANY = 5
"""The number of claims within A_MINUTE from which on they are a signal."""
A_MINUTE = timedelta(minutes=1)


class Signal(StrEnum):
    """A circumstance that claims of fraud often have, and honest ones too."""

    SAME_ACCOUNT = "same_account"
    """Another person named the same account, as couples and families do."""
    SAME_DEVICE = "same_device"
    """Another person claimed from the same network address, as households and offices do."""
    MANY_AT_ONCE = "many_at_once"
    """Many claims came within a minute, as after a newsletter."""


@dataclass(frozen=True, slots=True)
class Trace:
    """The part of a claim from which signals are found: keyed hashes, from which nobody can read anything."""

    claim: int
    person: int
    account: bytes
    device: bytes
    at: datetime


def signals(traces: Iterable[Trace]) -> dict[int, tuple[Signal, ...]]:
    """Return the signals of each claim that has any."""
    ordered = sorted(traces, key=lambda trace: (trace.at, trace.claim))
    found: dict[int, list[Signal]] = defaultdict(list)
    for signal, shared in (
        (Signal.SAME_ACCOUNT, _shared({one.claim: (one.account, one.person) for one in ordered})),
        (Signal.SAME_DEVICE, _shared({one.claim: (one.device, one.person) for one in ordered})),
        (Signal.MANY_AT_ONCE, _at_once(ordered)),
    ):
        for claim in shared:
            found[claim].append(signal)
    return {claim: tuple(said) for claim, said in sorted(found.items())}


def _shared(marks: Mapping[int, tuple[bytes, int]]) -> set[int]:
    """Return the claims whose mark another person's claim has too."""
    people: dict[bytes, set[int]] = defaultdict(set)
    for mark, person in marks.values():
        people[mark].add(person)
    return {claim for claim, (mark, _) in marks.items() if mark and len(people[mark]) > 1}


def _at_once(ordered: list[Trace]) -> set[int]:
    """Return the claims that came, MANY or more, within a minute."""
    found: set[int] = set()
    first = 0
    for last, one in enumerate(ordered):
        while one.at - ordered[first].at > A_MINUTE:
            first += 1
        if last - first + 1 >= MANY:
            found.update(each.claim for each in ordered[first : last + 1])
    return found
