"""Advice on the days that an incident file promises."""

from collections.abc import Callable, Collection
from datetime import datetime

from amends.content.file.codes import Code
from amends.content.file.reading import Trail
from amends.domain.base.errors import Finding
from amends.domain.incident.commitment import due_at
from amends.domain.incident.incident import Incident


def passed_days(
    incident: Incident, made: Collection[str], where: Callable[[Trail], str], now: datetime
) -> tuple[Finding, ...]:
    """Return advice on each promise that nobody made yet and whose day has passed; `made` holds the ids of the others.

    No notice could make such a promise.
    """
    zone, advice = incident.organisation.timezone, "promise a day that can be kept, or a span such as 30d"
    return tuple(
        Finding(where(("commitments", index, "due")), Code.IN_THE_PAST, f"{one.due} has passed", advice, blocks=False)
        for index, one in enumerate(incident.commitments)
        if one.id not in made and due_at(one.due, now, zone) <= now
    )
