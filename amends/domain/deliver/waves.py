"""Where the waves of a notice stand when a new version of it is released."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from amends.domain.playbook.playbook import Waves


class ReleasedVersion(NamedTuple):
    """A version of a notice that was released."""

    at: datetime
    people: int
    """Up to which person of the list it has a message for everybody."""
    waves: Waves | None
    """None when it left all at once."""


def go_on(versions: Sequence[ReleasedVersion]) -> tuple[datetime, int]:
    """When the waves of the last of these begin, and behind which person: where those of the one before end.

    Who is found late is the first of those that come now, and the pause after those before them is kept.
    """
    since, after = versions[0].at, 0
    for earlier, later in pairwise(versions):
        if earlier.waves:
            begun = min(earlier.waves.people(since, later.at, after), earlier.people)
            since, after = max(later.at, earlier.waves.begins(begun + 1, since, after)), begun
        else:
            since, after = later.at, earlier.people
    return since, after
