"""Postponed messages: approved messages that wait for the end of quiet hours, or until people are told first."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files

from amends.domain.deliver.quiet_hours import quiet_until
from amends.domain.notice.notice import Draft
from amends.domain.playbook.playbook import Gate
from amends.ledger import Claim, Ledger

QUIET = "quiet hours"
PEOPLE_FIRST = "people are told before the public"
NEARLY_ALL = 0.95
"""The share of the messages to people that must have left before the public may be told."""
LOOK_AGAIN = timedelta(minutes=5)

Postponed = tuple[str, float]
"""The reason to postpone a message, and the seconds until the next try."""


class NotYet:
    """A rule that postpones messages of one notice."""

    def __init__(self, ledger: Ledger, draft: Draft, clock: Callable[[], datetime]) -> None:
        self._ledger, self._draft, self._clock = ledger, draft, clock
        self._home = ledger.cases.incident_file(draft.incident).organisation.timezone

    @property
    def decides(self) -> bool:
        """Return True when messages of this notice may have to be postponed."""
        return self._draft.quiet_hours is not None or Gate.DIRECT_NOTICES in self._draft.waits_for

    def __call__(self, claim: Claim) -> Postponed | None:
        """Return why and for how long this message is postponed, or None when the message may leave now."""
        if claim.channel.posts:
            return self._of_public()
        return self._of_person(claim)

    def _of_public(self) -> Postponed | None:
        if Gate.DIRECT_NOTICES not in self._draft.waits_for:
            return None
        left = self._ledger.deliveries.share_left(self._draft.incident, self._draft.notice)
        return None if left >= NEARLY_ALL else (PEOPLE_FIRST, LOOK_AGAIN.total_seconds())

    def _of_person(self, claim: Claim) -> Postponed | None:
        hours, now = self._draft.quiet_hours, self._clock()
        if hours is None or claim.to is None or claim.channel not in hours.channels:
            return None
        until = quiet_until(hours, zones(claim.to.timezone, claim.to.country) or (self._home,), now)
        return (QUIET, (until - now).total_seconds()) if until else None


def zones(timezone: str, country: str) -> tuple[str, ...]:
    """Return the person's time zone, else all zones of the country; empty when neither is known."""
    return (timezone,) if timezone else _of_countries().get(country, ())


@cache
def _of_countries() -> dict[str, tuple[str, ...]]:
    """Read the time zones of each country from zone.tab of the time zone database."""
    found: dict[str, list[str]] = {}
    for line in files("tzdata").joinpath("zoneinfo/zone.tab").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            found.setdefault(country, []).append(zone)
    return {country: tuple(names) for country, names in found.items()}
