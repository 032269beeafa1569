"""Alerts come to leads who can be reached, once, and what holds everything back each day."""

from datetime import timedelta

from amends.domain.case import ALERT
from amends.domain.lead_alerts import lead_alerts, text
from amends.domain.team import Member, TeamRole
from tests.builders import NOW, a_case

TEAM = (
    Member(name="mei", role=TeamRole.LEAD, can_be_reached=True),
    Member(name="ana", role=TeamRole.LEAD),
    Member(name="leo", role=TeamRole.LEAD, can_be_reached=True, active=False),
    Member(name="omar", role=TeamRole.LEGAL, can_be_reached=True),
)
HELD = a_case(events={f"{ALERT}update 1 is held": NOW, "assessed": NOW})


def test_only_leads_of_the_team_who_can_be_reached_are_told_and_only_of_alerts() -> None:
    assert [(one.to, one.what) for one in lead_alerts(HELD, TEAM, NOW)] == [("mei", "update 1 is held")]


def test_what_holds_everything_back_is_said_once_a_day_as_long_as_it_does() -> None:
    case = a_case(clock_doubt="it jumped by 3 h", ledger_doubt="it is an older copy")
    first, soon, tomorrow = (
        {one.key for one in lead_alerts(case, TEAM, NOW + timedelta(hours=hours))} for hours in (0, 1, 24)
    )
    assert (len(first), soon, len(first | tomorrow)) == (2, first, 4)
    assert [one.what for one in lead_alerts(case, TEAM, NOW)] == [
        "nothing falls due and nothing leaves: it jumped by 3 h",
        "nothing is sent: it is an older copy",
    ]


def test_it_says_when_on_both_clocks_and_where_to_look() -> None:
    (alert,) = lead_alerts(HELD, TEAM, NOW)
    assert text(alert, "Asia/Shanghai") == (
        f"Incident {HELD.incident.id}, 2026-11-24 09:00 UTC (17:00 on Tue 24 Nov in Asia/Shanghai): update 1 is held\n"
        f"How it stands: amends timeline {HELD.incident.id}"
    )
