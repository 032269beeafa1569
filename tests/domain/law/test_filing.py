"""What was filed starts clocks, is early or late, and may have come in the wrong order."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from amends.domain.base.text import in_time, length
from amends.domain.case.case import Case
from amends.domain.case.filings import as_known, facts_known, out_of_order, recorded_events, status, statuses
from amends.domain.law.duty import Addressee, DutyStanding
from amends.domain.law.filing import Filing, Part, standing_filings
from tests.builders import AWARE, NOW, a_case, a_duty, an_assessment

HOUR = timedelta(hours=1)
AUTHORITY = a_duty(sets="pdpc_notified")
PEOPLE = a_duty(id="eu-gdpr-34.data_subjects", addressee=Addressee.PEOPLE, due_at=None)


def a_filing(**changes: Any) -> Filing:
    """The authority, filed and recorded when the incident was opened."""
    given = {"number": 1, "duty": AUTHORITY.id, "filed_at": NOW, "by": "lena", "receipt": "DPA-17", "recorded_at": NOW}
    return Filing.model_validate(given | changes)


def owing(*filings: Filing, duties: tuple[Any, ...] = (AUTHORITY, PEOPLE), **changes: Any) -> Case:
    return a_case(assessment=an_assessment(duties=duties), filings=filings, **changes)


def told(at: datetime, *filings: Filing, **changes: Any) -> Case:
    return owing(*filings, events={"opened": NOW, "notified": at}, **changes)


def test_before_anything_was_done_the_ledger_knows_no_clock_event() -> None:
    assert recorded_events(owing()) == {}


def test_a_case_without_an_assessment_has_no_clock_events_of_filings() -> None:
    assert recorded_events(a_case(filings=(a_filing(),))) == {}


def test_telling_people_is_the_event_that_laws_wait_for() -> None:
    assert recorded_events(told(NOW + HOUR)) == {"individuals_notified": NOW + HOUR}


def test_a_filing_starts_the_clock_of_what_waits_for_it() -> None:
    assert recorded_events(owing(a_filing())) == {"pdpc_notified": NOW}


def test_only_the_first_filing_starts_the_clock() -> None:
    later = a_filing(number=1, filed_at=NOW + HOUR)
    first = a_filing(number=2, filed_at=NOW)
    assert recorded_events(owing(later, first)) == {"pdpc_notified": NOW}


def test_a_filing_that_was_recorded_wrongly_starts_nothing() -> None:
    wrong, right = a_filing(), a_filing(number=2, filed_at=NOW + HOUR, corrects=1)
    assert standing_filings((wrong, right)) == (right,)
    assert recorded_events(owing(wrong, right)) == {"pdpc_notified": NOW + HOUR}


def test_the_incident_as_known_has_events_of_file_and_ledger() -> None:
    """The incident as known has the events that its file names and the events that the ledger has recorded."""
    events = as_known(told(NOW + HOUR, a_filing())).times.events
    assert (events["aware"], events["individuals_notified"], events["pdpc_notified"]) == (AWARE, NOW + HOUR, NOW)


def test_of_an_event_in_file_and_ledger_the_earlier_one_counts() -> None:
    """When the incident's file and the ledger both name an event, the earlier time counts."""
    case = owing(a_filing())
    for hours, counts in ((-5, NOW - 5 * HOUR), (5, NOW)):
        events = {"pdpc_notified": NOW + hours * HOUR}
        times = case.incident.times.model_copy(update={"events": events})
        said = case.model_copy(update={"incident": case.incident.model_copy(update={"times": times})})
        assert as_known(said).times.events == {"pdpc_notified": counts}


def test_facts_known_grow_with_each_clock_event_and_never_shrink() -> None:
    """The number of facts known grows with each thing that starts a clock: a filing, the correction of a filing,
    telling the people. It never shrinks.
    """
    wrong = a_filing()
    steps = [owing(), owing(wrong), owing(wrong, a_filing(number=2, corrects=1)), told(NOW, wrong, a_filing(number=2))]
    assert [facts_known(case) for case in steps] == [1, 2, 3, 4]


