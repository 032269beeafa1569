"""Alerts are news for a day, each is told from every other, and what holds everything back is said each day."""

from datetime import timedelta

from amends.domain.alert.leads import MOST, lead_alerts, text
from amends.domain.incident.event_kind import DESTROYED
from tests.builders import NOW, a_case, an_alert

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ALERTS = (an_alert("update 1 is held", NOW),)
HELD = a_case(alerts=ALERTS, events={"assessed": NOW})


def test_only_alerts_are_told_and_for_a_day() -> None:
    assert [lead_alert.what for lead_alert in lead_alerts(HELD, NOW + DAY - HOUR, doubts=True)] == ["update 1 is held"]
    assert lead_alerts(HELD, NOW + DAY, doubts=True) == ()


def test_a_doubt_that_stops_everything_is_told_once_a_day() -> None:
    """A doubt about the clock or the ledger, which stops all sending, is told to the leads once a day as long as it
    lasts. It is not told when doubts are not asked for.
    """
    case = a_case(clock_doubt="it jumped by 3 h", ledger_doubt="it is an older copy")
    first, soon, tomorrow = (
        {lead_alert.id for lead_alert in lead_alerts(case, NOW + after, doubts=True)} for after in (0 * HOUR, HOUR, DAY)
    )
    assert (len(first), soon, len(first | tomorrow)) == (2, first, 4)
    assert [lead_alert.what for lead_alert in lead_alerts(case, NOW, doubts=True)] == [
        "nothing falls due and nothing leaves: it jumped by 3 h",
        "nothing is sent: it is an older copy",
    ]
    assert lead_alerts(case, NOW, doubts=False) == ()


def test_of_an_incident_that_was_destroyed_nothing_is_told() -> None:
    gone = a_case(alerts=ALERTS, events={DESTROYED: NOW}, ledger_doubt="it is an older copy")
    assert lead_alerts(gone, NOW, doubts=True) == ()


def test_it_says_when_on_both_clocks_and_where_to_look() -> None:
    assert text("big-leak", lead_alerts(HELD, NOW, doubts=True), "Asia/Shanghai") == (
        "Incident big-leak:\n"
        "2026-11-24 09:00 UTC (17:00 on Tue 24 Nov in Asia/Shanghai): update 1 is held\n"
        "How it stands: amends timeline big-leak"
    )


def test_of_very_many_alerts_the_last_are_told_and_the_rest_counted() -> None:
    """Of very many alerts only the last ones are told in full.

    The earlier ones are counted, and the command that lists them is named.
    """
    many = a_case(alerts=tuple(an_alert(f"trouble {n:03}", NOW + timedelta(seconds=n)) for n in range(300)))
    _, more, *told, _ = text("big-leak", lead_alerts(many, NOW + HOUR, doubts=True), "UTC").splitlines()
    assert more == f"… and {300 - MOST} before: amends incident timeline big-leak"
    assert [line.rpartition(" ")[2] for line in told] == [f"{n:03}" for n in range(300 - MOST, 300)]
