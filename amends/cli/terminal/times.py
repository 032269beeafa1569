"""Times as people type them."""

from datetime import datetime
from zoneinfo import ZoneInfo

import typer

from amends.domain.base.value import to_utc


def time_from(text: str, zone: str) -> datetime:
    """Return a typed day and hour in UTC; a time without a zone is local time of this zone. Raises BadParameter."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time such as 2026-11-24T16:20 or 2026-11-24T16:20+01:00") from None
    if len(text) <= len("2026-11-24"):
        raise typer.BadParameter(f"{text!r} has no hour; the hour makes a difference here")
    return in_utc(at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone)))


def in_utc(at: datetime) -> datetime:
    """Return a typed time in UTC. Raises BadParameter for a time that no ledger could give back, as by a typo."""
    try:
        return to_utc(at)
    except ValueError as error:
        raise typer.BadParameter(f"{at.isoformat(timespec='minutes')}: {error}; look at the year") from None
