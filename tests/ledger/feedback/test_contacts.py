"""Contacts are counted by day where the organisation is, by every way, in one query."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from amends.domain.feedback.question import QuestionSource
from amends.ledger import Ledger
from amends.ledger.feedback.contacts import contact_days
from amends.ledger.store.cache import Memory
from amends.ledger.tables.feedback import QuestionRow
from tests.builders import NOW, an_asked, an_incident
from tests.delivery.sending import INCIDENT

MANY = 3_000
SHANGHAI = "Asia/Shanghai"
BERLIN = "Europe/Berlin"


@pytest.fixture
def opened(ledger: Ledger) -> Ledger:
    ledger.incidents.open(an_incident(), [], "lena", NOW)
    return ledger


def ask(ledger: Ledger, at: datetime, source: QuestionSource = QuestionSource.PORTAL) -> None:
    asked = an_asked(person=None, at=at, source=source, once=f"{at}{source}")
    ledger.questions.ask(INCIDENT, asked, NOW)


def counted(ledger: Ledger, zone: str) -> dict[date, dict[QuestionSource, int]]:
    with ledger.store.read() as session:
        return {
            contact_day.day: contact_day.by_source for contact_day in contact_days(session, Memory(), INCIDENT, zone)
        }


def test_a_day_ends_at_midnight_where_the_organisation_is(opened: Ledger) -> None:
    ask(opened, datetime(2026, 11, 20, 15, 59, 59, tzinfo=UTC))
    ask(opened, datetime(2026, 11, 20, 16, 0, tzinfo=UTC), QuestionSource.HOTLINE)
    portal, hotline = {QuestionSource.PORTAL: 1}, {QuestionSource.HOTLINE: 1}
    assert counted(opened, SHANGHAI) == {date(2026, 11, 20): portal, date(2026, 11, 21): hotline}
    assert counted(opened, "UTC") == {date(2026, 11, 20): portal | hotline}


def test_the_day_of_25_hours_is_one_day(opened: Ledger) -> None:
    for hour in (22, 23):  # on 24 and 25 October, the day on which clocks in Berlin go back
        ask(opened, datetime(2026, 10, 24, hour, tzinfo=UTC))
        ask(opened, datetime(2026, 10, 25, hour, tzinfo=UTC))
    assert {day: sum(sources.values()) for day, sources in counted(opened, BERLIN).items()} == {
        date(2026, 10, 25): 3,
        date(2026, 10, 26): 1,
    }


def test_nobody_asked_nothing_is_counted(opened: Ledger) -> None:
    assert counted(opened, SHANGHAI) == {}


def test_the_case_counts_again_once_somebody_asks(opened: Ledger) -> None:
    ask(opened, NOW)
    assert [contact.contacts for contact in opened.views.timeline(INCIDENT, NOW).contacts] == [1]
    ask(opened, NOW + timedelta(seconds=1))
    assert [contact.contacts for contact in opened.views.timeline(INCIDENT, NOW).contacts] == [2]


def test_a_date_typed_wrong_does_not_count_centuries(opened: Ledger) -> None:
    ask(opened, datetime(1971, 1, 1, tzinfo=UTC))
    ask(opened, NOW)
    assert sum(len(sources) for sources in counted(opened, SHANGHAI).values()) == 1


def test_many_questions_are_counted_each_once(ledger_on_sqlite: Ledger) -> None:
    ledger_on_sqlite.incidents.open(an_incident(), [], "lena", NOW)
    with ledger_on_sqlite.store.engine.begin() as connection:
        connection.execute(insert(QuestionRow), [_row(number) for number in range(1, MANY + 1)])
    with ledger_on_sqlite.store.read() as session:
        days = contact_days(session, Memory(), INCIDENT, SHANGHAI)
    assert sum(day.contacts for day in days) == MANY


def _row(number: int) -> dict[str, Any]:
    at = NOW + timedelta(minutes=number)
    sources = list(QuestionSource)
    return {
        "incident": INCIDENT,
        "id": number,
        "once": str(number),
        "person": number,
        "kind": "question",
        "source": sources[number % len(sources)].value,
        "locale": "en",
        "sealed_text": b"x" * 300,
        "topic": "other",
        "asked_at": at,
        "reply_due_at": at,
        "owner": "support",
        "answered_by": "",
        "seal": b"",
    }
