"""The contacts of a case: whom its notices told when, its own curve, and the forecast beside what was seen."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from amends.domain.case.views.timeline import TimelineView
from amends.domain.feedback.load.load import Curve, ForecastDay, ToldWave, forecast, own_curve
from amends.domain.notice.notice import SENT_STATES, NoticeStatus, PersonState
from amends.domain.playbook.playbook import Waves

SHOWN_BACK, SHOWN_AHEAD = timedelta(days=7), timedelta(days=6)
"""The days that a timeline shows before and after today."""
LONGEST_CURVE = timedelta(days=400)
"""The time for which contacts are forecast and compared; a case that lasts longer has no wave left to send."""


def waves_told(case: TimelineView) -> tuple[ToldWave, ...]:
    """Return the waves of all notices by which people were told, the first one first.

    A notice without waves counts at the time of its first release, with the people to whom a message was sent.
    """
    return tuple(sorted(wave for notice in case.notices for wave in _told_by(case, notice)))


def waves_to_come(case: TimelineView, now: datetime) -> tuple[ToldWave, ...]:
    """Return the waves of released notices that have not begun; one that is late begins now."""
    return tuple(sorted(wave for notice in case.notices for wave in _to_come(case, notice, now)))


def people_of_first_notices(case: TimelineView) -> int:
    """Return the number of people to whom released first notices are sent, those of later waves included."""
    first = (notice for notice in case.notices if notice.releases and case.tells_first(notice))
    return sum(sum(notice.people.values()) for notice in first)


def curve_of(case: TimelineView, now: datetime) -> Curve:
    """Return the case's own curve once it has enough contacts, else the defaults."""
    return own_curve(waves_told(case), case.contacts, _zone(case), now) or Curve()


def contacts_forecast(case: TimelineView, now: datetime, ahead: timedelta = SHOWN_AHEAD) -> tuple[ForecastDay, ...]:
    """Return the days from the first notice on with contacts seen and forecast; empty before anybody was told."""
    waves = tuple(wave for wave in (*waves_told(case), *waves_to_come(case, now)) if wave.at > now - LONGEST_CURVE)
    return forecast(curve_of(case, now), waves, case.contacts, _zone(case), now, now + ahead)


def contacts_shown(case: TimelineView, now: datetime) -> tuple[ForecastDay, ...]:
    """Return the days of the forecast that a timeline shows: a week back, and six days ahead.

    Empty while nobody contacted us and no day is expected to bring one contact.
    """
    first = (now - SHOWN_BACK).astimezone(case.calendar.zone).date()
    days = contacts_forecast(case, now)
    worth_it = case.contacts or any(day.expected >= 1 for day in days)
    return tuple(day for day in days if day.day >= first) if worth_it else ()


def _zone(case: TimelineView) -> str:
    return case.incident.organisation.timezone


def _told_by(case: TimelineView, notice: NoticeStatus) -> Iterator[ToldWave]:
    """Yield the waves of the notice by which people were told."""
    left, waves = _sent(notice), _waves(case, notice)
    at = notice.releases[0].at if notice.releases else None
    while left and at:
        people = min(left, waves.size) if waves else left
        yield ToldWave(at, people)
        left, at = left - people, at + waves.pause if waves else None


def _to_come(case: TimelineView, notice: NoticeStatus, now: datetime) -> Iterator[ToldWave]:
    """Yield the waves of the notice that have not begun."""
    waves, left = _waves(case, notice), notice.people.get(PersonState.WAITING, 0)
    at = max(notice.next_try_at, now) if notice.next_try_at else None
    while waves and left and at and notice.more_waves:
        yield ToldWave(at, min(left, waves.size))
        left, at = max(left - waves.size, 0), at + waves.pause


def _sent(notice: NoticeStatus) -> int:
    return sum(notice.people.get(state, 0) for state in SENT_STATES)


def _waves(case: TimelineView, notice: NoticeStatus) -> Waves | None:
    steps = case.playbook.steps if case.playbook else ()
    return next((step.waves for step in steps if step.id == notice.step), None)