def test_each_filing_counts_whatever_the_assessment_says_of_its_duty() -> None:
    """Each filing counts as a known fact, whatever the latest assessment says of its duty."""
    assert facts_known(owing(a_filing(), duties=(a_duty(),))) == facts_known(owing(a_filing(), duties=())) == 2


def test_a_filing_keeps_the_clock_it_started_when_its_duty_falls_away() -> None:
    """When a duty falls away, the clock that its filing started stays with the filing."""
    assert recorded_events(owing(a_filing(sets="pdpc_notified"), duties=())) == {"pdpc_notified": NOW}


@pytest.mark.parametrize(("filed_at", "early"), [(AWARE, 72), (AWARE + 75 * HOUR, -3)])
def test_a_duty_is_early_or_late_by_its_first_filing(filed_at: datetime, early: int) -> None:
    case = owing(a_filing(filed_at=filed_at), a_filing(number=2, filed_at=AWARE + 90 * HOUR, part=Part.FINAL))
    found = status(case, AUTHORITY, NOW)
    assert (found.done_at, found.early_by, found.overdue) == (filed_at, early * HOUR, False)
    assert [filing.number for filing in found.filings] == [1, 2]


def test_a_duty_is_overdue_once_its_time_has_come_with_no_filing() -> None:
    """A duty is overdue once its time has come and no filing is recorded, and not before."""
    due_at = AWARE + 72 * HOUR
    assert [status(owing(), AUTHORITY, due_at + n * HOUR).overdue for n in (-1, 1)] == [False, True]


def test_an_exempt_duty_is_never_overdue() -> None:
    duty = a_duty(standing=DutyStanding.EXEMPT)
    assert not status(owing(duties=(duty,)), duty, AWARE + 100 * HOUR).overdue


def test_a_duty_to_people_is_done_when_they_are_told() -> None:
    assert [one.done_at for one in statuses(told(NOW), NOW)] == [None, NOW]


ORDERED = (a_duty(before=(PEOPLE.id,)), PEOPLE)


def test_people_who_were_told_before_the_authority_are_out_of_order() -> None:
    (line,) = out_of_order(told(NOW, duties=ORDERED), ORDERED[0], NOW + 2 * HOUR)
    assert line == f"{AUTHORITY.id} must come before {PEOPLE.id}, which was done 2 h earlier"


def test_an_authority_that_comes_first_is_in_order() -> None:
    assert out_of_order(told(NOW + HOUR, duties=ORDERED), ORDERED[0], NOW) == ()


def test_telling_people_before_the_authority_knows_is_out_of_order() -> None:
    (line,) = out_of_order(owing(duties=ORDERED), PEOPLE, NOW)
    assert "nothing is recorded for it" in line
    (line,) = out_of_order(owing(a_filing(filed_at=NOW + HOUR), duties=ORDERED), PEOPLE, NOW)
    assert "was done 1 h later" in line
    assert out_of_order(owing(a_filing(filed_at=NOW - HOUR), duties=ORDERED), PEOPLE, NOW) == ()


def test_what_is_exempt_holds_up_nobody() -> None:
    exempt = ORDERED[0].model_copy(update={"standing": DutyStanding.EXEMPT})
    assert out_of_order(owing(duties=(exempt, PEOPLE)), PEOPLE, NOW) == ()


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(days=2, hours=3, minutes=5), "2 d 3 h"),
        (timedelta(minutes=40), "40 min"),
        (timedelta(hours=1, seconds=59), "1 h"),
        (timedelta(seconds=30), "less than a minute"),
    ],
)
def test_a_length_is_told_in_its_two_largest_units(span: timedelta, words: str) -> None:
    assert length(span) == words


def test_early_and_late_are_said_in_words() -> None:
    assert (in_time(HOUR), in_time(-HOUR)) == ("1 h early", "1 h late")


def test_a_filing_has_a_zone() -> None:
    with pytest.raises(ValueError, match="timezone"):
        a_filing(filed_at=datetime(2026, 11, 24, 9, 0))  # noqa: DTZ001
    assert a_filing(filed_at=NOW).filed_at.tzinfo is UTC
