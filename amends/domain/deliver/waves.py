"""The continuation of a notice's waves after a new version of the notice is released."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from amends.domain.playbook.playbook import Waves


class ReleasedVersion(NamedTuple):
    """A version of a notice that was released."""

    at: datetime
    people: int
    """The number in the list up to which every person has a message of this version."""
    waves: Waves | None
    """None when the version was released to all people at once."""


def go_on(versions: Sequence[ReleasedVersion]) -> tuple[datetime, int]:
    """Return when the waves of the last version begin, and the number of the person behind whom they begin.

    The waves of a version begin where the waves of the version before ended. The pause of the earlier version is kept,
    and people who were found late are the first of the new waves.
    """
    since, after = versions[0].at, 0
    for earlier, later in pairwise(versions):
        if earlier.waves:
            begun = min(earlier.waves.people(since, later.at, after), earlier.people)
            since, after = max(later.at, earlier.waves.begins(begun + 1, since, after)), begun
        else:
            since, after = later.at, earlier.people
    return since, after
