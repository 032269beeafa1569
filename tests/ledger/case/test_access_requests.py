"""A request for one's data has a date, and ends with a dossier for two weeks or with a reason in words."""

from datetime import UTC, datetime, timedelta

import pytest

from amends.domain.base.errors import NotAllowed
from amends.domain.people.access_request import OFFERED_FOR, one_month_after
from amends.domain.people.report import NewReport, PageReportKind
from amends.domain.team.member import Member, TeamRole
from amends.ledger import Ledger
from tests.builders import NOW, a_person, an_incident
from tests.delivery.sending import INCIDENT

OMAR = Member(name="omar", role=TeamRole.LEGAL)
LATER = NOW + timedelta(days=3)
FILE = "<p>All that we have told Ada</p>"


@pytest.fixture
def opened(ledger_on_sqlite: Ledger) -> Ledger:
    ledger_on_sqlite.incidents.open(an_incident(), [a_person(number=1), a_person(number=2)], "lena", NOW)
    return ledger_on_sqlite


def ask(ledger: Ledger, person: int = 1, once: str = "a") -> int:
    return ledger.requests.add(INCIDENT, person, "en", once, NOW)


@pytest.mark.parametrize(
    ("asked", "due"), [("2026-11-24", "2026-12-24"), ("2027-01-31", "2027-02-28"), ("2026-12-15", "2027-01-15")]
)
def test_a_request_is_due_after_a_calendar_month(asked: str, due: str) -> None:
    at, until = (datetime.fromisoformat(f"{day}T10:00").replace(tzinfo=UTC) for day in (asked, due))
    assert one_month_after(at) == until


def test_a_request_is_a_task_with_its_date_until_it_is_decided(opened: Ledger) -> None:
    number = ask(opened)
    counted = opened.views.closing(INCIDENT, one_month_after(NOW) + timedelta(days=1)).requests
    assert (counted.open, counted.overdue, counted.due_at) == (1, 1, one_month_after(NOW))
    opened.requests.approve(INCIDENT, number, FILE, OMAR, LATER)
    assert opened.views.closing(INCIDENT, LATER).requests.open == 0


def test_an_approved_dossier_is_offered_for_two_weeks_to_its_person(opened: Ledger) -> None:
    number = ask(opened)
    assert opened.requests.offered(INCIDENT, 1, LATER) == ""
    until = opened.requests.approve(INCIDENT, number, FILE, OMAR, LATER)
    assert until == LATER + OFFERED_FOR
    assert opened.requests.offered(INCIDENT, 1, until - timedelta(minutes=1)) == FILE
    assert (opened.requests.offered(INCIDENT, 2, LATER), opened.requests.offered(INCIDENT, 1, until)) == ("", "")


def test_a_dossier_that_is_offered_no_more_is_deleted(opened: Ledger) -> None:
    until = opened.requests.approve(INCIDENT, ask(opened), FILE, OMAR, LATER)
    assert (opened.requests.clear(INCIDENT, LATER), opened.requests.clear(INCIDENT, until)) == (0, 1)
    assert opened.requests.offered(INCIDENT, 1, LATER) == ""
    assert not opened.audit.verify()


def test_a_refusal_has_a_reason_in_words(opened: Ledger) -> None:
    number = ask(opened)
    with pytest.raises(NotAllowed, match="needs a reason"):
        opened.requests.refuse(INCIDENT, number, "", OMAR, LATER)
    opened.requests.refuse(INCIDENT, number, "We could not make sure that it is you.", OMAR, LATER)
    assert opened.requests.get(INCIDENT, number).words == "We could not make sure that it is you."
    with pytest.raises(NotAllowed, match="refused already"):
        opened.requests.approve(INCIDENT, number, FILE, OMAR, LATER)


def test_nothing_is_handed_out_while_the_reader_may_be_another(opened: Ledger) -> None:
    number = ask(opened)
    opened.reports.add(INCIDENT, NewReport(1, PageReportKind.WRONG_PERSON, "en", "b"), NOW)
    with pytest.raises(NotAllowed, match="somebody else's"):
        opened.requests.approve(INCIDENT, number, FILE, OMAR, LATER)


def test_who_may_not_approve_hands_no_dossier_out(opened: Ledger) -> None:
    with pytest.raises(NotAllowed, match="may not hand out"):
        opened.requests.approve(INCIDENT, ask(opened), FILE, Member(name="eve", role=TeamRole.AUDITOR), LATER)


def test_a_second_request_while_one_is_open_is_the_same(opened: Ledger) -> None:
    assert ask(opened) == ask(opened) == ask(opened, once="b")
    assert ask(opened, person=2, once="c") == 2
