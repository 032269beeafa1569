"""The command `amends load`: how many people will contact us, the staff that needs, and the waves that a team takes."""

import re
from datetime import timedelta
from typing import Annotated

import typer

from amends.cli.terminal.clock import now
from amends.cli.terminal.desk import Desk
from amends.cli.terminal.text import fitted
from amends.domain.base.value import Span
from amends.domain.case.contacts import contacts_forecast, contacts_shown, curve_of, people_of_first_notices
from amends.domain.feedback.load.load import Curve, by_source, phone_share
from amends.domain.feedback.load.outlook import Outlook, as_yaml, in_words, outlook
from amends.domain.feedback.load.staffing import TeamOnDuty
from amends.domain.timeline.text import CONTACT_HEAD, contact_rows

MOST_TOLD = 1_000_000_000
BARE_MINUTES = re.compile(r"\d+m")
"""Minutes as people say them: 6m, which a playbook writes as 6min."""
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(hours=8)
DAY = timedelta(days=1)


def handling_time(said: str) -> timedelta:
    """Return the length of a call, from a minute to eight hours. Raises BadParameter."""
    try:
        span = Span.parse(f"{said}in" if BARE_MINUTES.fullmatch(said) else said)
    except ValueError:
        span = Span(0)
    if not SHORTEST <= span <= LONGEST:
        raise typer.BadParameter("write the length of a call with its notes, from 1m to 8h: 6m")
    return timedelta(seconds=span.total_seconds())


def load(
    ctx: typer.Context,
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="The incident's id.")] = "",
    people: Annotated[
        int | None, typer.Option(metavar="N", min=0, max=MOST_TOLD, help="People to be told; else all not told yet.")
    ] = None,
    agents: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=10_000, help="People at work at the same time.")
    ] = None,
    answers_a_day: Annotated[
        int, typer.Option(metavar="N", min=1, max=10_000, help="Written answers of one person in a day.")
    ] = 60,
    handling: Annotated[
        timedelta, typer.Option(metavar="SPAN", parser=handling_time, help="The mean length of a call with its notes.")
    ] = "8m",  # type: ignore[assignment]  # Typer parses it
    hours: Annotated[
        float, typer.Option(metavar="N", min=0.5, max=24, help="Hours a day in which the telephone is answered.")
    ] = 8,
    share: Annotated[
        float | None,
        typer.Option(metavar="PERCENT", min=0.01, max=100, help="Of 100 people told, how many contact you in all."),
    ] = None,
    phone: Annotated[
        float | None, typer.Option(metavar="PERCENT", min=0, max=100, help="Of 100 contacts, how many are calls.")
    ] = None,
) -> None:
    """Say how many people will contact you, and in which waves to send for your team.

    With an incident the forecast learns from its own contacts; before one is open, say `--people`.
    """
    if not incident and people is None:
        raise typer.BadParameter("name an incident, or say how many are to be told: --people 100000")
    desk: Desk = ctx.obj
    team = TeamOnDuty(agents=agents or 1, answers_a_day=answers_a_day, handling=handling, hours=hours)
    found = _outlook(desk, incident, people, team, share, phone, named=agents is not None)
    desk.show(found, _page(found))
    _say_next(desk, incident, found)


def _outlook(
    desk: Desk,
    incident: str,
    people: int | None,
    team: TeamOnDuty,
    share: float | None,
    phone: float | None,
    *,
    named: bool,
) -> Outlook:
    calls = None if phone is None else phone / 100
    if not incident:
        return outlook(people or 0, _curve(Curve(), share), calls, team, named=named)
    at = now()
    case = desk.ledger.views.timeline(incident, at)
    left = max(case.audience.people - people_of_first_notices(case), 0) if people is None else people
    days, tomorrow = contacts_forecast(case, at), (at + DAY).astimezone(case.calendar.zone).date()
    return outlook(
        left,
        _curve(curve_of(case, at), share),
        phone_share(case.contacts) if calls is None else calls,
        team,
        named=named,
        days=contacts_shown(case, at),
        seen=by_source(case.contacts),
        tomorrow=next((day for day in days if day.day == tomorrow), None),
    )


def _curve(curve: Curve, share: float | None) -> Curve:
    """Return the curve, or the defaults with the share of people that somebody named."""
    return curve if share is None else Curve(rate=share / 100)


def _page(found: Outlook) -> str:
    parts = [in_words(found)]
    if found.waves and found.waves.waves > 1:
        parts.append(f"For the step of the playbook that tells them:\n    {as_yaml(found.waves)}")
    if found.days:
        parts.append(fitted(CONTACT_HEAD, contact_rows(found.days)))
    return "\n\n".join(parts)


def _say_next(desk: Desk, incident: str, found: Outlook) -> None:
    if found.waves and found.waves.waves > 1:
        where = f"`amends duty list {incident}`" if incident else "`amends duty list INCIDENT`, once it is open,"
        desk.hint(f"the law may leave less time than the last wave takes: {where} says by when people must be told")
    elif found.capacity is None:
        desk.hint("--agents 5 --answers-a-day 60 proposes waves for a team of five")
