"""The public holidays that a playbook's business days leave out."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from amends.content.file.codes import Code
from amends.content.law.holidays import SATURDAY, works_on
from amends.domain.base.errors import Finding
from amends.domain.incident.incident import Incident
from amends.domain.playbook.playbook import Playbook

YEARS_BEFORE, YEARS_AHEAD = 1, 2
DAY = timedelta(days=1)


def with_days_off(playbook: Playbook, incident: Incident, opened_at: datetime) -> Playbook:
    """Return the playbook with the public holidays of the country in which the organisation has its seat.

    The holidays cover the years from one before to two after the opening of the incident, so that the same file gives
    the same content on any day. A playbook that lists its own, or that counts no business days, stays as it is.
    """
    country = incident.organisation.established_in
    if not _needs_days_off(playbook) or country is None:
        return playbook
    return playbook.model_copy(update={"days_off": tuple(_days_off(country, opened_at.year))})


def unknown_days_off(playbook: Playbook, incident: Incident, where: str, opened_at: datetime) -> Iterator[Finding]:
    """Yield a finding, as advice, when no holidays are known, so that business days leave out only weekends."""
    country = incident.organisation.established_in
    if not _needs_days_off(playbook):
        return
    if country is None:
        what = "business days are counted without holidays: the incident says no organisation.established_in"
        yield Finding(where, Code.NO_HOLIDAYS, what, "add it there, or list days_off in the playbook", blocks=False)
    elif not any(_days_off(country, opened_at.year)):
        what = f"business days are counted without holidays: those of {country} are not known"
        yield Finding(where, Code.NO_HOLIDAYS, what, "list days_off in the playbook", blocks=False)


def _needs_days_off(playbook: Playbook) -> bool:
    return playbook.uses_business_days and not playbook.days_off


def _days_off(country: str, year: int) -> Iterator[date]:
    day, last = date(year - YEARS_BEFORE, 1, 1), date(year + YEARS_AHEAD, 12, 31)
    while day <= last:
        if day.weekday() < SATURDAY and not works_on(country, day):
            yield day
        day += DAY
