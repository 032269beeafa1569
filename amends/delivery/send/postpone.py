"""Why an approved message does not leave yet: it is night where the person lives, or the public would hear first."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files

from amends.domain.channel.channel import ChannelKind
from amends.domain.deliver.quiet_hours import quiet_until
from amends.domain.notice.notice import Draft
from amends.domain.playbook.playbook import Gate
from amends.ledger import Claim, Ledger

QUIET = "quiet hours"
PEOPLE_FIRST = "people are told before the public"
NEARLY_ALL = 0.95
"""Of the messages to people: when so many have left, the public may hear of it."""
LOOK_AGAIN = timedelta(minutes=5)

Postponed = tuple[str, float]
"""Why a message is postponed, and for how many seconds."""


class NotYet:
    """Decides for the messages of one notice."""

    def __init__(self, ledger: Ledger, draft: Draft, clock: Callable[[], datetime]) -> None:
        self._ledger, self._draft, self._clock = ledger, draft, clock
        self._home = ledger.cases.incident_file(draft.incident).organisation.timezone

    @property
    def decides(self) -> bool:
        """Whether there is anything to decide with this notice."""
        return self._draft.quiet_hours is not None or Gate.DIRECT_NOTICES in self._draft.waits_for

    def __call__(self, claim: Claim) -> Postponed | None:
        """Why this message waits, and how long; None when it may leave."""
        if claim.channel is ChannelKind.SOCIAL:
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
    """The person's zone, else all of their country; none when neither is known."""
    return (timezone,) if timezone else _of_countries().get(country, ())


@cache
def _of_countries() -> dict[str, tuple[str, ...]]:
    """The zones of each country, as zone.tab of the time zone database lists them."""
    found: dict[str, list[str]] = {}
    for line in files("tzdata").joinpath("zoneinfo/zone.tab").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            found.setdefault(country, []).append(zone)
    return {country: tuple(of_it) for country, of_it in found.items()}
