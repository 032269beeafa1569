"""Alerts are news for a day, each is told from every other, and what holds everything back is said each day."""

from datetime import timedelta

from amends.domain.alert.leads import MOST, lead_alerts, text
from amends.domain.case.case import ALERT, ALERT_LETTERS, DESTROYED
from tests.builders import NOW, a_case

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HELD = a_case(events={f"{ALERT}update 1 is held": NOW, "assessed": NOW})


def test_only_alerts_are_told_and_for_a_day() -> None:
    assert [one.what for one in lead_alerts(HELD, NOW + DAY - HOUR, doubts=True)] == ["update 1 is held"]
    assert lead_alerts(HELD, NOW + DAY, doubts=True) == ()


def test_two_long_alerts_that_begin_alike_are_two() -> None:
    begins = f"{ALERT}{'x' * ALERT_LETTERS}"
    case = a_case(events={f"{begins} {'0' * 64}": NOW, f"{begins} {'1' * 64}": NOW + HOUR})
    told = lead_alerts(case, NOW + HOUR, doubts=True)
    assert (len({one.key for one in told}), {one.what for one in told}) == (2, {f"{'x' * ALERT_LETTERS}…"})


def test_what_holds_everything_back_is_said_once_a_day_as_long_as_it_does() -> None:
    case = a_case(clock_doubt="it jumped by 3 h", ledger_doubt="it is an older copy")
    first, soon, tomorrow = (
        {one.key for one in lead_alerts(case, NOW + after, doubts=True)} for after in (0 * HOUR, HOUR, DAY)
    )
    assert (len(first), soon, len(first | tomorrow)) == (2, first, 4)
    assert [one.what for one in lead_alerts(case, NOW, doubts=True)] == [
        "nothing falls due and nothing leaves: it jumped by 3 h",
        "nothing is sent: it is an older copy",
    ]
    assert lead_alerts(case, NOW, doubts=False) == ()


def test_of_an_incident_that_was_destroyed_nothing_is_told() -> None:
    gone = a_case(events={f"{ALERT}update 1 is held": NOW, DESTROYED: NOW}, ledger_doubt="it is an older copy")
    assert lead_alerts(gone, NOW, doubts=True) == ()


def test_it_says_when_on_both_clocks_and_where_to_look() -> None:
    assert text("big-leak", lead_alerts(HELD, NOW, doubts=True), "Asia/Shanghai") == (
        "Incident big-leak:\n"
        "2026-11-24 09:00 UTC (17:00 on Tue 24 Nov in Asia/Shanghai): update 1 is held\n"
        "How it stands: amends timeline big-leak"
    )


def test_of_very_many_the_last_are_told_in_full_and_the_others_counted() -> None:
    many = a_case(events={f"{ALERT}trouble {n:03}": NOW + timedelta(seconds=n) for n in range(300)})
    _, more, *told, _ = text("big-leak", lead_alerts(many, NOW + HOUR, doubts=True), "UTC").splitlines()
    assert more == f"… and {300 - MOST} before: amends incident timeline big-leak"
    assert [line.rpartition(" ")[2] for line in told] == [f"{n:03}" for n in range(300 - MOST, 300)]
